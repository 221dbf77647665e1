//! Agreement with foreign parties: the registry that Debian packages as `docker-registry`, and
//! `wkg` of crates.io, with which others push and pull components.
//!
//! Building the second takes minutes where it is not there yet, so these run by `just interop`
//! and in CI.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc;
use std::thread;

use serde_json::{Value, json};
use syft_manifest::section;
use syft_package::oci::{self, Auth, OciDigest, OciError};
use syft_package::{Package, SecretKey, Signable};
use zeroize::Zeroizing;

use super::{MANIFEST, at, bounds};
use crate::signing::interop::wasmsign2;
use crate::support::guests::example;
use crate::support::host::Ended;
use crate::support::host::output;
use crate::support::people::Person;
use crate::support::site::Site;
use crate::support::tools::install;
use crate::support::{PATIENCE, not_run, tell_not_run};

const REGISTRY: &str = "docker-registry";
/// The password `sesame` of `alice`, as a registry keeps it.
const HTPASSWD: &str = "alice:$2b$04$UdviOvzpGPCBn2zuzJ0AHOclad7mCjzrzJ4ajltPWSgb2vMFzsB4e\n";
/// Says to a test that it is to be the client, and of which registry.
const CLIENT_OF: &str = "TEST_CLIENT_OF_REGISTRY";

/// Returns the tool, which is built if it is not there; or says past the capturing of
/// output why the test did not run.
fn wkg() -> Option<&'static Path> {
    static TOOL: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| install("wkg", "wkg"));
    match &*TOOL {
        Ok(tool) => Some(tool),
        Err(error) => {
            not_run(&format!("wkg does not build: {error}"));
            None
        }
    }
}

/// A foreign registry with a folder of its own, until it is dropped.
struct Registry {
    child: Child,
    host: String,
    site: Site,
}

impl Registry {
    fn start() -> Option<Self> {
        Self::with(Site::new(), &json!({}), "127.0.0.1:0")
    }

    /// Starts one with some more of its settings. Says so loudly where there is none on this
    /// machine: it is no crate that could be built.
    fn with(site: Site, settings: &Value, address: &str) -> Option<Self> {
        let mut config = json!({
            "version": "0.1",
            "log": {"level": "info"},
            "storage": {"filesystem": {"rootdirectory": site.path().join("registry")}},
            "http": {"addr": address},
        });
        for (key, values) in settings.as_object().unwrap() {
            match config.get_mut(key).and_then(Value::as_object_mut) {
                Some(own) => own.extend(values.as_object().unwrap().clone()),
                None => config[key] = values.clone(),
            }
        }
        // JSON is YAML.
        let path = site.path().join("registry.yaml");
        fs::write(&path, config.to_string()).unwrap();
        let spawned = Command::new(REGISTRY)
            .arg("serve")
            .arg(path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut child) = spawned else {
            tell_not_run("there is no docker-registry");
            return None;
        };
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, receiver) = mpsc::channel();
        // It also goes on reading what the registry logs, so that it never waits for that.
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if let Some((_, address)) = line.split_once("listening on ") {
                    let end = address.find([',', '"']).unwrap_or(address.len());
                    drop(sender.send(address[..end].to_owned()));
                }
            }
        });
        let host = receiver.recv_timeout(PATIENCE).unwrap();
        Some(Self { child, host, site })
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

/// Returns an app that a tool which reads its imports can read, and its release.
fn signed_hello() -> Vec<u8> {
    let hello = fs::read(example("hello")).unwrap();
    let app = section::embed(&hello, MANIFEST.as_bytes()).unwrap();
    let key = SecretKey::generate().unwrap();
    Signable::read(&app).unwrap().sign(&[key]).unwrap()
}

/// Runs `wkg oci …` for a registry that has no certificate.
fn wkg_oci(registry: &Registry, arguments: &[&str]) {
    let mut command = Command::new(wkg().expect("it was there before"));
    command
        .args(["oci", arguments[0], "--insecure", &registry.host])
        .args(&arguments[1..])
        .env("HOME", registry.site.path())
        .current_dir(registry.site.path());
    let ended = output(&mut command);
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{arguments:?}: {said}");
}

fn push(registry: &Registry, app: &[u8], auth: &Auth) -> Result<OciDigest, OciError> {
    let release = Signable::read(app).unwrap().release().clone();
    let reference = at(&registry.host, "alice/leaderboard:1.2.0");
    oci::push(
        app,
        &reference,
        &oci::annotations(&release),
        auth,
        &bounds(),
    )
}

#[test]
#[ignore = "wants docker-registry: just interop"]
fn docker_registry_keeps_an_app_as_it_is() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let app = signed_hello();
    let digest = push(&registry, &app, &Auth::Anonymous).unwrap();
    assert_eq!(push(&registry, &app, &Auth::Anonymous), Ok(digest.clone()));
    let tagged = at(&registry.host, "alice/leaderboard:1.2.0");
    for reference in [&tagged, &tagged.pinned(&digest)] {
        let pulled = oci::pull(reference, &Auth::Anonymous, &bounds()).unwrap();
        assert_eq!(pulled.manifest_digest, digest);
        assert!(pulled.component == app);
        Package::read(&app).unwrap().verify(&[]).unwrap();
    }
    for absent in ["alice/leaderboard:2", "bob/leaderboard:1.2.0"] {
        let reference = at(&registry.host, absent);
        let refused = oci::pull(&reference, &Auth::Anonymous, &bounds());
        assert!(
            matches!(refused, Err(OciError::NotFound { .. })),
            "{refused:?}"
        );
    }
}

#[test]
#[ignore = "wants docker-registry: just interop"]
fn docker_registry_lets_in_who_has_the_password() {
    let site = Site::new();
    let path = site.path().join("htpasswd");
    fs::write(&path, HTPASSWD).unwrap();
    let settings = json!({"auth": {"htpasswd": {"realm": "all", "path": path}}});
    let Some(registry) = Registry::with(site, &settings, "127.0.0.1:0") else {
        return;
    };
    let app = signed_hello();
    let alice = |password: &str| Auth::Password {
        user: "alice".to_owned(),
        password: Zeroizing::new(password.to_owned()),
    };
    for wrong in [Auth::Anonymous, alice("simsalabim")] {
        let refused = push(&registry, &app, &wrong);
        assert!(
            matches!(refused, Err(OciError::Unauthorized { .. })),
            "{refused:?}"
        );
    }
    let digest = push(&registry, &app, &alice("sesame")).unwrap();
    let reference = at(&registry.host, "alice/leaderboard:1.2.0").pinned(&digest);
    let pulled = oci::pull(&reference, &alice("sesame"), &bounds()).unwrap();
    assert!(pulled.component == app);
    let refused = oci::pull(&reference, &Auth::Anonymous, &bounds());
    assert!(
        matches!(refused, Err(OciError::Unauthorized { .. })),
        "{refused:?}"
    );
}

#[test]
#[ignore = "builds a foreign tool: just interop"]
fn wkg_pulls_what_we_push() {
    let Some(registry) = Registry::start() else {
        return;
    };
    if wkg().is_none() {
        return;
    }
    let app = signed_hello();
    push(&registry, &app, &Auth::Anonymous).unwrap();
    let reference = format!("{}/alice/leaderboard:1.2.0", registry.host);
    wkg_oci(&registry, &["pull", &reference, "-o", "pulled.wasm"]);
    let pulled = fs::read(registry.site.path().join("pulled.wasm")).unwrap();
    assert!(pulled == app);
}

#[test]
#[ignore = "builds a foreign tool: just interop"]
fn we_pull_what_wkg_pushes() {
    let Some(registry) = Registry::start() else {
        return;
    };
    if wkg().is_none() {
        return;
    }
    let app = signed_hello();
    fs::write(registry.site.path().join("app.wasm"), &app).unwrap();
    let reference = format!("{}/alice/leaderboard:1.2.0", registry.host);
    let annotation = "org.opencontainers.image.version=1.2.0";
    wkg_oci(
        &registry,
        &["push", "--annotation", annotation, &reference, "app.wasm"],
    );
    let reference = at(&registry.host, "alice/leaderboard:1.2.0");
    let pulled = oci::pull(&reference, &Auth::Anonymous, &bounds()).unwrap();
    assert!(pulled.component == app);
    assert_eq!(pulled.layer_digest, OciDigest::of(&app));
    let version = &pulled.annotations["org.opencontainers.image.version"];
    assert_eq!(version, "1.2.0");
    let verified = Package::read(&pulled.component).unwrap().verify(&[]);
    assert_eq!(verified.unwrap().release().name.as_str(), "leaderboard");
}

/// An author and an owner with a foreign registry between them.
struct World {
    registry: Registry,
    alice: Person,
    owner: Person,
}

impl World {
    fn new() -> Option<Self> {
        let registry = Registry::start()?;
        wkg()?;
        let alice = Person::new(&registry.site, "alice@example.org", 1);
        let owner = Person::new(&registry.site, "owner@example.com", 9);
        Some(Self {
            registry,
            alice,
            owner,
        })
    }

    /// Has `wkg` push a file, and returns where it is then.
    fn wkg_pushes(&self, file: &str) -> String {
        let reference = format!("{}/alice/app:latest", self.registry.host);
        wkg_oci(&self.registry, &["push", &reference, file]);
        format!("oci://{reference}")
    }

    /// Has the owner install what is somewhere, if it is the same as this file.
    fn install(&self, url: &str, file: &str) -> Ended {
        let digest = syft_manifest::Digest::of(&fs::read(file).unwrap());
        let install = ["install", url, "--yes", "--expect-digest", digest.as_str()];
        self.owner.run(&self.registry.site, &install)
    }
}

#[test]
#[ignore = "builds a foreign tool: just interop"]
fn an_app_goes_from_publish_to_wkg_and_from_wkg_to_install() {
    let Some(world) = World::new() else { return };
    let site = &world.registry.site;
    let file = world.alice.release(site, &example("hello"), "1.0.1", "");
    let published = format!("{}/alice/demo:latest", world.registry.host);
    let publish = ["publish", &file, &format!("oci://{published}")];
    world.alice.run(site, &publish).succeeded();
    wkg_oci(&world.registry, &["pull", &published, "-o", "pulled.wasm"]);
    let pulled = site.path().join("pulled.wasm");
    assert!(fs::read(&pulled).unwrap() == fs::read(&file).unwrap());

    let url = world.wkg_pushes(pulled.to_str().unwrap());
    let installed = world.install(&url, &file).succeeded();
    assert!(
        installed.stdout.contains("Installed demo 1.0.1"),
        "{installed:?}"
    );
    // It says when it pushed, which makes no other release of it.
    world.wkg_pushes(&file);
    let updated = world.owner.json(site, &["update"]);
    assert_eq!(updated[0]["event"], "up-to-date");
}

/// Its signatures name keys in a way that says nothing to who does not have the keys. Who is
/// asked whether to trust one has to be shown which.
#[test]
#[ignore = "builds foreign tools: just interop"]
fn what_wasmsign2_alone_has_signed_is_nobodys() {
    let Some(world) = World::new() else { return };
    let Some(wasmsign2) = wasmsign2() else { return };
    let site = &world.registry.site;
    let home = &world.alice.home;
    let app = fs::read(example("hello")).unwrap();
    let app = section::embed(&app, MANIFEST.as_bytes()).unwrap();
    fs::write(home.join("app.wasm"), app).unwrap();
    let keygen = ["keygen", "--no-passphrase", "-o", "key"];
    world.alice.run(site, &keygen).succeeded();
    let mut command = Command::new(wasmsign2);
    command
        .args(["sign", "-Z", "-k", "key", "-K", "key.pub"])
        .args(["-i", "app.wasm", "-o", "signed.wasm"])
        .current_dir(home);
    assert!(output(&mut command).status.success());
    let signed = home.join("signed.wasm").display().to_string();
    let key = home.join("key.pub").display().to_string();
    let trust = ["trust", "add", "alice@example.org", "--key", &key];
    world.owner.run(site, &trust).succeeded();

    let url = world.wkg_pushes(&signed);
    let why = world.install(&url, &signed).refused();
    assert!(why.contains("do not say whose they are"), "{why}");
    assert!(why.contains("`syft-host sign` too"), "{why}");
    let sign = ["sign", &signed, "--key", "key"];
    world.alice.run(site, &sign).succeeded();
    world.wkg_pushes(&signed);
    let installed = world.owner.run(site, &["install", &url, "--yes"]);
    assert!(
        installed.stdout.contains("Installed leaderboard 1.2.0"),
        "{installed:?}"
    );
}

/// An address that does not count as this machine's stands for another machine. Whose
/// certificates are good is for the machine to say; the variable says it to one process.
#[test]
#[ignore = "wants docker-registry and openssl: just interop"]
fn other_machines_have_to_have_a_certificate() {
    let site = Site::new();
    let [certificate, key] = ["certificate", "key"].map(|name| site.path().join(name));
    let mut openssl = Command::new("openssl");
    openssl
        .args(["req", "-x509", "-nodes", "-newkey", "ec", "-days", "2"])
        .args([
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-subj",
            "/CN=test",
        ])
        .args(["-addext", "subjectAltName=IP:127.0.0.2"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate);
    match openssl.output() {
        Ok(ended) => assert!(ended.status.success(), "{ended:?}"),
        Err(_) => return tell_not_run("there is no openssl"),
    }
    let settings = json!({"http": {"tls": {"certificate": certificate, "key": key}}});
    let Some(registry) = Registry::with(site, &settings, "127.0.0.2:0") else {
        return;
    };
    let refused = push(&registry, &signed_hello(), &Auth::Anonymous).unwrap_err();
    let said = refused.to_string();
    assert!(
        said.contains("cannot be reached: ") && said.contains("certificate"),
        "{said}"
    );

    let mut client = Command::new(std::env::current_exe().unwrap());
    client
        .args(["--exact", "oci::interop::is_the_client_of_another_machine"])
        .args(["--ignored", "--nocapture"])
        .env("SSL_CERT_FILE", &certificate)
        .env(CLIENT_OF, &registry.host);
    let ended = output(&mut client);
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(said.contains("1 passed"), "{ended:?}");
}

/// The other half of the test above, in a process of its own.
#[test]
#[ignore = "does nothing by itself"]
fn is_the_client_of_another_machine() {
    let Ok(host) = std::env::var(CLIENT_OF) else {
        return;
    };
    let app = signed_hello();
    let reference = at(&host, "alice/leaderboard:1.2.0");
    let none = Default::default();
    oci::push(&app, &reference, &none, &Auth::Anonymous, &bounds()).unwrap();
    let pulled = oci::pull(&reference, &Auth::Anonymous, &bounds()).unwrap();
    assert!(pulled.component == app);
}
