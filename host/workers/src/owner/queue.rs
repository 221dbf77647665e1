//! The queue of calls that wait, as a stream of JetStream: a message for each, for those who look
//! from elsewhere how long it is. The ledger is the truth; nobody takes calls from here.

use std::collections::BTreeMap;

use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::stream::{Config, RetentionPolicy, StorageType, Stream};
use async_nats::jetstream::{self, Context};
use serde_json::json;
use tokio::sync::mpsc;

use crate::ledger::CallId;
use crate::names::{QUEUE, QUEUE_CONSUMER};

/// What becomes of the queue.
#[derive(Debug)]
pub(super) enum Change {
    /// A call of an app waits.
    Waits(CallId, String),
    /// It does not wait any more.
    WaitsNoMore(CallId),
    /// The server may have begun anew.
    Renew,
}

struct Queue {
    context: Context,
    stream: Option<Stream>,
    /// All that wait, with the number of their message if it was put there.
    waiting: BTreeMap<CallId, (String, Option<u64>)>,
    is_in_trouble: bool,
}

/// Keeps the stream as it is told to.
pub(super) async fn keep(client: async_nats::Client, mut changes: mpsc::UnboundedReceiver<Change>) {
    let mut queue = Queue {
        context: jetstream::new(client),
        stream: None,
        waiting: BTreeMap::new(),
        is_in_trouble: false,
    };
    while let Some(change) = changes.recv().await {
        let result = queue.take(change).await;
        if let Err(error) = &result
            && !queue.is_in_trouble
        {
            tracing::warn!("the queue cannot be shown at the NATS server: {error:#}");
        }
        queue.is_in_trouble = result.is_err();
    }
}

impl Queue {
    async fn take(&mut self, change: Change) -> anyhow::Result<()> {
        match change {
            Change::Waits(call, app) => {
                self.waiting.insert(call, (app, None));
                self.put(call).await
            }
            Change::WaitsNoMore(call) => {
                let number = self.waiting.remove(&call).and_then(|(_, number)| number);
                if let (Some(number), Some(stream)) = (number, &self.stream) {
                    stream.delete_message(number).await?;
                }
                Ok(())
            }
            Change::Renew => self.renew().await,
        }
    }

    /// Begins with an empty stream: what an earlier host left waits for nobody.
    async fn renew(&mut self) -> anyhow::Result<()> {
        let config = Config {
            name: QUEUE.to_owned(),
            description: Some("calls that wait for a worker, to be counted".to_owned()),
            subjects: vec!["syft.work.>".to_owned()],
            retention: RetentionPolicy::WorkQueue,
            storage: StorageType::Memory,
            ..Config::default()
        };
        let stream = self.context.get_or_create_stream(config).await?;
        stream.purge().await?;
        let consumer = pull::Config {
            durable_name: Some(QUEUE_CONSUMER.to_owned()),
            ..pull::Config::default()
        };
        stream
            .get_or_create_consumer(QUEUE_CONSUMER, consumer)
            .await?;
        self.stream = Some(stream);
        let waiting: Vec<CallId> = self.waiting.keys().copied().collect();
        for call in waiting {
            self.put(call).await?;
        }
        Ok(())
    }

    async fn put(&mut self, call: CallId) -> anyhow::Result<()> {
        let Some((app, number)) = self.waiting.get_mut(&call) else {
            return Ok(());
        };
        if self.stream.is_none() {
            return Ok(());
        }
        let is_plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_');
        let token: String = app
            .chars()
            .map(|char| if is_plain(char) { char } else { '_' })
            .collect();
        let payload = json!({"app": app, "call": call}).to_string();
        let subject = format!("syft.work.{token}");
        let put = self.context.publish(subject, payload.into()).await?;
        *number = Some(put.await?.sequence);
        Ok(())
    }
}
