//! Reads the log of an app, and goes on with what comes.

use std::collections::VecDeque;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

use syft_protocol::timestamp::Timestamp;

use super::entry::{LogEntry, Severity};
use super::log_folder::{files, open};

/// The most that is read at a time.
const MAX_READ: u64 = 16 << 20;

/// Which entries are wanted.
#[derive(Debug, Clone, Default)]
pub struct WantedEntries {
    /// Only warnings and errors.
    pub errors: bool,
    /// Only those whose id begins so.
    pub id: Option<String>,
    /// None that is older.
    pub since: Option<Timestamp>,
    /// The last ones; all, if nothing is said.
    pub last: Option<usize>,
}

/// The log of one app as it is read.
#[derive(Debug)]
pub struct LogReader {
    folder: PathBuf,
    /// The file that is read, and up to where.
    number: u64,
    offset: u64,
    n_unreadable: u64,
}

impl WantedEntries {
    fn wants(&self, entry: &LogEntry) -> bool {
        let has_id = |id: &String| entry.id().starts_with(id.as_str());
        (!self.errors || entry.level >= Severity::Warn)
            && self.id.as_ref().is_none_or(has_id)
            && self.since.is_none_or(|since| entry.time >= since)
    }

    /// Tells whether a line can be wanted, before it is read as JSON.
    fn may_want(&self, line: &str) -> bool {
        self.id.as_ref().is_none_or(|id| line.contains(id.as_str()))
    }
}

impl LogReader {
    /// Returns a reader of the log in a folder, which need not be there.
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            number: 0,
            offset: 0,
            n_unreadable: 0,
        }
    }

    /// Returns how many lines were no entries: the disk was full, or somebody else wrote them.
    pub fn n_unreadable(&self) -> u64 {
        self.n_unreadable
    }

    /// Returns what is there, the oldest first, and goes on behind it.
    ///
    /// # Errors
    /// The disk.
    pub fn read(&mut self, wanted: &WantedEntries) -> io::Result<Vec<LogEntry>> {
        let mut found: VecDeque<LogEntry> = VecDeque::new();
        let mut is_newest = true;
        for file in files(&self.folder)?.iter().rev() {
            if wanted
                .since
                .is_some_and(|since| Timestamp::from_system_time(file.modified) < since)
                && !is_newest
            {
                break;
            }
            let (entries, end) = self.read_file(file.number, 0, wanted)?;
            if is_newest {
                (self.number, self.offset) = (file.number, end);
            }
            is_newest = false;
            for entry in entries.into_iter().rev() {
                found.push_front(entry);
            }
            if wanted.last.is_some_and(|last| found.len() >= last) {
                break;
            }
        }
        let n_more = wanted
            .last
            .map_or(0, |last| found.len().saturating_sub(last));
        found.drain(..n_more);
        Ok(found.into())
    }

    /// Returns what has come since.
    ///
    /// # Errors
    /// The disk.
    pub fn read_on(&mut self, wanted: &WantedEntries) -> io::Result<Vec<LogEntry>> {
        let mut found = Vec::new();
        // Nothing is written any more to a file after which there is another one.
        let later = files(&self.folder)?.into_iter();
        let later: Vec<u64> = later
            .map(|file| file.number)
            .filter(|number| *number > self.number)
            .collect();
        let (entries, end) = self.read_file(self.number, self.offset, wanted)?;
        found.extend(entries);
        self.offset = end;
        for number in later {
            let (entries, end) = self.read_file(number, 0, wanted)?;
            found.extend(entries);
            (self.number, self.offset) = (number, end);
        }
        Ok(found)
    }

    /// Reads whole lines of a file, and returns where the first one begins that is not whole.
    fn read_file(
        &mut self,
        number: u64,
        from: u64,
        wanted: &WantedEntries,
    ) -> io::Result<(Vec<LogEntry>, u64)> {
        let (mut entries, mut from) = (Vec::new(), from);
        let Some(mut file) = open(&self.folder, number)? else {
            return Ok((entries, from));
        };
        // It was deleted, and another one begun in its place.
        if file.metadata()?.len() < from {
            from = 0;
        }
        loop {
            file.seek(SeekFrom::Start(from))?;
            let mut bytes = Vec::new();
            file.by_ref().take(MAX_READ).read_to_end(&mut bytes)?;
            let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else {
                return Ok((entries, from));
            };
            from += end as u64 + 1;
            for line in String::from_utf8_lossy(&bytes[..end]).lines() {
                if !wanted.may_want(line) {
                    continue;
                }
                match serde_json::from_str::<LogEntry>(line) {
                    Ok(entry) if wanted.wants(&entry) => entries.push(entry),
                    Ok(_) => {}
                    Err(_) => self.n_unreadable += 1,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Write;

    use super::super::log_folder::path;
    use super::*;

    fn line(second: i64, level: &str, id: &str) -> String {
        let time = Timestamp::from_micros(second * 1_000_000);
        format!(
            "{{\"time\":\"{time}\",\"level\":\"{level}\",\"app\":\"app\",\"kind\":\"output\",\
             \"stream\":\"log\",\"id\":\"{id}\",\"message\":\"m{second}\"}}\n"
        )
    }

    fn messages(entries: io::Result<Vec<LogEntry>>) -> Vec<String> {
        let entries = entries.expect("a log").into_iter();
        entries.map(|entry| entry.message).collect()
    }

    #[test]
    fn reads_what_is_wanted_over_files_and_goes_on_in_the_next() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |number, text: &str| {
            let mut options = File::options();
            let file = options
                .create(true)
                .append(true)
                .open(path(folder.path(), number));
            file.expect("a file")
                .write_all(text.as_bytes())
                .expect("written");
        };
        write(1, &(line(1, "info", "aaa") + &line(2, "warn", "abb")));
        write(2, &line(3, "info", "bbb"));
        let all = WantedEntries::default();
        let mut reader = LogReader::new(folder.path().to_owned());
        assert_eq!(messages(reader.read(&all)), ["m1", "m2", "m3"]);
        let last = WantedEntries {
            last: Some(2),
            ..WantedEntries::default()
        };
        assert_eq!(messages(reader.read(&last)), ["m2", "m3"]);
        let errors = WantedEntries {
            errors: true,
            ..WantedEntries::default()
        };
        assert_eq!(messages(reader.read(&errors)), ["m2"]);
        let of_id = WantedEntries {
            id: Some("a".to_owned()),
            ..WantedEntries::default()
        };
        assert_eq!(messages(reader.read(&of_id)), ["m1", "m2"]);
        let since = WantedEntries {
            since: Some(Timestamp::from_micros(2_000_000)),
            ..WantedEntries::default()
        };
        assert_eq!(messages(reader.read(&since)), ["m2", "m3"]);

        let next = line(4, "info", "c");
        write(2, &next[..20]);
        assert_eq!(messages(reader.read_on(&all)), [""; 0]);
        write(2, &next[20..]);
        write(3, &line(5, "info", "c"));
        fs::remove_file(path(folder.path(), 1)).expect("removed");
        assert_eq!(messages(reader.read_on(&all)), ["m4", "m5"]);
        write(3, "no entry\n");
        write(3, &line(6, "info", "c"));
        assert_eq!(messages(reader.read_on(&all)), ["m6"]);
        assert_eq!(reader.n_unreadable(), 1);
        fs::remove_dir_all(folder.path()).expect("removed");
        assert_eq!(messages(reader.read_on(&all)), [""; 0]);
        fs::create_dir(folder.path()).expect("a folder");
        write(3, &line(7, "info", "c"));
        assert_eq!(messages(reader.read_on(&all)), ["m7"]);
    }
}
