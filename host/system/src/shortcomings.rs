//! What this system cannot do that is promised elsewhere: said at the start of a host, and in
//! SECURITY.md.

/// Returns a sentence for each.
pub fn shortcomings() -> &'static [&'static str] {
    if cfg!(windows) {
        WINDOWS
    } else if cfg!(target_os = "macos") {
        MAC_OS
    } else {
        &[]
    }
}

const MAC_OS: &[&str] = &[
    "memory of apps can be swapped out, so the memory of each call is cleared as a whole",
    "the memory of programs that the host starts is looked at 20 times a second, and not bounded by \
     the system",
    "of what such a program starts, what goes into a session of its own is not ended with it",
];

const WINDOWS: &[&str] = &[
    "memory of apps can be swapped out, so the memory of each call is cleared as a whole",
    "the folders of apps that are served cannot be moved or removed",
    "names of files are not forced to the disk, also with --durability strict",
    "another user's host is not kept from serving the same app",
    "files that OneDrive and the like keep elsewhere do not exist for apps",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux_has_none_and_the_others_say_theirs_in_one_line() {
        assert_eq!(shortcomings().is_empty(), cfg!(target_os = "linux"));
        for said in MAC_OS.iter().chain(WINDOWS) {
            assert!(!said.contains('\n') && !said.ends_with('.'), "{said}");
        }
    }
}
