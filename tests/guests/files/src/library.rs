//! Operations of the standard library.

use std::fs::{self, DirEntry, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::{Value, json};

/// Arguments come in the order of the function of that name.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Op {
    Read(String),
    Write(String, String),
    Append(String, String),
    CreateNew(String, String),
    /// Opens with these of `r`, `w`, `a`ppend, `t`runcate, `c`reate and create
    /// `n`ew, and writes the text, if there is one.
    Open(String, String, String),
    SetLen(String, u64),
    List(String),
    /// Counts the entries of a folder.
    Count(String),
    Stat(String),
    Lstat(String),
    Exists(String),
    Mkdir(String),
    MkdirAll(String),
    Rmdir(String),
    RmdirAll(String),
    Unlink(String),
    Rename(String, String),
    Link(String, String),
    Symlink(String, String),
    Readlink(String),
    Copy(String, String),
    /// Sets when a file was modified, in seconds since 1970.
    SetTimes(String, u64),
    Canonicalize(String),
    /// Opens a file so often, and keeps it open.
    Hold(String, usize),
    /// Appends pieces of so many bytes, at most so many of them.
    Fill(String, usize, usize),
    /// Makes so many files with this start of a path.
    Make(String, usize),
    Sleep(u64),
    /// Ends the call.
    Panic(String),
    /// Takes so many bytes of memory.
    Allocate(usize),
    /// Waits until there is a file.
    WaitFor(String),
}

impl Op {
    pub(crate) fn run(self) -> Result<Value, String> {
        self.try_run()
            .map_err(|error| format!("{:?}", error.kind()))
    }

    fn try_run(self) -> io::Result<Value> {
        match self {
            Self::Read(path) => fs::read(path).map(|bytes| json!(String::from_utf8_lossy(&bytes))),
            Self::Write(path, text) => done(fs::write(path, text)),
            Self::Append(path, text) => open(&path, "a")?.write_all(text.as_bytes()).map(nothing),
            Self::CreateNew(path, text) => {
                open(&path, "wn")?.write_all(text.as_bytes()).map(nothing)
            }
            Self::Open(path, flags, text) => {
                let mut file = open(&path, &flags)?;
                if text.is_empty() {
                    return Ok(Value::Null);
                }
                done(file.write_all(text.as_bytes()))
            }
            Self::SetLen(path, len) => done(open(&path, "w")?.set_len(len)),
            Self::List(path) => list(&path),
            Self::Count(path) => count(&path),
            Self::Stat(path) => fs::metadata(path).map(|metadata| describe(&metadata)),
            Self::Lstat(path) => fs::symlink_metadata(path).map(|metadata| describe(&metadata)),
            Self::Exists(path) => fs::exists(path).map(|exists| json!(exists)),
            Self::Mkdir(path) => done(fs::create_dir(path)),
            Self::MkdirAll(path) => done(fs::create_dir_all(path)),
            Self::Rmdir(path) => done(fs::remove_dir(path)),
            Self::RmdirAll(path) => done(fs::remove_dir_all(path)),
            Self::Unlink(path) => done(fs::remove_file(path)),
            Self::Rename(from, to) => done(fs::rename(from, to)),
            Self::Link(old, new) => done(fs::hard_link(old, new)),
            Self::Symlink(old, new) => done(symlink(&old, &new)),
            Self::Readlink(path) => fs::read_link(path).map(|target| json!(target)),
            Self::Copy(from, to) => fs::copy(from, to).map(|n_bytes| json!(n_bytes)),
            Self::SetTimes(path, seconds) => set_times(&path, seconds),
            Self::Canonicalize(path) => fs::canonicalize(path).map(|path| json!(path)),
            Self::Hold(path, n) => hold(&path, n),
            Self::Fill(path, n_bytes, n) => fill(&path, n_bytes, n),
            Self::Make(start, n) => make(&start, n),
            Self::Sleep(ms) => {
                std::thread::sleep(Duration::from_millis(ms));
                Ok(Value::Null)
            }
            Self::Panic(why) => panic!("{why}"),
            Self::Allocate(n_bytes) => Ok(json!(vec![1_u8; n_bytes].len())),
            Self::WaitFor(path) => wait_for(&path),
        }
    }
}

fn nothing(_: ()) -> Value {
    Value::Null
}

fn done(result: io::Result<()>) -> io::Result<Value> {
    result.map(nothing)
}

fn open(path: &str, flags: &str) -> io::Result<File> {
    let mut options = OpenOptions::new();
    for flag in flags.chars() {
        match flag {
            'r' => options.read(true),
            'w' => options.write(true),
            'a' => options.append(true),
            't' => options.truncate(true),
            'c' => options.create(true),
            'n' => options.create_new(true),
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        };
    }
    options.open(path)
}

fn list(path: &str) -> io::Result<Value> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry: DirEntry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        entries.push((name, kind(entry.file_type()?)));
    }
    entries.sort();
    Ok(json!(entries))
}

fn count(path: &str) -> io::Result<Value> {
    let mut n_entries = 0;
    for entry in fs::read_dir(path)? {
        entry?;
        n_entries += 1;
    }
    Ok(json!(n_entries))
}

fn kind(kind: fs::FileType) -> &'static str {
    match (kind.is_file(), kind.is_dir(), kind.is_symlink()) {
        (true, _, _) => "file",
        (_, true, _) => "folder",
        (_, _, true) => "link",
        _ => "other",
    }
}

fn describe(metadata: &Metadata) -> Value {
    let modified = metadata.modified().ok();
    let modified = modified.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    json!({
        "kind": kind(metadata.file_type()),
        "len": if metadata.is_file() { metadata.len() } else { 0 },
        "modified": modified.map(|since| since.as_secs()),
    })
}

#[expect(
    deprecated,
    reason = "on this target the way to symlinks that is stable"
)]
fn symlink(old: &str, new: &str) -> io::Result<()> {
    fs::soft_link(old, new)
}

fn set_times(path: &str, seconds: u64) -> io::Result<Value> {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    done(open(path, "w")?.set_modified(time))
}

fn hold(path: &str, n: usize) -> io::Result<Value> {
    let mut files = Vec::new();
    let mut text = String::new();
    let error = loop {
        match File::open(path) {
            _ if files.len() == n => break None,
            Ok(file) => files.push(file),
            Err(error) => break Some(format!("{:?}", error.kind())),
        }
    };
    if let Some(file) = files.first_mut() {
        file.read_to_string(&mut text)?;
    }
    Ok(json!({"held": files.len(), "error": error}))
}

fn fill(path: &str, n_bytes: usize, n: usize) -> io::Result<Value> {
    let mut file = open(path, "ac")?;
    let piece = vec![b'x'; n_bytes];
    for n_written in 0..n {
        if let Err(error) = file.write_all(&piece) {
            return Ok(json!({"written": n_written, "error": format!("{:?}", error.kind())}));
        }
    }
    Ok(json!({"written": n}))
}

fn make(start: &str, n: usize) -> io::Result<Value> {
    for n_made in 0..n {
        if let Err(error) = File::create_new(format!("{start}{n_made}")) {
            return Ok(json!({"made": n_made, "error": format!("{:?}", error.kind())}));
        }
    }
    Ok(json!({"made": n}))
}

fn wait_for(path: &str) -> io::Result<Value> {
    for _ in 0..2_000 {
        if Path::new(path).exists() {
            return Ok(Value::Null);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Err(io::ErrorKind::TimedOut.into())
}
