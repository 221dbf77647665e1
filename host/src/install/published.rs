//! What authors publish in the datasites on this machine, for those who ask for something else.

use std::fs;

use syft_package::catalog;
use syft_protocol::address::Datasite;
use syft_protocol::app_url::SyftAppUrl;

use super::Installer;

/// The most datasites whose catalogs are read for an answer.
const MAX_DATASITES: usize = 1_000;

impl Installer<'_> {
    /// Returns what an author publishes, or all of them do, as far as it is on this machine. What
    /// cannot be read is left out.
    pub fn published(&self, author: Option<&Datasite>) -> Vec<SyftAppUrl> {
        let authors = match author {
            Some(author) => vec![author.clone()],
            None => self.datasites(),
        };
        let of = |author: &Datasite| {
            let found = catalog::read(&self.config.datasites, author).ok();
            let names = found.into_iter().flat_map(|found| {
                let apps = found.catalog().apps().keys();
                apps.cloned().collect::<Vec<_>>()
            });
            names
                .map(|name| SyftAppUrl::new(author.clone(), name))
                .collect::<Vec<_>>()
        };
        authors.iter().flat_map(of).collect()
    }

    fn datasites(&self) -> Vec<Datasite> {
        let entries = fs::read_dir(&self.config.datasites).into_iter().flatten();
        let names = entries.flatten().map(|entry| entry.file_name());
        let datasites = names.filter_map(|name| Datasite::parse(name.to_str()?).ok());
        let mut datasites: Vec<Datasite> = datasites.take(MAX_DATASITES).collect();
        datasites.sort();
        datasites
    }
}
