//! What a program keeps beside its heap: statics, thread-locals, the environment, the
//! working folder, the state of the app.

use std::cell::RefCell;
use std::env;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::sync::{Mutex, OnceLock};

use serde_json::{Value, json};
use syft_guest::prelude::*;

/// Where the state of the app has the mark.
pub(crate) const KEY: &str = "mark";

const VARIABLE: &str = "RESIDUE";

static ONCE: OnceLock<String> = OnceLock::new();
static FILLED: Mutex<[u8; 4096]> = Mutex::new([0; 4096]);

thread_local! {
    static LOCAL: RefCell<String> = const { RefCell::new(String::new()) };
}

pub(crate) fn mark(mark: &str) -> Result<(), Error> {
    ONCE.get_or_init(|| mark.to_owned());
    let mut filled = FILLED.lock().map_err(|_| Error::failed("poisoned"))?;
    for piece in filled.chunks_exact_mut(mark.len()) {
        piece.copy_from_slice(mark.as_bytes());
    }
    LOCAL.set(mark.to_owned());
    // SAFETY: there is one thread.
    unsafe { env::set_var(VARIABLE, mark) };
    env::set_current_dir(files::datasite())?;
    state::set(KEY, mark)?;
    // A line that does not end.
    print!("{mark}");
    io::stdout().flush()?;
    Ok(())
}

pub(crate) fn look() -> Result<Value, Error> {
    let filled = FILLED.lock().map_err(|_| Error::failed("poisoned"))?;
    Ok(json!({
        "once": ONCE.get(),
        "filled": filled.iter().any(|byte| *byte != 0),
        "local": LOCAL.with_borrow(String::clone),
        "variables": env::vars().collect::<Vec<_>>(),
        "folder": env::current_dir()?,
        "state": state::keys("")?,
        "random": RandomState::new().hash_one(0),
    }))
}
