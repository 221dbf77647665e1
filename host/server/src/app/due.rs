//! Calls that are due.

use syft_protocol::due_calls::{DueKind, DueRecord, DueRun};
use syft_protocol::outbox::ReplyTo;
use uuid::Uuid;

use super::{App, CallError, GuestCall, TakenCall, guest_values};
use syft_runtime::state::{KeptOutcome, Session, StoreError};
use syft_runtime::wit::replies::Reply;

impl App {
    /// Makes a call that is due. If it ends well, what it wrote to its state is kept, and the
    /// call is no longer kept as due.
    ///
    /// # Errors
    /// The host cannot load the app, or keep that. Nothing of the call was kept.
    pub(crate) async fn run_due(&self, run: &DueRun) -> Result<TakenCall, CallError> {
        match &run.call.kind {
            DueKind::Schedule { name } => {
                let due = guest_values::due(run, name);
                let begin = |state: &mut Session| state.also_end_due(run.call.id);
                self.take(&GuestCall::Due(&due), begin).await
            }
            DueKind::Reply { message, .. } => self.hand_over_reply(run, *message).await,
        }
    }

    /// Tells the app what became of a message, of which nothing is kept then.
    async fn hand_over_reply(&self, run: &DueRun, message: Uuid) -> Result<TakenCall, CallError> {
        let Some(reply) = self.reply(run, message)? else {
            // The app was told before.
            let forget = DueRecord::Call(run.call.id, None);
            self.state.record_due(vec![forget]).await?;
            return Ok(TakenCall {
                taken: Ok(()),
                worker: None,
            });
        };
        let begin = |state: &mut Session| {
            state.also_end_due(run.call.id);
            state.also_handle_reply(message);
        };
        self.take(&GuestCall::Reply(&reply), begin).await
    }

    /// Returns what became of a message, if that is kept.
    fn reply(&self, run: &DueRun, message: Uuid) -> Result<Option<Reply>, StoreError> {
        let (Some(kept), KeptOutcome::Ended(outcome)) = (
            self.state.message_without_body(message)?,
            self.state.outcome(message)?,
        ) else {
            return Ok(None);
        };
        let Some(ReplyTo { handler, context }) = kept.message.reply_to else {
            return Ok(None);
        };
        Ok(Some(Reply {
            message_id: message.to_string(),
            url: kept.message.url.as_str().to_owned(),
            handler,
            context,
            outcome: outcome.into(),
            attempt: run.attempt,
        }))
    }
}
