//! Calls that other machines run: they do what they do here, and what a worker says is a
//! stranger's word.

mod hostile;
mod losing;
mod same;
mod site;
mod wire;
