//! Writing down what was told without a call.

use std::sync::Arc;
use std::time::Instant;

use super::{FileEvents, Step, TROUBLE, send};
use crate::state::{Note, StoreError};

impl FileEvents {
    pub(super) fn note(&mut self, note: Note) {
        if let Note::Told(_, change) = &note {
            self.unwritten.insert(Arc::clone(&change.path));
        }
        self.notes.push(note);
    }

    pub(super) fn write_notes(&mut self) {
        let mut silent = Vec::new();
        for (number, told) in &mut self.watches {
            let changes = told.take_silent().into_iter();
            silent.extend(changes.map(|change| Note::Told(*number, change)));
        }
        for note in silent {
            self.note(note);
        }
        if self.is_writing || self.notes.is_empty() || self.paused_until.is_some() {
            return;
        }
        self.is_writing = true;
        let notes = std::mem::take(&mut self.notes);
        let (runner, sender) = (Arc::clone(&self.runner), self.sender.clone());
        tokio::spawn(async move {
            let result = runner.app.state().note(notes.clone()).await;
            drop(runner);
            send(&sender, Step::Noted(result, notes));
        });
    }

    pub(super) fn take_noted(&mut self, result: Result<(), StoreError>, notes: Vec<Note>) {
        self.is_writing = false;
        let later = std::mem::take(&mut self.notes);
        self.unwritten.clear();
        if let Err(error) = result {
            tracing::error!("trying again later: {error}");
            self.paused_until = Some(Instant::now() + TROUBLE);
            for note in notes {
                self.note(note);
            }
        }
        for note in later {
            self.note(note);
        }
    }
}
