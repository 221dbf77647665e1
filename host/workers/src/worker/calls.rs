//! The calls that a worker has.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_bytes::ByteBuf;
use syft_manifest::units::log_ms;
use syft_runtime::capability::files::MirrorPlace;
use syft_runtime::sandbox::Admission;
use syft_runtime::wire::{Asked, HandedCall, HostReply, Lost, OwnerLink, encode};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::owner::OwnerHost;
use super::programs::Programs;
use crate::ledger::Claim;
use crate::words::{Question, QuestionReply};

/// How long to wait before asking for a call again where something is wrong.
const AGAIN_AFTER: Duration = Duration::from_millis(300);

const UNPOISONED: &str = "no holder of this lock panics";

/// The calls that a worker has.
pub(super) struct Calls {
    owner: Arc<OwnerHost>,
    programs: Arc<Programs>,
    /// Where calls have the owner's files.
    files: Arc<MirrorPlace>,
    /// What ends each.
    running: Mutex<BTreeMap<Claim, oneshot::Sender<()>>>,
    is_stopping: AtomicBool,
}

impl Calls {
    pub(super) fn new(
        owner: &Arc<OwnerHost>,
        programs: &Arc<Programs>,
        files: MirrorPlace,
    ) -> Self {
        Self {
            owner: Arc::clone(owner),
            programs: Arc::clone(programs),
            files: Arc::new(files),
            running: Mutex::default(),
            is_stopping: AtomicBool::new(false),
        }
    }

    /// Takes no more calls.
    pub(super) fn stop(&self) {
        self.is_stopping.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::SeqCst)
    }

    /// Returns by what the calls are named that it has.
    pub(super) fn claims(&self) -> Vec<Claim> {
        let running = self.running.lock().expect(UNPOISONED);
        running.keys().copied().collect()
    }

    /// Ends calls that are the worker's no more.
    pub(super) fn end(&self, void: &[Claim]) {
        let mut running = self.running.lock().expect(UNPOISONED);
        for claim in void {
            running.remove(claim);
        }
    }

    /// Ends all: the owner's host does not know the worker any more.
    pub(super) fn end_all(&self) {
        self.running.lock().expect(UNPOISONED).clear();
    }

    pub(super) async fn run_one_after_another(&self) {
        while !self.is_stopping() {
            match self.owner.ask(&Question::Next).await {
                Ok(QuestionReply::Work { claim, call }) => self.run(claim, *call).await,
                Ok(QuestionReply::Nothing) => {}
                // It says hello first, or the host will do something about it.
                _ => tokio::time::sleep(AGAIN_AFTER).await,
            }
        }
    }

    async fn run(&self, claim: Claim, call: HandedCall) {
        let (app, start) = (call.app.clone(), Instant::now());
        tracing::debug!(app, "a call");
        let (keep, ended) = oneshot::channel();
        self.running.lock().expect(UNPOISONED).insert(claim, keep);
        let ran = tokio::select! {
            ran = self.run_to_its_end(claim, call) => ran,
            // It is dropped once the call is not this worker's any more.
            _ = ended => Err("the owner's host has taken it back".to_owned()),
        };
        self.running.lock().expect(UNPOISONED).remove(&claim);
        let ms = log_ms(start.elapsed());
        match ran {
            Ok(()) => tracing::info!(app, ms, "a call was run"),
            Err(why) => tracing::warn!(app, ms, "a call does not count: {why}"),
        }
    }

    async fn run_to_its_end(&self, claim: Claim, call: HandedCall) -> Result<(), String> {
        let program = match self
            .programs
            .get(&call.app, &call.component, &call.limits)
            .await
        {
            Ok(program) => program,
            Err(why) => {
                let refuse = Question::Refuse {
                    claim,
                    why: why.clone(),
                };
                self.owner
                    .ask(&refuse)
                    .await
                    .map_err(|error| error.to_string())?;
                return Err(why);
            }
        };
        let meter = program.admit(Admission::Full).await;
        let (link, asked) = OwnerLink::new();
        let running = program.run_handed(call, &meter, link, &self.files);
        let carrying = carry(&self.owner, claim, asked);
        let (end, remains) = tokio::select! {
            ended = running => ended.map_err(|Lost(why)| why)?,
            why = carrying => return Err(why),
        };
        let ended = self.tell_end(claim, end).await;
        // Nobody waits while its memory is cleared.
        drop(remains);
        ended
    }

    async fn tell_end(&self, claim: Claim, end: Vec<u8>) -> Result<(), String> {
        let end = Question::End {
            claim,
            end: ByteBuf::from(end),
        };
        match self.owner.ask(&end).await {
            Ok(QuestionReply::Taken) => Ok(()),
            Ok(QuestionReply::Refused(why)) => Err(why),
            Ok(other) => Err(format!("the owner's host answers {other:?}")),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Carries what the guest asks to the owner's host. Returns once the call is not this worker's any
/// more.
async fn carry(owner: &Arc<OwnerHost>, claim: Claim, mut asked: mpsc::Receiver<Asked>) -> String {
    let mut open = JoinSet::new();
    let mut number = 0;
    loop {
        tokio::select! {
            next = asked.recv() => match next {
                Some(Asked { call, reply }) => {
                    let question = Question::Ask {
                        claim,
                        number,
                        call: ByteBuf::from(encode(&call)),
                    };
                    number += 1;
                    let owner = Arc::clone(owner);
                    open.spawn(async move {
                        let replied = ask(&owner, &question).await;
                        let lost = replied.as_ref().err().cloned();
                        // The guest may not wait for it any more.
                        drop(reply.send(replied.map_err(Lost)));
                        lost
                    });
                }
                // The guest has ended, which is told elsewhere.
                None => std::future::pending().await,
            },
            Some(ended) = open.join_next() => {
                if let Ok(Some(why)) = ended {
                    return why;
                }
            }
        }
    }
}

async fn ask(owner: &OwnerHost, question: &Question) -> Result<HostReply, String> {
    match owner.ask(question).await {
        Ok(QuestionReply::Reply(reply)) => Ok(reply),
        Ok(QuestionReply::Refused(why)) => Err(why),
        Ok(other) => Err(format!("the owner's host answers {other:?}")),
        Err(error) => Err(error.to_string()),
    }
}
