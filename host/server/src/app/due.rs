//! Calls that are due.

use syft_protocol::due_calls::{DueKind, DueRun};

use super::{App, CallError, guest_values};
use syft_runtime::sandbox::{Admission, Outcome};
use syft_runtime::state::Session;

impl App {
    /// Makes a call that is due. If it ends well, what it wrote to its state is kept, and the
    /// call is no longer kept as due.
    ///
    /// # Errors
    /// The host cannot load the app, or keep that. Nothing of the call was kept.
    pub(crate) async fn run_due(&self, run: &DueRun) -> Result<Result<(), Outcome>, CallError> {
        match &run.call.kind {
            DueKind::Schedule { name } => self.run_schedule(run, name).await,
            DueKind::Reply { .. } => Ok(Err(Outcome::Trapped(
                "the app takes no replies".to_owned(),
            ))),
        }
    }

    async fn run_schedule(
        &self,
        run: &DueRun,
        name: &str,
    ) -> Result<Result<(), Outcome>, CallError> {
        let program = self.loaded.program.program().await?;
        let (identity, access) = (&self.loaded.identity, &self.access);
        let due = guest_values::due(run, name);
        let attempt = async |admission| {
            let meter = program.admit(admission).await;
            let call = |mut state: Session| {
                state.also_end_due(run.call.id);
                program.on_due(identity, &meter, access, state, &due)
            };
            let ran = self.state.transact(self.limits(), call, Result::is_ok);
            ran.await
        };
        match attempt(Admission::Usual).await? {
            Err(Outcome::Exhausted) => {
                self.log_exhausted(run.call.id);
                Ok(attempt(Admission::Full).await?)
            }
            ran => Ok(ran),
        }
    }
}
