//! Components that are cheap to write and dear to compile: core modules and components that
//! nobody ever instantiates are put behind what a guest is made of.

use uuid::Uuid;

use super::sections::{HEADER, counted, custom, number, section};

/// Returns a component with more at its end, and with a name of its own: what a host
/// remembers of another run is not about it.
pub fn with(guest: &[u8], more: &[u8]) -> Vec<u8> {
    let name = custom("run", Uuid::new_v4().as_bytes());
    [guest, more, &name].concat()
}

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    [number(items.len()), items.concat()].concat()
}

/// Returns the section of a core module.
pub fn module(sections: &[Vec<u8>]) -> Vec<u8> {
    section(1, &[&b"\0asm\x01\0\0\0"[..], &sections.concat()].concat())
}

/// Returns a core module with so many functions of this body, which take and give nothing.
pub fn functions(body: &[u8], count: usize) -> Vec<u8> {
    let types = section(1, b"\x01\x60\0\0");
    let declared = section(3, &[number(count), vec![0; count]].concat());
    let code = section(10, &list(&vec![counted(body); count]));
    module(&[types, declared, code])
}

/// Returns a body with so many locals, which does nothing.
pub fn locals(count: usize) -> Vec<u8> {
    [list(&[[number(count), vec![0x7e]].concat()]), vec![0x0b]].concat()
}

/// Returns a body with nothing but blocks within each other; loops have the code 3.
pub fn nested(block: u8, depth: usize) -> Vec<u8> {
    let blocks = [block, 0x40].repeat(depth);
    [vec![0], blocks, vec![0x0b; depth + 1]].concat()
}

/// Returns a body whose locals are read in the innermost of nested loops, so that each loop
/// carries each of them.
pub fn carried(n_locals: usize, depth: usize) -> Vec<u8> {
    let mut body = list(&[[number(n_locals), vec![0x7e]].concat()]);
    body.extend([3, 0x40].repeat(depth));
    for local in (0..n_locals).map(number) {
        body.extend([&[0x20][..], &local, &[0x1a]].concat());
    }
    for local in (0..n_locals).map(number) {
        body.extend([&[0x42, 1, 0x21][..], &local].concat());
    }
    let again = [0x20, 0, 0xa7, 0x0d, 0];
    body.extend(again);
    for _ in 0..depth {
        body.extend(again);
        body.push(0x0b);
    }
    body.push(0x0b);
    body
}

/// Returns a core module with tables of so many elements.
pub fn tables(count: usize, elements: usize) -> Vec<u8> {
    module(&[section(
        4,
        &list(&vec![[vec![0x70, 0], number(elements)].concat(); count]),
    )])
}

/// Returns a core module with so many memories of a page.
pub fn memories(count: usize) -> Vec<u8> {
    module(&[section(5, &list(&vec![vec![0, 1]; count]))])
}

/// Returns components within each other, the innermost with one core instance; each holds so
/// many instances of the next.
pub fn components(depth: usize, instances: usize) -> Vec<u8> {
    let one = section(2, &list(&[vec![0, 0, 0]]));
    let mut inner = [&HEADER[..], &module(&[]), &one].concat();
    for _ in 1..depth {
        let all = section(5, &list(&vec![vec![0, 0, 0]; instances]));
        inner = [&HEADER[..], &section(4, &inner), &all].concat();
    }
    section(4, &inner)
}

/// Returns such components behind a guest, and an instance of the outermost.
pub fn instances(guest: &[u8], depth: usize, instances: usize) -> Vec<u8> {
    let sections = wasmparser::Parser::new(0).parse_all(guest);
    let mut n_components = 0;
    let mut level = 0;
    for payload in sections.map(Result::unwrap) {
        match payload {
            wasmparser::Payload::Version { .. } => level += 1,
            wasmparser::Payload::End(_) => level -= 1,
            wasmparser::Payload::ComponentSection { .. } if level == 1 => n_components += 1,
            _ => {}
        }
    }
    let one = [vec![0], number(n_components), vec![0]].concat();
    let outermost = section(5, &list(&[one]));
    [components(depth, instances), outermost].concat()
}

/// Returns types of so many bytes.
pub fn types(bytes: usize) -> Vec<u8> {
    section(7, &list(&vec![vec![0x7f]; bytes]))
}
