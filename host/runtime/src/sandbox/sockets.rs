//! Sockets, of which no app has any: who asks for one is refused, and the log says so.

use wasmtime::component::{Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::p2::bindings::sockets::ip_name_lookup::ResolveAddressStream;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily};
use wasmtime_wasi::p2::{Network, TcpSocket, UdpSocket};

use super::store::CallState;

const GRANTED: &str = "HTTP is granted with [http] allow = [\"https://…\"] in syft-app.toml";

/// The interfaces in WASI's own implementation, whose place is taken.
const TCP: &str = "wasi:sockets/tcp-create-socket@0.2.12";
const UDP: &str = "wasi:sockets/udp-create-socket@0.2.12";
const NAMES: &str = "wasi:sockets/ip-name-lookup@0.2.12";

/// Puts refusals in the place of what makes sockets and looks names up. They answer as WASI's own
/// implementation does where nothing is allowed.
pub(super) fn refuse(linker: &mut Linker<CallState>) -> Result<()> {
    linker.instance(TCP)?.func_wrap(
        "create-tcp-socket",
        |mut store: StoreContextMut<'_, CallState>, _: (IpAddressFamily,)| {
            log(&mut store, "a TCP socket");
            let refused: Result<Resource<TcpSocket>, _> = Err(ErrorCode::AccessDenied);
            Ok((refused,))
        },
    )?;
    linker.instance(UDP)?.func_wrap(
        "create-udp-socket",
        |mut store: StoreContextMut<'_, CallState>, _: (IpAddressFamily,)| {
            log(&mut store, "a UDP socket");
            let refused: Result<Resource<UdpSocket>, _> = Err(ErrorCode::AccessDenied);
            Ok((refused,))
        },
    )?;
    linker.instance(NAMES)?.func_wrap(
        "resolve-addresses",
        |mut store: StoreContextMut<'_, CallState>, _: (Resource<Network>, String)| {
            log(&mut store, "the address of a name");
            let refused: Result<Resource<ResolveAddressStream>, _> =
                Err(ErrorCode::PermanentResolverFailure);
            Ok((refused,))
        },
    )
}

fn log(store: &mut StoreContextMut<'_, CallState>, what: &str) {
    let what =
        format!("network refused: the app asks for {what}, and apps have no network of their own");
    let output = store.data_mut().output();
    output.refused(&what, &output.advice().for_author(GRANTED));
}
