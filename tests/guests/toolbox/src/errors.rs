//! Errors of the author's own.

use syft_guest::prelude::*;
use syft_guest::state::StateError;

#[derive(Debug)]
pub enum BookingError {
    SoldOut,
    NoSuchRow(u32),
    State(StateError),
    Broken,
}

impl std::fmt::Display for BookingError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for BookingError {}

impl From<StateError> for BookingError {
    fn from(error: StateError) -> Self {
        BookingError::State(error)
    }
}

impl IntoError for BookingError {
    fn into_error(self) -> Error {
        match self {
            BookingError::SoldOut => Error::conflict("sold out"),
            BookingError::NoSuchRow(row) => Error::not_found(format!("no row {row}")),
            BookingError::State(error) => error.into(),
            BookingError::Broken => Error::failed("the booking machine is broken"),
        }
    }
}

/// Books a seat. It writes before it fails, so that it shows what is kept.
#[on_request("/book")]
pub fn book(row: u32) -> Result<i64, BookingError> {
    let n_booked = state::increment("n_booked", 1)?;
    match row {
        0 => Err(BookingError::SoldOut),
        1..=9 => Ok(n_booked),
        10..=99 => Err(BookingError::NoSuchRow(row)),
        _ => Err(BookingError::Broken),
    }
}

/// Fails with any status.
#[on_request("/answer")]
pub fn answer(status: u16) -> Result<(), Error> {
    Err(Error::with_status(status, format!("as {status}")))
}
