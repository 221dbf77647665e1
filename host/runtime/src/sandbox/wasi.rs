//! Which WASI a component is made for, and so how its engine works.

use syft_manifest::component::{Surface, surface};
use syft_manifest::worlds::is_async;

/// The two ways in which guests wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wasi {
    /// For one thing, or for a list of things, in a call of the host.
    V0_2,
    /// In tasks, of which a component has several at a time. It may import WASI 0.2 as well.
    V0_3,
}

impl Wasi {
    pub(super) const ALL: [Self; 2] = [Self::V0_2, Self::V0_3];

    /// Returns which one a component is made for, by the names of its imports and exports. Of one
    /// that cannot be read it is 0.2: whoever compiles it finds out what is wrong.
    pub(super) fn of(component: &[u8]) -> Self {
        let Ok(Surface { imports, exports }) = surface(component) else {
            return Self::V0_2;
        };
        let mut names = imports.iter().chain(&exports);
        if names.any(|name| is_async(name)) {
            Self::V0_3
        } else {
            Self::V0_2
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_for_the_older_one() {
        for bytes in [&b""[..], b"\0asm", b"\0asm\x0d\0\x01\0", b"no component"] {
            assert_eq!(Wasi::of(bytes), Wasi::V0_2, "{bytes:?}");
        }
    }
}
