//! Counts the times of its schedules, and fails if it is told to.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;

use syft_guest::prelude::*;

/// The time at which each call was due, and how often it took effect.
#[every("1s")]
fn tick(due: Due) -> Result<(), Error> {
    count(&due)
}

/// Its times stand in the manifest.
#[schedule]
fn tock(due: Due) -> Result<(), Error> {
    count(&due)
}

fn count(due: &Due) -> Result<(), Error> {
    if let Some(file) = state::get::<String>("file")? {
        append(&file, &format!("{}/{}\n", due.schedule, due.due.0))?;
    }
    let failing: Option<String> = state::get("failing")?;
    if failing.as_deref() == Some(&due.schedule) {
        return Err(Error::failed(format!("to fail, attempt {}", due.attempt)));
    }
    // Tests of crashes know its name.
    state::set("last", &due.schedule)?;
    let key = format!("ran/{}/{}", due.schedule, due.due.0);
    state::increment(&key, 1)?;
    Ok(())
}

fn append(path: &str, line: &str) -> Result<(), Error> {
    let file = OpenOptions::new().append(true).create(true).open(path);
    let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
    written.map_err(|error| Error::failed(error.to_string()))
}

/// Has each call append a line to a file.
#[on_request("/write")]
fn write(path: String) -> Result<(), Error> {
    state::set("file", &path)?;
    Ok(())
}

/// Has a schedule fail, or none.
#[on_request("/fail")]
fn fail(schedule: String) -> Result<(), Error> {
    state::set("failing", &schedule)?;
    Ok(())
}

/// Answers how often each time of each schedule took effect.
#[on_request("/ran")]
fn ran() -> Result<BTreeMap<String, i64>, Error> {
    let keys = state::keys("ran/")?.into_iter();
    keys.map(|key| {
        let count: Option<i64> = state::get(&key)?;
        Ok((key["ran/".len()..].to_owned(), count.unwrap_or_default()))
    })
    .collect()
}

syft_guest::app!(tick, tock, write, fail, ran);
