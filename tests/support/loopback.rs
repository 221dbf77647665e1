//! Calls that are given out and run in this very process: both ends, and between them what they
//! write.

use std::pin::pin;
use std::sync::Arc;

use syft_runtime::capability::files::MirrorPlace;
use syft_runtime::remote::{OwnerSide, PreparedOwner, RuleBroken};
use syft_runtime::sandbox::{Admission, Outcome, Program};
use syft_runtime::state::Session;
use syft_runtime::wire::{
    Asked, CallEnd, HandedCall, HostCall, HostReply, OwnerLink, decode, encode,
};
use tempfile::TempDir;

/// More than anything has in a test.
const MOST_BYTES: usize = 256 << 20;

/// Has a call run by a worker that is here.
pub async fn run(
    program: &Program,
    prepared: PreparedOwner,
) -> Result<(Outcome, Session), RuleBroken> {
    run_with(program, prepared, async |_| ()).await
}

/// As [`run`], with something to be done before each host call is answered.
pub async fn run_with(
    program: &Program,
    prepared: PreparedOwner,
    before: impl AsyncFnMut(&HostCall),
) -> Result<(Outcome, Session), RuleBroken> {
    let (_folder, place) = place();
    run_at(program, prepared, &place, before).await
}

/// Returns a place for the files of a worker, and the folder in which it is.
pub fn place() -> (TempDir, Arc<MirrorPlace>) {
    let folder = tempfile::tempdir().unwrap();
    let place = MirrorPlace::open(&folder.path().join("files"), 1 << 30).unwrap();
    (folder, Arc::new(place))
}

/// As [`run_with`], by a worker that has a place for files.
pub async fn run_at(
    program: &Program,
    prepared: PreparedOwner,
    place: &Arc<MirrorPlace>,
    mut before: impl AsyncFnMut(&HostCall),
) -> Result<(Outcome, Session), RuleBroken> {
    let (call, owner) = prepared.begin();
    let owner = Arc::new(owner);
    let call: HandedCall = carried(&call);
    let (link, mut to_carry) = OwnerLink::new();
    let meter = program.admit(Admission::Usual).await;
    let mut running = pin!(program.run_handed(call, &meter, link, place));
    let (end, remains) = loop {
        tokio::select! {
            biased;
            Some(asked) = to_carry.recv() => {
                before(&asked.call).await;
                carry(&owner, asked);
            }
            ended = &mut running => break ended.expect("nothing is lost here"),
        }
    };
    let (_, most) = owner.most_bytes();
    let end: CallEnd = decode(&end, most).expect("an end that the owner's host takes");
    drop(remains);
    // What still waits goes on in tasks, which do not hold it.
    let owner = Arc::into_inner(owner).expect("the only one");
    owner.end(end).await.map_err(|(broken, _)| broken)
}

/// Has a host call answered, while others are.
fn carry(owner: &OwnerSide, Asked { call, reply }: Asked) {
    let (most, _) = owner.most_bytes();
    assert!(encode(&call).len() <= most, "a host call is too large");
    let answering = owner.host_call(carried(&call));
    tokio::spawn(async move {
        let replied: HostReply = answering.await;
        reply.send(Ok(carried(&replied))).ok();
    });
}

/// Returns what is read of what is written.
fn carried<T: serde::Serialize + serde::de::DeserializeOwned>(message: &T) -> T {
    decode(&encode(message), MOST_BYTES).unwrap()
}
