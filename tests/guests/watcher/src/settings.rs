//! What a test writes into the component before it runs: words, then a line for each
//! watch with its kinds and its patterns, set apart by tabs.

use syft_guest::bindings::exports::syft::app::watch::{EventKinds, Watch};

const LENGTH: usize = 8192;

/// Found by its beginning, and overwritten.
#[used]
static SETTINGS: [u8; LENGTH] = *include_bytes!("settings.txt");

fn settings() -> String {
    // Else the compiler takes it for what it is now.
    let bytes = std::hint::black_box(&SETTINGS);
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}

pub(crate) fn has(word: &str) -> bool {
    let settings = settings();
    let words = settings.lines().next().unwrap_or_default();
    words.split(' ').any(|found| found == word)
}

pub(crate) fn watches() -> Vec<Watch> {
    let settings = settings();
    settings.lines().skip(1).map(watch).collect()
}

fn watch(line: &str) -> Watch {
    let mut parts = line.split('\t');
    let kinds = parts.next().unwrap_or_default();
    let all = [
        ("created", EventKinds::CREATED),
        ("modified", EventKinds::MODIFIED),
        ("moved", EventKinds::MOVED),
        ("deleted", EventKinds::DELETED),
    ];
    let events = all
        .into_iter()
        .filter(|(name, _)| kinds.split(' ').any(|kind| kind == *name))
        .fold(EventKinds::empty(), |all, (_, kind)| all | kind);
    Watch {
        patterns: parts.map(str::to_owned).collect(),
        events,
    }
}
