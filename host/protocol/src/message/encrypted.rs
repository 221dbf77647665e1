//! Messages that are encrypted as a whole, known by their first bytes.

/// The marks of the two kinds of envelopes that the SyftBox SDK writes.
const MARKS: [&str; 2] = ["SYC2", "SBC1"];

/// What the first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// It is an envelope of this kind.
    Whole(&'static str),
    /// It may become one: it ends within the mark.
    Begun,
    /// It is no envelope.
    None,
}

/// Returns the mark of an envelope of the SyftBox SDK, if these are the bytes of one or of its
/// beginning.
pub fn envelope(bytes: &[u8]) -> Option<&'static str> {
    MARKS
        .into_iter()
        .find(|mark| bytes.starts_with(mark.as_bytes()))
}

pub(super) fn mark(bytes: &[u8]) -> Mark {
    let is_begun = |mark: &&str| !bytes.is_empty() && mark.as_bytes().starts_with(bytes);
    match envelope(bytes) {
        Some(mark) => Mark::Whole(mark),
        None if MARKS.iter().any(is_begun) => Mark::Begun,
        None => Mark::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_an_envelope_from_its_first_bytes_on() {
        for (bytes, expected) in [
            (&b"SYC2\x01\xb6\x03\x00\x00{"[..], Mark::Whole("SYC2")),
            (b"SYC2", Mark::Whole("SYC2")),
            (b"SBC1-PREJ\x00", Mark::Whole("SBC1")),
            (b"SBC1\xff", Mark::Whole("SBC1")),
            (b"SB", Mark::Begun),
            (b"S", Mark::Begun),
            (b"", Mark::None),
            (b"SYC3", Mark::None),
            (b"syc2", Mark::None),
            (b" SYC2", Mark::None),
            (b"{\"id\":\"SYC2\"}", Mark::None),
        ] {
            assert_eq!(mark(bytes), expected, "{bytes:?}");
        }
    }
}
