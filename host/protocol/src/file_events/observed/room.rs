//! How many files may be known, by datasite.

use std::collections::HashMap;

/// The files that are known, counted by datasite.
///
/// There is room for `most` files, whoever they belong to. Once it is taken, a datasite still
/// gets as much as if the room were divided equally among those that have files. So junk of
/// one datasite hides no file of another, and no file that is known has to make way. The
/// `k`th datasite to come is sure of a `k`th part, and of one file at least: `n` datasites
/// together come to no more than about `most * (1 + ln n)` files. What is merely left free,
/// as between the buffers of a switch, would be no bound that is fair: files stay, and each
/// of some twenty datasites that take half of it leaves less to the next.
#[derive(Debug)]
pub(super) struct Room {
    most: usize,
    n_files: usize,
    /// Datasites that have files. Files beside the datasites count as one without a name.
    by_datasite: HashMap<Box<str>, usize>,
}

impl Room {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            n_files: 0,
            by_datasite: HashMap::new(),
        }
    }

    /// Tells whether one more file may be known, which is not known yet.
    pub(super) fn is_left_for(&self, path: &str) -> bool {
        if self.n_files < self.most {
            return true;
        }
        let held = self.by_datasite.get(datasite_of(path));
        held.is_none_or(|held| held * self.by_datasite.len() < self.most)
    }

    pub(super) fn add(&mut self, path: &str) {
        self.n_files += 1;
        let datasite = datasite_of(path);
        match self.by_datasite.get_mut(datasite) {
            Some(held) => *held += 1,
            None => drop(self.by_datasite.insert(Box::from(datasite), 1)),
        }
    }

    pub(super) fn remove(&mut self, path: &str) {
        let datasite = datasite_of(path);
        let Some(held) = self.by_datasite.get_mut(datasite) else {
            return;
        };
        self.n_files -= 1;
        *held -= 1;
        if *held == 0 {
            self.by_datasite.remove(datasite);
        }
    }

    /// Returns the datasite that has the most files, and how many.
    pub(super) fn fullest(&self) -> Option<(&str, usize)> {
        let all = self.by_datasite.iter();
        let fullest = all.max_by_key(|(datasite, held)| (**held, *datasite))?;
        Some((fullest.0, *fullest.1))
    }

    #[cfg(test)]
    pub(super) fn by_datasite(&self) -> (usize, HashMap<&str, usize>) {
        let all = self.by_datasite.iter();
        let all = all.map(|(datasite, held)| (&**datasite, *held));
        (self.n_files, all.collect())
    }
}

pub(super) fn datasite_of(path: &str) -> &str {
    path.split_once('/').map_or("", |(datasite, _)| datasite)
}
