//! Writes the logs of apps within their bounds.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::PathBuf;

use syft_protocol::address::AppName;
use syft_system::private;

use super::entry::LogEntry;
use super::log_folder::{FILES_OF_ONE, LogBounds, LogFolder, files, path, remove};

/// Writes the logs of all apps.
#[derive(Debug)]
pub(super) struct LogWriter {
    folder: LogFolder,
    bounds: LogBounds,
    apps: HashMap<Option<AppName>, AppLogWriter>,
    /// What was written since it was last looked how much there is.
    bytes: u64,
    bytes_left: u64,
    /// What was logged about the disk, so that it is logged once.
    trouble: Option<String>,
}

/// Writes the log of one app.
#[derive(Debug)]
struct AppLogWriter {
    folder: PathBuf,
    file_bytes: u64,
    /// The file that is written, and how much it has.
    number: u64,
    bytes: u64,
    buffer: Vec<u8>,
}

impl LogWriter {
    pub(super) fn new(folder: LogFolder, bounds: LogBounds) -> Self {
        Self {
            folder,
            bounds,
            apps: HashMap::new(),
            bytes: 0,
            bytes_left: 0,
            trouble: None,
        }
    }

    /// Keeps entries. If they cannot be written, the host goes on without them.
    pub(super) fn write<'a>(&mut self, entries: impl IntoIterator<Item = &'a LogEntry>) {
        let result = self.try_write(entries);
        let trouble = result.err().map(|error| error.to_string());
        if let Some(why) = &trouble
            && self.trouble != trouble
        {
            let path = self.folder.of(None);
            tracing::error!(path = %path.display(), "logs are not kept: {why}");
        }
        self.trouble = trouble;
    }

    fn try_write<'a>(&mut self, entries: impl IntoIterator<Item = &'a LogEntry>) -> io::Result<()> {
        let mut result = Ok(());
        for entry in entries {
            if !entry.kind.is_passing() {
                result = result.and(self.add(entry));
            }
        }
        for log in self.apps.values_mut() {
            let written = log.flush();
            self.bytes += *written.as_ref().unwrap_or(&0);
            result = result.and(written.map(|_| ()));
        }
        if self.bytes >= self.bytes_left {
            self.prune()?;
        }
        result
    }

    fn add(&mut self, entry: &LogEntry) -> io::Result<()> {
        let app = entry
            .app
            .as_deref()
            .and_then(|app| AppName::parse(app).ok());
        let log = match self.apps.get_mut(&app) {
            Some(log) => log,
            None => {
                let folder = self.folder.of(app.as_ref());
                let log = AppLogWriter::open(folder, self.bounds.of_one / FILES_OF_ONE)?;
                self.apps.entry(app).or_insert(log)
            }
        };
        self.bytes += log.add(entry)?;
        Ok(())
    }

    /// Makes room, so that there is some for a while.
    fn prune(&mut self) -> io::Result<()> {
        let room = self.bounds.of_one / FILES_OF_ONE;
        let room = room.min(self.bounds.of_all / 2);
        let bytes = self.folder.prune(self.bounds.of_all - room)?;
        self.bytes_left = self.bounds.of_all - bytes;
        self.bytes = 0;
        Ok(())
    }
}

impl AppLogWriter {
    fn open(folder: PathBuf, file_bytes: u64) -> io::Result<Self> {
        private::make_folder(&folder)?;
        let last = files(&folder)?.pop();
        Ok(Self {
            folder,
            file_bytes,
            number: last.as_ref().map_or(1, |file| file.number),
            bytes: last.as_ref().map_or(0, |file| file.bytes),
            buffer: Vec::new(),
        })
    }

    /// Takes an entry, and returns how much was written for it.
    fn add(&mut self, entry: &LogEntry) -> io::Result<u64> {
        let begin = self.buffer.len();
        serde_json::to_writer(&mut self.buffer, entry)?;
        self.buffer.push(b'\n');
        let is_full = self.bytes + self.buffer.len() as u64 > self.file_bytes;
        if !is_full || self.bytes + begin as u64 == 0 {
            return Ok(0);
        }
        // It is the first one of the next file.
        let line = self.buffer.split_off(begin);
        let written = self.flush();
        self.buffer = line;
        self.begin_next()?;
        written
    }

    /// Begins another file in the place of the oldest.
    fn begin_next(&mut self) -> io::Result<()> {
        (self.number, self.bytes) = (self.number + 1, 0);
        let first = (self.number + 1).saturating_sub(FILES_OF_ONE);
        for file in files(&self.folder)? {
            if file.number < first {
                remove(&file.path)?;
            }
        }
        Ok(())
    }

    /// Writes what was taken, and returns how much it is. What cannot be written is given up.
    fn flush(&mut self) -> io::Result<u64> {
        if self.buffer.is_empty() {
            return Ok(0);
        }
        let buffer = std::mem::take(&mut self.buffer);
        // Somebody may have deleted it.
        private::make_folder(&self.folder)?;
        let mut options = private::file_options();
        options.create(true).append(true);
        let mut file = options.open(path(&self.folder, self.number))?;
        let before = file.metadata()?.len();
        if let Err(error) = file.write_all(&buffer) {
            // Half a line would spoil the next one.
            file.set_len(before)?;
            return Err(error);
        }
        self.bytes = before + buffer.len() as u64;
        Ok(buffer.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;
    use syft_protocol::timestamp::Timestamp;

    use super::*;
    use crate::activity::{EntryKind, Severity};

    fn output(app: &str, second: i64, text: &str) -> LogEntry {
        LogEntry {
            time: Timestamp::from_micros(second * 1_000_000),
            level: Severity::Info,
            app: Some(app.to_owned()),
            kind: EntryKind::Output {
                stream: "stdout".to_owned(),
                id: "1".to_owned(),
            },
            message: text.to_owned(),
            fields: Map::new(),
        }
    }

    fn bytes(folder: &LogFolder, app: &str) -> u64 {
        let app = AppName::parse(app).expect("a name");
        let files = files(&folder.of(Some(&app))).expect("a log");
        files.iter().map(|file| file.bytes).sum()
    }

    #[test]
    fn a_log_stays_within_its_bound_and_is_private() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = LogFolder::new(root.path().join("logs"));
        let bounds = LogBounds {
            of_one: 20_000,
            of_all: 50_000,
        };
        let mut writer = LogWriter::new(folder.clone(), bounds);
        let text = "x".repeat(200);
        for second in 0..1_000 {
            writer.write([&output("one", second, &text)]);
            assert!(bytes(&folder, "one") <= bounds.of_one);
        }
        assert!(bytes(&folder, "one") > bounds.of_one / 2);
        for app in ["a", "b", "c", "d"] {
            let entries: Vec<_> = (0..1_000)
                .map(|second| output(app, second, &text))
                .collect();
            writer.write(&entries);
        }
        let all = folder.apps().expect("apps");
        let all: u64 = all.iter().map(|app| bytes(&folder, app.as_str())).sum();
        assert!(all <= bounds.of_all, "{all}");
        let app = AppName::parse("d").expect("a name");
        let files = files(&folder.of(Some(&app))).expect("a log");
        assert!(!private::others_may_read(&files[0].path).expect("a file"));
    }

    #[test]
    fn it_goes_on_in_the_file_of_an_earlier_host_and_where_a_log_was_deleted() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = LogFolder::new(root.path().join("logs"));
        for text in ["first", "second"] {
            let mut writer = LogWriter::new(folder.clone(), LogBounds::default());
            writer.write([&output("app", 1, text)]);
        }
        let app = AppName::parse("app").expect("a name");
        let log = path(&folder.of(Some(&app)), 1);
        assert_eq!(
            std::fs::read_to_string(&log)
                .expect("a log")
                .lines()
                .count(),
            2
        );
        let mut writer = LogWriter::new(folder.clone(), LogBounds::default());
        writer.write([&output("app", 1, "third")]);
        assert!(folder.delete(&app).expect("deleted"));
        writer.write([&output("app", 1, "fourth")]);
        assert_eq!(
            std::fs::read_to_string(&log)
                .expect("a log")
                .lines()
                .count(),
            1
        );
    }
}
