//! From handlers to a component.

use crate::bindings::exports::syft::app::rpc;
use crate::routes::Routes;
use crate::{CallError, Request};

/// Makes a component of handlers and routers.
///
/// Takes the functions with [`#[on_request]`](crate::on_request) and what
/// [`router!`](crate::router!) made, by name or by path, each with a prefix or
/// without: `app!(hello, "/api/v1/users" => users::router)`. Once in a crate.
/// Two handlers of one path are refused.
///
/// On other targets than WebAssembly it only checks that these are handlers, so
/// that the crate can be tested natively.
#[macro_export]
macro_rules! app {
    () => {
        ::core::compile_error!("an app has at least one handler: app!(hello)");
    };
    ($($routes:tt)+) => {
        const _: () = {
            $crate::router!(App: $($routes)+);

            const TREE: $crate::__private::Tree = <App as $crate::__private::Routes>::TREE;
            const _: () = $crate::__private::assert_distinct(
                &$crate::__private::paths::<{ $crate::__private::count(TREE) }>(TREE),
            );

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

#[cfg(test)]
mod tests {
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
