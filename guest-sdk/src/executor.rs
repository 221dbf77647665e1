//! Runs a future to its end.
//!
//! A call has an instance of its own, so there is one future to run, and it ends
//! with the call; whoever waits for several at a time joins them in it. Timers are
//! all there is to wait for, which the standard library does by `wasi:io/poll`. An
//! app without async handlers has nothing of this.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use crate::time::timers;

/// Runs a future to its end and returns its output.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let bell = Arc::new(Bell::new());
    let waker = Waker::from(Arc::clone(&bell));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        timers::wake_due(Instant::now());
        while !bell.rang() {
            bell.wait(timers::next());
            timers::wake_due(Instant::now());
        }
    }
}

/// Rings when the future is to be polled again.
struct Bell {
    rang: AtomicBool,
    #[cfg(not(target_family = "wasm"))]
    thread: std::thread::Thread,
}

impl Bell {
    fn new() -> Self {
        Self {
            rang: AtomicBool::new(false),
            #[cfg(not(target_family = "wasm"))]
            thread: std::thread::current(),
        }
    }

    /// Returns whether it rang since the last time.
    fn rang(&self) -> bool {
        self.rang.swap(false, Ordering::Acquire)
    }

    /// Waits for the next timer. There is no other thread that could ring.
    #[cfg(target_family = "wasm")]
    fn wait(&self, next: Option<Instant>) {
        let Some(next) = next else {
            panic!("an async handler waits for something that will never come");
        };
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }

    /// Waits for the next timer, or for another thread of a native test.
    #[cfg(not(target_family = "wasm"))]
    fn wait(&self, next: Option<Instant>) {
        match next {
            Some(next) => {
                std::thread::park_timeout(next.saturating_duration_since(Instant::now()));
            }
            None => std::thread::park(),
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rang.store(true, Ordering::Release);
        #[cfg(not(target_family = "wasm"))]
        self.thread.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;
    use crate::time::sleep;

    #[test]
    fn returns_what_the_future_does() {
        assert_eq!(block_on(async { 5 }), 5);
    }

    #[test]
    fn polls_again_what_woke_itself() {
        let mut n_polls = 0;
        let counted = poll_fn(|context| {
            n_polls += 1;
            if n_polls == 3 {
                return Poll::Ready(n_polls);
            }
            context.waker().wake_by_ref();
            Poll::Pending
        });
        assert_eq!(block_on(counted), 3);
    }

    #[test]
    fn is_woken_by_another_thread() {
        let mut waker = None;
        let woken = Arc::new(AtomicBool::new(false));
        block_on(poll_fn(|context| {
            if woken.load(Ordering::Acquire) {
                return Poll::Ready(());
            }
            let (woken, other) = (Arc::clone(&woken), context.waker().clone());
            waker.get_or_insert_with(|| {
                std::thread::spawn(move || {
                    woken.store(true, Ordering::Release);
                    other.wake();
                })
            });
            Poll::Pending
        }));
    }

    #[test]
    fn runs_inside_another() {
        let millisecond = Duration::from_millis(1);
        let nested = async { block_on(async { sleep(millisecond).await }) };
        block_on(async { crate::join!(sleep(2 * millisecond), nested) });
    }
}
