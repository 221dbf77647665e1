//! What an app may reach outside of its sandbox: files, HTTP and its environment.

use std::sync::Arc;

use syft_manifest::Limits;

use super::AppIdentity;
use super::environment::{CallEnvironment, EnvironmentAccess};
use super::files::{DatasitesDir, FileAccess, Guard};
use super::http::{HttpAccess, HttpGuard};
use crate::meter::Meter;

/// What all calls of an app may reach: nothing, as long as nothing was granted.
#[derive(Default)]
pub struct AppAccess {
    /// Its files.
    pub files: FileAccess,
    /// Its requests.
    pub http: HttpAccess,
    /// Its arguments, variables and secrets.
    pub environment: EnvironmentAccess,
}

/// What one call may reach.
pub(crate) struct CallAccess {
    pub(crate) files: Guard,
    pub(crate) http: HttpGuard,
    pub(crate) environment: Arc<CallEnvironment>,
}

impl AppAccess {
    /// Returns what one call may reach, which the log calls by a name, with the files of its
    /// program if they are apart from its component. The sender is given where it is known for
    /// sure.
    pub(crate) fn for_call(
        &self,
        sender: Option<String>,
        limits: &Limits,
        identity: &AppIdentity,
        call: &Arc<str>,
        meter: &Meter,
        program: Option<&Arc<DatasitesDir>>,
    ) -> CallAccess {
        let environment = self.environment.for_call();
        let files = &self.files;
        CallAccess {
            files: files.for_call(sender, limits, identity, call, meter, program),
            http: (self.http).for_call(limits, identity, call, meter, &environment),
            environment,
        }
    }
}
