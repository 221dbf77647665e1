//! Deletes what has had its time.

use std::io;

use cap_std::fs::MetadataExt;
use syft_protocol::address::{Address, Endpoint};
use syft_protocol::inbox::Stamp;
use syft_protocol::message::Request;
use syft_protocol::retention::Retention;
use syft_protocol::timestamp::Timestamp;

use super::{Course, Opened, Scan, Tree, Which};

impl Tree {
    /// Deletes the requests of an endpoint that are older than they are kept,
    /// each with its answer, and returns their number. One that can still be
    /// answered stays, and so does a file that is no request: it has no age that
    /// could be believed.
    pub fn sweep_endpoint(
        &self,
        endpoint: &Endpoint,
        retention: &Retention,
        now: Timestamp,
        request_bytes: u64,
    ) -> usize {
        let delete = |address: &Address| {
            let stamp = self.due(address, retention, now, request_bytes)?;
            self.delete(address, stamp).ok()
        };
        let (mut course, mut n_deleted) = (Course::brief(endpoint.clone()), 0);
        loop {
            let mut scan = Scan {
                which: Which::All,
                ..Scan::default()
            };
            let is_over = self.scan_slice(&mut course, &mut scan);
            n_deleted += scan.addresses().filter_map(|it| delete(&it)).count();
            if is_over {
                return n_deleted;
            }
        }
    }

    /// Returns the stamp of a request that is to be deleted.
    fn due(
        &self,
        address: &Address,
        retention: &Retention,
        now: Timestamp,
        request_bytes: u64,
    ) -> Option<Stamp> {
        let Ok(Opened::File(file)) = self.open_any_request(address) else {
            return None;
        };
        let stamp = file.stamp();
        if stamp.bytes > request_bytes {
            return None;
        }
        let request = Request::from_json(&file.read().ok()?, now).ok()?;
        let is_over = request.expires <= now || self.is_answered(address);
        (is_over && retention.is_due(request.created, now)).then_some(stamp)
    }

    fn is_answered(&self, address: &Address) -> bool {
        matches!(self.open_request(address), Ok(Opened::Answered))
    }

    fn delete(&self, address: &Address, stamp: Stamp) -> io::Result<()> {
        let folder = self.open_folder(address.folder())?;
        let request = address.id().request_name();
        if folder.symlink_metadata(&request)?.ino() != stamp.inode {
            return Err(io::ErrorKind::NotFound.into());
        }
        folder.remove_file(request)?;
        match folder.remove_file(address.id().response_name()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
