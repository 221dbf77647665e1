//! Inputs to begin with: the case files of the other tests, and small ones of our own.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use syft_manifest::section;
use syft_package::catalog::{Catalog, Entry, KIND, ReleasePath};
use syft_package::{Envelope, Link, SecretKey, Signable};
use syft_protocol::address::AppName;
use syft_protocol::permissions::RELEASED_RPC_RULES;

use crate::components::EMPTY;
use crate::{catalogs, packages};

/// Returns what lies in a folder of the repository, of files with this ending, by name.
/// Where there is no such folder there is nothing.
pub fn files(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let folder = root.expect("the repository").join(folder);
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    paths.sort();
    let read = |path: &PathBuf| fs::read(path).expect("a readable file");
    paths.iter().map(read).collect()
}

/// Calls as `syft-host record` keeps them, and what is left of them.
pub fn recordings() -> Vec<Vec<u8>> {
    let whole = files("tests/cases/recordings", ".json").into_iter();
    let cut = whole.map(|bytes| vec![bytes[..bytes.len() / 2].to_vec(), bytes]);
    cut.flatten().chain(texts_of(&["{}"])).collect()
}

/// What hosts and workers say to each other.
pub fn remote_calls() -> Vec<Vec<u8>> {
    let files = files("tests/cases/wire", ".hex").into_iter();
    let written = files.map(|hex| {
        let digits: Vec<u8> = hex.into_iter().filter(u8::is_ascii_hexdigit).collect();
        let bytes = data_encoding::HEXLOWER.decode(&digits);
        bytes.expect("hexadecimal digits")
    });
    written.collect()
}

fn texts_of(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Encrypted bodies: one of the release, and what is left of it.
pub fn envelopes() -> Vec<Vec<u8>> {
    let whole = of_release("/payload_json");
    let whole = whole.iter().filter_map(Value::as_str);
    let cut = whole.map(|text| vec![text.into(), text[..text.len() / 2].into()]);
    let others = texts_of(&["{}", r#"{"ek":"","iv":"","ciphertext":"","tag":""}"#]);
    cut.flatten().chain(others).collect()
}

/// DID documents of the release.
pub fn did_documents() -> Vec<Vec<u8>> {
    let documents = ["/sender/did", "/receiver/did"].into_iter();
    let documents = documents.flat_map(of_release);
    let documents = documents.map(|document| document.to_string().into_bytes());
    documents.chain(texts_of(&["{}"])).collect()
}

fn of_release(path: &str) -> Vec<Value> {
    let files = files("tests/cases/encryption", ".json").into_iter();
    let parse = |bytes: Vec<u8>| serde_json::from_slice::<Value>(&bytes).expect("JSON");
    files
        .filter_map(|bytes| parse(bytes).pointer(path).cloned())
        .collect()
}

fn messages(kind: &str) -> Vec<Vec<u8>> {
    let folders = ["exact", "valid", "invalid"];
    let folders = folders.map(|folder| format!("host/protocol/cases/{kind}/{folder}"));
    let all = folders.iter().flat_map(|folder| files(folder, ".json"));
    all.filter(|bytes| bytes.len() <= 4096).collect()
}

pub(crate) fn requests() -> Vec<Vec<u8>> {
    messages("request")
}

pub(crate) fn responses() -> Vec<Vec<u8>> {
    messages("response")
}

/// Returns the cases of the access rules, each a JSON with files and questions.
fn acl_cases() -> Vec<Value> {
    let parse = |bytes: Vec<u8>| serde_json::from_slice::<Vec<Value>>(&bytes).expect("cases");
    let documents = files("host/protocol/cases/acl", ".json");
    documents.into_iter().flat_map(parse).collect()
}

pub(crate) fn rules() -> Vec<Vec<u8>> {
    let mut all = texts_of(&[
        RELEASED_RPC_RULES,
        "%YAML 1.1\n---\nterminal: yes\nrules: &r\n- &a {pattern: !!str x, <<: {access: {read: [USER]}}}\n- *a\n...\n",
        "rules:\n  - pattern: \"\\x61\"\n    access:\n      read: ['*']\n\t# tab\n  - pattern: |\n      a\n",
    ]);
    for case in acl_cases() {
        let files = case["files"].as_object().into_iter().flatten();
        all.extend(files.filter_map(|(_, file)| Some(file.as_str()?.as_bytes().to_vec())));
    }
    all
}

pub(crate) fn access() -> Vec<Vec<u8>> {
    let patterns = [
        "a.txt",
        "**",
        "**/{{.UserEmail}}/*.request",
        "{a,b/*,{c,d}}/[!a-c]?",
        "{{upper (.UserEmail | sha2)}}/{{.Year}}-{{- .Month -}}",
        "{{\"a\\n\"}}{{/* no */}}{{$.UserHash}}",
        "\\*[\\]]{\\,,}",
    ];
    let questions = [
        "bob@x.org\na.txt",
        "*\nbob@x.org/1.request",
        "[a-b]\nb/c/d",
        "{a,b}\na",
    ];
    let all = patterns.iter().flat_map(|pattern| {
        questions.map(|question| format!("{pattern}\n{question}").into_bytes())
    });
    all.collect()
}

pub(crate) fn origins() -> Vec<Vec<u8>> {
    texts_of(&[
        "https://api.openai.com",
        "http://localhost:11434",
        "https://*.example.com:8443",
        "http://192.168.1.2",
        "http://[fd00::1]:80",
        "http://[::ffff:127.0.0.1]",
        "http://0x7f.1",
        "http://2130706433",
        "https://user:password@a.example/x?y#z",
    ])
}

pub(crate) fn patterns() -> Vec<Vec<u8>> {
    texts_of(&[
        "owner@example.org/app_data/app/a.json\n{app_data}/**/*.json",
        "owner@example.org/private/x\n{datasite}/private/**",
        "a/b/c\n*/b/**",
        "a/public/scores.json\n*/public/scores.json",
        "a/b.txt\n*.{txt,md}\n!a.txt\n# no\n/a/[b-d]?/[!a]/",
        "x/y\n**\n{{email}}/\\[a]/{{a,b}}",
        "a/b\n/a/**/b/**\n?*[^]-a]",
        "ünï/x\n**/ü*ï/x",
    ])
}

pub(crate) fn names() -> Vec<Vec<u8>> {
    texts_of(&[
        "alice@example.org",
        "deep/er/bob@x.org",
        "/a..b/.hidden/[x] y/",
        "a/../b",
        "leaderboard-2.0_x",
        "c9c22855-686a-49f9-b6f2-11c98f11b79a",
        "C9C22855686A49F9B6F211C98F11B79A",
        "c9c22855-686a-49f9-b6f2-11c98f11b79a.request",
        "c9c22855-686a-49f9-b6f2-11c98f11b79a.syftrejected.request",
        "c9c22855-686a-49f9-b6f2-11c98f11b79a.response",
        "x.conflict/logs/y.tmp",
        "1d2h30m",
        "DELETE",
        "100%#?/é",
    ])
}

pub(crate) fn urls() -> Vec<Vec<u8>> {
    texts_of(&[
        "syft://alice@example.org",
        "syft://o@e.co/app_data/demo/rpc/deep/er/?a=b#c",
        "syft://o@e.co//app_data/demo//rpc//a%20b%C3%A9%25\n",
        "syft://o@e.co/app_data/demo/rpc/%2e%2E/%2f%00",
        "syft://ü'*@e.co/../x",
        "syft://o@e.co:80/x",
        "syft://o@e.co/public/syft-apps/demo",
    ])
}

pub(crate) fn timestamps() -> Vec<Vec<u8>> {
    texts_of(&[
        "2026-11-24T00:26:20.866623+00:00",
        "2026-11-24t00:26:20,1234567891z",
        "2026-11-24 00:26:20+0530",
        "2026-11-24_00:26\u{2212}05:30",
        "2024-02-29",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59.999999-23:59",
        "1795479980",
        "-20000000001",
        "1795479980.5e-1",
        "+00012.",
        "2026-11-24T00:26:20.000001Z",
    ])
}

pub(crate) fn crons() -> Vec<Vec<u8>> {
    texts_of(&[
        "0 8 * * MON-FRI",
        "*/15 8-18/2 1,15 JAN,jul 0-7",
        "0 0 L * *",
        "0 0 15W * 5L",
        "0 0 ? * +FRI#2",
        "59 23 31 12 7",
        "@daily",
        "0 0 29 2 1",
    ])
}

pub(crate) fn manifest_json() -> Vec<Vec<u8>> {
    let files = files("tests/cases/manifest/valid", ".out");
    let json = |bytes: Vec<u8>| Some(bytes.split(|byte| *byte == b'\n').next()?.to_vec());
    files.into_iter().filter_map(json).collect()
}

pub(crate) fn manifest_toml() -> Vec<Vec<u8>> {
    let mut all = files("tests/cases/manifest/valid", ".toml");
    all.extend(files("tests/cases/manifest/invalid", ".toml"));
    all.retain(|bytes| bytes.len() <= 4096);
    all
}

pub(crate) fn packages() -> Vec<Vec<u8>> {
    let json = br#"{"app":{"name":"a","version":"1.0.0","sequence":1,"author":"a@b.co"}}"#;
    let unsigned = section::embed(EMPTY, json).expect("a component");
    let signable = Signable::read(&unsigned).expect("it says all that is needed");
    let signed = signable.sign(&[packages::key()]).expect("a signature");
    let delimiter = b"\0\x14\x13signature_delimiter";
    vec![[&signed[..], delimiter].concat(), unsigned, signed]
}

pub(crate) fn catalogs() -> Vec<Vec<u8>> {
    let (old, new) = (catalogs::other_key(), packages::key());
    let name = AppName::parse("a").expect("a name");
    let mut catalog = Catalog::new(catalogs::author());
    let empty = catalog.to_json();
    let entry = Entry {
        version: "1.0.0".parse().expect("a version"),
        epoch: 0,
        sequence: 2,
        sha256: [1; 32],
        signed_sha256: [2; 32],
        size: 3,
        path: ReleasePath::of(&name, 2),
        least: None,
        revoked: Vec::new(),
    };
    catalog.put(&name, entry).expect("the first");
    catalog.revoke(&name, [3; 32]).expect("it is there");
    catalog.set_min_sequence(&name, 1).expect("it is there");
    let link = Link::sign(catalogs::author(), 1, &old, &new).expect("a link");
    let one_link = serde_json::to_vec(&link).expect("JSON");
    catalog.follow(link).expect("the first");
    catalog
        .revoke_key(old.public(), &new.public())
        .expect("another");
    let json = catalog.to_json();
    let sealed = |keys: &[&SecretKey]| Envelope::seal(KIND, json.clone(), keys).to_bytes();
    vec![
        sealed(&[&new]),
        sealed(&[&old, &new]),
        json.clone(),
        empty,
        one_link,
    ]
}

pub(crate) fn components() -> Vec<Vec<u8>> {
    let imports = b"\x0a\x08\x01\0\x03a:b\x05\0";
    let exports = b"\x0b\x09\x01\0\x03c/d\x05\0\0";
    let manifest = b"\0\x10\x0dsyft:manifest{}";
    let module = b"\x01\x08\0asm\x01\0\0\0";
    let within = [&b"\x04\x1a"[..], EMPTY, manifest].concat();
    vec![
        EMPTY.to_vec(),
        [&imports[..], exports].concat(),
        manifest.to_vec(),
        [&manifest[..], module, &within, manifest].concat(),
        [EMPTY, &within, b"\0\x02\x01a"].concat(),
    ]
}

#[cfg(feature = "host")]
pub(crate) fn requirements() -> Vec<Vec<u8>> {
    texts_of(&[
        "# a\n\njinja2 == 3.1 # b\nLoguru\r\nsyft_event==0.4.3\n",
        "a[b,c]>=1,<2; python_version > '3'\nattrs~=1.0,!=1.1",
        "a --hash=sha256:00\n-r other.txt",
        "a @ https://example.org/a.whl",
    ])
}

pub(crate) fn texts() -> Vec<Vec<u8>> {
    texts_of(&[
        "plain, ünïcode → 語",
        "\x1b[31mred\x07\r\n\t",
        "\u{9b}31m \u{202e}x\u{200b}\u{ad}\u{feff}",
        "{\"\\u001b\": [1.5e300, \"\u{2028}\", null]}",
    ])
}

pub(crate) fn schemas() -> Vec<Vec<u8>> {
    texts_of(&[
        "echo\n{\"type\": \"object\", \"properties\": {\"é\": {\"$ref\": \"#/x\"}}}",
        "\n[1, -0.0, 1e16, 1.5e-7, 18446744073709551615, true, null, [], {}]",
        "a b/ü\n\"\x7f\u{1f600}\\u0000\\\"\"",
    ])
}

pub(crate) fn published_schemas() -> Vec<Vec<u8>> {
    texts_of(&[
        r#"{"/hello": {"description": "Greets.", "args": {"name": {"type": "str", "required": false,
        "schema": {"type": "string", "default": "World"}}}, "returns": "str"}}"#,
        r#"{"/.": {"args": {"a": {"type": {"type": "array", "items": "int"}, "required": true}},
        "returns": {"type": "model", "name": "M", "schema": {"properties": {}}}}, "/b": 7}"#,
        "{}",
    ])
}

pub(crate) fn stamps() -> Vec<Vec<u8>> {
    vec![(0..64).collect(), vec![0xff; 65], Vec::new()]
}

#[cfg(feature = "host")]
pub(crate) fn paths() -> Vec<Vec<u8>> {
    texts_of(&[
        "a@x.org/public\n../private/./x//y/",
        "a@x.org\n../..",
        "\n/etc/passwd",
        "a/b/c\n../../.\0",
    ])
}

pub(crate) fn queries() -> Vec<Vec<u8>> {
    texts_of(&[
        "a=1&b=2&a=3#c",
        "?a+b=%C3%a9%26+&&=",
        "a=100%&b=%4&c=%zz&d=%ff",
    ])
}

/// References, and a manifest.
pub fn registries() -> Vec<Vec<u8>> {
    let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
        "config":{{"mediaType":"application/vnd.wasm.config.v0+json","digest":"{digest}","size":0}},
        "layers":[{{"mediaType":"application/wasm","digest":"{digest}","size":0}}],
        "annotations":{{"org.opencontainers.image.title":"leaderboard"}}}}"#
    );
    texts_of(&[
        "oci://ghcr.io/alice/leaderboard:1.2.0",
        "oci://[::1]:5000/a/b-c/d__e.f---g:A.b-C",
        &format!("oci://127.0.0.1:443/a@{digest}"),
        &manifest,
    ])
}
