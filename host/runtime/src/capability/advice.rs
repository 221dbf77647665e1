//! What the log says to do about a refusal, and to whom.

use std::time::Duration;

use syft_manifest::units::{show_size, show_time};

/// The most that a manifest can ask for.
const MOST_MEMORY: u64 = 4 << 30;
const MOST_STATE: u64 = 16 << 30;
const MOST_TIME: Duration = Duration::from_secs(600);

/// Whom the log tells what to do about a refusal: who serves an app that is installed cannot
/// change what its author asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Advice {
    /// Somebody who has the app's sources, or runs its file.
    #[default]
    ToAuthor,
    /// The owner of an app that is installed.
    ToOwner,
}

impl Advice {
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
            Self::ToAuthor => "to allow it, take it out of what --deny names".to_owned(),
            Self::ToOwner => {
                "you denied it: by `deny` in config.toml (`syft-host config` shows it), or by --deny \
                 when you installed the app, for which remove and install it again"
                    .to_owned()
            }
        }
    }

    /// Says how a call gets more memory than so many bytes.
    pub(crate) fn more_memory(self, bytes: usize) -> String {
        self.more_bytes(bytes as u64, MOST_MEMORY, "[limits] memory", "--memory")
    }

    /// Says how an app keeps more than so many bytes.
    pub(crate) fn more_state(self, bytes: u64) -> String {
        self.more_bytes(bytes, MOST_STATE, "[state] quota", "--state")
    }

    /// Says how a call gets more time than this.
    pub(crate) fn more_time(self, time: Duration) -> String {
        if time >= MOST_TIME {
            return format!("no call gets more than {}", show_time(MOST_TIME));
        }
        let more = (2 * time).min(MOST_TIME);
        let more = match more.subsec_millis() {
            0 => format!("{}s", more.as_secs()),
            _ => format!("{}ms", more.as_millis()),
        };
        self.to_raise("[limits] time", "--time", &more)
    }

    fn more_bytes(self, bytes: u64, most: u64, key: &str, option: &str) -> String {
        if bytes >= most {
            return format!("no app gets more than {}", show_size(most));
        }
        // A whole number of MiB, as a manifest names it.
        let more = (2 * bytes).next_multiple_of(1 << 20).min(most);
        let more = show_size(more).replace(' ', "");
        self.to_raise(key, option, &more)
    }

    fn to_raise(self, key: &str, option: &str, more: &str) -> String {
        match self {
            Self::ToAuthor => {
                format!("to allow more: {key} = {more:?} in syft-app.toml, or {option} {more}")
            }
            Self::ToOwner => format!(
                "only a release that asks for more gets it: tell its author to write in \
                 syft-app.toml: {key} = {more:?}"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_is_twice_as_much_up_to_what_there_is() {
        let author = Advice::ToAuthor;
        assert_eq!(
            author.more_memory(128 << 20),
            "to allow more: [limits] memory = \"256MiB\" in syft-app.toml, or --memory 256MiB"
        );
        assert!(author.more_memory(3 << 29).contains("\"3GiB\""));
        assert!(author.more_memory(1_600_000).contains("\"4MiB\""));
        assert_eq!(author.more_memory(4 << 30), "no app gets more than 4 GiB");
        assert!(author.more_state(64 << 20).contains("--state 128MiB"));
        assert!(
            author
                .more_time(Duration::from_secs(10))
                .contains("--time 20s")
        );
        assert!(
            author
                .more_time(Duration::from_millis(750))
                .contains("\"1500ms\"")
        );
        assert!(
            author
                .more_time(Duration::from_secs(400))
                .contains("\"600s\"")
        );
        assert_eq!(
            author.more_time(Duration::from_secs(600)),
            "no call gets more than 10 min"
        );
    }

    #[test]
    fn an_owner_is_not_told_to_change_what_is_an_authors() {
        let owner = Advice::ToOwner;
        for hint in [
            owner.more_memory(128 << 20),
            owner.more_time(Duration::from_secs(1)),
            owner.to_ask_for("[files] read = [\"**\"]"),
        ] {
            assert!(hint.starts_with("only a release that asks"), "{hint}");
            assert!(!hint.contains("--"), "{hint}");
        }
        assert!(owner.outside().contains("tell its author"));
        assert!(!Advice::ToAuthor.outside().contains("author"));
    }
}
