//! Where traces are sent, as the standard variables of OpenTelemetry say.

use std::env;

use crate::error::CommandError;

const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const SERVICE: &str = "OTEL_SERVICE_NAME";
const DISABLED: &str = "OTEL_SDK_DISABLED";

/// Below an endpoint, where traces go.
const PATH: &str = "v1/traces";

/// Where traces are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceTarget {
    /// The URL of a collector.
    pub url: String,
    /// What this host is called there.
    pub service: String,
}

impl TraceTarget {
    /// Returns where traces are sent: as the owner says on the command line, else as the
    /// environment does; nowhere, if neither does.
    ///
    /// # Errors
    /// What they say is no URL.
    pub fn find(said: Option<&str>) -> Result<Option<Self>, CommandError> {
        let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let is_disabled =
            variable(DISABLED).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let url = match said {
            Some(url) => Some(below(url)),
            None if is_disabled => None,
            None => variable(TRACES_ENDPOINT).or_else(|| variable(ENDPOINT).map(|url| below(&url))),
        };
        let Some(url) = url else {
            return Ok(None);
        };
        check(&url)?;
        let service = variable(SERVICE).unwrap_or_else(|| "syft-host".to_owned());
        Ok(Some(Self { url, service }))
    }
}

fn below(endpoint: &str) -> String {
    format!("{}/{PATH}", endpoint.trim_end_matches('/'))
}

fn check(url: &str) -> Result<(), CommandError> {
    let uri = url.parse::<http::Uri>();
    let is_good = uri.is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
    });
    if is_good {
        return Ok(());
    }
    Err(
        CommandError::new(format!("`{url}` is no place to send traces to"))
            .hint("name a collector, such as http://127.0.0.1:4318"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_go_below_what_is_named() {
        for url in ["http://127.0.0.1:4318", "http://127.0.0.1:4318/"] {
            let target = TraceTarget::find(Some(url))
                .expect("a URL")
                .expect("a target");
            assert_eq!(target.url, "http://127.0.0.1:4318/v1/traces");
        }
        for wrong in ["", "127.0.0.1:4318", "ftp://x", "http://"] {
            let error = TraceTarget::find(Some(wrong)).expect_err(wrong);
            assert!(!error.hints().is_empty(), "{wrong}");
        }
    }
}
