//! The bindings of guests are generated here and checked in, so that whoever builds a guest
//! needs no parser of WIT. `BLESS=1` rewrites them.

use std::path::Path;

use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_core::{Files, WorldGenerator as _};
use wit_bindgen_rust::Opts;

use crate::support::blessed;
use crate::support::guests::repository;

fn options() -> Opts {
    Opts {
        format: true,
        generate_all: true,
        ..Opts::default()
    }
}

/// Returns the source of a module for a world, of which the WIT is in a folder.
fn generate(folder: &Path, world: &str, options: Opts) -> String {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(folder).unwrap();
    let world_id = resolve.select_world(&[package], Some(world)).unwrap();
    let mut files = Files::default();
    let mut generator = options.build();
    generator
        .generate(&mut resolve, world_id, &mut files)
        .unwrap();
    let sources: Vec<&[u8]> = files.iter().map(|(_, source)| source).collect();
    let [source] = sources[..] else {
        panic!("{} files for {world}", sources.len());
    };
    let source = str::from_utf8(source).unwrap();
    format!("//! The world `{world}`, by `tests/bindings.rs`.\n{source}")
}

#[test]
fn those_of_the_sdk_are_current() {
    let options = Opts {
        pub_export_macro: true,
        export_macro_name: Some("export_app".to_owned()),
        default_bindings_module: Some("syft_guest::bindings".to_owned()),
        ..options()
    };
    let source = generate(&repository().join("wit"), "full-app", options);
    blessed(&repository().join("guest-sdk/src/bindings.rs"), &source);
}

#[test]
fn those_of_a_test_guest_are_current() {
    let guest = repository().join("tests/guests/wants-unknown-import");
    let source = generate(&guest.join("wit"), "asking", options());
    blessed(&guest.join("src/bindings.rs"), &source);
}
