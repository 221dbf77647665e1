//! By a named pipe.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::windows::named_pipe::{NamedPipeServer, ServerOptions};
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;
use windows_sys::Win32::Foundation::ERROR_PIPE_BUSY;

use super::PATIENCE;

/// The most bytes of the file that has the name of the pipe.
const NAME_BYTES: u64 = 200;

/// How often it is tried again while others ask.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(super) struct Socket {
    runtime: Runtime,
    pipe: String,
    /// Who asks next finds it there.
    next: Mutex<Option<NamedPipeServer>>,
}

impl Socket {
    pub(super) fn open(folder: &Path, name: &str) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let pipe = format!(r"\\.\pipe\syft-host-{}", Uuid::new_v4().simple());
        let first = runtime.block_on(async {
            let mut options = ServerOptions::new();
            options.first_pipe_instance(true).access_inbound(false);
            options.create(&pipe)
        })?;
        crate::private::write(&folder.join(name), pipe.as_bytes())?;
        Ok(Self {
            runtime,
            pipe,
            next: Mutex::new(Some(first)),
        })
    }

    pub(super) fn answer(&self, answer: impl FnOnce() -> io::Result<Vec<u8>>) -> io::Result<()> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        self.runtime.block_on(async {
            let mut pipe = match next.take() {
                Some(pipe) => pipe,
                None => self.another()?,
            };
            pipe.connect().await?;
            *next = Some(self.another()?);
            let answer = answer()?;
            tokio::time::timeout(PATIENCE, pipe.write_all(&answer)).await?
        })
    }

    fn another(&self) -> io::Result<NamedPipeServer> {
        ServerOptions::new()
            .access_inbound(false)
            .create(&self.pipe)
    }
}

pub(super) fn ask(folder: &Path, name: &str, most_bytes: u64) -> io::Result<Vec<u8>> {
    let pipe = crate::private::read(&folder.join(name), NAME_BYTES)?;
    let pipe = pipe.ok_or(ErrorKind::NotFound)?;
    let pipe = String::from_utf8(pipe).map_err(io::Error::other)?;
    let mut answer = Vec::new();
    open(&pipe)?.take(most_bytes).read_to_end(&mut answer)?;
    Ok(answer)
}

fn open(pipe: &str) -> io::Result<File> {
    let latest = Instant::now() + PATIENCE;
    loop {
        match File::open(pipe) {
            Err(error)
                if error.raw_os_error() == Some(ERROR_PIPE_BUSY.cast_signed())
                    && Instant::now() < latest =>
            {
                thread::sleep(BETWEEN_ATTEMPTS);
            }
            opened => return opened,
        }
    }
}
