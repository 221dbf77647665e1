//! Rights that files get from the folder that they are made in.

/// Tells whether a folder has an access list for files that are made in it.
#[cfg(target_os = "linux")]
pub(crate) fn has_default_list(folder: std::os::fd::BorrowedFd<'_>) -> bool {
    use std::os::fd::AsRawFd;
    let path = format!("/proc/self/fd/{}", folder.as_raw_fd());
    rustix::fs::getxattr(path, "system.posix_acl_default", &mut [0_u8; 0][..]).is_ok()
}
