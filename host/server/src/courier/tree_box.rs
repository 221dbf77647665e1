//! Messages as files in the tree: requests of the owner below other apps' `rpc/` folders.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use syft_manifest::clock::now;
use syft_protocol::acl::{Access, Reason};
use syft_protocol::address::{Address, Datasite};
use syft_protocol::message::Request;
use syft_protocol::outbox::{Look, Receiver};
use syft_runtime::capability::files::{Broken, DatasitesDir, Rules};
use syft_system::{Dir, is_absent};
use uuid::Uuid;

use crate::client::mailbox::{AnswerBytes, AnswerState, Mailbox};

/// The tree, as far as the owner sends into it.
#[derive(Debug, Clone)]
pub(super) struct TreeBox {
    pub(super) datasites: PathBuf,
    pub(super) owner: Datasite,
}

/// Where a message lies in the tree.
pub(super) struct Place {
    pub(super) receiver: Receiver,
    pub(super) address: Address,
}

/// What became of writing a request.
pub(super) enum Written {
    /// It lies there.
    There,
    /// It may not lie there: why, in words.
    Refused(String),
}

/// What a look found.
pub(super) enum Found {
    /// No answer.
    None(Look),
    /// What may be one.
    Answer(AnswerBytes),
    /// There can be none: why, in words.
    Refused(String),
}

impl TreeBox {
    /// Returns where a message lies, or why it can lie nowhere.
    pub(super) fn place(&self, receiver: Receiver, id: Uuid) -> Result<Place, String> {
        match receiver.address(&self.owner, id) {
            Some(address) => Ok(Place { receiver, address }),
            None => Err(format!("no request can lie in {}", receiver.path())),
        }
    }

    /// Writes a request, unless it lies there whole, or the rules of the receiver that are known
    /// here do not let the owner write there. Whoever wants to see the answer come has a moment
    /// to `watch` the folder before.
    pub(super) fn write(
        &self,
        place: &Place,
        request: &[u8],
        watch: impl Fn(&Dir),
    ) -> io::Result<Written> {
        let (receiver, address) = (&place.receiver, &place.address);
        if let Some(why) = self.forbidden(place) {
            return Ok(Written::Refused(why));
        }
        let mailbox = match Mailbox::open(&self.datasites, &receiver.datasite, &receiver.app) {
            Ok(mailbox) => mailbox,
            Err(error) => return refused_for_links(place, into_io(error)),
        };
        let id = address.id().uuid();
        let is_whole = |held: &[u8]| {
            let held = Request::from_json(held, now());
            held.is_ok_and(|held| held.id == Some(id))
        };
        // Encryption makes another text of it each time, of about the same length.
        let limit = 2 * request.len() as u64;
        let written = mailbox.caller_folder(address).and_then(|folder| {
            watch(&folder);
            mailbox.post_again(address, request, limit, is_whole)
        });
        match written {
            Ok(()) => Ok(Written::There),
            Err(error) => refused_for_links(place, error),
        }
    }

    /// Returns why the owner may not write there, if the receiver's rules are here and say so.
    fn forbidden(&self, place: &Place) -> Option<String> {
        let root = DatasitesDir::open(&self.datasites).ok()?;
        let mut rules = Rules::new(Broken::AsServer);
        let path = place.path();
        let ruling = rules.decide(&root, now(), self.owner.as_str(), &path, Access::Create);
        // Where no rules are here, or they cannot be used, only the server knows.
        let file = match ruling.decision.reason {
            Reason::Rule(rule) => rule.file,
            Reason::NoRule { file } => file,
            _ => return None,
        };
        let is_known = !ruling.decision.allowed && ruling.fault.is_none();
        is_known.then(|| format!("{file} does not let {} write {path}", self.owner))
    }

    /// Looks for the answer, up to so many bytes of it.
    pub(super) fn look(&self, place: &Place, limit: u64) -> io::Result<Found> {
        let receiver = &place.receiver;
        let mailbox = Mailbox::find(&self.datasites, &receiver.datasite, &receiver.app);
        let Some(mailbox) = mailbox else {
            return Ok(Found::None(Look::Gone));
        };
        Ok(match mailbox.look(&place.address, limit)? {
            AnswerState::Pending => Found::None(Look::Nothing),
            AnswerState::Removed => Found::None(Look::Gone),
            AnswerState::Ready(answer) => Found::Answer(answer),
            AnswerState::TooLarge(n_bytes) => Found::Refused(format!(
                "the answer has {n_bytes} bytes; at most {limit} are read"
            )),
            AnswerState::NoFile => Found::Refused("the answer is no regular file".to_owned()),
            AnswerState::Rejected => Found::Refused(format!(
                "the SyftBox server did not take the request: {} may not write {}",
                self.owner,
                place.path()
            )),
        })
    }

    /// Returns the folder in which the message lies, if it is there.
    pub(super) fn folder(&self, place: &Place) -> Option<Dir> {
        let receiver = &place.receiver;
        let mailbox = Mailbox::find(&self.datasites, &receiver.datasite, &receiver.app)?;
        mailbox.folder(&place.address)
    }

    /// Forces requests to the disk. Returns those of which that is sure.
    pub(super) fn force(&self, places: Vec<(Uuid, Place)>) -> Vec<Uuid> {
        let is_forced = |place: &Place| {
            let receiver = &place.receiver;
            let mailbox = Mailbox::find(&self.datasites, &receiver.datasite, &receiver.app);
            mailbox.is_some_and(|mailbox| mailbox.force(&place.address).is_ok())
        };
        let forced = places.into_iter().filter(|(_, place)| is_forced(place));
        forced.map(|(id, _)| id).collect()
    }

    /// Deletes a request with its answer and marks.
    pub(super) fn clear(&self, place: &Place) {
        let receiver = &place.receiver;
        if let Some(mailbox) = Mailbox::find(&self.datasites, &receiver.datasite, &receiver.app) {
            mailbox.clear(&place.address);
        }
    }
}

impl Place {
    /// Returns the path of the request, relative to the datasites.
    fn path(&self) -> String {
        let Receiver { datasite, app, .. } = &self.receiver;
        format!("{datasite}/app_data/{app}/rpc{}.request", self.address)
    }

    /// Returns the path of its folder, as a name for it.
    pub(super) fn folder_path(&self) -> String {
        let path = self.path();
        path.rsplit_once('/')
            .map_or(path.clone(), |(folder, _)| folder.to_owned())
    }
}

/// Tells whether an answer that is cut off may still be on its way: released servers write in
/// place.
pub(super) fn may_grow(answer: &AnswerBytes) -> bool {
    const SETTLED: Duration = Duration::from_secs(5);
    answer.unchanged_for < SETTLED
}

/// Returns that nothing is written through links, which stay; anything else may pass.
fn refused_for_links(place: &Place, error: io::Error) -> io::Result<Written> {
    if is_absent(&error) && error.kind() != io::ErrorKind::NotFound {
        return Ok(Written::Refused(format!(
            "{} cannot be reached without following links: {error}",
            place.folder_path()
        )));
    }
    Err(error)
}

fn into_io(error: anyhow::Error) -> io::Error {
    let text = format!("{error:#}");
    match error.downcast::<io::Error>() {
        Ok(error) => error,
        Err(_) => io::Error::other(text),
    }
}
