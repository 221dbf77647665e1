//! All of the linear memory, byte by byte.

use std::arch::wasm32::{memory_grow, memory_size};
use std::hint::black_box;

use serde_json::{Value, json};

const PAGE_BYTES: usize = 64 << 10;

/// What there has to be left to allocate where the memory grows no further.
const ROOM_BYTES: usize = 512 << 10;

/// How deep the stack is marked, of the 1 MiB that it has.
const STACK_BYTES: usize = 800 << 10;
const FRAME_BYTES: usize = 4096;

/// Lets the memory have so many pages, and puts the mark on each one that is new, on
/// the stack and in the heap.
pub(crate) fn mark(mark: &[u8], n_pages: usize) {
    let room = mark.repeat(ROOM_BYTES / mark.len());
    mark_stack(mark, STACK_BYTES / FRAME_BYTES);
    for piece in grow(n_pages).chunks_exact_mut(mark.len()) {
        piece.copy_from_slice(mark);
    }
    drop(black_box(room));
}

fn mark_stack(mark: &[u8], n_frames: usize) {
    let mut frame = [0_u8; FRAME_BYTES];
    for piece in frame.chunks_exact_mut(mark.len()) {
        piece.copy_from_slice(mark);
    }
    black_box(&mut frame);
    if n_frames > 0 {
        mark_stack(mark, n_frames - 1);
    }
    black_box(&mut frame);
}

/// Tells how often the lower case of a text is in memory, which pages of it are in use,
/// and how much of what it grows by is not empty.
pub(crate) fn look(capitals: &[u8], n_pages: usize) -> Value {
    let memory = all();
    let (n_bytes, found) = (memory.len(), find(memory, capitals));
    let in_use: Vec<usize> = (0..)
        .zip(memory.chunks(PAGE_BYTES))
        .filter(|(_, page)| page.iter().any(|byte| *byte != 0))
        .map(|(number, _)| number)
        .collect();
    let room = black_box(vec![0_u8; ROOM_BYTES]);
    let new = grow(n_pages);
    let n_not_zero = new.iter().filter(|byte| **byte != 0).count();
    drop(room);
    json!({
        "bytes": n_bytes,
        "marks": found,
        "pages_in_use": in_use,
        "not_zero_in_new_pages": n_not_zero,
    })
}

fn find(memory: &[u8], capitals: &[u8]) -> usize {
    let first = capitals[0].to_ascii_lowercase();
    let is_there = |at: &[u8]| {
        at[0] == first
            && at
                .iter()
                .zip(capitals)
                .all(|(byte, capital)| *byte == capital.to_ascii_lowercase())
    };
    memory
        .windows(capitals.len())
        .filter(|at| is_there(at))
        .count()
}

fn all() -> &'static [u8] {
    let n_bytes = memory_size(0) * PAGE_BYTES;
    // SAFETY: all of this is memory of the instance, which has one thread. The compiler
    // does not know of what it holds; nothing but the bytes is looked at. Rust knows no
    // object at 0, so the first byte is left out.
    unsafe {
        std::slice::from_raw_parts(
            black_box(std::ptr::without_provenance::<u8>(1)),
            n_bytes - 1,
        )
    }
}

/// Returns the pages by which the memory grows.
fn grow(n_pages: usize) -> &'static mut [u8] {
    let n_new = n_pages.saturating_sub(memory_size(0));
    let before = memory_grow(0, n_new);
    assert_ne!(
        before,
        usize::MAX,
        "the memory does not grow by {n_new} pages"
    );
    let start = black_box((before * PAGE_BYTES) as *mut u8);
    // SAFETY: these pages are new, and only allocators take pages beside this.
    unsafe { std::slice::from_raw_parts_mut(start, n_new * PAGE_BYTES) }
}
