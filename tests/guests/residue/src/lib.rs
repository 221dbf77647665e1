//! Leaves a mark of its request wherever a guest can, and looks for those of others.

mod handles;
mod memory;
mod places;

use serde_json::{Value, json};
use syft_guest::prelude::*;

/// Leaves a mark everywhere, grows the memory to so many pages, and ends in this way.
#[on_request("/spoil")]
fn spoil(mark: String, n_pages: usize, end: String) -> Result<Value, Error> {
    let held = handles::leave_open(&mark)?;
    places::mark(&mark)?;
    memory::mark(mark.as_bytes(), n_pages);
    match end.as_str() {
        "answer" => {
            // What an answered call has set is kept, and no residue.
            state::delete(places::KEY)?;
            Ok(held)
        }
        // Everything is found where it is: by the call that left it.
        "look" => look(mark.to_ascii_uppercase(), n_pages),
        "fail" => Err(Error::failed("on purpose")),
        "panic" => panic!("on purpose"),
        "exit" => std::process::exit(1),
        "overflow" => overflow(1),
        "allocate" => allocate(),
        "print" => print(),
        _ => loop {
            std::hint::black_box(());
        },
    }
}

/// Looks for a mark, which is given in capitals lest the request itself is found, in a
/// memory that grows to so many pages.
#[on_request("/look")]
fn look(capitals: String, n_pages: usize) -> Result<Value, Error> {
    // First, while nothing else was done.
    let memory = memory::look(capitals.as_bytes(), n_pages);
    Ok(json!({
        "memory": memory,
        "places": places::look()?,
        "handles": handles::next()?,
    }))
}

/// Uses a number that another request had for a file.
#[on_request("/borrow")]
fn borrow(handle: u32) -> String {
    handles::kind_of(handle)
}

#[expect(unconditional_recursion, reason = "the purpose")]
fn overflow(n: u64) -> ! {
    let frame = std::hint::black_box([n; 1024]);
    overflow(frame[0])
}

fn allocate() -> ! {
    loop {
        std::mem::forget(std::hint::black_box(vec![1_u8; 1 << 20]));
    }
}

fn print() -> ! {
    let line = "x".repeat(100_000);
    loop {
        log::info!("{line}");
    }
}

syft_guest::app!(spoil, look, borrow);
