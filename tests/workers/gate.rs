//! A server of HTTP that answers once it is told to.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use crate::support::wait_for;

pub(super) struct Gate {
    port: u16,
    shared: Arc<(Mutex<Held>, Condvar)>,
}

#[derive(Default)]
struct Held {
    /// For what each request asks that has arrived.
    arrived: Vec<String>,
    is_open: bool,
}

impl Gate {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::<(Mutex<Held>, Condvar)>::default();
        let held = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let held = Arc::clone(&held);
                thread::spawn(move || hold(&held, stream));
            }
        });
        Self { port, shared }
    }

    pub(super) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(super) fn n_arrived(&self) -> usize {
        self.arrived().len()
    }

    /// Returns for what each request asks that has arrived, in their order.
    pub(super) fn arrived(&self) -> Vec<String> {
        self.shared.0.lock().unwrap().arrived.clone()
    }

    /// Waits until so many requests have arrived.
    pub(super) fn wait_for(&self, n: usize) {
        wait_for("a request", || (self.n_arrived() >= n).then_some(()));
    }

    /// Answers all.
    pub(super) fn open(&self) {
        self.shared.0.lock().unwrap().is_open = true;
        self.shared.1.notify_all();
    }
}

fn hold((held, opened): &(Mutex<Held>, Condvar), mut stream: TcpStream) {
    // A head of a request, in one piece.
    let mut head = [0; 4 << 10];
    let n_read = stream.read(&mut head).unwrap_or(0);
    let head = String::from_utf8_lossy(&head[..n_read]);
    let Some(path) = head.split(' ').nth(1) else {
        return;
    };
    let mut held = held.lock().unwrap();
    held.arrived.push(path.to_owned());
    while !held.is_open {
        held = opened.wait(held).unwrap();
    }
    drop(held);
    // Who has gone needs no answer.
    drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"));
}
