//! Private folders of the host, and files in them.

pub use syft_system::lock::{Lock as FolderLock, wait_for as lock};
pub use syft_system::private::{UNFINISHED, make_folder, read, stamp, write};
