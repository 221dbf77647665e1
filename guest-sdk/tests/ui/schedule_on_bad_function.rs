use syft_guest::prelude::*;

#[schedule("0 8 * * *")]
fn two(due: Due, more: u8) {}

#[every("15m")]
fn generic<T>() {}

#[every("15m")]
fn wrong_type(due: u8) {}

#[every("15m")]
const NO_FUNCTION: u8 = 1;

fn main() {}
