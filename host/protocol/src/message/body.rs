//! Bodies in base64.

use data_encoding::{BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, DecodeError};

/// Returns the bytes that `text` encodes.
///
/// The released client reads both alphabets but no mixture, padding whole, in
/// part or missing, no white space, and no bits beyond the last byte.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, DecodeError> {
    let digits = without_padding(text);
    let alphabet = if digits.contains(['-', '_']) {
        BASE64URL_NOPAD
    } else {
        BASE64_NOPAD
    };
    alphabet.decode(digits.as_bytes())
}

/// Appends `bytes` to `out` as the released client writes them: the URL-safe
/// alphabet, padded.
pub(super) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + BASE64URL.encode_len(bytes.len()), 0);
    BASE64URL.encode_mut(bytes, &mut out[start..]);
}

/// Cuts off as many `=` as can belong there; any further one is left for the
/// decoder to refuse.
fn without_padding(text: &str) -> &str {
    let digits = text.trim_end_matches('=');
    let n_possible = (4 - digits.len() % 4) % 4;
    if text.len() - digits.len() <= n_possible {
        digits
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Run through syft-rpc 0.4.1.
    #[test]
    fn reads_what_the_release_reads() {
        for (text, expected) in [
            ("", &b""[..]),
            ("QQ==", b"A"),
            ("QQ=", b"A"),
            ("QQ", b"A"),
            ("QUI=", b"AB"),
            ("QUI", b"AB"),
            ("QUJD", b"ABC"),
            ("QUJDQQ", b"ABCA"),
            ("-_8=", b"\xfb\xff"),
            ("+/8=", b"\xfb\xff"),
            ("-w==", b"\xfb"),
        ] {
            assert_eq!(decode(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_the_release_refuses() {
        for text in [
            "QR==", "QQ===", "Q", "Q=", "Q===", "QUI==", "=", "==", "====", "QUJD=", "QUJD====",
            "Q=Q=", "-/8=", "+_==", "QQ==\n", " QQ==", "Q Q=", "é", "QQ=\0",
        ] {
            assert!(decode(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn appends_padded_url_safe_text() {
        let mut out = b"x".to_vec();
        encode(b"\xfb\xff\xfe>>>???\0", &mut out);
        assert_eq!(out, b"x-__-Pj4-Pz8_AA==");
    }
}
