//! What an app may reach outside of its sandbox: files, HTTP, other apps and its environment.

use std::sync::Arc;
use std::time::Duration;

use syft_manifest::Limits;

use super::advice::Advice;
use super::call_label::CallLabel;
use super::environment::{CallEnvironment, EnvironmentAccess};
use super::files::{DatasitesDir, FileAccess, Guard};
use super::http::{HttpAccess, HttpGuard};
use super::messages::{MessageAccess, MessageGuard};
use super::output::OwnerLog;
use crate::meter::Meter;
use crate::recording::Recorder;

/// What all calls of an app may reach: nothing, as long as nothing was granted.
#[derive(Default)]
pub struct AppAccess {
    /// Its files.
    pub files: FileAccess,
    /// Its requests.
    pub http: HttpAccess,
    /// Its messages to other apps.
    pub messages: MessageAccess,
    /// Its arguments, variables and secrets.
    pub environment: EnvironmentAccess,
    /// Whom the log advises about what is refused.
    pub advice: Advice,
}

/// What one call may reach.
pub(crate) struct CallAccess {
    pub(crate) files: Guard,
    pub(crate) http: HttpGuard,
    pub(crate) messages: MessageGuard,
    pub(crate) environment: Arc<CallEnvironment>,
    pub(crate) advice: Advice,
    pub(crate) recorder: Option<Recorder>,
    /// How long the call may take.
    pub(crate) time: Duration,
    /// Whose log it is, where that is elsewhere.
    pub(crate) log: Option<OwnerLog>,
}

impl AppAccess {
    /// Returns what one call may reach, with the files of its program if they are apart from its
    /// component. The sender is given where it is known for
    /// sure.
    pub(crate) fn for_call(
        &self,
        sender: Option<String>,
        limits: &Limits,
        label: &CallLabel,
        meter: &Meter,
        program: Option<&Arc<DatasitesDir>>,
        recorder: Option<&Recorder>,
    ) -> CallAccess {
        let environment = self.environment.for_call();
        let files = &self.files;
        CallAccess {
            files: files.for_call(sender, limits, label, meter, program, recorder),
            http: (self.http).for_call(limits, label, meter, &environment, recorder),
            messages: self.messages.for_call(label, recorder),
            environment,
            advice: self.advice,
            recorder: recorder.cloned(),
            time: limits.time,
            log: None,
        }
    }
}

impl CallAccess {
    /// Has all of it decided and done by the host of the owner, with this environment and in this
    /// time.
    pub(crate) fn through(
        self,
        log: OwnerLog,
        environment: CallEnvironment,
        time: Duration,
    ) -> Self {
        Self {
            http: self.http.through(log.link.clone()),
            messages: self.messages.through(log.link.clone()),
            environment: Arc::new(environment),
            time,
            log: Some(log),
            ..self
        }
    }
}
