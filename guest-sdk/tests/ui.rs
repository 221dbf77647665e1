//! What authors are told where they use the macros in a wrong way.

use std::path::Path;
use std::process::Command;

#[test]
fn compile_errors() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
    // These errors come from evaluation, and end in the standard library: a toolchain that has its
    // sources shows lines of them.
    if toolchain_has_sources() {
        cases.compile_fail("tests/const_ui/with_sources/*.rs");
    } else {
        cases.compile_fail("tests/const_ui/without_sources/*.rs");
    }
}

fn toolchain_has_sources() -> bool {
    let said = Command::new("rustc").args(["--print", "sysroot"]).output();
    let sysroot = String::from_utf8(said.expect("there is rustc").stdout).expect("a path");
    Path::new(sysroot.trim())
        .join("lib/rustlib/src/rust/library")
        .exists()
}
