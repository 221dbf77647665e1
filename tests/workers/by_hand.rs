//! Either end of a connection with the NATS server, written by hand.

use std::sync::{Arc, Mutex};

use async_nats::{Client, ConnectOptions, Event};
use syft_manifest::Digest;
use syft_runtime::wire::{decode, encode};
use syft_workers::accounts::{owner_key_file, read_key};
use syft_workers::frame::{Frame, FrameAnswer, Sent, VERSION};
use syft_workers::words::{Beat, Hello, Question, QuestionReply};
use tokio::runtime::Runtime;

use super::fleet::Fleet;
use crate::support::wait_for;

/// A connection by hand, with a key that the server knows.
pub(super) struct ByHand {
    pub(super) runtime: Runtime,
    pub(super) client: Client,
    /// What the server has refused.
    refused: Arc<Mutex<Vec<String>>>,
    next: u64,
}

impl ByHand {
    /// Connects as a worker.
    pub(super) fn worker(fleet: &Fleet<'_>, name: &str) -> Self {
        Self::new(fleet, &fleet.server.key(name))
    }

    /// Connects as the owner's host, beside that.
    pub(super) fn owner(fleet: &Fleet<'_>) -> Self {
        Self::new(fleet, &owner_key_file(fleet.server.folder()))
    }

    fn new(fleet: &Fleet<'_>, key: &std::path::Path) -> Self {
        let runtime = Runtime::new().unwrap();
        let seed = read_key(key).unwrap().seed.to_string();
        let refused = Arc::<Mutex<Vec<String>>>::default();
        let events = Arc::clone(&refused);
        let options = ConnectOptions::with_nkey(seed).event_callback(move |event| {
            let events = Arc::clone(&events);
            async move {
                if let Event::ServerError(error) = event {
                    events.lock().unwrap().push(error.to_string());
                }
            }
        });
        let client = runtime
            .block_on(options.connect(fleet.server.url()))
            .unwrap();
        Self {
            runtime,
            client,
            refused,
            next: 1,
        }
    }

    /// Waits until the server has refused something about a subject.
    pub(super) fn wait_for_refusal(&self, subject: &str) {
        let subject = subject.to_lowercase();
        wait_for(&format!("a refusal of {subject}"), || {
            let refused = self.refused.lock().unwrap();
            let is_it = |text: &&String| text.to_lowercase().contains(&subject);
            refused.iter().find(is_it).map(drop)
        });
    }

    pub(super) fn frame(&self, worker: &str, sent: Sent) -> FrameAnswer {
        let frame = Frame {
            version: VERSION,
            instance: 7,
            sent,
        };
        let asked = self
            .client
            .request(format!("syft.host.{worker}"), encode(&frame).into());
        let answer = self.runtime.block_on(asked).unwrap();
        decode(&answer.payload, 1 << 20).unwrap()
    }

    /// Asks a question with a number of its own, and waits for the reply.
    pub(super) fn ask(
        &mut self,
        worker: &str,
        question: &Question,
    ) -> Result<QuestionReply, String> {
        self.next += 1;
        self.ask_as(worker, self.next, question)
    }

    pub(super) fn ask_as(
        &self,
        worker: &str,
        id: u64,
        question: &Question,
    ) -> Result<QuestionReply, String> {
        let mut sent = Sent::Part {
            id,
            done_below: 0,
            done: Vec::new(),
            part: 0,
            of: 1,
            bytes: encode(question),
        };
        loop {
            match self.frame(worker, sent) {
                FrameAnswer::Wait => sent = Sent::Rest { id, part: 0 },
                FrameAnswer::Part { of: 1, bytes } => return Ok(decode(&bytes, 1 << 20).unwrap()),
                FrameAnswer::Refused(why) | FrameAnswer::Dismissed(why) => return Err(why),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Says hello and that it can run a component, and waits for a call of it.
    pub(super) fn take_call(&mut self, worker: &str, component: &Digest) -> [u8; 16] {
        let hello = Hello {
            concurrency: 4,
            memory_bytes: 1 << 40,
            ..Hello::default()
        };
        assert_eq!(
            self.ask(worker, &Question::Hello(hello)),
            Ok(QuestionReply::Welcome)
        );
        self.beat(worker, 1, Some(component));
        match self.ask(worker, &Question::Next) {
            Ok(QuestionReply::Work { claim, .. }) => claim,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn beat(&mut self, worker: &str, number: u64, component: Option<&Digest>) {
        let apps = component.map(|component| vec![(component.clone(), None)]);
        let beat = Beat {
            number,
            claims: Vec::new(),
            apps,
        };
        let heard = self.ask(worker, &Question::Beat(beat));
        assert!(
            matches!(heard, Ok(QuestionReply::Heard { .. })),
            "{heard:?}"
        );
    }
}
