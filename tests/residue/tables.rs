//! What Rust does not let a guest spoil: tables and globals, by a core module of ours
//! that runs wherever its component is instantiated.

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, ElementSection, Elements, Function, FunctionSection,
    GlobalSection, GlobalType, HeapType, InstructionSink, MemorySection, MemoryType, Module,
    RefType, StartSection, TableSection, TableType, TypeSection, ValType,
};

use crate::support::bloated::bloated_by;
use crate::support::client::call;
use crate::support::guests::guest;
use crate::support::host::{Host, output, syft_host};
use crate::support::site::{OWNER, Site};

const TABLE: u32 = 0;
const N_ELEMENTS: u32 = 20_000;
const MORE_ELEMENTS: u32 = 30_000;

const MEMORY: u32 = 0;
const N_PAGES: u32 = 2;
const MORE_PAGES: u32 = 200;
const N_BYTES: u32 = (N_PAGES + MORE_PAGES) << 16;

const GLOBAL: u32 = 0;

/// The functions: one that looks and spoils, and one that only calls it.
const SPOIL: u32 = 0;
const START: u32 = 1;

/// Returns a core module that traps unless its table, memory and global are as they are
/// declared, and then spoils all of them. It does so as often as is said when it starts.
fn spoiler(times: usize) -> Vec<u8> {
    let mut module = Module::new();
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let mut functions = FunctionSection::new();
    functions.function(0).function(0);
    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: N_ELEMENTS.into(),
        maximum: None,
        shared: false,
    });
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: N_PAGES.into(),
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut globals = GlobalSection::new();
    let counter = GlobalType {
        val_type: ValType::I32,
        mutable: true,
        shared: false,
    };
    globals.global(counter, &ConstExpr::i32_const(0));
    let mut elements = ElementSection::new();
    elements.declared(Elements::Functions([SPOIL].as_slice().into()));
    let mut code = CodeSection::new();
    code.function(&spoil()).function(&start(times));
    module
        .section(&types)
        .section(&functions)
        .section(&tables)
        .section(&memories)
        .section(&globals)
        .section(&StartSection {
            function_index: START,
        })
        .section(&elements)
        .section(&code);
    module.finish()
}

fn start(times: usize) -> Function {
    let mut function = Function::new([]);
    let mut code = function.instructions();
    for _ in 0..times {
        code.call(SPOIL);
    }
    code.end();
    function
}

fn spoil() -> Function {
    const AT: u32 = 0;
    let mut function = Function::new([(1, ValType::I32)]);
    let mut code = function.instructions();
    // Everything has the size that is declared, and then becomes larger.
    code.table_size(TABLE).i32_const(N_ELEMENTS as i32).i32_ne();
    trap_if(&mut code);
    code.memory_size(MEMORY).i32_const(N_PAGES as i32).i32_ne();
    trap_if(&mut code);
    code.ref_null(HeapType::FUNC)
        .i32_const(MORE_ELEMENTS as i32)
        .table_grow(TABLE)
        .i32_const(-1)
        .i32_eq();
    trap_if(&mut code);
    code.i32_const(MORE_PAGES as i32)
        .memory_grow(MEMORY)
        .i32_const(-1)
        .i32_eq();
    trap_if(&mut code);
    // All of it is empty.
    code.global_get(GLOBAL);
    trap_if(&mut code);
    each(&mut code, AT, N_ELEMENTS + MORE_ELEMENTS, 1, |code| {
        code.local_get(AT).table_get(TABLE).ref_is_null().i32_eqz();
    });
    each(&mut code, AT, N_BYTES, 8, |code| {
        code.local_get(AT).i64_load(wasm_encoder::MemArg {
            offset: 0,
            align: 3,
            memory_index: MEMORY,
        });
        code.i64_eqz().i32_eqz();
    });
    // And then full.
    code.i32_const(1).global_set(GLOBAL);
    code.i32_const(0)
        .ref_func(SPOIL)
        .i32_const((N_ELEMENTS + MORE_ELEMENTS) as i32)
        .table_fill(TABLE);
    code.i32_const(0)
        .i32_const(0x5e)
        .i32_const(N_BYTES as i32)
        .memory_fill(MEMORY);
    code.end();
    function
}

/// Traps if the number on the stack is not 0.
fn trap_if(code: &mut InstructionSink<'_>) {
    code.if_(BlockType::Empty).unreachable().end();
}

/// Traps if what is looked at is not 0 for one of the numbers below an end.
fn each(
    code: &mut InstructionSink<'_>,
    at: u32,
    end: u32,
    step: u32,
    look: impl FnOnce(&mut InstructionSink<'_>),
) {
    code.i32_const(0).local_set(at).loop_(BlockType::Empty);
    look(code);
    trap_if(code);
    code.local_get(at)
        .i32_const(step as i32)
        .i32_add()
        .local_tee(at)
        .i32_const(end as i32)
        .i32_lt_u()
        .br_if(0)
        .end();
}

#[test]
fn tables_and_globals_begin_as_they_are_declared() {
    let site = Site::new();
    let component = bloated_by(&site, &guest("hostile"), &[spoiler(1)]);
    for concurrency in ["1", "16"] {
        let options = ["--name", "app", "--concurrency", concurrency];
        let host = Host::start(&site, &component, &options);
        for _ in 0..50 {
            assert_eq!(call(&host.rpc, "panic", "").status(), 500);
            assert_eq!(call(&host.rpc, "ok", "").text(), "ok");
        }
        host.stop();
    }
}

/// One that meets what it left itself finds it.
#[test]
fn a_spoiler_finds_what_is_there() {
    let site = Site::new();
    let component = bloated_by(&site, &guest("hostile"), &[spoiler(2)]);
    let mut command = syft_host(&site);
    command.arg("run").arg(component).args(["--name", "app"]);
    command.args(["--email", OWNER, "--data-dir"]);
    let output = output(command.arg(site.data_dir()));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(error.contains("unreachable"), "{error}");
}
