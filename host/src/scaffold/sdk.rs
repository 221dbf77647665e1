//! The crate syft-guest, as a copy of it goes into an app: whoever has installed this program need
//! have nothing else of its sources.
//!
//! Why: docs/decisions/77-a-new-app-has-a-copy-of-the-sdk.md

use super::Template;

macro_rules! files {
    ($($path:literal,)*) => {
        &[$(($path, include_str!(concat!("../../templates/sdk/", $path))),)*]
    };
}

/// Its sources, by their paths in the folder of copies.
#[rustfmt::skip]
pub(super) const FILES: Template = files![
    "syft-guest-macros/src/answer.rs",
    "syft-guest-macros/src/cron.rs",
    "syft-guest-macros/src/description.rs",
    "syft-guest-macros/src/handler.rs",
    "syft-guest-macros/src/json_schema.rs",
    "syft-guest-macros/src/lib.rs",
    "syft-guest-macros/src/mark.rs",
    "syft-guest-macros/src/parameter.rs",
    "syft-guest-macros/src/path.rs",
    "syft-guest-macros/src/pattern.rs",
    "syft-guest-macros/src/reply.rs",
    "syft-guest-macros/src/results.rs",
    "syft-guest-macros/src/scheduled.rs",
    "syft-guest-macros/src/schema.rs",
    "syft-guest-macros/src/shape.rs",
    "syft-guest-macros/src/spans.rs",
    "syft-guest-macros/src/told.rs",
    "syft-guest-macros/src/watched.rs",
    "syft-guest-macros/src/watcher.rs",
    "syft-guest/src/answer.rs",
    "syft-guest/src/app.rs",
    "syft-guest/src/arguments.rs",
    "syft-guest/src/bindings.rs",
    "syft-guest/src/body.rs",
    "syft-guest/src/context.rs",
    "syft-guest/src/endpoint.rs",
    "syft-guest/src/error.rs",
    "syft-guest/src/event.rs",
    "syft-guest/src/executor.rs",
    "syft-guest/src/files.rs",
    "syft-guest/src/handler.rs",
    "syft-guest/src/headers.rs",
    "syft-guest/src/http.rs",
    "syft-guest/src/http/error.rs",
    "syft-guest/src/http/exchange.rs",
    "syft-guest/src/http/stand_in.rs",
    "syft-guest/src/http/url.rs",
    "syft-guest/src/join.rs",
    "syft-guest/src/lib.rs",
    "syft-guest/src/logging.rs",
    "syft-guest/src/logging/tracing.rs",
    "syft-guest/src/messages.rs",
    "syft-guest/src/messages/answer.rs",
    "syft-guest/src/messages/error.rs",
    "syft-guest/src/messages/host.rs",
    "syft-guest/src/messages/reply.rs",
    "syft-guest/src/messages/stand_in.rs",
    "syft-guest/src/query.rs",
    "syft-guest/src/request.rs",
    "syft-guest/src/response.rs",
    "syft-guest/src/routes.rs",
    "syft-guest/src/routes/distinct.rs",
    "syft-guest/src/routes/marks.rs",
    "syft-guest/src/routes/prefix.rs",
    "syft-guest/src/schedules.rs",
    "syft-guest/src/schema.rs",
    "syft-guest/src/schema/release.rs",
    "syft-guest/src/state.rs",
    "syft-guest/src/state/error.rs",
    "syft-guest/src/state/fake.rs",
    "syft-guest/src/state/store.rs",
    "syft-guest/src/test.rs",
    "syft-guest/src/test/app.rs",
    "syft-guest/src/test/call.rs",
    "syft-guest/src/test/world.rs",
    "syft-guest/src/time.rs",
    "syft-guest/src/truncate.rs",
    "syft-guest/src/watcher.rs",
];

/// What cargo has to know of them, as templates.
pub(super) const MANIFESTS: Template = &[
    (
        "syft-guest/Cargo.toml",
        include_str!("../../templates/sdk/syft-guest/Cargo.toml.txt"),
    ),
    (
        "syft-guest-macros/Cargo.toml",
        include_str!("../../templates/sdk/syft-guest-macros/Cargo.toml.txt"),
    ),
];
