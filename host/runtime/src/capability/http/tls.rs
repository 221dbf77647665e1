//! Encryption, by the roots that this machine trusts. A guest has no say in it.

use std::io;
use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt;
use syft_manifest::HttpHost;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Encrypts a connection to a host, which has to show that it is that host.
pub(super) async fn encrypt(
    host: &HttpHost,
    stream: TcpStream,
) -> io::Result<TlsStream<TcpStream>> {
    // Reading the roots for the first time takes a while.
    let settings = tokio::task::spawn_blocking(settings).await??;
    let name = server_name(host)?;
    TlsConnector::from(settings).connect(name, stream).await
}

fn settings() -> io::Result<Arc<ClientConfig>> {
    static SETTINGS: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(settings) = SETTINGS.get() {
        return Ok(Arc::clone(settings));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let settings = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(io::Error::other)?
        .with_no_client_auth();
    Ok(Arc::clone(SETTINGS.get_or_init(|| Arc::new(settings))))
}

fn server_name(host: &HttpHost) -> io::Result<ServerName<'static>> {
    match host {
        HttpHost::Address(address) => Ok(ServerName::from(*address)),
        HttpHost::Name(name) | HttpHost::Below(name) => {
            ServerName::try_from(name.clone()).map_err(io::Error::other)
        }
    }
}

/// Tells whether a connection failed since the host could not show that it is the host.
pub(super) fn is_about_certificate(error: &io::Error) -> bool {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(
        inner,
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented)
    )
}
