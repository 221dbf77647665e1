//! What a SyftBox app says of itself and asks for, and the limits that it runs within.

mod limits;

pub use limits::Limits;
