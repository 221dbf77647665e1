//! What each implementation costs, one beside the other in one run:
//! `cargo test --release -p syft-system --lib -- costs --include-ignored --nocapture`

use std::fs;
use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

use super::Open;
use super::attacks::Tested;

const TIMES: u32 = 20_000;

fn of_each<F: Tested>(name: &str) -> Vec<String> {
    let site = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(site.path().join("a/b/c")).expect("folders");
    for n in 0..1_000 {
        fs::write(site.path().join(format!("a/f{n}")), "text").expect("a file");
    }
    fs::write(site.path().join("a/b/c/f"), "text").expect("a file");
    let root = F::open_ambient(site.path()).expect("it opens");
    let (a, c) = (root.open_folder("a"), root.open_folder_below("a/b/c"));
    let (a, c) = (a.expect("a folder"), c.expect("a folder"));
    let cost = |what: &str, times: u32, act: &dyn Fn()| {
        let start = Instant::now();
        (0..times).for_each(|_| act());
        let each = start.elapsed() / times;
        format!("{name:9} {what:36} {each:>10.2?}")
    };
    vec![
        cost("open a file by its name", TIMES, &|| {
            drop(black_box(c.open_file("f", Open::READ)));
        }),
        cost("open a file 4 names below", TIMES, &|| {
            drop(black_box(root.open_file_below("a/b/c/f", Open::READ)));
        }),
        cost("open a folder 3 names below", TIMES, &|| {
            drop(black_box(root.open_folder_below("a/b/c")));
        }),
        cost("look at a name", TIMES, &|| {
            black_box(c.look("f")).expect("there");
        }),
        cost("list 1,001 names", 100, &|| {
            black_box(a.entries()).expect("listed");
        }),
        cost("rename a file there and back", 5_000, &|| {
            c.rename_file("f", &c, "g").expect("renamed");
            c.rename_file("g", &c, "f").expect("and back");
        }),
    ]
}

#[test]
#[ignore = "it measures, and asserts nothing of times"]
fn costs() {
    let mut lines = Vec::new();
    #[cfg(target_os = "linux")]
    lines.extend(of_each::<super::linux::Dir>("linux"));
    lines.extend(of_each::<super::portable::Dir>("portable"));
    let text = lines.join("\n");
    writeln!(std::io::stdout(), "{text}").expect("said");
}
