//! What a call on a worker has changed, for the owner's host: the files that it wrote, and the steps
//! that put them in place.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use syft_system::{Open, Stat, StatTime, SystemError, positions};

use super::super::guard::Guard;
use super::super::staging::{Ended, FileNumber, StagedFile, Staging, Step};
use super::Mirror;
use crate::wire::{
    FileEffect, FileMoment, FileReply, FileWant, Lost, MOST_FILE_BYTES, SeenStamp, Unanswered,
    WireFileId,
};

impl Guard {
    /// Tells the owner's host what it is still to know, and gives it what the call has written, if
    /// the call has ended well. Returns what the call has changed.
    ///
    /// # Errors
    /// The owner's host cannot be reached any more.
    pub(crate) async fn finish_mirror(
        &self,
        has_ended_well: bool,
    ) -> Result<Vec<FileEffect>, Unanswered> {
        let (Some(mirror), Some(staging)) = (self.mirror(), self.all_staged()) else {
            return Ok(Vec::new());
        };
        let ended = staging.end().filter(|_| has_ended_well);
        let effects = match ended {
            Some(ended) => Giving::new(mirror, staging, &ended).give(&ended).await?,
            None => Vec::new(),
        };
        while mirror.has_notes() {
            mirror.ask_owner(FileWant::Nothing).await?;
        }
        Ok(effects)
    }
}

impl Mirror {
    fn has_notes(&self) -> bool {
        !self.notes.lock().expect(super::UNPOISONED).is_empty()
    }
}

struct Giving<'a> {
    mirror: &'a Mirror,
    began: SystemTime,
    files: HashMap<&'a str, &'a Arc<StagedFile>>,
    n_given: u32,
}

impl<'a> Giving<'a> {
    fn new(mirror: &'a Mirror, staging: &Staging, ended: &'a Ended) -> Self {
        let files = ended.files.iter().map(|file| (file.name(), file));
        Self {
            mirror,
            began: staging.began(),
            files: files.collect(),
            n_given: 0,
        }
    }

    async fn give(mut self, ended: &Ended) -> Result<Vec<FileEffect>, Unanswered> {
        let found = ended.found.iter().map(|(path, stamp)| FileEffect::Found {
            path: path.clone(),
            stamp: stamp.as_ref().map(SeenStamp::from),
        });
        let mut effects: Vec<FileEffect> = found.collect();
        effects.extend(ended.is_stale.then_some(FileEffect::Stale));
        for step in &ended.plan.steps {
            effects.push(self.effect(step).await?);
        }
        Ok(effects)
    }

    async fn effect(&mut self, step: &Step) -> Result<FileEffect, Unanswered> {
        Ok(match step.clone() {
            Step::Move { from, to, file } => FileEffect::Move {
                from,
                to,
                file: file.into(),
            },
            Step::MakeFolder { path, over } => FileEffect::MakeFolder {
                path,
                over: over.map(WireFileId::from),
            },
            Step::Remove { path, file } => FileEffect::Remove {
                path,
                file: file.into(),
            },
            Step::RemoveFolder { path } => FileEffect::RemoveFolder { path },
            Step::Put { path, file } => self.put(path, &file).await?,
            Step::SetTimes { path, times } => FileEffect::SetTimes {
                path,
                times: (times.access, times.modification),
            },
        })
    }

    async fn put(&mut self, path: String, name: &str) -> Result<FileEffect, Unanswered> {
        let missing = || Lost("a file that the call wrote is gone from this worker".to_owned());
        let staged = self.files.get(name).ok_or_else(missing)?;
        let file = staged.open(Open::READ).map_err(|_| missing())?;
        let stat = Stat::of(&file).map_err(|_| missing())?;
        let bytes = stat.bytes;
        let times = (self.moment(stat.accessed), self.moment(stat.modified));
        let of = staged.of().map(str::to_owned);
        let blob = self.n_given;
        self.n_given += 1;
        self.give_bytes(blob, &file, bytes).await?;
        Ok(FileEffect::Put {
            path,
            blob,
            bytes,
            of,
            times,
        })
    }

    /// Gives the content of a file. Where nothing but zeros are, nothing is given.
    async fn give_bytes(&self, blob: u32, file: &File, bytes: u64) -> Result<(), Unanswered> {
        let mut offset = 0;
        while offset < bytes {
            let part = read_part(file, offset, bytes - offset);
            let part = part.map_err(|error| Lost(format!("this worker cannot read: {error}")))?;
            if part.is_empty() {
                return Ok(());
            }
            let n_bytes = part.len() as u64;
            if part.iter().any(|byte| *byte != 0) {
                let bytes = part;
                let want = FileWant::Write {
                    blob,
                    offset,
                    bytes,
                };
                match self.mirror.ask_owner(want).await? {
                    FileReply::Done => {}
                    FileReply::Fault(fault) => {
                        let why = SystemError::from(fault);
                        return Err(
                            Lost(format!("it cannot keep what the call wrote: {why}")).into()
                        );
                    }
                    _ => return Err(self.mirror.link.mistold()),
                }
            }
            offset += n_bytes;
        }
        Ok(())
    }

    /// Returns a time of a file as the owner's host understands it: what was written while the call
    /// ran was written by this clock.
    fn moment(&self, time: StatTime) -> FileMoment {
        let StatTime { seconds, nanos } = time;
        let at = time.system_time().filter(|_| seconds >= 0);
        let ago = at.filter(|at| *at >= self.began);
        let ago = ago.and_then(|at| SystemTime::now().duration_since(at).ok());
        match ago.and_then(|ago| u64::try_from(ago.as_nanos()).ok()) {
            Some(ago) => FileMoment::Ago(ago),
            None => FileMoment::At(seconds, nanos),
        }
    }
}

fn read_part(file: &File, offset: u64, left: u64) -> io::Result<Vec<u8>> {
    let most = usize::try_from(left).map_or(MOST_FILE_BYTES, |left| left.min(MOST_FILE_BYTES));
    let mut part = vec![0; most];
    let mut n_read = 0;
    while n_read < most {
        match positions::read_at(file, &mut part[n_read..], offset + n_read as u64)? {
            0 => break,
            n => n_read += n,
        }
    }
    part.truncate(n_read);
    Ok(part)
}

impl From<FileNumber> for WireFileId {
    fn from(number: FileNumber) -> Self {
        Self {
            inode: number.inode,
            born: number.born,
        }
    }
}

impl From<WireFileId> for FileNumber {
    fn from(id: WireFileId) -> Self {
        Self {
            inode: id.inode,
            born: id.born,
        }
    }
}
