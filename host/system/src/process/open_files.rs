//! How many files this process may have open at a time.

use std::io;

/// Returns how many; `None` where there is no such limit.
#[cfg(unix)]
pub fn open_files() -> Option<u64> {
    use rustix::process::{Resource, getrlimit};
    getrlimit(Resource::Nofile).current
}

/// Returns how many; `None` where there is no such limit.
#[cfg(windows)]
pub fn open_files() -> Option<u64> {
    None
}

/// Returns the most that it can be raised to; `None` where there is no such limit.
#[cfg(unix)]
pub fn most_open_files() -> Option<u64> {
    use rustix::process::{Resource, getrlimit};
    getrlimit(Resource::Nofile).maximum
}

/// Returns the most that it can be raised to; `None` where there is no such limit.
#[cfg(windows)]
pub fn most_open_files() -> Option<u64> {
    None
}

/// Raises it to as many as wanted, or as this user may have.
///
/// # Errors
/// The system refuses it.
#[cfg(unix)]
pub fn raise_open_files(wanted: u64) -> io::Result<()> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(wanted).min(wanted);
    if limit.current.is_some_and(|current| current < most) {
        limit.current = Some(most);
        setrlimit(Resource::Nofile, limit)?;
    }
    Ok(())
}

/// Raises it to as many as wanted, or as this user may have.
///
/// # Errors
/// None here.
#[cfg(windows)]
pub fn raise_open_files(_wanted: u64) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_may_be_open_than_ever() {
        raise_open_files(64).expect("it is not lowered");
        let (now, most) = (open_files(), most_open_files());
        assert!(now.unwrap_or(u64::MAX) >= 64);
        assert!(now.unwrap_or(u64::MAX) <= most.unwrap_or(u64::MAX));
    }
}
