//! Who sent a request, and how that is known.

use std::fmt;

/// Who sent a request, always together with how that is known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sender {
    /// The email as given; not checked, so not necessarily one.
    pub email: String,
    /// How the email is known.
    pub proof: Proof,
}

/// How a sender is known, from the weakest to the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Proof {
    /// Only the message says so. SyftBox's HTTP API writes whatever sender its
    /// caller names, also into the folder of that name.
    Claimed,
    /// The request lies in the folder of that name, which the permission file
    /// lets only that sender write, and did not come through the HTTP API.
    Folder,
    /// The message carries that sender's signature.
    Signed,
}

impl Proof {
    /// All of them.
    pub const ALL: [Proof; 3] = [Proof::Claimed, Proof::Folder, Proof::Signed];

    /// Returns the one of this word.
    pub fn parse(word: &str) -> Option<Proof> {
        Proof::ALL.into_iter().find(|proof| proof.as_str() == word)
    }

    /// Returns the word for it in guests, logs and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Proof::Claimed => "claimed",
            Proof::Folder => "folder",
            Proof::Signed => "signed",
        }
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_known_by_its_word() {
        for proof in Proof::ALL {
            assert_eq!(Proof::parse(proof.as_str()), Some(proof));
        }
        for word in ["", "Signed", "signed "] {
            assert_eq!(Proof::parse(word), None, "{word:?}");
        }
    }
}
