//! Names, addresses and moments.

use std::time::Duration;

use syft_manifest::sanitize::is_plain;
use syft_protocol::address::{
    AppName, Datasite, Endpoint, FileKind, Folder, MAX_APP_NAME_PARTS, RequestId, request_file,
};
use syft_protocol::app_url::SyftAppUrl;
use syft_protocol::message::Method;
use syft_protocol::retention::parse_interval;
use syft_protocol::timestamp::Timestamp;
use syft_protocol::url::{MAX_URL_BYTES, SyftUrl};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::assert_is_short_line;

/// The name of a file or folder in the tree, or a path in it.
pub fn names(bytes: &[u8]) {
    let text = &*String::from_utf8_lossy(bytes);
    datasite(text);
    app_name(text);
    endpoint(text);
    folder(text);
    file(text);
    duration(text);
    if let Some(method) = Method::parse(text) {
        assert!(method.as_str().eq_ignore_ascii_case(text));
    }
}

fn datasite(text: &str) {
    match Datasite::parse(text) {
        Ok(datasite) => {
            assert_eq!(datasite.as_str(), text);
            assert_is_one_name(text, 254);
            assert!(text.matches('@').count() == 1 && !text.contains(char::is_whitespace));
        }
        Err(error) => assert_is_short_line(&error.to_string(), 250),
    }
}

fn app_name(text: &str) {
    match AppName::parse(text) {
        Ok(name) => {
            assert_eq!(name.as_str(), text);
            assert!(text.is_ascii() && text.len() <= 128);
            let n_parts = name.parts().count();
            assert!((1..=MAX_APP_NAME_PARTS).contains(&n_parts));
            for part in name.parts() {
                assert_is_one_name(part, 64);
                assert!(n_parts == 1 || !part.eq_ignore_ascii_case("rpc"));
            }
            assert_is_one_name(&name.file_name(), 128);
            assert_eq!(
                AppName::of_file_name(&name.file_name()).as_ref(),
                Some(&name)
            );
        }
        Err(error) => assert_is_short_line(&error.to_string(), 250),
    }
}

fn endpoint(text: &str) {
    let endpoint = match Endpoint::parse(text) {
        Ok(endpoint) => endpoint,
        Err(error) => return assert_is_short_line(&error.to_string(), 250),
    };
    let segments: Vec<&str> = endpoint.segments().collect();
    assert!(segments.len() <= 32 && endpoint.as_str().len() <= 1024);
    for segment in &segments {
        assert_is_one_name(segment, 255);
        assert!(Datasite::parse(segment).is_err(), "{segment}");
    }
    for spelling in [endpoint.to_string(), endpoint.as_str().to_owned()] {
        assert_eq!(Endpoint::parse(&spelling).as_ref(), Ok(&endpoint));
    }
    let folder = Folder::parse(&segments).expect("no segment is an email");
    assert_eq!((folder.endpoint(), folder.sender()), (&endpoint, None));
    let (owner, app) = owner();
    let target = SyftUrl::for_endpoint(&owner, &app, &endpoint);
    if target.as_str().len() <= MAX_URL_BYTES {
        assert_eq!(SyftUrl::parse(target.as_str()).as_ref(), Ok(&target));
    }
    let expected = Some((app.as_str().to_owned(), endpoint.as_str().to_owned()));
    assert_eq!(target.rpc_target(), expected);
}

fn folder(text: &str) {
    let segments: Vec<&str> = text.split('/').collect();
    let Some(folder) = Folder::parse(&segments) else {
        return;
    };
    assert!(folder.segments().eq(segments));
    folder
        .segments()
        .for_each(|name| assert_is_one_name(name, 255));
    if let Some(sender) = folder.sender() {
        assert!(Datasite::parse(sender).is_ok(), "{sender}");
    }
}

fn file(text: &str) {
    match request_file(text) {
        FileKind::Request(id) => assert_eq!(id.request_name(), text),
        FileKind::Response(id) => assert_eq!(id.response_name(), text),
        _ => {}
    }
    let Some(id) = RequestId::parse(text) else {
        return;
    };
    assert_eq!(id.stem(), text);
    let digits = text.replace('-', "").to_ascii_lowercase();
    assert_eq!(id.uuid().simple().to_string(), digits);
    assert_eq!(request_file(&id.request_name()), FileKind::Request(id));
    assert_eq!(request_file(&id.response_name()), FileKind::Response(id));
}

fn duration(text: &str) {
    match parse_interval(text) {
        Ok(duration) => {
            assert!(duration > Duration::ZERO && duration.subsec_nanos() == 0);
            assert_eq!(
                parse_interval(&format!("{}s", duration.as_secs())),
                Ok(duration)
            );
        }
        Err(error) => assert_is_short_line(&error.to_string(), 250),
    }
}

/// It is the name of something in a folder, and of nothing elsewhere.
fn assert_is_one_name(name: &str, max_bytes: usize) {
    assert!(
        !["", ".", ".."].contains(&name) && name.len() <= max_bytes,
        "{name:?}"
    );
    assert!(
        !name.contains(['/', '\\']) && !name.contains(char::is_control),
        "{name:?}"
    );
}

fn owner() -> (Datasite, AppName) {
    let owner = Datasite::parse("owner@example.org").expect("an email");
    (owner, AppName::parse("app").expect("a name"))
}

/// The URL in a message.
pub fn url(bytes: &[u8]) {
    let text = &*String::from_utf8_lossy(bytes);
    app_url(text);
    let url = match SyftUrl::parse(text) {
        Ok(url) => url,
        Err(error) => return assert_is_short_line(&error.to_string(), 200),
    };
    assert!(url.as_str() == text && text.len() <= MAX_URL_BYTES);
    let (datasite, path) = (url.datasite(), url.path());
    assert!(text.starts_with(&format!("syft://{datasite}{path}")));
    assert!(!datasite.contains(['/', ':', '?', '#', '\\']) && !datasite.contains(char::is_control));
    assert!(path.is_empty() || path.starts_with('/'), "{path:?}");
    let Some((app, endpoint)) = url.rpc_target() else {
        return;
    };
    let leads_out = |part: &str| [".", "..", ""].contains(&part);
    assert!(!app.split('/').any(leads_out), "{app:?}");
    // An app of that name whose requests lie in another app's `rpc` folder.
    assert!(!app.split('/').skip(1).any(|part| part == "rpc"), "{app:?}");
    let leads_out = |name: &str| name == "." || name == ".." || name.contains('\\');
    assert!(!endpoint.split('/').any(leads_out), "{endpoint:?}");
    assert!(!endpoint.contains(char::is_control), "{endpoint:?}");
    let parsed = (
        Datasite::parse(datasite),
        AppName::parse(&app),
        Endpoint::parse(&endpoint),
    );
    if let (Ok(datasite), Ok(app), Ok(endpoint)) = parsed {
        let target = SyftUrl::for_endpoint(&datasite, &app, &endpoint);
        assert_eq!(target.rpc_target(), url.rpc_target());
        assert_eq!(target.datasite(), url.datasite());
    }
}

/// That of a published app is also one of those that messages hold, and has one spelling.
fn app_url(text: &str) {
    match SyftAppUrl::parse(text) {
        Ok(url) => {
            assert_eq!(url.to_string(), text);
            let plain = SyftUrl::parse(text).expect("it is one too");
            assert_eq!(plain.datasite(), url.author().as_str());
        }
        Err(error) => assert_is_short_line(&error.to_string(), 300),
    }
}

/// A moment in a message.
pub fn timestamp(bytes: &[u8]) {
    let text = &*String::from_utf8_lossy(bytes);
    let parsed = Timestamp::parse(text);
    if let Some(moment) = parsed {
        assert!((Timestamp::MIN..=Timestamp::MAX).contains(&moment));
        let shown = moment.to_string();
        assert_eq!(Timestamp::parse(&shown), Some(moment));
        assert!(shown.chars().all(is_plain) && shown.len() <= 32);
    }
    if let Ok(number) = text.parse::<i64>() {
        assert_eq!(parsed, Timestamp::from_integer(number));
    }
    agrees_with_time(text, parsed);
}

/// What RFC 3339 has is a part of what we read, but for year 0, leap seconds, and whatever
/// the other reader takes between date and time.
fn agrees_with_time(text: &str, parsed: Option<Timestamp>) {
    let Ok(other) = OffsetDateTime::parse(text, &Rfc3339) else {
        return;
    };
    let is_separated = text
        .get(10..11)
        .is_some_and(|separator| "Tt _".contains(separator));
    if text.starts_with("0000") || text.get(17..19) == Some("60") || !is_separated {
        return assert_eq!(parsed, None, "{text:?}");
    }
    let micros = other.unix_timestamp_nanos().div_euclid(1000);
    let micros = i64::try_from(micros).expect("years of four digits");
    assert_eq!(parsed, Some(Timestamp::from_micros(micros)), "{text:?}");
}
