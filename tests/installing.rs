//! Installing signed apps: what an owner is shown and asked, what is refused and why.

mod agreeing;
mod attacks;
mod releases;

use serde_json::Value;

use crate::support::guests::example;
use crate::support::people::Person;
use crate::support::site::Site;

const ALICE: &str = "alice@example.org";
const MALLORY: &str = "mallory@example.org";
const OWNER: &str = "owner@example.com";

/// An author and an owner.
struct World {
    site: Site,
    alice: Person,
    owner: Person,
}

impl World {
    fn new() -> Self {
        let site = Site::new();
        let alice = Person::new(&site, ALICE, 1);
        let owner = Person::new(&site, OWNER, 9);
        Self { site, alice, owner }
    }

    /// Makes a release of Alice's app `demo`.
    fn release(&self, version: &str, toml: &str) -> String {
        self.alice
            .release(&self.site, &example("hello"), version, toml)
    }

    /// Installs what the owner has compared the digest of. Returns what the host says of it.
    #[track_caller]
    fn install(&self, file: &str) -> Value {
        self.owner_says(&["install", file, "--yes", "--expect-digest", &digest(file)])
    }

    /// Has the owner run something that succeeds, and returns the one thing that it says.
    #[track_caller]
    fn owner_says(&self, arguments: &[&str]) -> Value {
        let mut said = self.owner.json(&self.site, arguments);
        assert_eq!(said.len(), 1, "{said:?}");
        said.remove(0)
    }

    /// Has the owner run something that is refused, and returns why.
    #[track_caller]
    fn refused(&self, arguments: &[&str]) -> String {
        self.owner.run(&self.site, arguments).refused()
    }

    /// Returns the versions of `demo` that are served, were before, and wait.
    fn versions(&self) -> [Option<String>; 3] {
        let listed = self.owner_says(&["list"]);
        ["current", "previous", "waiting"]
            .map(|which| listed[which]["version"].as_str().map(ToOwned::to_owned))
    }
}

fn digest(file: &str) -> String {
    syft_manifest::Digest::of(&std::fs::read(file).unwrap()).to_string()
}
