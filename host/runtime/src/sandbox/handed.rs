//! Calls that this machine runs for the host of an owner elsewhere.

use super::Program;
use crate::meter::Meter;
use crate::wire::{CallEnd, HandedCall, Lost, OwnerLink};

impl Program {
    /// Runs a call for the host of its owner, of which all is asked that is not here. It has to be
    /// a program with the limits of the call (`CallLimits::to_limits`).
    ///
    /// # Errors
    /// That host was lost meanwhile: nothing of the call counts.
    pub async fn run_handed(
        &self,
        call: HandedCall,
        meter: &Meter,
        owner: OwnerLink,
    ) -> Result<CallEnd, Lost> {
        todo!()
    }
}
