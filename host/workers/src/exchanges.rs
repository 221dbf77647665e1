//! The questions of one process of a worker, as the owner's host has them: each is put together
//! of its parts, answered once, and its answer kept until the worker has it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::frame::{FrameAnswer, MOST_PARTS, PART_BYTES, n_parts, part_of};

/// Questions that one process has open. Each call that it runs asks a few at a time.
const MOST_OPEN: usize = 2_048;

/// Questions that are known to have ended, beside those with low numbers. What comes of one that
/// ended long before could be taken for a new one; connections keep their order, so none does.
const MOST_ENDED: usize = 65_536;

/// What is held for all processes of a worker: parts of questions, and answers.
pub const MOST_HELD: usize = 256 << 20;

/// How long a question is left without any answer. A server forgets after two minutes where an
/// answer is to go.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// The questions of one process of a worker.
#[derive(Default)]
pub struct Exchanges {
    open: BTreeMap<u64, Exchange>,
    done_below: u64,
    /// Others of which the worker has the answers.
    ended: BTreeSet<u64>,
    held: usize,
}

/// What a worker says of its questions with a part of one.
#[derive(Debug, Clone, Copy)]
pub struct Numbers<'a> {
    /// The question.
    pub id: u64,
    /// It has the answers to all with lower numbers.
    pub done_below: u64,
    /// And to these.
    pub done: &'a [u64],
}

enum Exchange {
    /// Parts of the question have arrived.
    Gathering {
        of: u32,
        next: u32,
        bytes: Vec<u8>,
    },
    /// It is being answered.
    Working(Option<Waits>),
    Done(Bytes),
}

/// Where the first part of an answer is to go, and since when.
struct Waits {
    reply_to: String,
    since: Instant,
}

/// What becomes of something that a worker has sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// This is the answer.
    Answer(FrameAnswer),
    /// It will be answered.
    Later,
    /// A question is there as a whole. It will be answered by [`Exchanges::done`].
    Question(Vec<u8>),
}

impl Exchanges {
    /// Returns how many bytes are held.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Takes a part of a question. Other processes of the worker hold so many bytes.
    pub fn part(
        &mut self,
        now: Instant,
        numbers: Numbers<'_>,
        (part, of): (u32, u32),
        bytes: &[u8],
        reply_to: &str,
        others_hold: usize,
    ) -> Taken {
        let id = numbers.id;
        self.forget(numbers);
        let refused = |why: &str| Taken::Answer(FrameAnswer::Refused(why.to_owned()));
        if id < self.done_below || self.ended.contains(&id) {
            return refused("the worker said that it has the answer");
        }
        if of == 0 || of > MOST_PARTS || part >= of || bytes.len() > PART_BYTES {
            return refused("a question has at most 256 parts of 512 KiB");
        }
        if part + 1 < of && bytes.len() < PART_BYTES {
            return refused("a part is full, but for the last one");
        }
        let is_new = !self.open.contains_key(&id);
        if is_new && self.open.len() >= MOST_OPEN {
            return refused("too many questions are open");
        }
        if self.held + others_hold + bytes.len() > MOST_HELD {
            return refused("too much is held for this worker");
        }
        let exchange = self.open.entry(id).or_insert_with(|| Exchange::Gathering {
            of,
            next: 0,
            bytes: Vec::new(),
        });
        let Exchange::Gathering {
            of: expected,
            next,
            bytes: gathered,
        } = exchange
        else {
            return self.rest(now, id, 0, reply_to);
        };
        if *expected != of {
            return refused("the question has another number of parts");
        }
        match part.cmp(next) {
            std::cmp::Ordering::Less => return Taken::Answer(FrameAnswer::More),
            std::cmp::Ordering::Greater => return Taken::Answer(FrameAnswer::Unknown),
            std::cmp::Ordering::Equal => {}
        }
        gathered.extend_from_slice(bytes);
        self.held += bytes.len();
        *next += 1;
        if *next < of {
            return Taken::Answer(FrameAnswer::More);
        }
        let question = std::mem::take(gathered);
        self.held -= question.len();
        *exchange = Exchange::Working(Some(Waits {
            reply_to: reply_to.to_owned(),
            since: now,
        }));
        Taken::Question(question)
    }

    /// Returns a part of an answer.
    pub fn rest(&mut self, now: Instant, id: u64, part: u32, reply_to: &str) -> Taken {
        match self.open.get_mut(&id) {
            None | Some(Exchange::Gathering { .. }) => Taken::Answer(FrameAnswer::Unknown),
            // Of one that is sent again the last one is listened to.
            Some(Exchange::Working(waits)) => {
                *waits = Some(Waits {
                    reply_to: reply_to.to_owned(),
                    since: now,
                });
                Taken::Later
            }
            Some(Exchange::Done(answer)) => {
                let none = || FrameAnswer::Refused("the answer has no such part".to_owned());
                Taken::Answer(part_answer(answer, part).unwrap_or_else(none))
            }
        }
    }

    /// Takes the answer to a question. Returns its first part and where that is to go.
    pub fn done(&mut self, id: u64, answer: Vec<u8>) -> Option<(String, FrameAnswer)> {
        let exchange = self.open.get_mut(&id)?;
        let Exchange::Working(waits) = exchange else {
            return None;
        };
        let waits = waits.take();
        let answer = Bytes::from(answer);
        let first = part_answer(&answer, 0)?;
        self.held += answer.len();
        *exchange = Exchange::Done(answer);
        waits.map(|waits| (waits.reply_to, first))
    }

    /// Returns where somebody has waited for so long that they are to ask again.
    pub fn overdue(&mut self, now: Instant) -> Vec<String> {
        let mut overdue = Vec::new();
        for exchange in self.open.values_mut() {
            if let Exchange::Working(waits) = exchange {
                let late = waits.take_if(|waits| now >= waits.since + ANSWER_WITHIN);
                overdue.extend(late.map(|waits| waits.reply_to));
            }
        }
        overdue
    }

    fn forget(&mut self, numbers: Numbers<'_>) {
        for id in numbers.done {
            if let Some(exchange) = self.open.remove(id) {
                self.held -= exchange.held();
                self.ended.insert(*id);
            }
        }
        while self.ended.len() > MOST_ENDED {
            self.ended.pop_first();
        }
        if numbers.done_below <= self.done_below {
            return;
        }
        self.done_below = numbers.done_below;
        self.ended = self.ended.split_off(&self.done_below);
        let kept = self.open.split_off(&self.done_below);
        for exchange in std::mem::replace(&mut self.open, kept).into_values() {
            self.held -= exchange.held();
        }
    }
}

impl Exchange {
    fn held(&self) -> usize {
        match self {
            Self::Gathering { bytes, .. } => bytes.len(),
            Self::Working(_) => 0,
            Self::Done(answer) => answer.len(),
        }
    }
}

fn part_answer(answer: &[u8], part: u32) -> Option<FrameAnswer> {
    let bytes = part_of(answer, part)?.to_vec();
    let of = n_parts(answer.len());
    Some(FrameAnswer::Part { of, bytes })
}

#[cfg(test)]
mod tests;
