//! Whether all paths of an app differ, and all names of handlers of replies and of schedules, found
//! out at compile time.

use super::Tree;
use super::prefix::inner;

/// What stands before the name of a handler of replies, and of a schedule.
const ON_REPLY: &[u8] = b"on_reply ";
const SCHEDULE: &[u8] = b"schedule ";

/// More than the name of any folder in the tree may have.
const MAX_BYTES: usize = 1024;

/// The path of an endpoint as the app is asked for it.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    text: [u8; MAX_BYTES],
    n_bytes: usize,
}

/// Returns the number of endpoints, of handlers of replies and of schedules.
///
/// A handler that its attribute refused has an empty path or name and does not count.
pub const fn count(tree: Tree) -> usize {
    match tree {
        Tree::Handler { path, .. } if path.is_empty() => 0,
        Tree::Handler { .. } => 1,
        Tree::Reply(reply) if reply.name.is_empty() => 0,
        Tree::Reply(_) => 1,
        Tree::Scheduled(schedule) if schedule.name.is_empty() => 0,
        Tree::Scheduled(_) => 1,
        Tree::Watcher(_) => 0,
        Tree::Router(branches) => {
            let (mut n, mut i) = (0, 0);
            while i < branches.len() {
                n += count(branches[i].tree);
                i += 1;
            }
            n
        }
    }
}

/// Returns the paths of all endpoints and the names of all handlers of replies and schedules, of
/// which there are `N`.
pub const fn paths<const N: usize>(tree: Tree) -> [Path; N] {
    let mut paths = [Path::EMPTY; N];
    collect(tree, Path::EMPTY, &mut paths, 0);
    paths
}

/// Writes the paths from `at` on, and returns where the next one goes.
const fn collect(tree: Tree, prefix: Path, paths: &mut [Path], at: usize) -> usize {
    match tree {
        Tree::Handler { path, .. } if path.is_empty() => at,
        Tree::Reply(reply) => named(ON_REPLY, reply.name, paths, at),
        Tree::Scheduled(schedule) => named(SCHEDULE, schedule.name, paths, at),
        Tree::Watcher(_) => at,
        Tree::Handler { path, .. } => {
            paths[at] = prefix.joined(path).or_root();
            at + 1
        }
        Tree::Router(branches) => {
            let (mut at, mut i) = (at, 0);
            while i < branches.len() {
                let prefix = prefix.joined(branches[i].prefix);
                at = collect(branches[i].tree, prefix, paths, at);
                i += 1;
            }
            at
        }
    }
}

/// Writes a name, which is like no path.
const fn named(what: &[u8], name: &str, paths: &mut [Path], at: usize) -> usize {
    if name.is_empty() {
        return at;
    }
    paths[at] = Path::EMPTY.followed_by(what).followed_by(name.as_bytes());
    at + 1
}

/// Panics, at compile time, where two paths are equal.
pub const fn assert_distinct<const N: usize>(paths: &[Path; N]) {
    // The compiler refuses to count very far: most pairs differ by their hashes.
    let mut hashes = [0; N];
    let mut i = 0;
    while i < N {
        hashes[i] = paths[i].hash();
        let mut j = 0;
        while j < i {
            if hashes[i] == hashes[j] && paths[i].is(&paths[j]) {
                refuse(&paths[i]);
            }
            j += 1;
        }
        i += 1;
    }
}

const fn refuse(path: &Path) -> ! {
    let what: &[u8] = match path.text[0] {
        b'/' => b"two handlers of this app have the same path: ",
        _ => b"two handlers of this app have the same name: ",
    };
    let message = Path::EMPTY
        .followed_by(what)
        .followed_by(path.as_str().as_bytes());
    panic!("{}", message.as_str())
}

impl Path {
    const EMPTY: Path = Path {
        text: [0; MAX_BYTES],
        n_bytes: 0,
    };

    /// Returns the path as text.
    pub const fn as_str(&self) -> &str {
        let (text, _) = self.text.split_at(self.n_bytes);
        match str::from_utf8(text) {
            Ok(text) => text,
            Err(_) => panic!("the path of an endpoint is too long"),
        }
    }

    /// Returns the path with another piece, whose outer slashes do not matter.
    const fn joined(self, piece: &str) -> Path {
        let (start, end) = inner(piece.as_bytes());
        if start == end {
            return self;
        }
        let (piece, _) = piece.as_bytes().split_at(end);
        let (_, piece) = piece.split_at(start);
        self.followed_by(b"/").followed_by(piece)
    }

    const fn or_root(self) -> Path {
        if self.n_bytes == 0 {
            return self.followed_by(b"/");
        }
        self
    }

    const fn followed_by(mut self, bytes: &[u8]) -> Path {
        let mut i = 0;
        while i < bytes.len() {
            assert!(
                self.n_bytes < MAX_BYTES,
                "the path of an endpoint is too long"
            );
            self.text[self.n_bytes] = bytes[i];
            self.n_bytes += 1;
            i += 1;
        }
        self
    }

    /// FNV-1a.
    const fn hash(&self) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325;
        let mut i = 0;
        while i < self.n_bytes {
            hash = (hash ^ self.text[i] as u64).wrapping_mul(0x0100_0000_01b3);
            i += 1;
        }
        hash
    }

    /// `==` is not const yet.
    const fn is(&self, other: &Path) -> bool {
        if self.n_bytes != other.n_bytes {
            return false;
        }
        let mut i = 0;
        while i < self.n_bytes {
            if self.text[i] != other.text[i] {
                return false;
            }
            i += 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::Branch;
    use super::*;
    use crate::messages::ReplyRoute;

    const fn handler(prefix: &'static str, path: &'static str) -> Branch {
        Branch {
            prefix,
            tree: Tree::Handler {
                path,
                endpoint: || unreachable!(),
                call: |_| unreachable!(),
                mark: "",
            },
        }
    }

    fn check<const N: usize>(branches: &[Branch]) -> bool {
        let tree = Tree::Router(branches.to_vec().leak());
        assert_eq!(count(tree), N);
        let paths = paths::<N>(tree);
        std::panic::catch_unwind(|| assert_distinct(&paths)).is_ok()
    }

    #[test]
    fn paths_are_compared_whole() {
        const NESTED: Branch = Branch {
            prefix: "/n/",
            tree: Tree::Router(&[handler("", "/a"), handler("m", "/a")]),
        };
        assert!(check::<0>(&[]));
        assert!(check::<4>(&[
            handler("", "/a"),
            handler("", "/b"),
            handler("", "/a/b"),
            handler("", "/"),
        ]));
        assert!(check::<3>(&[NESTED, handler("", "/a")]));
        assert!(!check::<2>(&[handler("", "/a"), handler("/", "/a")]));
        assert!(!check::<2>(&[handler("a", "/b"), handler("", "/a/b")]));
        assert!(!check::<2>(&[handler("a", "/"), handler("", "/a")]));
        assert!(!check::<3>(&[NESTED, handler("n/m", "/a")]));
    }

    #[test]
    fn names_of_handlers_of_replies_are_compared_whatever_their_prefixes() {
        const fn reply(prefix: &'static str, name: &'static str) -> Branch {
            let call: fn(crate::messages::Reply) -> _ = |_| Ok(());
            let mark = "";
            let reply = ReplyRoute { name, mark, call };
            let tree = Tree::Reply(reply);
            Branch { prefix, tree }
        }
        assert!(check::<3>(&[
            reply("", "a"),
            reply("", "b"),
            handler("", "/a")
        ]));
        assert!(!check::<2>(&[reply("", "a"), reply("/x", "a")]));
        assert!(check::<0>(&[reply("", ""), reply("", "")]));
    }

    #[test]
    fn handlers_that_were_refused_do_not_count() {
        assert!(check::<0>(&[handler("", ""), handler("", "")]));
    }
}
