//! The names of the interfaces in the worlds of apps, `wit/`.
//!
//! Why: docs/decisions/69-apps-for-wasi-0-3-run-beside-others.md

/// The interface that every app exports, one of the two.
pub const RPC: &str = "syft:app/rpc@0.1.0";
/// The same for WASI 0.3: its handler is an `async func`.
pub const ASYNC_RPC: &str = "syft:app/rpc@0.2.0";
/// The one that apps export which watch files.
pub const WATCH: &str = "syft:app/watch@0.1.0";
/// The same for WASI 0.3.
pub const ASYNC_WATCH: &str = "syft:app/watch@0.2.0";
/// The one that apps export which take what became of their messages.
pub const REPLIES: &str = "syft:app/replies@0.1.0";
/// The same for WASI 0.3.
pub const ASYNC_REPLIES: &str = "syft:app/replies@0.2.0";
/// The one that apps export which act by the clock.
pub const SCHEDULES: &str = "syft:app/schedules@0.1.0";
/// The same for WASI 0.3.
pub const ASYNC_SCHEDULES: &str = "syft:app/schedules@0.2.0";

/// What apps can import, in the words of a hint.
pub const OFFERED_IN_WORDS: &str = "apps can import syft:app, WASI 0.2's cli, clocks, filesystem, http, io, keyvalue, random, sockets, and WASI 0.3's cli, clocks, filesystem, random";

/// Tells whether an import belongs to a world of apps, at any version of it
/// that the linker may know.
pub fn is_offered(import: &str) -> bool {
    const OFFERED: [&str; 9] = [
        "syft:app/",
        "wasi:cli/",
        "wasi:clocks/",
        "wasi:filesystem/",
        "wasi:http/",
        "wasi:io/",
        "wasi:keyvalue/",
        "wasi:random/",
        "wasi:sockets/",
    ];
    const OFFERED_OF_0_3: [&str; 4] = [
        "wasi:cli/",
        "wasi:clocks/",
        "wasi:filesystem/",
        "wasi:random/",
    ];
    let offered = if is_of_wasi_0_3(import) {
        &OFFERED_OF_0_3[..]
    } else {
        &OFFERED
    };
    offered.iter().any(|prefix| import.starts_with(prefix))
}

/// Tells whether what a component imports or exports under this name can be `async`.
pub fn is_async(name: &str) -> bool {
    const OURS: [&str; 4] = [ASYNC_RPC, ASYNC_WATCH, ASYNC_REPLIES, ASYNC_SCHEDULES];
    is_of_wasi_0_3(name) || OURS.contains(&name)
}

fn is_of_wasi_0_3(name: &str) -> bool {
    let version = name.rsplit_once('@').map(|(_, version)| version);
    name.starts_with("wasi:") && version.is_some_and(|version| version.starts_with("0.3."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_of_each_wasi_what_there_is() {
        for (import, expected) in [
            ("syft:app/log@0.1.0", true),
            ("wasi:filesystem/types@0.2.6", true),
            ("wasi:keyvalue/store@0.2.0-draft2", true),
            ("wasi:clocks/monotonic-clock@0.3.0", true),
            ("wasi:cli/stdout@0.3.1", true),
            ("wasi:random/random@0.3.0-rc-2026-03-15", true),
            ("wasi:filesystem/types@0.3.0", true),
            ("wasi:sockets/types@0.3.0", false),
            ("wasi:http/client@0.3.0", false),
            ("wasi:nn/graph@0.2.0", false),
        ] {
            assert_eq!(is_offered(import), expected, "{import}");
        }
    }

    #[test]
    fn knows_names_that_can_be_async() {
        for (name, expected) in [
            (RPC, false),
            (WATCH, false),
            (REPLIES, false),
            (SCHEDULES, false),
            (ASYNC_RPC, true),
            (ASYNC_WATCH, true),
            (ASYNC_REPLIES, true),
            (ASYNC_SCHEDULES, true),
            ("wasi:clocks/monotonic-clock@0.3.0", true),
            ("wasi:clocks/monotonic-clock@0.2.12", false),
            ("evil:thing/x@0.3.0", false),
        ] {
            assert_eq!(is_async(name), expected, "{name}");
        }
    }
}
