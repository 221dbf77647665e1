//! Where an author publishes apps, and the URL of one.

use std::fmt;

use crate::address::{AddressError, AppName, Datasite};
use crate::excerpt::excerpt;

/// The folder of what an author publishes, below the author's datasite.
pub const APPS_FOLDER: [&str; 2] = ["public", "syft-apps"];

const SCHEME: &str = "syft://";
const PATH: &str = "/public/syft-apps/";

/// The URL of a published app, `syft://alice@example.org/public/syft-apps/leaderboard`.
///
/// Each app has one: there is no query, no slash at the end and no escape in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SyftAppUrl {
    author: Datasite,
    app: AppName,
}

/// Why a text is no URL of a published app.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppUrlError {
    /// The text, cut, is not made as it must be.
    #[error("expected `syft://EMAIL/public/syft-apps/NAME`, got `{0}`")]
    Shape(String),
    /// The email or the name in it is none.
    #[error(transparent)]
    Name(#[from] AddressError),
}

impl SyftAppUrl {
    /// Returns the URL of an app.
    pub fn new(author: Datasite, app: AppName) -> SyftAppUrl {
        SyftAppUrl { author, app }
    }

    /// Tells whether a text begins as a `syft://` URL does, whatever follows.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// Returns `text` as a URL.
    ///
    /// # Errors
    /// It is not made as it must be, or names nobody or no app.
    pub fn parse(text: &str) -> Result<SyftAppUrl, AppUrlError> {
        let rest = text.strip_prefix(SCHEME);
        let (author, app) = rest
            .and_then(|rest| rest.split_once(PATH))
            .ok_or_else(|| AppUrlError::Shape(excerpt(text)))?;
        Ok(SyftAppUrl {
            author: Datasite::parse(author)?,
            app: AppName::parse(app)?,
        })
    }

    /// Returns whose app it is.
    pub fn author(&self) -> &Datasite {
        &self.author
    }

    /// Returns the name of the app.
    pub fn app(&self) -> &AppName {
        &self.app
    }
}

impl fmt::Display for SyftAppUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { author, app } = self;
        write!(f, "{SCHEME}{author}{PATH}{app}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_an_author_and_an_app() {
        for (text, author, app) in [
            (
                "syft://alice@x.org/public/syft-apps/leaderboard",
                "alice@x.org",
                "leaderboard",
            ),
            (
                "syft://ü'*@e.co/public/syft-apps/a.b_c-1",
                "ü'*@e.co",
                "a.b_c-1",
            ),
            (
                "syft://alice@x.org/public/syft-apps/llm/x",
                "alice@x.org",
                "llm/x",
            ),
        ] {
            let url = SyftAppUrl::parse(text).expect(text);
            assert_eq!((url.author().as_str(), url.app().as_str()), (author, app));
            assert_eq!(url.to_string(), text);
            assert_eq!(SyftAppUrl::new(url.author, url.app).to_string(), text);
        }
    }

    #[test]
    fn refuses_others() {
        for text in [
            "",
            "alice@x.org/public/syft-apps/a",
            "SYFT://alice@x.org/public/syft-apps/a",
            "oci://alice@x.org/public/syft-apps/a",
            " syft://alice@x.org/public/syft-apps/a",
            "syft://alice@x.org/public/syft-apps/a\n",
            "syft://alice@x.org/public/syft-apps/a/",
            "syft://alice@x.org/public/syft-apps/a?x",
            "syft://alice@x.org/public/syft-apps/a#x",
            "syft://alice@x.org/public/syft-apps/a%2e",
            "syft://alice@x.org/public/syft-apps/a//b",
            "syft://alice@x.org/public/syft-apps/a/rpc",
            "syft://alice@x.org/public/syft-apps/a/../b",
            "syft://alice@x.org/public/syft-apps/a/b/c/d/e",
            "syft://alice@x.org/public/syft-apps/..",
            "syft://alice@x.org/public/syft-apps/../a",
            "syft://alice@x.org/public/syft-apps/logs",
            "syft://alice@x.org/public/syft-apps/",
            "syft://alice@x.org/public//syft-apps/a",
            "syft://alice@x.org//public/syft-apps/a",
            "syft://alice@x.org/public/syft-apps",
            "syft://alice@x.org/private/syft-apps/a",
            "syft://alice@x.org:80/public/syft-apps/a",
            "syft://alice/public/syft-apps/a",
            "syft:///public/syft-apps/a",
            "syft://../public/syft-apps/a",
            "syft://a/b@x.org/public/syft-apps/a",
            "syft://alice@x.org/public/syft-apps/a/public/syft-apps/b/c",
        ] {
            assert!(SyftAppUrl::parse(text).is_err(), "{text:?}");
        }
    }
}
