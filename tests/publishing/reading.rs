//! What others find of it, as sync brings it.

use std::fs;
use std::os::unix::fs::symlink;

use syft_package::catalog::{self, CatalogError, CatalogReadError, ReleaseFetchError};
use syft_protocol::address::Datasite;

use super::{ALICE, Author, alice};

const LIMIT: u64 = 1 << 20;

fn fetch(author: &Author) -> Result<Vec<u8>, ReleaseFetchError> {
    catalog::fetch(&author.site.datasites(), &alice(), &author.entry(), LIMIT)
}

fn read(author: &Author) -> Result<catalog::SignedCatalog, CatalogReadError> {
    catalog::read(&author.site.datasites(), &alice())
}

#[test]
fn what_has_not_come_yet_is_waited_for() {
    let author = Author::new();
    assert!(matches!(read(&author), Err(CatalogReadError::NotThere(_))));
    author.publishes(17);
    let file = author.shelf("leaderboard/17.wasm");
    let whole = fs::read(&file).unwrap();
    assert_eq!(fetch(&author).unwrap(), whole);
    for length in [0, 1, whole.len() - 1] {
        fs::write(&file, &whole[..length]).unwrap();
        let error = fetch(&author).unwrap_err();
        let expected = format!("is incomplete: it has {length} of {} bytes", whole.len());
        assert!(error.to_string().contains(&expected), "{error}");
        assert_eq!(error.hint(), Some("sync is at work: try again in a while"));
    }
    fs::remove_file(&file).unwrap();
    assert!(matches!(
        fetch(&author),
        Err(ReleaseFetchError::NotThere(_))
    ));
    fs::remove_dir(file.parent().unwrap()).unwrap();
    assert!(matches!(
        fetch(&author),
        Err(ReleaseFetchError::NotThere(_))
    ));
}

#[test]
fn another_file_in_its_place_is_not_taken() {
    let author = Author::new();
    author.publishes(17);
    let file = author.shelf("leaderboard/17.wasm");
    let mut changed = fs::read(&file).unwrap();
    changed.push(0);
    fs::write(&file, &changed).unwrap();
    assert!(matches!(fetch(&author), Err(ReleaseFetchError::Other(_))));
    changed.pop();
    changed[20] ^= 1;
    fs::write(&file, &changed).unwrap();
    assert!(matches!(fetch(&author), Err(ReleaseFetchError::Other(_))));
    changed[20] ^= 1;
    fs::write(&file, &changed).unwrap();
    assert!(fetch(&author).is_ok());
    let aside = author.site.path().join("aside.wasm");
    fs::rename(&file, &aside).unwrap();
    symlink(&aside, &file).unwrap();
    assert!(matches!(fetch(&author), Err(ReleaseFetchError::Foreign(_))));
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert!(matches!(fetch(&author), Err(ReleaseFetchError::Foreign(_))));
    let mut entry = author.entry();
    entry.size = LIMIT + 1;
    let too_large = catalog::fetch(&author.site.datasites(), &alice(), &entry, LIMIT);
    assert!(matches!(too_large, Err(ReleaseFetchError::TooLarge(..))));
}

#[test]
fn another_catalog_in_its_place_is_not_taken() {
    let author = Author::new();
    author.publishes(17);
    let bob = Datasite::parse("bob@example.com").unwrap();
    let folder = author.site.datasites().join(bob.as_str()).join("public");
    fs::create_dir_all(&folder).unwrap();
    let copy = |name: &str| {
        fs::create_dir_all(folder.join("syft-apps")).unwrap();
        fs::copy(author.shelf(name), folder.join("syft-apps").join(name)).unwrap();
    };
    copy("catalog.json");
    let of_alice = catalog::read(&author.site.datasites(), &bob);
    let expected = CatalogError::OfAnother(alice());
    assert!(matches!(of_alice, Err(CatalogReadError::Catalog(_, error)) if error == expected));

    let file = author.shelf("catalog.json");
    let bytes = fs::read(&file).unwrap();
    let aside = author.site.path().join("aside.json");
    fs::rename(&file, &aside).unwrap();
    symlink(&aside, &file).unwrap();
    assert!(matches!(read(&author), Err(CatalogReadError::Foreign(_))));
    fs::remove_file(&file).unwrap();
    fs::write(&file, vec![b' '; 257 << 10]).unwrap();
    let error = read(&author).unwrap_err();
    assert!(
        error.to_string().contains("it has more than 262144 bytes"),
        "{error}"
    );
    fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    assert!(matches!(read(&author), Err(CatalogReadError::Catalog(..))));
    fs::write(&file, &bytes).unwrap();
    assert!(read(&author).is_ok());

    let shelf = author.site.datasites().join(ALICE).join("public");
    let aside = author.site.path().join("public");
    fs::rename(&shelf, &aside).unwrap();
    symlink(&aside, &shelf).unwrap();
    let error = read(&author).unwrap_err();
    assert!(
        error.to_string().contains("without following links"),
        "{error}"
    );
}
