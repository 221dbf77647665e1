//! Makes the folder of a new app: its sources, its manifest, and a test that passes.

mod sdk;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use syft_protocol::address::AppName;

use crate::error::CommandError;

/// What an app is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Python,
    Rust,
    JavaScript,
}

impl Language {
    /// Returns its name, for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Python => "Python",
            Self::Rust => "Rust",
            Self::JavaScript => "JavaScript",
        }
    }
}

/// An app that is to be made.
#[derive(Debug)]
pub(crate) struct NewApp<'a> {
    pub(crate) name: &'a AppName,
    pub(crate) language: Language,
    /// Where the crate syft-guest is that an app in Rust depends on, if it is not to get a copy.
    pub(crate) sdk: Option<&'a Path>,
}

/// Files of a template, by their paths in the folder of the app.
type Template = &'static [(&'static str, &'static str)];

/// Returns the file of a template.
macro_rules! template {
    ($path:literal) => {
        include_str!(concat!("../templates/", $path))
    };
}

const PYTHON: Template = &[
    ("app.py", template!("python/app.py.txt")),
    ("test_app.py", template!("python/test_app.py.txt")),
    ("syft-app.toml", template!("python/syft-app.toml.txt")),
    ("README.md", template!("python/README.md.txt")),
    (".gitignore", template!("python/gitignore")),
];

const RUST: Template = &[
    ("Cargo.toml", template!("rust/Cargo.toml.txt")),
    ("src/lib.rs", template!("rust/lib.rs.txt")),
    ("syft-app.toml", template!("rust/syft-app.toml.txt")),
    ("README.md", template!("rust/README.md.txt")),
    (".gitignore", template!("rust/gitignore")),
];

const JAVASCRIPT: Template = &[
    ("handlers.js", template!("javascript/handlers.js.txt")),
    (
        "handlers.test.js",
        template!("javascript/handlers.test.js.txt"),
    ),
    ("app.js", template!("javascript/app.js.txt")),
    ("build.js", template!("javascript/build.js.txt")),
    ("package.json", template!("javascript/package.json.txt")),
    ("syft-app.toml", template!("javascript/syft-app.toml.txt")),
    ("README.md", template!("javascript/README.md.txt")),
    (".gitignore", template!("javascript/gitignore")),
];

/// Where an app in Rust has its copy of syft-guest.
const COPY: &str = "vendor";

const ABOUT_COPY: &str =
    "`vendor/` is a copy of syft-guest, which came with syft-host: commit it.\n";

/// Names that no crate of an app can have: words of Rust, and what it depends on.
const TAKEN: &str = "
    abstract alloc as async await become box break const continue core crate do dyn else
    enum extern false final fn for gen if impl in let loop macro match mod move mut override
    priv proc_macro proc-macro pub ref return self serde static std struct super syft-guest
    syft_guest test trait true try type typeof unsafe unsized use virtual where while yield
";

impl NewApp<'_> {
    /// Makes the folder of the app in another one, and returns its path.
    ///
    /// # Errors
    /// There is something already, the SDK is not where it is said to be, or nothing can be
    /// written.
    pub(crate) fn make(&self, parent: &Path) -> Result<PathBuf, CommandError> {
        // Before anything is written.
        let sdk = self.sdk.map(find_sdk).transpose()?;
        let last = self.name.parts().next_back();
        let folder = parent.join(last.unwrap_or(self.name.as_str()));
        make_empty(&folder)?;
        for (path, text) in self.files(sdk.as_deref()) {
            write(&folder.join(path), &text)?;
        }
        Ok(folder)
    }

    /// Returns the files of the app.
    fn files(&self, sdk: Option<&str>) -> Vec<(String, String)> {
        let copied = format!("{COPY}/syft-guest");
        let fill = |(path, text): &(&str, &str)| {
            let text = self.fill(text, sdk.unwrap_or(&copied));
            ((*path).to_owned(), text)
        };
        let below =
            |folder: &str, (path, text): (String, String)| (format!("{folder}/{path}"), text);
        match self.language {
            Language::Python => PYTHON.iter().map(fill).collect(),
            Language::Rust if sdk.is_some() => RUST.iter().map(fill).collect(),
            Language::Rust => {
                let as_it_is = sdk::FILES.iter();
                let as_it_is =
                    as_it_is.map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
                let copy = as_it_is.chain(sdk::MANIFESTS.iter().map(fill));
                let copy = copy.map(|file| below(COPY, file));
                RUST.iter().map(fill).chain(copy).collect()
            }
            Language::JavaScript => {
                let wit = syft_guest_python::WIT
                    .iter()
                    .map(|(path, text)| below("wit", ((*path).to_owned(), (*text).to_owned())));
                JAVASCRIPT.iter().map(fill).chain(wit).collect()
            }
        }
    }

    /// Fills a template in.
    fn fill(&self, text: &str, sdk: &str) -> String {
        let is_copy = sdk.starts_with(COPY);
        // Strings of JSON are strings of TOML.
        let quoted_sdk = serde_json::Value::from(sdk).to_string();
        let mut filled = text.to_owned();
        for (place, value) in [
            ("name", self.name.as_str()),
            ("file", &self.name.file_name()),
            ("crate", &crate_name(self.name)),
            ("package", &crate_name(self.name).to_lowercase()),
            ("sdk", &quoted_sdk),
            ("about_sdk\n", if is_copy { ABOUT_COPY } else { "" }),
            ("version", env!("CARGO_PKG_VERSION")),
            ("rust_version", env!("CARGO_PKG_RUST_VERSION")),
        ] {
            let (place, end) = place
                .strip_suffix('\n')
                .map_or((place, ""), |it| (it, "\n"));
            filled = filled.replace(&format!("{{{{{place}}}}}{end}"), value);
        }
        filled
    }
}

/// Returns the name of the crate of an app: that of the app, as far as cargo takes it.
fn crate_name(app: &AppName) -> String {
    let last = app.parts().next_back().unwrap_or_default();
    let name = last.replace('.', "-");
    if name.starts_with(|c: char| c.is_ascii_alphabetic())
        && !TAKEN.split_whitespace().any(|taken| taken == name)
    {
        name
    } else {
        format!("app-{name}")
    }
}

/// Returns where the crate syft-guest is, as a `Cargo.toml` names it from anywhere.
fn find_sdk(folder: &Path) -> Result<String, CommandError> {
    let wrong = |why: &str| {
        CommandError::new(format!("{}: {why}", folder.display()))
            .hint("give the folder guest-sdk of a clone of syft-host, or leave --sdk out")
    };
    let manifest = fs::read_to_string(folder.join("Cargo.toml"));
    let manifest = manifest.map_err(|error| wrong(&format!("no crate is there: {error}")))?;
    if !manifest.contains("name = \"syft-guest\"") {
        return Err(wrong("this is not the crate syft-guest"));
    }
    let folder = folder.canonicalize()?;
    let path = folder
        .to_str()
        .ok_or_else(|| wrong("its path is no text"))?;
    Ok(path.to_owned())
}

/// Makes a folder, unless there is an empty one.
fn make_empty(folder: &Path) -> Result<(), CommandError> {
    let shown = folder.display();
    match fs::create_dir(folder) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let entries = fs::read_dir(folder);
            let mut entries =
                entries.map_err(|_| taken(&format!("{shown} is there, and no folder")))?;
            match entries.next() {
                None => Ok(()),
                Some(_) => Err(taken(&format!("the folder {shown} is not empty"))),
            }
        }
        Err(error) => Err(CommandError::from(error).about(format!("make the folder {shown}"))),
    }
}

fn taken(what: &str) -> CommandError {
    CommandError::new(what).hint("take another name, or move it away: nothing is overwritten")
}

fn write(path: &Path, text: &str) -> Result<(), CommandError> {
    let written = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, text)
    };
    written().map_err(|error| CommandError::from(error).about(format!("write {}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_have_names_that_cargo_takes() {
        for (app, expected) in [
            ("greeter", "greeter"),
            ("My-App_2.0", "My-App_2-0"),
            ("9", "app-9"),
            ("test", "app-test"),
            ("llm/x", "x"),
            ("llm/serde", "app-serde"),
        ] {
            let app = AppName::parse(app).expect(app);
            assert_eq!(crate_name(&app), expected);
        }
    }
}
