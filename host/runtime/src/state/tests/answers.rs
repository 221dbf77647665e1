//! What is kept of requests that were answered.

use redb::ReadableDatabase;
use syft_protocol::address::Address;
use syft_protocol::inbox::{Stamp, Version};
use syft_protocol::timestamp::Timestamp;

use super::*;
use crate::state::answers::Recorded;
use crate::wit::rpc::Request;
use crate::wit::types::{Method, SenderProof};

const DAY: i64 = 24 * 60 * 60 * 1_000_000;

fn address(n: u32) -> Address {
    let text = format!("/echo/a@x.org/c9c22855-686a-49f9-b6f2-{n:012x}");
    Address::parse(&text).expect("an address")
}

/// The fingerprint of a request: a file, what it says, and when it was created.
fn fingerprint(inode: u64, body: &str, created: i64) -> RequestFingerprint {
    let stamp = Stamp {
        inode,
        bytes: 1,
        changed: 1,
    };
    let request = Request {
        id: String::new(),
        endpoint: String::new(),
        sender: "a@x.org".to_owned(),
        sender_proof: SenderProof::Folder,
        url: "syft://o@x.org/x".to_owned(),
        method: Method::Post,
        headers: Vec::new(),
        body: Some(body.as_bytes().to_vec()),
        created,
        expires: created + DAY,
    };
    RequestFingerprint::new(Version::unread(stamp), &request)
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

/// A call that answers.
struct Call<'a> {
    n: u32,
    fingerprint: RequestFingerprint,
    answer: &'a [u8],
    answered: i64,
    expires: i64,
    writes: bool,
    is_kept: bool,
}

impl Default for Call<'_> {
    fn default() -> Self {
        Self {
            n: 1,
            fingerprint: fingerprint(1, "aaaa", 0),
            answer: b"1",
            answered: 0,
            expires: DAY,
            writes: true,
            is_kept: true,
        }
    }
}

impl Site {
    async fn answer(&self, call: Call<'_>) {
        let run = |mut session: Session| {
            if call.writes {
                session.set("a", b"1".to_vec()).expect("room");
            }
            let (fingerprint, answered) = (call.fingerprint.clone(), at(call.answered));
            let address = address(call.n);
            session.keep_answer(
                &address,
                || fingerprint,
                call.answer,
                answered,
                at(call.expires),
            );
            std::future::ready(((), session))
        };
        let ran = self.store.transact(&self.limits, run, |()| call.is_kept);
        assert_eq!(ran.await, Ok(()));
    }

    /// Answers, and has that noted as published.
    async fn publish(&self, call: Call<'_>) {
        let n = call.n;
        self.answer(call).await;
        self.store.published(&address(n));
        self.commit().await;
    }

    /// Any commit notes what was published.
    async fn commit(&self) {
        self.call(|session| session.set("b", b"1".to_vec()))
            .await
            .expect("room");
    }

    async fn recorded(&self, n: u32, fingerprint: &RequestFingerprint) -> Recorded {
        let address = address(n);
        let recorded = self.store.recorded(&address, || fingerprint.clone());
        recorded.await.expect("a working store")
    }

    /// Returns which of these requests have records.
    async fn records(&self, all: std::ops::RangeInclusive<u32>) -> Vec<u32> {
        let mut found = Vec::new();
        for n in all {
            if self.recorded(n, &fingerprint(1, "aaaa", 0)).await != Recorded::Nothing {
                found.push(n);
            }
        }
        found
    }

    async fn forget(&self, now: i64) {
        let forgotten = self.store.forget_answers(at(now));
        forgotten.await.expect("a working store");
    }
}

fn an_answer(text: &str) -> Recorded {
    Recorded::Answer(text.as_bytes().to_vec())
}

#[tokio::test]
async fn an_answer_is_kept_with_what_its_call_wrote() {
    let request = fingerprint(1, "aaaa", 0);
    let site = site();
    site.answer(Call {
        writes: false,
        ..Call::default()
    })
    .await;
    assert_eq!(site.recorded(1, &request).await, Recorded::Nothing);
    site.answer(Call {
        is_kept: false,
        ..Call::default()
    })
    .await;
    assert_eq!(site.recorded(1, &request).await, Recorded::Nothing);
    site.answer(Call::default()).await;
    assert_eq!(site.recorded(1, &request).await, an_answer("1"));
    assert_eq!(site.recorded(2, &request).await, Recorded::Nothing);
}

#[tokio::test]
async fn a_request_is_known_by_its_file_or_by_what_it_says() {
    let mut site = site();
    site.answer(Call::default()).await;
    for round in ["at work", "opened again", "published", "opened again"] {
        for (fingerprint, expected) in [
            (fingerprint(1, "aaaa", 0), an_answer("1")),
            (fingerprint(1, "bbbb", 0), an_answer("1")),
            (fingerprint(2, "aaaa", 0), an_answer("1")),
            (fingerprint(2, "aaaa", 1), Recorded::Nothing),
            (fingerprint(2, "bbbb", 0), Recorded::Other),
            (fingerprint(2, "bbbb", 1), Recorded::Other),
        ] {
            let recorded = site.recorded(1, &fingerprint).await;
            assert_eq!(recorded, expected, "{round}: {fingerprint:?}");
        }
        match round {
            "published" => site.commit().await,
            _ => site = reopened(site),
        }
        site.store.published(&address(1));
    }
}

#[tokio::test]
async fn a_request_that_is_sent_anew_has_its_own_answer() {
    let site = site();
    site.publish(Call::default()).await;
    let anew = fingerprint(2, "aaaa", 1);
    site.answer(Call {
        fingerprint: anew.clone(),
        answer: b"2",
        expires: 2 * DAY,
        ..Call::default()
    })
    .await;
    assert_eq!(site.recorded(1, &anew).await, an_answer("2"));
    let first = fingerprint(1, "aaaa", 0);
    assert_eq!(site.recorded(1, &first).await, Recorded::Nothing);
    // The end of the first one is not that of the second.
    site.store.published(&address(1));
    site.commit().await;
    site.forget(DAY).await;
    assert_eq!(site.recorded(1, &anew).await, an_answer("2"));
    site.forget(2 * DAY).await;
    assert_eq!(site.recorded(1, &anew).await, Recorded::Nothing);
    assert!(site.store.index.is_empty());
}

#[tokio::test]
async fn an_answer_is_kept_until_its_request_expires_and_no_longer_than_answers_are() {
    let site = site();
    for (n, answered, expires) in [
        (1, 0, 5 * DAY),
        (2, 0, 500 * DAY),
        (3, DAY, 500 * DAY),
        (4, 0, DAY),
    ] {
        let call = Call {
            n,
            answered,
            expires,
            ..Call::default()
        };
        match n {
            4 => site.answer(call).await,
            _ => site.publish(call).await,
        }
    }
    // Nobody has got the fourth.
    for (now, left) in [
        (5 * DAY - 1, [1, 2, 3, 4].as_slice()),
        (5 * DAY, &[2, 3, 4]),
        (30 * DAY - 1, &[2, 3, 4]),
        (30 * DAY, &[3, 4]),
        (31 * DAY, &[4]),
        (9_999 * DAY, &[4]),
    ] {
        site.forget(now).await;
        assert_eq!(site.records(1..=4).await, left, "after {} days", now / DAY);
    }
    site.store.published(&address(4));
    site.commit().await;
    site.forget(DAY).await;
    assert!(site.store.index.is_empty());
}

#[tokio::test]
async fn more_than_one_transaction_takes_is_forgotten() {
    let site = Arc::new(site());
    let calls: Vec<_> = (1..=2_500)
        .map(|n| {
            let site = Arc::clone(&site);
            tokio::spawn(async move {
                let call = Call {
                    n,
                    ..Call::default()
                };
                site.answer(call).await;
            })
        })
        .collect();
    for call in calls {
        call.await.expect("no panic");
    }
    site.store.publish_unless(|_| false);
    site.forget(DAY).await;
    assert!(site.store.index.is_empty());
}

#[tokio::test]
async fn published_answers_take_no_more_than_they_may() {
    let site = site_with(Limits {
        answers_bytes: 10_000,
        ..Limits::default()
    });
    let kib = [b'x'; 1_000];
    let call = |n: u32, expires| Call {
        n,
        answer: &kib,
        expires,
        ..Call::default()
    };
    // Nobody has got these, and so they stay.
    for n in 1..=9 {
        site.answer(call(n, 1)).await;
    }
    // There is room for 7 of these, each 1,000 bytes and what belongs to it.
    let end = |n: u32| (n * 7) % 20;
    for n in 10..=29 {
        site.publish(call(n, i64::from(end(n)))).await;
    }
    let stays = |n: &u32| *n < 10 || end(*n) >= 13;
    let expected: Vec<u32> = (1..=29).filter(stays).collect();
    assert_eq!(site.records(1..=29).await, expected);
}

#[tokio::test]
async fn calls_wait_where_too_many_answers_do() {
    let limits = Limits {
        answers_bytes: 3_000,
        response_bytes: 0,
        ..Limits::default()
    };
    let site = site_with(limits);
    let kib = [b'x'; 1_000];
    for n in 1..=3 {
        site.answer(Call {
            n,
            answer: &kib,
            ..Call::default()
        })
        .await;
    }
    let site = reopened(site);
    let new = fingerprint(1, "aaaa", 0);
    let refused = site.store.recorded(&address(9), || new.clone()).await;
    assert!(refused.is_err(), "{refused:?}");
    assert_ne!(site.recorded(1, &new).await, Recorded::Nothing);
    site.store.published(&address(1));
    assert_eq!(site.recorded(9, &new).await, Recorded::Nothing);
}

#[tokio::test]
async fn what_lies_in_the_tree_decides_what_is_published() {
    let site = site();
    for n in 1..=3 {
        let call = Call {
            n,
            ..Call::default()
        };
        site.answer(call).await;
    }
    let site = reopened(site);
    let waits = address(2);
    site.store.publish_unless(|address| *address == waits);
    site.commit().await;
    site.forget(DAY).await;
    assert_eq!(site.records(1..=3).await, [2]);
    let site = reopened(site);
    assert_eq!(site.store.index.unpublished(), [waits.to_string()]);
}

#[tokio::test]
async fn a_file_of_the_version_before_is_opened() {
    use redb::TableDefinition;
    const FORMER: TableDefinition<'_, &str, (&[u8], &[u8])> = TableDefinition::new("answers");
    let site = site();
    let database = site.store.file.database().expect("a file");
    let write = database.begin_write().expect("a transaction");
    write
        .open_table(FORMER)
        .expect("a table")
        .insert("/x", (b"mark".as_slice(), b"answer".as_slice()))
        .expect("room");
    write.commit().expect("room");
    drop(database);
    let site = reopened(site);
    let database = site.store.file.database().expect("a file");
    let read = database.begin_read().expect("a transaction");
    assert!(read.open_table(FORMER).is_err(), "it is dropped");
}
