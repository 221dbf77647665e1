//! The engine that all calls of an app share, and the clock that interrupts them.
//!
//! Why: docs/decisions/17-memory-is-reset-by-written-pages.md,
//! docs/decisions/18-when-wasmtime-is-upgraded.md,
//! docs/decisions/67-shipped-programs-have-a-patched-wasmtime.md,
//! docs/decisions/69-apps-for-wasi-0-3-run-beside-others.md

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use syft_manifest::{Limits, TASK_STACKS};
use wasmtime::{
    Config, Enabled, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig,
};

use super::wasi::Wasi;

/// How often a running guest gives way to others, and how exact its deadline is
/// while it computes.
const TICK: Duration = Duration::from_millis(10);

/// Memory of an instance that stays mapped between calls. Resetting so much by
/// copying is cheaper than giving it back to the kernel and faulting it in
/// again, most of all when several threads do it. A Python guest touches some
/// megabytes in each call.
const KEEP_RESIDENT_BYTES: usize = 8 << 20;

/// The same where all of it is copied, and not only what a call has written.
const KEEP_ALL_BYTES: usize = 1 << 20;

/// Places in the pool that keep it while nobody uses them. After a flood the memory
/// of all others goes back to the kernel.
const WARM_PLACES: usize = 16;

/// Whether wasmtime finds written pages that were swapped out, as the patched one does.
#[cfg(not(feature = "patched-wasmtime"))]
const FINDS_SWAPPED_PAGES: bool = false;
#[cfg(feature = "patched-wasmtime")]
const FINDS_SWAPPED_PAGES: bool = {
    let () = wasmtime::PATCHED_FOR_SYFT_HOST;
    true
};

/// How what a call has written is found, to be cleared for the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clearing {
    /// By asking the kernel which pages were written.
    WhatIsWritten,
    /// By asking which pages were written, of those that are in memory: one that was swapped
    /// out is not found.
    WhatIsPresent,
    /// Not at all: everything is cleared.
    All,
}

impl Clearing {
    /// Returns the fastest that is right on this machine.
    pub(super) fn of_this_machine() -> Self {
        if FINDS_SWAPPED_PAGES {
            Self::WhatIsWritten
        } else if syft_system::machine::may_swap() {
            Self::All
        } else {
            Self::WhatIsPresent
        }
    }
}

/// An engine that runs components.
pub(super) struct Running {
    pub(super) engine: Engine,
    /// Whether its instances come from a pool.
    pub(super) is_pooled: bool,
}

/// Returns an engine whose instances come from a pool made ready in advance.
/// Where the address space for that is not to be had, as in a tight container,
/// it makes each instance on demand, which costs time and nothing else. Only tasks of
/// WASI 0.3 cannot do without, since nothing else bounds their stacks.
///
/// It has no compiler: what it runs was compiled by another process.
pub(super) fn new(limits: &Limits, clearing: Clearing, wasi: Wasi) -> anyhow::Result<Running> {
    let mut config = config(wasi);
    let pool = pool(limits, clearing, wasi);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    let (engine, is_pooled) = match Engine::new(&config) {
        Ok(engine) => (engine, true),
        Err(error) if wasi == Wasi::V0_3 => {
            return Err(anyhow::Error::from(error).context(
                "an app for WASI 0.3 needs a pool of instances, and there is no address space for one",
            ));
        }
        Err(error) => {
            tracing::warn!("no instance pool, calls will be slower: {error:#}");
            config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
            (Engine::new(&config)?, false)
        }
    };
    tick(&engine)?;
    Ok(Running { engine, is_pooled })
}

/// Returns an engine without a pool, which takes whatever code is whole.
pub(super) fn without_pool(wasi: Wasi) -> wasmtime::Result<Engine> {
    Engine::new(&config(wasi))
}

/// Returns an engine that compiles, and nothing else: for the process that is there for it.
pub(super) fn compiling(is_parallel: bool, wasi: Wasi) -> wasmtime::Result<Engine> {
    let mut config = config(wasi);
    config
        .enable_compiler(true)
        .cranelift_nan_canonicalization(true)
        .parallel_compilation(is_parallel);
    Engine::new(&config)
}

/// Returns what tells engines apart that can use each other's compiled code. Where their
/// instances come from is no part of it.
pub(super) fn settings(wasi: Wasi) -> anyhow::Result<u64> {
    static SETTINGS: [OnceLock<u64>; 2] = [OnceLock::new(), OnceLock::new()];
    let known = &SETTINGS[wasi as usize];
    if let Some(settings) = known.get() {
        return Ok(*settings);
    }
    let engine = compiling(false, wasi)?;
    let mut settings = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut settings);
    Ok(*known.get_or_init(|| settings.finish()))
}

fn config(wasi: Wasi) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .epoch_interruption(true)
        .memory_init_cow(true)
        .max_wasm_stack(512 << 10)
        .async_stack_size(2 << 20)
        .enable_compiler(false);
    match wasi {
        // What tasks need costs each call, so only those have it that can have tasks.
        Wasi::V0_2 => config.concurrency_support(false),
        Wasi::V0_3 => config.wasm_component_model_async(true),
    };
    config
}

/// Tells whether the kernel says which pages of a memory were written.
pub fn can_find_written_pages() -> bool {
    PoolingAllocationConfig::is_pagemap_scan_available()
}

fn pool(limits: &Limits, clearing: Clearing, wasi: Wasi) -> PoolingAllocationConfig {
    let (keep, scan) = match clearing {
        Clearing::WhatIsWritten | Clearing::WhatIsPresent => (KEEP_RESIDENT_BYTES, Enabled::Auto),
        Clearing::All => (KEEP_ALL_BYTES, Enabled::No),
    };
    let n_warm = (limits.kept_bytes / keep).clamp(1, WARM_PLACES);
    let keep = keep.min(limits.kept_bytes / n_warm);
    // Two more than may run: an app that is being loaded is asked for its endpoints in an
    // instance of its own, and one waits for the next call.
    let calls = u32::try_from(limits.concurrency + 2).unwrap_or(u32::MAX);
    let per_call = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let stacks = match wasi {
        Wasi::V0_2 => 1,
        Wasi::V0_3 => per_call(TASK_STACKS),
    };
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(calls)
        .total_core_instances(calls.saturating_mul(per_call(limits.instances)))
        .total_memories(calls.saturating_mul(per_call(limits.memories)))
        .total_tables(calls.saturating_mul(per_call(limits.tables)))
        .total_stacks(calls.saturating_mul(stacks))
        .max_core_instances_per_component(per_call(limits.instances))
        .max_memories_per_component(per_call(limits.memories))
        .max_tables_per_component(per_call(limits.tables))
        .max_memory_size(limits.memory_bytes)
        .table_elements(limits.table_elements)
        .max_component_instance_size(16 << 20)
        .max_unused_warm_slots(per_call(n_warm))
        .linear_memory_keep_resident(keep)
        .table_keep_resident(64 << 10)
        .pagemap_scan(scan);
    pool
}

/// The engines that tick.
static TICKING: Mutex<Vec<EngineWeak>> = Mutex::new(Vec::new());

/// Has the one thread that advances epochs see to an engine, too. It ends with the last
/// of them.
fn tick(engine: &Engine) -> anyhow::Result<()> {
    let mut ticking = TICKING.lock().expect("no holder of this lock panics");
    if ticking.is_empty() {
        thread::Builder::new()
            .name("epoch".to_owned())
            .spawn(advance_epochs)
            .context("start the epoch thread")?;
    }
    ticking.push(engine.weak());
    Ok(())
}

fn advance_epochs() {
    loop {
        let mut ticking = TICKING.lock().expect("no holder of this lock panics");
        ticking.retain(|engine| {
            let engine = engine.upgrade();
            engine.inspect(Engine::increment_epoch).is_some()
        });
        if ticking.is_empty() {
            return;
        }
        drop(ticking);
        thread::sleep(TICK);
    }
}
