//! What holds for all inputs.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use syft_protocol::address::{self, AppName, Datasite, Endpoint, Folder, RequestId};
use syft_protocol::message::{Headers, Method, Request, Response};
use syft_protocol::retention::parse_interval;
use syft_protocol::status::Status;
use syft_protocol::timestamp::Timestamp;
use syft_protocol::url::SyftUrl;
use uuid::{Uuid, Variant};

fn timestamp() -> impl Strategy<Value = Timestamp> {
    let range = Timestamp::MIN.micros()..=Timestamp::MAX.micros();
    prop_oneof![
        range.prop_map(Timestamp::from_micros),
        any::<i32>().prop_map(whole_seconds)
    ]
}

/// A moment without a fraction, which is written differently.
fn whole_seconds(seconds: i32) -> Timestamp {
    Timestamp::from_micros(i64::from(seconds) * 1_000_000)
}

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,40}",
        any::<String>(),
        "[\"\\\\/{}\\[\\],:\0-\x1f]{0,20}"
    ]
}

fn url() -> impl Strategy<Value = SyftUrl> {
    "syft://[a-zA-Z0-9_.+-]{1,10}@[a-zA-Z0-9-]{1,10}\\.[a-zA-Z0-9.-]{1,10}(/[^\n]{0,40})?"
        .prop_map(|text| SyftUrl::parse(&text).expect("the released expression"))
}

fn headers() -> impl Strategy<Value = Headers> {
    vec((text(), text()), 0..8).prop_map(Headers::from_iter)
}

fn body() -> impl Strategy<Value = Option<Vec<u8>>> {
    option::of(vec(any::<u8>(), 0..200))
}

prop_compose! {
    fn request()(
        id in option::of(uuid()),
        sender in text(),
        url in url(),
        body in body(),
        headers in headers(),
        created in timestamp(),
        expires in timestamp(),
        method in select(&Method::ALL[..]),
    ) -> Request {
        Request { id, sender, url, body, headers, created, expires, method }
    }
}

prop_compose! {
    fn response()(
        id in uuid(),
        sender in text(),
        url in url(),
        body in body(),
        headers in headers(),
        created in timestamp(),
        expires in timestamp(),
        code in any::<u16>(),
    ) -> Response {
        Response { id, sender, url, body, headers, created, expires, status: Status::nearest(code) }
    }
}

/// Bytes of a message with some of them changed: gets further into a parser
/// than arbitrary bytes do.
fn damaged_message() -> impl Strategy<Value = Vec<u8>> {
    let damage = vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (request(), damage, any::<prop::sample::Index>()).prop_map(|(request, damage, end)| {
        let mut bytes = request.to_json();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(end.index(bytes.len()) + 1);
        bytes
    })
}

fn parse_all(bytes: &[u8]) {
    let now = Timestamp::from_micros(0);
    for error in [
        Request::from_json(bytes, now).err(),
        Response::from_json(bytes, now).err(),
    ]
    .into_iter()
    .flatten()
    {
        let error = error.to_string();
        assert!(
            error.chars().count() < 200 && !error.contains(char::is_control),
            "{error:?}"
        );
    }
    let text = String::from_utf8_lossy(bytes);
    let segments: Vec<&str> = text.split('/').collect();
    drop((
        Timestamp::parse(&text),
        Datasite::parse(&text),
        AppName::parse(&text),
        Endpoint::parse(&text),
    ));
    drop((
        RequestId::parse(&text),
        Folder::parse(&segments),
        parse_interval(&text),
        Method::parse(&text),
    ));
    address::request_file(&text);
    if let Ok(url) = SyftUrl::parse(&text) {
        drop((url.datasite(), url.path(), url.rpc_target()));
    }
}

proptest! {
    #[test]
    fn a_request_survives_its_json(request in request()) {
        prop_assert_eq!(Request::from_json(&request.to_json(), Timestamp::MIN), Ok(request));
    }

    #[test]
    fn a_response_survives_its_json(response in response()) {
        prop_assert_eq!(Response::from_json(&response.to_json(), Timestamp::MIN), Ok(response));
    }

    #[test]
    fn every_beginning_of_a_message_is_incomplete(request in request(), end in any::<prop::sample::Index>()) {
        let json = request.to_json();
        let error = Request::from_json(&json[..end.index(json.len())], Timestamp::MIN).expect_err("half a message");
        prop_assert!(matches!(error, syft_protocol::message::MessageError::Incomplete(_)), "{}", error);
    }

    #[test]
    fn no_bytes_make_a_parser_panic(bytes in vec(any::<u8>(), 0..300)) {
        parse_all(&bytes);
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in "\\PC{0,60}|[a-z0-9@:/.%?#Zz +T-]{0,60}") {
        parse_all(text.as_bytes());
    }

    #[test]
    fn no_damaged_message_makes_a_parser_panic(bytes in damaged_message()) {
        parse_all(&bytes);
    }

    #[test]
    fn a_timestamp_survives_its_text(timestamp in timestamp()) {
        let shown = timestamp.to_string();
        prop_assert_eq!(Timestamp::parse(&shown), Some(timestamp));
        prop_assert_eq!(Timestamp::parse(&shown.replace("+00:00", "Z")), Some(timestamp));
        prop_assert_eq!(Timestamp::parse(&shown.replace("+00:00", "")), Some(timestamp));
    }

    #[test]
    fn an_integer_and_its_text_name_one_moment(number in any::<i64>()) {
        prop_assert_eq!(Timestamp::parse(&number.to_string()), Timestamp::from_integer(number));
    }

    #[test]
    fn an_endpoint_survives_its_text(text in "(/{0,2}[a-zé .\\[\\]]{1,8}){0,5}/?") {
        if let Ok(endpoint) = Endpoint::parse(&text) {
            prop_assert_eq!(Endpoint::parse(&endpoint.to_string()), Ok(endpoint.clone()));
            let segments: Vec<&str> = endpoint.segments().collect();
            let folder = Folder::parse(&segments).expect("no segment is an email");
            prop_assert_eq!(folder.endpoint(), &endpoint);
            prop_assert_eq!(folder.segments().collect::<Vec<_>>(), segments);
        }
    }

    #[test]
    fn a_url_for_an_endpoint_leads_back(text in "[ -~é/]{0,40}", has_parts in any::<bool>()) {
        let datasite = Datasite::parse("a@b.co").expect("an email");
        let app = if has_parts { "llm/demo" } else { "demo" };
        let app = AppName::parse(app).expect("a name");
        if let Ok(endpoint) = Endpoint::parse(&text) {
            let url = SyftUrl::for_endpoint(&datasite, &app, &endpoint);
            prop_assert_eq!(SyftUrl::parse(url.as_str()), Ok(url.clone()));
            let expected = (app.as_str().to_owned(), endpoint.as_str().to_owned());
            prop_assert_eq!(url.rpc_target(), Some(expected));
        }
    }

    #[test]
    fn a_name_survives_being_that_of_a_file(
        one in "[ab+/.-]{1,12}",
        other in "[ab+/.-]{1,12}",
    ) {
        let (one, other) = (AppName::parse(&one), AppName::parse(&other));
        if let Ok(one) = &one {
            let back = AppName::of_file_name(&one.file_name());
            prop_assert_eq!(back.as_ref(), Some(one));
        }
        if let (Ok(one), Ok(other)) = (one, other) {
            prop_assert_eq!(one == other, one.file_name() == other.file_name());
        }
    }

    #[test]
    fn a_folder_never_leads_out(segments in vec("[a-z@.\\\\/\0 ]{0,6}", 0..5)) {
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        if let Some(folder) = Folder::parse(&segments) {
            prop_assert_eq!(folder.segments().collect::<Vec<_>>(), segments.clone());
            let plain = |segment: &&str| !["", ".", ".."].contains(segment) && !segment.contains(['/', '\\', '\0']);
            prop_assert!(segments.iter().all(plain), "{:?}", segments);
        }
    }

    #[test]
    fn an_id_survives_its_text(uuid in uuid(), is_simple in any::<bool>(), is_upper in any::<bool>()) {
        let stem = if is_simple { uuid.simple().to_string() } else { uuid.to_string() };
        let stem = if is_upper { stem.to_uppercase() } else { stem };
        let id = RequestId::parse(&stem).expect("a UUID");
        prop_assert_eq!((id.stem(), id.uuid()), (stem.as_str(), uuid));
    }

    #[test]
    fn a_deterministic_id_depends_on_the_content_alone(request in request(), other in request()) {
        let id = request.deterministic_id();
        prop_assert_eq!((id.get_version_num(), id.get_variant()), (4, Variant::RFC4122));
        let resent =
            Request { id: other.id, created: other.created, expires: other.expires, ..request.clone() };
        prop_assert_eq!(resent.deterministic_id(), id);
        let changed = Request { sender: format!("{}x", request.sender), ..request };
        prop_assert_ne!(changed.deterministic_id(), id);
    }

    #[test]
    fn a_body_is_read_in_either_alphabet(request in request(), is_padded in any::<bool>()) {
        let json = String::from_utf8(request.to_json()).expect("JSON in UTF-8");
        let (head, rest) = json.split_once("\"body\":").expect("a body");
        let (body, tail) = rest.split_once(",\"headers\":").expect("headers follow");
        let mut body = body.replace('-', "+").replace('_', "/");
        if !is_padded {
            body = body.replace('=', "");
        }
        let json = format!("{head}\"body\":{body},\"headers\":{tail}");
        prop_assert_eq!(Request::from_json(json.as_bytes(), Timestamp::MIN), Ok(request));
    }
}
