//! What a child may use, as an argument of a process of our own executable.

use std::io;
use std::time::Duration;

use super::ChildLimits;

/// Returns limits as an argument.
pub(super) fn to_argument(limits: &ChildLimits) -> String {
    let values = [
        ("memory", limits.memory_bytes),
        ("addresses", limits.address_space_bytes),
        ("cpu", limits.cpu_time.map(millis)),
        ("file", limits.file_bytes),
        ("files", limits.open_files),
    ];
    let mut parts = Vec::new();
    for (name, value) in values {
        parts.extend(value.map(|value| format!("{name}={value}")));
    }
    if limits.low_priority {
        parts.push("low".to_owned());
    }
    parts.join(",")
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Reads such an argument.
pub(super) fn from_argument(argument: &str) -> io::Result<ChildLimits> {
    let mut limits = ChildLimits {
        file_bytes: None,
        open_files: None,
        ..ChildLimits::default()
    };
    for part in argument.split(',').filter(|part| !part.is_empty()) {
        if part == "low" {
            limits.low_priority = true;
            continue;
        }
        let wrong = || io::Error::other(format!("`{part}` is no limit"));
        let (name, value) = part.split_once('=').ok_or_else(wrong)?;
        let value: u64 = value.parse().map_err(|_| wrong())?;
        match name {
            "memory" => limits.memory_bytes = Some(value),
            "addresses" => limits.address_space_bytes = Some(value),
            "cpu" => limits.cpu_time = Some(Duration::from_millis(value)),
            "file" => limits.file_bytes = Some(value),
            "files" => limits.open_files = Some(value),
            _ => return Err(wrong()),
        }
    }
    Ok(limits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_has_its_name() {
        let limits = ChildLimits {
            memory_bytes: Some(1),
            address_space_bytes: Some(2),
            cpu_time: Some(Duration::from_millis(2_001)),
            file_bytes: Some(4),
            open_files: Some(5),
            low_priority: true,
        };
        let argument = "memory=1,addresses=2,cpu=2001,file=4,files=5,low";
        assert_eq!(to_argument(&limits), argument);
        assert_eq!(from_argument(argument).expect("limits"), limits);
        let none = from_argument("").expect("limits");
        assert_eq!(to_argument(&none), "");
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        for argument in ["memory", "memory=", "memory=x", "speed=1", "cpu=-1"] {
            assert!(from_argument(argument).is_err(), "{argument}");
        }
    }
}
