//! Deletes what has had its time.

use std::io;

use syft_protocol::address::{Address, Endpoint};
use syft_protocol::message::Request;
use syft_protocol::retention::Retention;
use syft_protocol::timestamp::Timestamp;

use super::{Opened, Scan, Tree, Which};

impl Tree {
    /// Deletes the requests of an endpoint that are older than they are kept,
    /// each with its answer, and returns their number. A file that is no request
    /// stays: it has no age that could be believed.
    pub fn sweep_endpoint(
        &self,
        endpoint: &Endpoint,
        retention: &Retention,
        now: Timestamp,
        request_bytes: u64,
    ) -> usize {
        let mut scan = Scan::default();
        self.scan_endpoint(endpoint, Which::All, &mut scan);
        scan.requests
            .iter()
            .filter(|address| self.is_due(address, retention, now, request_bytes))
            .filter(|address| self.delete(address).is_ok())
            .count()
    }

    fn is_due(
        &self,
        address: &Address,
        retention: &Retention,
        now: Timestamp,
        request_bytes: u64,
    ) -> bool {
        let Ok(Opened::File(file)) = self.open_any_request(address) else {
            return false;
        };
        if file.stamp().bytes > request_bytes {
            return false;
        }
        let Ok(bytes) = file.read() else {
            return false;
        };
        Request::from_json(&bytes, now).is_ok_and(|request| retention.is_due(request.created, now))
    }

    fn delete(&self, address: &Address) -> io::Result<()> {
        let folder = self.open_folder(address.folder())?;
        folder.remove_file(address.id().request_name())?;
        match folder.remove_file(address.id().response_name()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
