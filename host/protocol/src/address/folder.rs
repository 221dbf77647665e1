//! A folder below `rpc/` that holds requests.

use std::sync::Arc;

use super::Endpoint;
use super::datasite::is_datasite;

/// A folder below `rpc/` that holds requests: an endpoint's own folder, or the
/// folder of one sender in it.
///
/// The released client puts requests into the sender's folder; the older
/// layout, and the HTTP API unless asked otherwise, into the endpoint's own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Folder {
    endpoint: Endpoint,
    sender: Option<Arc<str>>,
}

impl Folder {
    /// Returns the folder at the path `segments` below `rpc/`, or `None` where
    /// no request can lie.
    ///
    /// A last segment that is an email is the sender, all before it the
    /// endpoint.
    pub fn parse(segments: &[&str]) -> Option<Folder> {
        let (endpoint, sender) = match segments {
            [endpoint @ .., last] if is_datasite(last) => (endpoint, Some(Arc::from(*last))),
            endpoint => (endpoint, None),
        };
        // Joining would turn a segment that is no segment into something else:
        // an empty one would vanish, one with a slash become two.
        if endpoint
            .iter()
            .any(|segment| segment.is_empty() || segment.contains('/'))
        {
            return None;
        }
        let endpoint = Endpoint::parse(&endpoint.join("/")).ok()?;
        Some(Folder { endpoint, sender })
    }

    /// Returns the endpoint.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Returns the email that the folder is named for, or `None` for the
    /// endpoint's own folder.
    pub fn sender(&self) -> Option<&str> {
        self.sender.as_deref()
    }

    /// Returns the sender's name as it is shared by all that speak of the folder.
    pub fn sender_name(&self) -> Option<&Arc<str>> {
        self.sender.as_ref()
    }

    /// Returns the path below `rpc/` from the top; none for `rpc/` itself.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.endpoint.segments().chain(self.sender())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(segments: &[&str], endpoint: &str, sender: Option<&str>) {
        let folder = Folder::parse(segments).expect("a folder");
        assert_eq!(folder.endpoint().as_str(), endpoint);
        assert_eq!(folder.sender(), sender);
        assert_eq!(folder.segments().collect::<Vec<_>>(), segments);
    }

    #[test]
    fn tells_sender_from_endpoint() {
        check(&[], "", None);
        check(&["echo"], "echo", None);
        check(&["echo", "bob@x.org"], "echo", Some("bob@x.org"));
        check(&["deep", "er", "bob@x.org"], "deep/er", Some("bob@x.org"));
        check(&["bob@x.org"], "", Some("bob@x.org"));
    }

    #[test]
    fn refuses_what_is_no_folder_for_requests() {
        for segments in [
            &["echo", ""][..],
            &[""],
            &["/"],
            &["a/b"],
            &["/a"],
            &[".."],
            &["bob@x.org", "echo"],
            &["echo", "bob@x.org", "zed@x.org"],
            &["logs"],
            &["x.request", "bob@x.org"],
            &["echo", "../bob@x.org"],
        ] {
            assert_eq!(Folder::parse(segments), None, "{segments:?}");
        }
    }
}
