//! Answers on their way to the tree.
//!
//! The answer of a call is kept together with what the call wrote, until it lies
//! beside its request. A host that is killed between the two, or cannot write into the
//! tree, gives it later and does not run the call again.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard};

use redb::{ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use sha2::{Digest, Sha256};
use syft_protocol::address::Address;
use syft_protocol::inbox::Stamp;

use super::{Database, Session, Store, StoreError};
use crate::sandbox::bindings::exports::syft::app::rpc::Request;

/// By address: the mark of the request, and the answer.
pub(super) const ANSWERS: TableDefinition<'_, &str, (&[u8], &[u8])> =
    TableDefinition::new("answers");

const DIGEST_BYTES: usize = 32;

/// What tells a request from another of the same name: which file it is, or else what
/// it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    stamp: Stamp,
    digest: [u8; DIGEST_BYTES],
}

impl Mark {
    /// Returns the mark of a request.
    pub(crate) fn new(stamp: Stamp, request: &Request) -> Self {
        Self {
            stamp,
            digest: digest(request),
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let Stamp {
            inode,
            bytes,
            changed,
        } = self.stamp;
        [
            &inode.to_be_bytes()[..],
            &bytes.to_be_bytes(),
            &changed.to_be_bytes(),
            &self.digest,
        ]
        .concat()
    }

    fn is_of(&self, bytes: &[u8]) -> bool {
        let own = self.to_bytes();
        let at = own.len() - DIGEST_BYTES;
        bytes.len() == own.len() && (bytes[..at] == own[..at] || bytes[at..] == own[at..])
    }
}

fn digest(request: &Request) -> [u8; DIGEST_BYTES] {
    let mut hash = Sha256::new();
    let mut add = |part: &[u8]| {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    };
    add(request.sender.as_bytes());
    add(request.url.as_bytes());
    add(&[request.method as u8]);
    for (name, value) in &request.headers {
        add(name.as_bytes());
        add(value.as_bytes());
    }
    // No body is not an empty one.
    add(&[u8::from(request.body.is_some())]);
    add(request.body.as_deref().unwrap_or_default());
    add(&request.created.to_be_bytes());
    add(&request.expires.to_be_bytes());
    hash.finalize().into()
}

/// Which answers are not known to lie beside their requests.
#[derive(Default)]
pub(super) struct Unpublished {
    addresses: Mutex<HashSet<String>>,
    /// Those that lie there by now, and are still in the table.
    published: Mutex<Vec<String>>,
}

impl Unpublished {
    pub(super) fn read(database: &Database) -> Result<Self, redb::Error> {
        let table = database.begin_read()?.open_table(ANSWERS)?;
        let addresses = table
            .iter()?
            .map(|entry| Ok(entry?.0.value().to_owned()))
            .collect::<Result<_, redb::Error>>()?;
        Ok(Self {
            addresses: Mutex::new(addresses),
            published: Mutex::default(),
        })
    }

    fn addresses(&self) -> MutexGuard<'_, HashSet<String>> {
        self.addresses
            .lock()
            .expect("no holder of this lock panics")
    }

    fn published(&self) -> MutexGuard<'_, Vec<String>> {
        self.published
            .lock()
            .expect("no holder of this lock panics")
    }

    /// Returns what was published and is still in the table.
    pub(super) fn take_published(&self) -> Vec<String> {
        std::mem::take(&mut *self.published())
    }

    pub(super) fn put_back(&self, published: Vec<String>) {
        self.published().extend(published);
    }
}

/// Takes answers out of the table.
pub(super) fn forget(
    transaction: &WriteTransaction,
    published: &[String],
) -> Result<(), redb::Error> {
    let mut table = transaction.open_table(ANSWERS)?;
    for address in published {
        table.remove(address.as_str())?;
    }
    Ok(())
}

impl Session {
    /// Has the answer of the call kept with what it wrote, if it wrote anything: an
    /// answer that changed nothing can be given anew.
    pub(crate) fn keep_answer(
        &mut self,
        address: &Address,
        mark: impl FnOnce() -> Mark,
        answer: &[u8],
    ) {
        if !self.has_written() {
            return;
        }
        let (address, mark, answer) = (address.to_string(), mark().to_bytes(), answer.to_vec());
        self.expect_answer(&address);
        self.also(Box::new(move |transaction| {
            let mut table = transaction.open_table(ANSWERS)?;
            table.insert(address.as_str(), (mark.as_slice(), answer.as_slice()))?;
            Ok(())
        }));
    }
}

impl Store {
    /// Returns the answer of a call that was kept and is not known to be published.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn unpublished(
        &self,
        address: &Address,
        mark: impl FnOnce() -> Mark,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let address = address.to_string();
        if !self.unpublished.addresses().contains(&address) {
            return Ok(None);
        }
        let find = || -> Result<Option<Vec<u8>>, redb::Error> {
            let table = self.file.database()?.begin_read()?.open_table(ANSWERS)?;
            let Some(found) = table.get(address.as_str())? else {
                return Ok(None);
            };
            let (of, answer) = found.value();
            Ok(mark().is_of(of).then(|| answer.to_vec()))
        };
        find().map_err(StoreError::new)
    }

    /// Takes note that an answer may be kept from now on.
    pub(super) fn expect_answer(&self, address: &str) {
        self.unpublished.addresses().insert(address.to_owned());
    }

    /// Takes note that the answer lies beside its request, or that nobody waits for it.
    /// That need not reach the disk: it is then found out again.
    pub(crate) fn published(&self, address: &Address) {
        let address = address.to_string();
        if self.unpublished.addresses().remove(&address) {
            self.unpublished.published().push(address);
        }
    }
}
