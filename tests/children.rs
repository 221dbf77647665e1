//! What other programs get of us, and that nothing is left of them.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use rustix::process::{Pid, test_kill_process};
use syft_runtime::child::{Child, ChildFolder, ChildLimits, End, Ended, launch_by};
use tempfile::TempDir;

use crate::support::{PATIENCE, wait_for};

/// Says in which folder a host has its child work, in a process of its own.
const CHILD_OF: &str = "SYFT_TEST_CHILD_OF";

/// Has children of this process begin by the program under test.
pub fn launch() {
    static LAUNCHER: LazyLock<()> =
        LazyLock::new(|| launch_by(Path::new(env!("CARGO_BIN_EXE_syft-host"))));
    LazyLock::force(&LAUNCHER);
}

/// Runs words of a shell in a folder, within limits.
fn run_within(
    folder: ChildFolder<'_>,
    words: &str,
    limits: ChildLimits,
    deadline: Duration,
) -> Ended {
    launch();
    Child::of(Path::new("/bin/sh"), folder)
        .args(["-c", words])
        .env("PATH", "/usr/bin:/bin")
        .limits(limits)
        .stdout_bytes(1 << 20)
        .run(deadline)
        .unwrap()
}

fn run(place: &TempDir, words: &str) -> Ended {
    let folder = ChildFolder::EmptyIn(place.path());
    run_within(folder, words, ChildLimits::default(), PATIENCE)
}

fn place() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

#[test]
fn a_child_has_nothing_but_what_it_was_given() {
    let place = place();
    let ended = run(&place, "env | grep -v '^\\(_\\|PWD\\|OLDPWD\\|SHLVL\\)='");
    assert_eq!(text(&ended.stdout), "PATH=/usr/bin:/bin");
    // Standard input has nothing, and no file of ours is open for it.
    let secret = place.path().join("secret");
    let _open = fs::File::create(&secret).unwrap();
    let ended = run(&place, "cat; ls -l /proc/self/fd");
    let said = text(&ended.stdout);
    assert!(said.contains("0 -> /dev/null"), "{said}");
    assert!(
        !said.contains("secret") && !said.contains("socket"),
        "{said}"
    );
    assert!(ended.succeeded());
}

#[test]
fn a_child_works_in_an_empty_folder_that_is_gone_afterwards() {
    let place = place();
    let ended = run(&place, "pwd; ls -A; stat -c %a .; echo x > left");
    let said = text(&ended.stdout);
    let (folder, rest) = said.split_once('\n').unwrap();
    assert_eq!(rest, "700", "nothing is in it, and it is private");
    assert!(Path::new(folder).starts_with(place.path().canonicalize().unwrap()));
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn how_it_ended_is_a_value() {
    let place = place();
    assert_eq!(run(&place, "exit 3").end, End::Exited(3));
    assert_eq!(run(&place, "kill -USR1 $$").end, End::Signalled(10));
    let said = run(&place, "echo out; echo err >&2; exit 1");
    assert_eq!(
        (text(&said.stdout), text(&said.stderr)),
        ("out".into(), "err".into())
    );
    let missing = Child::of(
        Path::new("/no/such/program"),
        ChildFolder::EmptyIn(place.path()),
    );
    let ended = missing.run(PATIENCE).unwrap();
    assert_eq!(ended.end, End::Exited(127));
    assert!(
        ended.why(1).contains("/no/such/program: No such file"),
        "{ended:?}"
    );
}

#[test]
fn what_it_says_is_bounded() {
    let place = place();
    assert_eq!(run(&place, "yes").end, End::TooMuchOutput(1 << 20));
    let ended = run(
        &place,
        "head -c 3000000 /dev/zero | tr '\\0' x >&2; echo end >&2",
    );
    assert!(ended.stderr.len() <= 256 << 10 && ended.stderr.ends_with(b"xend\n"));
}

#[test]
fn no_file_gives_it_other_rights() {
    let ended = run(&place(), "grep NoNewPrivs /proc/self/status");
    assert_eq!(text(&ended.stdout).trim(), "NoNewPrivs:\t1");
}

#[test]
fn limits_are_in_force() {
    let place = place();
    let limits = ChildLimits {
        memory_bytes: Some(100 << 20),
        cpu_time: Some(Duration::from_secs(1)),
        file_bytes: Some(1 << 20),
        open_files: Some(30),
        low_priority: true,
        ..ChildLimits::default()
    };
    let run = |words| {
        run_within(
            ChildFolder::EmptyIn(place.path()),
            words,
            limits.clone(),
            PATIENCE,
        )
    };
    let ended =
        run("ulimit -d; ulimit -t; ulimit -n; ulimit -c; nice; cat /proc/self/oom_score_adj");
    let said: Vec<String> = text(&ended.stdout).lines().map(str::to_owned).collect();
    assert_eq!(said[..4], ["102400", "1", "30", "0"]);
    let nice: i32 = said[4].parse().unwrap();
    assert!(nice >= 10, "{said:?}");
    let score: i32 = said[5].parse().unwrap();
    assert!(score >= 500, "memory is taken from it before us: {said:?}");
    let patient = ChildLimits {
        // It would hardly get any time where others want it.
        low_priority: false,
        ..limits.clone()
    };
    let folder = ChildFolder::EmptyIn(place.path());
    let endless = run_within(folder, "while :; do :; done", patient, 2 * PATIENCE);
    assert_eq!(endless.end, End::CpuTime);
    assert_eq!(
        run("exec head -c 2000000 /dev/zero > large").end,
        End::FileSize
    );
}

/// Starts processes in groups and sessions of their own, whose parents are gone, and notes
/// their numbers.
const SPREAD: &str = "
    sleep 1000 & echo $! >> pids
    setsid sh -c 'echo $$ >> pids; exec sleep 1000' &
    (setsid sh -c '(echo $$ >> pids; sleep 1000) & sleep 1000' &)
    (sh -c 'trap \"\" TERM HUP INT; echo $$ >> pids; while :; do sleep 1; done' &)
    while [ $(wc -l < pids) -lt 4 ]; do sleep 0.05; done
";

fn noted(folder: &TempDir) -> Vec<Pid> {
    let noted = fs::read_to_string(folder.path().join("pids")).unwrap();
    let noted: Vec<Pid> = noted
        .lines()
        .map(|line| Pid::from_raw(line.parse().unwrap()).unwrap())
        .collect();
    assert_eq!(noted.len(), 4);
    noted
}

#[track_caller]
fn are_gone(pids: &[Pid]) {
    for pid in pids {
        assert!(test_kill_process(*pid).is_err(), "{pid} is still there");
    }
}

#[test]
fn whatever_it_started_ends_with_it() {
    let folder = place();
    let ended = run_within(
        ChildFolder::Given(folder.path()),
        SPREAD,
        ChildLimits::default(),
        PATIENCE,
    );
    assert!(ended.succeeded(), "{ended:?}");
    are_gone(&noted(&folder));
}

#[test]
fn whatever_it_started_ends_at_the_deadline() {
    let folder = place();
    let words = format!("{SPREAD} touch ready; sleep 1000");
    let deadline = Duration::from_secs(5);
    let given = ChildFolder::Given(folder.path());
    let ended = run_within(given, &words, ChildLimits::default(), deadline);
    assert_eq!(ended.end, End::TooLate(deadline));
    assert!(
        folder.path().join("ready").exists(),
        "the deadline came too early"
    );
    are_gone(&noted(&folder));
}

/// Plays the host in `a_host_that_is_killed_leaves_nothing`.
#[test]
#[ignore = "does nothing by itself"]
fn a_host_with_a_child() {
    let Ok(folder) = std::env::var(CHILD_OF) else {
        return;
    };
    let words = format!("{SPREAD} touch ready; sleep 1000");
    let given = ChildFolder::Given(Path::new(&folder));
    run_within(
        given,
        &words,
        ChildLimits::default(),
        Duration::from_secs(1000),
    );
}

#[test]
fn a_host_that_is_killed_leaves_nothing() {
    let folder = place();
    let mut host = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "children::a_host_with_a_child", "--ignored"])
        .env(CHILD_OF, folder.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    wait_for("what the child starts", || {
        folder.path().join("ready").exists().then_some(())
    });
    host.kill().unwrap();
    host.wait().unwrap();
    let pids = noted(&folder);
    wait_for("the end of all that the child started", || {
        pids.iter()
            .all(|pid| test_kill_process(*pid).is_err())
            .then_some(())
    });
}
