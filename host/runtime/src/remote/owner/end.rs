//! The judgement of what a worker says of the end of a call.

use std::time::Instant;

use super::{OwnerSide, PreparedOwner, RuleBroken, RunningCall};
use crate::meter::MemoryWish;
use crate::sandbox::{Answer, Outcome};
use crate::state::Session;
use crate::wire::{CallEnd, OutcomeEnd, WireAnswer, Work};

impl OwnerSide {
    /// Judges the end. Returns the outcome and the state as the call left it, as
    /// `Program::call` does. What is no request and was taken counts as answered.
    ///
    /// # Errors
    /// The worker broke a rule: nothing of the call is kept. It may be given out again.
    pub async fn end(
        self,
        end: CallEnd,
    ) -> Result<(Outcome, Session), (RuleBroken, PreparedOwner)> {
        if Instant::now() >= self.deadline() {
            return Ok(self.time_out().await);
        }
        let said = self.broken().map_or(Ok(()), Err);
        let said = said.and_then(|()| self.call.take_lines(end.lines.clone()));
        let mut session = self.call.finish().await;
        let judged = match said {
            Ok(()) => self.judge(end, &mut session).await,
            Err(broken) => Err(broken),
        };
        match judged {
            Ok(outcome) => Ok((outcome, session)),
            Err(broken) => Err((broken, self.prepare_again(session))),
        }
    }

    async fn judge(&self, end: CallEnd, session: &mut Session) -> Result<Outcome, RuleBroken> {
        let call = &*self.call;
        let outcome = call.outcome(end.outcome, &self.work)?;
        let has_ended_well = matches!(outcome, Outcome::Answered(_));
        let changes_something = !end.writes.is_empty() || !end.files.is_empty();
        if changes_something && !has_ended_well {
            return Err(call.break_rule("a call that did not end well changed something"));
        }
        let written = session.take_writes(end.writes);
        written.map_err(|error| call.break_rule(format!("a write is refused: {error}")))?;
        let changed = call.files.apply(end.files);
        if let Some(effects) = changed.map_err(|why| call.break_rule(why))? {
            session.also_do(effects);
        }
        session.also_send(call.messages.lock().await.take_queued());
        Ok(outcome)
    }
}

impl RunningCall {
    /// Returns an outcome with the limits that there are here, and without secrets.
    fn outcome(&self, end: OutcomeEnd, work: &Work) -> Result<Outcome, RuleBroken> {
        let limits = &self.limits;
        let is_request = matches!(work, Work::Request(_));
        let wish = |wanted: u64| MemoryWish {
            limit: limits.memory_bytes,
            wanted: usize::try_from(wanted).unwrap_or(usize::MAX),
        };
        Ok(match end {
            OutcomeEnd::Answered(answer) if is_request => self.answered(answer),
            OutcomeEnd::InvalidArguments(message) if is_request => {
                Outcome::InvalidArguments(self.masked(&message))
            }
            OutcomeEnd::Taken if !is_request => Outcome::Answered(Answer {
                status: 200,
                headers: Vec::new(),
                body: None,
            }),
            OutcomeEnd::Answered(_) | OutcomeEnd::InvalidArguments(_) | OutcomeEnd::Taken => {
                return Err(self.break_rule("a call ended as none of its kind can"));
            }
            OutcomeEnd::Failed {
                kind,
                message,
                handler,
                wanted,
            } => Outcome::Failed {
                kind: self.masked(&kind),
                message: self.masked(&message),
                handler: self.masked(&handler),
                refused: wanted.map(wish),
            },
            OutcomeEnd::TimedOut => Outcome::TimedOut(limits.time),
            OutcomeEnd::OutOfMemory { wanted } => Outcome::OutOfMemory(wish(wanted)),
            OutcomeEnd::TooMuchHeld => Outcome::TooMuchHeld(limits.held_bytes),
            OutcomeEnd::Exhausted => Outcome::Exhausted,
            OutcomeEnd::TooMuchOutput => Outcome::TooMuchOutput(limits.output_bytes),
            OutcomeEnd::TooMuchData => Outcome::TooMuchData(limits.hostcall_bytes),
            OutcomeEnd::Trapped(why) => Outcome::Trapped(self.masked(&why)),
        })
    }

    /// Takes an answer as one of a guest that is here, which passes no more than so much at once.
    fn answered(&self, answer: WireAnswer) -> Outcome {
        let most = self.limits.hostcall_bytes;
        let headers = answer.headers.iter();
        let headers = headers.map(|(name, value)| name.len() + value.len());
        let bytes = headers.sum::<usize>() + answer.body.as_ref().map_or(0, Vec::len);
        if bytes > most {
            return Outcome::TooMuchData(most);
        }
        Outcome::Answered(Answer {
            status: answer.status,
            headers: answer.headers,
            body: answer.body,
        })
    }

    fn masked(&self, text: &str) -> String {
        self.environment.mask(text).into_owned()
    }
}
