use syft_guest::prelude::*;

#[watch("")]
fn empty() {}

#[watch("{home}/*.json")]
fn unknown_placeholder() {}

#[watch("../*.json")]
fn outside() {}

#[watch("a\\")]
fn backslash() {}

#[watch(["*.txt", "**/[ab.json", "*.{json,txt"])]
fn not_closed() {}

#[watch(["!a.txt", "!b.txt"])]
fn takes_out_only() {}

#[watch([])]
fn nothing() {}

syft_guest::app!(
    empty,
    unknown_placeholder,
    outside,
    backslash,
    not_closed,
    takes_out_only,
    nothing,
);

fn main() {}
