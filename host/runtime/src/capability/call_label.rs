//! What the log calls a call by.

use std::sync::Arc;

use super::advice::Advice;
use super::call_spans::CallSpans;

/// The app, the endpoint and the request of a call, for the log.
#[derive(Debug, Clone)]
pub(crate) struct CallLabel {
    pub(crate) app: Arc<str>,
    /// In brackets where it is no request that runs.
    pub(crate) endpoint: Arc<str>,
    pub(crate) request: Arc<str>,
    pub(crate) advice: Advice,
    pub(crate) spans: CallSpans,
}

impl CallLabel {
    /// Returns the app, the endpoint and the request, as the log has them.
    pub(crate) fn fields(&self) -> (&str, &str, &str) {
        (&self.app, &self.endpoint, &self.request)
    }
}
