//! The content type of a file, by its name.

use std::path::Path;

/// Returns the content type; of what is not known, that of any bytes.
pub fn of(path: &Path) -> &'static str {
    let extension = path.extension().and_then(|extension| extension.to_str());
    match extension.unwrap_or_default().to_ascii_lowercase().as_str() {
        "css" => "text/css; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "gif" => "image/gif",
        "html" => "text/html; charset=utf-8",
        "jpeg" | "jpg" => "image/jpeg",
        "json" => "application/json",
        "md" => "text/markdown; charset=utf-8",
        "parquet" => "application/vnd.apache.parquet",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "txt" => "text/plain; charset=utf-8",
        "yaml" | "yml" => "application/yaml",
        "zip" => "application/zip",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_types_by_extension() {
        for (path, expected) in [
            ("a.json", "application/json"),
            ("a/b.c.CSV", "text/csv; charset=utf-8"),
            ("plan", "application/octet-stream"),
            (".json", "application/octet-stream"),
            ("a.json/b", "application/octet-stream"),
        ] {
            assert_eq!(of(Path::new(path)), expected, "{path}");
        }
    }
}
