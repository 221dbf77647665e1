use syft_guest::prelude::*;

const PATTERN: &str = "*.json";

#[watch]
fn nothing() {}

#[watch()]
fn empty() {}

#[watch(PATTERN)]
fn constant() {}

#[watch("*.json", events(written))]
fn unknown_event() {}

#[watch("*.json", events())]
fn no_event() {}

#[watch("*.json", events(created, created))]
fn twice() {}

#[watch("*.json", created)]
fn no_list() {}

#[watch("*.json", events(created), "*.txt")]
fn more() {}

fn main() {}
