use wasmparser::{Parser, Payload, Validator};
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

use super::*;

/// Two libraries as a linker of components connects them: a module with what they share, one that
/// calls what the host makes with that memory, and one that fills the table with those functions.
const LIBRARIES: &str = r#"
(component
  (import "host" (func $host (param "text" string) (result u32)))
  (core module $shim
    (table (export "$imports") 1 1 funcref)
    (func (export "0") (param i32 i32) (result i32)
      (call_indirect (param i32 i32) (result i32) (local.get 0) (local.get 1) (i32.const 0))))
  (core module $shared
    (memory (export "memory") 1)
    (table (export "table") 4 funcref)
    (global (export "memory_base") i32 (i32.const 1024))
    (global (export "table_base") i32 (i32.const 2))
    (global (export "never_set") (mut i32) (i32.const 7))
    (global (export "counter") (mut i32) (i32.const 100))
    (func (export "later") (param i32) (result i32)
      (call_indirect (param i32) (result i32) (local.get 0) (i32.const 2)))
    (data (i32.const 1024) "hello"))
  (core module $first
    (import "env" "memory" (memory 1))
    (import "env" "memory_base" (global $base i32))
    (import "env" "later" (func $later (param i32) (result i32)))
    (import "host" "0" (func $host (param i32 i32) (result i32)))
    (import "env" "counter" (global $counter (mut i32)))
    (global $own (mut i32) (i32.const 1))
    (global (export "address") i32 (global.get $base))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 2048))
    (func (export "say") (result i32)
      (global.set $counter (i32.add (global.get $counter) (global.get $own)))
      (i32.add
        (call $host (global.get $base) (i32.const 5))
        (call $later (global.get $counter)))))
  (core module $second
    (import "env" "table" (table 4 funcref))
    (import "env" "table_base" (global $base i32))
    (import "env" "never_set" (global $never_set (mut i32)))
    (import "first" "address" (global $address i32))
    (func $add (param i32) (result i32)
      (i32.add (local.get 0) (i32.add (global.get $never_set) (global.get $address))))
    (elem (global.get $base) func $add))
  (core module $fixup
    (import "" "0" (func (param i32 i32) (result i32)))
    (import "" "$imports" (table 1 1 funcref))
    (elem (i32.const 0) func 0))
  (core instance $shim (instantiate $shim))
  (core instance $shared (instantiate $shared))
  (alias core export $shared "memory" (core memory $memory))
  (alias core export $shim "0" (core func $shim_host))
  (core instance $host_items (export "0" (func $shim_host)))
  (core instance $first (instantiate $first
    (with "env" (instance $shared)) (with "host" (instance $host_items))))
  (core instance $second (instantiate $second
    (with "env" (instance $shared)) (with "first" (instance $first))))
  (alias core export $shim "$imports" (core table $imports))
  (alias core export $first "realloc" (core func $realloc))
  (core func $lowered (canon lower (func $host) (memory $memory) (realloc $realloc)))
  (core instance $late (export "0" (func $lowered)) (export "$imports" (table $imports)))
  (core instance (instantiate $fixup (with "" (instance $late))))
  (alias core export $first "say" (core func $say))
  (func (export "say") (result u32) (canon lift (core func $say)))
)"#;

fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the text of a component")
}

/// Returns the numbers of core modules, and of global variables in all of them.
fn counts(component: &[u8]) -> (usize, u32) {
    let (mut n_modules, mut n_globals) = (0, 0);
    for payload in Parser::new(0).parse_all(component) {
        match payload.expect("a component") {
            Payload::ModuleSection { .. } => n_modules += 1,
            Payload::GlobalSection(section) => n_globals += section.count(),
            _ => {}
        }
    }
    (n_modules, n_globals)
}

/// Calls `say` twice. Returns what it said, and what it had the host say.
fn say(component: &[u8]) -> (Vec<u32>, Vec<String>) {
    let engine = Engine::default();
    let mut linker = Linker::<Vec<String>>::new(&engine);
    let host = |mut store: wasmtime::StoreContextMut<'_, Vec<String>>, (text,): (String,)| {
        let length = u32::try_from(text.len())?;
        store.data_mut().push(text);
        Ok((length,))
    };
    linker.root().func_wrap("host", host).expect("an import");
    let component = Component::new(&engine, component).expect("a component");
    let mut store = Store::new(&engine, Vec::new());
    let instance = linker.instantiate(&mut store, &component).expect("fits");
    let say = instance.get_typed_func::<(), (u32,)>(&mut store, "say");
    let say = say.expect("an export");
    let said = (0..2).map(|_| say.call(&mut store, ()).expect("an answer").0);
    let said = said.collect();
    (said, store.into_data())
}

#[test]
fn one_module_does_the_same_as_many() {
    let many = component(LIBRARIES);
    let one = link(&many).expect("can be linked");
    // 5 + (101 + 7 + 1024), and one more the second time.
    let expected = (vec![1137, 1138], vec!["hello".to_owned(); 2]);
    assert_eq!(say(&many), expected);
    assert_eq!(say(&one), expected);
    // The modules left are for what the host makes with the memory of the others; the one global
    // left is the one that is set.
    assert_eq!((counts(&many), counts(&one)), ((5, 6), (3, 1)));
}

#[test]
fn what_is_linked_is_linked_again_to_the_same() {
    let once = link(&component(LIBRARIES)).expect("can be linked");
    let twice = link(&once).expect("can be linked");
    assert_eq!(say(&twice), say(&once));
    assert_eq!(counts(&twice), counts(&once));
}

#[test]
fn says_what_cannot_be_linked() {
    let core = |body: &str| component(&format!("(component (core module $m {body}) {INSTANCE})"));
    const INSTANCE: &str = "(core instance (instantiate $m))";
    for (bytes, why) in [
        (core("(func $f) (start $f)"), "one has a start function"),
        (core("(tag)"), "they have tags of exceptions"),
        (
            component(
                "(component (import \"m\" (core module $m)) (core instance (instantiate $m)))",
            ),
            "one comes from outside",
        ),
        (b"\0asm\x01\0\0\0".to_vec(), "they are in no component"),
    ] {
        let error = link(&bytes).expect_err(why).to_string();
        assert_eq!(error, format!("its core modules cannot be linked: {why}"));
    }
    let error = link(b"none").expect_err("no component");
    assert!(matches!(error, Unlinkable::Invalid(_)), "{error}");
}

proptest::proptest! {
    #[test]
    fn changed_bytes_do_no_harm(changes: Vec<(proptest::sample::Index, u8)>) {
        let mut bytes = component(LIBRARIES);
        for (index, byte) in changes.into_iter().take(4) {
            *index.get_mut(&mut bytes) = byte;
        }
        if let Ok(linked) = link(&bytes) {
            let validated = Validator::new().validate_all(&linked);
            proptest::prop_assert!(validated.is_ok(), "{:?}", validated.err());
        }
    }
}
