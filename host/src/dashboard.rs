//! The dashboard of `serve`: pages for the owner's browser, and an API for programs.
//!
//! - `listen`, `authentication`, `secret`: who may ask
//! - `apps`, `seen`, `samples`: what there is to show
//! - `pages`, `decision`, `assets`, with `html` and `chart`: what a browser gets
//! - `api`: what programs get

mod api;
mod apps;
mod assets;
mod authentication;
mod chart;
mod decision;
mod html;
mod listen;
mod pages;
mod samples;
mod secret;
mod seen;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use axum::serve::Listener;
use axum::{Router, middleware};
use syft_protocol::address::AppName;
use syft_server::shutdown::Shutdown;
use syft_system::private;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{self, MissedTickBehavior};

use crate::activity::Activity;
use crate::config::{Config, LoopbackAddress};
use crate::error::CommandError;
use crate::prepared_app::AppInterface;
use crate::supervisor::SupervisorEvent;
use apps::Apps;
use authentication::Authenticator;
use samples::{Samples, Totals, memory_of_host};
use seen::Seen;

/// Bytes of a form.
const MAX_FORM_BYTES: usize = 16 << 10;

/// The file that has the token, for programs of the owner.
const TOKEN_FILE: &str = "dashboard-token";

/// A dashboard that is open.
pub struct Dashboard {
    address: SocketAddr,
    token_file: PathBuf,
    shared: Arc<Shared>,
}

/// What all pages are made from.
struct Shared {
    config: Arc<Config>,
    authenticator: Arc<Authenticator>,
    activity: Activity,
    apps: Apps,
    seen: Mutex<Seen>,
    samples: Mutex<Samples>,
    interfaces: Mutex<BTreeMap<AppName, AppInterface>>,
    shutdown: Shutdown,
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("no holder of this lock panics")
    }

    fn samples(&self) -> MutexGuard<'_, Samples> {
        self.samples.lock().expect("no holder of this lock panics")
    }

    fn interfaces(&self) -> MutexGuard<'_, BTreeMap<AppName, AppInterface>> {
        let interfaces = self.interfaces.lock();
        interfaces.expect("no holder of this lock panics")
    }

    /// Returns what an app that is served is there for.
    fn interface(&self, name: &AppName) -> Option<AppInterface> {
        self.interfaces().get(name).cloned()
    }
}

impl Dashboard {
    /// Opens it: from now on it is there until the host stops.
    ///
    /// # Errors
    /// Somebody else listens at the address, or the token cannot be kept.
    pub async fn open(
        address: LoopbackAddress,
        config: &Config,
        activity: &Activity,
        shutdown: Shutdown,
    ) -> Result<Self, CommandError> {
        let listener = address.listen().await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            config: Arc::new(config.clone()),
            authenticator: Arc::new(Authenticator::new(address.port())),
            activity: activity.clone(),
            apps: Apps::default(),
            seen: Mutex::default(),
            samples: Mutex::default(),
            interfaces: Mutex::default(),
            shutdown: shutdown.clone(),
        });
        let token_file = config.serving.join(TOKEN_FILE);
        private::make_folder(&config.serving)?;
        private::write(&token_file, shared.authenticator.token().as_bytes())?;
        tokio::spawn(watch(Arc::clone(&shared)));
        tokio::spawn(sample(Arc::clone(&shared)));
        tokio::spawn(serve(listener, router(&shared), shutdown));
        Ok(Self {
            address,
            token_file,
            shared,
        })
    }

    /// Returns the link that its owner logs in by.
    pub fn link(&self) -> String {
        format!(
            "http://{}/?token={}",
            self.address,
            self.shared.authenticator.token()
        )
    }

    /// Returns where the token lies, for programs.
    pub fn token_file(&self) -> &PathBuf {
        &self.token_file
    }

    /// Takes note of what happened to an app.
    pub fn note(&self, event: &SupervisorEvent) {
        match event {
            SupervisorEvent::Started(name, served) | SupervisorEvent::Replaced(name, served) => {
                let interface = served.interface.clone();
                self.shared.interfaces().insert(name.clone(), interface);
            }
            SupervisorEvent::Stopped(name) => {
                self.shared.interfaces().remove(name);
            }
            SupervisorEvent::Ready { .. } | SupervisorEvent::Failed(..) => {}
        }
        self.shared.apps.forget();
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.token_file) {
            tracing::debug!("the token of the dashboard is left behind: {error}");
        }
    }
}

fn router(shared: &Arc<Shared>) -> Router {
    let authentication = middleware::from_fn_with_state(
        Arc::clone(&shared.authenticator),
        authentication::authenticate,
    );
    Router::new()
        .merge(pages::routes())
        .route("/decide", get(decision::ask).post(decision::decide))
        .merge(assets::routes())
        .merge(api::routes())
        .fallback(async || html::Failure::not_found("such page"))
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
        // The outermost: nothing is answered that is not authenticated.
        .layer(authentication)
        .with_state(Arc::clone(shared))
}

async fn serve(listener: listen::BoundedListener, router: Router, mut shutdown: Shutdown) {
    let end = async move { shutdown.requested().await };
    if let Err(error) = axum::serve(listener, router)
        .with_graceful_shutdown(end)
        .await
    {
        tracing::error!("the dashboard is closed: {error}");
    }
}

/// Remembers what happens.
async fn watch(shared: Arc<Shared>) {
    let mut feed = shared.activity.subscribe();
    let mut shutdown = shared.shutdown.clone();
    loop {
        let entry = tokio::select! {
            entry = feed.recv() => entry,
            () = shutdown.requested() => return,
        };
        match entry {
            Ok(entry) => shared.seen().take(&entry),
            Err(RecvError::Lagged(n_missed)) => {
                tracing::debug!(n_missed, "too much happened for the dashboard");
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// Takes numbers for the charts.
async fn sample(shared: Arc<Shared>) {
    let mut ticks = time::interval(samples::EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut shutdown = shared.shutdown.clone();
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let totals = Totals::of(&shared.activity.statistics());
                shared.samples().take(Instant::now(), totals, memory_of_host());
            }
            () = shutdown.requested() => return,
        }
    }
}
