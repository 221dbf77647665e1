//! Manifests for workers: each is checked by a validator of what reads it, and fits the others.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::support::guests::repository;
use crate::support::host::{Ended, output, syft_host};
use crate::support::site::Site;
use crate::support::{not_run, tell_not_run};

/// What KEDA's manifests are checked by.
const KEDA: &str = "@kubernetes-models/keda@2.0.0";

fn manifest(name: &str) -> PathBuf {
    repository().join("packaging/workers").join(name)
}

/// Returns the folder of the validators in Python, which is made once.
fn validators() -> Option<&'static Path> {
    static FOLDER: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
        let requirements = repository().join("tests/packaging/requirements.txt");
        let wanted = fs::read_to_string(&requirements).unwrap();
        once("validators", &wanted, |folder| {
            let mut pip = Command::new("python3");
            pip.args(["-m", "pip", "--disable-pip-version-check", "install"]);
            pip.args(["--quiet", "--no-deps", "--target"]).arg(folder);
            pip.arg("-r").arg(&requirements);
            pip
        })
    });
    found(&FOLDER, "no validators")
}

/// Returns the folder of the schema of KEDA, which is made once.
fn keda() -> Option<&'static Path> {
    static FOLDER: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
        once("keda", KEDA, |folder| {
            let mut npm = Command::new("npm");
            npm.args([
                "install",
                "--no-audit",
                "--no-fund",
                "--no-package-lock",
                "--prefix",
            ]);
            npm.arg(folder).arg(KEDA);
            npm
        })
    });
    found(&FOLDER, "no schema of KEDA")
}

fn found(folder: &'static Result<PathBuf, String>, what: &str) -> Option<&'static Path> {
    match folder {
        Ok(folder) => Some(folder),
        Err(error) => {
            not_run(&format!("{what}: {error}"));
            None
        }
    }
}

/// Fills a folder by a program, unless that was done with the same words.
fn once(name: &str, wanted: &str, fill: impl FnOnce(&Path) -> Command) -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    // Held until the end of this function: others wait, then find it complete.
    let lock = File::create(folder.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let stamp = folder.join("complete");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(folder);
    }
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    let mut program = fill(&folder);
    let ended = program.output();
    let ended = ended.map_err(|error| format!("{program:?}: {error}"))?;
    if !ended.status.success() {
        return Err(String::from_utf8_lossy(&ended.stderr).into_owned());
    }
    fs::write(&stamp, wanted).unwrap();
    Ok(folder)
}

/// Has a file checked, and returns what was found in it.
fn check(kind: &str, path: &Path) -> Option<Result<Value, String>> {
    let script = repository().join("tests/packaging/check.py");
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", validators()?).arg(script);
    let ended = Ended::of(&output(python.arg(kind).arg(path)));
    Some(match ended.code {
        Some(0) => Ok(serde_json::from_str(&ended.stdout).unwrap()),
        _ => Err(ended.stderr),
    })
}

/// Has the text read that Prometheus gets, also by its own checker where that is installed, and
/// returns the names of its metrics.
pub fn metrics(text: &str) -> Option<Vec<String>> {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("metrics");
    fs::write(&path, text).unwrap();
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]);
    promtool.stdin(File::open(&path).unwrap());
    match promtool.output() {
        Ok(checked) => {
            let said = [checked.stdout, checked.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            assert!(checked.status.success() && said.is_empty(), "{said}");
        }
        Err(_) => tell_not_run("there is no promtool"),
    }
    let families = check("prometheus", &path)?.unwrap();
    let families = families.as_array().unwrap().iter();
    Some(
        families
            .map(|family| family[0].as_str().unwrap().to_owned())
            .collect(),
    )
}

/// Has a file checked of which a part is replaced, and returns why it is refused.
fn refused(kind: &str, name: &str, part: &str, by: &str) -> Option<String> {
    let text = fs::read_to_string(manifest(name)).unwrap();
    assert!(text.contains(part), "{part}");
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("changed.yaml");
    fs::write(&path, text.replace(part, by)).unwrap();
    check(kind, &path).map(|checked| checked.expect_err(by))
}

#[test]
fn compose_reads_its_file() {
    let Some(services) = check("compose", &manifest("docker-compose.yaml")) else {
        return;
    };
    assert_eq!(services, Ok(json!(["nats", "one", "two"])));
    for (part, by) in [
        ("secrets: [one]", "secrets: [oen]"),
        ("image: nats", "imag: nats"),
    ] {
        refused("compose", "docker-compose.yaml", part, by);
    }
}

#[test]
fn kubernetes_reads_its_manifests() {
    let Some(manifests) = check("kubernetes", &manifest("kubernetes/workers.yaml")) else {
        return;
    };
    let manifests = manifests.unwrap();
    let kinds = manifests.as_array().unwrap().iter();
    let kinds: Vec<&Value> = kinds.map(|manifest| &manifest["kind"]).collect();
    let expected = ["Namespace", "ServiceAccount", "Deployment", "NetworkPolicy"];
    assert_eq!(kinds, expected);
    for (part, by) in [
        ("runAsNonRoot: true", "runAsNonRoot: yes please"),
        ("serviceAccountName", "serviceAcountName"),
        ("  selector:\n", "  selektor:\n"),
    ] {
        refused("kubernetes", "kubernetes/workers.yaml", part, by);
    }
}

#[test]
fn keda_reads_its_manifest_which_fits_the_deployment() {
    let Some(manifests) = check("kubernetes", &manifest("kubernetes/keda.yaml")) else {
        return;
    };
    let Some(folder) = keda() else { return };
    let scaled = manifests.unwrap()[0].take();
    let check_by_schema = |manifest: &Value| {
        let mut node = Command::new("node");
        let script = repository().join("tests/packaging/keda.mjs");
        let mut node = node
            .arg(script)
            .arg(folder)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = node.stdin.take().unwrap();
        stdin.write_all(manifest.to_string().as_bytes()).unwrap();
        drop(stdin);
        let ended = node.wait_with_output().unwrap();
        (
            ended.status.success(),
            String::from_utf8_lossy(&ended.stderr).into_owned(),
        )
    };
    assert_eq!(check_by_schema(&scaled), (true, String::new()));
    let mut wrong = scaled.clone();
    wrong["spec"]["triggers"][0]["metadata"]["lagThreshold"] = json!(2);
    assert!(!check_by_schema(&wrong).0);
    let workers = check("kubernetes", &manifest("kubernetes/workers.yaml"));
    let deployment = workers.unwrap().unwrap()[2].take();
    let target = &scaled["spec"]["scaleTargetRef"]["name"];
    assert_eq!(*target, deployment["metadata"]["name"]);
    assert_eq!(
        scaled["metadata"]["namespace"],
        deployment["metadata"]["namespace"]
    );
}

/// Returns the arguments of each worker that a manifest starts.
fn commands_of_workers() -> Option<Vec<Vec<String>>> {
    let compose = fs::read_to_string(manifest("docker-compose.yaml")).unwrap();
    let compose = compose.lines().filter_map(|line| {
        let words = line.trim().strip_prefix("command: ")?;
        let words: Vec<String> = serde_json::from_str(words).ok()?;
        (words[0] == "worker").then_some(words)
    });
    let workers = check("kubernetes", &manifest("kubernetes/workers.yaml"))?.unwrap();
    let args = &workers[2]["spec"]["template"]["spec"]["containers"][0]["args"];
    let pod: Vec<String> = serde_json::from_value(args.clone()).unwrap();
    let unit = fs::read_to_string(manifest("syft-host-worker.service")).unwrap();
    let start = unit
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="));
    let unit = start.unwrap().split(' ').skip(1).map(str::to_owned);
    Some(compose.chain([pod, unit.collect()]).collect())
}

#[test]
fn what_manifests_start_are_options_that_a_worker_has() {
    let Some(commands) = commands_of_workers() else {
        return;
    };
    assert_eq!(commands.len(), 4);
    let site = Site::new();
    let help = Ended::of(&output(syft_host(&site).args(["worker", "--help"])));
    let help = help.succeeded().stdout;
    for words in commands {
        assert_eq!(words[0], "worker");
        let options = words.iter().filter(|word| word.starts_with("--"));
        for option in options {
            let name = option.split('=').next().unwrap();
            assert!(help.contains(name), "a worker has no {name}: {help}");
        }
    }
}
