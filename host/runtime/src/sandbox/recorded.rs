//! The beginning and the end of a call that is recorded.

use super::Outcome;
use crate::capability::CallAccess;
use crate::capability::files::Guard;
use crate::meter::Meter;
use crate::recording::{RecordedAnswer, RecordedEnd, RecordedRequest, Recorder};
use crate::wit::rpc;

/// A call that is recorded.
pub(super) struct RecordedCall {
    recorder: Recorder,
    files: Guard,
}

impl RecordedCall {
    pub(super) fn begin(recorder: &Recorder, request: &rpc::Request, access: &CallAccess) -> Self {
        let environment = &access.environment;
        recorder.begin(
            RecordedRequest::new(request),
            environment.shown(),
            environment.secrets(),
        );
        Self {
            recorder: recorder.clone(),
            files: access.files.clone(),
        }
    }

    pub(super) fn end(self, outcome: &Outcome, meter: &Meter) {
        self.files.note_left();
        let answer = match outcome {
            Outcome::Answered(answer) => Some(RecordedAnswer {
                status: answer.status,
                headers: answer.headers.clone(),
                body: answer.body.as_deref().map(Into::into),
            }),
            _ => None,
        };
        self.recorder.end(RecordedEnd {
            outcome: outcome.name().to_owned(),
            detail: outcome.detail(),
            trace: outcome.trace().map(str::to_owned),
            answer,
            memory_bytes: meter.most_taken(),
            ..RecordedEnd::default()
        });
    }
}
