//! Interoperability with released Python clients.
