//! Looking whether there is another release of an app, and taking it.

use syft_package::source::AppSource;
use syft_package::trust::TrustBasis;

use super::{InstallError, Installer, ReleaseChange};
use crate::installed::Installed;

/// The result of looking for a newer release.
#[derive(Debug, Clone, PartialEq)]
pub enum Update {
    /// There is no newer release.
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
        let source = AppSource::parse(&installed.source)?;
        if !matches!(source, AppSource::Datasite(_))
            && let Err(error) = self.heed(&installed.author)
        {
            tracing::warn!(app = %installed.name, "its author's catalog is not heeded: {error}");
        }
        let fetched = self.fetch(&source).await?;
        let candidate = match self.examine(&fetched, None, false) {
            Err(InstallError::OfAnother { name, other, .. }) => {
                return Err(another(installed, &name, &other));
            }
            examined => examined?,
        };
        let author = candidate.author_trust.author();
        if (candidate.name(), author) != (&installed.name, &installed.author) {
            return Err(another(
                installed,
                candidate.name().as_str(),
                author.as_str(),
            ));
        }
        // Whoever is not known has to be shown to the owner, who is not asked here.
        if matches!(candidate.author_trust.basis(), TrustBasis::FirstUse { .. }) {
            return Err(InstallError::Untrusted {
                author: author.to_string(),
                from: installed.source.clone(),
            });
        }
        let is_wanted = matches!(candidate.change, ReleaseChange::Replaces);
        if !only_look && !is_wanted {
            self.renew(&candidate)?;
        }
        match candidate.change {
            ReleaseChange::Same => return Ok(Update::None),
            ReleaseChange::Skipped => return Ok(Update::Skipped),
            ReleaseChange::Waits if !candidate.added_permissions.is_empty() => {
                return Ok(Update::Waits(
                    installed.clone(),
                    candidate.added_permissions,
                ));
            }
            ReleaseChange::New | ReleaseChange::Waits | ReleaseChange::Replaces => {}
        }
        let waits = !candidate.added_permissions.is_empty();
        // One that wants more does not run before the owner has agreed.
        if !waits {
            self.try_out(&candidate).await?;
        }
        let changed = match (only_look, waits) {
            (true, _) => candidate.would_be(),
            (false, true) => self.hold(&candidate, &[])?,
            (false, false) => self.install(&candidate, &[])?,
        };
        Ok(if waits {
            Update::Waits(changed, candidate.added_permissions)
        } else {
            Update::Taken(changed)
        })
    }
}

/// Returns that there is another app where the updates of one come from.
fn another(installed: &Installed, name: &str, author: &str) -> InstallError {
    InstallError::Other {
        wanted: format!("a release of `{}` of {}", installed.name, installed.author),
        found: format!("one of `{name}` of {author}"),
    }
}
