//! Fuzz targets for every parser that reads strangers' bytes.
//!
//! A target is a function that takes any bytes and panics where what must hold does not.
//! It never only parses: what was read is written and read again, a checked value obeys
//! its rules, a second parser agrees. The unit tests call each with its seeds and with
//! some thousand changed ones, the same in every run; the binaries in `fuzz_targets/` are
//! the same functions under libFuzzer (`just fuzz`).
//!
//! A new target is a function, a line in [`TARGETS`] and a file in `fuzz_targets/`. An
//! input that once broke one lies in `regressions/`, in the folder of the target.
//!
//! Most parsers are in crates that need no runtime. Those that are the host's own need the
//! feature `host`; without it nothing of wasmtime is built.

pub mod catalogs;
pub mod components;
pub mod envelopes;
#[cfg(feature = "host")]
pub mod files;
pub mod guests;
pub mod manifests;
pub mod messages;
pub mod names;
pub mod origins;
pub mod packages;
pub mod patterns;
#[cfg(feature = "host")]
pub mod programs;
#[cfg(feature = "host")]
pub mod recordings;
pub mod registries;
#[cfg(feature = "host")]
pub mod remote_calls;
pub mod rules;
pub mod schedules;
pub mod schemas;
pub mod seeds;
pub mod terminal;
pub mod watching;
#[cfg(feature = "host")]
pub mod workers;

#[cfg(test)]
mod tests;

use syft_manifest::sanitize::is_plain;

/// Something to aim at.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, which is that of its binary.
    pub name: &'static str,
    /// Panics on bytes for which something does not hold.
    pub check: fn(&[u8]),
    /// Returns inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    target("access", rules::access, seeds::access),
    target("catalog", catalogs::catalog, seeds::catalogs),
    target("component", components::component, seeds::components),
    target("cron", schedules::cron, seeds::crons),
    target(
        "did_document",
        envelopes::did_document,
        seeds::did_documents,
    ),
    target("endpoint_schema", schemas::endpoint_schema, seeds::schemas),
    target("envelope", envelopes::envelope, seeds::envelopes),
    target("grant_patterns", patterns::grant_patterns, seeds::patterns),
    target(
        "manifest_json",
        manifests::manifest_json,
        seeds::manifest_json,
    ),
    target(
        "manifest_toml",
        manifests::manifest_toml,
        seeds::manifest_toml,
    ),
    target("names", names::names, seeds::names),
    target("origins", origins::origins, seeds::origins),
    target("package", packages::package, seeds::packages),
    #[cfg(feature = "host")]
    target("place", files::place, seeds::paths),
    target("plain", terminal::plain, seeds::texts),
    target(
        "published_schema",
        schemas::published_schema,
        seeds::published_schemas,
    ),
    target("query", guests::query, seeds::queries),
    #[cfg(feature = "host")]
    target("recording", recordings::recording, seeds::recordings),
    target("registry", registries::registry, seeds::registries),
    #[cfg(feature = "host")]
    target(
        "remote_call",
        remote_calls::remote_call,
        seeds::remote_calls,
    ),
    target("request", messages::request, seeds::requests),
    #[cfg(feature = "host")]
    target("requirements", programs::requirements, seeds::requirements),
    target("response", messages::response, seeds::responses),
    target("rules", rules::rules, seeds::rules),
    target("stamp", watching::stamp, seeds::stamps),
    target("timestamp", names::timestamp, seeds::timestamps),
    target("url", names::url, seeds::urls),
    target("watch_patterns", patterns::watch_patterns, seeds::patterns),
    #[cfg(feature = "host")]
    target(
        "worker_frame",
        workers::worker_frame,
        workers::worker_frames,
    ),
];

const fn target(name: &'static str, check: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target { name, check, seeds }
}

impl Target {
    /// Returns the inputs to begin with, those that once broke it among them.
    pub fn all_seeds(&self) -> Vec<Vec<u8>> {
        let mut all = (self.seeds)();
        all.extend(seeds::files(&format!("fuzz/regressions/{}", self.name), ""));
        all
    }
}

/// Makes a binary of a target: one of libFuzzer where cargo-fuzz builds it.
#[macro_export]
macro_rules! fuzz {
    ($check:path) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $check(bytes));
        #[cfg(not(fuzzing))]
        fn main() {
            let _: fn(&[u8]) = $check;
        }
    };
}

/// Asserts that a message may go to a terminal, a log or a remote caller.
fn assert_is_short_line(message: &str, max_chars: usize) {
    assert!(message.chars().all(is_plain), "{message:?}");
    assert!(message.chars().count() <= max_chars, "{message:?}");
}
