//! A component that fits our world, and what it says of itself.

use syft_manifest::{Limits, WantedSchedule};
use syft_protocol::address::{AppName, Datasite};
use thiserror::Error;

use super::guest_values;
use super::schedules::{Schedules, SchedulesError};
use super::watches::{Watches, WatchesError};
use crate::router::{Router, RouterError};
use syft_runtime::capability::AppIdentity;
use syft_runtime::program_cache::{ProgramError, ProgramSource};
use syft_runtime::sandbox::Admission;

/// An app without its files and its state. Nothing of its own was touched yet, so an older
/// release of it may run meanwhile.
pub struct LoadedApp {
    pub(super) name: AppName,
    pub(super) datasite: Datasite,
    pub(super) identity: AppIdentity,
    pub(super) program: ProgramSource,
    /// It is told what becomes of messages.
    pub(super) takes_replies: bool,
    pub(super) router: Router,
    pub(super) watches: Watches,
    pub(super) schedules: Schedules,
}

/// Why a component could not be made an app.
#[derive(Debug, Error)]
pub enum AppError {
    /// There is no program.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// It did not say which endpoints it has.
    #[error("the app did not name its endpoints: {0}")]
    Silent(String),
    /// Its endpoints cannot be served.
    #[error(transparent)]
    Router(#[from] RouterError),
    /// It did not say what it watches.
    #[error("the app did not say what it watches: {0}")]
    Unwatching(String),
    /// What it watches cannot be watched.
    #[error(transparent)]
    Watches(#[from] WatchesError),
    /// It did not say what it does by the clock.
    #[error("the app did not name its schedules: {0}")]
    Unscheduled(String),
    /// Its schedules cannot be.
    #[error(transparent)]
    Schedules(#[from] SchedulesError),
}

impl LoadedApp {
    /// Asks a program for its endpoints, for what it watches and for its schedules, of which its
    /// manifest may say more.
    ///
    /// # Errors
    /// See [`AppError`].
    pub async fn ask(
        program: ProgramSource,
        name: AppName,
        datasite: Datasite,
        wanted: &[WantedSchedule],
    ) -> Result<Self, AppError> {
        let identity = guest_values::identity(&name, &datasite);
        let guard = program.program().await?;
        let meter = guard.admit(Admission::Full).await;
        let endpoints = guard
            .endpoints(&identity, &meter)
            .await
            .map_err(|outcome| AppError::Silent(outcome.detail().unwrap_or_default()))?;
        let watches = guard
            .watches(&identity, &meter)
            .await
            .map_err(|outcome| AppError::Unwatching(outcome.detail().unwrap_or_default()))?;
        let watches = Watches::new(watches, &datasite, &name)?;
        let schedules = guard
            .schedules(&identity, &meter)
            .await
            .map_err(|outcome| AppError::Unscheduled(outcome.detail().unwrap_or_default()))?;
        let schedules = Schedules::new(schedules, wanted)?;
        if endpoints.is_empty() && watches.is_empty() && schedules.is_empty() {
            return Err(RouterError::Empty.into());
        }
        let router = Router::new(endpoints, program.limits())?;
        let takes_replies = guard.takes_replies();
        drop(guard);
        Ok(Self {
            takes_replies,
            name,
            datasite,
            identity,
            program,
            router,
            watches,
            schedules,
        })
    }

    /// Returns the name of the app.
    pub fn name(&self) -> &AppName {
        &self.name
    }

    /// Returns the limits of each call.
    pub fn limits(&self) -> &Limits {
        self.program.limits()
    }

    /// Returns the endpoints of the app.
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// Returns what the app watches.
    pub fn watches(&self) -> &Watches {
        &self.watches
    }

    /// Returns what the app does by the clock.
    pub fn schedules(&self) -> &Schedules {
        &self.schedules
    }
}
