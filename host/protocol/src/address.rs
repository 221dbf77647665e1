//! Where a request lies: tree path to [`Address`] and back.
//!
//! A request is the file
//! `datasites/<datasite>/app_data/<app>/rpc/<endpoint>/[<sender>/]<id>.request`
//! and its response lies beside it. An app's name may have several parts. Strangers write there, so nothing below
//! `rpc/` becomes an address before every part of its path was checked.

mod app_name;
mod datasite;
mod endpoint;
mod file_kind;
mod folder;
mod ignored;
mod request_id;
mod sender;

use std::fmt;
use std::sync::Arc;

pub use app_name::{AppName, MAX_PARTS as MAX_APP_NAME_PARTS};
pub use datasite::Datasite;
pub(crate) use datasite::has_email_shape;
pub use endpoint::Endpoint;
pub use file_kind::{FileKind, request_file};
pub use folder::Folder;
pub use request_id::RequestId;
pub use sender::{Proof, Sender};

use crate::excerpt::excerpt;

/// The place of one request below the `rpc/` folder of an app.
///
/// Cheap to clone. Two addresses are equal when they name the same file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    folder: Arc<Folder>,
    id: RequestId,
}

impl Address {
    /// Returns the address of request `id` in `folder`.
    pub fn new(folder: Arc<Folder>, id: RequestId) -> Address {
        Address { folder, id }
    }

    /// Reads an address as it is displayed.
    pub fn parse(text: &str) -> Option<Address> {
        let path = text.strip_prefix('/')?;
        let (segments, id) = match path.rsplit_once('/') {
            Some((folder, id)) => (folder.split('/').collect(), id),
            None => (Vec::new(), path),
        };
        let folder = Arc::new(Folder::parse(&segments)?);
        Some(Address::new(folder, RequestId::parse(id)?))
    }

    /// Returns the folder that holds the request and its response.
    pub fn folder(&self) -> &Arc<Folder> {
        &self.folder
    }

    /// Returns the id, which is the stem of the file name.
    pub fn id(&self) -> &RequestId {
        &self.id
    }

    /// Returns the endpoint that the request is for.
    pub fn endpoint(&self) -> &Endpoint {
        self.folder.endpoint()
    }
}

/// Writes `/echo/bob@x.org/<id>`, the path below `rpc/` without the extension.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in self.folder.segments() {
            write!(f, "/{segment}")?;
        }
        write!(f, "/{}", self.id)
    }
}

/// Why a text is no name or path of ours.
///
/// The text is repeated in the message, cut and on one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The text is not an email that can name a datasite's folder.
    #[error("`{text}` is no datasite: {reason}")]
    Datasite {
        /// The refused text, cut.
        text: String,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// The text cannot name an app's folder.
    #[error("`{text}` is no app name: {reason}")]
    AppName {
        /// The refused text, cut.
        text: String,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// The text is no path of an endpoint.
    #[error("`{text}` is no endpoint: {reason}")]
    Endpoint {
        /// The refused text, cut.
        text: String,
        /// The rule it breaks.
        reason: &'static str,
    },
}

impl AddressError {
    fn datasite(text: &str, reason: &'static str) -> AddressError {
        AddressError::Datasite {
            text: excerpt(text),
            reason,
        }
    }

    fn app_name(text: &str, reason: &'static str) -> AddressError {
        AddressError::AppName {
            text: excerpt(text),
            reason,
        }
    }

    fn endpoint(text: &str, reason: &'static str) -> AddressError {
        AddressError::Endpoint {
            text: excerpt(text),
            reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "c9c22855-686a-49f9-b6f2-11c98f11b79a";

    fn check(segments: &[&str], expected: &str) {
        let folder = Folder::parse(segments).expect("a folder");
        let id = RequestId::parse(ID).expect("an id");
        let address = Address::new(Arc::new(folder), id);
        assert_eq!(address.to_string(), format!("{expected}{ID}"));
        assert_eq!(Address::parse(&address.to_string()), Some(address));
    }

    #[test]
    fn displays_as_the_path_below_rpc() {
        check(&["echo", "bob@x.org"], "/echo/bob@x.org/");
        check(&["deep", "er"], "/deep/er/");
        check(&["bob@x.org"], "/bob@x.org/");
        check(&[], "/");
    }

    #[test]
    fn what_is_not_displayed_so_is_no_address() {
        for text in ["", "/", "/echo/", ID, "echo/x", "/../x", "/echo/x"] {
            assert_eq!(Address::parse(text), None, "{text}");
        }
        for folder in ["/..", "/", "/echo/"] {
            let text = format!("{folder}/{ID}");
            assert_eq!(Address::parse(&text), None, "{text}");
        }
    }

    #[test]
    fn errors_are_one_short_line() {
        let long = "x\n".repeat(500);
        let error = Datasite::parse(&long)
            .expect_err("not an email")
            .to_string();
        assert!(
            error.chars().count() < 250 && !error.contains('\n'),
            "{error}"
        );
    }
}
