//! Python programs. Their text is read by Python itself; what is read here lies beside it.

use syft_host::python_app::requirements::Requirements;

use crate::assert_is_short_line;

/// The text of a `requirements.txt`, of which pip gets nothing but names with versions.
pub fn requirements(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let requirements = match Requirements::parse(&text) {
        Ok(requirements) => requirements,
        Err((line, message)) => {
            assert!((1..=text.lines().count()).contains(&line));
            return message
                .lines()
                .for_each(|line| assert_is_short_line(line, 150));
        }
    };
    let lines = requirements.lines();
    assert!(lines.len() <= text.lines().count());
    for line in lines {
        assert!(
            line.starts_with(|c: char| c.is_ascii_alphanumeric()),
            "{line:?}"
        );
        assert!(
            !line.contains(['/', '\\', ':', '@', '$', '#', '%', '\n', '\r']),
            "{line:?}"
        );
        assert!(!line.contains(" -"), "{line:?}");
    }
    assert_eq!(
        Requirements::parse(&lines.join("\n")).as_ref(),
        Ok(&requirements)
    );
}
