//! Python for the sandbox that came with the program, as the wheel `syft-host-python` brings it.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::python::venv;
use crate::support::client::call;
use crate::support::guests::repository;
use crate::support::host::{Ended, Host, output_of_build, shared_cache, syft_host};
use crate::support::site::{OWNER, Site};

const COMPONENTS: &str = "share/syft-host/components";

/// A folder with the program and what came with it, as a package lays it out.
struct Installed<'a> {
    site: &'a Site,
    program: PathBuf,
    components: PathBuf,
}

impl<'a> Installed<'a> {
    fn new(site: &'a Site) -> Self {
        let prefix = site.path().join("prefix");
        let components = prefix.join(COMPONENTS);
        let program = prefix.join("bin/syft-host");
        fs::create_dir_all(&components).unwrap();
        fs::create_dir(prefix.join("bin")).unwrap();
        fs::copy(syft_host(site).get_program(), &program).unwrap();
        Self {
            site,
            program,
            components,
        }
    }

    /// Returns the command that serves a program where nothing was built, and where no index can
    /// be reached.
    fn run(&self) -> Command {
        let usual = syft_host(self.site);
        let usual = usual.get_envs();
        let usual = usual.filter_map(|(name, value)| Some((name, value?)));
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .envs(usual)
            .env("XDG_CACHE_HOME", self.cache())
            .env("PIP_NO_INDEX", "1")
            .arg("run")
            .arg(program())
            .args(["--email", OWNER, "--data-dir"])
            .arg(self.site.data_dir());
        command
    }

    fn cache(&self) -> PathBuf {
        self.site.path().join("cache")
    }
}

fn program() -> PathBuf {
    repository().join("packaging/python/plain.py")
}

/// Returns what was built for all programs of these tests, by their names without an end.
fn built() -> Vec<PathBuf> {
    let folder = shared_cache().join("syft-host/python/components");
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let descriptions = paths.filter(|path| path.extension().is_some_and(|end| end == "json"));
    descriptions.map(|path| path.with_extension("")).collect()
}

/// Copies the machine code of a component, which would take long to compile again.
fn copy_code(cache: &Path, description: &Path) {
    let description: Value = serde_json::from_slice(&fs::read(description).unwrap()).unwrap();
    let digest = description["sha256"].as_str().unwrap();
    let to = cache.join("syft-host/compiled");
    let mut private = fs::DirBuilder::new();
    private.recursive(true).mode(0o700).create(&to).unwrap();
    for entry in fs::read_dir(shared_cache().join("syft-host/compiled")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_str().unwrap().starts_with(digest) {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[test]
fn what_came_with_the_program_is_served_unless_it_is_damaged() {
    if venv::python().is_none() {
        return;
    }
    let site = Site::new();
    // So that it was built.
    Host::start_unbuilt(&site, &program(), &[]).stop();
    let installed = Installed::new(&site);
    for built in built() {
        let name = installed.components.join(built.file_name().unwrap());
        fs::write(name.with_extension("wasm"), "damaged").unwrap();
        fs::copy(built.with_extension("json"), name.with_extension("json")).unwrap();
    }
    let error = Ended::of(&output_of_build(&mut installed.run())).refused();
    assert!(error.contains("hint: install it again"), "{error}");
    let (path, _) = error.split_once(" is damaged").expect(&error);
    let path = Path::new(path.rsplit(' ').next().unwrap());

    let whole = built()
        .into_iter()
        .find(|whole| whole.file_name() == path.file_stem())
        .unwrap();
    fs::copy(whole.with_extension("wasm"), path).unwrap();
    copy_code(&installed.cache(), &path.with_extension("json"));
    let host = Host::spawn(&site, installed.run());
    assert_eq!(call(&host.rpc, "answer", "").text(), "built");
    host.stop();
    let python = installed.cache().join("syft-host/python");
    let left = fs::read_dir(python).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "nothing was made to build with: {left:?}");
}
