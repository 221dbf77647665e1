//! What a file in a folder of requests is, by its name.

use super::RequestId;

/// What a file is to the host, as far as its name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A request to be looked at.
    Request(RequestId),
    /// A response, ours or not.
    Response(RequestId),
    /// A mark left by sync where it refused a file or met a conflict; never a
    /// request, though most are called `<id>.<mark>.request`.
    Marker,
    /// Called `.request`, but its stem is no UUID: nobody waits for an answer,
    /// and one such file stopped the released SyftEvent for good.
    NotAnId,
    /// Anything else, temporary names among it.
    Other,
}

/// The marks of sync, the legacy ones first; substrings, as the client
/// searches for them.
const MARKS: [&str; 4] = [".syftrejected", ".syftconflict", ".rejected", ".conflict"];

/// Returns what the file called `name` is. Case counts.
pub fn request_file(name: &str) -> FileKind {
    // No id has a mark in it.
    let request = name.strip_suffix(".request");
    if let Some(id) = request.and_then(RequestId::parse) {
        return FileKind::Request(id);
    }
    let response = name.strip_suffix(".response");
    if let Some(id) = response.and_then(RequestId::parse) {
        return FileKind::Response(id);
    }
    match request {
        _ if MARKS.iter().any(|mark| name.contains(mark)) => FileKind::Marker,
        Some(_) => FileKind::NotAnId,
        None => FileKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "c9c22855-686a-49f9-b6f2-11c98f11b79a";

    #[test]
    fn goes_by_the_name() {
        let id = RequestId::parse(ID).expect("an id");
        for (name, expected) in [
            (format!("{ID}.request"), FileKind::Request(id)),
            (format!("{ID}.response"), FileKind::Response(id)),
            (format!("{ID}.syftrejected.request"), FileKind::Marker),
            (format!("{ID}.syftconflict.response"), FileKind::Marker),
            (format!("{ID}.conflict.request"), FileKind::Marker),
            (format!("{ID}.rejected.request"), FileKind::Marker),
            (
                format!("{ID}.rejected.20261124010203.request"),
                FileKind::Marker,
            ),
            ("x.conflict".to_owned(), FileKind::Marker),
            ("x.request".to_owned(), FileKind::NotAnId),
            (".request".to_owned(), FileKind::NotAnId),
            (format!(".{ID}.request"), FileKind::NotAnId),
            ("x.response".to_owned(), FileKind::Other),
            (format!("{ID}.REQUEST"), FileKind::Other),
            (format!("{ID}.request.tmp.123456"), FileKind::Other),
            (format!("{ID}.response.tmp"), FileKind::Other),
            (format!("{ID}request"), FileKind::Other),
            (ID.to_owned(), FileKind::Other),
            (".syftkeep".to_owned(), FileKind::Other),
            (String::new(), FileKind::Other),
        ] {
            assert_eq!(request_file(&name), expected, "{name}");
        }
    }
}
