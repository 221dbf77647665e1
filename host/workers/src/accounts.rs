//! Who may connect to the NATS server, and what each may do there: the keys, and the
//! configuration of the server that is made of them.
//!
//! All lie in one private folder of the owner: `workers.json` says which workers there are,
//! `owner.nk` and `NAME.nk` are keys, `nats-server.conf` is what the server reads.

mod server_config;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use nkeys::{KeyPair, KeyPairType};
use serde::{Deserialize, Serialize};
use syft_system::{lock, private};
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

pub use crate::names::{NoWorkerName, WorkerName};

const RECORD: &str = "workers.json";
const CONFIG: &str = "nats-server.conf";
const OWNER_KEY: &str = "owner.nk";
const LOCK: &str = ".lock";

/// The line of a key file that says whose it is.
const OF_WORKER: &str = "# worker: ";

/// The most bytes of a file here.
const FILE_BYTES: u64 = 1 << 20;

/// The most workers that have an account.
const MOST_WORKERS: usize = 1_000;

/// Why accounts are not as they were to be.
#[derive(Debug, Error)]
pub enum AccountsError {
    /// There are none.
    #[error("no workers are set up in {0}")]
    NotSetUp(PathBuf),
    /// There are some already.
    #[error("workers are set up in {0} already")]
    SetUp(PathBuf),
    /// The name is taken.
    #[error("there is a worker `{0}` already")]
    Taken(WorkerName),
    /// There is no such worker.
    #[error("there is no worker `{0}`")]
    Unknown(String),
    /// There are as many as there may be.
    #[error("at most 1000 workers can be added")]
    TooMany,
    /// What was said there by the world can be read by everybody on the way.
    #[error("the server would listen on {0} without TLS")]
    NotEncrypted(SocketAddr),
    /// Only one of both files of TLS was given.
    #[error("TLS takes a certificate and its key")]
    HalfTls,
    /// A path cannot be written into the configuration of a server.
    #[error("the path {0:?} cannot be written into the configuration of a NATS server")]
    Path(PathBuf),
    /// A file is not what it was to be.
    #[error("{path} is not as `syft-host workers` writes it: {why}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A file or a folder.
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    /// This machine makes no keys.
    #[error("no key can be made: {0}")]
    Key(String),
}

/// How the server is to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServerOptions {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Its certificate and the key of that.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// The folder of what it keeps.
    pub store: PathBuf,
    /// Where it tells how it is, without asking who wants to know.
    pub monitor: Option<SocketAddr>,
}

/// The accounts of one owner.
#[derive(Debug)]
pub struct Accounts {
    folder: PathBuf,
    record: Record,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Record {
    server: ServerOptions,
    owner: String,
    /// The public keys.
    workers: BTreeMap<String, String>,
}

impl Accounts {
    /// Makes the first ones: a key for the owner's host, and no workers.
    ///
    /// # Errors
    /// There are some already, the options do not fit, or the folder cannot be written.
    pub fn set_up(folder: &Path, server: ServerOptions) -> Result<Self, AccountsError> {
        check(&server)?;
        at(folder, private::make_folder(folder))?;
        let _lock = at(folder, lock::wait_for(&folder.join(LOCK)))?;
        if fs::symlink_metadata(folder.join(RECORD)).is_ok() {
            return Err(AccountsError::SetUp(folder.to_owned()));
        }
        let owner = new_key(&folder.join(OWNER_KEY), None)?;
        let workers = BTreeMap::new();
        let record = Record {
            server,
            owner,
            workers,
        };
        let accounts = Self {
            folder: folder.to_owned(),
            record,
        };
        accounts.write()?;
        Ok(accounts)
    }

    /// Opens those that there are.
    ///
    /// # Errors
    /// There are none, or they cannot be read.
    pub fn open(folder: &Path) -> Result<Self, AccountsError> {
        let path = folder.join(RECORD);
        let Some(bytes) = at(&path, private::read(&path, FILE_BYTES))? else {
            return Err(AccountsError::NotSetUp(folder.to_owned()));
        };
        let malformed = |why: String| AccountsError::Malformed {
            path: path.clone(),
            why,
        };
        let record: Record =
            serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
        let is_name = |name: &String| WorkerName::parse(name).is_ok();
        if let Some(wrong) = record.workers.keys().find(|name| !is_name(name)) {
            return Err(malformed(format!("{wrong:?} is no name of a worker")));
        }
        let wrong = record.workers.values().chain([&record.owner]);
        if let Some(wrong) = wrong.into_iter().find(|key| !is_user_key(key)) {
            return Err(malformed(format!("{wrong:?} is no public key of a user")));
        }
        Ok(Self {
            folder: folder.to_owned(),
            record,
        })
    }

    /// Adds a worker. Returns the file of its key, for the machine on which it runs.
    ///
    /// # Errors
    /// The name is taken, or the folder cannot be written.
    pub fn add(folder: &Path, name: &WorkerName) -> Result<PathBuf, AccountsError> {
        let _lock = Self::lock(folder)?;
        let mut accounts = Self::open(folder)?;
        let workers = &mut accounts.record.workers;
        if workers.contains_key(name.as_str()) {
            return Err(AccountsError::Taken(name.clone()));
        }
        if workers.len() >= MOST_WORKERS {
            return Err(AccountsError::TooMany);
        }
        let path = key_file(folder, name);
        // One that was removed leaves none, unless it was interrupted.
        remove(&path)?;
        let public = new_key(&path, Some(name))?;
        workers.insert(name.as_str().to_owned(), public);
        accounts.write()?;
        Ok(path)
    }

    /// Removes a worker, and its key where that lies here.
    ///
    /// # Errors
    /// There is no such worker, or the folder cannot be written.
    pub fn remove(folder: &Path, name: &WorkerName) -> Result<(), AccountsError> {
        let _lock = Self::lock(folder)?;
        let mut accounts = Self::open(folder)?;
        let removed = accounts.record.workers.remove(name.as_str());
        removed.ok_or_else(|| AccountsError::Unknown(name.to_string()))?;
        accounts.write()?;
        remove(&key_file(folder, name))
    }

    /// Returns the workers with their public keys.
    pub fn workers(&self) -> &BTreeMap<String, String> {
        &self.record.workers
    }

    /// Returns how the server is to run.
    pub fn server(&self) -> &ServerOptions {
        &self.record.server
    }

    /// Returns the configuration of the server.
    pub fn config_file(&self) -> PathBuf {
        self.folder.join(CONFIG)
    }

    fn lock(folder: &Path) -> Result<lock::Lock, AccountsError> {
        if fs::symlink_metadata(folder.join(RECORD)).is_err() {
            return Err(AccountsError::NotSetUp(folder.to_owned()));
        }
        at(folder, lock::wait_for(&folder.join(LOCK)))
    }

    /// Writes the record, and what the server reads. The latter follows from the former.
    fn write(&self) -> Result<(), AccountsError> {
        let config = self.server_config()?;
        let record = serde_json::to_vec_pretty(&self.record).expect("it has texts alone");
        let path = self.folder.join(RECORD);
        at(&path, private::write(&path, &record))?;
        let path = self.config_file();
        at(&path, private::write(&path, config.as_bytes()))
    }
}

/// Returns the file of the key of the owner's host.
pub fn owner_key_file(folder: &Path) -> PathBuf {
    folder.join(OWNER_KEY)
}

fn key_file(folder: &Path, name: &WorkerName) -> PathBuf {
    // Apart from the owner's, whatever a worker is named.
    folder.join(format!("worker-{name}.nk"))
}

/// A key, with whose it is.
pub struct AccountKey {
    /// The worker; the owner's host has none.
    pub worker: Option<WorkerName>,
    /// The secret.
    pub seed: Zeroizing<String>,
}

impl AccountKey {
    /// Returns the public key.
    pub fn public(&self) -> String {
        let key = KeyPair::from_seed(&self.seed);
        key.map_or_else(|_| String::new(), |key| key.public_key())
    }
}

/// Reads a key.
///
/// # Errors
/// There is none, others can read it, or it is none.
pub fn read_key(path: &Path) -> Result<AccountKey, AccountsError> {
    let bytes = at(path, private::read(path, FILE_BYTES))?;
    let none = || io::Error::from(io::ErrorKind::NotFound);
    let bytes = bytes.ok_or_else(|| AccountsError::File(path.to_owned(), none()))?;
    let bytes = Zeroizing::new(bytes);
    let malformed = |why: &str| AccountsError::Malformed {
        path: path.to_owned(),
        why: why.to_owned(),
    };
    if at(path, private::strangers_may_read(path))? {
        return Err(malformed("others can read it: chmod 600 it"));
    }
    let text = str::from_utf8(&bytes).map_err(|_| malformed("it is no text"))?;
    let worker = text.lines().find_map(|line| line.strip_prefix(OF_WORKER));
    let worker = worker
        .map(|name| WorkerName::parse(name.trim()))
        .transpose();
    let worker = worker.map_err(|error| malformed(&error.to_string()))?;
    let mut lines = text.lines().map(str::trim);
    let seed = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
    let seed = seed.ok_or_else(|| malformed("it is no NKey"))?;
    let key = KeyPair::from_seed(seed).map_err(|_| malformed("it is no NKey"))?;
    if !is_user_key(&key.public_key()) {
        return Err(malformed("it is not the key of a user"));
    }
    let seed = Zeroizing::new(seed.to_owned());
    Ok(AccountKey { worker, seed })
}

fn is_user_key(public: &str) -> bool {
    let key = KeyPair::from_public_key(public);
    key.is_ok_and(|key| key.key_pair_type() == KeyPairType::User)
}

/// Makes a key. Returns the public one.
fn new_key(path: &Path, worker: Option<&WorkerName>) -> Result<String, AccountsError> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| AccountsError::Key(error.to_string()))?;
    let key = KeyPair::new_from_raw(KeyPairType::User, random);
    random.zeroize();
    let of_key = |error: nkeys::error::Error| AccountsError::Key(error.to_string());
    let key = key.map_err(of_key)?;
    let seed = Zeroizing::new(key.seed().map_err(of_key)?);
    let whose = worker.map(|name| format!("{OF_WORKER}{name}\n"));
    let text = Zeroizing::new(format!("{}{}\n", whose.unwrap_or_default(), *seed));
    at(path, private::write(path, text.as_bytes()))?;
    Ok(key.public_key())
}

fn check(server: &ServerOptions) -> Result<(), AccountsError> {
    if server.tls.is_none() && !server.listen.ip().is_loopback() {
        return Err(AccountsError::NotEncrypted(server.listen));
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), AccountsError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(AccountsError::File(path.to_owned(), error))
        }
        _ => Ok(()),
    }
}

fn at<T>(path: &Path, result: io::Result<T>) -> Result<T, AccountsError> {
    result.map_err(|error| AccountsError::File(path.to_owned(), error))
}

#[cfg(test)]
mod tests;
