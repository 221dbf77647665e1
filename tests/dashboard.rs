//! The dashboard of `serve`: who is answered, what it shows, and what is done by it.

mod api;
mod attacks;
mod browser;
mod deciding;
mod hostile;
mod load;

use std::fs;
use std::net::SocketAddr;

use serde_json::Value;
use syft_manifest::Manifest;

use crate::support::apps::with_manifest;
use crate::support::guests::guest;
use crate::support::http_client::{HttpAnswer, ask};
use crate::support::installed::{Installation, Serving, serve};
use crate::support::site::Site;

/// What an app of [`put_reader`] asks for and gets.
const READS: &str = "[files]\nread = ['*/public/*.json']";

/// Installs an app that reads files as it is told to, and may read some.
pub fn put_reader(installation: &Installation, site: &Site, name: &str) {
    let component = fs::read(with_manifest(site, &guest("files"), READS)).unwrap();
    installation.put_with(name, &component, |installed| {
        installed.current.approved = reads();
    });
}

fn reads() -> Manifest {
    Manifest::from_toml("syft-app.toml", READS).unwrap().0
}

/// A dashboard, as its owner knows it.
pub struct Opened {
    address: SocketAddr,
    /// The link that logs in.
    link: String,
    token: String,
}

impl Opened {
    /// Returns the one of which a host has told.
    pub fn of(event: &Value) -> Self {
        let link = event["link"].as_str().unwrap().to_owned();
        let (address, token) = link.split_once("/?token=").unwrap();
        Self {
            address: address.strip_prefix("http://").unwrap().parse().unwrap(),
            token: token.to_owned(),
            link,
        }
    }

    /// Starts a host with a dashboard.
    fn start(site: &Site) -> (Serving, Self) {
        Self::start_at(site, SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// Starts a host with a dashboard at this address.
    fn start_at(site: &Site, address: SocketAddr) -> (Serving, Self) {
        let option = format!("--dashboard={address}");
        let serving = Serving::spawn(site, serve(site, &[&option]));
        let event = serving.wait_for("the dashboard", |event| event["event"] == "dashboard");
        serving.wait_for("it to be ready", |event| event["event"] == "ready");
        let opened = Self::of(&event);
        (serving, opened)
    }

    fn host(&self) -> String {
        format!("Host: {}", self.address)
    }

    /// Asks with the right host and these headers.
    fn ask(&self, request: &str, headers: &[&str]) -> HttpAnswer {
        let host = self.host();
        let headers = [&[host.as_str()], headers].concat();
        ask(self.address, request, &headers, "")
    }

    /// Asks for a page as the owner does.
    pub fn get(&self, path: &str) -> HttpAnswer {
        let bearer = format!("Authorization: Bearer {}", self.token);
        let answer = self.ask(&format!("GET {path}"), &[&bearer]);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer
    }

    /// Opens the link as a browser does, and returns the header with the cookie.
    fn log_in(&self) -> String {
        let answer = self.ask(&format!("GET /?token={}", self.token), &[]);
        assert_eq!(answer.status, 303, "{}", answer.body);
        let cookie = answer.header("set-cookie").split(';').next().unwrap();
        format!("Cookie: {cookie}")
    }

    /// Sends a form as the owner's browser does.
    fn send(&self, cookie: &str, form: &str) -> HttpAnswer {
        let host = self.host();
        let headers = [
            host.as_str(),
            cookie,
            "Content-Type: application/x-www-form-urlencoded",
            "Sec-Fetch-Site: same-origin",
            "Origin: null",
        ];
        ask(self.address, "POST /decide", &headers, form)
    }

    /// Returns what all forms of this dashboard hold, from the page that asks.
    fn form_token(&self, ask: &str) -> String {
        let page = self.get(ask).body;
        let (_, rest) = page.split_once(r#"name="form" value=""#).expect("a form");
        rest.split('"').next().unwrap().to_owned()
    }
}
