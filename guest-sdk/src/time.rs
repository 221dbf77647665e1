//! Waiting, in `async` handlers.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Far beyond the time that any call has.
const FOREVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);

/// Waits for at least `duration`, from now on. Other futures of the call that
/// are [joined](crate::join!) with it run meanwhile.
///
/// The time a call has goes on: see [`context::time_left`](crate::context::time_left).
///
/// ```
/// use std::time::Duration;
///
/// use syft_guest::prelude::*;
/// use syft_guest::time::sleep;
///
/// #[on_request("/later")]
/// async fn later(ms: u64) -> &'static str {
///     sleep(Duration::from_millis(ms)).await;
///     "now"
/// }
///
/// assert_eq!(syft_guest::test::block_on(later(2)), "now");
/// ```
pub fn sleep(duration: Duration) -> Sleep {
    Sleep {
        until: Instant::now() + duration.min(FOREVER),
        timer: None,
    }
}

/// The future of [`sleep`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct Sleep {
    until: Instant,
    timer: Option<timers::Timer>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.until {
            self.timer = None;
            return Poll::Ready(());
        }
        let until = self.until;
        let timer = self.timer.get_or_insert_with(|| timers::Timer::new(until));
        timer.set(context.waker());
        Poll::Pending
    }
}

/// Whom to wake when.
pub(crate) mod timers {
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeMap;
    use std::task::Waker;
    use std::time::Instant;

    thread_local! {
        static TIMERS: RefCell<BTreeMap<Key, Waker>> = const { RefCell::new(BTreeMap::new()) };
        static N_TIMERS: Cell<u64> = const { Cell::new(0) };
    }

    /// Ordered by time; the number tells apart those of the same time.
    type Key = (Instant, u64);

    /// A timer, until it is dropped.
    #[derive(Debug)]
    pub(super) struct Timer(Key);

    impl Timer {
        pub(super) fn new(at: Instant) -> Self {
            let number = N_TIMERS.get();
            N_TIMERS.set(number + 1);
            Self((at, number))
        }

        pub(super) fn set(&self, waker: &Waker) {
            TIMERS.with_borrow_mut(|timers| timers.insert(self.0, waker.clone()));
        }
    }

    impl Drop for Timer {
        fn drop(&mut self) {
            TIMERS.with_borrow_mut(|timers| timers.remove(&self.0));
        }
    }

    /// Returns the time of the next timer.
    pub(crate) fn next() -> Option<Instant> {
        TIMERS.with_borrow(|timers| timers.first_key_value().map(|((at, _), _)| *at))
    }

    /// Wakes whose time has come.
    pub(crate) fn wake_due(now: Instant) {
        while let Some(waker) = take_due(now) {
            waker.wake();
        }
    }

    fn take_due(now: Instant) -> Option<Waker> {
        TIMERS.with_borrow_mut(|timers| {
            let first = timers.first_entry()?;
            let (at, _) = *first.key();
            (at <= now).then(|| first.remove())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::block_on;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn sleeps_as_long_as_it_was_told() {
        let start = Instant::now();
        block_on(sleep(20 * MILLISECOND));
        assert!(start.elapsed() >= 20 * MILLISECOND);
        assert_eq!(timers::next(), None);
    }

    #[test]
    fn does_not_wait_for_nothing() {
        block_on(sleep(Duration::ZERO));
    }

    #[test]
    fn sleeps_in_the_order_of_their_ends() {
        let ended = std::cell::RefCell::new(Vec::new());
        let napper = async |ms: u32| {
            sleep(ms * MILLISECOND).await;
            ended.borrow_mut().push(ms);
        };
        block_on(async { crate::join!(napper(30), napper(10), napper(20)) });
        assert_eq!(ended.into_inner(), [10, 20, 30]);
    }

    #[test]
    fn a_sleep_that_is_dropped_leaves_no_timer() {
        let mut forever = Box::pin(sleep(Duration::MAX));
        block_on(std::future::poll_fn(|context| {
            assert!(forever.as_mut().poll(context).is_pending());
            Poll::Ready(())
        }));
        assert!(timers::next().is_some());
        drop(forever);
        assert_eq!(timers::next(), None);
    }
}
