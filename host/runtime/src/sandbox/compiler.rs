//! Compiles components, in a process of its own: what strangers wrote may take hours, take all
//! memory or crash the compiler, and a host that serves apps survives all of that.

mod bounds;
mod budget;
mod failure;
mod job;
mod queue;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use super::Compiling;
use crate::child::{Child, ChildFolder, ChildLimits, End, Ended};
use crate::scratch::Scratch;

pub use budget::CompileLimits;
pub(super) use failure::{CompileFailure, Kind};
pub use job::compile as compile_job;
pub use queue::{Turn, turn};

/// Files that a compiler has open at most.
const OPEN_FILES: u64 = 64;

/// The most threads of one compiler, each of which takes memory of its own.
const MOST_THREADS: usize = 4;

/// The most bytes of what a compiler says.
const SAID_BYTES: usize = 64 << 10;

/// Code that was compiled and not yet kept.
pub(super) struct Code {
    path: PathBuf,
    _scratch: Scratch,
}

impl Code {
    /// Puts the code in its place, where it stays even if the power fails.
    pub(super) fn keep(self, path: &Path) -> io::Result<()> {
        // After a power failure a half file would be run as it is.
        File::open(&self.path)?.sync_all()?;
        fs::rename(&self.path, path)
    }
}

// Why: docs/decisions/50-compiling-in-its-own-process.md
/// Compiles a component, for as long as its limits allow. It works in `place`, which has to be
/// private and on the disk where the code is to be kept.
///
/// # Errors
/// The component cannot be compiled, or the compiler cannot be started.
pub(super) fn compile(
    component: &[u8],
    limits: &CompileLimits,
    compiling: Compiling,
    place: &Path,
) -> Result<Code, CompileFailure> {
    let budget = limits.budget(component.len() as u64);
    let scratch = Scratch::new(place).map_err(CompileFailure::host)?;
    let folder = scratch.path().to_owned();
    fs::write(folder.join(job::COMPONENT), component).map_err(CompileFailure::host)?;
    let n_threads = thread::available_parallelism().map_or(1, |n| n.get().min(MOST_THREADS));
    let mut child = Child::job(job::NAME, ChildFolder::Given(&folder))
        .env("RAYON_NUM_THREADS", n_threads.to_string())
        .stdout_bytes(SAID_BYTES)
        .limits(ChildLimits {
            memory_bytes: Some(budget.memory_bytes),
            cpu_time: Some(budget.cpu_time),
            file_bytes: Some(budget.code_bytes),
            open_files: Some(OPEN_FILES),
            low_priority: compiling == Compiling::BesideOthers,
            ..ChildLimits::default()
        });
    if compiling == Compiling::Alone {
        child = child.arg(job::ALONE);
    }
    let ended = child.run(budget.deadline).map_err(CompileFailure::host)?;
    if let Some(failure) = failure(&ended, &budget) {
        return Err(failure);
    }
    let path = folder.join(job::CODE);
    match fs::symlink_metadata(&path) {
        Ok(found) if found.is_file() && found.len() <= budget.code_bytes => Ok(Code {
            path,
            _scratch: scratch,
        }),
        Ok(_) => Err(CompileFailure::host(
            "the compiler has written something else",
        )),
        Err(error) => Err(CompileFailure::host(error)),
    }
}

/// Returns why there is no code; `None` if there is.
fn failure(ended: &Ended, budget: &budget::Budget) -> Option<CompileFailure> {
    let said = || String::from_utf8_lossy(&ended.stdout).into_owned();
    let code = |code: u8| End::Exited(code.into());
    let is_out_of_memory = || {
        let said = [&ended.stderr[..], &ended.stdout].concat();
        let said = String::from_utf8_lossy(&said);
        said.contains("memory allocation of") || said.contains("Cannot allocate memory")
    };
    let memory = || {
        CompileFailure::costly(
            &format!("more than {} MiB of memory", budget.memory_bytes >> 20),
            budget,
        )
    };
    let time = |time: std::time::Duration, kind| {
        CompileFailure::costly(&format!("more than {} s{kind}", time.as_secs()), budget)
    };
    Some(match &ended.end {
        End::Exited(0) => return None,
        _ if is_out_of_memory() => memory(),
        end if *end == code(job::REFUSED) => CompileFailure::refused(&said()),
        end if *end == code(job::INVALID) => CompileFailure::invalid(&said()),
        end if *end == code(job::FAILED) => CompileFailure::host(said()),
        End::CpuTime => time(budget.cpu_time, " of the processor"),
        End::TooLate(deadline) => time(*deadline, ""),
        End::FileSize | End::TooMuchOutput(_) => CompileFailure::costly(
            &format!("more than {} MiB of code", budget.code_bytes >> 20),
            budget,
        ),
        // Somebody ended it, or the system did that ran out of memory: perhaps another one's.
        End::Signalled(9) => CompileFailure::host("the compiler was killed"),
        _ => CompileFailure::crashed(&ended.why(3), budget),
    })
}
