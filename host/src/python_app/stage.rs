//! The folder in which a component is built: copies of all that goes into it.
//!
//! The program runs there, in a sandbox that may write to what it sees, so it sees
//! nothing but copies.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use syft_manifest::{Manifest, ProgramMemory, VariableName, WantedSecret};

use super::requirements::Requirements;
use super::wheels::Wheels;
use super::{PythonProgram, one_module, tools};
use crate::error::CommandError;
use syft_runtime::scratch::Scratch;

/// A module of the library that pure programs need no package for.
const TYPING_EXTENSIONS: &str = "typing_extensions.py";

/// What a build found out for the next one.
#[derive(Debug, Deserialize)]
pub(super) struct Plan {
    pub(super) reasons: Vec<Reason>,
    /// The access rules that the program wrote, by their paths in its own folder.
    pub(super) rules: BTreeMap<String, String>,
}

/// What a program does at its start that only a call can do, and on which line.
#[derive(Debug, Deserialize)]
pub(super) struct Reason {
    pub(super) what: String,
    pub(super) line: String,
}

/// The folder in which a component is built. Deleted in the end.
#[derive(Debug)]
pub(super) struct Stage {
    folder: Scratch,
}

fn secret(wanted: &WantedSecret) -> Value {
    json!({
        "name": wanted.name.as_str(),
        "stand_in": wanted.stand_in(),
        "is_read": wanted.sent.is_none(),
    })
}

impl Stage {
    /// Makes one with our side of the component.
    pub(super) fn new(parent: &Path) -> Result<Self, CommandError> {
        let stage = Self {
            folder: Scratch::new(parent)?,
        };
        for (name, text) in syft_guest_python::PYTHON {
            write(&stage.python().join(name), text.as_bytes())?;
        }
        for (name, text) in syft_guest_python::WIT {
            write(&stage.wit().join(name), text.as_bytes())?;
        }
        for folder in [stage.packages(), stage.temporary()] {
            fs::create_dir_all(folder)?;
        }
        Ok(stage)
    }

    /// Copies the files of a program.
    pub(super) fn take(
        &self,
        program: &PythonProgram,
        files: &[String],
        arguments: &[String],
        memory: ProgramMemory,
    ) -> Result<(), CommandError> {
        // Its folder keeps its name: there are programs that name themselves by it.
        let folder = self
            .python()
            .join("syft_program")
            .join(program.folder_name()?);
        copy(program, files, &folder)?;
        write(
            &self.python().join("syft_program.name"),
            program.file.as_bytes(),
        )?;
        write(
            &self.python().join("syft_program.arguments"),
            serde_json::to_string(arguments)?.as_bytes(),
        )?;
        let settings = json!({ "memory": memory.as_str() }).to_string();
        write(
            &self.python().join("syft_program.settings"),
            settings.as_bytes(),
        )?;
        Ok(())
    }

    /// Writes down what is known of the environment of a program.
    pub(super) fn take_environment(&self, environment: &Value) -> Result<(), CommandError> {
        let path = self.python().join("syft_program.environment");
        write(&path, environment.to_string().as_bytes())?;
        Ok(())
    }

    /// Returns why the program has to start in each call, if it has to: the build that has run
    /// found it out, and the next one does not run the program.
    pub(super) fn plan(&self) -> Result<Option<Plan>, CommandError> {
        const MAX_BYTES: u64 = 16 << 20;
        let file = match fs::File::open(self.python().join("syft_program.plan")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let plan = serde_json::from_reader(io::BufReader::new(file.take(MAX_BYTES)));
        plan.map(Some)
            .map_err(|error| CommandError::new(format!("what the program does: {error}")))
    }

    /// Lets a package that was installed take the place of what we have for it.
    pub(super) fn give_way(&self) -> io::Result<()> {
        if self.packages().join(TYPING_EXTENSIONS).exists() {
            fs::remove_file(self.python().join(TYPING_EXTENSIONS))?;
        }
        Ok(())
    }

    /// Returns the digest of all that decides what is built.
    pub(super) fn digest(
        &self,
        requirements: &Requirements,
        wheels: &Wheels,
    ) -> Result<String, CommandError> {
        let mut hash = Sha256::new();
        let mut add = |part: &[u8]| {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        };
        add(tools::COMPONENTIZE_PY.as_bytes());
        add(one_module::VERSION.as_bytes());
        for line in requirements.lines() {
            add(line.as_bytes());
        }
        if !requirements.is_empty() {
            add(wheels.digest()?.as_bytes());
        }
        for folder in [self.python(), self.wit()] {
            add_files(&folder, &mut add)?;
        }
        Ok(HEXLOWER.encode(&hash.finalize()))
    }

    /// Returns the name that the program gave its app, once it has run.
    pub(super) fn app_name(&self) -> Result<String, CommandError> {
        const MAX_BYTES: u64 = 1024;
        let said = fs::File::open(self.python().join("syft_program.app"));
        let mut name = String::new();
        said.and_then(|file| file.take(MAX_BYTES).read_to_string(&mut name))
            .map_err(|error| CommandError::new(format!("the name of the app: {error}")))?;
        Ok(name)
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns where Python finds our side of the component, and below it the program.
    pub(super) fn python(&self) -> PathBuf {
        self.path().join("python")
    }

    pub(super) fn wit(&self) -> PathBuf {
        self.path().join("wit")
    }

    /// Returns what looks to the builder like a virtual environment.
    pub(super) fn environment(&self) -> PathBuf {
        self.path().join("environment")
    }

    /// Returns where the packages are that the program needs.
    pub(super) fn packages(&self) -> PathBuf {
        self.environment().join("lib/python3/site-packages")
    }

    pub(super) fn temporary(&self) -> PathBuf {
        self.path().join("tmp")
    }

    pub(super) fn analyser(&self) -> PathBuf {
        self.python().join(syft_guest_python::ANALYSER)
    }

    /// Reads the component that the builder has made, and makes its modules one.
    pub(super) fn take_component(&self) -> Result<Vec<u8>, CommandError> {
        let path = self.component();
        let component = fs::read(&path)?;
        let linked = one_module::link(&component)
            .map_err(|error| CommandError::new(format!("the component: {error}")))?;
        fs::write(&path, &linked)?;
        Ok(linked)
    }

    /// Returns where the component is in the end.
    pub(super) fn component(&self) -> PathBuf {
        self.path().join("app.wasm")
    }
}

/// Copies the files of a program into a folder.
pub(super) fn copy<'a>(
    program: &PythonProgram,
    files: impl IntoIterator<Item = &'a String>,
    folder: &Path,
) -> Result<(), CommandError> {
    for file in files {
        let from = program.folder.join(file);
        let bytes = fs::read(&from)
            .map_err(|error| CommandError::new(format!("{}: {error}", from.display())))?;
        write(&folder.join(file), &bytes)?;
    }
    Ok(())
}

/// Returns which variables a program has, with what the owner says in the place of its own, and
/// what stands for its secrets, which are not there while it is built.
pub(super) fn environment(manifest: &Manifest, given: &[(VariableName, String)]) -> Value {
    let own = manifest.env.iter();
    let own = own.chain(given.iter().map(|(name, value)| (name, value)));
    let variables: BTreeMap<&str, &str> =
        own.map(|(name, value)| (name.as_str(), &**value)).collect();
    let secrets: Vec<Value> = manifest.secrets.iter().map(secret).collect();
    json!({"variables": variables, "secrets": secrets})
}

/// Adds the names and contents of all files in a folder to a digest.
pub(super) fn add_files(folder: &Path, add: &mut impl FnMut(&[u8])) -> io::Result<()> {
    add(b"/");
    let mut files = Vec::new();
    list(folder, &mut files)?;
    files.sort();
    for file in files {
        let name = file.strip_prefix(folder).unwrap_or(&file);
        add(name.as_os_str().as_encoded_bytes());
        add(&fs::read(&file)?);
    }
    Ok(())
}

pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes)
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            list(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}
