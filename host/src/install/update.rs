//! Looking whether there is another release of an app, and taking it.

use super::{Change, InstallError, Installer};
use crate::installed::Installed;
use crate::source::Source;

/// What came of looking for another release.
#[derive(Debug, Clone, PartialEq)]
pub enum Update {
    /// There is none.
    None,
    /// There is one that the owner went back from, or did not want.
    Skipped,
    /// It takes the place of the old one, or would.
    Taken(Installed),
    /// It wants this beyond what was approved, so it waits, or would.
    Waits(Installed, Vec<String>),
}

impl Installer<'_> {
    /// Looks at where an app came from, and takes the release that is there if it is another
    /// one and wants nothing that was not approved. Where `only_look` is set, nothing changes.
    ///
    /// # Errors
    /// Why it is refused, or cannot be had.
    pub async fn update(
        &self,
        installed: &Installed,
        only_look: bool,
    ) -> Result<Update, InstallError> {
        let source = Source::parse(&installed.source)?;
        let fetched = self.fetch(&source).await?;
        let candidate = self.examine(&fetched, None, false)?;
        if *candidate.name() != installed.name {
            return Err(InstallError::Other {
                wanted: format!("a release of `{}`", installed.name),
                found: format!("one of `{}`", candidate.name()),
            });
        }
        let is_wanted = matches!(candidate.change, Change::Replaces);
        if !only_look && !is_wanted {
            self.renew(&candidate)?;
        }
        match candidate.change {
            Change::Same => return Ok(Update::None),
            Change::Skipped => return Ok(Update::Skipped),
            Change::Waits => {
                return Ok(Update::Waits(installed.clone(), candidate.growth));
            }
            Change::New | Change::Replaces => {}
        }
        self.try_out(&candidate).await?;
        let waits = !candidate.growth.is_empty();
        let changed = match (only_look, waits) {
            (true, _) => candidate.would_be(),
            (false, true) => self.hold(&candidate, &[])?,
            (false, false) => self.install(&candidate, &[])?,
        };
        Ok(match waits {
            true => Update::Waits(changed, candidate.growth),
            false => Update::Taken(changed),
        })
    }
}
