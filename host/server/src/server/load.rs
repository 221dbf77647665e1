//! Reads requests, within the memory that there is for them.

use std::sync::Arc;

use syft_protocol::address::Address;
use syft_protocol::encryption::is_envelope;
use syft_protocol::inbox::{Loaded, Stamp, Version};
use syft_protocol::message::Request;
use tokio::sync::OwnedSemaphorePermit;

use super::local_requests::LocalFile;
use super::{ServerShared, now};
use crate::tree::{OpenedRequest, RequestFile, Tree};
use syft_runtime::failpoint::{self, Step};
use syft_runtime::memory::Room;

/// Requests that take no permit for their memory.
const SMALL_BYTES: u64 = 64 << 10;

/// Reads a request, unless it is the one that is known. What is read holds memory until its
/// answer is written.
pub(super) async fn load(
    shared: &ServerShared,
    tree: &Tree,
    address: &Address,
    known: Option<Stamp>,
) -> (Loaded, Option<(OwnedSemaphorePermit, Room)>) {
    let (file, is_answered) = match open(shared, tree, address, known) {
        Ok(Opened::Unanswered(file)) => (file, false),
        Ok(Opened::BesideAnswer(file)) => (file, true),
        Err(loaded) => return (loaded, None),
    };
    let (stamp, limit) = (file.stamp(), shared.app.limits().request_bytes);
    let bytes = stamp.bytes;
    if bytes > limit && is_answered {
        return (Loaded::Answered(None), None);
    }
    if bytes > limit {
        let too_large = Loaded::TooLarge {
            stamp,
            bytes,
            limit,
        };
        return (too_large, None);
    }
    let mut permit = Arc::clone(&shared.loaded)
        .acquire_many_owned(permits(bytes))
        .await
        .expect("the semaphore is never closed");
    // The file and the request that is parsed from it are in memory together for a moment.
    let wanted = usize::try_from(bytes).unwrap_or(usize::MAX);
    let memory = shared.app.request_memory();
    let mut room = memory.reserve(wanted.saturating_mul(2)).await;
    let loaded = if is_answered {
        read_beside_answer(address, &file)
    } else {
        read(shared, address, &file)
    };
    // A request may be much smaller than its file, which may hold mostly spaces.
    let kept = kept_bytes(&loaded);
    let surplus = permit.num_permits().saturating_sub(permits(kept) as usize);
    drop(permit.split(surplus));
    room.shrink_to(usize::try_from(kept).unwrap_or(usize::MAX));
    (loaded, Some((permit, room)))
}

/// A request that is to be read.
pub(super) enum Opened {
    /// One to be handled.
    Unanswered(Source),
    /// One that was answered, and is not the file any more that it was then.
    BesideAnswer(Source),
}

/// Where a request is read from.
pub(super) enum Source {
    Tree(RequestFile),
    /// Another app of this process, or the same.
    Local(LocalFile),
}

impl Source {
    pub(super) fn stamp(&self) -> Stamp {
        match self {
            Self::Tree(file) => file.stamp(),
            Self::Local(file) => file.stamp(),
        }
    }

    fn version(&self, bytes: &[u8]) -> Version {
        match self {
            Self::Tree(file) => file.version(bytes),
            Self::Local(file) => file.version(bytes),
        }
    }

    /// Returns the bytes of the request, or why there are none.
    #[expect(
        clippy::result_large_err,
        reason = "it is handed on at once, and boxed by nobody"
    )]
    fn read(&self, address: &Address) -> Result<Vec<u8>, Loaded> {
        match self {
            Self::Tree(file) => file.read().map_err(|error| {
                tracing::warn!(%address, "cannot read a request: {error}");
                Loaded::Unreadable
            }),
            Self::Local(file) => file.read().ok_or(Loaded::Absent),
        }
    }
}

/// Opens a request to be read, or returns why that is not possible.
#[expect(
    clippy::result_large_err,
    reason = "it is handed on at once, and boxed by nobody"
)]
pub(super) fn open(
    shared: &ServerShared,
    tree: &Tree,
    address: &Address,
    known: Option<Stamp>,
) -> Result<Opened, Loaded> {
    if let Some(file) = shared.local_requests().find(address) {
        return Ok(Opened::Unanswered(Source::Local(file)));
    }
    match tree.open_unserved(address, known) {
        Ok(OpenedRequest::Absent) => Err(Loaded::Absent),
        Ok(OpenedRequest::Answered) => beside_answer(tree, address, known)
            .map(|file| Opened::BesideAnswer(Source::Tree(file)))
            .ok_or(Loaded::Answered(None)),
        Ok(OpenedRequest::File(file)) if Some(file.stamp()) == known => Err(Loaded::AnswerGone),
        Ok(OpenedRequest::File(file)) => Ok(Opened::Unanswered(Source::Tree(file))),
        Err(error) => {
            tracing::warn!(%address, "cannot open a request: {error}");
            Err(Loaded::Unreadable)
        }
    }
}

/// Opens a request that was answered, if it is not the file any more that was answered.
fn beside_answer(tree: &Tree, address: &Address, known: Option<Stamp>) -> Option<RequestFile> {
    let known = known?;
    match tree.open_any_request(address) {
        Ok(OpenedRequest::File(file)) if file.stamp() != known => Some(file),
        _ => None,
    }
}

/// Returns one permit for each KiB of a request beyond the size of a small one. As many small
/// requests as can be at work together fit in memory, so they never wait for large ones.
fn permits(bytes: u64) -> u32 {
    u32::try_from(bytes.saturating_sub(SMALL_BYTES) >> 10).unwrap_or(u32::MAX)
}

fn kept_bytes(loaded: &Loaded) -> u64 {
    match loaded {
        Loaded::File(_, Ok(request)) | Loaded::Refused(_, _, request) => {
            let headers: usize = request
                .headers
                .iter()
                .map(|(name, value)| name.len() + value.len())
                .sum();
            let body = request.body.as_deref().unwrap_or_default();
            // What is in an encrypted one is in memory beside it for a moment.
            let is_doubled = body.len() as u64 > SMALL_BYTES && is_envelope(body);
            let body = body.len() << u32::from(is_doubled);
            (body + headers + request.url.as_str().len() + request.sender.len()) as u64
        }
        _ => 0,
    }
}

fn read_beside_answer(address: &Address, file: &Source) -> Loaded {
    let version = file.read(address).ok().map(|bytes| file.version(&bytes));
    Loaded::Answered(version)
}

fn read(shared: &ServerShared, address: &Address, file: &Source) -> Loaded {
    let bytes = match file.read(address) {
        Ok(bytes) => bytes,
        Err(loaded) => return loaded,
    };
    failpoint::reach(Step::AfterRead, address.id().stem());
    let version = file.version(&bytes);
    let request = match Request::from_json(&bytes, now().wall) {
        Ok(request) => Box::new(request),
        Err(error) => return Loaded::File(version, Err(error)),
    };
    match shared.app.misdirection(address, &request) {
        Some(refusal) => Loaded::Refused(version, refusal, request),
        None => Loaded::File(version, Ok(request)),
    }
}
