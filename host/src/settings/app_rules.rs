//! What the owner denies an app and lets it use, whatever was approved.

use std::time::Duration;

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
    }
}
