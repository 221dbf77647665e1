//! An app for WASI 0.3 that has the host hold and do things that it must not: one endpoint each.

use std::future::{Future, pending};
use std::pin::pin;
use std::task::{Context, Waker};

use exports::syft::app0_2_0::rpc::{Endpoint, Error, Failure, Guest, Request, Response};
use syft::app0_1_0::log::{Level, write};
use wasi::cli::{stdin, stdout};
use wasi::clocks::monotonic_clock::wait_for;
use wasi::keyvalue::atomics::increment;
use wasi::keyvalue::store::open;
use wit_bindgen::{spawn_local, yield_async};

wit_bindgen::generate!({
    path: ["../../../wit/async", "wit"],
    inline: "
        package test:concurrent;

        world hostile {
            include syft:app/app@0.2.0;
            import wasi:cli/stdin@0.3.0;
            import wasi:cli/stdout@0.3.0;
        }
    ",
    world: "test:concurrent/hostile",
    generate_all,
});

const HOUR: u64 = 3_600_000_000_000;

const ENDPOINTS: [&str; 14] = [
    "/ok",
    "/counts",
    "/loop",
    "/yields",
    "/waits",
    "/waits-for-nothing",
    "/starts-tasks",
    "/opens-streams",
    "/opens-and-closes",
    "/hands-streams-on",
    "/prints",
    "/answers-then-waits",
    "/answers-then-loops",
    "/allocates-later",
];

struct Hostile;

impl Guest for Hostile {
    fn endpoints() -> Vec<Endpoint> {
        let endpoint = |path: &str| Endpoint {
            path: path.to_owned(),
            description: None,
            parameters: Vec::new(),
            returns_json: r#""str""#.to_owned(),
            returns_schema_json: None,
        };
        ENDPOINTS.map(endpoint).into()
    }

    async fn handle(request: Request) -> Result<Response, Error> {
        match request.endpoint.as_str() {
            "/ok" => {}
            "/counts" => return Ok(answered(count().await)),
            "/loop" => spin(),
            "/yields" => loop {
                yield_async().await;
            },
            "/waits" => wait_for(HOUR).await,
            "/waits-for-nothing" => pending().await,
            "/starts-tasks" => start_tasks().await,
            "/opens-streams" => open_streams(),
            "/opens-and-closes" => open_and_close().await,
            "/hands-streams-on" => hand_streams_on(),
            "/prints" => print().await,
            "/answers-then-waits" => {
                spawn_local(async {
                    wait_for(1_000_000).await;
                    write(Level::Error, "after the answer");
                });
            }
            "/answers-then-loops" => {
                spawn_local(async { spin() });
            }
            "/allocates-later" => allocate().await,
            other => return Err(failed(other)),
        }
        Ok(answered("ok".to_owned()))
    }
}

fn answered(text: String) -> Response {
    Response {
        status: 200,
        headers: Vec::new(),
        body: Some(text.into_bytes()),
    }
}

/// Counts in the state, between two waits.
async fn count() -> String {
    wait_for(1).await;
    let state = open("default").expect("there is a state");
    let n = increment(&state, "n", 1).expect("it counts");
    wait_for(1).await;
    n.to_string()
}

fn failed(what: &str) -> Error {
    Error::Failed(Failure {
        kind: "NoSuchEndpoint".to_owned(),
        message: what.to_owned(),
        handler: "handle".to_owned(),
    })
}

fn spin() {
    loop {
        std::hint::black_box(0);
    }
}

/// Starts what never ends, as often as it can.
async fn start_tasks() {
    let mut started = Vec::new();
    loop {
        let mut task = Box::pin(wait_for(HOUR));
        poll(task.as_mut());
        started.push(task);
        if started.len() % 100 == 0 {
            yield_async().await;
        }
    }
}

/// Opens streams, and keeps all that belongs to them.
fn open_streams() {
    let mut open = Vec::new();
    loop {
        let (writer, reader) = wit_stream::new();
        open.push((writer, stdout::write_via_stream(reader)));
    }
}

/// Opens streams, and keeps nothing of them.
async fn open_and_close() {
    for n in 0..200_000 {
        let (mut writer, reader) = wit_stream::new();
        let closed = stdout::write_via_stream(reader);
        if n % 100 == 0 {
            writer.write_all(b"a line\n".to_vec()).await;
        }
        drop(writer);
        drop(closed);
    }
}

/// Has the host carry streams of its own from one place to the other.
fn hand_streams_on() {
    loop {
        let (reader, _) = stdin::read_via_stream();
        drop(stdout::write_via_stream(reader));
    }
}

async fn print() {
    let (mut writer, reader) = wit_stream::new();
    let _closed = stdout::write_via_stream(reader);
    let lines = vec![b'\n'; 1 << 16];
    loop {
        writer.write_all(lines.clone()).await;
    }
}

/// Takes memory while other tasks wait.
async fn allocate() {
    spawn_local(async { wait_for(HOUR).await });
    let mut taken = Vec::new();
    loop {
        taken.push(vec![1_u8; 1 << 20]);
        yield_async().await;
    }
}

fn poll(future: std::pin::Pin<&mut impl Future<Output = ()>>) {
    let mut context = Context::from_waker(Waker::noop());
    let future = pin!(future);
    let _ = future.poll(&mut context);
}

export!(Hostile);
