//! How a user names an app, or an endpoint of one: `APP/ENDPOINT`, `EMAIL/APP/ENDPOINT`, or a
//! `syft://` URL.

use syft_protocol::address::{AppName, Datasite, Endpoint};
use syft_protocol::url::SyftUrl;

use crate::error::CommandError;
use syft_server::published::PublishedApps;

/// Parts that the name of an app has at most.
const MAX_PARTS: usize = 4;

/// An app of a datasite, and an endpoint of it if one is named.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) datasite: Datasite,
    pub(super) app: AppName,
    pub(super) endpoint: Option<Endpoint>,
    /// As it was typed, where it was.
    url: Option<SyftUrl>,
    query: String,
}

impl Target {
    /// Reads what a user typed. Without an email it is an app of the owner's own datasite. Which
    /// apps there are says where the name of one ends.
    ///
    /// # Errors
    /// It names no app.
    pub(super) fn parse(
        text: &str,
        owner: &Datasite,
        published: &PublishedApps,
    ) -> Result<Self, CommandError> {
        if text.starts_with("syft://") {
            return Self::of_url(text);
        }
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
        let (datasite, names) = match names.split_first() {
            Some((first, below)) if first.contains('@') => (Datasite::parse(first)?, below),
            _ => (owner.clone(), &names[..]),
        };
        if let ["app_data", _, ..] = names {
            return Self::of_url(&format!("syft://{datasite}/{}", names.join("/")));
        }
        if names.is_empty() {
            return Err(unnamed(text));
        }
        let apps = published.apps(&datasite);
        let is_app = |n_parts: &usize| {
            let name = names[..*n_parts].join("/");
            apps.iter().any(|app| app.as_str() == name)
        };
        let n_parts = (1..=names.len().min(MAX_PARTS)).rev().find(is_app);
        let (app, endpoint) = names.split_at(n_parts.unwrap_or(1));
        Ok(Self {
            datasite,
            app: AppName::parse(&app.join("/")).map_err(|error| explain(error.into()))?,
            endpoint: match endpoint {
                [] => None,
                names => Some(Endpoint::parse(&names.join("/"))?),
            },
            url: None,
            query: query.to_owned(),
        })
    }

    fn of_url(text: &str) -> Result<Self, CommandError> {
        let url = SyftUrl::parse(text).map_err(|error| explain(error.into()))?;
        let (app, endpoint) = match url.rpc_target() {
            Some((app, endpoint)) => (app, Some(endpoint).filter(|name| !name.is_empty())),
            None => {
                let path = url.path().trim_matches('/');
                let app = path.strip_prefix("app_data/");
                (app.ok_or_else(|| unnamed(text))?.to_owned(), None)
            }
        };
        Ok(Self {
            datasite: Datasite::parse(url.datasite())?,
            app: AppName::parse(&app)?,
            endpoint: endpoint.as_deref().map(Endpoint::parse).transpose()?,
            url: url.rpc_target().is_some().then_some(url),
            query: String::new(),
        })
    }

    /// Returns the endpoint that is named; without one, that of the app's root.
    pub(super) fn endpoint(&self) -> Endpoint {
        let root = || Endpoint::parse("").expect("it is one");
        self.endpoint.clone().unwrap_or_else(root)
    }

    /// Returns the URL of the endpoint, as it was typed if it was.
    pub(super) fn url(&self) -> Result<SyftUrl, CommandError> {
        if let Some(url) = &self.url {
            return Ok(url.clone());
        }
        let url = SyftUrl::for_endpoint(&self.datasite, &self.app, &self.endpoint());
        match self.query.as_str() {
            "" => Ok(url),
            query => Ok(SyftUrl::parse(&format!("{}?{query}", url.as_str()))?),
        }
    }

    /// Returns how to name an endpoint of the app on a command line.
    pub(super) fn name_of(&self, endpoint: &Endpoint, owner: &Datasite) -> String {
        name_of(&self.datasite, &self.app, endpoint, owner)
    }
}

/// Returns how to name an endpoint of an app on a command line, where that cannot be taken for
/// another.
pub(super) fn name_of(
    datasite: &Datasite,
    app: &AppName,
    endpoint: &Endpoint,
    owner: &Datasite,
) -> String {
    if app.parts().count() > 1 || endpoint.as_str().contains('?') {
        return SyftUrl::for_endpoint(datasite, app, endpoint)
            .as_str()
            .to_owned();
    }
    let name = format!("{app}{endpoint}");
    if datasite == owner {
        name
    } else {
        format!("{datasite}/{name}")
    }
}

fn unnamed(text: &str) -> CommandError {
    explain(CommandError::new(format!("`{text}` names no app")))
}

fn explain(error: CommandError) -> CommandError {
    error.hint(
        "name an endpoint as hello/greet, alice@example.org/hello/greet, or \
         syft://alice@example.org/app_data/hello/rpc/greet",
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Returns the URL, and whether an endpoint is named.
    fn check(text: &str) -> Result<(String, bool), String> {
        let root = tempfile::tempdir().expect("a folder");
        for app in ["a@x.org/app_data/llm/x/rpc", "b@x.org/app_data/llm/y/rpc"] {
            fs::create_dir_all(root.path().join(app)).expect("a folder");
        }
        let owner = Datasite::parse("a@x.org").expect("an email");
        let published = PublishedApps::open(root.path());
        let target = Target::parse(text, &owner, &published);
        let target = target.map_err(|error| error.to_string())?;
        let url = target.url().expect("a URL");
        Ok((url.as_str().to_owned(), target.endpoint.is_some()))
    }

    #[test]
    fn endpoints_are_named_in_several_ways() {
        for (text, url, has_endpoint) in [
            (
                "hello/greet",
                "syft://a@x.org/app_data/hello/rpc/greet",
                true,
            ),
            ("hello", "syft://a@x.org/app_data/hello/rpc", false),
            (
                "hello/a/b?x=1&y=/z",
                "syft://a@x.org/app_data/hello/rpc/a/b?x=1&y=/z",
                true,
            ),
            ("llm/x/ask", "syft://a@x.org/app_data/llm/x/rpc/ask", true),
            ("llm/y/ask", "syft://a@x.org/app_data/llm/rpc/y/ask", true),
            (
                "b@x.org/llm/y/ask",
                "syft://b@x.org/app_data/llm/y/rpc/ask",
                true,
            ),
            (
                "b@x.org/app_data/z/rpc/ask",
                "syft://b@x.org/app_data/z/rpc/ask",
                true,
            ),
            (
                "syft://c@x.org/app_data/z/rpc/a%20b/?q",
                "syft://c@x.org/app_data/z/rpc/a%20b/?q",
                true,
            ),
            (
                "syft://c@x.org/app_data/z",
                "syft://c@x.org/app_data/z/rpc",
                false,
            ),
        ] {
            assert_eq!(check(text), Ok((url.to_owned(), has_endpoint)), "{text}");
        }
        for text in [
            "",
            "/",
            "a@x.org",
            "https://example.com/",
            "syft://a@x.org",
            "syft://a@x.org/public/x",
            "../x/y",
            "hello/../y",
            "hello/*",
            "@/hello",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }
}
