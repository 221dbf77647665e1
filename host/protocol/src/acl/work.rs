//! The work that one decision may take.

/// The most steps one decision takes, over all its patterns together: some
/// tens of milliseconds. A thousand ordinary rules need a tenth of it.
const MAX_STEPS: usize = 4_000_000;

/// What is left of the steps of one decision.
///
/// Patterns are written by strangers, and alternatives within alternatives
/// multiply. One budget for a whole decision keeps many hard rules from adding
/// up.
pub(super) struct Work {
    steps_left: usize,
}

/// The steps are used up, so nothing is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooHard;

impl Work {
    pub(super) fn new() -> Work {
        Work {
            steps_left: MAX_STEPS,
        }
    }

    pub(super) fn spend(&mut self, n_steps: usize) -> Result<(), TooHard> {
        self.steps_left = self.steps_left.checked_sub(n_steps).ok_or(TooHard)?;
        Ok(())
    }
}
