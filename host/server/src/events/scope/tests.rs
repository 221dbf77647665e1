use std::fs;
use std::path::Path;

use syft_protocol::address::AppName;
use syft_protocol::grant::PathPattern;

use super::*;
use syft_manifest::{Files, Grants};

const OWN: &str = "a@x.org";

struct Site {
    folder: tempfile::TempDir,
    view: WatchScope,
    hints: HintQueue,
}

impl Site {
    fn new(pattern: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join(OWN)).expect("a datasite");
        let datasite = Datasite::parse(OWN).expect("an email");
        let app = AppName::parse("app").expect("a name");
        let files = Files {
            read: vec![PathPattern::parse("**").expect("a pattern")],
            ..Files::default()
        };
        let grants = Grants {
            requested: files.clone(),
            approved: files,
            ..Grants::default()
        };
        let policy = Arc::new(FilePolicy::new(&grants, &datasite, &app));
        let globs = Globs::parse(&[pattern.to_owned()], &datasite, &app).expect("a pattern");
        let root = Arc::new(DatasitesDir::open(folder.path()).expect("a root"));
        Self {
            view: WatchScope::new(root, datasite, Coverage::new(vec![globs], policy)),
            folder,
            hints: HintQueue::new(),
        }
    }

    fn write(&self, path: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("a folder");
        fs::write(path, "{}").expect("a file");
    }

    /// Scans until all was read, and returns what each part found.
    fn pass(&self, walk: &mut Walk) -> Vec<FileScan> {
        let mut parts = Vec::new();
        loop {
            parts.push(self.view.scan(walk, &self.hints));
            if !parts.last().is_some_and(|scan| scan.is_cut) {
                return parts;
            }
        }
    }
}

fn sorted(parts: &[FileScan]) -> Vec<&str> {
    let mut paths: Vec<&str> = parts
        .iter()
        .flat_map(|scan| scan.files.keys())
        .map(|path| &**path)
        .collect();
    paths.sort_unstable();
    paths
}

fn part_of(parts: &[FileScan], path: &str) -> Option<usize> {
    parts.iter().position(|scan| scan.files.contains_key(path))
}

/// Junk of many kinds, and what is found all the same: soon, and in the end all of it.
#[test]
fn junk_of_a_datasite_delays_nothing_of_others_and_hides_nothing() {
    let site = Site::new("**/*.json");
    let bobs = "bob@x.org/public/bob.json";
    site.write(bobs);
    let mut expected = vec![bobs.to_owned()];
    for evil in ["aaa@x.org", "evil@x.org", "zzz@x.org"] {
        for n in 0..150 {
            site.write(&format!("{evil}/wide/{n}/junk"));
            site.write(&format!("{evil}/flat/junk-{n}"));
        }
        site.write(&format!("{evil}/{}junk", "d/".repeat(300)));
        for n in 0..100 {
            expected.push(format!("{evil}/many/{n}.json"));
        }
        expected.push(format!("{evil}/wide/97/last.json"));
        expected.push(format!("{evil}/{}last.json", "d/".repeat(200)));
    }
    expected.iter().for_each(|path| site.write(path));
    expected.sort();
    let mut walk = Walk::of_slices(50, 300);
    let parts = site.pass(&mut walk);
    assert!(parts.len() > 20, "{}", parts.len());
    assert_eq!(sorted(&parts), expected);
    assert_eq!(part_of(&parts, bobs), Some(0));
    // In the next pass, too, of which each datasite is a part by itself.
    let again = site.pass(&mut walk);
    assert_eq!(sorted(&again), expected);
    assert_eq!(part_of(&again, bobs), Some(0));
}

#[test]
fn what_is_no_longer_there_is_not_seen_and_datasites_come_and_go() {
    let site = Site::new("**/*.json");
    let all = ["bob@x.org/1.json", "bob@x.org/b/2.json", "eve@x.org/3.json"];
    all.iter().for_each(|path| site.write(path));
    let mut walk = Walk::of_slices(3, 10);
    assert_eq!(sorted(&site.pass(&mut walk)), all);
    fs::remove_dir_all(site.folder.path().join("bob@x.org/b")).expect("it is there");
    fs::remove_dir_all(site.folder.path().join("eve@x.org")).expect("it is there");
    site.write("carl@x.org/4.json");
    let parts = site.pass(&mut walk);
    let left = ["bob@x.org/1.json", "carl@x.org/4.json"];
    assert_eq!(sorted(&parts), left);
    let gone: Vec<&str> = parts
        .iter()
        .flat_map(|scan| &scan.gone)
        .map(|path| &**path)
        .collect();
    assert_eq!(gone, ["eve@x.org"]);
    let over: HashMap<&str, Vec<&str>> = parts
        .iter()
        .flat_map(|scan| &scan.over)
        .map(|(top, seen)| (&**top, seen.iter().map(|path| &**path).collect()))
        .collect();
    assert_eq!(over["bob@x.org"], ["bob@x.org/1.json"]);
    assert_eq!(over["carl@x.org"], ["carl@x.org/4.json"]);
}
