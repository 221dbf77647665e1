//! What keeps and tells what an app does while it is served.

use syft_protocol::address::AppName;
use syft_server::server::LoadView;

use super::Runner;
use crate::activity::StatusSocket;
use crate::error::CommandError;
use crate::traces::Traces;

/// What keeps and tells what an app does.
pub(super) struct Observers {
    app: AppName,
    status: StatusSocket,
    traces: Option<Traces>,
}

impl Observers {
    pub(super) async fn end(self) {
        if let Some(traces) = self.traces {
            traces.stop().await;
        }
    }
}

impl Runner {
    /// Has what an app does kept and told, once nobody else serves it. Another build of an app is
    /// the same app.
    pub(super) fn observe(
        &self,
        observers: &mut Option<Observers>,
        app: &AppName,
        load: LoadView,
    ) -> Result<(), CommandError> {
        let (config, activity) = (&self.config, &self.activity);
        activity.serving(app, None, load);
        match observers {
            Some(observers) if observers.app == *app => {}
            Some(observers) => {
                observers.status = StatusSocket::open(&config.app_folder(app), activity)?;
                observers.app = app.clone();
            }
            None => {
                activity.start(config.logs(), self.log_bounds)?;
                let traces = self.trace_target.as_ref();
                let traces = traces.map(|target| Traces::start(target, activity));
                *observers = Some(Observers {
                    app: app.clone(),
                    status: StatusSocket::open(&config.app_folder(app), activity)?,
                    traces: traces.transpose()?,
                });
            }
        }
        Ok(())
    }
}
