use syft_guest::prelude::*;

#[on_reply]
fn two(reply: Reply, request: Request) {}

#[on_reply]
fn generic<T>(reply: T) {}

#[on_reply]
struct NoFunction;

struct Users;

impl Users {
    #[on_reply]
    fn of_a_type(&self, reply: Reply) {}
}

#[on_reply(counted)]
fn no_name(reply: Reply) {}

#[on_reply("")]
fn empty_name(reply: Reply) {}

syft_guest::app!(two, generic, no_name, empty_name);

fn main() {}
