//! Components that bring more than they need: core modules of which nothing is
//! used are put behind what a guest is made of.

use std::fs;
use std::path::{Path, PathBuf};

use super::sections::{number, section};
use super::site::Site;

/// What a core module brings.
#[derive(Debug, Clone, Copy)]
pub enum Bloat {
    /// A memory of so many pages of 64 KiB.
    Memory(u32),
    /// A table of so many elements.
    Table(u32),
    Nothing,
}

/// Returns a component with more core instances, in the site's folder.
pub fn bloated(site: &Site, guest: &Path, bloat: &[Bloat]) -> PathBuf {
    let modules: Vec<_> = bloat.iter().map(|more| module(*more)).collect();
    bloated_by(site, guest, &modules)
}

/// Returns a component with an instance of each of these core modules, too, which import
/// nothing.
pub fn bloated_by(site: &Site, guest: &Path, modules: &[Vec<u8>]) -> PathBuf {
    let mut component = fs::read(guest).unwrap();
    let n_modules = count_modules(&component);
    for module in modules {
        component.extend(section(1, module));
    }
    let mut instances = number(modules.len());
    for at in 0..modules.len() {
        instances.push(0);
        instances.extend(number(n_modules + at));
        instances.push(0);
    }
    component.extend(section(2, &instances));
    let path = site.path().join("bloated.wasm");
    fs::write(&path, component).unwrap();
    path
}

fn module(bloat: Bloat) -> Vec<u8> {
    let content = match bloat {
        Bloat::Memory(n_pages) => section(5, &[vec![1, 0], number(n_pages as usize)].concat()),
        Bloat::Table(n) => section(4, &[vec![1, 0x70, 0], number(n as usize)].concat()),
        Bloat::Nothing => Vec::new(),
    };
    [b"\0asm\x01\0\0\0".to_vec(), content].concat()
}

fn count_modules(component: &[u8]) -> usize {
    let (mut at, mut n_modules) = (8, 0);
    while at < component.len() {
        n_modules += usize::from(component[at] == 1);
        let (length, n_bytes) = read_number(&component[at + 1..]);
        at += 1 + n_bytes + length;
    }
    n_modules
}

fn read_number(bytes: &[u8]) -> (usize, usize) {
    let mut value = 0;
    for (at, byte) in bytes.iter().enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return (value, at + 1);
        }
    }
    panic!("a cut off component")
}
