//! Rights that files get from the folder that they are made in, or from another file.

use std::fs::File;
use std::io;
use std::path::Path;

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

/// What may be done with a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// To list a folder and open what is in it.
    List,
    /// To write to it, or in it.
    Write,
    /// To run a program.
    Run,
}

/// Tells whether this user may do something with what is at a path, as far as its rights say.
#[cfg(unix)]
pub fn may(path: &Path, right: Right) -> bool {
    use rustix::fs::{Access, access};
    let wanted = match right {
        Right::List => Access::READ_OK | Access::EXEC_OK,
        Right::Write => Access::WRITE_OK,
        Right::Run => Access::EXEC_OK,
    };
    access(path, wanted).is_ok()
}

/// Tells whether this user may do something with what is at a path, as far as its rights say. Access
/// lists are not read: to try it says more.
#[cfg(windows)]
pub fn may(path: &Path, right: Right) -> bool {
    match right {
        Right::List => std::fs::read_dir(path).is_ok(),
        Right::Write => std::fs::metadata(path)
            .is_ok_and(|found| found.is_dir() || !found.permissions().readonly()),
        Right::Run => path
            .extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("exe")),
    }
}

/// Gives a file of ours a mode. On Windows its folder says whose it is.
///
/// # Errors
/// The file is not ours.
pub fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    #[cfg(windows)]
    let _ = (file, mode);
    Ok(())
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
    fn folders_are_listed_and_programs_run() {
        let site = tempfile::tempdir().expect("a folder");
        assert!(may(site.path(), Right::List) && may(site.path(), Right::Write));
        let ourselves = std::env::current_exe().expect("we are somewhere");
        assert!(may(&ourselves, Right::Run));
        let text = site.path().join("text");
        let file = File::create(&text).expect("made");
        assert!(!may(&text, Right::Run));
        set_mode(&file, 0o755).expect("ours");
        assert_eq!(may(&text, Right::Run), cfg!(unix));
        assert!(!may(&site.path().join("none"), Right::List));
    }

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
