//! From handlers to a component.

use crate::bindings::exports::syft::app::rpc;
use crate::{CallError, Endpoint, Request, Response};

/// The handlers of an app. Implemented by [`app!`](crate::app!).
pub trait App {
    /// Returns all endpoints, in the order in which they were given.
    fn endpoints() -> Vec<Endpoint>;

    /// Calls the handler of `request.endpoint`.
    fn call(request: Request) -> Result<Response, CallError>;
}

/// Makes a component of handlers.
///
/// Takes the functions with [`#[on_request]`](crate::on_request), by name or by
/// path: `app!(hello, users::list)`. Once in a crate. Two handlers of one path
/// are refused.
///
/// On other targets than WebAssembly it only checks that these are handlers, so
/// that the crate can be tested natively.
#[macro_export]
macro_rules! app {
    () => {
        ::core::compile_error!("an app has at least one handler: app!(hello)");
    };
    ($($handler:path),+ $(,)?) => {
        const _: () = {
            struct App;

            const _: () = $crate::__private::assert_distinct::<App>(
                &[$(<$handler as $crate::Handler>::PATH),+],
            );

            impl $crate::__private::App for App {
                fn endpoints() -> ::std::vec::Vec<$crate::Endpoint> {
                    ::std::vec![$(<$handler as $crate::Handler>::endpoint()),+]
                }

                fn call(
                    request: $crate::Request,
                ) -> ::core::result::Result<$crate::Response, $crate::CallError> {
                    $(
                        if request.endpoint == <$handler as $crate::Handler>::PATH {
                            return <$handler as $crate::Handler>::call(request);
                        }
                    )+
                    ::core::result::Result::Err(
                        $crate::CallError::no_handler(&request.endpoint),
                    )
                }
            }

            #[cfg(target_family = "wasm")]
            $crate::bindings::export_app!(App with_types_in $crate::bindings);
        };
    };
}

/// Panics, at compile time, where two paths of the app are equal.
///
/// An empty path is a handler that `#[on_request]` refused already.
pub const fn assert_distinct<A: App>(paths: &[&str]) {
    let mut i = 0;
    while i < paths.len() {
        let mut j = i + 1;
        while j < paths.len() {
            assert!(
                paths[i].is_empty() || !equal(paths[i].as_bytes(), paths[j].as_bytes()),
                "two handlers of this app have the same path"
            );
            j += 1;
        }
        i += 1;
    }
}

/// `==` of slices is not const yet.
const fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

impl<T: App> rpc::Guest for T {
    fn endpoints() -> Vec<rpc::Endpoint> {
        <T as App>::endpoints()
            .into_iter()
            .map(Into::into)
            .collect()
    }

    fn handle(request: rpc::Request) -> Result<rpc::Response, rpc::Error> {
        match <T as App>::call(request.into()) {
            Ok(response) => Ok(response.into()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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

    app!(a, deep::er);

    #[test]
    fn paths_are_compared_whole() {
        struct Empty;
        impl super::App for Empty {
            fn endpoints() -> Vec<Endpoint> {
                Vec::new()
            }
            fn call(request: Request) -> Result<Response, CallError> {
                Err(CallError::no_handler(&request.endpoint))
            }
        }
        assert_distinct::<Empty>(&[]);
        assert_distinct::<Empty>(&["/a", "/b", "/a/b", "/"]);
        for paths in [&["/a", "/a"][..], &["/a", "/b", "/a"]] {
            assert!(std::panic::catch_unwind(|| assert_distinct::<Empty>(paths)).is_err());
        }
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
