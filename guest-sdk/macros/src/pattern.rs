//! The patterns in `#[watch("pattern")]`.

/// As the host allows.
const MAX_BYTES: usize = 1024;

const PLACEHOLDERS: [&str; 3] = ["datasite", "email", "app_data"];

/// Returns the rule that a pattern breaks.
///
/// Only what can match no file, or is no pattern, is refused. The host checks
/// again.
pub(crate) fn check(pattern: &str) -> Result<(), &'static str> {
    if pattern.len() > MAX_BYTES {
        return Err("a pattern has at most 1024 bytes");
    }
    let glob = pattern.strip_prefix('!').unwrap_or(pattern);
    if glob.is_empty() {
        return Err("the pattern is empty: `**` stands for all files");
    }
    if glob.contains(char::is_control) {
        return Err("a pattern has no control characters: no file matches it");
    }
    if glob.contains('\\') {
        return Err("a pattern has no backslashes: folders are divided by `/`");
    }
    check_segments(glob)?;
    check_classes(glob)?;
    check_braces(glob)
}

fn check_segments(glob: &str) -> Result<(), &'static str> {
    // A slash in front roots the pattern, one at the end asks for what is below.
    let inner = glob.strip_prefix('/').unwrap_or(glob);
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    for segment in inner.split('/') {
        if segment.is_empty() {
            return Err("a pattern has no empty segment: no file matches it");
        }
        if segment == "." || segment == ".." {
            return Err(
                "`.` and `..` match no file: patterns begin at the folder of all datasites",
            );
        }
    }
    Ok(())
}

fn check_classes(glob: &str) -> Result<(), &'static str> {
    let mut rest = glob;
    while let Some(start) = rest.find('[') {
        let class = &rest[start + 1..];
        let class = class.strip_prefix(['!', '^']).unwrap_or(class);
        // A bracket that comes first is one of the characters.
        let first = usize::from(class.starts_with(']'));
        let Some(end) = class[first..].find(']') else {
            return Err("`[` is not closed");
        };
        rest = &class[first + end + 1..];
    }
    Ok(())
}

fn check_braces(glob: &str) -> Result<(), &'static str> {
    // For the braces that are open: where they began, and whether they have a comma.
    let mut open: Vec<(usize, bool)> = Vec::new();
    for (at, c) in glob.char_indices() {
        match c {
            '{' => open.push((at + 1, false)),
            ',' => {
                if let Some((_, has_comma)) = open.last_mut() {
                    *has_comma = true;
                }
            }
            '}' => {
                let Some((start, has_comma)) = open.pop() else {
                    return Err("`}` closes nothing");
                };
                if !has_comma && !PLACEHOLDERS.contains(&&glob[start..at]) {
                    return Err(
                        "unknown placeholder: there are {datasite}, {email}, {app_data}, and {a,b} for either",
                    );
                }
            }
            _ => {}
        }
    }
    if open.is_empty() {
        Ok(())
    } else {
        Err("`{` is not closed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allows_what_can_match() {
        for pattern in [
            "**",
            "*.json",
            "a.json",
            "!a.json",
            "{datasite}/**/*.json",
            "{email}/public/**",
            "{app_data}/**/*.txt",
            "*/public/chat/*.json",
            "public/",
            "/owner@example.com/public/*.json",
            "**/*.{json,txt}",
            "{datasite}/{a,b,{c,d}}/?.[jt]*",
            "**/[]a].txt",
            "**/[!a].txt",
            "**/.hid*",
            "é/*.json",
        ] {
            assert_eq!(check(pattern), Ok(()), "{pattern}");
        }
    }

    #[test]
    fn refuses_what_cannot() {
        for pattern in [
            "",
            "!",
            "/",
            "a//b",
            "../*.json",
            "./a",
            "a/../b",
            "a\\b",
            "a\nb",
            "{home}/*.json",
            "{Datasite}/a",
            "{}/a",
            "**/*.{json}",
            "{datasite/**",
            "datasite}/**",
            "**/[ab.json",
            "**/[]",
        ] {
            assert!(check(pattern).is_err(), "{pattern}");
        }
        assert!(check(&"a".repeat(MAX_BYTES + 1)).is_err());
        assert_eq!(check(&"a".repeat(MAX_BYTES)), Ok(()));
    }
}
