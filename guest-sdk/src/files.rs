//! Where files are.
//!
//! An app reads and writes files by `std::fs`, as far as it was granted. All of
//! them are below one folder, `/datasites`. Paths that begin with what this module
//! returns are right in native tests too, where that folder is a temporary one of
//! the [`test::App`](crate::test::App).
//!
//! ```
//! use syft_guest::prelude::*;
//!
//! /// Publishes a note.
//! #[on_request("/publish")]
//! fn publish(note: String) -> Result<(), Error> {
//!     let folder = files::app_data().join("notes");
//!     std::fs::create_dir_all(&folder)?;
//!     std::fs::write(folder.join("latest.txt"), note)?;
//!     Ok(())
//! }
//! ```

use std::path::PathBuf;

use crate::context;

/// Returns the folder of all datasites: `/datasites`.
pub fn root() -> PathBuf {
    host::root()
}

/// Returns the path of what is `relative` to the folder of all datasites.
///
/// ```
/// let path = syft_guest::files::path("ada@example.com/public/a.json");
/// assert_eq!(path.to_str(), Some("/datasites/ada@example.com/public/a.json"));
/// ```
pub fn path(relative: &str) -> PathBuf {
    root().join(relative)
}

/// Returns the owner's datasite: `/datasites/{datasite}`.
pub fn datasite() -> PathBuf {
    path(&context::datasite())
}

/// Returns the folder of the app in the owner's datasite, which stands for
/// `{app_data}` in patterns: `/datasites/{datasite}/app_data/{app}`.
pub fn app_data() -> PathBuf {
    datasite().join("app_data").join(context::app())
}

const ROOT: &str = "/datasites";

#[cfg(target_family = "wasm")]
mod host {
    pub(super) fn root() -> std::path::PathBuf {
        super::ROOT.into()
    }
}

/// The host of native tests.
#[cfg(not(target_family = "wasm"))]
mod host {
    use crate::test::world;

    pub(super) fn root() -> std::path::PathBuf {
        world::current().map_or_else(|| super::ROOT.into(), |world| world.root().to_owned())
    }
}
