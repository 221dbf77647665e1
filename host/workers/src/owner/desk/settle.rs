//! What the ledger says is to be done.

use std::time::Instant;

use syft_runtime::remote::{NotRun, PreparedOwner};

use super::super::call::{GivenCall, Orders, Outcome, ToCall};
use super::super::queue::Change;
use super::{Address, Desk, Stage};
use crate::ledger::{CallId, Claim, LedgerStep, WorkerId};
use crate::words::QuestionReply;

/// How often a call is given out again whose ends were refused.
const MOST_REFUSED: u32 = 3;

impl Desk {
    pub(super) fn settle(&mut self) {
        while let Some(step) = self.ledger.poll() {
            match step {
                LedgerStep::Queue(id) => {
                    if let Some(call) = self.calls.get(&id) {
                        let (app, request) = (&call.app, &call.id);
                        tracing::debug!(app, request, "it waits for a worker");
                        self.queue.send(Change::Waits(id, app.clone())).ok();
                    }
                }
                LedgerStep::Give {
                    call,
                    worker,
                    wish,
                    claim,
                } => self.give(call, (worker, wish), claim),
                LedgerStep::Nobody(id) => self.give_up(id, NotRun::NoWorker),
                LedgerStep::Lost {
                    call,
                    worker,
                    why,
                    is_last,
                    ..
                } => self.lost(call, &worker, why, is_last),
            }
        }
    }

    fn give(&mut self, id: CallId, address: Address, claim: Claim) {
        self.queue.send(Change::WaitsNoMore(id)).ok();
        let (orders, taken) = Orders::new();
        let Some(call) = self.calls.get_mut(&id) else {
            self.ledger.withdraw(Instant::now(), id);
            return self.answer(&address, &QuestionReply::Nothing);
        };
        let stage = std::mem::replace(&mut call.stage, Stage::Given(orders));
        let Stage::Waits(owner, outcome) = stage else {
            // The ledger gives out what waits.
            return self.answer(&address, &QuestionReply::Nothing);
        };
        let worker = address.0.name.clone();
        tracing::debug!(
            app = call.app,
            request = call.id,
            worker,
            "given to a worker"
        );
        let given = GivenCall {
            id,
            claim,
            worker,
            orders: taken,
            desk: self.desk.clone(),
        };
        tokio::spawn(given.run(*owner, address, outcome));
    }

    pub(super) fn give_up(&mut self, id: CallId, why: NotRun) {
        self.queue.send(Change::WaitsNoMore(id)).ok();
        if let Some(call) = self.calls.remove(&id)
            && let Stage::Waits(_, outcome) = call.stage
        {
            // Who gave it out may have gone.
            drop(outcome.send(Ok(Err(why))));
        }
    }

    fn lost(&mut self, id: CallId, worker: &WorkerId, why: String, is_last: bool) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let (app, request) = (&call.app, &call.id);
        tracing::warn!(
            worker = worker.name,
            app,
            request,
            is_last,
            "a call was lost: {why}"
        );
        if let Stage::Given(orders) = &call.stage {
            // One that has ended meanwhile needs it no more.
            orders.send(ToCall::Lost { why, is_last });
        }
        if is_last {
            self.calls.remove(&id);
        }
    }

    /// A worker said of the end of a call what does not hold: it gets no more of that app, and
    /// another one gets the call.
    pub(super) fn end_refused(
        &mut self,
        id: CallId,
        owner: Box<PreparedOwner>,
        outcome: Outcome,
        why: &str,
        address: &Address,
    ) {
        self.processes.complain(&address.0, why);
        self.answer(address, &QuestionReply::Refused(why.to_owned()));
        let Some(mut call) = self.calls.remove(&id) else {
            return;
        };
        let component = call.wants.component.clone();
        self.ledger.distrust(Instant::now(), &address.0, &component);
        if call.n_refused >= MOST_REFUSED {
            // Who gave it out may have gone.
            drop(outcome.send(Ok(Err(NotRun::Lost(why.to_owned())))));
            return;
        }
        call.stage = Stage::Waits(owner, outcome);
        self.take_in(call);
    }
}
