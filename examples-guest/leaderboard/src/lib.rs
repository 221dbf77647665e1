//! Ranks the scores that datasites publish, and writes the ranking as a page.

mod page;
mod places;
mod scores;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use syft_guest::prelude::*;

use places::Ranking;

/// The most places of a ranking.
const MAX_PLACES: usize = 1000;

/// Ranks the models of all datasites, best first.
#[on_request("/ranking")]
fn ranking(#[default(10)] n: usize) -> Result<Ranking, Error> {
    let found = scores::read_all(Path::new("/datasites"))?;
    Ok(Ranking::new(found, n.min(MAX_PLACES)))
}

/// Writes the ranking into the owner's datasite, as JSON and as a page.
#[on_request("/publish")]
fn publish(request: Request) -> Result<Published, Error> {
    let ranking = ranking(MAX_PLACES)?;
    let folder = results();
    fs::create_dir_all(&folder)?;
    let json = serde_json::to_vec(&ranking)?;
    let page = page::render(&ranking);
    Ok(Published {
        places: ranking.places.len(),
        skipped: ranking.skipped.len(),
        files: [
            replace(&folder.join("ranking.json"), &json, &request.id)?,
            replace(&folder.join("index.html"), page.as_bytes(), &request.id)?,
        ],
    })
}

/// What was written.
#[derive(Serialize)]
struct Published {
    places: usize,
    skipped: usize,
    files: [PathBuf; 2],
}

fn results() -> PathBuf {
    let (datasite, app) = (context::datasite(), context::app());
    format!("/datasites/{datasite}/app_data/{app}/results").into()
}

/// Readers see the old file or the new one and never half of it, however many
/// calls write at the same time.
fn replace(path: &Path, bytes: &[u8], request_id: &str) -> io::Result<PathBuf> {
    let unfinished = path.with_extension(format!("{request_id}.tmp"));
    fs::write(&unfinished, bytes)?;
    fs::rename(&unfinished, path)?;
    Ok(path.to_owned())
}

syft_guest::app!(ranking, publish);
