//! Hands out files, to each caller those they may read.
//!
//! Nothing here looks at paths or rules: the host does, at each file and folder,
//! for the sender of the request. What they may not read does not exist.

mod content_type;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use syft_guest::Proof;
use syft_guest::prelude::*;

/// The largest file that fits into an answer, which SyftBox syncs up to 3 MiB in
/// base64.
const MAX_FILE_BYTES: u64 = 2 << 20;

/// The most names in an answer.
const MAX_NAMES: usize = 1000;

/// Lists a folder: what is in it that you may read.
#[on_request("/list")]
fn list(#[default("")] folder: String, request: Request) -> Result<Listing, Error> {
    check_sender(&request)?;
    read_folder(&shared().join(&folder)).map_err(|error| refuse(&folder, &error))
}

/// Returns a file that you may read.
#[on_request("/get")]
fn get(path: String, request: Request) -> Result<Response, Error> {
    check_sender(&request)?;
    let file = shared().join(&path);
    let metadata = fs::metadata(&file).map_err(|error| refuse(&path, &error))?;
    if metadata.len() > MAX_FILE_BYTES {
        return Err(Error::with_status(413, "the file has more than 2 MiB"));
    }
    let content = fs::read(&file).map_err(|error| refuse(&path, &error))?;
    Ok(Response::new(200)
        .header("Content-Type", content_type::of(&file))
        .body(content))
}

fn shared() -> PathBuf {
    format!("/datasites/{}/shared", context::datasite()).into()
}

/// Tells somebody whose name is only claimed why they get nothing. It is for them:
/// without it they would find nothing there.
fn check_sender(request: &Request) -> Result<(), Error> {
    match request.sender.proof {
        Proof::Folder | Proof::Signed => Ok(()),
        // Also with a weaker proof that a later host may know.
        _ => Err(Error::forbidden(
            "what you get depends on who you are, and anybody could have sent this in your name; \
             send it from your own folder of this endpoint, rpc/<endpoint>/<your email>/",
        )),
    }
}

/// What is not there and what may not be read are told alike.
fn refuse(path: &str, error: &io::Error) -> Error {
    log::debug!("refused {path:?}: {error}");
    Error::not_found("nothing there that you may read")
}

/// What a caller may know of a folder.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Listing {
    folders: Vec<String>,
    files: Vec<Named>,
    /// There are more.
    is_cut: bool,
}

#[derive(Debug, PartialEq, Serialize)]
struct Named {
    name: String,
    bytes: u64,
}

fn read_folder(path: &Path) -> io::Result<Listing> {
    let mut listing = Listing::default();
    for (index, entry) in fs::read_dir(path)?.enumerate() {
        if index == MAX_NAMES {
            listing.is_cut = true;
            break;
        }
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => listing.folders.push(name),
            Ok(metadata) => listing.files.push(Named {
                name,
                bytes: metadata.len(),
            }),
            // It went away.
            Err(_) => {}
        }
    }
    listing.folders.sort();
    listing.files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(listing)
}

syft_guest::app!(list, get);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_folders_and_files_in_order() {
        let folder = std::env::temp_dir().join(format!("file-share-{}", std::process::id()));
        fs::create_dir_all(folder.join("team")).unwrap();
        for name in ["b.txt", "a.txt"] {
            fs::write(folder.join(name), name).unwrap();
        }
        let listing = read_folder(&folder);
        fs::remove_dir_all(&folder).unwrap();
        let named = |name: &str| Named {
            name: name.to_owned(),
            bytes: 5,
        };
        let expected = Listing {
            folders: vec!["team".to_owned()],
            files: vec![named("a.txt"), named("b.txt")],
            is_cut: false,
        };
        assert_eq!(listing.unwrap(), expected);
    }

    #[test]
    fn tells_a_claimed_sender_why_they_get_nothing() {
        let error = get("a.txt".to_owned(), Request::new("/get")).unwrap_err();
        assert_eq!(error.status(), 403);
        assert!(error.to_string().contains("your own folder"), "{error}");
        let mut request = Request::new("/get");
        request.sender.proof = Proof::Folder;
        let error = get("a.txt".to_owned(), request).unwrap_err();
        assert_eq!(error.status(), 404);
    }
}
