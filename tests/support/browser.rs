//! A real browser without a window, which is told what to do by WebDriver.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::http_client::ask;
use super::{PATIENCE, wait_for};

/// The release of the rules that pages are checked by.
const AXE: &str = "axe-core@4.14.1";

/// The key of an element in WebDriver's JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Names of the driver, and of the browser beside it.
const DRIVER: &str = "chromedriver";
const BROWSERS: [&str; 3] = ["chromium", "google-chrome", "chromium-browser"];

/// A browser, until it is dropped.
pub struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts one; nothing where there is none.
    pub fn start() -> Option<Self> {
        let program = BROWSERS.into_iter().find(|name| is_there(name))?;
        if !is_there(DRIVER) {
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = port.local_addr().unwrap();
        drop(port);
        let driver = Command::new(DRIVER)
            .arg(format!("--port={}", address.port()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let profile = tempfile::tempdir().unwrap();
        let mut browser = Self {
            driver,
            address,
            session: String::new(),
            _profile: profile,
        };
        wait_for("the driver of the browser", || {
            TcpStream::connect(address).ok()
        });
        let folder = browser._profile.path().display();
        let options = json!({"binary": path_of(program), "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--disable-background-networking", "--disable-component-update", "--no-first-run",
            format!("--user-data-dir={folder}"),
        ]});
        let capabilities = json!({"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options,
        }});
        let body = json!({"capabilities": capabilities});
        let answer = browser.post("/session", &body);
        browser.session = answer["sessionId"].as_str().unwrap().to_owned();
        Some(browser)
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.send("POST", path, &body.to_string())
    }

    fn send(&self, method: &str, path: &str, body: &str) -> Value {
        let request = format!("{method} {path}");
        let host = format!("Host: {}", self.address);
        let headers = [host.as_str(), "Content-Type: application/json"];
        let answer = ask(self.address, &request, &headers, body);
        assert_eq!(answer.status, 200, "{request}: {}", answer.body);
        answer.json()["value"].take()
    }

    fn at(&self, path: &str) -> String {
        format!("/session/{}{path}", self.session)
    }

    /// Opens a page.
    pub fn open(&self, url: &str) {
        self.post(&self.at("/url"), &json!({"url": url}));
    }

    /// Returns the address of the page.
    pub fn url(&self) -> String {
        let url = self.send("GET", &self.at("/url"), "");
        url.as_str().unwrap().to_owned()
    }

    /// Runs a function body in the page, and returns what it returns.
    pub fn run(&self, script: &str) -> Value {
        let body = json!({"script": script, "args": []});
        self.post(&self.at("/execute/sync"), &body)
    }

    /// As [`Browser::run`], for a script that calls its last argument when it is done.
    pub fn run_and_wait(&self, script: &str) -> Value {
        let body = json!({"script": script, "args": []});
        self.post(&self.at("/execute/async"), &body)
    }

    /// Returns the text of the page.
    pub fn text(&self) -> String {
        let text = self.run("return document.body.innerText");
        text.as_str().unwrap().to_owned()
    }

    /// Waits until the page has this text.
    pub fn wait_for_text(&self, text: &str) {
        wait_for(text, || self.text().contains(text).then_some(()));
    }

    /// Presses keys where the focus is.
    pub fn press(&self, keys: &str) {
        let active = self.send("GET", &self.at("/element/active"), "");
        let element = active[ELEMENT].as_str().unwrap();
        let path = self.at(&format!("/element/{element}/value"));
        self.post(&path, &json!({"text": keys}));
    }

    /// Has the page be shown in this scheme of colours, and as wide as this.
    pub fn show_as(&self, scheme: &str, width: u32) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.devtools("Emulation.setEmulatedMedia", &json!({"features": features}));
        let metrics =
            json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
    }

    fn devtools(&self, command: &str, parameters: &Value) {
        let body = json!({"cmd": command, "params": parameters});
        self.post(&self.at("/goog/cdp/execute"), &body);
    }

    /// Keeps a picture of the page.
    pub fn picture(&self, name: &str) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
        fs::create_dir_all(&folder).unwrap();
        let picture = self.send("GET", &self.at("/screenshot"), "");
        let bytes = BASE64.decode(picture.as_str().unwrap().as_bytes()).unwrap();
        fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
    }

    /// Returns what a person with a screen reader or a keyboard alone would stumble over.
    pub fn findings(&self, axe: &str) -> Vec<String> {
        self.run(axe);
        let found = self.run_and_wait(
            "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']})
                .then(result => done(result.violations.flatMap(violation => violation.nodes.map(
                    node => `${violation.id}: ${node.html} ${node.failureSummary}`))),
                    error => done([String(error)]))",
        );
        let found = found.as_array().unwrap().iter();
        found
            .map(|text| text.as_str().unwrap().to_owned())
            .collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() && !std::thread::panicking() {
            self.send("DELETE", &self.at(""), "");
        }
        if self.driver.kill().is_ok() {
            drop(self.driver.wait());
        }
    }
}

fn path_of(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut found = std::env::split_paths(&path).map(|folder| folder.join(program));
    found.find(|path| path.is_file())
}

fn is_there(program: &str) -> bool {
    path_of(program).is_some()
}

/// Returns the rules that pages are checked by; nothing without npm.
pub fn axe() -> Option<String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("axe");
    let script = folder.join("node_modules/axe-core/axe.min.js");
    if !script.exists() {
        is_there("npm").then_some(())?;
        fs::create_dir_all(&folder).unwrap();
        let mut command = Command::new("npm");
        command.current_dir(&folder);
        command.args(["install", "--no-audit", "--no-fund", "--no-save", AXE]);
        let output = super::host::output(&mut command);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}, within {PATIENCE:?}");
    }
    Some(fs::read_to_string(script).unwrap())
}
