//! Calls of apps that act by the clock.

use std::sync::Arc;

use super::{CallName, Outcome, Program, Taken, failed};
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
        let access = self.access(&AppAccess::default(), None, identity, &name, meter, None);
        let state = Session::new(None, &self.limits);
        let (schedules, ..) = self
            .within_limits(identity, meter, access, state, name, async |store, app| {
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
        let Some(exports) = &self.exports.scheduled else {
            let outcome = Outcome::Trapped("the app has no schedules".to_owned());
            return (Err(outcome), state);
        };
        let name = CallName::of_due(identity, due);
        // Nobody is behind it on whose behalf it could read.
        let access = self.access(access, None, identity, &name, meter, None);
        let environment = Arc::clone(&access.environment);
        let (taken, state, _) = self
            .within_limits(identity, meter, access, state, name, async |store, app| {
                let on_due = app.get_typed_func::<_, (Taken,)>(&mut *store, exports.on_due)?;
                let (taken,) = on_due.call_async(store, (due,)).await?;
                Ok(taken)
            })
            .await;
        let taken =
            taken.and_then(|taken| taken.map_err(|failure| failed(failure, &environment, meter)));
        (taken, state)
    }
}
