//! The ceiling: the same files through the same code as in `syft-host`, with a
//! Rust closure in the place of the sandboxed guest.
//!
//! It finds the requests with `Tree::scan_endpoint`, then opens, reads and parses
//! each, runs the closure, encodes the answer and puts it beside the request with
//! `Tree::answer`. What it lacks of a server: the inbox, the tasks, the watcher,
//! the log, and the sandbox. Threads get equal shares in advance.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use serde::Deserialize;
use syft_host::tree::{Opened, Scan, Tree, Written};
use syft_protocol::address::{Address, AppName, Datasite, Endpoint};
use syft_protocol::message::{Headers, Request, Response};
use syft_protocol::status::Status;

use crate::site::{APP, OWNER, Site, now};

#[derive(Deserialize)]
struct Arguments {
    name: String,
}

fn hello(body: &[u8]) -> anyhow::Result<Vec<u8>> {
    let Arguments { name } = serde_json::from_slice(body)?;
    Ok(format!("Hello, {name}!").into_bytes())
}

/// Answers all requests, and returns how long that took.
pub(crate) fn answer_all(site: &Site, n_threads: usize) -> anyhow::Result<Duration> {
    let tree = open(&site.data_dir().join("datasites"))?;
    let endpoint = Endpoint::parse("/hello")?;
    let start = Instant::now();
    let mut scan = Scan::default();
    tree.scan_endpoint(&endpoint, &mut scan);
    let requests: Vec<Address> = scan.addresses().collect();
    let share = requests.len().div_ceil(n_threads).max(1);
    let tree = &tree;
    thread::scope(|scope| {
        let threads: Vec<_> = requests
            .chunks(share)
            .map(|share| {
                scope.spawn(move || share.iter().try_for_each(|address| answer(tree, address)))
            })
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().expect("it does not panic"))
    })?;
    Ok(start.elapsed())
}

fn open(datasites: &Path) -> anyhow::Result<Tree> {
    Tree::open(datasites, &Datasite::parse(OWNER)?, &AppName::parse(APP)?)
}

fn answer(tree: &Tree, address: &Address) -> anyhow::Result<()> {
    let Opened::File(file) = tree.open_request(address)? else {
        bail!("{address} is gone or answered");
    };
    let stamp = file.stamp();
    let request = Request::from_json(&file.read()?, now())?;
    let body = hello(request.body.as_deref().unwrap_or_default())?;
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
    let written = tree.answer(address, stamp, &response.to_json(), false)?;
    ensure!(written == Written::Beside, "{address} is gone");
    Ok(())
}
