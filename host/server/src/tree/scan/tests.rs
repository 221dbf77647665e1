use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use syft_protocol::address::{AppName, Datasite};

use super::*;

const SENDER: &str = "bob@x.org";

struct Site {
    tree: Tree,
    course: EndpointScan,
    /// How often each request was found.
    found: HashMap<String, usize>,
    _site: tempfile::TempDir,
}

impl Site {
    /// Has slices of so many names.
    fn new(slice: usize) -> Self {
        let site = tempfile::tempdir().expect("a folder");
        let (datasite, app) = (Datasite::parse("a@x.org"), AppName::parse("app"));
        let tree = Tree::open(site.path(), &datasite.expect("one"), &app.expect("one"));
        let endpoint = Endpoint::parse("echo").expect("an endpoint");
        Self {
            tree: tree.expect("a tree"),
            course: EndpointScan {
                slice,
                ..EndpointScan::new(endpoint, 1)
            },
            found: HashMap::new(),
            _site: site,
        }
    }

    /// Makes a folder below that of the endpoint.
    fn folder(&self, name: &str) -> PathBuf {
        let folder = self.tree.path().join("echo").join(name);
        fs::create_dir_all(&folder).expect("it can be made");
        folder
    }

    fn junk(&self, name: &str, n_names: usize) {
        let folder = self.folder(name);
        (0..n_names).for_each(|n| drop(fs::write(folder.join(format!("junk-{n}")), "")));
    }

    /// Scans a slice, and tells whether all was seen.
    fn slice(&mut self) -> bool {
        let mut scan = TreeScan::default();
        let is_over = self.tree.scan_slice(&mut self.course, &mut scan);
        for address in scan.addresses() {
            *self.found.entry(address.to_string()).or_default() += 1;
        }
        is_over
    }

    /// Scans until all was seen, and returns the slices that took.
    fn pass(&mut self) -> usize {
        let is_more = |_: &usize| !self.slice();
        1 + (0..10_000).take_while(is_more).count()
    }

    fn n_found(&self) -> usize {
        self.found.values().sum()
    }
}

fn write(folder: &Path, n: usize, ending: &str) {
    let name = format!("00000000-0000-4000-8000-{n:012}.{ending}");
    fs::write(folder.join(name), "").expect("it can be written");
}

#[test]
fn any_number_of_names_hides_nothing() {
    let mut site = Site::new(100);
    site.junk("", 1_500);
    site.junk(SENDER, 1_500);
    let senders: Vec<PathBuf> = (0..20)
        .map(|n| site.folder(&format!("s{n}@x.org")))
        .collect();
    for n in 0..200 {
        site.folder(&format!("junk{n}@x.org"));
    }
    for (n, folder) in senders.iter().chain([&site.folder(SENDER)]).enumerate() {
        write(folder, n, "request");
    }
    let n_slices = site.pass();
    assert!(n_slices > 30, "it was read in slices: {n_slices}");
    assert_eq!((site.found.len(), site.n_found()), (21, 21));
    // The next one begins anew.
    site.pass();
    assert_eq!((site.found.len(), site.n_found()), (21, 42));
}

#[test]
fn who_has_many_names_delays_those_beside_by_little() {
    let mut site = Site::new(100);
    site.junk("eve@x.org", 3_000);
    for n in 0..10 {
        write(&site.folder(&format!("s{n}@x.org")), n, "request");
    }
    let n_slices = (1..10).find(|_| {
        site.slice();
        site.n_found() == 10
    });
    assert!(n_slices.is_some_and(|n| n <= 5), "{n_slices:?}");
}

#[test]
fn an_answer_among_other_names_of_a_folder_counts() {
    let mut site = Site::new(100);
    let folder = site.folder(SENDER);
    for n in 0..400 {
        write(&folder, n, "request");
        if n % 4 != 0 {
            fs::write(
                folder.join(format!("00000000-0000-4000-8000-{n:012}.response")),
                "{}",
            )
            .expect("it can be written");
        }
    }
    site.pass();
    assert_eq!((site.found.len(), site.n_found()), (100, 100));
}

#[test]
fn names_that_come_and_go_meanwhile_hide_none_that_stay() {
    let mut site = Site::new(50);
    let folder = site.folder("");
    site.junk("", 500);
    for n in 0..20 {
        write(&site.folder(&format!("s{n}@x.org")), n, "request");
    }
    for n in 0.. {
        fs::remove_file(folder.join(format!("junk-{n}"))).expect("it is there");
        fs::write(folder.join(format!("later-{n}")), "").expect("it can be written");
        if site.slice() {
            break;
        }
    }
    assert_eq!(site.found.len(), 20);
}

#[test]
fn another_folder_in_the_place_of_one_is_read_from_its_beginning() {
    let mut site = Site::new(50);
    site.junk(SENDER, 500);
    write(&site.folder("a@x.org"), 1, "request");
    site.slice();
    site.slice();
    assert!(!site.course.cut.is_empty(), "it is under way");
    let folder = site.folder(SENDER);
    fs::rename(&folder, site.tree.path().join("aside")).expect("it can be moved");
    let folder = site.folder(SENDER);
    (2..9).for_each(|n| write(&folder, n, "request"));
    site.pass();
    assert_eq!(site.found.len(), 8);
}

#[test]
fn a_folder_is_read_again_once_something_came() {
    let mut site = Site::new(100);
    let folder = site.folder(SENDER);
    let (quiet, other) = (site.folder("quiet@x.org"), site.folder("other@x.org"));
    // What was changed just now may change once more at the same time.
    let past = || {
        let changed = |folder: &Path| look(folder).changed;
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("later");
        let now = i128::try_from(now.as_nanos()).expect("it fits");
        now - changed(&quiet).max(changed(&other)) > 3_100_000_000
    };
    while !past() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    write(&folder, 1, "request");
    site.pass();
    write(&other, 2, "request");
    site.pass();
    assert_eq!(site.found.values().copied().collect::<Vec<_>>().len(), 2);
    // The first is found each time, and the folder in which nothing came is not read.
    fs::remove_file(folder.join("00000000-0000-4000-8000-000000000001.request"))
        .expect("it is there");
    let stamp = look(&quiet);
    assert!(site.course.quiet.knows(stamp));
    assert!(!site.course.quiet.knows(look(&other)));
}

fn look(folder: &Path) -> Stamp {
    stamp(&syft_system::Stat::at(folder).expect("it is there"))
}
