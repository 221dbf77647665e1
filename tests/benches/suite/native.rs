//! The ceiling: the same files through the same code as in `syft-host`, with a
//! Rust closure in the place of the sandboxed guest.
//!
//! It finds the requests with `Tree::scan_slice`, then opens, reads and parses
//! each, runs the closure, encodes the answer and puts it beside the request with
//! `Tree::answer`. What it lacks of a server: the inbox, the tasks, the watcher,
//! the log, and the sandbox. Threads get equal shares in advance.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use serde::Deserialize;
use syft_protocol::address::{Address, AppName, Datasite, Endpoint};
use syft_protocol::message::{Headers, Request, Response};
use syft_protocol::status::Status;
use syft_server::tree::{EndpointScan, OpenedRequest, Tree, TreeScan, WriteResult};

use crate::site::{APP, OWNER, Site, now};
use crate::workload;

/// What is done with the body of a request.
pub(crate) type Handler = fn(&[u8]) -> anyhow::Result<Vec<u8>>;

/// How the loop runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loop {
    pub(crate) handler: Handler,
    pub(crate) n_threads: usize,
    /// Each answer, then its name, is on the disk before the next request is read.
    pub(crate) is_forced: bool,
}

#[derive(Deserialize)]
struct Person {
    name: String,
}

pub(crate) fn hello(body: &[u8]) -> anyhow::Result<Vec<u8>> {
    let Person { name } = serde_json::from_slice(body)?;
    Ok(format!("Hello, {name}!").into_bytes())
}

#[derive(Deserialize)]
struct Work {
    text: String,
    rounds: u32,
}

pub(crate) fn checksum(body: &[u8]) -> anyhow::Result<Vec<u8>> {
    let Work { text, rounds } = serde_json::from_slice(body)?;
    Ok(workload::checksum(&text, rounds).into_bytes())
}

pub(crate) fn echo(body: &[u8]) -> anyhow::Result<Vec<u8>> {
    Ok(body.to_owned())
}

impl Loop {
    /// Answers all requests, and returns how long that took.
    pub(crate) fn answer_all(self, site: &Site, endpoint: &str) -> anyhow::Result<Duration> {
        let owner = Datasite::parse(OWNER)?;
        let tree = Tree::open(&site.datasites(), &owner, &AppName::parse(APP)?)?;
        let endpoint = Endpoint::parse(&format!("/{endpoint}"))?;
        let start = Instant::now();
        let mut scan = TreeScan::default();
        let mut course = EndpointScan::brief(endpoint);
        while !tree.scan_slice(&mut course, &mut scan) {}
        let requests: Vec<Address> = scan.addresses().collect();
        let share = requests.len().div_ceil(self.n_threads).max(1);
        let tree = &tree;
        thread::scope(|scope| {
            let threads: Vec<_> = requests
                .chunks(share)
                .map(|share| scope.spawn(move || self.answer_each(tree, share)))
                .collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().expect("it does not panic"))
        })?;
        Ok(start.elapsed())
    }

    fn answer_each(self, tree: &Tree, requests: &[Address]) -> anyhow::Result<()> {
        let mut requests = requests.iter();
        requests.try_for_each(|address| self.answer(tree, address))
    }

    fn answer(self, tree: &Tree, address: &Address) -> anyhow::Result<()> {
        let OpenedRequest::File(file) = tree.open_request(address)? else {
            bail!("{address} is gone or answered");
        };
        let bytes = file.read()?;
        let version = file.version(&bytes);
        let request = Request::from_json(&bytes, now())?;
        let body = (self.handler)(request.body.as_deref().unwrap_or_default())?;
        let response = Response {
            id: address.id().uuid(),
            sender: OWNER.to_owned(),
            url: request.url,
            body: Some(body),
            headers: Headers::default(),
            created: now(),
            expires: request.expires,
            status: Status::OK,
        };
        let written = tree.answer(address, &version, &response.to_json(), self.is_forced)?;
        ensure!(written == WriteResult::Beside, "{address} is gone");
        Ok(())
    }
}
