//! Has the linker keep one of several functions with the same code in programs that are shipped,
//! where the linker of this target can do that. They are a twentieth smaller so.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is_shipped = env::var_os("CARGO_FEATURE_PATCHED_WASMTIME").is_some();
    // Rust links with its own linker there.
    let has_linker = env::var("TARGET").is_ok_and(|target| target == "x86_64-unknown-linux-gnu");
    if is_shipped && has_linker {
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    }
}
