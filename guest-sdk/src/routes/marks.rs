//! Which handlers and watchers an app lists, for the component: `syft-host build` compares them
//! with those that there are.

use super::Tree;

/// Returns the number of bytes that [`listed`] has.
pub const fn listed_len(module: &str, tree: Tree) -> usize {
    module.len() + len(tree)
}

/// Returns the module that the app is in, and the marks of what it lists.
pub const fn listed<const N: usize>(module: &str, tree: Tree) -> [u8; N] {
    let mut bytes = [0; N];
    let at = put(module, &mut bytes, 0);
    collect(tree, &mut bytes, at);
    bytes
}

/// Returns one mark as bytes.
pub const fn mark_bytes<const N: usize>(mark: &str) -> [u8; N] {
    let mut bytes = [0; N];
    put(mark, &mut bytes, 0);
    bytes
}

const fn len(tree: Tree) -> usize {
    match tree {
        Tree::Handler { mark, .. } => mark.len(),
        Tree::Watcher(watch) => watch.mark.len(),
        Tree::Reply(reply) => reply.mark.len(),
        Tree::Scheduled(schedule) => schedule.mark.len(),
        Tree::Router(branches) => {
            let (mut n, mut i) = (0, 0);
            while i < branches.len() {
                n += len(branches[i].tree);
                i += 1;
            }
            n
        }
    }
}

/// Writes the marks from `at` on, and returns where the next one goes.
const fn collect(tree: Tree, bytes: &mut [u8], at: usize) -> usize {
    match tree {
        Tree::Handler { mark, .. } => put(mark, bytes, at),
        Tree::Watcher(watch) => put(watch.mark, bytes, at),
        Tree::Reply(reply) => put(reply.mark, bytes, at),
        Tree::Scheduled(schedule) => put(schedule.mark, bytes, at),
        Tree::Router(branches) => {
            let (mut at, mut i) = (at, 0);
            while i < branches.len() {
                at = collect(branches[i].tree, bytes, at);
                i += 1;
            }
            at
        }
    }
}

const fn put(text: &str, bytes: &mut [u8], at: usize) -> usize {
    let (_, rest) = bytes.split_at_mut(at);
    let (place, _) = rest.split_at_mut(text.len());
    place.copy_from_slice(text.as_bytes());
    at + text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;
    use crate::routes::Routes;

    mod inner {
        use crate::prelude::*;

        #[on_request("/a")]
        fn a() {}

        #[watch("*.txt")]
        fn on_text() {}

        crate::router!(pub(super) router: a, on_text);
    }

    const LINE_OF_B: u32 = line!() + 2;

    #[on_request("/b")]
    fn b() {}

    crate::router!(all: b, "/in" => inner::router);

    #[test]
    fn what_is_listed_says_where_it_is() {
        const MODULE: &str = "app\n";
        const N: usize = listed_len(MODULE, all::TREE);
        let listed = listed::<N>(MODULE, all::TREE);
        let listed = str::from_utf8(&listed).expect("it is text");
        let here = module_path!();
        let expected = [
            "app",
            &format!("{here}::b {}:", file!()),
            &format!("{here}::inner::a {}:", file!()),
            &format!("{here}::inner::on_text {}:", file!()),
        ];
        let lines: Vec<&str> = listed.lines().collect();
        assert_eq!(lines.len(), expected.len(), "{listed}");
        for (line, expected) in lines.iter().zip(expected) {
            assert!(line.starts_with(expected), "{line}: {expected}");
        }
        assert!(lines[1].ends_with(&format!(":{LINE_OF_B}")), "{listed}");
    }
}
