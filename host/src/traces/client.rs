//! The way to a collector, by the HTTP client that registries are asked by.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

/// Bytes of an answer that are read.
const MAX_ANSWER: u64 = 64 << 10;

/// Sends to a collector.
#[derive(Debug)]
pub(super) struct CollectorClient {
    agent: Agent,
    /// It was said that nothing arrives, so that it is said once.
    is_told: AtomicBool,
}

impl CollectorClient {
    pub(super) fn new(within: Duration) -> Self {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier);
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(within))
            .tls_config(tls.build())
            .user_agent(concat!("syft-host/", env!("CARGO_PKG_VERSION")));
        Self {
            agent: config.build().new_agent(),
            is_told: AtomicBool::new(false),
        }
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ureq::Error> {
        let (head, body) = request.into_parts();
        let mut response = self.agent.run(Request::from_parts(head, &body[..]))?;
        let answer = response.body_mut().with_config().limit(MAX_ANSWER);
        let answer = Bytes::from(answer.read_to_vec()?);
        Ok(response.map(|_| answer))
    }

    fn tell(&self, problem: Option<String>) {
        match problem {
            Some(problem) if !self.is_told.swap(true, Ordering::Relaxed) => {
                tracing::warn!("traces are not sent: {problem}");
            }
            Some(problem) => tracing::debug!("traces are not sent: {problem}"),
            None if self.is_told.swap(false, Ordering::Relaxed) => {
                tracing::info!("traces are sent again");
            }
            None => {}
        }
    }
}

#[async_trait]
impl HttpClient for CollectorClient {
    /// Blocks the thread that sends, in which nothing else waits.
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.send(request);
        self.tell(match &sent {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(format!("the collector answers {}", response.status())),
            Err(error) => Some(error.to_string()),
        });
        Ok(sent?)
    }
}
