//! What the owner denies an app and lets it use, whatever was approved.

use std::time::Duration;

use serde_json::{Value, json};
use syft_manifest::units::{show_size, show_time};
use syft_manifest::{Grants, HttpHost, Limits};
use syft_protocol::address::AppName;
use syft_protocol::grant::PathPattern;

use super::{HostSettings, SaidSettings, SettingValue};

/// The rules of one app.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AppRules {
    denied_files: Vec<PathPattern>,
    denied_hosts: Vec<HttpHost>,
    /// What no app gets more of.
    most: SaidLimits,
    /// What this app gets, whatever it asks for and others get.
    own: SaidLimits,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct SaidLimits {
    time: Option<Duration>,
    memory_bytes: Option<usize>,
    concurrency: Option<usize>,
    state_bytes: Option<u64>,
}

impl SaidLimits {
    fn of(said: &SaidSettings) -> Self {
        let value = |key: &str| said.get(key).map(|setting| &setting.value);
        let size = |key| value(key).and_then(SettingValue::size);
        let count = value("limits.concurrency").and_then(SettingValue::count);
        Self {
            time: value("limits.time").and_then(SettingValue::time),
            memory_bytes: size("limits.memory").and_then(|bytes| bytes.try_into().ok()),
            concurrency: count.and_then(|count| count.try_into().ok()),
            state_bytes: size("limits.state"),
        }
    }
}

impl HostSettings {
    /// Returns the rules of an app: what is said of all, and of it.
    pub fn rules_of(&self, app: &AppName) -> AppRules {
        let own = self.apps.get(app);
        let mut rules = AppRules {
            most: SaidLimits::of(&self.all),
            own: own.map(SaidLimits::of).unwrap_or_default(),
            ..AppRules::default()
        };
        for said in [Some(&self.all), own].into_iter().flatten() {
            if let Some(SettingValue::Files(files)) = said.get("deny.files").map(|it| &it.value) {
                rules.denied_files.extend(files.iter().cloned());
            }
            if let Some(SettingValue::Hosts(hosts)) = said.get("deny.hosts").map(|it| &it.value) {
                rules.denied_hosts.extend(hosts.iter().cloned());
            }
        }
        rules
    }
}

impl AppRules {
    /// Denies what is denied.
    pub fn deny(&self, grants: &mut Grants) {
        grants.denied.extend(self.denied_files.iter().cloned());
        grants.http.denied.extend(self.denied_hosts.iter().cloned());
    }

    /// Returns in words what is denied.
    pub fn denied_in_words(&self) -> Vec<String> {
        let files = self.denied_files.iter().map(|it| format!("files {it}"));
        let hosts = self.denied_hosts.iter();
        let hosts = hosts.map(|host| format!("requests to {host}"));
        files.chain(hosts).collect()
    }

    /// Returns in words what changes for an app that would get these limits without any rule.
    pub fn limited_in_words(&self, without: &Limits) -> Vec<String> {
        let with = self.limit(without.clone());
        let size = |bytes: usize| show_size(bytes as u64);
        let all = [
            (
                "time of a call",
                show_time(with.time),
                show_time(without.time),
            ),
            (
                "memory of a call",
                size(with.memory_bytes),
                size(without.memory_bytes),
            ),
            (
                "calls at the same time",
                with.concurrency.to_string(),
                without.concurrency.to_string(),
            ),
            (
                "state",
                show_size(with.state_bytes),
                show_size(without.state_bytes),
            ),
        ];
        let changed = all.into_iter().filter(|(_, with, without)| with != without);
        changed
            .map(|(what, with, without)| format!("{what}: {with}, not {without}"))
            .collect()
    }

    /// Returns for scripts what is denied, and the limits of an app that would get these without
    /// any rule.
    pub fn to_json(&self, without: &Limits) -> Value {
        let texts = |all: &[PathPattern]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        let hosts = self.denied_hosts.iter().map(ToString::to_string);
        let limits = self.limit(without.clone());
        json!({
            "denied": {
                "files": texts(&self.denied_files),
                "hosts": hosts.collect::<Vec<_>>(),
            },
            "limits": {
                "time_ms": u64::try_from(limits.time.as_millis()).unwrap_or(u64::MAX),
                "memory_bytes": limits.memory_bytes,
                "concurrency": limits.concurrency,
                "state_bytes": limits.state_bytes,
            },
        })
    }

    /// Returns what an app may use that would get these limits without any rule.
    pub fn limit(&self, limits: Limits) -> Limits {
        fn one<T: Ord>(own: Option<T>, most: Option<T>, without: T) -> T {
            match (own, most) {
                (Some(own), _) => own,
                (None, Some(most)) => without.min(most),
                (None, None) => without,
            }
        }
        let Self { own, most, .. } = self;
        Limits {
            time: one(own.time, most.time, limits.time),
            memory_bytes: one(own.memory_bytes, most.memory_bytes, limits.memory_bytes),
            concurrency: one(own.concurrency, most.concurrency, limits.concurrency),
            state_bytes: one(own.state_bytes, most.state_bytes, limits.state_bytes),
            ..limits
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_is_said_of_an_app_counts_before_what_is_said_of_all() {
        let text = "
            [limits]
            memory = '64MiB'
            time = '5s'
            [deny]
            files = ['*/private/**']
            [apps.big.limits]
            memory = '1GiB'
            [apps.big.deny]
            hosts = ['*.example.com']
        ";
        let settings = HostSettings::parse(Path::new("config.toml"), text).expect("settings");
        let rules = |name: &str| settings.rules_of(&AppName::parse(name).expect("a name"));
        let usual = Limits::default();
        let limits = rules("big").limit(usual.clone());
        let seconds = limits.time.as_secs();
        assert_eq!((limits.memory_bytes, seconds), (1 << 30, 5));
        let limits = rules("other").limit(usual.clone());
        assert_eq!(
            (limits.memory_bytes, limits.concurrency),
            (64 << 20, usual.concurrency)
        );
        let small = Limits {
            memory_bytes: 1 << 20,
            ..usual
        };
        assert_eq!(
            rules("other").limit(small).memory_bytes,
            1 << 20,
            "a cap gives nothing"
        );

        let denied = |name: &str| {
            let mut grants = Grants::default();
            rules(name).deny(&mut grants);
            (grants.denied.len(), grants.http.denied.len())
        };
        assert_eq!((denied("big"), denied("other")), ((1, 1), (1, 0)));

        let expected = ["files */private/**", "requests to *.example.com"];
        assert_eq!(rules("big").denied_in_words(), expected);
        let expected = [
            "time of a call: 5 s, not 10 s",
            "memory of a call: 1 GiB, not 128 MiB",
        ];
        let usual = Limits::default();
        assert_eq!(rules("big").limited_in_words(&usual), expected);
        let none = AppRules::default();
        assert!(none.limited_in_words(&usual).is_empty() && none.denied_in_words().is_empty());
    }
}
