//! Waiting for several futures at a time.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Waits for all futures at a time and gives their outputs as a tuple.
///
/// Like the macro of that name in `tokio` and `futures`, it awaits by itself, so
/// it goes into an `async` function. For a number of futures that is only known
/// at run time, or for more than twelve, there is [`join_all`].
///
/// ```
/// # use std::time::Duration;
/// # use syft_guest::prelude::*;
/// # use syft_guest::time::sleep;
/// # async fn load(name: &str) -> usize { sleep(Duration::from_millis(1)).await; name.len() }
/// #[on_request("/total")]
/// async fn total() -> usize {
///     let (a, b) = syft_guest::join!(load("models"), load("scores"));
///     a + b
/// }
///
/// assert_eq!(syft_guest::test::block_on(total()), 12);
/// ```
#[macro_export]
macro_rules! join {
    (@named [$($name:ident $future:expr;)+] [$($left:ident)*]) => {{
        $(
            let $name = ::core::pin::pin!($future);
            let mut $name = $crate::__private::Joined::new($name);
        )+
        ::core::future::poll_fn(|context| {
            let mut all_done = true;
            $(all_done &= $name.poll_done(context);)+
            if all_done {
                ::core::task::Poll::Ready(($($name.take(),)+))
            } else {
                ::core::task::Poll::Pending
            }
        })
        .await
    }};
    (@named [$($named:tt)*] [$name:ident $($left:ident)*] $future:expr $(, $futures:expr)*) => {
        $crate::join!(@named [$($named)* $name $future;] [$($left)*] $($futures),*)
    };
    (@named [$($named:tt)*] [] $($futures:expr),+) => {
        ::core::compile_error!("join! takes up to twelve futures: use join_all")
    };
    ($($future:expr),+ $(,)?) => {
        $crate::join!(@named [] [a b c d e f g h i j k l] $($future),+)
    };
}

/// Waits for all futures at a time and returns their outputs, in their order.
///
/// ```
/// # use std::time::Duration;
/// # use syft_guest::time::sleep;
/// # syft_guest::test::block_on(async {
/// let naps = [3, 1, 2].map(async |ms| {
///     sleep(Duration::from_millis(ms)).await;
///     ms
/// });
/// assert_eq!(syft_guest::join_all(naps).await, [3, 1, 2]);
/// # });
/// ```
pub async fn join_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let futures = futures.into_iter();
    let mut all: Vec<_> = futures
        .map(|future| Joined::new(Box::pin(future)))
        .collect();
    poll_fn(|context| {
        let n_done = all
            .iter_mut()
            .filter_map(|joined| joined.poll_done(context).then_some(()));
        let n_done = n_done.count();
        if n_done == all.len() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    all.iter_mut().map(Joined::take).collect()
}

/// A future that is waited for together with others.
#[derive(Debug)]
pub struct Joined<F: Future> {
    future: F,
    output: Option<F::Output>,
}

impl<F: Future + Unpin> Joined<F> {
    /// Returns the future, which was not polled yet.
    pub fn new(future: F) -> Self {
        Self {
            future,
            output: None,
        }
    }

    /// Returns whether the output is there, after a poll where it was not.
    pub fn poll_done(&mut self, context: &mut Context<'_>) -> bool {
        if self.output.is_none()
            && let Poll::Ready(output) = Pin::new(&mut self.future).poll(context)
        {
            self.output = Some(output);
        }
        self.output.is_some()
    }

    /// Returns the output, once.
    pub fn take(&mut self) -> F::Output {
        self.output
            .take()
            .expect("it is taken once, after all are done")
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::executor::block_on;
    use crate::time::sleep;

    async fn nap(ms: u64) -> u64 {
        sleep(Duration::from_millis(ms)).await;
        ms
    }

    #[test]
    fn gives_all_outputs_in_their_order() {
        let outputs = block_on(async { crate::join!(nap(3), async { "b" }, nap(1)) });
        assert_eq!(outputs, (3, "b", 1));
        assert_eq!(block_on(async { crate::join!(async { 1 },) }), (1,));
        assert_eq!(block_on(join_all([nap(3), nap(1)])), [3, 1]);
        assert!(block_on(join_all(Vec::<Sleep>::new())).is_empty());
    }

    use crate::time::Sleep;

    #[test]
    fn takes_as_long_as_the_longest() {
        let start = Instant::now();
        block_on(join_all((0..100).map(|_| nap(50))));
        // One after the other they would take five seconds.
        assert!(start.elapsed() < Duration::from_secs(2));
    }

    #[test]
    fn borrows_what_is_around_it() {
        let text = "abc".to_owned();
        let length = async || text.len();
        assert_eq!(block_on(async { crate::join!(length(), length()) }), (3, 3));
    }

    #[test]
    fn takes_twelve() {
        let sum = block_on(async {
            let all = crate::join!(
                nap(1),
                nap(1),
                nap(1),
                nap(1),
                nap(1),
                nap(1),
                nap(1),
                nap(1),
                nap(1),
                nap(1),
                nap(1),
                nap(2)
            );
            all.0 + all.11
        });
        assert_eq!(sum, 3);
    }
}
