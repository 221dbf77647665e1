//! Why a component has no code, and that it is remembered.

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use syft_manifest::clock::now;
use syft_manifest::sanitize::plain_excerpt;
use syft_protocol::timestamp::Timestamp;
use syft_system::private;

use super::CompileLimits;
use super::budget::Budget;

/// The most bytes of a record, and of the reason in it.
const MAX_BYTES: u64 = 64 << 10;
const MAX_WHY_BYTES: usize = 2_000;

/// Other versions of the host may do better.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Why a component has no code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::sandbox) struct CompileFailure {
    pub(in crate::sandbox) kind: Kind,
    pub(in crate::sandbox) why: String,
    /// What the compiler was given, where more may help.
    tried: Option<Tried>,
    /// When it was found out, in microseconds since 1970, if that was before.
    #[serde(skip)]
    pub(in crate::sandbox) since: Option<i64>,
}

/// What kind of reason it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::sandbox) enum Kind {
    /// It is no component.
    Invalid,
    /// It has more of something than any app needs.
    Refused,
    /// The compiler needs more than it may have.
    Costly,
    /// The compiler has crashed.
    Crashed,
    /// The host cannot start a compiler, or its disk is full. It is no fault of the component.
    Host,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Tried {
    cpu_ms: u64,
    memory_bytes: u64,
}

/// What is kept of a failure.
#[derive(Serialize, Deserialize)]
struct Record {
    version: String,
    at: i64,
    failure: CompileFailure,
}

impl CompileFailure {
    fn new(kind: Kind, why: &str, budget: Option<&Budget>) -> Self {
        let tried = budget.map(|budget| Tried {
            cpu_ms: u64::try_from(budget.cpu_time.as_millis()).unwrap_or(u64::MAX),
            memory_bytes: budget.memory_bytes,
        });
        Self {
            kind,
            why: plain_excerpt(why, MAX_WHY_BYTES),
            tried,
            since: None,
        }
    }

    pub(super) fn invalid(why: &str) -> Self {
        Self::new(Kind::Invalid, why, None)
    }

    pub(super) fn refused(why: &str) -> Self {
        Self::new(Kind::Refused, why, None)
    }

    pub(super) fn costly(why: &str, budget: &Budget) -> Self {
        Self::new(Kind::Costly, why, Some(budget))
    }

    pub(super) fn crashed(why: &str, budget: &Budget) -> Self {
        Self::new(Kind::Crashed, why, Some(budget))
    }

    pub(super) fn host(why: impl Display) -> Self {
        Self::new(Kind::Host, &why.to_string(), None)
    }

    /// Keeps it, so that it is not tried again. That it cannot be kept is in nobody's way.
    pub(in crate::sandbox) fn keep(&self, path: &Path) {
        if self.kind == Kind::Host {
            return;
        }
        let record = Record {
            version: VERSION.to_owned(),
            at: now().micros(),
            failure: self.clone(),
        };
        let written = serde_json::to_vec(&record).map_err(std::io::Error::from);
        if let Err(error) = written.and_then(|json| private::write(path, &json)) {
            tracing::warn!("a component that does not compile is not remembered: {error}");
        }
    }

    /// Returns the failure that was kept, unless it is worth another attempt.
    pub(in crate::sandbox) fn kept(
        path: &Path,
        component_bytes: u64,
        limits: &CompileLimits,
    ) -> Option<Self> {
        let json = private::read(path, MAX_BYTES).ok().flatten()?;
        let record: Record = serde_json::from_slice(&json).ok()?;
        let budget = limits.budget(component_bytes);
        let is_more = |tried: &Tried| {
            budget.is_more_than(Duration::from_millis(tried.cpu_ms), tried.memory_bytes)
        };
        let is_worth_it = record.failure.tried.as_ref().is_some_and(is_more);
        if record.version != VERSION || is_worth_it {
            return None;
        }
        Some(Self {
            since: Some(record.at),
            ..record.failure
        })
    }

    /// Returns the reason in words.
    pub(in crate::sandbox) fn in_words(&self) -> String {
        let before = self.since.map_or_else(String::new, |at| {
            let at = Timestamp::from_micros(at);
            format!(" (found out at {at}, and not tried again by itself)")
        });
        let why = &self.why;
        match self.kind {
            Kind::Costly => format!("compiling it takes {why}{before}"),
            Kind::Crashed => format!("the compiler has crashed: {why}{before}"),
            Kind::Invalid | Kind::Refused | Kind::Host => format!("{why}{before}"),
        }
    }
}
