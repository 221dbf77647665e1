//! The names of the interfaces in the world of apps, `wit/`.

/// The interface that every app exports.
pub const RPC: &str = "syft:app/rpc@0.1.0";
/// The one that apps export which watch files.
pub const WATCH: &str = "syft:app/watch@0.1.0";

/// What apps can import, in the words of a hint.
pub const OFFERED_IN_WORDS: &str = "apps can import syft:app and WASI 0.2's cli, clocks, filesystem, http, io, keyvalue, random, sockets";

/// Tells whether an import belongs to the world of apps, at any version of it
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
    OFFERED.iter().any(|prefix| import.starts_with(prefix))
}
