//! What packages bring along beside the program: completions, manual pages, a unit of systemd. The
//! packages themselves are looked at once `packaging/release` has made them.

mod manifests;
mod packages;

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::guests::repository;
use crate::support::host::{Ended, output, syft_host};
use crate::support::site::Site;
use crate::support::{blessed, tell_not_run};

/// Each shell, and how it checks a script without running it, where it can.
const SHELLS: &[(&str, &[&str])] = &[
    ("bash", &["bash", "-n"]),
    ("zsh", &["zsh", "-n"]),
    ("fish", &["fish", "--no-execute"]),
    ("elvish", &[]),
    ("powershell", &[]),
];

/// Completes the words that follow, the last of which is not whole.
const COMPLETE_IN_BASH: &str = r#"
source "$0"
[[ $(complete -p syft-host) =~ -F\ ([^ ]+) ]]
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
${BASH_REMATCH[1]} "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
"#;

fn run(site: &Site, arguments: &[&str]) -> Ended {
    Ended::of(&output(syft_host(site).args(arguments))).succeeded()
}

/// Runs a foreign program, and says that the test was not run where it is not there.
fn foreign(command: &mut Command) -> Option<Ended> {
    match command.output() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let name = command.get_program().display();
            tell_not_run(&format!("{name} is not installed"));
            None
        }
        ended => Some(Ended::of(&ended.unwrap())),
    }
}

/// Writes the completions for a shell, and returns where they are.
fn script(site: &Site, shell: &str) -> PathBuf {
    let path = site.path().join(shell);
    let script = run(site, &["completions", shell]).stdout;
    for word in ["demo", "keep-serving"] {
        assert!(script.contains(word), "{word} is not for {shell}");
    }
    fs::write(&path, script).unwrap();
    path
}

#[test]
fn each_shell_takes_its_completions() {
    let site = Site::new();
    for (shell, check) in SHELLS {
        let script = script(&site, shell);
        let [program, options @ ..] = check else {
            continue;
        };
        let mut command = Command::new(program);
        let Some(ended) = foreign(command.args(options).arg(script)) else {
            assert_ne!(*shell, "bash", "these tests need bash");
            continue;
        };
        assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{shell}");
    }
}

#[test]
fn bash_completes_commands_options_and_values() {
    let site = Site::new();
    let script = script(&site, "bash");
    for (typed, expected) in [
        (&["syft-host", "dem"][..], &["demo"][..]),
        (&["syft-host", "demo", "--keep"], &["--keep-serving"]),
        (&["syft-host", "autostart", "s"], &["systemd", "syftbox"]),
        (&["syft-host", "completions", "fi"], &["fish"]),
        (&["syft-host", "--log-format", "j"], &["json"]),
    ] {
        let mut command = Command::new("bash");
        command.args(["-c", COMPLETE_IN_BASH]).arg(&script);
        let ended = Ended::of(&output(command.args(typed))).succeeded();
        let found: Vec<&str> = ended.stdout.lines().collect();
        assert_eq!(found, expected, "{typed:?}");
    }
}

#[test]
fn fish_completes_commands_with_what_they_do() {
    let site = Site::new();
    let script = script(&site, "fish");
    let words = format!("source {}; complete -C 'syft-host dem'", script.display());
    let mut command = Command::new("fish");
    command.env("HOME", site.path());
    let Some(ended) = foreign(command.args(["--no-config", "-c", &words])) else {
        return;
    };
    assert_eq!(ended.stdout, "demo\tServe a sample app and call it\n");
}

#[test]
fn an_unknown_shell_is_refused_with_those_that_there_are() {
    let ended = output(syft_host(&Site::new()).args(["completions", "tcsh"]));
    let error = Ended::of(&ended).refused();
    assert!(
        error.contains("bash, elvish, fish, powershell, zsh"),
        "{error}"
    );
}

fn pages(site: &Site) -> Vec<PathBuf> {
    let folder = site.path().join("man/man1");
    run(site, &["man", folder.to_str().unwrap()]);
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Returns the commands that the help lists.
fn commands(site: &Site) -> BTreeSet<String> {
    let help = run(site, &["--help"]).stdout;
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let names = names.filter(|name| !name.is_empty() && *name != "help");
    names.map(str::to_owned).collect()
}

#[test]
fn each_command_has_a_page() {
    let site = Site::new();
    let names: BTreeSet<String> = pages(&site)
        .iter()
        .map(|page| page.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    let commands = commands(&site);
    assert!(commands.contains("serve") && !commands.contains("man"));
    for command in commands {
        let page = format!("syft-host-{command}.1");
        assert!(names.contains(&page), "{page}: {names:?}");
    }
    assert!(names.contains("syft-host.1") && names.contains("syft-host-autostart-systemd.1"));
    assert!(!names.contains("syft-host-man.1"), "nobody else calls it");
}

#[test]
fn pages_are_read_without_a_warning() {
    let site = Site::new();
    for page in pages(&site) {
        let mut command = Command::new("groff");
        let options = ["-K", "utf8", "-man", "-Tutf8", "-ww", "-z"];
        command.args(options).arg(&page);
        let Some(ended) = foreign(&mut command) else {
            return;
        };
        let page = page.display();
        assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{page}");
    }
}

#[test]
fn a_page_has_options_and_exit_codes() {
    let site = Site::new();
    let page = pages(&site)
        .into_iter()
        .find(|page| page.ends_with("syft-host-call.1"))
        .unwrap();
    let mut command = Command::new("man");
    command.env("MANWIDTH", "100").arg("--local-file").arg(page);
    let Some(ended) = foreign(&mut command) else {
        return;
    };
    let text = ended.succeeded().stdout;
    for expected in [
        "SYNOPSIS",
        "--timeout",
        "EXIT STATUS",
        "No answer came in time.",
    ] {
        assert!(text.contains(expected), "{expected} is not in:\n{text}");
    }
}

/// `BLESS=1` rewrites the unit that packages bring.
#[test]
fn the_unit_of_packages_is_the_one_that_autostart_writes() {
    let site = Site::new();
    let mut command = syft_host(&site);
    command.env_clear().env("HOME", site.path());
    let shown = Ended::of(&output(command.args(["autostart", "systemd", "--print"])));
    let shown = shown.succeeded().stdout;
    let ours = shown
        .lines()
        .filter(|line| !line.starts_with("# Written by "));
    let ours = ours.map(|line| match line.strip_prefix("ExecStart=") {
        Some(_) => "ExecStart=/usr/bin/syft-host serve",
        None => line,
    });
    let unit = ["# Start it for yourself: systemctl --user enable --now syft-host"];
    let unit: Vec<&str> = unit.into_iter().chain(ours).collect();
    let path: &Path = &repository().join("packaging/syft-host.service");
    blessed(path, &(unit.join("\n") + "\n"));
}

/// Makes a wheel with a list of crates, and says what is in it once `packaging/sbom` was there.
const PATCHED_WHEEL: &str = r#"
import base64, hashlib, json, subprocess, sys, zipfile

script, patches, folder = sys.argv[1:]
name, version = patches.rsplit("/", 1)[1].rsplit("-", 1)
crate = {"type": "library", "bom-ref": "r", "name": name, "version": version,
         "purl": f"pkg:cargo/{name}@{version}", "hashes": [{"alg": "SHA-256", "content": "00"}]}
other = {"type": "library", "name": "other", "version": "1.0.0"}
sbom = "syft_host-1.dist-info/sboms/syft-host.cdx.json"
wheel = folder + "/syft_host-1-py3-none-any.whl"
with zipfile.ZipFile(wheel, "w") as made:
    made.writestr(sbom, json.dumps({"bomFormat": "CycloneDX", "components": [crate, other]}))
    made.writestr("bin/syft-host", "program")
    made.writestr("syft_host-1.dist-info/RECORD", f"bin/syft-host,sha256=x,7\n{sbom},sha256=y,1\n")
subprocess.run([script, wheel, folder + "/sbom.json", patches], check=True)
with zipfile.ZipFile(wheel) as made:
    content = made.read(sbom)
    lines = made.read("syft_host-1.dist-info/RECORD").decode().splitlines()
    assert made.read("bin/syft-host") == b"program"
digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
assert lines == ["bin/syft-host,sha256=x,7", f"{sbom},sha256={digest},{len(content)}"], lines
assert content == open(folder + "/sbom.json", "rb").read()
print(content.decode())
"#;

#[test]
fn the_list_of_crates_says_which_patches_wasmtime_has() {
    let site = Site::new();
    let patches = fs::read_dir(repository().join("patches")).unwrap();
    let patches = patches.map(|entry| entry.unwrap().path());
    let [patches] = &patches.filter(|path| path.is_dir()).collect::<Vec<_>>()[..] else {
        panic!("one folder of patches");
    };
    let mut command = Command::new("python3");
    command.args(["-c", PATCHED_WHEEL]);
    command.arg(repository().join("packaging/sbom"));
    let Some(ended) = foreign(command.arg(patches).arg(site.path())) else {
        return;
    };
    let sbom: Value = serde_json::from_str(&ended.succeeded().stdout).unwrap();
    let [wasmtime, other] = &sbom["components"].as_array().unwrap()[..] else {
        panic!("{sbom}");
    };
    assert!(other.get("pedigree").is_none(), "{other}");
    assert!(wasmtime.get("hashes").is_none(), "its files are others");
    let pedigree = &wasmtime["pedigree"];
    assert_eq!(pedigree["ancestors"][0]["purl"], wasmtime["purl"]);
    assert_eq!(pedigree["ancestors"][0]["hashes"][0]["content"], "00");
    let listed = pedigree["patches"].as_array().unwrap();
    let mut files: Vec<PathBuf> = fs::read_dir(patches)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert_eq!(listed.len(), files.len(), "{pedigree}");
    for (patch, file) in listed.iter().zip(&files) {
        assert_eq!(patch["type"], "unofficial");
        let text = patch["diff"]["text"]["content"].as_str().unwrap();
        let text = data_encoding::BASE64.decode(text.as_bytes()).unwrap();
        assert_eq!(text, fs::read(file).unwrap());
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(
            patch["diff"]["url"].as_str().unwrap().ends_with(name),
            "{patch}"
        );
    }
}
