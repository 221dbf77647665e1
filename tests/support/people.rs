//! People with keys and hosts of their own, who share one tree as if it were synced.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::SigningKey;
use rustix::process::{Pid, Signal};
use serde_json::{Value, json};
use syft_manifest::{Manifest, section};

use super::guests::{guest, repository};
use super::host::{Ended, output, syft_host};
use super::site::Site;
use super::wait_for;
use crate::signing::signed_by;
use crate::signing::signer::{Signer, public_line};

/// Somebody with a datasite, a home and a key.
pub struct Person {
    pub email: String,
    pub home: PathBuf,
    config: PathBuf,
    seed: u8,
}

impl Person {
    /// Returns somebody with the key of this seed, which is the same in each run.
    pub fn new(site: &Site, email: &str, seed: u8) -> Self {
        let home = site.path().join("homes").join(email);
        fs::create_dir_all(&home).unwrap();
        fs::create_dir_all(site.datasites().join(email).join("public")).unwrap();
        let person = Self {
            email: email.to_owned(),
            home,
            config: site.config(email),
            seed,
        };
        person.write_key(seed);
        person
    }

    /// Writes a key as SyftBox keeps it, and returns its path.
    fn write_key(&self, seed: u8) {
        let encode = |bytes: &[u8; 32]| BASE64URL_NOPAD.encode(bytes);
        let key = SigningKey::from_bytes(&[seed; 32]);
        let (public, secret) = (key.verifying_key().to_bytes(), key.to_bytes());
        let jwks = json!({"identity_key": {
            "kty": "OKP", "crv": "Ed25519", "x": encode(&public), "d": encode(&secret),
        }});
        fs::write(self.home.join(key_name(seed)), jwks.to_string()).unwrap();
    }

    /// Takes another key, and returns the paths of both.
    pub fn take_key(&mut self, seed: u8) -> [PathBuf; 2] {
        let old = self.key();
        self.write_key(seed);
        self.seed = seed;
        [old, self.key()]
    }

    pub fn key(&self) -> PathBuf {
        self.home.join(key_name(self.seed))
    }

    /// Returns their public key, as OpenSSH has it.
    pub fn public_key(&self) -> String {
        public_line(
            SigningKey::from_bytes(&[self.seed; 32])
                .verifying_key()
                .as_bytes(),
        )
    }

    /// Writes the did.json of their datasite, with the key of this seed.
    pub fn write_did(&self, site: &Site, seed: u8) {
        let key = SigningKey::from_bytes(&[seed; 32]).verifying_key();
        let id = format!("did:web:syftbox.net:{}", self.email.replace('@', "%40"));
        let x = BASE64URL_NOPAD.encode(key.as_bytes());
        let did = json!({"id": id, "verificationMethod": [{
            "id": format!("{id}#identity-key"),
            "publicKeyJwk": {"kty": "OKP", "crv": "Ed25519", "x": x},
        }]});
        let folder = site.datasites().join(&self.email).join("public");
        fs::write(folder.join("did.json"), did.to_string()).unwrap();
    }

    /// Returns `syft-host` as they run it.
    pub fn command(&self, site: &Site, arguments: &[&str]) -> Command {
        let mut command = syft_host(site);
        // What they build shares its dependencies with the last run.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("projects");
        command
            .env("HOME", &self.home)
            .env("CARGO_TARGET_DIR", target);
        command.current_dir(&self.home);
        command.args(arguments).arg("--config").arg(&self.config);
        command
    }

    /// Runs `syft-host` to its end.
    pub fn run(&self, site: &Site, arguments: &[&str]) -> Ended {
        Ended::of(&output(&mut self.command(site, arguments)))
    }

    /// Runs `syft-host --json`, which must succeed, and returns what it says.
    #[track_caller]
    pub fn json(&self, site: &Site, arguments: &[&str]) -> Vec<Value> {
        let arguments = [&["--json"], arguments].concat();
        let ended = self.run(site, &arguments).succeeded();
        let lines = ended.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Runs `syft-host` on a terminal and types these answers. Returns whether it succeeded
    /// and what was to be seen; nothing without Python.
    pub fn on_terminal(
        &self,
        site: &Site,
        answers: &[&str],
        arguments: &[&str],
    ) -> Option<(bool, String)> {
        let python = crate::python::venv::python()?;
        let program = self.command(site, arguments);
        let mut command = Command::new(python);
        command
            .arg(repository().join("tests/python/terminal.py"))
            .arg(serde_json::to_string(answers).unwrap())
            .arg(program.get_program())
            .args(program.get_args())
            .current_dir(&self.home)
            .env_clear()
            .envs(
                program
                    .get_envs()
                    .filter_map(|(key, value)| Some((key, value?))),
            );
        let output = output(&mut command);
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        Some((output.status.success(), shown))
    }

    /// Makes a release of a guest: with this manifest, whose `app` is completed, and signed.
    /// Returns its path.
    pub fn release(&self, site: &Site, guest: &Path, version: &str, toml: &str) -> String {
        let sequence = version.rsplit('.').next().unwrap();
        let app = format!(
            "name = 'demo'\nversion = '{version}'\nsequence = {sequence}\nauthor = '{}'\n",
            self.email
        );
        self.signed(site, guest, &format!("[app]\n{app}{toml}"))
    }

    /// Makes a release that no host can serve, as `release` does. `sign` refuses it, so it is
    /// signed by other means, with the key of Alice.
    pub fn unfit_release(&self, version: &str, toml: &str) -> String {
        let sequence = version.rsplit('.').next().unwrap();
        let app = format!(
            "[app]\nname = 'demo'\nversion = '{version}'\nsequence = {sequence}\nauthor = \
             '{}'\n{toml}",
            self.email
        );
        let (manifest, _) = Manifest::from_toml("syft-app.toml", &app).unwrap();
        let bytes = fs::read(guest("not-an-app")).unwrap();
        let bytes = section::embed(&bytes, &manifest.to_section()).unwrap();
        let path = self.home.join(format!("demo-{version}.wasm"));
        fs::write(&path, signed_by(&Signer::alice(), &bytes[8..])).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Makes a component of a guest with this manifest, signed. Returns its path.
    pub fn signed(&self, site: &Site, guest: &Path, toml: &str) -> String {
        let (manifest, _) = Manifest::from_toml("syft-app.toml", toml).unwrap();
        let bytes = fs::read(guest).unwrap();
        let bytes = section::embed(&bytes, &manifest.to_section()).unwrap();
        let version = manifest.version.unwrap();
        let path = self.home.join(format!("demo-{version}.wasm"));
        fs::write(&path, bytes).unwrap();
        let (path, key) = (path.to_str().unwrap(), self.key());
        let sign = ["sign", path, "--key", key.to_str().unwrap()];
        self.run(site, &sign).succeeded();
        path.to_owned()
    }
}

/// `syft-host serve`, until it is dropped.
pub struct Served {
    child: Child,
    events: Receiver<Value>,
    seen: RefCell<Vec<Value>>,
}

impl Served {
    /// Serves what somebody has installed, and waits until each app was tried.
    pub fn start(site: &Site, owner: &Person) -> Self {
        Self::start_with(site, owner, &[])
    }

    pub fn start_with(site: &Site, owner: &Person, options: &[&str]) -> Self {
        let arguments = [&["--json", "--log-format", "json", "serve"], options].concat();
        let log = File::create(owner.home.join("serve.log")).unwrap();
        let mut command = owner.command(site, &arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, events) = channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        let served = Self {
            child,
            events,
            seen: RefCell::default(),
        };
        served.wait_for("the host to be ready", |event| event["event"] == "ready");
        served
    }

    /// Waits for an event, which may have been there before.
    pub fn wait_for(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        wait_for(what, || {
            let mut seen = self.seen.borrow_mut();
            seen.extend(self.events.try_iter());
            seen.iter().rev().find(|event| is_it(event)).cloned()
        })
    }

    /// Waits until this version of an app is the last one that it began to serve.
    pub fn wait_for_version(&self, version: &str) {
        wait_for(version, || {
            let mut seen = self.seen.borrow_mut();
            seen.extend(self.events.try_iter());
            let mut begun = seen
                .iter()
                .rev()
                .filter(|event| !event["version"].is_null());
            begun
                .next()
                .filter(|event| event["version"] == version)
                .map(|_| ())
        });
    }

    /// Has it look at what is installed and at its settings.
    pub fn reload(&self) {
        rustix::process::kill_process(Pid::from_child(&self.child), Signal::HUP).unwrap();
    }

    /// Asks it to stop and waits for the end.
    pub fn stop(mut self) {
        rustix::process::kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let status = wait_for("the end of the host", || self.child.try_wait().unwrap());
        assert!(status.success());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

const CARGO: [&str; 7] = [
    "Adding",
    "Blocking",
    "Compiling",
    "Downloaded",
    "Downloading",
    "Finished",
    "Updating",
];

fn key_name(seed: u8) -> String {
    format!("{seed}.jwks.json")
}

/// Returns text with what differs from run to run, or with the compiler, replaced: the site, times,
/// digests and sizes.
pub fn normal(site: &Site, text: &str) -> String {
    let site = site.path().to_str().unwrap();
    let text = text.replace(site, "SITE");
    let is_word = |c: char| c.is_ascii_alphanumeric() || "+-:.".contains(c);
    let words = text.split_inclusive(|c| !is_word(c)).map(|word| {
        let bare = word.trim_end_matches(|c| !is_word(c)).trim_end_matches(':');
        let is_time = bare.contains('T') && bare.ends_with("+00:00");
        let is_digest = bare.len() == 64 && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
        match (is_time, is_digest) {
            (true, _) => word.replace(bare, "<time>"),
            (_, true) => word.replace(bare, "<sha256>"),
            _ => word.to_owned(),
        }
    });
    let lines: String = words.collect();
    let lines = lines.split_inclusive('\n').map(|line| {
        match line.split_whitespace().next() {
            // What cargo tells depends on what it has built before.
            Some(first) if line.starts_with("  ") && CARGO.contains(&first) => "",
            Some("Size") => "Size     <size>\n",
            _ => line,
        }
    });
    lines.collect()
}
