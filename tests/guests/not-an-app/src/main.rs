//! A component of another kind: a command.

fn main() {
    println!("not an app");
}
