//! Whoever builds a stranger's crate runs what the stranger wrote, and is told before.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::{Pid, test_kill_process};

use crate::support::host::{Ended, output_of_build, syft_host};
use crate::support::people::Person;
use crate::support::site::{OWNER, Site};
use crate::support::wait_for;

const ALLOWED: &str = "--allow-native-build";

/// What is said of the crate once it was built, since it is no app.
const BUILT: &str = "strange was built and cannot run";

/// A crate whose author notes what of it is run natively.
struct Crate {
    folder: PathBuf,
    ran: PathBuf,
}

impl Crate {
    fn new(site: &Site, name: &str) -> Self {
        let folder = site.path().join(name);
        let ran = site.path().join(format!("{name}-ran"));
        let write = |file: &str, text: &str| {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let toml = "[package]\nname = \"strange\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\
                    [lib]\ncrate-type = [\"cdylib\"]\n[workspace]\n";
        write("Cargo.toml", toml);
        write("src/lib.rs", "");
        let note = format!(
            "fn main() {{ std::fs::write({:?}, std::process::id().to_string()).unwrap(); }}\n",
            ran.display().to_string()
        );
        write("build.rs", &note);
        Self { folder, ran }
    }

    /// Has cargo itself run a program of the author, before anything is built.
    fn with_a_compiler_of_its_own(self) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let compiler = self.folder.join("rustc.sh");
        let script = format!("#!/bin/sh\necho $$ > '{}'\nexit 1\n", self.ran.display());
        fs::write(&compiler, script).unwrap();
        fs::set_permissions(&compiler, fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(self.folder.join(".cargo")).unwrap();
        let config = format!("[build]\nrustc = \"{}\"\n", compiler.display());
        fs::write(self.folder.join(".cargo/config.toml"), config).unwrap();
        self
    }

    fn path(&self) -> &str {
        self.folder.to_str().unwrap()
    }

    /// Tells whether anything was run, and forgets it.
    fn has_run(&self) -> bool {
        fs::remove_file(&self.ran).is_ok()
    }
}

fn build(site: &Site, arguments: &[&str]) -> Ended {
    let mut command = syft_host(site);
    command.arg("build").args(arguments);
    Ended::of(&output_of_build(command.current_dir(site.path())))
}

#[test]
fn nothing_of_a_crate_is_run_before_somebody_agrees() {
    let site = Site::new();
    let strange = Crate::new(&site, "strange").with_a_compiler_of_its_own();
    for command in ["build", "run"] {
        let mut command_line = syft_host(&site);
        command_line.args([command, strange.path()]);
        let ended = Ended::of(&output_of_build(&mut command_line));
        let said = ended.refused();
        assert!(
            said.contains("runs what its author wrote outside of any sandbox"),
            "{said}"
        );
        assert!(
            said.contains("hint: if you trust its author: --allow-native-build"),
            "{said}"
        );
        assert!(!strange.has_run(), "{command}");
    }
    // It is what would have run.
    build(&site, &[strange.path(), ALLOWED]).refused();
    assert!(strange.has_run());
}

#[test]
fn an_agreement_on_the_command_line_is_for_once() {
    let site = Site::new();
    let strange = Crate::new(&site, "strange");
    let said = build(&site, &[strange.path(), ALLOWED]).refused();
    assert!(
        said.contains("note: building ") && said.contains(BUILT),
        "{said}"
    );
    assert!(strange.has_run());
    let said = build(&site, &[strange.path()]).refused();
    assert!(!said.contains(BUILT) && !strange.has_run(), "{said}");
}

#[test]
fn who_agrees_for_good_is_asked_once_for_a_folder() {
    let site = Site::new();
    let owner = Person::new(&site, OWNER, 1);
    let strange = Crate::new(&site, "strange");
    let answer = |answers: &[&str]| owner.on_terminal(&site, answers, &["build", strange.path()]);
    let Some((built, shown)) = answer(&["n"]) else {
        return;
    };
    assert!(!built && !strange.has_run(), "{shown}");
    assert!(
        shown.contains("Build it? [y]es, [n]o, [a]lways for this folder:"),
        "{shown}"
    );
    assert!(shown.contains("Not agreed to, so not built."), "{shown}");
    assert!(!shown.contains("error"), "a no is no error: {shown}");

    let (_, shown) = answer(&["y"]).unwrap();
    assert!(shown.contains(BUILT) && strange.has_run(), "{shown}");
    // That was for once, this is for good.
    let (_, shown) = answer(&["a"]).unwrap();
    assert!(
        shown.contains(BUILT) && shown.contains("Build it?"),
        "{shown}"
    );
    let again = owner.run(&site, &["build", strange.path()]).refused();
    assert!(
        again.contains(BUILT) && !again.contains("author"),
        "{again}"
    );

    // Somebody else's folder at the same place is another one, and so is a copy.
    let copy = Crate::new(&site, "copy");
    owner.run(&site, &["build", copy.path()]).refused();
    fs::rename(&strange.folder, site.path().join("moved")).unwrap();
    let other = Crate::new(&site, "strange");
    owner.run(&site, &["build", other.path()]).refused();
    assert!(!other.has_run() && !copy.has_run());
}

#[test]
fn a_folder_that_others_can_change_is_never_agreed_to_for_good() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new();
    let owner = Person::new(&site, OWNER, 1);
    let strange = Crate::new(&site, "strange");
    fs::set_permissions(&strange.folder, fs::Permissions::from_mode(0o777)).unwrap();
    let shown = owner.on_terminal(&site, &["a", "n"], &["build", strange.path()]);
    let Some((built, shown)) = shown else {
        return;
    };
    assert!(!built && !strange.has_run(), "{shown}");
    assert!(shown.contains("Please answer y or n."), "{shown}");
}

/// Neither variables of the environment nor programs of the current folder decide what is run.
#[test]
fn cargo_takes_nothing_from_where_it_is_called() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new();
    let strange = Crate::new(&site, "strange");
    let here = site.path().join("here");
    fs::create_dir(&here).unwrap();
    let planted = site.path().join("planted");
    for name in ["cargo", "rustc", "rustup", "wrapper"] {
        let script = format!(
            "#!/bin/sh\necho {name} >> '{}'\nexit 1\n",
            planted.display()
        );
        fs::write(here.join(name), script).unwrap();
        fs::set_permissions(here.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let wrapper = here.join("wrapper");
    let path = std::env::var("PATH").unwrap();
    let mut command = syft_host(&site);
    command
        .args(["build", strange.path(), ALLOWED])
        .current_dir(&here)
        .env("PATH", format!(".::here:{path}"))
        .env("RUSTC_WRAPPER", &wrapper)
        .env("CARGO_BUILD_RUSTC_WRAPPER", &wrapper)
        .env("RUSTC", &wrapper)
        .env("RUSTFLAGS", "--cfg broken --crate-type nonsense");
    let said = Ended::of(&output_of_build(&mut command)).refused();
    assert!(said.contains(BUILT) && strange.has_run(), "{said}");
    assert!(!planted.exists(), "{:?}", fs::read_to_string(&planted));
}

#[test]
fn a_build_ends_with_the_host() {
    let site = Site::new();
    let strange = Crate::new(&site, "strange");
    let text = fs::read_to_string(strange.folder.join("build.rs")).unwrap();
    let endless = text.replace(
        "; }",
        "; std::thread::sleep(std::time::Duration::from_secs(1000)); }",
    );
    fs::write(strange.folder.join("build.rs"), endless).unwrap();
    let mut command = syft_host(&site);
    command.args(["build", strange.path(), ALLOWED]);
    let mut host = command.stderr(Stdio::null()).spawn().unwrap();
    let pid = wait_for("the author's program", || read_pid(&strange.ran));
    host.kill().unwrap();
    host.wait().unwrap();
    wait_for("the end of the author's program", || {
        test_kill_process(pid).is_err().then_some(())
    });
}

fn read_pid(path: &Path) -> Option<Pid> {
    let text = fs::read_to_string(path).ok()?;
    Pid::from_raw(text.parse().ok()?)
}
