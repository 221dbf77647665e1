//! What a recorded call finds when it runs again: files, state and grants, in a folder that is
//! thrown away.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use syft_manifest::{Grants, HttpGrants, HttpHost, Limits, Manifest, MessageGrants, VariableName};
use syft_protocol::address::{AppName, Datasite};
use syft_protocol::grant::PathPattern;
use tempfile::TempDir;

use crate::error::CommandError;
use syft_runtime::capability::files::{FileAccess, GuestPath, PathError};
use syft_runtime::capability::http::HttpAccess;
use syft_runtime::capability::messages::MessageAccess;
use syft_runtime::capability::{Advice, AppAccess, EnvironmentAccess};
use syft_runtime::recording::{FoundAtPath, Recording};
use syft_runtime::secrets::SecretStore;

/// More paths than this are in no recording that a host writes.
const MAX_PATHS: usize = 50_000;

/// The most that a file of which only the size is known pretends to have.
const MAX_SIZE: u64 = 1 << 40;

/// The world of a recording, until it is dropped.
pub(super) struct World<'a> {
    recording: &'a Recording,
    folder: TempDir,
    grants: Grants,
    limits: Limits,
}

impl<'a> World<'a> {
    /// Makes the files that the call found.
    pub(super) fn lay_out(recording: &'a Recording) -> Result<Self, CommandError> {
        let app = &recording.app;
        let requested = manifest(&app.requested)?;
        let approved = manifest(&app.approved)?;
        let denied = app.denied.iter().map(|text| PathPattern::parse(text));
        let denied_http = app.denied_http.iter();
        let denied_http = denied_http.map(|text| HttpHost::parse(text).map_err(wrong));
        let limits = approved.limits.over(Limits::default());
        let grants = Grants {
            requested: requested.files,
            approved: approved.files,
            denied: denied.collect::<Result<_, _>>().map_err(wrong)?,
            http: HttpGrants {
                requested: requested.http,
                approved: approved.http,
                denied: denied_http.collect::<Result<_, _>>()?,
            },
            messages: MessageGrants {
                requested: requested.messages,
                approved: approved.messages,
            },
            ..Grants::default()
        };
        let world = Self {
            recording,
            folder: tempfile::tempdir()?,
            grants,
            limits,
        };
        world.make_files()?;
        Ok(world)
    }

    fn datasites(&self) -> PathBuf {
        self.folder.path().join("datasites")
    }

    fn make_files(&self) -> Result<(), CommandError> {
        fs::create_dir(self.datasites())?;
        let files = &self.recording.given.files;
        if files.len() > MAX_PATHS {
            return Err(wrong("it has more paths than a call can ask for"));
        }
        for (path, found) in files {
            let named = GuestPath::default().resolve(path, |_| Err(PathError::LeadsOut));
            let names = named.ok().filter(|named| !named.is_folder());
            let is_top = path.is_empty();
            let Some(names) = names.map(|named| named.path).filter(|_| !is_top) else {
                if is_top {
                    continue;
                }
                return Err(wrong(format!("`{path}` is no path")));
            };
            // Below a folder of ours alone, in which there are no links.
            let names: PathBuf = names.names().iter().collect();
            self.make(&self.datasites().join(names), found)
                .map_err(|error| wrong(format!("`{path}` cannot be made: {error}")))?;
        }
        Ok(())
    }

    fn make(&self, path: &Path, found: &FoundAtPath) -> io::Result<()> {
        let parent = path.parent().unwrap_or(path);
        match found {
            // Its folder may not have been there either.
            FoundAtPath::Absent => Ok(()),
            FoundAtPath::Folder => fs::create_dir_all(path),
            FoundAtPath::File {
                size,
                modified,
                content,
            } => {
                fs::create_dir_all(parent)?;
                let file = File::create_new(path)?;
                match content {
                    Some(content) => fs::write(path, content.bytes())?,
                    None => file.set_len((*size).min(MAX_SIZE))?,
                }
                let modified = SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(*modified));
                file.set_modified(modified.unwrap_or(SystemTime::UNIX_EPOCH))
            }
        }
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits.clone()
    }

    pub(super) fn state_folder(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Returns the values that the call read. A key that it only listed has an empty one.
    pub(super) fn state(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.recording.state().into_iter();
        let value = |(key, value): (String, Option<_>)| {
            let value: Option<syft_runtime::recording::Data> = value;
            (
                key,
                value.map_or_else(Vec::new, |value| value.bytes().to_vec()),
            )
        };
        state.map(value).collect()
    }

    /// Returns what the call was granted, in this world.
    pub(super) fn access(&self) -> Result<AppAccess, CommandError> {
        let app = AppName::parse(&self.recording.app.name)?;
        let datasite = Datasite::parse(&self.recording.app.datasite)?;
        let files = FileAccess::new(&self.datasites(), &self.grants, &datasite, &app)?;
        let files = files.with_temporary(self.folder.path().join("temporary"))?;
        let given = &self.recording.given;
        let variables = given.variables.iter().map(|(name, value)| {
            let name = VariableName::parse(name).map_err(wrong)?;
            Ok::<_, CommandError>((name, value.clone()))
        });
        let variables: Vec<_> = variables.collect::<Result<_, _>>()?;
        // The name of the app comes first, where there are any.
        let args = given.args.get(1..).unwrap_or_default();
        let secrets = SecretStore::new(self.folder.path());
        Ok(AppAccess {
            files,
            http: HttpAccess::new(&self.grants.http, &self.limits),
            messages: MessageAccess::new(&self.grants, &datasite, &app),
            environment: EnvironmentAccess::new(app.as_str(), args, variables, secrets, Vec::new()),
            advice: Advice::ToAuthor,
        })
    }
}

fn manifest(json: &serde_json::Value) -> Result<Manifest, CommandError> {
    Manifest::from_section(json.to_string().as_bytes()).map_err(wrong)
}

fn wrong(why: impl std::fmt::Display) -> CommandError {
    CommandError::new(format!("the recording makes no sense: {why}"))
}
