//! Time zones by their names, from the files of this machine or, without them, from our own.

use jiff::tz::TimeZone;
use syft_protocol::schedule::Zone;

/// The name of the time zone of this machine, whichever that is.
pub const LOCAL: &str = "local";

const MAX_NAME: usize = 64;

/// Returns the time zone of a name such as `Europe/Berlin`, or of this machine for `local`.
pub fn find(name: &str) -> Option<Zone> {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte);
    if name.len() > MAX_NAME || !name.bytes().all(is_fit) {
        return None;
    }
    let clock = match name {
        LOCAL => TimeZone::system(),
        name => TimeZone::get(name).ok()?,
    };
    let name = clock.iana_name().filter(|_| name != LOCAL).unwrap_or(name);
    Some(Zone {
        name: name.to_owned(),
        clock,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_zones_of_the_world() {
        for (name, expected) in [
            ("Europe/Berlin", Some("Europe/Berlin")),
            ("europe/berlin", Some("Europe/Berlin")),
            ("UTC", Some("UTC")),
            ("local", Some("local")),
            ("Europe/Atlantis", None),
            ("../../etc/passwd", None),
            ("/etc/localtime", None),
            ("", None),
            ("Europe/Berlin\u{202e}", None),
        ] {
            let found = find(name).map(|zone| zone.name);
            assert_eq!(found.as_deref(), expected, "{name}");
        }
    }
}
