//! A server at work, in a task of its own.

use tokio::task::JoinHandle;
use tracing::Instrument;

use syft_server::server::{Draining, Server};
use syft_server::shutdown::{Shutdown, Stop};

// Why: docs/decisions/49-releases-replace-each-other-through-the-tree.md
/// A server at work.
pub(crate) struct ServerTask {
    stop: Stop,
    server: JoinHandle<Draining>,
}

impl ServerTask {
    /// Starts to serve.
    pub(crate) fn start(server: Server) -> Self {
        let (stop, shutdown) = Shutdown::new();
        let server = tokio::spawn(server.run(shutdown).in_current_span());
        Self { stop, server }
    }

    /// Waits until it has ended by itself, which it does by a fault of the host alone.
    pub(crate) async fn ended(&mut self) {
        if let Err(error) = (&mut self.server).await {
            tracing::error!("the server of the app: {error}");
        }
    }

    /// Ends calls in progress, and waits until nothing of the app is open any more.
    pub(crate) async fn end(mut self, shutdown: &mut Shutdown) {
        self.stop.stop();
        let ended = tokio::select! {
            ended = &mut self.server => ended,
            () = shutdown.insisted() => {
                self.stop.stop();
                self.server.await
            }
        };
        match ended {
            Ok(draining) => tokio::select! {
                () = draining.drained() => {}
                () = shutdown.requested() => {}
            },
            Err(error) => tracing::error!("the server of the app: {error}"),
        }
    }
}
