//! Calls of apps that act by the clock.

use super::handlers::TakenCall;
use super::{CallName, Outcome, Program, Ready};
use crate::capability::{AppAccess, AppIdentity};
use crate::meter::Meter;
use crate::state::Session;
use crate::wit::schedules;

impl Program {
    /// Asks it for its schedules, in an instance of its own.
    ///
    /// # Errors
    /// The guest gave no answer; the outcome says why.
    pub async fn schedules(
        &self,
        identity: &AppIdentity,
        meter: &Meter,
    ) -> Result<Vec<schedules::Schedule>, Outcome> {
        let Some(exports) = &self.exports.scheduled else {
            return Ok(Vec::new());
        };
        let name = CallName::of_host(identity, "schedules");
        let state = Session::new(None, &self.limits);
        let ready = self.ready_alone((identity, meter), &AppAccess::default(), state, name);
        let (schedules, ..) = self
            .within_limits(ready, async |store, app| {
                let schedules = app.get_typed_func(&mut *store, exports.schedules)?;
                let (schedules,) = schedules.call_async(store, ()).await?;
                Ok(schedules)
            })
            .await;
        schedules
    }

    /// Has it do what is due, in a fresh instance. Returns the outcome, and the state as the
    /// call left it; nothing of that is kept yet.
    pub async fn on_due(
        &self,
        identity: &AppIdentity,
        meter: &Meter,
        access: &AppAccess,
        state: Session,
        due: &schedules::Due,
    ) -> (Result<(), Outcome>, Session) {
        let name = CallName::of_due(identity, due);
        let ready = self.ready_alone((identity, meter), access, state, name);
        let (taken, state, _) = self.take_due(ready, due).await;
        (taken, state)
    }

    pub(super) async fn take_due(&self, ready: Ready<'_>, due: &schedules::Due) -> TakenCall {
        let export = self.exports.scheduled.as_ref();
        let export = export
            .map(|scheduled| scheduled.on_due)
            .ok_or("the app has no schedules");
        self.take(ready, export, (due,)).await
    }
}
