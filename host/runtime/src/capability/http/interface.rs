//! The operations of `wasi:http`: wasmtime's, with what they make the host hold counted first.

use http::HeaderMap;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable};
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler;
use wasmtime_wasi_http::p2::bindings::http::types::{
    self, Duration, ErrorCode, FutureIncomingResponse, FutureTrailers, IncomingBody,
    IncomingRequest, IncomingResponse, IoError, Method, OutgoingBody, OutgoingRequest,
    OutgoingResponse, RequestOptions, ResponseOutparam, Scheme, StatusCode, Trailers,
};
use wasmtime_wasi_http::p2::{HeaderError, HeaderResult, HttpError, HttpResult};
use wasmtime_wasi_http::{FieldMap, WasiHttpCtxView};

use super::HttpView;
use super::exchange::{code_of_body, headers_bytes};
use super::lease::BODY_BYTES;
use crate::meter::MemoryRefused;

/// What a header takes beside its name and its values.
const HEADER_BYTES: usize = 64;

/// Passes operations on that make the host hold nothing.
macro_rules! pass_on {
    ($of:ident: $(fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        $(fn $name(&mut self $(, $argument: $type)*) -> $result {
            types::$of::$name(&mut self.wasi() $(, $argument)*)
        })*
    };
}

impl HttpView<'_> {
    fn wasi(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.ctx.hooks,
            table: self.table,
            ctx: &mut self.ctx.wasi,
        }
    }

    fn hold_headers(&mut self, bytes: usize) -> Result<(), MemoryRefused> {
        self.ctx.hooks.guard.hold_headers(bytes)
    }
}

/// No app answers requests by HTTP.
fn no_server<T>() -> Result<T> {
    wasmtime::bail!("apps send HTTP requests and serve none")
}

impl outgoing_handler::Host for HttpView<'_> {
    fn handle(
        &mut self,
        request: Resource<OutgoingRequest>,
        options: Option<Resource<RequestOptions>>,
    ) -> HttpResult<Resource<FutureIncomingResponse>> {
        // wasmtime refuses a request without a path, which is one for all of the host.
        let path = &mut self.table.get_mut(&request)?.path_with_query;
        if path.as_ref().is_none_or(String::is_empty) {
            *path = Some("/".to_owned());
        }
        self.ctx.hooks.written = self.ctx.bodies.remove(&request.rep());
        let handled = outgoing_handler::Host::handle(&mut self.wasi(), request, options);
        self.ctx.hooks.written = None;
        handled
    }
}

impl types::Host for HttpView<'_> {
    pass_on! { Host:
        fn convert_error_code(error: HttpError) -> Result<ErrorCode>;
        fn convert_header_error(error: HeaderError) -> Result<types::HeaderError>;
    }

    /// wasmtime's own does not know the errors of bodies.
    fn http_error_code(&mut self, error: Resource<IoError>) -> Result<Option<ErrorCode>> {
        let error = self.table.get(&error)?;
        Ok(error.downcast_ref().map(code_of_body))
    }
}

impl types::HostFields for HttpView<'_> {
    pass_on! { HostFields:
        fn new() -> Result<Resource<FieldMap>>;
        fn drop(fields: Resource<FieldMap>) -> Result<()>;
        fn get(fields: Resource<FieldMap>, name: String) -> Result<Vec<Vec<u8>>>;
        fn has(fields: Resource<FieldMap>, name: String) -> Result<bool>;
        fn delete(fields: Resource<FieldMap>, name: String) -> HeaderResult<()>;
        fn entries(fields: Resource<FieldMap>) -> Result<Vec<(String, Vec<u8>)>>;
    }

    fn from_list(&mut self, entries: Vec<(String, Vec<u8>)>) -> HeaderResult<Resource<FieldMap>> {
        let bytes = entries.iter();
        let bytes = bytes.map(|(name, value)| name.len() + value.len() + HEADER_BYTES);
        self.hold_headers(bytes.sum()).map_err(HeaderError::trap)?;
        types::HostFields::from_list(&mut self.wasi(), entries)
    }

    fn set(
        &mut self,
        fields: Resource<FieldMap>,
        name: String,
        values: Vec<Vec<u8>>,
    ) -> HeaderResult<()> {
        let bytes = values.iter().map(|value| value.len() + HEADER_BYTES);
        let bytes = name.len() + bytes.sum::<usize>();
        self.hold_headers(bytes).map_err(HeaderError::trap)?;
        types::HostFields::set(&mut self.wasi(), fields, name, values)
    }

    fn append(
        &mut self,
        fields: Resource<FieldMap>,
        name: String,
        value: Vec<u8>,
    ) -> HeaderResult<()> {
        let bytes = name.len() + value.len() + HEADER_BYTES;
        self.hold_headers(bytes).map_err(HeaderError::trap)?;
        types::HostFields::append(&mut self.wasi(), fields, name, value)
    }

    fn clone(&mut self, fields: Resource<FieldMap>) -> Result<Resource<FieldMap>> {
        let headers: &HeaderMap = self.table.get(&fields)?;
        let bytes = headers_bytes(headers);
        self.hold_headers(bytes)?;
        types::HostFields::clone(&mut self.wasi(), fields)
    }
}

impl types::HostOutgoingRequest for HttpView<'_> {
    pass_on! { HostOutgoingRequest:
        fn new(headers: Resource<FieldMap>) -> Result<Resource<OutgoingRequest>>;
        fn method(request: Resource<OutgoingRequest>) -> Result<Method>;
        fn path_with_query(request: Resource<OutgoingRequest>) -> Result<Option<String>>;
        fn scheme(request: Resource<OutgoingRequest>) -> Result<Option<Scheme>>;
        fn authority(request: Resource<OutgoingRequest>) -> Result<Option<String>>;
        fn headers(request: Resource<OutgoingRequest>) -> Result<Resource<FieldMap>>;
    }

    fn body(
        &mut self,
        request: Resource<OutgoingRequest>,
    ) -> Result<Result<Resource<OutgoingBody>, ()>> {
        let id = request.rep();
        let held = self.ctx.meter.hold(BODY_BYTES)?;
        let body = types::HostOutgoingRequest::body(&mut self.wasi(), request)?;
        if body.is_ok() {
            self.ctx.bodies.insert(id, held);
        }
        Ok(body)
    }

    fn set_method(
        &mut self,
        request: Resource<OutgoingRequest>,
        method: Method,
    ) -> Result<Result<(), ()>> {
        let text = match &method {
            Method::Other(text) => text.len(),
            _ => 0,
        };
        self.hold_headers(text)?;
        types::HostOutgoingRequest::set_method(&mut self.wasi(), request, method)
    }

    fn set_path_with_query(
        &mut self,
        request: Resource<OutgoingRequest>,
        path: Option<String>,
    ) -> Result<Result<(), ()>> {
        self.hold_headers(path.as_ref().map_or(0, String::len))?;
        types::HostOutgoingRequest::set_path_with_query(&mut self.wasi(), request, path)
    }

    fn set_scheme(
        &mut self,
        request: Resource<OutgoingRequest>,
        scheme: Option<Scheme>,
    ) -> Result<Result<(), ()>> {
        let text = match &scheme {
            Some(Scheme::Other(text)) => text.len(),
            _ => 0,
        };
        self.hold_headers(text)?;
        types::HostOutgoingRequest::set_scheme(&mut self.wasi(), request, scheme)
    }

    fn set_authority(
        &mut self,
        request: Resource<OutgoingRequest>,
        authority: Option<String>,
    ) -> Result<Result<(), ()>> {
        self.hold_headers(authority.as_ref().map_or(0, String::len))?;
        types::HostOutgoingRequest::set_authority(&mut self.wasi(), request, authority)
    }

    fn drop(&mut self, request: Resource<OutgoingRequest>) -> Result<()> {
        self.ctx.bodies.remove(&request.rep());
        types::HostOutgoingRequest::drop(&mut self.wasi(), request)
    }
}

impl types::HostIncomingResponse for HttpView<'_> {
    pass_on! { HostIncomingResponse:
        fn drop(response: Resource<IncomingResponse>) -> Result<()>;
        fn status(response: Resource<IncomingResponse>) -> Result<StatusCode>;
        fn headers(response: Resource<IncomingResponse>) -> Result<Resource<FieldMap>>;
        fn consume(response: Resource<IncomingResponse>) -> Result<Result<Resource<IncomingBody>, ()>>;
    }
}

impl types::HostIncomingBody for HttpView<'_> {
    pass_on! { HostIncomingBody:
        fn stream(body: Resource<IncomingBody>) -> Result<Result<Resource<DynInputStream>, ()>>;
        fn finish(body: Resource<IncomingBody>) -> Result<Resource<FutureTrailers>>;
        fn drop(body: Resource<IncomingBody>) -> Result<()>;
    }
}

impl types::HostFutureTrailers for HttpView<'_> {
    pass_on! { HostFutureTrailers:
        fn drop(trailers: Resource<FutureTrailers>) -> Result<()>;
        fn subscribe(trailers: Resource<FutureTrailers>) -> Result<Resource<DynPollable>>;
        fn get(trailers: Resource<FutureTrailers>) -> Result<Option<Result<Result<Option<Resource<Trailers>>, ErrorCode>, ()>>>;
    }
}

impl types::HostFutureIncomingResponse for HttpView<'_> {
    pass_on! { HostFutureIncomingResponse:
        fn drop(response: Resource<FutureIncomingResponse>) -> Result<()>;
        fn get(response: Resource<FutureIncomingResponse>) -> Result<Option<Result<Result<Resource<IncomingResponse>, ErrorCode>, ()>>>;
        fn subscribe(response: Resource<FutureIncomingResponse>) -> Result<Resource<DynPollable>>;
    }
}

impl types::HostOutgoingBody for HttpView<'_> {
    pass_on! { HostOutgoingBody:
        fn write(body: Resource<OutgoingBody>) -> Result<Result<Resource<DynOutputStream>, ()>>;
        fn finish(body: Resource<OutgoingBody>, trailers: Option<Resource<Trailers>>) -> HttpResult<()>;
        fn drop(body: Resource<OutgoingBody>) -> Result<()>;
    }
}

impl types::HostRequestOptions for HttpView<'_> {
    pass_on! { HostRequestOptions:
        fn new() -> Result<Resource<RequestOptions>>;
        fn connect_timeout(options: Resource<RequestOptions>) -> Result<Option<Duration>>;
        fn set_connect_timeout(options: Resource<RequestOptions>, time: Option<Duration>) -> Result<Result<(), ()>>;
        fn first_byte_timeout(options: Resource<RequestOptions>) -> Result<Option<Duration>>;
        fn set_first_byte_timeout(options: Resource<RequestOptions>, time: Option<Duration>) -> Result<Result<(), ()>>;
        fn between_bytes_timeout(options: Resource<RequestOptions>) -> Result<Option<Duration>>;
        fn set_between_bytes_timeout(options: Resource<RequestOptions>, time: Option<Duration>) -> Result<Result<(), ()>>;
        fn drop(options: Resource<RequestOptions>) -> Result<()>;
    }
}

impl types::HostIncomingRequest for HttpView<'_> {
    pass_on! { HostIncomingRequest:
        fn method(request: Resource<IncomingRequest>) -> Result<Method>;
        fn path_with_query(request: Resource<IncomingRequest>) -> Result<Option<String>>;
        fn scheme(request: Resource<IncomingRequest>) -> Result<Option<Scheme>>;
        fn authority(request: Resource<IncomingRequest>) -> Result<Option<String>>;
        fn headers(request: Resource<IncomingRequest>) -> Result<Resource<FieldMap>>;
        fn consume(request: Resource<IncomingRequest>) -> Result<Result<Resource<IncomingBody>, ()>>;
        fn drop(request: Resource<IncomingRequest>) -> Result<()>;
    }
}

impl types::HostResponseOutparam for HttpView<'_> {
    fn set(
        &mut self,
        _: Resource<ResponseOutparam>,
        _: Result<Resource<OutgoingResponse>, ErrorCode>,
    ) -> Result<()> {
        no_server()
    }

    fn send_informational(
        &mut self,
        _: Resource<ResponseOutparam>,
        _: u16,
        _: Resource<FieldMap>,
    ) -> HttpResult<()> {
        no_server().map_err(HttpError::trap)
    }

    pass_on! { HostResponseOutparam:
        fn drop(response: Resource<ResponseOutparam>) -> Result<()>;
    }
}

impl types::HostOutgoingResponse for HttpView<'_> {
    fn new(&mut self, _: Resource<FieldMap>) -> Result<Resource<OutgoingResponse>> {
        no_server()
    }

    fn body(
        &mut self,
        _: Resource<OutgoingResponse>,
    ) -> Result<Result<Resource<OutgoingBody>, ()>> {
        no_server()
    }

    pass_on! { HostOutgoingResponse:
        fn status_code(response: Resource<OutgoingResponse>) -> Result<StatusCode>;
        fn set_status_code(response: Resource<OutgoingResponse>, status: StatusCode) -> Result<Result<(), ()>>;
        fn headers(response: Resource<OutgoingResponse>) -> Result<Resource<FieldMap>>;
        fn drop(response: Resource<OutgoingResponse>) -> Result<()>;
    }
}
