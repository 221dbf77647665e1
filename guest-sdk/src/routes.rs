//! Handlers and watchers in groups: routers, and routers in routers.

use crate::messages::{Reply, ReplyHandler, ReplyRoute};
use crate::routes::prefix::below;
use crate::schedules::{Due, ScheduleRoute, Scheduled};
use crate::watcher::Watch;
use crate::{CallError, Endpoint, Failure, Handler, Request, Response, Watcher};

pub(crate) mod distinct;
pub(crate) mod marks;
pub(crate) mod prefix;

/// What [`app!`](crate::app!) and [`router!`](crate::router!) take: a handler, a
/// watcher or a router.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a handler nor a watcher nor a router",
    note = "put `#[on_request(\"/path\")]`, `#[watch(\"pattern\")]`, `#[on_reply]`, `#[schedule(\"0 8 * * *\")]` or `#[every(\"15m\")]` on the function, or make a router by `router!`"
)]
pub trait Routes {
    /// What it holds.
    const TREE: Tree;
}

/// How a handler is called.
pub type RouteCall = fn(Request) -> Result<Response, CallError>;

/// A handler of any kind, or a router.
#[derive(Clone, Copy, Debug)]
pub enum Tree {
    /// A handler.
    Handler {
        /// Its own path.
        path: &'static str,
        /// Its own description.
        endpoint: fn() -> Endpoint,
        /// Its call.
        call: RouteCall,
        /// Its name and where it is.
        mark: &'static str,
    },
    /// A watcher. Prefixes do not touch its patterns.
    Watcher(Watch),
    /// A handler of replies. Prefixes do not touch its name.
    Reply(ReplyRoute),
    /// A schedule. Prefixes do not touch its name.
    Scheduled(ScheduleRoute),
    /// What a router holds.
    Router(&'static [Branch]),
}

/// What a router holds under one prefix.
#[derive(Clone, Copy, Debug)]
pub struct Branch {
    /// The prefix as it was written. May be empty.
    pub prefix: &'static str,
    /// What is below it.
    pub tree: Tree,
}

impl Tree {
    /// Returns a handler.
    pub const fn handler<H: Handler>() -> Tree {
        Tree::Handler {
            path: H::PATH,
            endpoint: H::endpoint,
            call: H::call,
            mark: H::MARK,
        }
    }

    /// Returns a watcher.
    pub const fn watcher<W: Watcher>() -> Tree {
        Tree::Watcher(Watch::of::<W>())
    }

    /// Returns a handler of replies.
    pub const fn reply<H: ReplyHandler>() -> Tree {
        Tree::Reply(ReplyRoute::of::<H>())
    }

    /// Returns a schedule.
    pub const fn scheduled<S: Scheduled>() -> Tree {
        Tree::Scheduled(ScheduleRoute::of::<S>())
    }

    /// Returns the endpoints, in the order in which they were given.
    pub(crate) fn endpoints(self) -> Vec<Endpoint> {
        let mut endpoints = Vec::new();
        self.list(&mut endpoints);
        endpoints
    }

    fn list(self, endpoints: &mut Vec<Endpoint>) {
        match self {
            Tree::Handler { endpoint, .. } => endpoints.push(endpoint()),
            Tree::Watcher(_) | Tree::Reply(_) | Tree::Scheduled(_) => {}
            Tree::Router(branches) => {
                for branch in branches {
                    let first = endpoints.len();
                    branch.tree.list(endpoints);
                    for endpoint in endpoints.iter_mut().skip(first) {
                        prefix::put_before(branch.prefix, &mut endpoint.path);
                    }
                }
            }
        }
    }

    /// Returns what answers the endpoint of this path.
    pub(crate) fn find(self, path: &str) -> Option<RouteCall> {
        match self {
            Tree::Handler {
                path: own, call, ..
            } => (path == own).then_some(call),
            Tree::Watcher(_) | Tree::Reply(_) | Tree::Scheduled(_) => None,
            Tree::Router(branches) => branches
                .iter()
                .find_map(|branch| branch.tree.find(below(branch.prefix, path)?)),
        }
    }

    /// Returns the watchers, in the order in which they were given.
    pub(crate) fn watches(self) -> Vec<Watch> {
        match self {
            Tree::Handler { .. } | Tree::Reply(_) | Tree::Scheduled(_) => Vec::new(),
            Tree::Watcher(watch) => vec![watch],
            Tree::Router(branches) => {
                let watches = branches.iter().map(|branch| branch.tree.watches());
                watches.flatten().collect()
            }
        }
    }
}

impl Tree {
    /// Returns what takes the replies for this name.
    pub(crate) fn find_reply(self, name: &str) -> Option<fn(Reply) -> Result<(), Failure>> {
        match self {
            Tree::Reply(reply) => (reply.name == name).then_some(reply.call),
            Tree::Handler { .. } | Tree::Watcher(_) | Tree::Scheduled(_) => None,
            Tree::Router(branches) => {
                let mut branches = branches.iter();
                branches.find_map(|branch| branch.tree.find_reply(name))
            }
        }
    }

    /// Returns the schedules, in the order in which they were given.
    pub(crate) fn schedules(self) -> Vec<ScheduleRoute> {
        match self {
            Tree::Scheduled(schedule) => vec![schedule],
            Tree::Handler { .. } | Tree::Watcher(_) | Tree::Reply(_) => Vec::new(),
            Tree::Router(branches) => {
                let schedules = branches.iter().map(|branch| branch.tree.schedules());
                schedules.flatten().collect()
            }
        }
    }

    /// Returns what is called when the schedule of this name is due.
    pub(crate) fn find_schedule(self, name: &str) -> Option<fn(Due) -> Result<(), Failure>> {
        let schedules = self.schedules();
        let found = schedules.iter().find(|schedule| schedule.name == name);
        found.map(|schedule| schedule.call)
    }
}

/// Makes a router: handlers, watchers and other routers under one name.
///
/// `router!(pub router: list, get)` makes a type `router`, which
/// [`app!`](crate::app!) and other routers take like a handler. A prefix is
/// given where something is included, so that a router does not know where it
/// is mounted:
///
/// ```
/// mod users {
///     use syft_guest::prelude::*;
///
///     #[on_request("/list")]
///     fn list() -> Vec<String> {
///         vec!["Ada".to_owned()]
///     }
///
///     /// Found at `/api/v1/users` itself.
///     #[on_request("/")]
///     fn count() -> usize {
///         1
///     }
///
///     syft_guest::router!(pub router: list, count);
/// }
///
/// mod v1 {
///     use crate::users;
///     # use syft_guest::prelude::*;
///     # #[on_request("/status")]
///     # fn status() {}
///
///     syft_guest::router!(pub router: status, "/users" => users::router);
/// }
///
/// syft_guest::app!("/api/v1" => v1::router);
/// # fn main() {}
/// ```
///
/// The patterns of [watchers](macro@crate::watch) are of files, so prefixes do not
/// count for them.
///
/// Slashes at the ends of a prefix make no difference, and an empty prefix is
/// none. Between prefix and path there is always one slash. Apart from that,
/// the rules of paths are those of [`#[on_request]`](crate::on_request).
#[macro_export]
macro_rules! router {
    (
        $(#[$attribute:meta])*
        $visibility:vis $name:ident: $($($prefix:literal =>)? $routes:path),+ $(,)?
    ) => {
        $(#[$attribute])*
        #[allow(non_camel_case_types, reason = "is named as handlers are")]
        $visibility struct $name {}

        const _: () = {
            $($(const _: () = $crate::__private::check_prefix($prefix);)?)+

            impl $crate::__private::Routes for $name {
                const TREE: $crate::__private::Tree = {
                    const BRANCHES: &[$crate::__private::Branch] = &[$(
                        $crate::__private::Branch {
                            prefix: ::core::concat!($($prefix)?),
                            tree: <$routes as $crate::__private::Routes>::TREE,
                        }
                    ),+];
                    $crate::__private::Tree::Router(BRANCHES)
                };
            }
        };
    };
    ($(#[$attribute:meta])* $visibility:vis $name:ident $(:)?) => {
        ::core::compile_error!("a router has at least one handler or watcher: router!(pub router: hello)");
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;

    mod users {
        use crate::prelude::*;

        /// Lists.
        #[on_request("/list")]
        fn list() -> &'static str {
            "list"
        }

        #[on_request("/")]
        fn root() -> &'static str {
            "root"
        }

        crate::router!(
            /// Of users.
            pub(super) router: list, root
        );
    }

    #[on_request("/hello")]
    fn hello() -> &'static str {
        "hello"
    }

    crate::router!(v1: "/users/" => users::router, "" => hello);
    crate::router!(
        all: hello,
        "api/v1" => v1,
        "/" => users::router,
        "/api" => users::router,
        "/greet/é" => hello,
    );

    const PATHS: [&str; 9] = [
        "/hello",
        "/api/v1/users/list",
        "/api/v1/users",
        "/api/v1/hello",
        "/list",
        "/",
        "/api/list",
        "/api",
        "/greet/é/hello",
    ];

    #[test]
    fn endpoints_come_in_their_order_with_their_prefixes() {
        let endpoints = all::TREE.endpoints();
        let paths: Vec<&str> = endpoints
            .iter()
            .map(|endpoint| endpoint.path.as_str())
            .collect();
        assert_eq!(paths, PATHS);
        assert_eq!(endpoints[1].description.as_deref(), Some("Lists."));
    }

    #[test]
    fn paths_at_compile_time_are_those_at_run_time() {
        let paths = distinct::paths::<{ distinct::count(all::TREE) }>(all::TREE);
        let paths: Vec<&str> = paths.iter().map(distinct::Path::as_str).collect();
        assert_eq!(paths, PATHS);
    }

    #[test]
    fn finds_each_endpoint_and_no_other() {
        for path in PATHS {
            let call = all::TREE.find(path).unwrap_or_else(|| panic!("{path}"));
            let body = call(Request::new(path)).expect("a response").body;
            let expected = match path.rsplit('/').next() {
                Some("hello") => "hello",
                Some("list") => "list",
                _ => "root",
            };
            assert_eq!(body.as_deref(), Some(expected.as_bytes()), "{path}");
        }
        for path in [
            "",
            "hello",
            "/users",
            "/api/v1",
            "/api/v1/",
            "/api/v1/users/",
            "/api/v1users",
            "/api/v1/usersx/list",
            "/api/v1/users/list/",
            "/api//list",
            "//hello",
        ] {
            assert!(all::TREE.find(path).is_none(), "{path}");
        }
    }
}
