//! Types in the published schema.

use serde::{Deserialize, Serialize};
use syft_guest::prelude::*;
use syft_guest::schemars::JsonSchema;

/// A seat in a row.
#[derive(Deserialize, Serialize, JsonSchema)]
#[schemars(crate = "syft_guest::schemars")]
pub struct Seat {
    /// Counted from the front.
    row: u32,
    #[serde(default)]
    window: bool,
}

/// Has no schema.
#[derive(Deserialize, Serialize)]
pub struct Plain {
    a: i64,
}

/// Takes types that have schemas.
#[on_request("/typed")]
pub fn typed(
    seat: Seat,
    seats: Vec<Seat>,
    note: Option<String>,
    #[default("economy")] class: String,
    #[default(-1)] delta: i64,
) -> Vec<Seat> {
    let _ = (note, class, delta);
    let mut all = seats;
    all.push(seat);
    all
}

/// Takes a type that has none.
#[on_request("/plain")]
pub fn plain(Json(plain): Json<Plain>) -> Plain {
    plain
}

/// Takes a seat by its name.
#[on_request("/seat")]
pub fn named(seat: Seat) -> Seat {
    seat
}

/// Takes a seat that is the whole body.
#[on_request("/whole-seat")]
pub fn whole(Json(seat): Json<Seat>) -> Seat {
    seat
}
