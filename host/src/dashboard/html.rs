//! The frame of each page, and how strangers' texts stand in it.
//!
//! What others wrote is escaped by maud. It is also cut, shown in plain characters, set apart
//! from our own words, and breaks anywhere, so that it neither passes for ours nor moves it.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};
use syft_manifest::Manifest;
use syft_manifest::sanitize::plain_excerpt;
use syft_protocol::timestamp::Timestamp;

use crate::error::CommandError;
use crate::layout::with_plain_emails;

/// The most characters that are shown of a text that others wrote.
const MAX_CHARS: usize = 600;

/// The pages that each page leads to.
const PAGES: &[(&str, &str)] = &[
    ("/", "Overview"),
    ("/apps", "Apps"),
    ("/requests", "Requests"),
    ("/access", "Access"),
    ("/waiting", "Waiting"),
    ("/logs", "Log"),
];

/// A page.
pub(super) struct Page {
    /// Whose datasite it is about.
    pub(super) owner: String,
    /// What it is about.
    pub(super) title: String,
    /// Which of the pages in the navigation it belongs to.
    pub(super) section: &'static str,
    /// How many things wait for the owner.
    pub(super) n_waiting: usize,
    /// It changes while it is looked at.
    pub(super) is_live: bool,
    /// What it shows.
    pub(super) body: Markup,
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        Html(self.render().into_string()).into_response()
    }
}

impl Page {
    fn render(&self) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (shown(&self.title)) " · syft-host" }
                    link rel="stylesheet" href="/assets/style.css";
                    @if self.is_live { script src="/assets/live.js" defer {} }
                }
                body {
                    a.skip href="#main" { "Skip to content" }
                    header.top {
                        p.brand { strong { "syft-host" } " " span.owner { (foreign(&self.owner)) } }
                        (self.navigation())
                    }
                    main #main tabindex="-1" {
                        div.heading {
                            h1 { (foreign(&self.title)) }
                            @if self.is_live { p #live .live role="status" { "As of loading" } }
                        }
                        (self.body)
                    }
                    footer { "Times are UTC. This page is for you alone: it is not reachable from other machines." }
                }
            }
        }
    }

    fn navigation(&self) -> Markup {
        html! {
            nav aria-label="Pages" {
                ul #navigation data-live {
                    @for (path, name) in PAGES {
                        li {
                            a href=(path) aria-current=[(*path == self.section).then_some("page")] {
                                (name)
                                @if *path == "/waiting" && self.n_waiting > 0 {
                                    " " span.badge { (self.n_waiting) span.unseen { " things wait" } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Why there is no page.
pub(super) struct Failure {
    status: StatusCode,
    error: CommandError,
}

impl Failure {
    /// Returns that there is no such thing.
    pub(super) fn not_found(what: &str) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            error: CommandError::new(format!("there is no {what}")),
        }
    }

    /// Returns that somebody sent a form that is not ours, or not whole.
    pub(super) fn bad_form() -> Self {
        let error = CommandError::new("this form is of no page that is open here");
        Self {
            status: StatusCode::FORBIDDEN,
            error: error.hint("load the page again, and press the button there"),
        }
    }

    /// Returns that what the owner saw is no longer so.
    pub(super) fn conflict(error: CommandError) -> Self {
        Self {
            status: StatusCode::CONFLICT,
            error,
        }
    }

    /// Returns the status of the answer.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns what went wrong.
    pub(super) fn error(&self) -> &CommandError {
        &self.error
    }
}

impl<E: Into<CommandError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            error: error.into(),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = html! {
            section.card {
                p { (foreign(&self.error.to_string())) }
                @for hint in self.error.hints() { p.hint { (foreign(hint)) } }
                p { a href="/" { "To the overview" } }
            }
        };
        let page = Page {
            owner: String::new(),
            title: "That did not work".to_owned(),
            section: "",
            n_waiting: 0,
            is_live: false,
            body,
        };
        (self.status, page).into_response()
    }
}

/// Returns a text that others wrote.
pub(super) fn foreign(text: &str) -> Markup {
    html! { bdi.foreign { (shown(text)) } }
}

/// Returns a path that others wrote, which goes on after a slash where a line is too short for it.
pub(super) fn foreign_path(text: &str) -> Markup {
    html! { bdi.foreign { @for part in shown(text).split_inclusive('/') { (part) wbr; } } }
}

/// Returns the link to the page of an app.
pub(super) fn app_link(name: &str) -> Markup {
    html! { a href=(link("/app", &[("name", name)])) { (foreign(name)) } }
}

/// Returns the path of a page that needs to know more.
pub(super) fn link(page: &str, pairs: &[(&str, &str)]) -> String {
    let query = serde_urlencoded::to_string(pairs).expect("texts can be written so");
    format!("{page}?{query}")
}

fn shown(text: &str) -> String {
    with_plain_emails(&plain_excerpt(text, MAX_CHARS))
}

/// Returns a point in time.
pub(super) fn time(time: Timestamp) -> Markup {
    let text = time.to_string();
    let (date, clock) = text.split_once('T').unwrap_or((&text, ""));
    let seconds = clock.get(..8).unwrap_or(clock);
    html! { time datetime=(text) { span.date { (date) " " } (seconds) } }
}

/// Returns how long something took.
pub(super) fn millis(ms: f64) -> String {
    match ms {
        ms if ms >= 10_000.0 => format!("{:.0} s", ms / 1e3),
        ms if ms >= 1_000.0 => format!("{:.1} s", ms / 1e3),
        ms if ms >= 10.0 => format!("{ms:.0} ms"),
        ms => format!("{ms:.1} ms"),
    }
}

/// Returns the status of an answer, in words for those who do not see its colour.
pub(super) fn status(code: u16) -> Markup {
    let (class, word) = match code {
        ..400 => ("good", "answered"),
        400..500 => ("caller", "the caller's mistake"),
        _ => ("bad", "failed"),
    };
    html! { span class={ "status " (class) } { (code) span.unseen { ", " (word) } } }
}

/// Returns what is wide in what an app asks for, or may.
pub(super) fn careful(rights: &Manifest) -> Markup {
    html! {
        @for warning in rights.warnings() { p.hint { "Careful: " (foreign(&warning.message)) } }
    }
}

/// Returns what to show where there is nothing.
pub(super) fn nothing(words: &str) -> Markup {
    html! { p.nothing { (words) } }
}
