//! Whom a message is for.

use std::sync::Arc;

use thiserror::Error;
use uuid::Uuid;

use crate::address::{Address, AddressError, AppName, Datasite, Endpoint, Folder, RequestId};
use crate::excerpt::excerpt;
use crate::url::SyftUrl;

/// The endpoint that a message is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Receiver {
    /// Whose app it is.
    pub datasite: Datasite,
    /// The app.
    pub app: AppName,
    /// Its endpoint.
    pub endpoint: Endpoint,
}

/// Why a URL is no receiver.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReceiverError {
    /// It leads to no endpoint of an app.
    #[error("`{0}` names no endpoint: expected `syft://<email>/app_data/<app>/rpc/<endpoint>`")]
    NotAnEndpoint(String),
    /// A part of it is malformed.
    #[error(transparent)]
    Address(#[from] AddressError),
}

impl Receiver {
    /// Returns the endpoint that a URL names. A query in it is for the receiver.
    pub fn of(url: &SyftUrl) -> Result<Self, ReceiverError> {
        let (app, endpoint) = url
            .rpc_target()
            .ok_or_else(|| ReceiverError::NotAnEndpoint(excerpt(url.as_str())))?;
        Ok(Self {
            datasite: Datasite::parse(url.datasite())?,
            app: AppName::parse(&app)?,
            endpoint: Endpoint::parse(&endpoint)?,
        })
    }

    /// Returns the path of the endpoint's folder, relative to the datasites: what a grant has to
    /// match.
    pub fn path(&self) -> String {
        let Self {
            datasite,
            app,
            endpoint,
        } = self;
        format!("{datasite}/app_data/{app}/rpc{endpoint}")
            .trim_end_matches('/')
            .to_owned()
    }

    /// Returns where the request lies below the `rpc/` folder of the app, if one of this sender
    /// can lie there.
    pub fn address(&self, sender: &Datasite, id: Uuid) -> Option<Address> {
        let segments = self.endpoint.segments().chain([sender.as_str()]);
        let folder = Folder::parse(&segments.collect::<Vec<_>>())?;
        let id = RequestId::parse(&id.to_string())?;
        Some(Address::new(Arc::new(folder), id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "c9c22855-686a-49f9-b6f2-11c98f11b79a";

    fn receiver(url: &str) -> Result<Receiver, ReceiverError> {
        Receiver::of(&SyftUrl::parse(url).expect("a URL"))
    }

    #[test]
    fn is_an_endpoint_of_an_app() {
        let receiver = receiver("syft://bob@x.org/app_data/llm/chat/rpc/deep/er?a=b");
        let receiver = receiver.expect("a receiver");
        assert_eq!(receiver.path(), "bob@x.org/app_data/llm/chat/rpc/deep/er");
        let alice = Datasite::parse("alice@x.org").expect("an email");
        let id = Uuid::try_parse(ID).expect("an id");
        let address = receiver.address(&alice, id).expect("an address");
        assert_eq!(address.to_string(), format!("/deep/er/alice@x.org/{ID}"));
    }

    #[test]
    fn may_be_the_root_of_an_app() {
        let receiver = receiver("syft://bob@x.org/app_data/chat/rpc/").expect("a receiver");
        assert_eq!(receiver.path(), "bob@x.org/app_data/chat/rpc");
    }

    #[test]
    fn nothing_else_is_one() {
        for url in [
            "syft://bob@x.org",
            "syft://bob@x.org/public/x",
            "syft://bob@x.org/app_data/chat",
            "syft://bob@x.org/app_data/chat/rpc/..",
            "syft://bob@x.org/app_data/chat/rpc/%2e%2e/x",
            "syft://bob@x.org/app_data/../chat/rpc/x",
            "syft://bob@x.org/app_data/.chat/rpc/x",
        ] {
            assert!(receiver(url).is_err(), "{url}");
        }
    }
}
