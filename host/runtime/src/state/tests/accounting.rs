//! What a session counts of what it holds.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// What a call may hold, small enough to be met often.
const MOST: usize = 1_500;

/// As the session has it: what a key costs besides its text.
const KEY: usize = 64;

#[derive(Debug, Clone)]
enum Step {
    Set(u8, usize),
    Delete(u8),
    Get(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = || 0..12_u8;
    let step = prop_oneof![
        3 => (key(), 0..600_usize).prop_map(|(key, bytes)| Step::Set(key, bytes)),
        1 => key().prop_map(Step::Delete),
        1 => key().prop_map(Step::Get),
    ];
    vec(step, 0..60)
}

proptest! {
    /// Whatever a call writes, overwrites, deletes and reads: what it holds is what is there,
    /// and what is refused changes nothing.
    #[test]
    fn a_session_holds_what_is_there(steps in steps()) {
        let site = site_with(Limits {
            state_call_bytes: MOST,
            ..Limits::default()
        });
        let mut session = Session::new(Some(Arc::clone(&site.store)), &site.limits);
        let (mut writes, mut reads) = (BTreeMap::new(), BTreeSet::new());
        for step in steps {
            let held = |writes: &BTreeMap<u8, usize>, reads: &BTreeSet<u8>| {
                let values: usize = writes.values().sum();
                values + (writes.len() + reads.len()) * (KEY + 1)
            };
            let name = |key: u8| char::from(b'a' + key).to_string();
            let (mut writes_then, mut reads_then) = (writes.clone(), reads.clone());
            let done = match step {
                Step::Set(key, bytes) => {
                    writes_then.insert(key, bytes);
                    session.set(&name(key), vec![b'x'; bytes])
                }
                Step::Delete(key) => {
                    writes_then.insert(key, 0);
                    session.delete(&name(key))
                }
                Step::Get(key) => {
                    if !writes.contains_key(&key) {
                        reads_then.insert(key);
                    }
                    session.get(&name(key)).map(drop)
                }
            };
            let expected = match held(&writes_then, &reads_then) {
                ..=MOST => Ok(()),
                _ => Err(SessionError::Call(MOST)),
            };
            prop_assert_eq!(&done, &expected);
            if done.is_ok() {
                (writes, reads) = (writes_then, reads_then);
            }
            prop_assert_eq!(session.held_bytes, held(&writes, &reads));
        }
    }
}
