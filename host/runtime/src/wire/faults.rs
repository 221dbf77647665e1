//! Why something cannot be done with files, as machines of each kind tell one another: by the
//! numbers that Linux has for it.

use syft_system::SystemError;

use super::FileFault;

/// What is not told apart.
const EIO: i32 = 5;

const NUMBERS: [(SystemError, i32); 24] = [
    (SystemError::NotPermitted, 1),
    (SystemError::NotFound, 2),
    (SystemError::Interrupted, 4),
    (SystemError::NotAFile, 6),
    (SystemError::OutOfMemory, 12),
    (SystemError::AccessDenied, 13),
    (SystemError::Busy, 16),
    (SystemError::Exists, 17),
    (SystemError::CrossesDevices, 18),
    (SystemError::NotAFolder, 20),
    (SystemError::IsAFolder, 21),
    (SystemError::Invalid, 22),
    (SystemError::TooManyOpen, 24),
    (SystemError::TooLarge, 27),
    (SystemError::StorageFull, 28),
    (SystemError::ReadOnly, 30),
    (SystemError::TooManyLinks, 31),
    (SystemError::NameTooLong, 36),
    (SystemError::Unsupported, 38),
    (SystemError::NotEmpty, 39),
    (SystemError::Link, 40),
    (SystemError::BadName, 84),
    (SystemError::Stale, 116),
    (SystemError::Quota, 122),
];

impl From<SystemError> for FileFault {
    fn from(error: SystemError) -> Self {
        let known = NUMBERS.iter().find(|(known, _)| *known == error);
        Self(known.map_or(EIO, |(_, number)| *number))
    }
}

impl From<FileFault> for SystemError {
    fn from(fault: FileFault) -> Self {
        let known = NUMBERS.iter().find(|(_, number)| *number == fault.0);
        known.map_or(Self::Io(EIO), |(known, _)| *known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_understood() {
        for (error, number) in NUMBERS {
            assert_eq!(FileFault::from(error), FileFault(number));
            assert_eq!(SystemError::from(FileFault(number)), error);
        }
        assert_eq!(FileFault::from(SystemError::Io(71)), FileFault(EIO));
        for strange in [0, -1, EIO, 4096, i32::MAX] {
            assert_eq!(SystemError::from(FileFault(strange)), SystemError::Io(EIO));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_numbers_are_those_of_linux() {
        for (error, number) in NUMBERS {
            let of_linux = std::io::Error::from_raw_os_error(number);
            assert_eq!(SystemError::from(of_linux), error, "{number}");
        }
    }
}
