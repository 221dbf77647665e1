//! Who waits for a turn. Each sender has a line, and the lines take turns, so a
//! flood of one sender's requests delays nobody else's. Requests during which the host
//! has crashed have a line of their own, and are called up by few at a time, in the end with
//! nobody else at work: should it crash again, few others are under suspicion, and nobody is
//! given up who was not alone.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use crate::address::Address;

/// Whose line a request stands in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Who {
    /// The sender that its folder is named for. All others, of whom anybody could claim
    /// any, share one.
    Sender(Option<Arc<str>>),
    Suspects,
}

/// The lines of all senders.
#[derive(Debug, Default)]
pub(super) struct Queue {
    lines: HashMap<Who, Line>,
    /// How often the host has crashed during a request.
    crashes: HashMap<Address, u32>,
    /// Crashes from which on a request is given up.
    most_crashes: u32,
    /// Those that have been called up and not ended, and whether the one is to be alone.
    active: usize,
    is_alone: bool,
    /// Those with somebody in line, in the order of their turns.
    turns: VecDeque<Who>,
    /// The same by their lengths.
    lengths: BTreeSet<(usize, Who)>,
    length: usize,
}

#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<Address>,
    /// Those that have been called up and not ended.
    active: usize,
}

impl Queue {
    pub(super) fn new(most_crashes: u32) -> Self {
        Self {
            most_crashes,
            ..Self::default()
        }
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Tells whether a request of a sender is in line.
    pub(super) fn has_in_line(&self, sender: &Option<Arc<str>>) -> bool {
        let line = self.lines.get(&Who::Sender(sender.clone()));
        line.is_some_and(|line| !line.waiting.is_empty())
    }

    /// Returns how often the host has crashed during a request.
    pub(super) fn crashes(&self, address: &Address) -> u32 {
        self.crashes.get(address).copied().unwrap_or(0)
    }

    /// Takes note of that. The request must not be in line or called up.
    pub(super) fn set_crashes(&mut self, address: &Address, crashes: u32) {
        match crashes {
            0 => self.crashes.remove(address),
            _ => self.crashes.insert(address.clone(), crashes),
        };
    }

    /// Puts a request in line. Where more than `most` would wait then, the last one of
    /// the longest line goes, which may be this one; it is returned. Of lines that are equally
    /// long, that is this one's: who came before keeps the place.
    pub(super) fn push(&mut self, address: Address, most: usize) -> Option<Address> {
        let who = self.who(&address);
        let line = self.lines.entry(who.clone()).or_default();
        let at = match who {
            Who::Suspects => place(&line.waiting, &address, &self.crashes),
            Who::Sender(_) => line.waiting.len(),
        };
        line.waiting.insert(at, address);
        let after = line.waiting.len();
        if after == 1 {
            self.turns.push_back(who.clone());
        }
        self.resize(&who, after - 1, after);
        if self.length <= most {
            return None;
        }
        let (before, longest) = self.lengths.last()?.clone();
        let longest = if before == after { who } else { longest };
        let dropped = self.lines.get_mut(&longest)?.waiting.pop_back();
        self.resize(&longest, before, before - 1);
        if before == 1 {
            // Then it is the one that has just come, whose turn is the last.
            self.turns.pop_back();
            self.forget_if_idle(&longest);
        }
        dropped
    }

    /// Calls up the next request, of a sender who has fewer than `most` called up.
    pub(super) fn pop(&mut self, most: usize) -> Option<Address> {
        let lonely = self.lines.get(&Who::Suspects);
        let lonely = lonely.and_then(|line| line.waiting.front());
        let is_lonely = lonely.is_some_and(|next| self.runs_alone(next));
        if self.is_alone || (is_lonely && self.active > 0) {
            return None;
        }
        let is_free = |who: &Who| {
            let Some(line) = self.lines.get(who) else {
                return false;
            };
            let most = match (who, line.waiting.front()) {
                (Who::Suspects, Some(next)) => most.min(self.suspects_together(next)),
                _ => most,
            };
            line.active < most && (!is_lonely || *who == Who::Suspects)
        };
        let turn = self.turns.iter().position(is_free)?;
        let who = self.turns.remove(turn)?;
        let line = self.lines.get_mut(&who)?;
        let address = line.waiting.pop_front()?;
        line.active += 1;
        self.active += 1;
        self.is_alone = is_lonely;
        let after = line.waiting.len();
        if after > 0 {
            self.turns.push_back(who.clone());
        }
        self.resize(&who, after + 1, after);
        Some(address)
    }

    /// After a single crash most of those who were at work have nothing to do with it.
    fn suspects_together(&self, next: &Address) -> usize {
        if self.crashes(next) == 1 { 4 } else { 1 }
    }

    /// Before a request is given up it runs with nobody else at work.
    fn runs_alone(&self, next: &Address) -> bool {
        let crashes = self.crashes(next);
        crashes < self.most_crashes && crashes + 2 >= self.most_crashes
    }

    /// Takes note that a request that was called up has ended.
    pub(super) fn end(&mut self, address: &Address) {
        let who = self.who(address);
        self.active = self.active.saturating_sub(1);
        self.is_alone = false;
        if let Some(line) = self.lines.get_mut(&who) {
            line.active = line.active.saturating_sub(1);
        }
        self.forget_if_idle(&who);
    }

    fn resize(&mut self, who: &Who, before: usize, after: usize) {
        self.length = self.length + after - before;
        self.lengths.remove(&(before, who.clone()));
        if after > 0 {
            self.lengths.insert((after, who.clone()));
        }
    }

    fn forget_if_idle(&mut self, who: &Who) {
        let line = self.lines.get(who);
        if line.is_some_and(|line| line.waiting.is_empty() && line.active == 0) {
            self.lines.remove(who);
        }
    }

    fn who(&self, address: &Address) -> Who {
        if self.crashes.contains_key(address) {
            Who::Suspects
        } else {
            Who::Sender(address.folder().sender_name().cloned())
        }
    }
}

/// Returns the place of a suspect in line: the least suspect ones first, and of these the
/// senders take turns.
fn place(line: &VecDeque<Address>, new: &Address, crashes: &HashMap<Address, u32>) -> usize {
    let mut rounds: HashMap<(u32, Option<&str>), usize> = HashMap::new();
    let mut turn = |address| {
        let crashes = crashes.get(address).copied().unwrap_or(0);
        let round = rounds
            .entry((crashes, address.folder().sender()))
            .or_default();
        *round += 1;
        (crashes, *round)
    };
    let turns: Vec<(u32, usize)> = line.iter().map(&mut turn).collect();
    let own = turn(new);
    turns.partition_point(|other| *other <= own)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::address::{Folder, RequestId};

    const SENDERS: [&str; 4] = ["", "a@x.org", "b@x.org", "c@x.org"];

    fn address(sender: usize, n: usize) -> Address {
        let segments = ["echo", SENDERS[sender]];
        let segments = &segments[..if sender == 0 { 1 } else { 2 }];
        let id = RequestId::parse(&format!("00000000-0000-4000-8000-{n:012}"));
        let folder = Folder::parse(segments).expect("a folder");
        Address::new(Arc::new(folder), id.expect("an id"))
    }

    fn shown(address: &Address) -> String {
        let id = address.id().to_string();
        let n = id[24..].trim_start_matches('0');
        format!(
            "{}{n}",
            address.folder().sender().map_or("-", |sender| &sender[..1])
        )
    }

    fn pop_all(queue: &mut Queue, most: usize) -> String {
        let popped: Vec<String> = std::iter::from_fn(|| queue.pop(most))
            .map(|address| shown(&address))
            .collect();
        popped.join(" ")
    }

    #[test]
    fn lines_take_turns() {
        let mut queue = Queue::default();
        for (sender, n) in [(1, 1), (1, 2), (1, 3), (2, 4), (0, 5), (2, 6), (0, 7)] {
            assert_eq!(queue.push(address(sender, n), 100), None);
        }
        assert_eq!(pop_all(&mut queue, 100), "a1 b4 -5 a2 b6 -7 a3");
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn a_sender_has_so_many_called_up_and_others_go_on() {
        let mut queue = Queue::default();
        for (sender, n) in [(1, 1), (1, 2), (1, 3), (2, 4)] {
            queue.push(address(sender, n), 100);
        }
        assert_eq!(pop_all(&mut queue, 2), "a1 b4 a2");
        queue.end(&address(2, 4));
        assert_eq!(pop_all(&mut queue, 2), "");
        queue.end(&address(1, 1));
        assert_eq!(pop_all(&mut queue, 2), "a3");
    }

    #[test]
    fn the_last_of_the_longest_line_goes() {
        let mut queue = Queue::default();
        for (sender, n) in [(1, 1), (1, 2), (2, 3)] {
            assert_eq!(queue.push(address(sender, n), 3), None);
        }
        let dropped = |queue: &mut Queue, sender, n| {
            queue
                .push(address(sender, n), 3)
                .map(|address| shown(&address))
        };
        assert_eq!(dropped(&mut queue, 1, 4).as_deref(), Some("a4"));
        assert_eq!(dropped(&mut queue, 3, 5).as_deref(), Some("a2"));
        assert_eq!(dropped(&mut queue, 2, 6).as_deref(), Some("b6"));
        assert_eq!(pop_all(&mut queue, 9), "a1 b3 c5");
    }

    #[test]
    fn who_comes_last_goes_where_each_has_one() {
        let mut queue = Queue::default();
        assert_eq!(queue.push(address(3, 1), 1), None);
        for (sender, n) in [(1, 2), (2, 3)] {
            let dropped = queue.push(address(sender, n), 1);
            assert_eq!(dropped, Some(address(sender, n)));
        }
        assert_eq!((queue.lines.len(), queue.turns.len()), (1, 1));
        assert_eq!(pop_all(&mut queue, 9), "c1");
    }

    #[test]
    fn suspects_of_all_senders_take_turns() {
        let mut queue = Queue::new(8);
        for (sender, n) in [(1, 1), (1, 2), (1, 3), (2, 4), (3, 5), (2, 6)] {
            queue.set_crashes(&address(sender, n), 2);
            queue.push(address(sender, n), 100);
        }
        let mut order = Vec::new();
        while let Some(next) = queue.pop(100) {
            order.push(shown(&next));
            queue.end(&next);
        }
        assert_eq!(order.join(" "), "a1 b4 c5 a2 b6 a3");
    }

    #[test]
    fn who_is_about_to_be_given_up_runs_alone() {
        let mut queue = Queue::new(8);
        queue.push(address(2, 1), 100);
        assert_eq!(pop_all(&mut queue, 100), "b1");
        queue.set_crashes(&address(1, 2), 6);
        queue.push(address(1, 2), 100);
        queue.push(address(2, 3), 100);
        assert_eq!(pop_all(&mut queue, 100), "", "another is at work");
        queue.end(&address(2, 1));
        assert_eq!(pop_all(&mut queue, 100), "a2");
        queue.end(&address(1, 2));
        assert_eq!(pop_all(&mut queue, 100), "b3");
        // Who was given up does not run.
        queue.set_crashes(&address(1, 4), 8);
        queue.push(address(1, 4), 100);
        assert_eq!(pop_all(&mut queue, 100), "a4");
    }

    #[test]
    fn suspects_are_called_up_by_few_the_least_suspect_first() {
        let mut queue = Queue::new(8);
        for (sender, n, crashes) in [(1, 1, 2), (2, 2, 1), (1, 3, 0), (3, 4, 1), (1, 5, 0)] {
            queue.set_crashes(&address(sender, n), crashes);
            assert_eq!(queue.push(address(sender, n), 100), None);
        }
        assert_eq!(pop_all(&mut queue, 100), "b2 a3 c4 a5");
        queue.end(&address(2, 2));
        assert_eq!(pop_all(&mut queue, 100), "", "others are at work");
        queue.end(&address(3, 4));
        queue.set_crashes(&address(3, 4), 3);
        queue.push(address(3, 4), 100);
        assert_eq!(pop_all(&mut queue, 100), "a1");
        queue.end(&address(1, 1));
        assert_eq!(pop_all(&mut queue, 100), "c4");
    }

    proptest! {
        /// Whatever happens: nothing is lost or given twice, the bound holds, and what
        /// is kept about senders is about those who have something here.
        #[test]
        fn keeps_its_books(steps in prop::collection::vec((0..4_usize, 0..4_u8), 0..200)) {
            let (mut queue, mut waiting, mut active) = (Queue::new(99), vec![], vec![]);
            let mut suspects = std::collections::HashSet::new();
            for (n, (sender, step)) in steps.into_iter().enumerate() {
                match step {
                    0 | 3 => {
                        let new = address(sender, n);
                        if step == 3 {
                            queue.set_crashes(&new, 2 + sender as u32);
                            suspects.insert(new.clone());
                        }
                        waiting.push(new.clone());
                        if let Some(dropped) = queue.push(new, 8) {
                            let at = waiting.iter().position(|address| *address == dropped);
                            waiting.remove(at.expect("it waits"));
                        }
                    }
                    1 => {
                        let is_free = |one: &Address| {
                            let most = if suspects.contains(one) { 1 } else { 2 };
                            let who = queue.who(one);
                            active.iter().filter(|other| queue.who(other) == who).count() < most
                        };
                        let free: Vec<Address> =
                            waiting.iter().filter(|address| is_free(address)).cloned().collect();
                        let popped = queue.pop(2);
                        prop_assert_eq!(popped.is_some(), !free.is_empty());
                        if let Some(popped) = popped {
                            prop_assert!(free.contains(&popped));
                            let at = waiting.iter().position(|address| *address == popped);
                            waiting.remove(at.expect("it waits"));
                            active.push(popped);
                        }
                    }
                    _ if !active.is_empty() => {
                        let ended = active.remove(n % active.len());
                        queue.end(&ended);
                    }
                    _ => {}
                }
                prop_assert_eq!(queue.len(), waiting.len());
                prop_assert!(queue.len() <= 8);
                let here: std::collections::HashSet<Who> =
                    waiting.iter().chain(&active).map(|address| queue.who(address)).collect();
                prop_assert_eq!(queue.lines.len(), here.len());
                let in_line: std::collections::HashSet<Who> =
                    waiting.iter().map(|address| queue.who(address)).collect();
                let n_lines = in_line.len();
                prop_assert_eq!((queue.turns.len(), queue.lengths.len()), (n_lines, n_lines));
            }
        }
    }
}
