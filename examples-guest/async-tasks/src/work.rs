//! Work that stops by itself before its time is up.

use std::time::Duration;

use serde::Serialize;
use syft_guest::prelude::*;
use syft_guest::time::sleep;

/// What is kept back to write the answer.
const RESERVE: Duration = Duration::from_millis(500);

syft_guest::router!(pub router: work);

/// How far it came.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    n_done: u32,
    n_left: u32,
}

/// Works step by step, and answers how far it came in the time it has.
#[on_request("/")]
pub async fn work(n_steps: u32, #[default(100)] step_ms: u32) -> Progress {
    let step = Duration::from_millis(step_ms.into());
    work_while(n_steps, step, || context::time_left() > step + RESERVE).await
}

async fn work_while(n_steps: u32, step: Duration, has_time: impl Fn() -> bool) -> Progress {
    let mut n_done = 0;
    while n_done < n_steps && has_time() {
        // Stands for asking somebody.
        sleep(step).await;
        n_done += 1;
    }
    Progress {
        n_done,
        n_left: n_steps - n_done,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use syft_guest::test::block_on;

    use super::*;

    #[test]
    fn does_all_where_there_is_time() {
        let progress = block_on(work(3, 1));
        let expected = Progress {
            n_done: 3,
            n_left: 0,
        };
        assert_eq!(progress, expected);
    }

    #[test]
    fn does_not_begin_what_it_could_not_end() {
        let minutes = 2 * 60 * 1000;
        assert_eq!(block_on(work(3, minutes)).n_left, 3);
    }

    #[test]
    fn stops_when_its_time_is_up() {
        let n_asked = Cell::new(0);
        let has_time = || {
            n_asked.set(n_asked.get() + 1);
            n_asked.get() <= 2
        };
        let progress = block_on(work_while(5, Duration::ZERO, has_time));
        let expected = Progress {
            n_done: 2,
            n_left: 3,
        };
        assert_eq!(progress, expected);
    }
}
