//! Calls that wait, in a line for each who asks. The next one is of who has the fewest calls at
//! workers. Among equals the lines take turns, as they do in the inbox of an app: so a flood of
//! one sender delays another by a call for each worker, and a sender whose calls take long leaves
//! to others what becomes free.

use std::collections::{BTreeMap, HashMap, VecDeque};

use syft_runtime::remote::Asker;

use super::{CallId, Wants};

/// Whose line it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Who {
    app: String,
    asker: Asker,
}

/// The lines of all.
#[derive(Debug, Default)]
pub(super) struct Lines {
    lines: HashMap<Who, Line>,
    /// Those with somebody in line, by how many they have at workers and then by turns.
    order: BTreeMap<(usize, u64), Who>,
    last_turn: u64,
    n_waiting: usize,
}

#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<CallId>,
    n_given: usize,
    turn: u64,
}

impl Who {
    pub(super) fn of(wants: &Wants) -> Self {
        Self {
            app: wants.app.clone(),
            asker: wants.asker.clone(),
        }
    }
}

impl Lines {
    /// Returns how many wait.
    pub(super) fn n_waiting(&self) -> usize {
        self.n_waiting
    }

    /// Returns those that wait.
    pub(super) fn waiting(&self) -> Vec<CallId> {
        let lines = self.order.values().map(|who| &self.lines[who]);
        let waiting = lines.flat_map(|line| line.waiting.iter().copied());
        waiting.collect()
    }

    /// Puts a call in line, where its number belongs: before those of the same line that came
    /// later.
    pub(super) fn push(&mut self, who: &Who, call: CallId) {
        let line = self.lines.entry(who.clone()).or_default();
        let place = line.waiting.partition_point(|other| *other < call);
        line.waiting.insert(place, call);
        self.n_waiting += 1;
        if line.waiting.len() == 1 {
            self.last_turn += 1;
            line.turn = self.last_turn;
            self.order.insert((line.n_given, line.turn), who.clone());
        }
    }

    /// Takes a call out of its line, if it waits.
    pub(super) fn remove(&mut self, who: &Who, call: CallId) {
        let Some(line) = self.lines.get_mut(who) else {
            return;
        };
        if let Ok(place) = line.waiting.binary_search(&call) {
            line.waiting.remove(place);
            self.n_waiting -= 1;
            if line.waiting.is_empty() {
                self.order.remove(&(line.n_given, line.turn));
            }
        }
        self.forget_if_idle(who);
    }

    /// Takes the next call for which `find` has a worker out of its line, and counts it as given.
    /// Returns it with what `find` found.
    pub(super) fn give<T>(
        &mut self,
        mut find: impl FnMut(CallId) -> Option<T>,
    ) -> Option<(CallId, T)> {
        let next = self.order.iter().find_map(|(key, who)| {
            let waiting = self.lines[who].waiting.iter().copied();
            let (place, found) = waiting
                .enumerate()
                .find_map(|(place, call)| find(call).map(|found| (place, found)))?;
            Some((*key, who.clone(), place, found))
        });
        let (key, who, place, found) = next?;
        self.order.remove(&key);
        self.n_waiting -= 1;
        self.last_turn += 1;
        let line = self.lines.get_mut(&who)?;
        line.n_given += 1;
        line.turn = self.last_turn;
        let call = line.waiting.remove(place)?;
        if !line.waiting.is_empty() {
            self.order.insert((line.n_given, line.turn), who);
        }
        Some((call, found))
    }

    /// Takes in that a worker has a call no more.
    pub(super) fn take_back(&mut self, who: &Who) {
        let Some(line) = self.lines.get_mut(who) else {
            return;
        };
        let key = (line.n_given, line.turn);
        line.n_given -= 1;
        if let Some(who) = self.order.remove(&key) {
            self.order.insert((line.n_given, line.turn), who);
        }
        self.forget_if_idle(who);
    }

    fn forget_if_idle(&mut self, who: &Who) {
        let line = self.lines.get(who);
        if line.is_some_and(|line| line.waiting.is_empty() && line.n_given == 0) {
            self.lines.remove(who);
        }
    }
}
