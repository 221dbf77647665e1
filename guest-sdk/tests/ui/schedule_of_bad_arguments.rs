use syft_guest::prelude::*;

#[schedule("0 8 * *")]
fn four_fields() {}

#[schedule("0 24 * * *")]
fn no_such_hour() {}

#[schedule("0 8 * * MOON")]
fn no_such_day() {}

#[schedule("0 8 * * *", time_zone = "Europe Berlin")]
fn no_time_zone() {}

#[schedule("0 8 * * *", missed = "never")]
fn unknown_missed() {}

#[schedule("0 8 * * *", zone = "UTC")]
fn unknown_option() {}

#[schedule("0 8 * * *", missed = "drop", missed = "drop")]
fn twice() {}

#[every]
fn nothing() {}

#[every("soon")]
fn no_time() {}

#[every("100ms")]
fn too_often() {}

#[every("15m", time_zone = "UTC")]
fn every_knows_no_zone() {}

#[every("15m", name = "clean up")]
fn bad_name() {}

fn main() {}
