//! The attribute macros of `syft-guest`. Use them from there.

mod answer;
mod cron;
mod description;
mod handler;
mod json_schema;
mod mark;
mod parameter;
mod path;
mod pattern;
mod reply;
mod results;
mod scheduled;
mod schema;
mod shape;
mod spans;
mod told;
mod watched;
mod watcher;

use proc_macro::TokenStream;

/// Makes a function the handler of an endpoint.
///
/// The function stays as it is, so unit tests call it like any other. Beside
/// it comes a type of the same name, which implements `syft_guest::Handler`
/// and which `syft_guest::app!` takes.
///
/// An `async fn` is run to its end when it is called by a request.
///
/// The one argument is the path of the endpoint below `rpc/`, such as
/// `"/users/list"`, without the prefixes of routers. The doc comment of the
/// function becomes the description in the published schema. How parameters are
/// bound and what may be returned is described in the documentation of
/// `syft_guest`.
#[proc_macro_attribute]
pub fn on_request(arguments: TokenStream, item: TokenStream) -> TokenStream {
    handler::expand(arguments.into(), item.into()).into()
}

/// Makes a function a watcher of files.
///
/// The function is called with a `FileEvent` when something happens to a file
/// that matches and that the app may read. It returns nothing or a `Result<(), E>`
/// with an error as handlers return it; one that fails is called again later with
/// the same event. It may be an `async fn`. Beside it comes a type of the same
/// name, which implements `syft_guest::Watcher` and which `syft_guest::app!`
/// takes.
///
/// The first argument is a pattern, or several: `"{datasite}/**/*.json"`,
/// `["**/*.txt", "!**/draft.txt"]`. They are globs in the way of gitignore,
/// relative to the folder of all datasites:
///
/// | in a pattern | stands for |
/// |---|---|
/// | `*`, `?`, `[a-c]`, `[!a]` | any characters, one, one of these, another one; never a `/` |
/// | `**` as a whole name | any folders, or none |
/// | `{a,b}` | `a` or `b` |
/// | `{datasite}`, `{email}` | the owner's folder |
/// | `{app_data}` | the app's folder, `{datasite}/app_data/<app>` |
/// | `\` before a character | that character |
/// | `!` before it all | takes files out again; the last pattern that matches counts |
///
/// A pattern begins at the folder of all datasites if it begins with a `/`, a
/// placeholder or an email, and at any depth elsewhere: `*.json` is every JSON file.
/// One that matches a folder matches all below it. Case counts.
///
/// What an app watches it must be allowed to read, by `[files] read` in its
/// `syft-app.toml`. It is not told of what it did itself. The second argument says
/// what the function wants to hear of: `events(created, modified, moved,
/// deleted)`; without it all but `deleted`, as in SyftEvent.
#[proc_macro_attribute]
pub fn watch(arguments: TokenStream, item: TokenStream) -> TokenStream {
    watcher::expand(arguments.into(), item.into()).into()
}

/// Makes a function the handler of what becomes of messages.
///
/// The function is called with a `Reply` when the receiver of a message has answered that named
/// this handler by `Message::reply_to`, or when it is sure that there will be no answer. It
/// returns nothing or a `Result<(), E>` with an error as handlers return it; one that fails is
/// called again later with the same reply. It may be an `async fn`. Beside it comes a type of the
/// same name, which implements `syft_guest::messages::ReplyHandler` and which `syft_guest::app!`
/// takes.
///
/// Messages on their way remember the name of their handler, which is that of the function. One
/// that gets another name keeps the old one by `#[on_reply("old_name")]`.
#[proc_macro_attribute]
pub fn on_reply(arguments: TokenStream, item: TokenStream) -> TokenStream {
    reply::expand(arguments.into(), item.into()).into()
}

/// Makes a function one that is called at the times of a cron expression.
///
/// The first argument has five fields: minute, hour, day of the month, month and day of the week.
/// `*`, numbers, names (`MON`, `JAN`), ranges, lists and steps are known, `L` for the last day of a
/// month and `FRI#2` for the second Friday; so are `@hourly`, `@daily`, `@weekly`, `@monthly` and
/// `@yearly`. Without it the times stand in `syft-app.toml`, below `[schedules.NAME]`, which may
/// give other times in any case.
///
/// The others are options: `time_zone = "Europe/Berlin"` names the clock that it goes by, which is
/// UTC else, and `local` is the one of the owner's machine. `missed = "drop"` leaves out times that
/// come while the app is not served; else one call follows for all of them. `name = "digest"` is
/// its name, which is that of the function else.
///
/// The function takes a `Due`, or nothing. It returns nothing or a `Result<(), E>` with an error as
/// handlers return it; one that fails is called again later. It may be an `async fn`. Beside it
/// comes a type of the same name, which implements `syft_guest::schedules::Scheduled` and which
/// `syft_guest::app!` takes.
#[proc_macro_attribute]
pub fn schedule(arguments: TokenStream, item: TokenStream) -> TokenStream {
    scheduled::expand(
        scheduled::Attribute::Schedule,
        arguments.into(),
        item.into(),
    )
    .into()
}

/// Makes a function one that is called again and again.
///
/// The first argument is the time from one call to the next: `"30s"`, `"15m"`, `"1h30m"`, `"7d"`,
/// from a second to 366 days. The first call comes so long after the app was served first. All
/// else is as with [`macro@schedule`], but that there is no time zone.
#[proc_macro_attribute]
pub fn every(arguments: TokenStream, item: TokenStream) -> TokenStream {
    scheduled::expand(scheduled::Attribute::Every, arguments.into(), item.into()).into()
}
