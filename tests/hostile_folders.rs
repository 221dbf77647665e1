//! Python programs in folders that are full of traps: no byte of them runs natively.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::python::venv;
use crate::support::client::call;
use crate::support::guests::repository;
use crate::support::host::{Ended, Host, output_of_build, syft_host};
use crate::support::site::{OWNER, Site};

const PROGRAM: &str = "from syft_event import SyftEvents\nbox = SyftEvents('strange')\n\
    @box.on_request('/hello')\ndef hello():\n    return 'hello'\n";

/// What Python runs by its name where it finds it, or by what other modules it needs.
const MODULES: &[&str] = &[
    "pip.py",
    "pip/__main__.py",
    "venv.py",
    "ensurepip.py",
    "json.py",
    "sitecustomize.py",
    "usercustomize.py",
    "subprocess.py",
    "encodings.py",
    "runpy.py",
    "site.py",
    "types.py",
    "ast.py",
    "componentize_py.py",
    "setup.py",
    "lib/python3/site-packages/usercustomize.py",
];

/// Programs by which a path that is not whole is searched.
const PROGRAMS: &[&str] = &["python3", "python", "pip", "pip3", "componentize-py", "git"];

const SETTINGS: &[(&str, &str)] = &[
    (
        "pip.conf",
        "[global]\nno-binary = :all:\nfind-links = .\nrequirement = evil.txt\n",
    ),
    (
        "pip/pip.conf",
        "[global]\nno-binary = :all:\nfind-links = .\n",
    ),
    ("evil.txt", "./evil-1.0.tar.gz\n"),
    (
        "setup.cfg",
        "[easy_install]\nfind_links = .\n[metadata]\nname = evil\n",
    ),
    (
        "pyvenv.cfg",
        "home = .\ninclude-system-site-packages = true\n",
    ),
    (
        "pyproject.toml",
        "[build-system]\nrequires = []\nbuild-backend = \"setup\"\nbackend-path = [\".\"]\n",
    ),
    (".python-version", "./evil\n"),
];

/// A folder of traps, in which each writes where it is found out.
struct Trap {
    folder: PathBuf,
    sprung: PathBuf,
}

impl Trap {
    fn new(site: &Site) -> Self {
        let trap = Self {
            folder: site.path().join("stranger"),
            sprung: site.path().join("sprung"),
        };
        trap.write("app.py", PROGRAM);
        for name in MODULES {
            let note = format!("open({:?}, 'a').write({name:?} + '\\n')\n", trap.sprung);
            trap.write(name, &note);
        }
        for name in PROGRAMS {
            let script = format!("#!/bin/sh\necho {name} >> '{}'\n", trap.sprung.display());
            trap.write(name, &script);
            let path = trap.folder.join(name);
            // `pip` is a folder too.
            if path.is_file() {
                fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        for (name, text) in SETTINGS {
            trap.write(name, text);
        }
        trap
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.join(name);
        if path.is_dir() {
            return;
        }
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Returns `syft-host` in the folder, with an environment that points to it.
    fn command(&self, site: &Site) -> Command {
        let mut command = syft_host(site);
        let path = std::env::var("PATH").unwrap();
        command
            .current_dir(&self.folder)
            .env("PATH", format!(".::stranger:../stranger:{path}"))
            .env("PYTHONPATH", ".")
            .env("PYTHONSTARTUP", "sitecustomize.py")
            .env("PYTHONUSERBASE", ".")
            .env("PYTHONINSPECT", "1")
            .env("VIRTUAL_ENV", ".")
            .env("PIP_NO_BINARY", ":all:")
            .env("PIP_FIND_LINKS", ".")
            .env("PIP_REQUIREMENT", "evil.txt")
            .env("PIP_CONFIG_FILE", "pip.conf")
            .env("PIP_PYTHON", "./python3")
            .env("PIP_TARGET", ".");
        command
    }

    #[track_caller]
    fn is_untouched(&self) {
        let sprung = fs::read_to_string(&self.sprung).unwrap_or_default();
        assert_eq!(sprung, "", "ran natively");
    }
}

/// An index of packages of which none may be run.
struct Index {
    server: Child,
    folder: PathBuf,
    url: String,
}

impl Index {
    fn start(site: &Site, python: &Path, sprung: &Path) -> Self {
        let folder = site.path().join("index");
        let mut server = Command::new(python)
            .arg(repository().join("tests/python/package_index.py"))
            .args([&folder, sprung])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut url = String::new();
        let mut stdout = BufReader::new(server.stdout.take().unwrap());
        stdout.read_line(&mut url).unwrap();
        let url = url.trim().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{url:?}");
        Self {
            server,
            folder,
            url,
        }
    }

    fn fetched(&self) -> String {
        fs::read_to_string(self.folder.join("fetched.log")).unwrap_or_default()
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.server.kill().ok();
        self.server.wait().ok();
    }
}

#[test]
fn nothing_beside_a_program_runs_natively() {
    if venv::python().is_none() {
        return;
    }
    let site = Site::new();
    let trap = Trap::new(&site);
    // What programs are built with is made there, then used again.
    for round in ["fresh", "warm"] {
        let mut build = trap.command(&site);
        build
            .env("XDG_CACHE_HOME", site.path().join("cache"))
            .args(["build", "app.py", "-o", "../built.wasm"]);
        Ended::of(&output_of_build(&mut build)).succeeded();
        trap.is_untouched();
        let mut run = trap.command(&site);
        run.env("XDG_CACHE_HOME", site.path().join("cache"))
            .args(["run", ".", "--email", OWNER, "--data-dir"])
            .arg(site.data_dir());
        let host = Host::spawn(&site, run);
        assert_eq!(call(&host.rpc, "hello", "").text(), "hello", "{round}");
        host.stop();
        trap.is_untouched();
    }
}

#[test]
fn archives_beside_a_program_are_no_packages() {
    let Some(python) = venv::python() else {
        return;
    };
    let site = Site::new();
    let trap = Trap::new(&site);
    let index = Index::start(&site, python, &trap.sprung);
    let archive = index.folder.join("evil-1.0.tar.gz");
    for name in ["evil-1.0.tar.gz", "evil-1.0.TAR.GZ", "evil-1.0.zip"] {
        fs::copy(&archive, trap.folder.join(name)).unwrap();
        trap.write("requirements.txt", &format!("{name}\n"));
        for command in ["build", "run"] {
            let mut command_line = trap.command(&site);
            command_line.args([command, "app.py"]);
            let said = Ended::of(&output_of_build(&mut command_line)).refused();
            let expected = format!(
                "requirements.txt:1: it names an archive, not a package of the index:\n    │ {name}"
            );
            assert!(said.contains(&expected), "{said}");
            trap.is_untouched();
        }
    }
}

#[test]
fn packages_come_from_the_index_as_wheels_alone() {
    let Some(python) = venv::python() else {
        return;
    };
    let site = Site::new();
    let trap = Trap::new(&site);
    // What programs are built with is not in this index, and made before.
    let mut first = trap.command(&site);
    first.args(["build", "app.py", "-o", "../built.wasm"]);
    Ended::of(&output_of_build(&mut first)).succeeded();
    let index = Index::start(&site, python, &trap.sprung);
    let build = |requirement: &str| {
        trap.write("requirements.txt", requirement);
        let mut command = trap.command(&site);
        command.env("PIP_INDEX_URL", &index.url);
        command.args(["build", "app.py", "-o", "../built.wasm"]);
        Ended::of(&output_of_build(&mut command))
    };
    for (requirement, expected) in [
        ("names-an-address", "names a package by an address"),
        ("names-a-file", "names a package by an address"),
        ("names-a-folder", "names a package by an address"),
        ("names-a-repository", "names a package by an address"),
        ("names-it-deeper", "names a package by an address"),
        ("needs-a-source", "No matching distribution found for evil"),
        ("evil", "No matching distribution found for evil"),
    ] {
        let said = build(requirement).refused();
        assert!(said.contains(expected), "{requirement}: {said}");
        trap.is_untouched();
    }
    let fetched = index.fetched();
    assert!(!fetched.contains("evil-1.0.tar.gz"), "{fetched}");
    // Others are installed with what they need.
    trap.write("app.py", &format!("import plain, needs_plain\n{PROGRAM}"));
    build("needs-plain==1.0").succeeded();
    trap.is_untouched();
}
