//! Sockets, of which no app has any: who asks for one is refused, and the log says so.

use wasmtime::component::{Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::p2::bindings::sockets::ip_name_lookup::ResolveAddressStream;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily};
use wasmtime_wasi::p2::{Network, TcpSocket, UdpSocket};

use super::store::CallState;
use crate::wire::NetworkWish;

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
            refuse_wish(&mut store, NetworkWish::Tcp);
            let refused: Result<Resource<TcpSocket>, _> = Err(ErrorCode::AccessDenied);
            Ok((refused,))
        },
    )?;
    linker.instance(UDP)?.func_wrap(
        "create-udp-socket",
        |mut store: StoreContextMut<'_, CallState>, _: (IpAddressFamily,)| {
            refuse_wish(&mut store, NetworkWish::Udp);
            let refused: Result<Resource<UdpSocket>, _> = Err(ErrorCode::AccessDenied);
            Ok((refused,))
        },
    )?;
    linker.instance(NAMES)?.func_wrap(
        "resolve-addresses",
        |mut store: StoreContextMut<'_, CallState>, _: (Resource<Network>, String)| {
            refuse_wish(&mut store, NetworkWish::Name);
            let refused: Result<Resource<ResolveAddressStream>, _> =
                Err(ErrorCode::PermanentResolverFailure);
            Ok((refused,))
        },
    )
}

fn refuse_wish(store: &mut StoreContextMut<'_, CallState>, wish: NetworkWish) {
    store.data_mut().output().network_refused(wish);
}
