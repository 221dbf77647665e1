//! Watching folders by kqueue, on macOS: it says that something in a folder changed, and not what.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use kqueue::{EventFilter, FilterFlag, Ident};

use super::table;
use crate::folder::portable::Dir;
use crate::positions;

/// Watches folders by their handles, in a thread.
pub(super) struct Watcher {
    wishes: Sender<Wish>,
    /// The thread waits for this file, too: it is written to once there are wishes.
    bell: File,
}

/// What the thread is to do.
enum Wish {
    Watch(PathBuf, File, SyncSender<io::Result<()>>),
    Unwatch(PathBuf),
}

impl Watcher {
    /// Begins to watch none.
    pub(super) fn new() -> io::Result<Self> {
        let (bell, mut queue) = (tempfile::tempfile()?, kqueue::Watcher::new()?);
        let heard = bell.try_clone()?;
        queue.add_file(&heard, EventFilter::EVFILT_VNODE, FilterFlag::NOTE_WRITE)?;
        queue.watch()?;
        let (wishes, asked) = channel();
        let reading = Reading {
            queue,
            _bell: heard,
            asked,
            folders: HashMap::new(),
        };
        let thread = thread::Builder::new().name("kqueue".to_owned());
        thread.spawn(move || reading.run())?;
        Ok(Self { wishes, bell })
    }

    /// Watches a folder.
    pub(super) fn watch(&mut self, folder: &Dir, place: &Path) -> io::Result<()> {
        let (done, is_done) = sync_channel(1);
        let folder = File::try_from(folder)?;
        self.ask(Wish::Watch(place.to_owned(), folder, done))?;
        is_done.recv().map_err(io::Error::other)?
    }

    /// Watches a folder no more.
    pub(super) fn unwatch(&mut self, place: &Path) -> io::Result<()> {
        self.ask(Wish::Unwatch(place.to_owned()))
    }

    fn ask(&self, wish: Wish) -> io::Result<()> {
        self.wishes.send(wish).map_err(io::Error::other)?;
        positions::write_all_at(&self.bell, b"!", 0)
    }
}

struct Reading {
    queue: kqueue::Watcher,
    /// What is closed is watched no more.
    _bell: File,
    asked: Receiver<Wish>,
    folders: HashMap<RawFd, (PathBuf, File)>,
}

impl Reading {
    fn run(mut self) {
        while let Some(event) = self.queue.poll_forever(None) {
            let place = match event.ident {
                Ident::Fd(fd) => self.folders.get(&fd),
                _ => None,
            };
            match place {
                Some((place, _)) => table().changed(place),
                None => self.obey(),
            }
        }
        tracing::error!("no longer watching, only scanning");
        table().lost();
    }

    fn obey(&mut self) {
        let mut new = Vec::new();
        while let Ok(wish) = self.asked.try_recv() {
            match wish {
                Wish::Watch(place, folder, done) => {
                    new.push(done);
                    self.add(place, folder);
                }
                Wish::Unwatch(place) => self.remove(&place),
            }
        }
        if new.is_empty() {
            return;
        }
        let watched = self.queue.watch();
        for done in new {
            let watched = watched.as_ref().map(|&()| ());
            let told = done.send(watched.map_err(|error| error.kind().into()));
            debug_assert!(told.is_ok(), "who asks waits for it");
        }
    }

    fn add(&mut self, place: PathBuf, folder: File) {
        let what = FilterFlag::NOTE_WRITE | FilterFlag::NOTE_EXTEND | FilterFlag::NOTE_LINK;
        let added = self
            .queue
            .add_file(&folder, EventFilter::EVFILT_VNODE, what);
        if let Err(error) = added {
            tracing::debug!("a folder is not watched: {error}");
        }
        self.folders.insert(folder.as_raw_fd(), (place, folder));
    }

    fn remove(&mut self, place: &Path) {
        let found = self
            .folders
            .extract_if(|_, (other, _)| other.as_path() == place);
        for (_, (_, folder)) in found.collect::<Vec<_>>() {
            let removed = self.queue.remove_file(&folder, EventFilter::EVFILT_VNODE);
            if let Err(error) = removed {
                tracing::debug!("a watch is gone already: {error}");
            }
        }
    }
}
