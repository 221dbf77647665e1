//! Telling a server to stop.

use syft_system::signals::StopSignals;
use tokio::sync::watch;

/// The receiving end: a server stops when it is asked to, and at once when it is
/// asked again or when nobody could ask any more.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<u32>);

/// The sending end.
#[derive(Debug)]
pub struct Stop(watch::Sender<u32>);

impl Shutdown {
    /// Returns both ends.
    pub fn new() -> (Stop, Self) {
        let (sender, receiver) = watch::channel(0);
        (Stop(sender), Self(receiver))
    }

    /// Waits for the first request to stop.
    pub async fn requested(&mut self) {
        self.asked(1).await;
    }

    /// Waits for the second one.
    pub async fn insisted(&mut self) {
        self.asked(2).await;
    }

    async fn asked(&mut self, times: u32) {
        if self.0.wait_for(|asked| *asked >= times).await.is_err() {
            tracing::debug!("nobody can ask the server to stop any more: it stops");
        }
    }
}

impl Stop {
    /// Asks the server to stop.
    pub fn stop(&self) {
        self.0.send_modify(|asked| *asked += 1);
    }

    /// Asks on SIGINT and on SIGTERM, and what is like them elsewhere, until the server has ended.
    ///
    /// # Errors
    /// The signals cannot be listened for.
    pub fn on_signals(self) -> std::io::Result<()> {
        let mut signals = StopSignals::listen()?;
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = signals.next() => {}
                    () = self.0.closed() => return,
                }
                self.stop();
            }
        });
        Ok(())
    }
}
