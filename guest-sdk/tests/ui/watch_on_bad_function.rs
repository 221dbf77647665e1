use syft_guest::prelude::*;

#[watch("*.json")]
fn two(event: FileEvent, request: Request) {}

#[watch("*.json")]
fn generic<T>(event: T) {}

#[watch("*.json")]
struct NoFunction;

struct Users;

impl Users {
    #[watch("*.json")]
    fn of_a_type(&self, event: FileEvent) {}
}

syft_guest::app!(two, generic);

fn main() {}
