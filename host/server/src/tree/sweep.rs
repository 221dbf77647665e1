//! Deletes old requests with their answers.

use std::io;

use syft_protocol::address::{Address, Endpoint};
use syft_protocol::inbox::Stamp;
use syft_protocol::message::Request;
use syft_protocol::retention::Retention;
use syft_protocol::timestamp::Timestamp;
use syft_system::SystemError;

use super::{EndpointScan, OpenedRequest, ScanFilter, Tree, TreeScan};

/// A clean-up of an app's folder.
#[derive(Debug)]
pub struct Sweep<'a> {
    /// The folder.
    pub tree: &'a Tree,
    /// How long requests are kept.
    pub retention: Retention,
    /// The time now.
    pub now: Timestamp,
    /// The most bytes of a request.
    pub request_bytes: u64,
}

impl Sweep<'_> {
    /// Deletes the requests of an endpoint that are older than they are kept,
    /// each with its answer, and returns their number. One that can still be
    /// answered stays, and so does a file that is not a request: its age cannot be
    /// trusted.
    pub fn endpoint(&self, endpoint: &Endpoint) -> usize {
        let delete = |address: &Address| self.delete(address, self.due(address)?).ok();
        let (mut course, mut n_deleted) = (EndpointScan::brief(endpoint.clone()), 0);
        loop {
            let mut scan = TreeScan {
                which: ScanFilter::All,
                ..TreeScan::default()
            };
            let is_over = self.tree.scan_slice(&mut course, &mut scan);
            n_deleted += scan
                .addresses()
                .filter_map(|address| delete(&address))
                .count();
            if is_over {
                return n_deleted;
            }
        }
    }

    /// Returns the stamp of a request that is to be deleted.
    fn due(&self, address: &Address) -> Option<Stamp> {
        let Ok(OpenedRequest::File(file)) = self.tree.open_any_request(address) else {
            return None;
        };
        let stamp = file.stamp();
        if stamp.bytes > self.request_bytes {
            return None;
        }
        let request = Request::from_json(&file.read().ok()?, self.now).ok()?;
        let is_over = request.expires <= self.now || self.is_answered(address);
        let is_due = is_over && self.retention.is_due(request.created, self.now);
        is_due.then_some(stamp)
    }

    fn is_answered(&self, address: &Address) -> bool {
        matches!(self.tree.open_request(address), Ok(OpenedRequest::Answered))
    }

    fn delete(&self, address: &Address, stamp: Stamp) -> io::Result<()> {
        let folder = self.tree.open_folder(address.folder())?;
        let request = address.id().request_name();
        if folder.look(&request)?.id.file != stamp.inode {
            return Err(io::ErrorKind::NotFound.into());
        }
        folder.remove_file(&request)?;
        match folder.remove_file(&address.id().response_name()) {
            Err(error) if error != SystemError::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}
