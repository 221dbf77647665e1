//! Builds what the tests need.
