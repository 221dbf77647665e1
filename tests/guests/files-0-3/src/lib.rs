//! Does with files of WASI 0.3 what the request says, and tells what came of each step: the
//! steps and outcomes are those of the guest `files` below `raw`.

use std::collections::HashMap;

use exports::syft::app0_2_0::rpc::{Endpoint, Error, Guest, Request, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use wasi::clocks::system_clock::Instant;
use wasi::filesystem::preopens::get_directories;
use wasi::filesystem::types::{
    Advice, Descriptor, DescriptorFlags, DescriptorStat, ErrorCode, NewTimestamp, OpenFlags,
    PathFlags,
};
use wit_bindgen::{FutureReader, StreamReader};

wit_bindgen::generate!({
    path: "../../../wit/async",
    inline: "
        package test:files;

        world probing {
            include syft:app/app@0.2.0;
            import wasi:filesystem/types@0.3.0;
            import wasi:filesystem/preopens@0.3.0;
        }
    ",
    world: "test:files/probing",
    generate_all,
});

#[derive(Deserialize)]
struct Step {
    raw: Op,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Op {
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
    ReadViaStream(String, u64),
    WriteViaStream(String, String, u64),
    AppendViaStream(String, String),
    Sync(String),
    GetFlags(String),
    GetType(String),
    IsSameObject(String, String),
    ReadDirectory(String),
    HoldOpen(String, String, usize),
    /// Begins to list a folder so often, and holds all.
    HoldListings(String, usize),
    /// Appends a file to another within the host, which may be the same.
    Pipe(String, String),
    /// Ends the call.
    Panic(String),
    Drop(String),
}

type Ended = FutureReader<Result<(), ErrorCode>>;

#[derive(Default)]
struct Held {
    descriptors: HashMap<String, Descriptor>,
    more: Vec<Descriptor>,
    listings: Vec<StreamReader<wasi::filesystem::types::DirectoryEntry>>,
}

struct Probe;

impl Guest for Probe {
    fn endpoints() -> Vec<Endpoint> {
        vec![Endpoint {
            path: "/ops".to_owned(),
            description: None,
            parameters: Vec::new(),
            returns_json: r#""object""#.to_owned(),
            returns_schema_json: None,
        }]
    }

    async fn handle(request: Request) -> Result<Response, Error> {
        let body = request.body.unwrap_or_default();
        let steps: Vec<Step> = serde_json::from_slice(&body)
            .map_err(|error| Error::InvalidArguments(error.to_string()))?;
        let mut held = Held::default();
        for (root, path) in get_directories() {
            if path == "/datasites" {
                held.descriptors.insert("root".to_owned(), root);
            }
        }
        let mut outcomes = Vec::new();
        for step in steps {
            outcomes.push(match step.raw.run(&mut held).await {
                Ok(value) => json!({"ok": value}),
                Err(error) => json!({"error": error}),
            });
        }
        Ok(Response {
            status: 200,
            headers: Vec::new(),
            body: Some(Value::from(outcomes).to_string().into_bytes()),
        })
    }
}

impl Held {
    fn get(&self, name: &str) -> Result<&Descriptor, String> {
        let found = self.descriptors.get(name);
        found.ok_or_else(|| format!("nothing is held as {name}"))
    }
}

const NO_FOLLOW: PathFlags = PathFlags::empty();
const FOLLOW: PathFlags = PathFlags::SYMLINK_FOLLOW;

impl Op {
    async fn run(self, held: &mut Held) -> Result<Value, String> {
        match self {
            Self::Open(base, path, flags, name) => {
                let descriptor = open(held.get(&base)?, path, &flags).await?;
                held.descriptors.insert(name, descriptor);
                Ok(Value::Null)
            }
            Self::Stat(it) => held.get(&it)?.stat().await.map(describe).map_err(code),
            Self::StatAt(it, path) => {
                let stat = held.get(&it)?.stat_at(FOLLOW, path).await;
                stat.map(describe).map_err(code)
            }
            Self::LinkAt(it, path, other, new) => {
                let (it, other) = (held.get(&it)?, held.get(&other)?);
                done(it.link_at(NO_FOLLOW, path, other, new).await)
            }
            Self::RenameAt(it, path, other, new) => {
                let (it, other) = (held.get(&it)?, held.get(&other)?);
                done(it.rename_at(path, other, new).await)
            }
            Self::SymlinkAt(it, old, new) => done(held.get(&it)?.symlink_at(old, new).await),
            Self::ReadlinkAt(it, path) => {
                let target = held.get(&it)?.readlink_at(path).await;
                target.map(Value::from).map_err(code)
            }
            Self::CreateDirectoryAt(it, path) => {
                done(held.get(&it)?.create_directory_at(path).await)
            }
            Self::RemoveDirectoryAt(it, path) => {
                done(held.get(&it)?.remove_directory_at(path).await)
            }
            Self::UnlinkFileAt(it, path) => done(held.get(&it)?.unlink_file_at(path).await),
            Self::SetTimes(it, seconds) => {
                done(held.get(&it)?.set_times(time(seconds), time(seconds)).await)
            }
            Self::SetTimesAt(it, path, seconds) => {
                let (time, it) = (time(seconds), held.get(&it)?);
                done(it.set_times_at(FOLLOW, path, time, time).await)
            }
            Self::MetadataHash(it) => done(held.get(&it)?.metadata_hash().await.map(drop)),
            Self::MetadataHashAt(it, path) => done(
                held.get(&it)?
                    .metadata_hash_at(FOLLOW, path)
                    .await
                    .map(drop),
            ),
            Self::SetSize(it, size) => done(held.get(&it)?.set_size(size).await),
            Self::ReadViaStream(it, offset) => {
                let (stream, ended) = held.get(&it)?.read_via_stream(offset);
                let bytes = stream.collect().await;
                done(ended.await)?;
                Ok(json!(String::from_utf8_lossy(&bytes)))
            }
            Self::WriteViaStream(it, text, offset) => {
                let (writer, reader) = wit_stream::new();
                write(
                    writer,
                    text,
                    held.get(&it)?.write_via_stream(reader, offset),
                )
                .await
            }
            Self::AppendViaStream(it, text) => {
                let (writer, reader) = wit_stream::new();
                write(writer, text, held.get(&it)?.append_via_stream(reader)).await
            }
            Self::Sync(it) => {
                let it = held.get(&it)?;
                it.advise(0, 1, Advice::Normal).await.map_err(code)?;
                it.sync_data().await.map_err(code)?;
                done(it.sync().await)
            }
            Self::GetFlags(it) => {
                let flags = held.get(&it)?.get_flags().await;
                flags.map(|flags| json!(format!("{flags:?}"))).map_err(code)
            }
            Self::GetType(it) => {
                let kind = held.get(&it)?.get_type().await;
                kind.map(|kind| json!(format!("{kind:?}"))).map_err(code)
            }
            Self::IsSameObject(it, other) => {
                let (it, other) = (held.get(&it)?, held.get(&other)?);
                Ok(json!(it.is_same_object(other).await))
            }
            Self::ReadDirectory(it) => {
                let (listing, ended) = held.get(&it)?.read_directory();
                let entries = listing.collect().await;
                done(ended.await)?;
                let mut names: Vec<String> = entries.into_iter().map(|it| it.name).collect();
                names.sort();
                Ok(json!(names))
            }
            Self::HoldOpen(it, path, n) => {
                for n_held in 0..n {
                    match open(held.get(&it)?, path.clone(), "r").await {
                        Ok(descriptor) => held.more.push(descriptor),
                        Err(error) => return Ok(json!({"held": n_held, "error": error})),
                    }
                }
                Ok(json!({"held": n}))
            }
            Self::HoldListings(it, n) => {
                for n_held in 0..n {
                    let (mut listing, ended) = held.get(&it)?.read_directory();
                    match listing.next().await {
                        Some(_) => held.listings.push(listing),
                        None => {
                            let error = ended.await.map_err(code).err();
                            return Ok(json!({"held": n_held, "error": error}));
                        }
                    }
                }
                Ok(json!({"held": n}))
            }
            Self::Pipe(from, to) => {
                let (from, to) = (held.get(&from)?, held.get(&to)?);
                let (stream, read) = from.read_via_stream(0);
                let written = to.append_via_stream(stream);
                done(written.await)?;
                done(read.await)
            }
            Self::Panic(why) => panic!("{why}"),
            Self::Drop(name) => {
                held.descriptors.remove(&name);
                Ok(Value::Null)
            }
        }
    }
}

async fn open(base: &Descriptor, path: String, flags: &str) -> Result<Descriptor, String> {
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
            'f' => follow = FOLLOW,
            other => return Err(format!("no flag {other}")),
        }
    }
    base.open_at(follow, path, open, access).await.map_err(code)
}

async fn write(
    mut writer: wit_bindgen::StreamWriter<u8>,
    text: String,
    ended: Ended,
) -> Result<Value, String> {
    writer.write_all(text.into_bytes()).await;
    drop(writer);
    done(ended.await)
}

fn time(seconds: u64) -> NewTimestamp {
    NewTimestamp::Timestamp(Instant {
        seconds: seconds as i64,
        nanoseconds: 0,
    })
}

fn describe(stat: DescriptorStat) -> Value {
    json!({"type": format!("{:?}", stat.type_), "size": stat.size, "links": stat.link_count})
}

fn done(result: Result<(), ErrorCode>) -> Result<Value, String> {
    result.map(|()| Value::Null).map_err(code)
}

/// Returns the name of an error as WIT has it.
fn code(error: ErrorCode) -> String {
    let name = format!("{error:?}");
    let name = name.rsplit("::").next().unwrap_or_default();
    let mut kebab = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.extend(letter.to_lowercase());
    }
    kebab
}

export!(Probe);
