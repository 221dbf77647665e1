//! Rights that files get from the folder that they are made in, or from another file.

use std::fs::File;

use crate::{Stat, SystemError};

/// Gives a file the rights of another one, as far as a mode says them: on Windows, whether it may be
/// written.
///
/// # Errors
/// The file is not ours.
pub fn copy(from: &Stat, to: &File) -> Result<(), SystemError> {
    #[cfg(unix)]
    let rights = std::os::unix::fs::PermissionsExt::from_mode(from.mode & 0o7777);
    #[cfg(windows)]
    let rights = {
        let mut rights = to.metadata()?.permissions();
        rights.set_readonly(from.mode & 0o222 == 0);
        rights
    };
    Ok(to.set_permissions(rights)?)
}

/// Tells whether a folder has an access list for files that are made in it.
#[cfg(target_os = "linux")]
pub(crate) fn has_default_list(folder: std::os::fd::BorrowedFd<'_>) -> bool {
    use std::os::fd::AsRawFd;
    let path = format!("/proc/self/fd/{}", folder.as_raw_fd());
    rustix::fs::getxattr(path, "system.posix_acl_default", &mut [0_u8; 0][..]).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Create, Dir, Open};

    #[test]
    fn a_file_gets_the_rights_of_another() {
        let site = tempfile::tempdir().expect("a folder");
        let folder = Dir::open_ambient(site.path()).expect("it opens");
        let new = Open::WRITE.create(Create::New);
        let make = |name| folder.open_file(name, new).expect("made");
        let (one, other) = (make("one"), make("other"));
        let rights = Stat {
            mode: 0o100_444,
            ..one.found
        };
        copy(&rights, &other.file).expect("ours");
        let found = folder.look("other").expect("there");
        assert_eq!(found.mode & 0o222, 0);
        copy(&one.found, &other.file).expect("ours");
        let found = folder.look("other").expect("there");
        assert_eq!(found.mode & 0o777, one.found.mode & 0o777);
    }
}
