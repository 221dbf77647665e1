//! Handles to what the host holds for a guest.

use std::fs::File;
use std::io::{self, Read};
use std::mem::{ManuallyDrop, forget};

use serde_json::{Value, json};
use syft_guest::bindings::wasi::keyvalue::{atomics, store};
use syft_guest::prelude::*;
use wasip2::cli::stdout::get_stdout;
use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags};

/// The file to be opened, below the folder of the owner.
const FILE: &str = "public/open.txt";

/// How many of each are left open.
const N_HELD: usize = 20;

const FOREVER: u64 = u64::MAX;

/// Opens files and all else that there are handles to, and lets go of none. Returns the
/// numbers of what could be taken for a file of another's.
pub(crate) fn leave_open(mark: &str) -> Result<Value, Error> {
    let mut numbers = Vec::new();
    for _ in 0..N_HELD {
        let mut file = File::open(files::datasite().join(FILE))?;
        file.read_exact(&mut [0; 3])?;
        forget(file);
        let file = open()?;
        numbers.push(file.handle());
        let read = file.read_via_stream(2).map_err(io::Error::other)?;
        forget((read.subscribe(), read, file));
        let root = root()?;
        forget((root.read_directory().map_err(io::Error::other)?, root));
        let output = get_stdout();
        forget((output.subscribe(), output, subscribe_duration(FOREVER)));
        let bucket = store::open("default").map_err(failed)?;
        forget((atomics::Cas::new(&bucket, mark).map_err(failed)?, bucket));
    }
    let kinds: Vec<_> = numbers.iter().map(|number| kind_of(*number)).collect();
    Ok(json!({"numbers": numbers, "kinds": kinds}))
}

/// Returns what a handle is to, if it is one to a file or folder.
pub(crate) fn kind_of(number: u32) -> String {
    // SAFETY: the host checks the number. Nothing is dropped here.
    let file = ManuallyDrop::new(unsafe { Descriptor::from_handle(number) });
    format!("{:?}", file.get_type())
}

/// Opens one of each, and returns the numbers that they got.
pub(crate) fn next() -> Result<Value, Error> {
    let bucket = store::open("default").map_err(failed)?;
    Ok(json!({
        "file": open()?.handle(),
        "pollable": subscribe_duration(FOREVER).handle(),
        "output": get_stdout().handle(),
        "bucket": bucket.handle(),
    }))
}

fn open() -> Result<Descriptor, Error> {
    let path = format!("{}/{FILE}", context::datasite());
    let (flags, read) = (OpenFlags::empty(), DescriptorFlags::READ);
    let opened = root()?.open_at(PathFlags::empty(), &path, flags, read);
    Ok(opened.map_err(io::Error::other)?)
}

fn root() -> Result<Descriptor, Error> {
    let root = get_directories().pop();
    Ok(root.ok_or_else(|| Error::failed("no folder"))?.0)
}

fn failed(error: store::Error) -> Error {
    Error::failed(format!("{error:?}"))
}
