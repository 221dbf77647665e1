//! Workers that are lost, calls that come too late, and calls that others come between.

use std::cell::Cell;
use std::time::Duration;

use serde_json::{Value, json};
use syft_manifest::Limits;
use syft_runtime::sandbox::{Admission, Outcome};
use syft_runtime::wire::{Ask, CallEnd, CallTaken, HostCall, HostReply, OutcomeEnd, OwnerLink};

use super::site::{Twin, answered, is_kept, request};
use crate::support::loopback;

#[test]
fn a_call_that_another_comes_between_runs_again() {
    let twin = Twin::new("stateful");
    let n_runs = Cell::new(0);
    let counted = twin.runtime.block_on(async {
        let run = |state| async {
            n_runs.set(n_runs.get() + 1);
            let prepared = twin.prepared(&request("/count", &Value::Null), state).await;
            // It has read, and is about to write.
            let is_first = n_runs.get() == 1;
            let between = async |call: &HostCall| {
                if is_first && matches!(call.ask, Ask::StateSize { .. }) {
                    twin.run_there(&request("/count", &Value::Null)).await;
                }
            };
            loopback::run_with(&twin.program, prepared, between)
                .await
                .unwrap()
        };
        twin.there
            .transact(&twin.app.limits, run, is_kept)
            .await
            .unwrap()
    });
    assert_eq!((n_runs.get(), answered(&counted)), (2, json!(2)));
}

#[test]
fn a_call_without_its_owner_is_ended_at_once() {
    let twin = Twin::new("probe");
    let stateful = Twin::new("stateful");
    for (twin, endpoint, arguments) in [
        (&twin, "/spin", json!({"ms": 600_000})),
        (&twin, "/sleep", json!({"ms": 600_000})),
        (&stateful, "/count", Value::Null),
    ] {
        twin.runtime.block_on(async {
            let run = |state| async {
                let prepared = twin.prepared(&request(endpoint, &arguments), state).await;
                let (call, owner) = prepared.begin();
                let (link, to_carry) = OwnerLink::new();
                drop(to_carry);
                let meter = twin.program.admit(Admission::Usual).await;
                let (_folder, place) = loopback::place();
                let lost = twin.program.run_handed(call, &meter, link, &place).await;
                assert!(lost.is_err(), "{endpoint}");
                // The owner's host has another worker run it.
                let (again, owner) = owner.give_back().await.begin();
                assert_eq!(again.app, "twin");
                owner.time_out().await
            };
            let limits = &twin.app.limits;
            let outcome = twin.there.transact(limits, run, is_kept).await.unwrap();
            assert_eq!(outcome, Outcome::TimedOut(limits.time));
        });
    }
}

#[test]
fn a_call_that_is_given_out_again_begins_anew() {
    let twin = Twin::new("stateful");
    let counted = twin.runtime.block_on(async {
        let run = |state| async {
            let prepared = twin.prepared(&request("/count", &Value::Null), state).await;
            let (_, owner) = prepared.begin();
            let key = "count".to_owned();
            let got = owner.host_call(host_call(Ask::StateGet { key })).await;
            assert!(matches!(got, HostReply::Value(Ok(_))), "{got:?}");
            // Which another one changes, before the worker is lost that has read it.
            twin.run_there(&request("/count", &Value::Null)).await;
            let prepared = owner.give_back().await;
            loopback::run(&twin.program, prepared).await.unwrap()
        };
        twin.there
            .transact(&twin.app.limits, run, is_kept)
            .await
            .unwrap()
    });
    // With what it has read before, it would have been a conflict, and the other would count again.
    assert_eq!(answered(&counted), json!(2));
}

#[test]
fn nothing_counts_once_the_time_of_a_call_is_up() {
    let limits = Limits {
        time: Duration::ZERO,
        written_bytes: 0,
        ..Limits::default()
    };
    let twin = Twin::with("stateful", "", &[], limits);
    let outcome = twin.runtime.block_on(async {
        let run = |state| async {
            let prepared = twin.prepared(&request("/count", &Value::Null), state).await;
            let (_, owner) = prepared.begin();
            tokio::time::sleep_until(owner.deadline().into()).await;
            let late = owner.host_call(host_call(Ask::Nothing)).await;
            assert!(matches!(late, HostReply::Over(_)), "{late:?}");
            let end = CallEnd {
                outcome: OutcomeEnd::TooMuchData,
                writes: Vec::new(),
                files: Vec::new(),
                lines: Vec::new(),
                taken: CallTaken::default(),
            };
            owner.end(end).await.unwrap()
        };
        twin.there
            .transact(&twin.app.limits, run, is_kept)
            .await
            .unwrap()
    });
    assert_eq!(outcome, Outcome::TimedOut(Duration::ZERO));
}

fn host_call(ask: Ask) -> HostCall {
    HostCall {
        lines: Vec::new(),
        ask,
    }
}
