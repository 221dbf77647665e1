//! Where each system has programs keep what is theirs.
//!
//! Whoever asks says what the environment has: only one module of the program reads that.

use std::ffi::OsString;
use std::path::PathBuf;

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// What can be made again.
    Cache,
    /// What is not to be lost.
    Data,
    /// What the owner writes.
    Settings,
}

/// Which system's places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Places {
    /// Those of the XDG base directories.
    Linux,
    /// Those of Apple's file system guide.
    MacOs,
    /// Those of the user's profile.
    Windows,
}

/// Those of this system.
pub const HERE: Places = if cfg!(windows) {
    Places::Windows
} else if cfg!(target_os = "macos") {
    Places::MacOs
} else {
    Places::Linux
};

impl Places {
    /// Returns the folder of all programs of this user for something, if the environment and the
    /// home say enough. What is no whole path does not count.
    pub fn of_all_programs(
        self,
        place: Place,
        home: Option<PathBuf>,
        environment: &dyn Fn(&str) -> Option<OsString>,
    ) -> Option<PathBuf> {
        let said = |name| {
            let path = environment(name).map(PathBuf::from);
            path.filter(|path| path.is_absolute())
        };
        let at_home = |below: &str| home.clone().map(|home| home.join(below));
        match (self, place) {
            (Self::Linux, Place::Cache) => said("XDG_CACHE_HOME").or_else(|| at_home(".cache")),
            (Self::Linux, Place::Data) => said("XDG_DATA_HOME").or_else(|| at_home(".local/share")),
            (Self::Linux, Place::Settings) => {
                said("XDG_CONFIG_HOME").or_else(|| at_home(".config"))
            }
            (Self::MacOs, Place::Cache) => {
                said("XDG_CACHE_HOME").or_else(|| at_home("Library/Caches"))
            }
            (Self::MacOs, Place::Data) => {
                said("XDG_DATA_HOME").or_else(|| at_home("Library/Application Support"))
            }
            // Programs of the command line have their settings here on a Mac, too.
            (Self::MacOs, Place::Settings) => {
                said("XDG_CONFIG_HOME").or_else(|| at_home(".config"))
            }
            // Not in that which goes along to other machines of the user's.
            (Self::Windows, Place::Cache | Place::Data) => {
                said("LOCALAPPDATA").or_else(|| at_home("AppData\\Local"))
            }
            (Self::Windows, Place::Settings) => {
                said("APPDATA").or_else(|| at_home("AppData\\Roaming"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(places: Places, place: Place, variables: &[(&str, &str)]) -> Option<PathBuf> {
        let home = PathBuf::from(if cfg!(windows) { "C:\\h" } else { "/h" });
        places.of_all_programs(place, Some(home), &|name| {
            let known = variables.iter().find(|(known, _)| *known == name);
            known.map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn each_system_has_its_own() {
        for (places, place, expected) in [
            (Places::Linux, Place::Data, ".local/share"),
            (Places::Linux, Place::Settings, ".config"),
            (Places::MacOs, Place::Data, "Library/Application Support"),
            (Places::MacOs, Place::Cache, "Library/Caches"),
            (Places::MacOs, Place::Settings, ".config"),
            (Places::Windows, Place::Data, "AppData\\Local"),
            (Places::Windows, Place::Settings, "AppData\\Roaming"),
        ] {
            let folder = found(places, place, &[]).expect("there is a home");
            assert!(folder.ends_with(expected), "{}", folder.display());
        }
    }

    #[test]
    fn what_the_environment_says_goes_first_if_it_is_a_whole_path() {
        let whole = if cfg!(windows) { "D:\\x" } else { "/x" };
        let name = "XDG_CACHE_HOME";
        let said = |value| found(Places::Linux, Place::Cache, &[(name, value)]);
        assert_eq!(said(whole), Some(PathBuf::from(whole)));
        assert_ne!(said("x"), Some(PathBuf::from("x")));
        assert_eq!(
            Places::Linux.of_all_programs(Place::Cache, None, &|_| None),
            None
        );
    }
}
