//! The id of a request, which is the stem of its file's name.

use std::fmt;

use uuid::Uuid;

/// The length of a UUID with hyphens.
const MAX_BYTES: usize = 36;

/// The stem of a request's file name, which is a UUID.
///
/// Keeps the text as it stands on disk, since the response must be named after
/// the file and not after the id in its canonical form (the released SyftEvent
/// answers `UPPER.request` with `upper.response`, which no one finds). Two ids
/// are equal when their texts are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId {
    /// ASCII, the unused rest zero.
    text: [u8; MAX_BYTES],
    n_bytes: u8,
}

impl RequestId {
    /// Returns `stem` as an id if it is a UUID, with hyphens or as 32 hex
    /// digits, in either case.
    pub fn parse(stem: &str) -> Option<RequestId> {
        // The lengths keep out the braces and the `urn:` that `Uuid` would take.
        if stem.len() != 32 && stem.len() != MAX_BYTES {
            return None;
        }
        Uuid::try_parse(stem).ok()?;
        let mut text = [0; MAX_BYTES];
        text[..stem.len()].copy_from_slice(stem.as_bytes());
        let n_bytes = u8::try_from(stem.len()).expect("at most 36");
        Some(RequestId { text, n_bytes })
    }

    /// Returns the id itself.
    pub fn uuid(&self) -> Uuid {
        Uuid::try_parse(self.stem()).expect("checked in parse")
    }

    /// Returns the text as it stands on disk.
    pub fn stem(&self) -> &str {
        let text = &self.text[..usize::from(self.n_bytes)];
        str::from_utf8(text).expect("copied from a str in parse")
    }

    /// Returns the name of the request's file.
    pub fn request_name(&self) -> String {
        format!("{self}.request")
    }

    /// Returns the name of the response's file.
    pub fn response_name(&self) -> String {
        format!("{self}.response")
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.stem())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({})", self.stem())
    }
}

impl From<Uuid> for RequestId {
    /// Returns the id as the released client writes it: lower case, hyphens.
    fn from(uuid: Uuid) -> RequestId {
        let mut text = [0; MAX_BYTES];
        uuid.hyphenated().encode_lower(&mut text);
        RequestId { text, n_bytes: 36 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "c9c22855-686a-49f9-b6f2-11c98f11b79a";

    #[test]
    fn keeps_the_text_on_disk() {
        let simple = ID.replace('-', "");
        for stem in [ID, &ID.to_uppercase(), &simple, &simple.to_uppercase()] {
            let id = RequestId::parse(stem).expect(stem);
            assert_eq!(id.stem(), stem);
            assert_eq!(id.uuid().to_string(), ID);
            assert_eq!(id.request_name(), format!("{stem}.request"));
            assert_eq!(id.response_name(), format!("{stem}.response"));
        }
        let id = RequestId::parse(ID).expect("an id");
        assert_eq!(RequestId::from(id.uuid()), id);
    }

    #[test]
    fn refuses_what_is_no_uuid() {
        for stem in [
            "",
            "x",
            "c9c22855-686a-49f9-b6f2-11c98f11b79",
            "c9c22855-686a-49f9-b6f2-11c98f11b79g",
            "c9c22855-686a-49f9-b6f211-c98f11b79a",
            "c9c22855686a49f9b6f211c98f11b79g",
            "{c9c22855-686a-49f9-b6f2-11c98f11b79a}",
            "urn:uuid:c9c22855-686a-49f9-b6f2-11c98f11b79a",
            "c9c22855-686a-49f9-b6f2-11c98f11b79a.syftrejected",
            " c9c22855686a49f9b6f211c98f11b79",
            "{c9c22855686a49f9b6f211c98f11b79}",
            "éééééééééééééééé",
        ] {
            assert_eq!(RequestId::parse(stem), None, "{stem:?}");
        }
    }

    #[test]
    fn is_small() {
        assert!(size_of::<RequestId>() <= 40);
    }
}
