//! What the log says to do about a refusal, and to whom.

use std::time::Duration;

use syft_manifest::units::{show_size, show_time};

use crate::meter::MemoryWish;

/// A limit by its names.
struct LimitName {
    /// In a manifest.
    manifest: &'static str,
    /// Among the limits of an app in `config.toml`.
    settings: &'static str,
    /// For `syft-host run`.
    option: &'static str,
}

const MEMORY: LimitName = LimitName {
    manifest: "[limits] memory",
    settings: "memory",
    option: "--memory",
};
const STATE: LimitName = LimitName {
    manifest: "[state] quota",
    settings: "state",
    option: "--state",
};
const TIME: LimitName = LimitName {
    manifest: "[limits] time",
    settings: "time",
    option: "--time",
};

/// The most that a manifest can ask for.
const MOST_MEMORY: u64 = 4 << 30;
const MOST_STATE: u64 = 16 << 30;
const MOST_TIME: Duration = Duration::from_secs(600);

const MIB: u64 = 1 << 20;

/// Whom the log tells what to do about a refusal: who serves an app that is installed cannot
/// change what its author asked for, but can set its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Advice {
    /// Somebody who has the app's sources, or runs its file.
    #[default]
    ToAuthor,
    /// The owner of an app that is installed.
    ToOwner,
}

impl Advice {
    /// Says what nobody but the author can do.
    pub(crate) fn for_author(self, what: &str) -> String {
        match self {
            Self::ToAuthor => what.to_owned(),
            Self::ToOwner => format!("tell its author: {what}"),
        }
    }

    /// Says where a line of the manifest is missing.
    pub(crate) fn to_ask_for(self, line: &str) -> String {
        match self {
            Self::ToAuthor => format!("to allow it, add to the app's syft-app.toml: {line}"),
            Self::ToOwner => format!(
                "only a release that asks for it gets it: tell its author to add to \
                 syft-app.toml: {line}"
            ),
        }
    }

    /// Says how an app gets a file that is in none of the folders that it sees.
    pub(crate) fn outside(self) -> String {
        let line = "[files] read = [\"{datasite}/…\"]";
        match self {
            Self::ToAuthor => format!(
                "an app sees files below /datasites alone: put it there, and add to the app's \
                 syft-app.toml: {line}"
            ),
            Self::ToOwner => format!(
                "an app sees files below /datasites alone, those for which its release asks: tell \
                 its author to ask for it in syft-app.toml: {line}"
            ),
        }
    }

    /// Says by which option of `syft-host run` it is allowed, where there is such a command.
    pub(crate) fn to_approve(self, option: &str) -> String {
        match self {
            Self::ToAuthor => format!("to allow it, run the app with: {option}"),
            Self::ToOwner => {
                "you did not approve it: remove the app, and install it again to be asked"
                    .to_owned()
            }
        }
    }

    /// Says by what the owner denies something that is approved.
    pub(crate) fn denied(self) -> String {
        match self {
            Self::ToAuthor => "to allow it, take it out of what --deny names, or `deny` in config.toml \
                               (`syft-host config` shows it)"
                .to_owned(),
            Self::ToOwner => {
                "you denied it: by `deny` in config.toml (`syft-host config` shows it), or by --deny \
                 when you installed the app, for which remove and install it again"
                    .to_owned()
            }
        }
    }

    /// Says how calls of an app get the memory that one wanted.
    pub(crate) fn more_memory(self, wish: MemoryWish, app: &str) -> String {
        let MemoryWish { limit, wanted } = wish;
        self.more_bytes(&MEMORY, limit as u64, wanted as u64, MOST_MEMORY, app)
    }

    /// Says how an app keeps more than so many bytes, of which it wanted so many.
    pub(crate) fn more_state(self, quota: u64, wanted: u64, app: &str) -> String {
        self.more_bytes(&STATE, quota, wanted, MOST_STATE, app)
    }

    /// Says how calls of an app get more time than this.
    pub(crate) fn more_time(self, time: Duration, app: &str) -> String {
        if time >= MOST_TIME {
            return format!("no call gets more than {}", show_time(MOST_TIME));
        }
        let more = (2 * time).min(MOST_TIME);
        let more = match more.subsec_millis() {
            0 => format!("{}s", more.as_secs()),
            _ => format!("{}ms", more.as_millis()),
        };
        self.to_raise(&TIME, &more, app)
    }

    fn more_bytes(self, name: &LimitName, limit: u64, wanted: u64, most: u64, app: &str) -> String {
        if limit >= most || wanted > most {
            return format!("no app gets more than {}", show_size(most));
        }
        // Who wants so much wants a little more before long.
        let enough = wanted.saturating_add(wanted / 4).min(most);
        let mut more = 2 * limit.max(MIB / 2);
        while more < enough {
            more *= 2;
        }
        // A whole number of MiB, as a manifest names it.
        let more = show_size(more.next_multiple_of(MIB).min(most)).replace(' ', "");
        self.to_raise(name, &more, app)
    }

    fn to_raise(self, name: &LimitName, more: &str, app: &str) -> String {
        let LimitName {
            manifest,
            settings,
            option,
        } = name;
        match self {
            Self::ToAuthor => {
                format!("to allow more: {manifest} = {more:?} in syft-app.toml, or {option} {more}")
            }
            Self::ToOwner => format!(
                "to allow more, write this into config.toml (see `syft-host config path`), and \
                 have the host read it by SIGHUP: [apps.{}.limits] {settings} = {more:?}",
                toml_key(app)
            ),
        }
    }
}

/// Returns a name as a key of TOML.
fn toml_key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    if name.chars().all(is_bare) {
        name.to_owned()
    } else {
        format!("{name:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(limit: usize, wanted: usize) -> MemoryWish {
        MemoryWish { limit, wanted }
    }

    #[test]
    fn more_is_twice_as_much_up_to_what_there_is() {
        let more_memory = |limit| Advice::ToAuthor.more_memory(wish(limit, limit + 1), "app");
        assert_eq!(
            more_memory(128 << 20),
            "to allow more: [limits] memory = \"256MiB\" in syft-app.toml, or --memory 256MiB"
        );
        assert!(more_memory(3 << 29).contains("\"3GiB\""));
        assert!(more_memory(1_600_000).contains("\"4MiB\""));
        assert_eq!(more_memory(4 << 30), "no app gets more than 4 GiB");
        let state = Advice::ToAuthor.more_state(64 << 20, 65 << 20, "app");
        assert!(state.contains("--state 128MiB"), "{state}");
        let more_time = |time| Advice::ToAuthor.more_time(time, "app");
        assert!(more_time(Duration::from_secs(10)).contains("--time 20s"));
        assert!(more_time(Duration::from_millis(750)).contains("\"1500ms\""));
        assert!(more_time(Duration::from_secs(400)).contains("\"600s\""));
        assert_eq!(
            more_time(Duration::from_secs(600)),
            "no call gets more than 10 min"
        );
    }

    #[test]
    fn more_is_enough_for_what_was_wanted() {
        for (limit, wanted, expected) in [
            (128 << 20, 300 << 20, "--memory 512MiB"),
            (128 << 20, 250 << 20, "--memory 512MiB"),
            (128 << 20, 4 << 30, "--memory 4GiB"),
            (0, 3 << 20, "--memory 4MiB"),
            (128 << 20, 5 << 30, "no app gets more than 4 GiB"),
            (128 << 20, usize::MAX, "no app gets more than 4 GiB"),
        ] {
            let hint = Advice::ToAuthor.more_memory(wish(limit, wanted), "app");
            assert!(hint.ends_with(expected), "{wanted}: {hint}");
        }
    }

    #[test]
    fn an_owner_is_told_what_owners_can_change() {
        let owner = Advice::ToOwner;
        let limits = [
            owner.more_memory(wish(128 << 20, 129 << 20), "app"),
            owner.more_time(Duration::from_secs(1), "app"),
            owner.more_state(1 << 20, 2 << 20, "app"),
        ];
        for (hint, value) in limits.iter().zip(["memory", "time", "state"]) {
            assert!(hint.contains("config.toml"), "{hint}");
            assert!(
                hint.contains(&format!("[apps.app.limits] {value} = ")),
                "{hint}"
            );
            assert!(!hint.contains("--") && !hint.contains("author"), "{hint}");
        }
        let hint = owner.more_time(Duration::from_secs(1), "llm/x");
        assert!(hint.contains("[apps.\"llm/x\".limits]"), "{hint}");
        assert_eq!(
            owner.for_author("print less"),
            "tell its author: print less"
        );
        assert_eq!(Advice::ToAuthor.for_author("print less"), "print less");
        let hint = owner.to_ask_for("[files] read = [\"**\"]");
        assert!(hint.starts_with("only a release that asks"), "{hint}");
        assert!(owner.outside().contains("tell its author"));
        assert!(!Advice::ToAuthor.outside().contains("author"));
    }
}
