//! Judging what a worker says that a call has changed: each step as if a guest did it here, by the
//! same rights, limits and notes. If one is refused, nothing of the call is done.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use syft_protocol::file_events::FileStamp;
use syft_system::{SetTime, SetTimes, Stat, StatTime, SystemError, rights};

use super::super::access::{Granted, Refusal, ToWrite};
use super::super::bindings::ErrorCode;
use super::super::datasites_dir::{Known, known};
use super::super::guest_path::GuestPath;
use super::super::open::NAME_BYTES;
use super::super::staging::{Ended, FileNumber, KEEP, NOW, Plan, Step, Times};
use super::blobs::Blob;
use super::{OwnerFiles, Refused, UNPOISONED};
use crate::state::Effects;
use crate::wire::{FileEffect, FileMoment};

/// What a step costs of memory besides its paths.
const STEP_COST_BYTES: usize = 512;

/// The seconds since 1970 that a file can have.
const SECONDS: std::ops::Range<i64> = -(1 << 40)..1 << 40;

impl OwnerFiles {
    /// Judges what a call has changed. Returns what is to be done once the call is kept, if that is
    /// anything.
    ///
    /// # Errors
    /// A step is refused, which is logged: the worker broke the rules. Nothing is done.
    pub(crate) fn apply(
        &self,
        effects: Vec<FileEffect>,
    ) -> Result<Option<Box<dyn Effects>>, String> {
        let blobs = self.blobs().take();
        if let Some(why) = self.breach() {
            return Err(format!("of files: {why}"));
        }
        if effects.is_empty() {
            return Ok(None);
        }
        let mut judging = Judging {
            files: self,
            blobs,
            copied_bytes: 0,
            ended: Ended {
                plan: Plan { steps: Vec::new() },
                files: Vec::new(),
                found: Vec::new(),
                is_stale: false,
            },
        };
        for (n, effect) in effects.into_iter().enumerate() {
            let judged = judging.judge(effect);
            judged.map_err(|why| format!("what it says of files is refused at step {n}: {why}"))?;
        }
        let guard = self.guard();
        let staging = guard.all_staged();
        let writes = staging.and_then(|staging| staging.writes(judging.ended, guard));
        let writes = writes.ok_or("the app has no files that others can change for it")?;
        Ok(Some(Box::new(writes)))
    }
}

/// The steps that were judged so far.
struct Judging<'a> {
    files: &'a OwnerFiles,
    blobs: HashMap<u32, Blob>,
    copied_bytes: u64,
    ended: Ended,
}

type Judged<T> = Result<T, String>;

impl Judging<'_> {
    fn judge(&mut self, effect: FileEffect) -> Judged<()> {
        let step = match effect {
            FileEffect::Found { path, stamp } => {
                self.charge(&path)?;
                let path = name(&path)?.text();
                let stamp = stamp.as_ref().map(FileStamp::from);
                self.ended.found.push((path, stamp));
                return Ok(());
            }
            FileEffect::Stale => {
                self.ended.is_stale = true;
                return Ok(());
            }
            FileEffect::Move { from, to, file } => self.moved(from, to, file.into())?,
            FileEffect::MakeFolder { path, over } => self.made(path, over.map(FileNumber::from))?,
            FileEffect::Remove { path, file } => {
                self.changes(&path)?;
                let file = file.into();
                Step::Remove { path, file }
            }
            FileEffect::RemoveFolder { path } => {
                self.changes_folder(&path)?;
                Step::RemoveFolder { path }
            }
            FileEffect::Put {
                path,
                blob,
                bytes,
                of,
                times,
            } => {
                let blob = self.put(&path, blob, bytes, of.as_deref())?;
                blob.set_len(bytes).map_err(in_words)?;
                let set = moments(times)?.set_on(&blob.file);
                set.map_err(|error| format!("times of {path}: {error}"))?;
                let file = blob.staged.name().to_owned();
                self.ended.files.push(blob.staged);
                Step::Put { path, file }
            }
            FileEffect::SetTimes { path, times } => self.times_set(path, times)?,
        };
        self.ended.plan.steps.push(step);
        Ok(())
    }

    /// Counts what is held of a step.
    fn charge(&self, path: &str) -> Judged<()> {
        let mut charge = self.files.0.charge.lock().expect(UNPOISONED);
        let grown = charge.grow(path.len() + STEP_COST_BYTES);
        grown.map_err(|error| error.to_string())
    }

    /// Makes sure that a path may be changed, and takes note that it is.
    fn changes(&self, text: &str) -> Judged<()> {
        self.written(text, |_| Ok(()))
    }

    /// As [`Judging::changes`], for a folder, of which that is not noted.
    fn changes_folder(&self, text: &str) -> Judged<()> {
        self.charge(text)?;
        let access = self.files.guard().access(name(text)?);
        let granted = access.write();
        granted.map_err(|refusal| self.refused(&refusal)).map(drop)
    }

    fn written<T>(
        &self,
        text: &str,
        then: impl FnOnce(&Granted<'_, ToWrite>) -> Judged<T>,
    ) -> Judged<T> {
        self.charge(text)?;
        let guard = self.files.guard();
        let access = guard.access(name(text)?);
        let granted = access.write().map_err(|refusal| self.refused(&refusal))?;
        let noted = guard.changing_name(&granted, || ());
        noted.map_err(|code| limit(text, code))?;
        then(&granted)
    }

    fn refused(&self, refusal: &Refusal<'_>) -> String {
        self.files.guard().log_refusal(refusal);
        let path = refusal.path.text();
        format!("it may not {} {path}", refusal.want.as_str())
    }

    fn spend(&self, text: &str, bytes: u64) -> Judged<()> {
        let spent = self.files.guard().spend(&name(text)?, bytes);
        spent.map_err(|code| limit(text, code))
    }

    /// What is moved is a file that the call could find there, or has changed since.
    fn moved(&self, from: String, to: String, file: FileNumber) -> Judged<Step> {
        let bytes = self.written(&from, |granted| match granted.look() {
            Ok(stat) if known(&stat) == Ok(Known::File) => Ok(stat.bytes),
            Ok(_) => Err(format!("{from} is no file")),
            Err(SystemError::NotFound | SystemError::NotAFolder) => Ok(0),
            Err(error) => Err(format!("{from}: {error}")),
        })?;
        self.changes(&to)?;
        let guard = self.files.guard();
        let spent = guard.spend_moved(&name(&from)?, &name(&to)?, bytes);
        spent.map_err(|code| limit(&to, code))?;
        Ok(Step::Move { from, to, file })
    }

    fn made(&self, path: String, over: Option<FileNumber>) -> Judged<Step> {
        if over.is_some() {
            self.changes(&path)?;
        }
        self.charge(&path)?;
        let access = self.files.guard().access(name(&path)?);
        let granted = access.make_folder();
        granted.map_err(|refusal| self.refused(&refusal))?;
        self.spend(&path, NAME_BYTES)?;
        Ok(Step::MakeFolder { path, over })
    }

    /// Takes a file that was given. They are put in their places in the order of their numbers, so
    /// none is put twice.
    fn put(&mut self, path: &str, blob: u32, bytes: u64, of: Option<&str>) -> Judged<Blob> {
        if u64::from(blob) != self.ended.files.len() as u64 {
            return Err(format!("the file {blob} is not the next one"));
        }
        let original = match of {
            Some(of) => self.original(of)?,
            None => None,
        };
        let copied = original.map_or(0, |original| original.bytes.min(bytes));
        self.copied_bytes = self.copied_bytes.saturating_add(copied);
        let most_copied = self.files.guard().limits().written_bytes.saturating_mul(2);
        if self.copied_bytes > most_copied {
            return Err(format!("{path} is more than a call may change in place"));
        }
        self.changes(path)?;
        self.spend(path, NAME_BYTES.saturating_add(bytes - copied))?;
        let given = match self.blobs.remove(&blob) {
            Some(given) => given,
            // Nothing but zeros was written to it.
            None => {
                let (_, staging) = self.files.tree().map_err(in_words)?;
                Blob::new(staging).map_err(|error| format!("{path}: {error}"))?
            }
        };
        if let Some(original) = original {
            let set = rights::copy(&original, &given.file);
            set.map_err(|error| format!("{path}: {error}"))?;
        }
        Ok(given)
    }

    /// Looks at a file that another one was made of, if it is still there.
    fn original(&self, of: &str) -> Judged<Option<Stat>> {
        let access = self.files.guard().access(name(of)?);
        let granted = access.write().map_err(|refusal| self.refused(&refusal))?;
        let found = granted.look().ok();
        Ok(found.filter(|stat| known(stat) == Ok(Known::File)))
    }

    fn times_set(&self, path: String, times: ((i64, i64), (i64, i64))) -> Judged<Step> {
        self.charge(&path)?;
        let (access, modification) = times;
        let is_time = |(seconds, nanos): (i64, i64)| {
            let is_set = (0..1_000_000_000).contains(&nanos) && SECONDS.contains(&seconds);
            is_set || [NOW, KEEP].contains(&nanos)
        };
        if !is_time(access) || !is_time(modification) {
            return Err(format!("{path} gets no time that there is"));
        }
        let guard = self.files.guard();
        let decided = guard.access(name(&path)?);
        let granted = decided.make_folder();
        granted.map_err(|refusal| self.refused(&refusal))?;
        let times = Times {
            access,
            modification,
        };
        Ok(Step::SetTimes { path, times })
    }
}

/// Returns a path that something can be changed at.
fn name(text: &str) -> Judged<GuestPath> {
    let path = GuestPath::of_worker(text).filter(|path| !path.is_empty());
    path.ok_or_else(|| format!("{text:?} is no path"))
}

fn limit(path: &str, code: ErrorCode) -> String {
    format!("{path} is beyond the limits of the call ({code:?})")
}

fn in_words(refused: Refused) -> String {
    match refused {
        Refused::Breach(why) => why.to_owned(),
        Refused::Fault(error) => error.to_string(),
    }
}

fn moments((accessed, modified): (FileMoment, FileMoment)) -> Judged<SetTimes> {
    Ok(SetTimes {
        accessed: SetTime::At(moment(accessed)?),
        modified: SetTime::At(moment(modified)?),
    })
}

/// Returns a time by the clock of this host.
fn moment(moment: FileMoment) -> Judged<StatTime> {
    match moment {
        FileMoment::At(seconds, nanos) if nanos < 1_000_000_000 && SECONDS.contains(&seconds) => {
            Ok(StatTime { seconds, nanos })
        }
        FileMoment::At(..) => Err("a file gets no time that there is".to_owned()),
        FileMoment::Ago(nanos) => {
            let then = SystemTime::now().checked_sub(Duration::from_nanos(nanos));
            let then = then.map(StatTime::from).filter(|then| then.seconds >= 0);
            then.ok_or_else(|| "a file is older than all".to_owned())
        }
    }
}
