use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::*;

/// How many changed seeds each target gets.
const ROUNDS: usize = 2_000;

/// The most bytes that changes let an input grow to.
const MAX_BYTES: usize = 4096;

/// What parsers look for.
const WORDS: [&[u8]; 16] = [
    b"\0",
    b"\n",
    b"\r\n",
    b"\t",
    b"..",
    b"/",
    b"\\",
    b"\"",
    b"'",
    b"{{",
    b"**",
    b"[",
    b"]",
    b"\xff",
    "\u{202e}".as_bytes(),
    b"-1",
];

/// Numbers that look random and are the same in every run: SplitMix64.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as usize % end.max(1)
    }

    /// Returns one seed with some changes, or the two halves of two.
    fn changed(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            let end = at + self.below(bytes.len() - at + 1).min(16);
            match self.below(6) {
                0 => drop(bytes.drain(at..end)),
                1 => bytes.insert(at, self.below(256) as u8),
                2 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
                3 => drop(bytes.splice(at..at, WORDS[self.below(WORDS.len())].to_vec())),
                4 => {
                    let other = &seeds[self.below(seeds.len())];
                    bytes.truncate(at);
                    bytes.extend_from_slice(&other[self.below(other.len() + 1)..]);
                }
                _ => bytes
                    .iter_mut()
                    .skip(at)
                    .take(1)
                    .for_each(|byte| *byte ^= 1 << self.below(8)),
            }
        }
        bytes.truncate(MAX_BYTES);
        bytes
    }
}

/// The short run: what once went wrong, the seeds, and changes of them. A failure shows
/// the input, which then belongs into `regressions/`.
#[test]
fn targets_hold() {
    for target in TARGETS {
        let seeds = target.all_seeds();
        assert!(seeds.len() >= 3, "{} has no seeds", target.name);
        let mut numbers = Numbers(0);
        let changed = (0..ROUNDS).map(|_| numbers.changed(&seeds));
        for bytes in seeds.iter().cloned().chain(changed) {
            let shown = Shown(target.name, &bytes);
            (target.check)(&bytes);
            std::mem::forget(shown);
        }
    }
}

/// Shows an input if its check panics.
struct Shown<'a>(&'static str, &'a [u8]);

impl Drop for Shown<'_> {
    #[allow(clippy::print_stderr, reason = "a failed test tells what it knows")]
    fn drop(&mut self) {
        eprintln!("{}: b\"{}\"", self.0, self.1.escape_ascii());
    }
}

/// Writes all seeds where `just fuzz` reads them.
#[test]
#[ignore = "it is a part of `just fuzz`"]
fn writes_seeds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/fuzz");
    for target in TARGETS {
        let folder = root.join(target.name).join("seeds");
        fs::create_dir_all(&folder).expect("a new folder");
        for (index, seed) in target.all_seeds().iter().enumerate() {
            fs::write(folder.join(format!("{index:04}")), seed).expect("a new file");
        }
    }
}

#[test]
fn each_target_has_a_binary() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz_targets");
    let entries = fs::read_dir(folder).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").path());
    let names: BTreeSet<String> = names
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    let expected = TARGETS.iter().map(|target| target.name.to_owned());
    assert_eq!(names, expected.collect());
}
