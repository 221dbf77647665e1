//! How a child ended.

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessEnd {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal. Windows has none.
    Signalled(i32),
    /// It used more time of the processor than it may.
    CpuTime,
    /// It wrote a larger file than it may.
    FileSize,
}

#[cfg(unix)]
impl ProcessEnd {
    /// Returns the line in which a supervisor says it.
    pub(super) fn report(status: &rustix::process::WaitIdStatus) -> String {
        match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => format!("exited {code}\n"),
            (_, Some(signal)) => format!("signalled {signal}\n"),
            _ => String::new(),
        }
    }

    /// Reads such a line.
    pub(super) fn from_report(line: &str) -> Option<Self> {
        use rustix::process::Signal;
        let (how, number) = line.trim_end().split_once(' ')?;
        let number: i32 = number.parse().ok()?;
        match how {
            "exited" => Some(Self::Exited(number)),
            "signalled" if number == Signal::XCPU.as_raw() => Some(Self::CpuTime),
            "signalled" if number == Signal::XFSZ.as_raw() => Some(Self::FileSize),
            "signalled" => Some(Self::Signalled(number)),
            _ => None,
        }
    }
}

#[cfg(windows)]
impl From<std::process::ExitStatus> for ProcessEnd {
    fn from(status: std::process::ExitStatus) -> Self {
        use windows_sys::Win32::Foundation::ERROR_NOT_ENOUGH_QUOTA;
        let code = status.code().unwrap_or(-1);
        // What a job says of a process that has used up its time.
        if code.cast_unsigned() == ERROR_NOT_ENOUGH_QUOTA {
            Self::CpuTime
        } else {
            Self::Exited(code)
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_a_supervisor_says_is_read_and_nothing_else() {
        for (line, end) in [
            ("exited 3\n", Some(ProcessEnd::Exited(3))),
            ("signalled 9\n", Some(ProcessEnd::Signalled(9))),
            ("signalled 24\n", Some(ProcessEnd::CpuTime)),
            ("signalled 25\n", Some(ProcessEnd::FileSize)),
            ("", None),
            ("exited", None),
            ("exited x\n", None),
            ("left 1\n", None),
        ] {
            assert_eq!(ProcessEnd::from_report(line), end, "{line:?}");
        }
    }
}
