//! What the section `signature` holds, in the one form of it that counts here.
//!
//! The format is that of the WebAssembly tool conventions, which lets a signature be for
//! some sections only, or for a beginning of the file. Here it is for all of it: one hash,
//! SHA-256, signed with Ed25519. Each content has one encoding, so that nothing can hide in
//! how it is written.
//!
//! Why: docs/decisions/32-a-signature-covers-the-whole-file.md

use thiserror::Error;

/// The name of the section.
pub(super) const NAME: &str = "signature";
/// The name of sections at which a signature may end that is for a part of a file.
pub(super) const DELIMITER: &str = "signature_delimiter";

/// The most bytes of the section, its name included.
pub(super) const MAX_BYTES: usize = 8 << 10;
/// The most signatures. Each of ours is there twice: see [`Signatures::put`].
const MAX_SIGNATURES: usize = 32;
const MAX_KEY_ID: usize = 64;

/// Version of the format, kind of what is signed, and hash function: SHA-256.
const PREFIX: [u8; 3] = [1, 1, 1];
const ED25519: u8 = 1;
/// What a key signs begins so, which no other use of it does.
const DOMAIN: &[u8; 7] = b"wasmsig";

/// Why bytes are no signatures in this form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MalformedSignatures {
    /// It is cut off, or a length in it leads out of it.
    #[error("it ends too early")]
    Short,
    /// Bytes follow that belong to nothing.
    #[error("it goes on after its end")]
    Trailing,
    /// A length is written in more bytes than it takes.
    #[error("a length in it is not in its shortest form")]
    LongLength,
    /// Another format than ours.
    #[error("it is of another version, or of another hash function than SHA-256")]
    Unknown,
    /// A signature for parts of a file, or several of different files.
    #[error(
        "it has several hashes, as signatures of a part of a file have; one of the whole is allowed"
    )]
    SeveralHashes,
    /// There is nothing in it.
    #[error("it holds no signature, or one of nothing")]
    Empty,
    /// There are more than anybody needs.
    #[error("it holds more than {MAX_SIGNATURES} signatures")]
    TooMany,
    /// Another algorithm than Ed25519.
    #[error("a signature in it is not Ed25519")]
    Algorithm,
    /// The name of a key is too long.
    #[error("the name of a key in it is too long")]
    KeyId,
}

/// One signature, and what it says of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signature {
    /// Ours are the key itself, or empty; those of other tools are a hint.
    pub(super) key_id: Vec<u8>,
    pub(super) bytes: [u8; 64],
}

/// The signatures of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signatures {
    /// The SHA-256 of what is signed.
    pub(super) digest: [u8; 32],
    pub(super) all: Vec<Signature>,
}

impl Signatures {
    /// Reads the content of a section. What is read has no other encoding.
    pub(super) fn parse(content: &[u8]) -> Result<Self, MalformedSignatures> {
        let mut rest = Reader(content);
        if rest.array()? != PREFIX {
            return Err(MalformedSignatures::Unknown);
        }
        match rest.length()? {
            0 => return Err(MalformedSignatures::Empty),
            1 => {}
            _ => return Err(MalformedSignatures::SeveralHashes),
        }
        let mut set = Reader(rest.counted()?);
        rest.end()?;
        match set.length()? {
            0 => return Err(MalformedSignatures::Empty),
            1 => {}
            _ => return Err(MalformedSignatures::SeveralHashes),
        }
        let digest = set.array()?;
        let count = set.length()?;
        match count {
            0 => return Err(MalformedSignatures::Empty),
            1..=MAX_SIGNATURES => {}
            _ => return Err(MalformedSignatures::TooMany),
        }
        let all = (0..count)
            .map(|_| Signature::parse(set.counted()?))
            .collect::<Result<_, _>>()?;
        set.end()?;
        Ok(Self { digest, all })
    }

    /// Returns the content of the section.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut set = vec![1];
        set.extend_from_slice(&self.digest);
        push_length(&mut set, self.all.len());
        for signature in &self.all {
            push_counted(&mut set, &signature.encode());
        }
        let mut content = PREFIX.to_vec();
        content.push(1);
        push_counted(&mut content, &set);
        content
    }

    /// Returns what keys sign.
    pub(super) fn message(&self) -> Vec<u8> {
        [&DOMAIN[..], &PREFIX, &self.digest].concat()
    }

    /// Puts in the signature of a key, in the place of an earlier one of the same key.
    ///
    /// It is there twice: under the key itself, so that the file says who signed it, and
    /// without any name, since other tools pass over a name that they would not have given.
    pub(super) fn put(&mut self, key: &[u8; 32], bytes: [u8; 64]) {
        let signature = Signature {
            key_id: key.to_vec(),
            bytes,
        };
        if self.all.contains(&signature) {
            return;
        }
        let earlier = self.all.iter().filter(|signature| signature.key_id == key);
        let earlier: Vec<[u8; 64]> = earlier
            .map(|signature| signature.bytes)
            .chain([bytes])
            .collect();
        self.all
            .retain(|signature| !earlier.contains(&signature.bytes));
        for key_id in [key.to_vec(), Vec::new()] {
            self.all.push(Signature { key_id, bytes });
        }
    }
}

impl Signature {
    fn parse(bytes: &[u8]) -> Result<Self, MalformedSignatures> {
        let mut rest = Reader(bytes);
        let key_id = rest.counted()?.to_vec();
        if key_id.len() > MAX_KEY_ID {
            return Err(MalformedSignatures::KeyId);
        }
        if rest.array()? != [ED25519] {
            return Err(MalformedSignatures::Algorithm);
        }
        let bytes = rest.counted()?.try_into();
        rest.end()?;
        Ok(Self {
            key_id,
            bytes: bytes.map_err(|_| MalformedSignatures::Algorithm)?,
        })
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        push_counted(&mut bytes, &self.key_id);
        bytes.push(ED25519);
        push_counted(&mut bytes, &self.bytes);
        bytes
    }
}

/// Appends a length in LEB128, in as few bytes as it takes.
pub(super) fn push_length(bytes: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        bytes.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
}

/// Appends bytes after their number.
pub(super) fn push_counted(bytes: &mut Vec<u8>, counted: &[u8]) {
    push_length(bytes, counted.len());
    bytes.extend_from_slice(counted);
}

/// What is left to read.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], MalformedSignatures> {
        let (array, rest) = self
            .0
            .split_first_chunk()
            .ok_or(MalformedSignatures::Short)?;
        self.0 = rest;
        Ok(*array)
    }

    /// Reads a length in LEB128, which has its shortest form.
    pub(super) fn length(&mut self) -> Result<usize, MalformedSignatures> {
        let mut length = 0;
        for shift in [0, 7, 14, 21] {
            let [byte] = self.array()?;
            length |= usize::from(byte & 0x7f) << shift;
            match byte {
                0 if shift > 0 => return Err(MalformedSignatures::LongLength),
                0..0x80 => return Ok(length),
                _ => {}
            }
        }
        // No section is that long.
        Err(MalformedSignatures::Short)
    }

    /// Reads bytes after their number.
    pub(super) fn counted(&mut self) -> Result<&'a [u8], MalformedSignatures> {
        let length = self.length()?;
        let (counted, rest) = self
            .0
            .split_at_checked(length)
            .ok_or(MalformedSignatures::Short)?;
        self.0 = rest;
        Ok(counted)
    }

    pub(super) fn end(&self) -> Result<(), MalformedSignatures> {
        match self.0 {
            [] => Ok(()),
            _ => Err(MalformedSignatures::Trailing),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn signature() -> impl Strategy<Value = Signature> {
        (
            vec(any::<u8>(), 0..=MAX_KEY_ID),
            any::<[u8; 32]>(),
            any::<[u8; 32]>(),
        )
            .prop_map(|(key_id, r, s)| Signature {
                key_id,
                bytes: [r, s].concat().try_into().expect("64 bytes"),
            })
    }

    fn signatures() -> impl Strategy<Value = Signatures> {
        (any::<[u8; 32]>(), vec(signature(), 1..=MAX_SIGNATURES))
            .prop_map(|(digest, all)| Signatures { digest, all })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(signatures in signatures()) {
            let content = signatures.encode();
            prop_assert_eq!(Signatures::parse(&content), Ok(signatures));
        }

        /// Bytes near to good ones, since others end at the first of them.
        #[test]
        fn what_is_read_has_one_encoding(
            signatures in signatures(),
            changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            cut in any::<prop::sample::Index>(),
            inserted in vec(any::<u8>(), 0..3),
        ) {
            let mut content = signatures.encode();
            for (at, byte) in changes {
                let at = at.index(content.len());
                content[at] = byte;
            }
            let at = cut.index(content.len());
            content.splice(at..at, inserted);
            if let Ok(read) = Signatures::parse(&content) {
                prop_assert_eq!(read.encode(), content);
            }
        }

        #[test]
        fn any_bytes_are_answered(content in vec(any::<u8>(), 0..300)) {
            if let Ok(read) = Signatures::parse(&content) {
                prop_assert_eq!(read.encode(), content);
            }
        }
    }

    /// Each byte of a small one is each other byte, and each cut of it is refused.
    #[test]
    fn every_change_of_a_byte_is_seen_or_refused() {
        let mut signatures = Signatures {
            digest: [7; 32],
            all: Vec::new(),
        };
        signatures.put(&[8; 32], [9; 64]);
        let content = signatures.encode();
        for at in 0..content.len() {
            assert!(Signatures::parse(&content[..at]).is_err(), "{at}");
            for byte in 0..=u8::MAX {
                let mut changed = content.clone();
                changed[at] = byte;
                if let Ok(read) = Signatures::parse(&changed) {
                    assert_eq!(read.encode(), changed, "{at} {byte}");
                    assert_eq!(read == signatures, changed == content, "{at} {byte}");
                }
            }
        }
    }

    #[test]
    fn refuses_other_forms_and_says_why() {
        let signature = [&[0, ED25519, 64][..], &[5; 64]].concat();
        let counted = |bytes: &[u8]| {
            let mut counted = Vec::new();
            push_counted(&mut counted, bytes);
            counted
        };
        let set = |head: &[u8], signatures: &[u8]| counted(&[head, signatures].concat());
        let one_hash = [&[1][..], &[3; 32]].concat();
        let one = [&[1][..], &counted(&signature)].concat();
        let good = [&[1, 1, 1, 1][..], &set(&one_hash, &one)].concat();
        assert!(Signatures::parse(&good).is_ok());
        let two_hashes = [&[2][..], &[3; 64]].concat();
        let many = [&[33][..], &counted(&signature).repeat(33)].concat();
        let rsa = counted(&[&[0, 2, 64][..], &[5; 64]].concat());
        let short = counted(&[&[0, ED25519, 63][..], &[5; 63]].concat());
        let long_id = counted(&[&[65][..], &[4; 65], &[ED25519, 64], &[5; 64]].concat());
        let longer = counted(&[&signature[..], &[0]].concat());
        for (bytes, expected) in [
            (vec![], MalformedSignatures::Short),
            (b"\x02\x01\x01".to_vec(), MalformedSignatures::Unknown),
            (b"\x01\x02\x01".to_vec(), MalformedSignatures::Unknown),
            (b"\x01\x01\x02".to_vec(), MalformedSignatures::Unknown),
            (b"\x01\x01\x01\0".to_vec(), MalformedSignatures::Empty),
            (
                b"\x01\x01\x01\x02".to_vec(),
                MalformedSignatures::SeveralHashes,
            ),
            (
                b"\x01\x01\x01\x81\0".to_vec(),
                MalformedSignatures::LongLength,
            ),
            (
                b"\x01\x01\x01\x01\xff\xff\xff\xff\x0f".to_vec(),
                MalformedSignatures::Short,
            ),
            ([&good[..], &[0]].concat(), MalformedSignatures::Trailing),
            (
                [&[1, 1, 1, 1][..], &set(&two_hashes, &one)].concat(),
                MalformedSignatures::SeveralHashes,
            ),
            (
                [&[1, 1, 1, 1][..], &set(&[0], &one)].concat(),
                MalformedSignatures::Empty,
            ),
            (
                [&[1, 1, 1, 1][..], &set(&one_hash, &[0])].concat(),
                MalformedSignatures::Empty,
            ),
            (
                [&[1, 1, 1, 1][..], &set(&one_hash, &many)].concat(),
                MalformedSignatures::TooMany,
            ),
            (
                [
                    &[1, 1, 1, 1][..],
                    &set(&one_hash, &[&[1], &rsa[..]].concat()),
                ]
                .concat(),
                MalformedSignatures::Algorithm,
            ),
            (
                [
                    &[1, 1, 1, 1][..],
                    &set(&one_hash, &[&[1], &short[..]].concat()),
                ]
                .concat(),
                MalformedSignatures::Algorithm,
            ),
            (
                [
                    &[1, 1, 1, 1][..],
                    &set(&one_hash, &[&[1], &long_id[..]].concat()),
                ]
                .concat(),
                MalformedSignatures::KeyId,
            ),
            (
                [
                    &[1, 1, 1, 1][..],
                    &set(&one_hash, &[&[1], &longer[..]].concat()),
                ]
                .concat(),
                MalformedSignatures::Trailing,
            ),
            (
                [
                    &[1, 1, 1, 1][..],
                    &set(&one_hash, &[&one[..], &[0]].concat()),
                ]
                .concat(),
                MalformedSignatures::Trailing,
            ),
        ] {
            assert_eq!(Signatures::parse(&bytes), Err(expected), "{bytes:?}");
        }
    }
}
