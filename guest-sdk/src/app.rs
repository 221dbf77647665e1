//! From handlers, watchers, handlers of replies and schedules to a component.

use crate::bindings::exports::syft::app::{replies, rpc, schedules, watch};
use crate::bindings::syft::app::types;
use crate::routes::Routes;
use crate::{CallError, Failure, FileEvent, Request, logging};

/// Makes a component of handlers, watchers and routers.
///
/// Takes the functions with [`#[on_request]`](crate::on_request), [`#[watch]`](macro@crate::watch),
/// [`#[on_reply]`](macro@crate::on_reply), [`#[schedule]`](macro@crate::schedule) or
/// [`#[every]`](macro@crate::every) and what [`router!`](crate::router!) made, by name or by path,
/// each with a prefix or without: `app!(hello, "/api/v1/users" => users::router)`. Once in a crate.
/// Two handlers of one path are refused.
///
/// On other targets than WebAssembly it only checks that these are handlers
/// and watchers, so that the crate can be tested natively.
#[macro_export]
macro_rules! app {
    () => {
        ::core::compile_error!("an app has at least one handler or watcher: app!(hello)");
    };
    ($($routes:tt)+) => {
        const _: () = {
            $crate::router!(App: $($routes)+);

            const TREE: $crate::__private::Tree = <App as $crate::__private::Routes>::TREE;
            const _: () = $crate::__private::assert_distinct(
                &$crate::__private::paths::<{ $crate::__private::count(TREE) }>(TREE),
            );

            #[cfg(target_family = "wasm")]
            const _: () = {
                const MODULE: &str = ::core::concat!(::core::module_path!(), "\n");
                #[used]
                #[unsafe(link_section = "syft:listed")]
                static LISTED: [u8; $crate::__private::listed_len(MODULE, TREE)] =
                    $crate::__private::listed(MODULE, TREE);
            };

            #[cfg(target_family = "wasm")]
            $crate::bindings::export_app!(App with_types_in $crate::bindings);
        };
    };
}

impl<T: Routes> rpc::Guest for T {
    fn endpoints() -> Vec<rpc::Endpoint> {
        T::TREE.endpoints().into_iter().map(Into::into).collect()
    }

    fn handle(request: rpc::Request) -> Result<rpc::Response, rpc::Error> {
        logging::install();
        let request = Request::from(request);
        let Some(call) = T::TREE.find(&request.endpoint) else {
            return Err(CallError::no_handler(&request.endpoint).into());
        };
        match call(request) {
            Ok(response) => Ok(response.into()),
            Err(error) => Err(error.into()),
        }
    }
}

impl<T: Routes> watch::Guest for T {
    fn watches() -> Vec<watch::Watch> {
        T::TREE.watches().into_iter().map(Into::into).collect()
    }

    fn on_event(event: watch::Event) -> Result<(), types::Failure> {
        logging::install();
        let watches = T::TREE.watches();
        let called = usize::try_from(event.watch)
            .ok()
            .and_then(|index| watches.get(index));
        let Some(watch) = called else {
            return Err(Failure::no_watcher(event.watch).into());
        };
        (watch.call)(FileEvent::from(event)).map_err(Into::into)
    }
}

impl<T: Routes> replies::Guest for T {
    fn on_reply(reply: replies::Reply) -> Result<(), types::Failure> {
        logging::install();
        match T::TREE.find_reply(&reply.handler) {
            Some(call) => call(reply.into()).map_err(Into::into),
            None => Err(Failure::no_reply_handler(&reply.handler).into()),
        }
    }
}

impl<T: Routes> schedules::Guest for T {
    fn schedules() -> Vec<schedules::Schedule> {
        T::TREE.schedules().into_iter().map(Into::into).collect()
    }

    fn on_due(due: schedules::Due) -> Result<(), types::Failure> {
        logging::install();
        match T::TREE.find_schedule(&due.schedule) {
            Some(call) => call(due.into()).map_err(Into::into),
            None => Err(Failure::no_schedule(&due.schedule).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::bindings::exports::syft::app::watch as exports;
    use crate::prelude::*;

    #[on_request("/a")]
    fn a() -> &'static str {
        "a"
    }

    mod deep {
        use crate::prelude::*;

        /// Deeper.
        #[on_request("/deep/er")]
        pub(super) fn er(n: i64, #[default(vec![1])] list: Vec<u64>) -> u64 {
            list.iter().sum::<u64>() + n.unsigned_abs()
        }
    }

    #[watch(["*.txt", "!b.txt"], events(deleted, created))]
    fn on_text(event: FileEvent) -> Result<(), String> {
        Err(format!("{:?} {}", event.kind, event.relative))
    }

    mod watching {
        use crate::prelude::*;

        #[watch("{datasite}/**/*.json")]
        async fn on_json() {}

        crate::router!(pub(super) router: on_json);
    }

    app!(a, on_text, deep::er, "/api" => watching::router);

    // The same once more, with a name.
    crate::router!(all: a, on_text, deep::er, "/api" => watching::router);

    fn event(watch: u32) -> exports::Event {
        exports::Event {
            id: "id".to_owned(),
            watch,
            kind: exports::EventKind::Moved,
            path: "ada@example.com/a.txt".to_owned(),
            moved_from: None,
            attempt: 1,
        }
    }

    #[test]
    fn watchers_are_listed_and_called_by_their_place() {
        let watches = <all as exports::Guest>::watches();
        let watches: Vec<_> = watches
            .iter()
            .map(|watch| (&*watch.patterns, watch.events))
            .collect();
        let (json, text) = ("{datasite}/**/*.json", ["*.txt", "!b.txt"]);
        use exports::EventKinds as Kinds;
        let expected: [(&[String], Kinds); 2] = [
            (&text.map(str::to_owned), Kinds::CREATED | Kinds::DELETED),
            (
                &[json.to_owned()],
                Kinds::CREATED | Kinds::MODIFIED | Kinds::MOVED,
            ),
        ];
        assert_eq!(watches, expected);

        let failure = <all as exports::Guest>::on_event(event(0)).expect_err("it fails");
        let expected = ("on_text", "Moved ada@example.com/a.txt");
        assert_eq!((&*failure.handler, &*failure.message), expected);
        <all as exports::Guest>::on_event(event(1)).expect("it is called");
        let failure = <all as exports::Guest>::on_event(event(2)).expect_err("there are two");
        assert_eq!(failure.kind, "NoWatcher");
    }

    #[on_reply]
    fn ponged(reply: Reply) -> Result<(), String> {
        Err(format!("{} {:?}", reply.url, reply.outcome))
    }

    #[on_reply("counted")]
    async fn of_another_name() {}

    crate::router!(inner: ponged);
    crate::router!(replying: "/api" => inner, of_another_name);

    #[test]
    fn replies_go_to_the_handler_of_their_name() {
        use crate::bindings::exports::syft::app::replies::{self, Guest as _};
        use crate::bindings::syft::app::types::Outcome;
        let reply = |handler: &str| {
            replying::on_reply(replies::Reply {
                message_id: "id".to_owned(),
                url: "syft://ada@example.com".to_owned(),
                handler: handler.to_owned(),
                context: None,
                outcome: Outcome::Expired,
                attempt: 1,
            })
        };
        let failure = reply("ponged").expect_err("it fails");
        let expected = ("ponged", "syft://ada@example.com Expired");
        assert_eq!((&*failure.handler, &*failure.message), expected);
        reply("counted").expect("it is called");
        let failure = reply("of_another_name").expect_err("it has another name");
        assert_eq!(failure.kind, "NoReplyHandler");
        let endpoints = <replying as crate::bindings::exports::syft::app::rpc::Guest>::endpoints();
        assert_eq!(endpoints.len(), 0);
    }

    #[schedule("0 8 * * MON-FRI", time_zone = "Europe/Berlin", missed = "drop")]
    fn digest(due: Due) -> Result<(), String> {
        Err(format!("{} {}", due.schedule, due.due.0))
    }

    #[every("1m30s", name = "clean-up")]
    async fn clean() {}

    #[schedule]
    fn by_the_manifest() {}

    crate::router!(scheduled: "/api" => by_clock, by_the_manifest);
    crate::router!(by_clock: digest, clean);

    #[test]
    fn schedules_are_listed_and_called_by_their_names() {
        use crate::bindings::exports::syft::app::schedules::{self, Guest as _, Missed, Timing};
        let all = scheduled::schedules();
        let all: Vec<_> = (all.iter())
            .map(|it| (&*it.name, &it.timing, it.time_zone.as_deref(), it.missed))
            .collect();
        let [digest, clean, manifest] = all.as_slice() else {
            panic!("{all:?}");
        };
        assert!(
            matches!(digest, ("digest", Timing::Cron(text), Some("Europe/Berlin"), Missed::Drop) if text == "0 8 * * MON-FRI")
        );
        assert!(matches!(
            clean,
            ("clean-up", Timing::Every(90_000_000), None, Missed::RunOnce)
        ));
        assert!(matches!(
            manifest,
            ("by_the_manifest", Timing::Manifest, None, _)
        ));
        let due = |schedule: &str| {
            scheduled::on_due(schedules::Due {
                id: "id".to_owned(),
                schedule: schedule.to_owned(),
                due: 5,
                attempt: 1,
            })
        };
        let failure = due("digest").expect_err("it fails");
        assert_eq!(
            (&*failure.handler, &*failure.message),
            ("digest", "digest 5")
        );
        due("clean-up").expect("it is called");
        assert_eq!(
            due("clean").expect_err("it has another name").kind,
            "NoSchedule"
        );
    }

    #[test]
    fn watchers_are_no_endpoints() {
        let endpoints = <all as crate::bindings::exports::syft::app::rpc::Guest>::endpoints();
        let paths: Vec<_> = endpoints.iter().map(|endpoint| &*endpoint.path).collect();
        assert_eq!(paths, ["/a", "/deep/er"]);
    }

    #[test]
    fn endpoints_tell_their_schema() {
        let endpoint = <deep::er as crate::Handler>::endpoint();
        assert_eq!(endpoint.path, "/deep/er");
        assert_eq!(endpoint.description.as_deref(), Some("Deeper."));
        assert_eq!(endpoint.returns_json, r#""int""#);
        let parameters: Vec<_> = endpoint
            .parameters
            .iter()
            .map(|p| (&*p.name, &*p.type_json, p.required))
            .collect();
        assert_eq!(
            parameters,
            [
                ("n", r#""int""#, true),
                ("list", r#"{"type":"array","items":"int"}"#, false)
            ]
        );
    }
}
