use std::time::Duration;

use syft_protocol::due_calls::DueKind;
use syft_protocol::message::{Headers, Method};
use syft_protocol::outbox::{MessageAnswer, ReplyTo, message_id};
use syft_protocol::status::Status;
use syft_protocol::url::SyftUrl;

use super::*;
use crate::state::StoreOptions;
use syft_manifest::Limits;

const BOB: &str = "bob@x.org";

struct Site {
    store: Arc<Store>,
    limits: Limits,
    folder: tempfile::TempDir,
}

impl Site {
    fn new(limits: Limits) -> Self {
        Self::in_folder(tempfile::tempdir().expect("a folder"), limits)
    }

    fn in_folder(folder: tempfile::TempDir, limits: Limits) -> Self {
        let store = Store::open(folder.path(), &limits, &StoreOptions::default());
        Self {
            store: Arc::new(store.expect("a store")),
            limits,
            folder,
        }
    }

    fn reopened(self) -> Self {
        let Self {
            store,
            limits,
            folder,
        } = self;
        drop(Arc::into_inner(store).expect("nobody else has it"));
        Self::in_folder(folder, limits)
    }

    /// A call that sends messages, and ends well or not.
    async fn send(&self, messages: &[OutgoingMessage], is_well: bool) {
        let run = |mut session: Session| {
            session.also_send(messages.to_vec());
            std::future::ready(((), session))
        };
        let sent = self.store.transact(&self.limits, run, |()| is_well).await;
        sent.expect("a working store");
    }

    async fn handle_reply(&self, id: Uuid) {
        let run = |mut session: Session| {
            session.also_handle_reply(id);
            session.also_end_due(id);
            std::future::ready(((), session))
        };
        let handled = self.store.transact(&self.limits, run, |()| true).await;
        handled.expect("a working store");
    }

    async fn end(&self, id: Uuid, outcome: MessageOutcome) -> Option<DueCall> {
        let ended = self.store.end_message(id, outcome, true).await;
        ended.expect("a working store")
    }

    fn arrived(&self) -> Vec<(Uuid, Stage)> {
        let arrived = self.store.take_arrived().expect("a working store");
        arrived.iter().map(|open| (open.id, open.stage)).collect()
    }

    fn outcome(&self, id: Uuid) -> KeptOutcome {
        self.store.outcome(id).expect("a working store")
    }

    fn room(&self, n_queued: usize, bytes: u64) -> Result<(), OutboxFull> {
        let bob = Datasite::parse(BOB).expect("an email");
        let session = Session::new(Some(Arc::clone(&self.store)), &self.limits);
        session.room_for_messages(&bob, n_queued, bytes)
    }
}

fn message(number: u8, reply_to: Option<&str>) -> OutgoingMessage {
    let mut message = OutgoingMessage {
        id: Uuid::nil(),
        url: SyftUrl::parse("syft://bob@x.org/app_data/a/rpc/b").expect("a URL"),
        method: Method::Post,
        headers: [("a".to_owned(), "b".to_owned())].into_iter().collect(),
        body: Some(vec![number; 100]),
        timeout: Duration::from_secs(60),
        encrypt: true,
        reply_to: reply_to.map(|handler| ReplyTo {
            handler: handler.to_owned(),
            context: Some(b"context".to_vec()),
        }),
    };
    message.id = message_id("key", &message, 0);
    message
}

fn answer(body: &[u8]) -> MessageOutcome {
    MessageOutcome::Answered(MessageAnswer {
        status: Status::NOT_FOUND,
        headers: Headers::new(),
        body: Some(body.to_vec()),
    })
}

/// A moment at which nothing of these messages is kept any more.
fn long_after() -> Timestamp {
    now().saturating_add(Duration::from_secs(60) + 2 * syft_protocol::outbox::KEEP_OUTCOME)
}

#[tokio::test]
async fn what_a_call_sends_is_kept_if_it_ends_well() {
    let site = Site::new(Limits::default());
    let (kept, lost) = (message(1, Some("done")), message(2, None));
    site.send(std::slice::from_ref(&kept), true).await;
    site.send(std::slice::from_ref(&lost), false).await;
    assert_eq!(site.arrived(), [(kept.id, Stage::New)]);
    assert_eq!(site.arrived(), []);
    assert_eq!(site.outcome(kept.id), KeptOutcome::Open);
    assert_eq!(site.outcome(lost.id), KeptOutcome::Unknown);
    let found = site.store.message(kept.id).expect("a working store");
    assert_eq!(found.expect("it is kept").message, kept);
}

#[tokio::test]
async fn whoever_waits_for_messages_is_woken() {
    let site = Site::new(Limits::default());
    let store = Arc::clone(&site.store);
    let waiting = tokio::spawn(async move { store.messages_arrived().await });
    site.send(&[message(1, None)], true).await;
    waiting.await.expect("no panic");
}

#[tokio::test]
async fn one_that_is_kept_is_not_kept_again() {
    let site = Site::new(Limits::default());
    let message = message(1, None);
    let posted = vec![message.clone()];
    site.store.post(posted.clone()).await.expect("room");
    site.end(message.id, answer(b"first")).await;
    site.store.post(posted.clone()).await.expect("room");
    site.send(&posted, true).await;
    assert_eq!(site.arrived(), [(message.id, Stage::New)]);
    // Nor is an outcome that is known replaced.
    site.end(message.id, MessageOutcome::Expired).await;
    assert_eq!(
        site.outcome(message.id),
        KeptOutcome::Ended(answer(b"first"))
    );
}

#[tokio::test]
async fn all_is_found_again_after_a_restart() {
    let site = Site::new(Limits::default());
    let [new, sent, ended, over] = [1, 2, 3, 4].map(|number| message(number, None));
    let all = [new.clone(), sent.clone(), ended.clone(), over.clone()];
    site.send(&all, true).await;
    let note = |sent, cleared| site.store.note_messages(sent, cleared);
    note(vec![sent.id], Vec::new()).await.expect("written");
    site.end(ended.id, answer(b"yes")).await;
    site.end(over.id, MessageOutcome::Rejected("no".to_owned()))
        .await;
    note(Vec::new(), vec![over.id]).await.expect("written");
    let site = site.reopened();
    let mut found = site.arrived();
    found.sort_unstable_by_key(|(id, _)| *id);
    let mut expected = [
        (new.id, Stage::Unsure),
        (sent.id, Stage::Sent),
        (ended.id, Stage::Ended),
    ];
    expected.sort_unstable_by_key(|(id, _)| *id);
    assert_eq!(found, expected);
    assert_eq!(site.outcome(ended.id), KeptOutcome::Ended(answer(b"yes")));
    let rejected = MessageOutcome::Rejected("no".to_owned());
    assert_eq!(site.outcome(over.id), KeptOutcome::Ended(rejected));
}

#[tokio::test]
async fn an_outcome_and_its_due_call_are_kept_together() {
    let site = Site::new(Limits::default());
    let message = message(1, Some("done"));
    site.send(std::slice::from_ref(&message), true).await;
    let due = site.end(message.id, MessageOutcome::Expired).await;
    let due = due.expect("the app wants to be told");
    let kind = DueKind::Reply {
        message: message.id,
        url: message.url.as_str().to_owned(),
        handler: "done".to_owned(),
    };
    assert_eq!(due.kind, kind);
    assert_eq!(site.end(message.id, MessageOutcome::Expired).await, None);
    let n_due = || site.store.due().expect("a working store").calls.len();
    assert_eq!(n_due(), 1);
    site.handle_reply(message.id).await;
    assert_eq!(n_due(), 0);
}

#[tokio::test]
async fn one_of_which_the_app_was_told_goes_with_its_files() {
    let site = Site::new(Limits::default());
    let (first, second) = (message(1, Some("done")), message(2, Some("done")));
    site.send(&[first.clone(), second.clone()], true).await;
    for id in [first.id, second.id] {
        site.end(id, answer(b"yes")).await;
    }
    let clear = |id| site.store.note_messages(Vec::new(), vec![id]);
    // In either order.
    site.handle_reply(first.id).await;
    assert_ne!(site.outcome(first.id), KeptOutcome::Unknown);
    clear(first.id).await.expect("written");
    clear(second.id).await.expect("written");
    site.handle_reply(second.id).await;
    for id in [first.id, second.id] {
        assert_eq!(site.outcome(id), KeptOutcome::Unknown);
    }
}

#[tokio::test]
async fn one_that_a_call_waited_for_outlasts_its_reply() {
    let site = Site::new(Limits::default());
    let message = message(1, Some("done"));
    let posted = vec![message.clone()];
    site.store.post(posted.clone()).await.expect("room");
    site.end(message.id, answer(b"yes")).await;
    site.handle_reply(message.id).await;
    let cleared = vec![message.id];
    let noted = site.store.note_messages(Vec::new(), cleared).await;
    noted.expect("written");
    // The call runs again.
    site.store.post(posted).await.expect("room");
    assert_eq!(site.outcome(message.id), KeptOutcome::Ended(answer(b"yes")));
    site.store
        .forget_messages(long_after())
        .await
        .expect("written");
    assert_eq!(site.outcome(message.id), KeptOutcome::Unknown);
}

#[tokio::test]
async fn outcomes_are_forgotten_a_day_after_the_message_expired() {
    let site = Site::new(Limits::default());
    let (asked_for, untold) = (message(1, None), message(2, Some("done")));
    site.send(&[asked_for.clone(), untold.clone()], true).await;
    for id in [asked_for.id, untold.id] {
        site.end(id, answer(b"yes")).await;
    }
    let forget = |now| site.store.forget_messages(now);
    let a_day_on = now().saturating_add(syft_protocol::outbox::KEEP_OUTCOME);
    forget(a_day_on).await.expect("written");
    assert_ne!(site.outcome(asked_for.id), KeptOutcome::Unknown);
    forget(long_after()).await.expect("written");
    assert_eq!(site.outcome(asked_for.id), KeptOutcome::Unknown);
    // The app was not told of this one.
    assert_ne!(site.outcome(untold.id), KeptOutcome::Unknown);
}

#[tokio::test]
async fn open_messages_are_bounded_in_number() {
    let site = Site::new(Limits {
        open_messages: 4,
        open_messages_per_receiver: 3,
        ..Limits::default()
    });
    let all = [1, 2].map(|number| message(number, None));
    site.send(&all, true).await;
    assert_eq!(site.room(0, 0), Ok(()));
    let to_bob = OutboxFull::Receiver(BOB.to_owned(), 3);
    assert_eq!(site.room(1, 0), Err(to_bob.clone()));
    assert_eq!(site.room(2, 0), Err(OutboxFull::Messages(4)));
    // What is told or only kept does not count; what the app is to be told does.
    site.end(all[0].id, MessageOutcome::Expired).await;
    assert_eq!(site.room(1, 0), Ok(()));
    let told_later = message(3, Some("done"));
    site.send(std::slice::from_ref(&told_later), true).await;
    site.end(told_later.id, MessageOutcome::Expired).await;
    assert_eq!(site.room(1, 0), Err(to_bob.clone()));
    let site = site.reopened();
    assert_eq!(site.room(1, 0), Err(to_bob));
    site.handle_reply(told_later.id).await;
    assert_eq!(site.room(1, 0), Ok(()));
}

#[tokio::test]
async fn what_is_kept_is_bounded_in_bytes() {
    let site = Site::new(Limits {
        outbox_bytes: 4_000,
        ..Limits::default()
    });
    assert_eq!(site.room(0, 4_000), Ok(()));
    assert_eq!(site.room(0, 4_001), Err(OutboxFull::Bytes(4_000)));
    // Outcomes that nobody has asked for make room, the oldest first.
    let all: Vec<_> = (1..10).map(|number| message(number, None)).collect();
    for message in &all {
        site.send(std::slice::from_ref(message), true).await;
        site.end(message.id, answer(&[0; 500])).await;
        let cleared = vec![message.id];
        let noted = site.store.note_messages(Vec::new(), cleared).await;
        noted.expect("written");
    }
    let is_known = |message: &&OutgoingMessage| site.outcome(message.id) != KeptOutcome::Unknown;
    let n_known = all.iter().filter(is_known).count();
    assert!((1..5).contains(&n_known), "{n_known}");
    assert!(is_known(&all.last().expect("the last")));
    // What the app is to be told is kept, and no more of it is taken than fits.
    let untold: Vec<_> = (10..14).map(|n| message(n, Some("done"))).collect();
    site.send(&untold, true).await;
    assert!(site.store.has_room_for_outcomes());
    for message in &untold {
        site.end(message.id, answer(&[0; 1_000])).await;
    }
    assert!(!site.store.has_room_for_outcomes());
    assert!(untold.iter().all(|message| is_known(&message)));
}

#[tokio::test]
async fn a_call_that_only_sends_has_its_answer_kept() {
    let site = Site::new(Limits::default());
    let run = |mut session: Session| {
        session.also_send(vec![message(1, None)]);
        let has_effects = session.has_effects();
        std::future::ready((has_effects, session))
    };
    let kept = site.store.transact(&site.limits, run, |_| true).await;
    assert_eq!(kept, Ok(true));
}
