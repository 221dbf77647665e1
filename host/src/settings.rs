//! `config.toml`: how the owner wants the host to serve, with what the command line says over it.
//!
//! - `keys`: the one list of what can be said
//! - `parse`: a text, with all that is wrong with it; `schema`: the same list for editors
//! - `quiet_hours`: when no release takes the place of another by itself
//! - `app_rules`: what an app is denied and may use at most

mod app_rules;
mod keys;
mod parse;
mod quiet_hours;
mod schema;

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use syft_manifest::HttpHost;
use syft_protocol::address::AppName;
use syft_protocol::grant::PathPattern;

use crate::config::Config;
use crate::error::CommandError;

pub use app_rules::AppRules;
pub(crate) use keys::{APP_KEYS, KEYS, SettingKey};
pub use quiet_hours::QuietHours;
pub use schema::settings_schema;

/// The most bytes of the file.
pub(crate) const MAX_BYTES: u64 = 256 << 10;

/// A value, as its key wants it.
#[derive(Debug, Clone, PartialEq)]
pub enum SettingValue {
    /// How long, or how often.
    Time(Duration),
    /// How many bytes.
    Size(u64),
    /// How many.
    Count(u64),
    /// Whether.
    Flag(bool),
    /// When.
    Hours(QuietHours),
    /// A text, which whoever uses it reads.
    Text(String),
    /// One of several words.
    Word(&'static str),
    /// Files.
    Files(Vec<PathPattern>),
    /// Hosts of a network.
    Hosts(Vec<HttpHost>),
}

/// Who said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingOrigin {
    /// The file, in this line.
    Line(usize),
    /// An option.
    CommandLine,
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// What.
    pub value: SettingValue,
    /// By whom.
    pub origin: SettingOrigin,
}

pub(crate) type SaidSettings = BTreeMap<&'static str, Setting>;

/// All that was said. What was not has a default, which each user of it knows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HostSettings {
    pub(crate) all: SaidSettings,
    pub(crate) apps: BTreeMap<AppName, SaidSettings>,
}

impl HostSettings {
    /// Returns where the file is, whether or not it is there.
    ///
    /// # Errors
    /// The user has no home.
    pub fn path() -> Result<PathBuf, CommandError> {
        Config::settings_file()
    }

    /// Reads the file, if it is there.
    ///
    /// # Errors
    /// It cannot be read, or something in it is wrong: all of it is told.
    pub fn load() -> Result<Self, CommandError> {
        let path = Self::path()?;
        match read(&path)? {
            Some(text) => Self::parse(&path, &text),
            None => Ok(Self::default()),
        }
    }

    /// Reads a text.
    ///
    /// # Errors
    /// Something in it is wrong: all of it is told.
    pub fn parse(path: &Path, text: &str) -> Result<Self, CommandError> {
        let shown = path.display().to_string();
        let (settings, diagnostics) = parse::parse(&shown, text);
        if diagnostics.is_empty() {
            return Ok(settings);
        }
        let diagnostics: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
        let message = format!("{shown} is not as it should be\n{}", diagnostics.join("\n"));
        Err(CommandError::new(message)
            .hint("what can be said: `syft-host config`, or docs/configuration.md"))
    }

    /// Puts what an option says over what the file does.
    pub(crate) fn say(&mut self, key: &'static str, value: Option<SettingValue>) {
        if let Some(value) = value {
            let origin = SettingOrigin::CommandLine;
            self.all.insert(key, Setting { value, origin });
        }
    }

    fn value(&self, key: &str) -> Option<&SettingValue> {
        self.all.get(key).map(|setting| &setting.value)
    }

    pub(crate) fn time(&self, key: &str) -> Option<Duration> {
        self.value(key).and_then(SettingValue::time)
    }

    pub(crate) fn size(&self, key: &str) -> Option<u64> {
        self.value(key).and_then(SettingValue::size)
    }

    pub(crate) fn count(&self, key: &str) -> Option<u64> {
        self.value(key).and_then(SettingValue::count)
    }

    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        match self.value(key) {
            Some(SettingValue::Flag(flag)) => Some(*flag),
            _ => None,
        }
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        match self.value(key) {
            Some(SettingValue::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn word(&self, key: &str) -> Option<&'static str> {
        match self.value(key) {
            Some(SettingValue::Word(word)) => Some(word),
            _ => None,
        }
    }

    /// Returns when no release takes the place of another by itself.
    pub fn quiet_hours(&self) -> Option<QuietHours> {
        match self.value("serve.quiet") {
            Some(SettingValue::Hours(hours)) => Some(*hours),
            _ => None,
        }
    }

    /// Returns which settings differ that only count when the host starts.
    pub(crate) fn wait_for_a_restart(&self, newer: &Self) -> Vec<&'static str> {
        let at_start = KEYS.iter().filter(|key| !key.is_live);
        let changed = at_start.filter(|key| self.value(key.name) != newer.value(key.name));
        changed.map(|key| key.name).collect()
    }
}

impl SettingValue {
    fn time(&self) -> Option<Duration> {
        match self {
            Self::Time(time) => Some(*time),
            _ => None,
        }
    }

    fn size(&self) -> Option<u64> {
        match self {
            Self::Size(bytes) => Some(*bytes),
            _ => None,
        }
    }

    fn count(&self) -> Option<u64> {
        match self {
            Self::Count(count) => Some(*count),
            _ => None,
        }
    }
}

/// Reads the file; nothing where none is.
pub(crate) fn read(path: &Path) -> Result<Option<String>, CommandError> {
    let wrong = |error: std::io::Error| {
        CommandError::new(format!("cannot read {}: {error}", path.display()))
            .hint("make it a readable file, or move it away to have the defaults")
    };
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        metadata => metadata.map_err(wrong)?,
    };
    if !metadata.is_file() || metadata.len() > MAX_BYTES {
        return Err(wrong(std::io::Error::other(
            "it is no file, or a very large one",
        )));
    }
    fs::read_to_string(path).map(Some).map_err(wrong)
}
