//! Operations of `wasi:filesystem`, for what the standard library hides.
//!
//! Descriptors have names within a request; `root` is the folder of all datasites.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value, json};
use wasip2::clocks::wall_clock::Datetime;
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{
    Advice, Descriptor, DescriptorFlags, DescriptorStat, DirectoryEntryStream, ErrorCode,
    NewTimestamp, OpenFlags, PathFlags, filesystem_error_code,
};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

/// Arguments come in the order of the function of that name; those to be opened
/// have the name last that they are held by.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Op {
    /// Opens with these of `c`reate, `d`irectory, e`x`clusive, `t`runcate, then
    /// `r`ead, `w`rite, `m`utate directory, `s`ync of files, of `D`ata and of `R`eads, and
    /// `f`ollow links.
    Open(String, String, String, String),
    Stat(String),
    StatAt(String, String),
    LinkAt(String, String, String, String),
    RenameAt(String, String, String, String),
    SymlinkAt(String, String, String),
    ReadlinkAt(String, String),
    CreateDirectoryAt(String, String),
    RemoveDirectoryAt(String, String),
    UnlinkFileAt(String, String),
    SetTimes(String, u64),
    SetTimesAt(String, String, u64),
    MetadataHash(String),
    MetadataHashAt(String, String),
    SetSize(String, u64),
    Read(String, u64, u64),
    Write(String, String, u64),
    ReadViaStream(String, u64),
    WriteViaStream(String, String, u64),
    AppendViaStream(String, String),
    /// Writes so many zeroes in one call.
    WriteZeroes(String, u64),
    /// Copies from one descriptor to another within the host.
    Splice(String, String),
    Sync(String),
    GetFlags(String),
    GetType(String),
    IsSameObject(String, String),
    /// Lists a folder at once.
    ReadDirectory(String),
    /// Begins to list a folder, and goes on.
    Listing(String, String),
    Next(String),
    /// Opens a folder or a file so often, and holds all.
    HoldOpen(String, String, usize),
    /// Begins to list a folder so often, and holds all.
    HoldListings(String, usize),
    /// Asks for the preopened folders so often, and holds all.
    HoldRoots(usize),
    /// Makes folders in each other, so many.
    Nest(String, usize),
    Drop(String),
}

/// What a request holds open.
#[derive(Default)]
pub(crate) struct Held {
    descriptors: HashMap<String, Descriptor>,
    listings: HashMap<String, DirectoryEntryStream>,
    more: Vec<Descriptor>,
    more_listings: Vec<DirectoryEntryStream>,
}

impl Held {
    fn get(&mut self, name: &str) -> Result<&Descriptor, String> {
        if name == "root" && !self.descriptors.contains_key(name) {
            let mut folders = get_directories();
            let root = folders.pop().ok_or("no preopened folder")?;
            self.descriptors.insert(name.to_owned(), root.0);
        }
        self.descriptors
            .get(name)
            .ok_or_else(|| format!("nothing is held as {name}"))
    }

    /// Returns two descriptors, which may be the same.
    fn two(&mut self, one: &str, other: &str) -> Result<(&Descriptor, &Descriptor), String> {
        self.get(one)?;
        self.get(other)?;
        Ok((&self.descriptors[one], &self.descriptors[other]))
    }
}

const NO_FOLLOW: PathFlags = PathFlags::empty();
const FOLLOW: PathFlags = PathFlags::SYMLINK_FOLLOW;

impl Op {
    pub(crate) fn run(self, held: &mut Held) -> Result<Value, String> {
        match self {
            Self::Open(base, path, flags, name) => {
                let descriptor = open(held.get(&base)?, &path, &flags)?;
                held.descriptors.insert(name, descriptor);
                Ok(Value::Null)
            }
            Self::Stat(it) => held.get(&it)?.stat().map(describe).map_err(code),
            Self::StatAt(it, path) => held
                .get(&it)?
                .stat_at(FOLLOW, &path)
                .map(describe)
                .map_err(code),
            Self::LinkAt(it, path, other, new) => {
                let (it, other) = held.two(&it, &other)?;
                done(it.link_at(NO_FOLLOW, &path, other, &new))
            }
            Self::RenameAt(it, path, other, new) => {
                let (it, other) = held.two(&it, &other)?;
                done(it.rename_at(&path, other, &new))
            }
            Self::SymlinkAt(it, old, new) => done(held.get(&it)?.symlink_at(&old, &new)),
            Self::ReadlinkAt(it, path) => held
                .get(&it)?
                .readlink_at(&path)
                .map(|target| json!(target))
                .map_err(code),
            Self::CreateDirectoryAt(it, path) => done(held.get(&it)?.create_directory_at(&path)),
            Self::RemoveDirectoryAt(it, path) => done(held.get(&it)?.remove_directory_at(&path)),
            Self::UnlinkFileAt(it, path) => done(held.get(&it)?.unlink_file_at(&path)),
            Self::SetTimes(it, seconds) => {
                done(held.get(&it)?.set_times(time(seconds), time(seconds)))
            }
            Self::SetTimesAt(it, path, seconds) => {
                let (time, it) = (time(seconds), held.get(&it)?);
                done(it.set_times_at(FOLLOW, &path, time, time))
            }
            // The number itself says nothing to a test.
            Self::MetadataHash(it) => held
                .get(&it)?
                .metadata_hash()
                .map(|_| Value::Null)
                .map_err(code),
            Self::MetadataHashAt(it, path) => {
                let hash = held.get(&it)?.metadata_hash_at(FOLLOW, &path);
                hash.map(|_| Value::Null).map_err(code)
            }
            Self::SetSize(it, size) => done(held.get(&it)?.set_size(size)),
            Self::Read(it, length, offset) => held
                .get(&it)?
                .read(length, offset)
                .map(|(bytes, _)| text(&bytes))
                .map_err(code),
            Self::Write(it, text, offset) => {
                let n_written = held.get(&it)?.write(text.as_bytes(), offset);
                n_written.map(|n_written| json!(n_written)).map_err(code)
            }
            Self::ReadViaStream(it, offset) => {
                let stream = held.get(&it)?.read_via_stream(offset).map_err(code)?;
                read_all(&stream)
            }
            Self::WriteViaStream(it, text, offset) => {
                let stream = held.get(&it)?.write_via_stream(offset).map_err(code)?;
                write_all(&stream, &text)
            }
            Self::AppendViaStream(it, text) => {
                let stream = held.get(&it)?.append_via_stream().map_err(code)?;
                write_all(&stream, &text)
            }
            Self::WriteZeroes(it, length) => {
                let stream = held.get(&it)?.append_via_stream().map_err(code)?;
                streamed(stream.write_zeroes(length).map(|()| Value::Null))
            }
            Self::Splice(from, to) => {
                let (from, to) = held.two(&from, &to)?;
                let from = from.read_via_stream(0).map_err(code)?;
                let to = to.append_via_stream().map_err(code)?;
                streamed(
                    to.blocking_splice(&from, 1 << 16)
                        .map(|n_bytes| json!(n_bytes)),
                )
            }
            Self::Sync(it) => {
                let it = held.get(&it)?;
                it.advise(0, 1, Advice::Normal).map_err(code)?;
                it.sync_data().map_err(code)?;
                done(it.sync())
            }
            Self::GetFlags(it) => held
                .get(&it)?
                .get_flags()
                .map(|flags| json!(format!("{flags:?}")))
                .map_err(code),
            Self::GetType(it) => held
                .get(&it)?
                .get_type()
                .map(|kind| json!(format!("{kind:?}")))
                .map_err(code),
            Self::IsSameObject(it, other) => {
                let (it, other) = held.two(&it, &other)?;
                Ok(json!(it.is_same_object(other)))
            }
            Self::ReadDirectory(it) => {
                let listing = held.get(&it)?.read_directory().map_err(code)?;
                let mut names = Vec::new();
                while let Some(entry) = listing.read_directory_entry().map_err(code)? {
                    names.push(entry.name);
                }
                names.sort();
                Ok(json!(names))
            }
            Self::Listing(it, name) => {
                let listing = held.get(&it)?.read_directory().map_err(code)?;
                held.listings.insert(name, listing);
                Ok(Value::Null)
            }
            Self::Next(name) => {
                let listing = held.listings.get(&name).ok_or("no such listing")?;
                let entry = listing.read_directory_entry().map_err(code)?;
                Ok(json!(entry.map(|entry| entry.name)))
            }
            Self::HoldOpen(it, path, n) => {
                let before = held.more.len();
                for n_held in 0..n {
                    let opened = open(held.get(&it)?, &path, "r");
                    match opened {
                        Ok(descriptor) => held.more.push(descriptor),
                        Err(error) => return Ok(json!({"held": n_held, "error": error})),
                    }
                }
                Ok(json!({"held": held.more.len() - before}))
            }
            Self::HoldListings(it, n) => {
                for n_held in 0..n {
                    match held.get(&it)?.read_directory() {
                        Ok(listing) => held.more_listings.push(listing),
                        Err(error) => {
                            return Ok(json!({"held": n_held, "error": error.name()}));
                        }
                    }
                }
                Ok(json!({"held": n}))
            }
            Self::HoldRoots(n) => {
                for _ in 0..n {
                    held.more
                        .extend(get_directories().into_iter().map(|(root, _)| root));
                }
                Ok(json!({"held": held.more.len()}))
            }
            Self::Nest(it, n) => {
                let mut path = String::new();
                for depth in 0..n {
                    path.push_str(if depth == 0 { "n" } else { "/n" });
                    if let Err(error) = held.get(&it)?.create_directory_at(&path) {
                        return Ok(json!({"depth": depth, "error": error.name()}));
                    }
                }
                Ok(json!({"depth": n}))
            }
            Self::Drop(name) => {
                held.descriptors.remove(&name);
                held.listings.remove(&name);
                Ok(Value::Null)
            }
        }
    }
}

fn open(base: &Descriptor, path: &str, flags: &str) -> Result<Descriptor, String> {
    let mut follow = NO_FOLLOW;
    let mut open = OpenFlags::empty();
    let mut access = DescriptorFlags::empty();
    for flag in flags.chars() {
        match flag {
            'c' => open |= OpenFlags::CREATE,
            'd' => open |= OpenFlags::DIRECTORY,
            'x' => open |= OpenFlags::EXCLUSIVE,
            't' => open |= OpenFlags::TRUNCATE,
            'r' => access |= DescriptorFlags::READ,
            'w' => access |= DescriptorFlags::WRITE,
            'm' => access |= DescriptorFlags::MUTATE_DIRECTORY,
            's' => access |= DescriptorFlags::FILE_INTEGRITY_SYNC,
            'D' => access |= DescriptorFlags::DATA_INTEGRITY_SYNC,
            'R' => access |= DescriptorFlags::REQUESTED_WRITE_SYNC,
            'f' => follow = FOLLOW,
            other => return Err(format!("no flag {other}")),
        }
    }
    base.open_at(follow, path, open, access).map_err(code)
}

fn read_all(stream: &InputStream) -> Result<Value, String> {
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(1 << 16) {
            Ok(more) => bytes.extend(more),
            Err(StreamError::Closed) => return Ok(text(&bytes)),
            Err(error) => return streamed(Err(error)),
        }
    }
}

fn write_all(stream: &OutputStream, text: &str) -> Result<Value, String> {
    for piece in text.as_bytes().chunks(4096) {
        streamed(stream.blocking_write_and_flush(piece).map(|()| Value::Null))?;
    }
    Ok(Value::Null)
}

fn streamed(result: Result<Value, StreamError>) -> Result<Value, String> {
    result.map_err(|error| match error {
        StreamError::Closed => "closed".to_owned(),
        StreamError::LastOperationFailed(error) => match filesystem_error_code(&error) {
            Some(error) => code(error),
            None => "failed".to_owned(),
        },
    })
}

fn time(seconds: u64) -> NewTimestamp {
    NewTimestamp::Timestamp(Datetime {
        seconds,
        nanoseconds: 0,
    })
}

fn text(bytes: &[u8]) -> Value {
    json!(String::from_utf8_lossy(bytes))
}

fn describe(stat: DescriptorStat) -> Value {
    json!({"type": format!("{:?}", stat.type_), "size": stat.size, "links": stat.link_count})
}

fn done(result: Result<(), ErrorCode>) -> Result<Value, String> {
    result.map(|()| Value::Null).map_err(code)
}

fn code(error: ErrorCode) -> String {
    error.name().to_owned()
}
