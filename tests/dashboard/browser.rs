//! The dashboard in a real browser: live, by keyboard, and for those who do not see it.

use std::path::PathBuf;

use serde_json::json;

use super::deciding::Waiting;
use super::{Opened, put_reader};
use crate::serve::hello;
use crate::support::browser::{Browser, axe};
use crate::support::client::call;
use crate::support::installed::Installation;
use crate::support::site::Site;
use crate::support::wait_for;
use crate::support::{not_run, tell_not_run};

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

/// Presses Tab until the focus is on what has this text.
fn tab_to(browser: &Browser, text: &str) {
    for _ in 0..60 {
        browser.press(TAB);
        let focused = browser.run("return document.activeElement.innerText");
        if focused
            .as_str()
            .is_some_and(|focused| focused.contains(text))
        {
            return;
        }
    }
    panic!("no Tab leads to {text}");
}

#[test]
fn a_page_is_live() {
    let Some(browser) = Browser::start() else {
        return tell_not_run("there is no chromium with its driver");
    };
    let site = Site::new();
    Installation::new(&site).put("hello", &hello());
    let (_serving, dashboard) = Opened::start(&site);
    browser.open(&dashboard.link);
    // The token has left the address bar, and the script says that it listens.
    assert_eq!(browser.url(), format!("http://{}/", dashboard.address));
    browser.wait_for_text("Live");
    assert!(browser.text().contains("No request has come"));
    browser.run("window.isTheSamePage = true");
    call(&site.rpc("hello"), "hello", r#"{"name":"Ada"}"#);
    browser.wait_for_text("guest@example.com");
    assert_eq!(browser.run("return window.isTheSamePage"), true);
    let cookies = browser.run("return document.cookie");
    assert_eq!(cookies, "", "no script of a page reads the cookie");
}

#[test]
fn a_page_says_that_a_new_host_has_a_new_link() {
    let Some(browser) = Browser::start() else {
        return tell_not_run("there is no chromium with its driver");
    };
    let site = Site::new();
    Installation::new(&site).put("hello", &hello());
    let (serving, before) = Opened::start(&site);
    browser.open(&before.link);
    browser.wait_for_text("Live");
    serving.stop();
    browser.wait_for_text("Not live: the host does not answer");
    let (_serving, after) = Opened::start_at(&site, before.address);
    browser.wait_for_text("Open the new link that it printed");
    browser.open(&after.link);
    browser.wait_for_text("Live");
}

#[test]
fn it_is_read_without_scripts() {
    let site = Site::new();
    Installation::new(&site).put("hello", &hello());
    let (_serving, dashboard) = Opened::start(&site);
    call(&site.rpc("hello"), "hello", "{}");
    wait_for("the request", || {
        dashboard
            .get("/requests")
            .body
            .contains("guest@example.com")
            .then_some(())
    });
}

#[test]
fn an_approval_needs_no_mouse() {
    let Some(browser) = Browser::start() else {
        return tell_not_run("there is no chromium with its driver");
    };
    let world = Waiting::new();
    let (served, dashboard) = world.serve();
    browser.open(&dashboard.link);
    tab_to(&browser, "See what waits");
    browser.press(ENTER);
    browser.wait_for_text("asks for more, to");
    tab_to(&browser, "Approve");
    browser.press(ENTER);
    browser.wait_for_text("Are you sure?");
    assert!(browser.text().contains(&world.digest));
    tab_to(&browser, "Approve");
    browser.press(ENTER);
    browser.wait_for_text("Approved: the host takes it up now.");
    served.wait_for_version("1.0.2");
}

#[test]
fn nobody_stumbles_in_light_and_in_dark() {
    let Some(browser) = Browser::start() else {
        return tell_not_run("there is no chromium with its driver");
    };
    let Some(axe) = axe() else {
        return not_run("there is no npm");
    };
    let world = Waiting::new();
    put_reader(&world.installation(), &world.site, "files");
    let (_served, dashboard) = world.serve();
    let rpc = world.site.rpc("files");
    let read = json!([{"read": "/datasites/bob@example.org/public/x.csv"}]);
    for body in [read.to_string().as_str(), "[]", "no json"] {
        call(&rpc, "ops", body);
    }
    browser.open(&dashboard.link);
    browser.wait_for_text("guest@example.com");
    let decide = format!("/decide?action=approve&app=demo&target={}", world.digest);
    let pages = [
        ("/", "overview"),
        ("/apps", "apps"),
        ("/app?name=demo", "app"),
        ("/app?name=files", "app-refused"),
        ("/requests", "requests"),
        ("/access", "access"),
        ("/waiting", "waiting"),
        ("/logs", "log"),
        (decide.as_str(), "decide"),
        ("/nowhere", "nowhere"),
    ];
    let mut findings = Vec::new();
    for (path, name) in pages {
        for (scheme, width) in [
            ("light", 1280),
            ("dark", 1280),
            ("light", 390),
            ("dark", 390),
            ("light", 320),
        ] {
            browser.show_as(scheme, width);
            browser.open(&format!("http://{}{path}", dashboard.address));
            browser.picture(&format!("{name}-{scheme}-{width}"));
            let found = browser.findings(&axe);
            findings.extend(
                found
                    .iter()
                    .map(|text| format!("{name} {scheme} {width}: {text}")),
            );
            let is_too_wide = "return document.documentElement.scrollWidth > innerWidth";
            assert_eq!(browser.run(is_too_wide), false, "{name} at {width}");
        }
    }
    assert!(findings.is_empty(), "{findings:#?}");
    let pictures = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    assert!(pictures.join("overview-dark-390.png").exists());
}
