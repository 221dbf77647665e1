//! Patterns, matched the plain way: by trying everything.

/// Tells whether a pattern stands for a path.
pub fn matches(pattern: &[String], path: &[String]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some((first, rest)), None) => first == "**" && matches(rest, path),
        (Some((first, rest)), Some((_, below))) if first == "**" => {
            matches(rest, path) || matches(pattern, below)
        }
        (Some((first, rest)), Some((name, below))) => {
            name_matches(first.as_bytes(), name.as_bytes()) && matches(rest, below)
        }
    }
}

/// Tells whether a pattern stands for something below a path.
pub fn leads_below(pattern: &[String], path: &[String]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some((first, _)), Some(_)) if first == "**" => true,
        (Some((first, rest)), Some((name, below))) => {
            name_matches(first.as_bytes(), name.as_bytes()) && leads_below(rest, below)
        }
    }
}

/// Tells whether a path is the fixed start of a pattern.
pub fn is_start(pattern: &[String], path: &[String]) -> bool {
    let is_fixed = |name: &String| !name.contains(['*', '?']);
    pattern.starts_with(path) && path.iter().all(is_fixed)
}

fn name_matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, rest) => rest.is_none(),
        (Some((b'*', rest)), _) => (0..=name.len()).any(|at| name_matches(rest, &name[at..])),
        (Some(_), None) => false,
        (Some((b'?', rest)), Some((_, below))) => name_matches(rest, below),
        (Some((one, rest)), Some((other, below))) => one == other && name_matches(rest, below),
    }
}
