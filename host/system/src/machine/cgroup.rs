//! What the control groups of this process allow. A group may have what each above it may.

use std::path::{Path, PathBuf};

const MOUNT: &str = "/sys/fs/cgroup";

/// How files are read; nothing where that fails.
pub(super) type Read<'a> = &'a dyn Fn(&Path) -> Option<String>;

/// Returns the bytes of memory that the groups allow, if they say something.
pub(super) fn memory_limit(read: Read<'_>) -> Option<usize> {
    let number = |text: String| text.trim().parse().ok();
    let second = groups(read, "", MOUNT);
    let second = second.iter().map(|group| group.join("memory.max"));
    let first = groups(read, "memory", "/sys/fs/cgroup/memory");
    let first = first
        .iter()
        .map(|group| group.join("memory.limit_in_bytes"));
    let limits = second.chain(first).filter_map(|path| read(&path));
    limits.filter_map(number).min()
}

/// Tells whether a group forbids that any page is written to swap, and holds none there.
/// Only version 2 has such a limit; in version 1 `memory.swappiness` is no promise.
pub(super) fn forbids_swap(read: Read<'_>) -> bool {
    let is_zero = |group: &PathBuf, name: &str| {
        read(&group.join(name)).is_some_and(|text| text.trim() == "0")
    };
    let groups = groups(read, "", MOUNT);
    let own = groups.first();
    let holds_none = own.is_some_and(|group| is_zero(group, "memory.swap.current"));
    holds_none && groups.iter().any(|group| is_zero(group, "memory.swap.max"))
}

/// Returns the folders of the process's group and of those above it, the own first. A
/// container sees its own as the root, where its limits may be told or not.
fn groups(read: Read<'_>, controller: &str, mount: &str) -> Vec<PathBuf> {
    let Some(text) = read(Path::new("/proc/self/cgroup")) else {
        return Vec::new();
    };
    let path = text.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let mut controllers = parts.next()?.split(',');
        let path = parts.next()?;
        controllers.any(|known| known == controller).then_some(path)
    });
    // A process outside of what it sees has a path with `..`.
    let Some(path) = path.filter(|path| !path.split('/').any(|name| name == "..")) else {
        return Vec::new();
    };
    let own = Path::new(mount).join(path.trim_start_matches('/'));
    let above = own.ancestors();
    let inside = above.take_while(|group| group.starts_with(mount));
    inside.map(Path::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(files: &[(&str, &str)], look: impl Fn(Read<'_>) -> T) -> T {
        look(&|path: &Path| {
            let found = files.iter().find(|(name, _)| Path::new(name) == path);
            found.map(|(_, text)| (*text).to_owned())
        })
    }

    const OWN: (&str, &str) = ("/proc/self/cgroup", "0::/user.slice/app.service\n");
    const NONE_HELD: (&str, &str) = (
        "/sys/fs/cgroup/user.slice/app.service/memory.swap.current",
        "0\n",
    );

    #[test]
    fn the_smallest_limit_counts() {
        let own = (
            "/sys/fs/cgroup/user.slice/app.service/memory.max",
            "536870912\n",
        );
        let above = ("/sys/fs/cgroup/user.slice/memory.max", "268435456\n");
        let none = ("/sys/fs/cgroup/user.slice/memory.max", "max\n");
        for (files, expected) in [
            (vec![OWN], None),
            (vec![own], None),
            (vec![OWN, own], Some(512 << 20)),
            (vec![OWN, own, none], Some(512 << 20)),
            (vec![OWN, own, above], Some(256 << 20)),
        ] {
            assert_eq!(with(&files, memory_limit), expected, "{files:?}");
        }
        let first = [
            ("/proc/self/cgroup", "4:cpu,cpuacct:/x\n3:memory:/box\n"),
            (
                "/sys/fs/cgroup/memory/box/memory.limit_in_bytes",
                "1048576\n",
            ),
            (
                "/sys/fs/cgroup/memory/memory.limit_in_bytes",
                "9223372036854771712\n",
            ),
        ];
        assert_eq!(with(&first, memory_limit), Some(1 << 20));
    }

    #[test]
    fn a_group_forbids_swap_where_it_says_so() {
        let own = |text| {
            (
                "/sys/fs/cgroup/user.slice/app.service/memory.swap.max",
                text,
            )
        };
        let above = ("/sys/fs/cgroup/user.slice/memory.swap.max", "0\n");
        let some_held = (NONE_HELD.0, "4096\n");
        for (files, expected) in [
            (vec![OWN, NONE_HELD, own("0\n")], true),
            (vec![OWN, NONE_HELD, own("max\n"), above], true),
            (vec![OWN, NONE_HELD, own("max\n")], false),
            (vec![OWN, NONE_HELD, own("4096\n")], false),
            // It was lowered when there was some.
            (vec![OWN, some_held, own("0\n")], false),
            // What cannot be read forbids nothing.
            (vec![OWN, own("0\n")], false),
            (vec![OWN, NONE_HELD], false),
            (vec![NONE_HELD, own("0\n")], false),
            (vec![("/proc/self/cgroup", "0::/../x\n"), NONE_HELD], false),
            (vec![("/proc/self/cgroup", "3:memory:/box\n")], false),
        ] {
            assert_eq!(with(&files, forbids_swap), expected, "{files:?}");
        }
    }
}
