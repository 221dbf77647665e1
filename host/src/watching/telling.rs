//! Telling the app, and what becomes of events that it does not take.

use std::sync::Arc;
use std::time::{Duration, Instant};

use syft_protocol::watching::{Event, Failed};
use tracing::Instrument;
use uuid::Uuid;

use super::parked::ParkedEvent;
use super::{Step, TROUBLE, Watching, now_micros, send};
use crate::app::CallError;
use crate::parked::{Asked, MAX_PARKED, Shelf};
use crate::sandbox::Outcome;
use crate::state::{Attempts, Note, WatchNumber};
use crate::suspension::{self, CRASHES_BEFORE_ALONE};

/// Events that failed and are remembered by their number of attempts.
const MAX_ATTEMPTS: usize = 20_000;

impl Watching {
    /// Half of the calls at a time are for requests alone.
    fn most_running(&self) -> usize {
        (self.runner.app.limits().concurrency / 2).max(1)
    }

    /// Tells whether anything can be told now.
    pub(super) fn can_tell(&self) -> bool {
        self.running.len() < self.most_running() && self.paused_until.is_none()
    }

    pub(super) fn tell_all(&mut self) {
        let now = Instant::now();
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
        }
        while self.can_tell() {
            let Some((index, event)) = self.next_event(now) else {
                return;
            };
            self.tell(index, event);
        }
    }

    /// Returns the next event, of each watch in turn.
    fn next_event(&mut self, now: Instant) -> Option<(usize, Event)> {
        let (busy, unwritten, deeds) = (&self.busy, &self.unwritten, &self.deeds);
        let is_busy =
            |path: &str| busy.contains(path) || unwritten.contains(path) || deeds.are_on(path);
        let n_watches = self.watches.len();
        for _ in 0..n_watches {
            let index = self.turn % n_watches;
            self.turn = index + 1;
            let (_, told) = &mut self.watches[index];
            if let Some(event) = told.next(&self.sights, now, is_busy) {
                return Some((index, event));
            }
        }
        None
    }

    fn tell(&mut self, index: usize, mut event: Event) {
        let (number, _) = self.watches[index];
        let id = self.id(number, &event);
        if let Some(attempts) = self.attempts.get(&id) {
            event.attempt = event.attempt.max(attempts.n_failed + 1);
            if attempts.n_failed >= self.options.retry.attempts {
                // The last time it did not fail, else it were parked: the host crashed.
                event.attempt = attempts.n_failed;
                let outcome = Outcome::Trapped("the host crashed while it was told".to_owned());
                return self.take_failure(index, &event, id, &outcome);
            }
        }
        let mut notes = told_notes(number, &event);
        if event.attempt > 1 {
            notes.push(Note::Attempts(id, None));
        }
        self.busy
            .extend(event.changes().into_iter().map(|it| it.path));
        let key = self.next_key;
        self.next_key += 1;
        let (runner, sender) = (Arc::clone(&self.runner), self.sender.clone());
        let told_event = event.clone();
        let telling = async move {
            let _alone = match told_event.attempt {
                ..=CRASHES_BEFORE_ALONE => None,
                _ => Some(suspension::alone().await),
            };
            let slots = Arc::clone(&runner.slots);
            let _slot = slots.acquire_owned().await;
            let _entry = runner.journal.event(id);
            let start = Instant::now();
            let told = runner.app.tell(id, index, &told_event, &notes).await;
            (told, start.elapsed())
        };
        let task = tokio::spawn(telling.in_current_span());
        tokio::spawn(async move {
            // A panic of the host's own is no reason to tell the app no more.
            let (told, took) = task.await.unwrap_or_else(|error| {
                let outcome = Outcome::Trapped(error.to_string());
                (Ok(Err(outcome)), Duration::ZERO)
            });
            send(&sender, Step::Told(key, told, took));
        });
        self.running.insert(key, (index, event));
    }

    fn id(&self, number: WatchNumber, event: &Event) -> Uuid {
        let app = &self.runner.app;
        let scope = format!("{}/{}/{number}", app.datasite(), app.name());
        event.id(scope.as_bytes())
    }

    pub(super) fn take_result(
        &mut self,
        key: u64,
        result: Result<Result<(), Outcome>, CallError>,
        took: Duration,
    ) {
        let Some((index, event)) = self.running.remove(&key) else {
            return;
        };
        for change in event.changes() {
            self.busy.remove(&change.path);
        }
        let (number, _) = self.watches[index];
        let id = self.id(number, &event);
        let (kind, path, ms) = (event.kind.as_str(), &*event.path, took.as_secs_f64() * 1e3);
        match result {
            Ok(Ok(())) => {
                tracing::info!(%id, event = kind, path, ms, "taken");
                self.attempts.remove(&id);
                self.watches[index].1.done(&self.sights, &event);
            }
            Ok(Err(outcome)) => {
                let mut event = event.clone();
                self.rebase(&mut event);
                self.take_failure(index, &event, id, &outcome);
            }
            Err(error) => {
                tracing::error!(%id, event = kind, path, "telling it again later: {error}");
                self.paused_until = Some(Instant::now() + TROUBLE);
            }
        }
    }

    fn take_failure(&mut self, index: usize, event: &Event, id: Uuid, outcome: &Outcome) {
        let (name, detail) = (outcome.name(), outcome.detail().unwrap_or_default());
        let (kind, path, attempt) = (event.kind.as_str(), &*event.path, event.attempt);
        let (_, told) = &mut self.watches[index];
        match told.failed(&self.sights, Instant::now(), event) {
            Failed::Later(delay) => {
                tracing::warn!(%id, event = kind, path, attempt, detail, ?delay, "{name}");
                let attempts = Attempts {
                    n_failed: attempt,
                    at: now_micros(),
                };
                self.attempts.insert(id, attempts);
                self.note(Note::Attempts(id, Some(attempts)));
                self.bound_attempts();
            }
            Failed::Outdated => {
                tracing::warn!(%id, event = kind, path, attempt, detail, "{name}, and out of date");
                if self.attempts.remove(&id).is_some() {
                    self.note(Note::Attempts(id, None));
                }
            }
            Failed::GivenUp => {
                tracing::error!(%id, event = kind, path, attempt, detail, "{name}, given up: parked");
                self.park(index, event, id, &detail);
            }
        }
    }

    /// Forgets the attempts of events that did not come up again, before there are too
    /// many: whoever changes a file again and again makes ever new ones.
    fn bound_attempts(&mut self) {
        if self.attempts.len() <= MAX_ATTEMPTS {
            return;
        }
        let mut times: Vec<i64> = self.attempts.values().map(|it| it.at).collect();
        let half = times.len() / 2;
        let (_, middle, _) = times.select_nth_unstable(half);
        let oldest = *middle;
        let old: Vec<Uuid> = self
            .attempts
            .extract_if(|_, it| it.at < oldest)
            .map(|(id, _)| id)
            .collect();
        for id in old {
            self.note(Note::Attempts(id, None));
        }
    }

    fn park(&mut self, index: usize, event: &Event, id: Uuid, detail: &str) {
        let (number, told) = &mut self.watches[index];
        told.done(&self.sights, event);
        for note in told_notes(*number, event) {
            self.note(note);
        }
        self.note(Note::Attempts(id, None));
        self.attempts.remove(&id);
        let patterns = &self.runner.app.watches().all()[index].patterns;
        let parked = ParkedEvent::new(id, patterns, event, detail.to_owned(), now_micros());
        self.note(Note::Parked(id, Some(parked.text())));
        self.parked.insert(id, parked);
        if self.parked.len() > MAX_PARKED
            && let Some((oldest, at)) = self
                .parked
                .iter()
                .map(|(id, it)| (*id, it.at))
                .min_by_key(|it| it.1)
        {
            tracing::warn!(id = %oldest, at, "too many events are parked: the oldest is dropped");
            self.unpark(oldest);
        }
        self.list_parked();
    }

    fn unpark(&mut self, id: Uuid) -> Option<ParkedEvent> {
        let parked = self.parked.remove(&id)?;
        self.note(Note::Parked(id, None));
        Some(parked)
    }

    /// Does with parked events what somebody asked for.
    pub(super) fn see_to_asked(&mut self) {
        let shelf = Shelf::events(&self.options.folder);
        let all = shelf.asked();
        if all.is_empty() {
            return;
        }
        for (id, asked) in all {
            let found = self.unpark(id);
            if let (Some(parked), Asked::Retry) = (found, asked) {
                self.tell_again(&parked);
            }
            tracing::info!(%id, ?asked, "asked for");
            shelf.done(id, asked);
        }
        self.list_parked();
    }

    /// Has a watch know what it knew before an event, so that it comes up again as far
    /// as it is still so.
    fn tell_again(&mut self, parked: &ParkedEvent) {
        let watches = self.runner.app.watches().all();
        let Some(index) = watches.iter().position(|it| it.patterns == parked.watch) else {
            return tracing::warn!(id = parked.id, "the app no longer has this watch");
        };
        let (number, told) = &mut self.watches[index];
        let (number, undone) = (*number, parked.undone());
        for change in &undone {
            told.know(change);
        }
        for change in &undone {
            told.changed(&self.sights, &change.path);
        }
        for change in undone {
            self.note(Note::Told(number, change));
        }
    }

    pub(super) fn list_parked(&self) {
        let mut parked: Vec<&ParkedEvent> = self.parked.values().collect();
        parked.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        if let Err(error) = Shelf::events(&self.options.folder).write(&parked) {
            tracing::error!("cannot list the parked events: {error}");
        }
    }
}

fn told_notes(number: WatchNumber, event: &Event) -> Vec<Note> {
    let changes = event.changes().into_iter();
    changes.map(|change| Note::Told(number, change)).collect()
}
