//! What an owner decides on the dashboard: each thing is shown once more, then done by a form.
//!
//! What is done is what the commands `approve`, `parked` and `resume` do.

use std::sync::Arc;

use axum::extract::{Form, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use syft_protocol::address::AppName;
use syft_server::parked::ParkedAction;
use uuid::Uuid;

use super::Shared;
use super::apps::KnownApp;
use super::html::{Failure, Page, careful, foreign, link};
use crate::config::Config;
use crate::error::CommandError;
use crate::install::{InstallError, Installer};
use crate::installed::InstalledRelease;
use crate::waiting::{self, ParkedWork, call_in_words, wishes};

/// What can be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Action {
    /// Serve the release that waits.
    Approve,
    /// Do not.
    Reject,
    /// Serve an app again.
    Resume,
    /// Try again what was given up.
    Retry,
    /// Forget it.
    Drop,
}

/// What is decided, and of what.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Decision {
    pub(super) action: Action,
    pub(super) app: String,
    /// The digest of the release, or the id of what was given up.
    #[serde(default)]
    pub(super) target: String,
}

/// A form of ours.
#[derive(Deserialize)]
pub(super) struct DecisionForm {
    #[serde(flatten)]
    decision: Decision,
    form: String,
}

impl Action {
    fn word(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Resume => "resume",
            Self::Retry => "retry",
            Self::Drop => "drop",
        }
    }

    /// Returns what the button says.
    pub(super) fn verb(self) -> &'static str {
        match self {
            Self::Approve => "Approve",
            Self::Reject => "Reject",
            Self::Resume => "Resume",
            Self::Retry => "Try again",
            Self::Drop => "Forget",
        }
    }

    /// Returns what is said once it is done.
    pub(super) fn done(self) -> &'static str {
        match self {
            Self::Approve => "Approved: the host takes it up now.",
            Self::Reject => "Rejected: the release before goes on.",
            Self::Resume => "Resumed: it is served again within seconds.",
            Self::Retry => "Asked for: it is tried again within seconds.",
            Self::Drop => "Asked for: it is forgotten within seconds.",
        }
    }

    /// Tells whether it cannot be undone.
    fn is_final(self) -> bool {
        matches!(self, Self::Reject | Self::Drop)
    }
}

impl Decision {
    /// Returns the link to the page that asks whether to do it.
    pub(super) fn link(&self, what: &str) -> Markup {
        let pairs = [
            ("action", self.action.word()),
            ("app", self.app.as_str()),
            ("target", self.target.as_str()),
        ];
        let is_second = self.action.is_final();
        html! {
            a.button.second[is_second] href=(link("/decide", &pairs)) {
                (self.action.verb()) "…" span.unseen { " " (foreign(&self.app)) " " (foreign(what)) }
            }
        }
    }

    fn name(&self) -> Result<AppName, Failure> {
        AppName::parse(&self.app).map_err(|_| Failure::not_found("app of this name"))
    }

    fn id(&self) -> Result<Uuid, Failure> {
        Uuid::parse_str(&self.target).map_err(|_| Failure::not_found("such thing"))
    }
}

/// Shows what would be done, and asks.
pub(super) async fn ask(
    State(shared): State<Arc<Shared>>,
    Query(decision): Query<Decision>,
) -> Result<Page, Failure> {
    shared.apps.forget();
    let apps = shared.apps.get(&shared.config).await?;
    let app = apps.iter().find(|app| app.name.as_str() == decision.app);
    let app = app.ok_or_else(|| Failure::not_found("app of this name"))?;
    let body = html! {
        section.card {
            h2 { (decision.action.verb()) ": " (foreign(&decision.app)) }
            (describe(&shared.config, app, &decision)?)
            form action="/decide" method="post" {
                input type="hidden" name="action" value=(decision.action.word());
                input type="hidden" name="app" value=(decision.app);
                input type="hidden" name="target" value=(decision.target);
                input type="hidden" name="form" value=(shared.authenticator.form_token());
                div.actions {
                    button.danger[decision.action.is_final()] type="submit" { (decision.action.verb()) }
                    a.button.second href="/waiting" { "Leave it" }
                }
            }
        }
    };
    let n_waiting = apps.iter().map(KnownApp::n_waiting).sum();
    Ok(Page {
        owner: shared.config.email.to_string(),
        title: "Are you sure?".to_owned(),
        section: "/waiting",
        n_waiting,
        is_live: false,
        body,
    })
}

fn describe(config: &Config, app: &KnownApp, decision: &Decision) -> Result<Markup, Failure> {
    match decision.action {
        Action::Approve | Action::Reject => describe_release(config, app, decision),
        Action::Resume if app.suspended.is_none() => Err(Failure::conflict(CommandError::new(
            format!("{} is not suspended any more", app.name),
        ))),
        Action::Resume => Ok(html! {
            p { "It was suspended, since its calls crashed the host or used up its memory." }
            @if let Some(suspended) = &app.suspended { p.quote { (foreign(&suspended.to_string())) } }
        }),
        Action::Retry | Action::Drop => describe_parked(app, decision),
    }
}

fn describe_release(
    config: &Config,
    app: &KnownApp,
    decision: &Decision,
) -> Result<Markup, Failure> {
    let record = app.record();
    let waiting = record.and_then(|record| Some((record, record.waiting.as_ref()?)));
    let (record, release) = waiting.ok_or_else(|| nothing_waits(&app.name))?;
    same_release(release, decision)?;
    Ok(html! {
        dl.facts {
            dt { "Version" } dd { (foreign(&release.version.to_string())) " (release " (release.sequence) ")" }
            dt { "Author" } dd { (foreign(record.author.as_str())) }
            dt { "Key" } dd { code { (foreign(&release.signer)) } }
            dt { "SHA-256" } dd { code { (release.sha256.as_str()) } }
            dt { "Replaces" } dd { (foreign(&record.current.version.to_string())) " (release " (record.current.sequence) ")" }
        }
        (careful(&release.approved))
        @if !release.denied.is_empty() {
            h3 { "You deny it" }
            ul.quotes { @for pattern in &release.denied { li { code { (foreign(&pattern.to_string())) } } } }
        }
        h3 { "It asks for more than the release before, to" }
        ul.quotes { @for wish in wishes(config, record) { li.quote { (foreign(&wish)) } } }
    })
}

fn describe_parked(app: &KnownApp, decision: &Decision) -> Result<Markup, Failure> {
    let id = decision.id()?;
    let gone = || Failure::not_found("such thing that was given up");
    let parked = app.parked.as_ref().map_err(|_| gone())?;
    if let Some(request) = parked.request(id) {
        return Ok(html! {
            p { "The request " code { (foreign(&request.address)) } " crashed the host " (request.crashes) " times." }
        });
    }
    let failed = |what: &str, did: &str, attempts: u32, error: &str| {
        html! {
            p { (did) " " code { (foreign(what)) } " failed in " (attempts) " attempts. The last one ended with" }
            p.quote { (foreign(error)) }
        }
    };
    if let Some(event) = parked.event(id) {
        return Ok(failed(
            &event.path,
            "The event of",
            event.attempts,
            &event.error,
        ));
    }
    let call = parked.call(id).ok_or_else(gone)?;
    let words = call_in_words(call);
    Ok(failed(&words, "The call of", call.attempts, &call.error))
}

/// Does what was decided, once the owner has pressed the button of our own page.
pub(super) async fn decide(
    State(shared): State<Arc<Shared>>,
    Form(form): Form<DecisionForm>,
) -> Result<Response, Failure> {
    if !shared.authenticator.is_our_form(&form.form) {
        return Err(Failure::bad_form());
    }
    let decision = form.decision;
    tracing::info!(
        app = decision.app,
        action = decision.action.word(),
        "decided on the dashboard"
    );
    perform(&shared.config, &decision).await?;
    shared.apps.forget();
    let pairs = [("did", decision.action.word()), ("app", &decision.app)];
    Ok(Redirect::to(&link("/waiting", &pairs)).into_response())
}

async fn perform(config: &Config, decision: &Decision) -> Result<(), Failure> {
    let name = decision.name()?;
    match decision.action {
        Action::Approve | Action::Reject => {
            let installer = Installer::open(config).map_err(InstallError::explained)?;
            let seen = installer
                .installed(&name)
                .map_err(InstallError::explained)?;
            let release = seen.waiting.as_ref().ok_or_else(|| nothing_waits(&name))?;
            same_release(release, decision)?;
            if decision.action == Action::Approve {
                waiting::approve(&installer, &seen, &[]).await?;
            } else {
                waiting::reject(&installer, &seen)?;
            }
            Ok(())
        }
        Action::Resume => waiting::resume(config, &name).map_err(Failure::conflict),
        Action::Retry => give(config, name, decision, ParkedAction::Retry),
        Action::Drop => give(config, name, decision, ParkedAction::Drop),
    }
}

fn give(
    config: &Config,
    name: AppName,
    decision: &Decision,
    action: ParkedAction,
) -> Result<(), Failure> {
    let parked = ParkedWork::read(config, name)?;
    let id = decision.id()?;
    parked.ask(&[(id, action)]).map_err(Failure::conflict)
}

fn nothing_waits(name: &AppName) -> Failure {
    Failure::conflict(InstallError::NothingWaits(name.to_string()).explained())
}

/// Makes sure that the release is the one that the owner was shown.
fn same_release(release: &InstalledRelease, decision: &Decision) -> Result<(), Failure> {
    if release.sha256.as_str() == decision.target {
        return Ok(());
    }
    let error = CommandError::new("another release waits now than the one that you were shown");
    Err(Failure::conflict(
        error.hint("look at it on the page of what waits"),
    ))
}
