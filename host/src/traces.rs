//! Traces of requests, sent by OTLP to a collector of the owner's.
//!
//! They are made from `activity`, after the answer is written. A call only takes note of what it
//! does, and only while traces are sent. What cannot be sent in time is dropped.
//!
//! - `collecting`: what happened, put together to requests
//! - `span`: a request as spans
//! - `inner`: what it did, as spans within these
//! - `client`: the way to the collector
//!
//! Why: docs/decisions/72-traces-are-made-from-what-is-logged.md

mod client;
mod collecting;
mod inner;
mod span;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use syft_runtime::capability::collect_spans;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;

use crate::activity::{Activity, LogEntry};
use crate::config::TraceTarget;
use crate::error::CommandError;
use client::CollectorClient;
use collecting::Collecting;

/// The most time that a collector has to take what is sent.
const SEND_WITHIN: Duration = Duration::from_secs(10);

/// The most time that the end of the host waits for what is not sent yet.
const END_WITHIN: Duration = Duration::from_secs(2);

/// The traces of this host, which are sent until it is stopped.
pub struct Traces {
    provider: SdkTracerProvider,
    task: JoinHandle<()>,
}

impl Traces {
    /// Begins to send.
    ///
    /// # Errors
    /// The target makes no sense.
    pub fn start(target: &TraceTarget, activity: &Activity) -> Result<Self, CommandError> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(CollectorClient::new(SEND_WITHIN))
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(&target.url)
            .with_timeout(SEND_WITHIN)
            .build()
            .map_err(|error| {
                CommandError::from(error).about(format!("cannot send traces to {}", target.url))
            })?;
        let resource = Resource::builder()
            .with_service_name(target.service.clone())
            .with_attribute(opentelemetry::KeyValue::new(
                "service.version",
                env!("CARGO_PKG_VERSION"),
            ))
            .build();
        // It sends in a thread of its own, and its queue has an end.
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .build();
        let tracer = provider.tracer("syft-host");
        collect_spans();
        let task = tokio::spawn(follow(activity.subscribe(), tracer));
        Ok(Self { provider, task })
    }

    /// Sends what is not sent yet, if that takes no long time.
    pub async fn stop(self) {
        self.task.abort();
        let provider = self.provider;
        let stop = move || provider.shutdown_with_timeout(END_WITHIN);
        match tokio::task::spawn_blocking(stop).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("the last traces were not sent: {error}"),
            Err(error) => tracing::warn!("the last traces were not sent: {error}"),
        }
    }
}

async fn follow(mut feed: Receiver<Arc<LogEntry>>, tracer: SdkTracer) {
    let mut collecting = Collecting::default();
    loop {
        match feed.recv().await {
            Ok(entry) => {
                if let Some(request) = collecting.take(entry) {
                    span::record(&tracer, &request);
                }
            }
            Err(RecvError::Lagged(n_missed)) => {
                tracing::debug!(n_missed, "too much happened for the traces");
            }
            Err(RecvError::Closed) => return,
        }
    }
}
