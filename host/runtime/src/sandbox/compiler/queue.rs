//! Who compiles next: few at a time, and of each author one. Authors take turns.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Compilers that run at one time.
const AT_A_TIME: usize = 2;

static QUEUE: Mutex<Option<Queue>> = Mutex::new(None);

/// Those who compile and those who wait for it.
#[derive(Default)]
struct Queue {
    running: HashSet<String>,
    /// In the order in which they came.
    waiting: Vec<(String, oneshot::Sender<Turn>)>,
    /// The number of the last turn of each author who waits or runs.
    last_turns: HashMap<String, u64>,
    n_turns: u64,
}

/// The right to compile, until it is dropped.
#[must_use]
pub struct Turn {
    author: String,
}

/// Waits for the turn of an author.
pub async fn turn(author: &str) -> Turn {
    let (sender, receiver) = oneshot::channel();
    {
        let mut queue = queue();
        let queue = queue.get_or_insert_default();
        queue.wait(author, sender);
        queue.go_on();
    }
    receiver.await.expect("whoever waits gets a turn")
}

fn queue() -> MutexGuard<'static, Option<Queue>> {
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Queue {
    /// Puts somebody in line. Who is new comes after those whose turn is longer ago.
    fn wait(&mut self, author: &str, sender: oneshot::Sender<Turn>) {
        let now = self.n_turns;
        self.last_turns.entry(author.to_owned()).or_insert(now);
        self.waiting.push((author.to_owned(), sender));
    }

    /// Gives turns to as many as may have one.
    fn go_on(&mut self) {
        while let Some(author) = self.next() {
            let at = self
                .waiting
                .iter()
                .position(|(waiting, _)| *waiting == author);
            let Some((_, sender)) = at.map(|at| self.waiting.remove(at)) else {
                return;
            };
            self.n_turns += 1;
            self.last_turns.insert(author.clone(), self.n_turns);
            self.running.insert(author.clone());
            // A caller that gave up waiting returns the turn at once.
            if let Err(turn) = sender.send(Turn { author }) {
                self.end(&turn.author);
                std::mem::forget(turn);
            }
        }
    }

    /// Returns the author whose last turn is the longest ago, of those who may have one.
    fn next(&self) -> Option<String> {
        if self.running.len() >= AT_A_TIME {
            return None;
        }
        let authors = self.waiting.iter().map(|(author, _)| author);
        let free = authors.filter(|author| !self.running.contains(*author));
        free.min_by_key(|author| self.last_turns.get(*author).copied().unwrap_or_default())
            .cloned()
    }

    fn end(&mut self, author: &str) {
        self.running.remove(author);
        // Authors with nothing to compile are forgotten.
        let waiting: HashSet<&str> = (self.waiting.iter())
            .map(|(author, _)| author.as_str())
            .collect();
        self.last_turns
            .retain(|author, _| waiting.contains(author.as_str()) || self.running.contains(author));
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut queue = queue();
        let queue = queue.get_or_insert_default();
        queue.end(&self.author);
        queue.go_on();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// One author compiles for long, and others come: they are served one after the other, each
    /// author in turn, and whoever gave up is in nobody's way.
    #[tokio::test]
    async fn authors_take_turns() {
        let (held, other) = (turn("slow").await, turn("other").await);
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for author in ["a", "a", "a", "slow", "b", "gone", "c"] {
            let order = Arc::clone(&order);
            let task = tokio::spawn(async move {
                let _turn = turn(author).await;
                order.lock().expect("a lock").push(author);
                tokio::task::yield_now().await;
            });
            tokio::task::yield_now().await;
            match author {
                "gone" => task.abort(),
                _ => tasks.push((author, task)),
            }
        }
        drop(other);
        for (author, task) in tasks.drain(..).filter(|(author, _)| *author != "slow") {
            task.await
                .unwrap_or_else(|error| panic!("{author}: {error}"));
        }
        let served = order.lock().expect("a lock").clone();
        assert_eq!(served.len(), 5, "{served:?}");
        drop(held);
        // The one who waited for itself.
        drop(turn("slow").await);
        let before = order.lock().expect("a lock").len();
        assert_eq!(before, 6);
    }

    #[test]
    fn the_one_who_waited_longest_for_a_turn_is_next() {
        let mut queue = Queue::default();
        for author in ["a", "a", "a", "b", "b", "c"] {
            let (sender, receiver) = oneshot::channel();
            queue.wait(author, sender);
            // It is never looked at here.
            std::mem::forget(receiver);
        }
        let mut order = Vec::new();
        queue.go_on();
        assert_eq!(queue.running.len(), 2);
        while !queue.running.is_empty() {
            let mut running: Vec<String> = queue.running.iter().cloned().collect();
            running.sort_by_key(|author| queue.last_turns[author]);
            order.push(running[0].clone());
            queue.end(&running[0]);
            queue.go_on();
        }
        assert_eq!(order, ["a", "b", "c", "a", "b", "a"]);
    }
}
