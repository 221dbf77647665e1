//! Whether something is spelled as it is stored, on systems that take different names for one.
//!
//! macOS takes `A` for `a` and Windows also `LONGNA~1` for a longer one. Grants compare bytes. So a
//! name that is spelled otherwise than it is stored does not exist: then one file has one name, as
//! on Linux.

/// Whether this system may take different names for one.
pub(crate) const FOLDS: bool = cfg!(any(windows, target_os = "macos"));

/// Tells whether what is open is stored under this very name.
#[cfg(windows)]
pub(crate) fn is_named(
    opened: &impl std::os::windows::io::AsHandle,
    name: &str,
) -> Result<bool, crate::SystemError> {
    let copy = std::fs::File::from(opened.as_handle().try_clone_to_owned()?);
    let path = winx::file::get_file_path(&copy)?;
    Ok(path.file_name().is_some_and(|stored| stored == name))
}

/// Tells whether what is open is stored under this very name.
#[cfg(target_os = "macos")]
pub(crate) fn is_named(
    opened: &impl std::os::fd::AsFd,
    name: &str,
) -> Result<bool, crate::SystemError> {
    let path = rustix::fs::getpath(opened)?;
    let stored = path.as_bytes().rsplit(|byte| *byte == b'/').next();
    Ok(stored == Some(name.as_bytes()))
}

/// Tells whether what is open is stored under this very name: here no two names are one.
#[cfg(not(any(windows, target_os = "macos")))]
pub(crate) fn is_named<T>(_opened: &T, _name: &str) -> Result<bool, crate::SystemError> {
    Ok(true)
}
