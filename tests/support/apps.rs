//! Apps that ask for files or HTTP requests, and are granted some.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use syft_manifest::{Files, Http, HttpMethod, HttpOrigin, Manifest, section};
use syft_protocol::grant::PathPattern;

use super::client::call;
use super::guests::guest;
use super::host::Host;
use super::site::Site;

/// Returns a component that asks for files, made of a guest. The same wishes give
/// the same bytes, which the host compiles once for all tests.
pub fn granted(
    site: &Site,
    guest: &Path,
    read: &[&str],
    write: &[&str],
    on_behalf: &[&str],
) -> PathBuf {
    let manifest = Manifest {
        files: Files {
            read: patterns(read),
            write: patterns(write),
            on_behalf_of_sender: patterns(on_behalf),
            ..Files::default()
        },
        ..Manifest::default()
    };
    embed(site, guest, &manifest)
}

/// Returns a component that asks for HTTP requests, made of a guest.
pub fn requesting(site: &Site, guest: &Path, allow: &[&str], methods: &[&str]) -> PathBuf {
    let origins = allow.iter().map(|text| HttpOrigin::parse(text));
    let methods = methods.iter().map(|text| HttpMethod::parse(text));
    let manifest = Manifest {
        http: Http {
            allow: origins.collect::<Result<_, _>>().unwrap(),
            methods: methods.collect::<Option<_>>().unwrap(),
        },
        ..Manifest::default()
    };
    embed(site, guest, &manifest)
}

/// Returns a component with a manifest as its author writes it, made of a guest.
pub fn with_manifest(site: &Site, guest: &Path, toml: &str) -> PathBuf {
    let (manifest, _) = Manifest::from_toml("syft-app.toml", toml).unwrap();
    embed(site, guest, &manifest)
}

/// Returns a component with a manifest, made of a guest.
pub fn embed(site: &Site, guest: &Path, manifest: &Manifest) -> PathBuf {
    let bytes = fs::read(guest).unwrap();
    let bytes = section::embed(&bytes, &manifest.to_section()).unwrap();
    let path = site.path().join("app.wasm");
    fs::write(&path, bytes).unwrap();
    path
}

fn patterns(texts: &[&str]) -> Vec<PathPattern> {
    let parse = |text: &&str| PathPattern::parse(text).unwrap();
    texts.iter().map(parse).collect()
}

/// What an owner approves of all that an app could ask for.
#[derive(Debug, Clone, Default)]
pub struct Approved {
    pub read: Vec<String>,
    pub write: Vec<String>,
    pub deny: Vec<String>,
}

impl Approved {
    pub fn new(read: &[&str], write: &[&str], deny: &[&str]) -> Self {
        let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
        Self {
            read: owned(read),
            write: owned(write),
            deny: owned(deny),
        }
    }

    pub fn options(&self) -> Vec<&str> {
        let lists = [
            ("--allow-read", &self.read),
            ("--allow-write", &self.write),
            ("--deny", &self.deny),
        ];
        let pairs = lists
            .into_iter()
            .flat_map(|(option, list)| list.iter().map(move |value| [option, value.as_str()]));
        pairs.flatten().collect()
    }
}

/// Starts the probing guest `files` as `app`. It asks for everything and gets what
/// is approved.
pub fn start_files(site: &Site, approved: &Approved, options: &[&str]) -> Host {
    start_files_of(site, "files", approved, options)
}

/// Starts the probing guest `files` as `app`, as an app whose writes are seen at once.
pub fn start_files_at_once(site: &Site, approved: &Approved, options: &[&str]) -> Host {
    let manifest = "[files]\nread = ['**']\nwrite = ['**']\nimmediate-writes = true\n";
    let component = with_manifest(site, &guest("files"), manifest);
    let all = [&["--name", "app"], approved.options().as_slice(), options].concat();
    Host::start(site, &component, &all)
}

/// Starts one of the probing guests for files.
pub fn start_files_of(site: &Site, name: &str, approved: &Approved, options: &[&str]) -> Host {
    let component = granted(site, &guest(name), &["**"], &["**"], &[]);
    let all = [&["--name", "app"], approved.options().as_slice(), options].concat();
    Host::start(site, &component, &all)
}

/// Has the guest `files` do this, and returns the outcomes.
pub fn ops(host: &Host, ops: &Value) -> Value {
    let answer = call(&host.rpc, "ops", &ops.to_string());
    assert_eq!(answer.status(), 200, "{ops}: {}", answer.text());
    serde_json::from_str(&answer.text()).unwrap()
}
