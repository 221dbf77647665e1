//! How often something happened. What never happens is not tested.

use std::collections::BTreeMap;

#[derive(Debug)]
pub(crate) struct Counts(pub(crate) BTreeMap<&'static str, u64>);

impl Counts {
    /// Returns counts of these things, none of which has happened.
    pub(crate) fn new(all: &[&'static str]) -> Self {
        Self(all.iter().map(|name| (*name, 0)).collect())
    }

    pub(crate) fn add_one(&mut self, name: &'static str) {
        *self.0.get_mut(name).expect("it is named") += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (name, count) in &other.0 {
            *self.0.entry(name).or_default() += count;
        }
    }

    pub(crate) fn are_all_there(&self) -> bool {
        self.0.values().all(|count| *count > 0)
    }
}
