//! What programs get, and that it is as its description says.

use std::fs;
use std::io::{BufRead, BufReader};

use serde_json::{Value, json};

use super::{Opened, put_reader};
use crate::packaging::manifests::metrics;
use crate::serve::hello;
use crate::support::client::call;
use crate::support::http_client::open;
use crate::support::installed::Installation;
use crate::support::site::{OWNER, Site};
use crate::support::wait_for;

/// Tells where a value is not as a schema of the description says. Of JSON Schema it knows what
/// the description uses.
fn mismatch(description: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    let wrong = |why: &str| Some(format!("{at}: {why}: {value}"));
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = description.pointer(&reference[1..]).unwrap();
        return mismatch(description, schema, value, at);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let fits = |schema| mismatch(description, schema, value, at).is_none();
        return if any.iter().any(fits) {
            None
        } else {
            wrong("fits nothing")
        };
    }
    if let Some(values) = schema["enum"].as_array() {
        return if values.contains(value) {
            None
        } else {
            wrong("no such word")
        };
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.clone(),
        one => vec![one.clone()],
    };
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is_of_type = |name: &Value| name == found || (name == "number" && found == "integer");
    if !types.iter().any(is_of_type) {
        return wrong("of another type");
    }
    match value {
        Value::Array(items) => items.iter().enumerate().find_map(|(n, item)| {
            mismatch(description, &schema["items"], item, &format!("{at}/{n}"))
        }),
        Value::Object(object) => {
            let known = &schema["properties"];
            let required = schema["required"].as_array().into_iter().flatten();
            let missing = required
                .filter_map(Value::as_str)
                .find(|name| !object.contains_key(*name));
            if let Some(name) = missing {
                return wrong(&format!("without `{name}`"));
            }
            object
                .iter()
                .find_map(|(name, value)| match &known[name.as_str()] {
                    Value::Null if schema["additionalProperties"] == false => {
                        wrong(&format!("`{name}` is not described"))
                    }
                    Value::Null => None,
                    schema => mismatch(description, schema, value, &format!("{at}/{name}")),
                })
        }
        _ => None,
    }
}

#[test]
fn answers_are_as_the_description_says() {
    let site = Site::new();
    Installation::new(&site).put("hello", &hello());
    let (_serving, dashboard) = Opened::start(&site);
    assert_eq!(call(&site.rpc("hello"), "hello", "{}").status(), 200);
    assert_eq!(
        call(&site.rpc("hello"), "hello", r#"{"name":5}"#).status(),
        400
    );
    wait_for("the requests", || {
        let entries = dashboard.get("/api/requests").json()["entries"].take();
        (entries.as_array()?.len() == 2).then_some(())
    });
    let description = dashboard.get("/api/openapi.json").json();
    let paths = description["paths"].as_object().unwrap();
    for (path, item) in paths.iter().filter(|(path, _)| *path != "/api/events") {
        let answer = dashboard.get(path);
        let content = item["get"]["responses"]["200"]["content"]
            .as_object()
            .unwrap();
        let (kind, media) = content.iter().next().unwrap();
        assert!(answer.header("content-type").starts_with(kind), "{path}");
        if kind == "application/json" {
            let found = mismatch(&description, &media["schema"], &answer.json(), path);
            assert_eq!(found, None);
        }
    }
}

#[test]
fn apps_are_listed_as_syftbox_lists_its_own() {
    let site = Site::new();
    Installation::new(&site).put("hello", &hello());
    let (serving, dashboard) = Opened::start(&site);
    let app = dashboard.get("/api/apps").json()["apps"][0].take();
    assert_eq!(app["name"], "hello");
    assert_eq!(app["status"], "running");
    assert_eq!(app["pid"], serving.pid().as_raw_nonzero().get());
    assert_eq!(app["ports"].as_array().unwrap().len(), 0);
    let path = app["path"].as_str().unwrap();
    assert!(path.ends_with(&format!("{OWNER}/app_data/hello")), "{path}");
    let endpoint = format!("syft://{OWNER}/app_data/hello/rpc/hello");
    assert!(
        app["endpoints"]
            .as_array()
            .unwrap()
            .contains(&endpoint.into()),
        "{app}"
    );
}

/// Python looks for the source of what it compiles from a text, such as `<unknown>`.
#[test]
fn a_file_that_is_not_there_is_not_used() {
    let site = Site::new();
    put_reader(&Installation::new(&site), &site, "files");
    let (_serving, dashboard) = Opened::start(&site);
    let public = site.datasites().join(OWNER).join("public");
    fs::create_dir_all(&public).unwrap();
    fs::write(public.join("there.json"), "{}").unwrap();
    for name in ["<unknown>.json", "there.json"] {
        let path = format!("/datasites/{OWNER}/public/{name}");
        let body = json!([{"read": path}]).to_string();
        assert_eq!(call(&site.rpc("files"), "ops", &body).status(), 200);
    }
    let used = wait_for("what was used", || {
        let access = dashboard.get("/api/access").json();
        let used = access.pointer("/apps/0/used")?;
        (!used.as_array()?.is_empty()).then(|| used.clone())
    });
    let names: Vec<&Value> = used
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, [&json!(format!("{OWNER}/public/there.json"))]);
}

#[test]
fn who_follows_hears_of_a_request() {
    let site = Site::new();
    Installation::new(&site).put("hello", &hello());
    let (_serving, dashboard) = Opened::start(&site);
    let (host, bearer) = (
        dashboard.host(),
        format!("Authorization: Bearer {}", dashboard.token),
    );
    let events = open(dashboard.address, "GET /api/events", &[&host, &bearer], "");
    let mut lines = BufReader::new(events).lines();
    // The feed is open once the numbers come.
    lines
        .find(|line| line.as_ref().unwrap() == "event: numbers")
        .unwrap()
        .unwrap();
    call(&site.rpc("hello"), "hello", "{}");
    lines
        .find(|line| line.as_ref().unwrap() == "event: activity")
        .unwrap()
        .unwrap();
    let data = lines.next().unwrap().unwrap();
    let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
    let entries = data["entries"].as_array().unwrap();
    let call = entries
        .iter()
        .find(|entry| entry["kind"] == "call")
        .unwrap();
    assert_eq!(
        (&call["app"], &call["status"]),
        (&"hello".into(), &200.into())
    );
}

#[test]
fn metrics_are_for_prometheus() {
    let site = Site::new();
    Installation::new(&site).put("hello", &hello());
    let (_serving, dashboard) = Opened::start(&site);
    call(&site.rpc("hello"), "hello", "{}");
    let text = wait_for("the request", || {
        let text = dashboard.get("/metrics").body;
        text.contains(r#"app="hello""#).then_some(text)
    });
    for line in text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        let (_, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
    if let Some(names) = metrics(&text) {
        assert!(names.contains(&"syft_host_calls".to_owned()), "{names:?}");
    }
}
