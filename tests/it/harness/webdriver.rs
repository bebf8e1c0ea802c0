//! A real browser: Debian's Chromium, driven by its chromedriver over HTTP and JSON (W3C WebDriver), as far as the stories
//! need it. One at a time, so that a small machine does not run out of breath; nothing is slept for, only waited for.

use super::http::send;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::{Semaphore, SemaphorePermit};

const CHROMIUM: &str = "/usr/bin/chromium";
const CHROMEDRIVER: &str = "/usr/bin/chromedriver";
/// How WebDriver names an element's reference.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

static TURNS: Semaphore = Semaphore::const_new(1);

/// A browser with a fresh profile; closed when dropped.
pub struct Browser {
    address: SocketAddr,
    /// `/session/…`.
    session: String,
    driver: Child,
    _profile: tempfile::TempDir,
    _turn: SemaphorePermit<'static>,
}

impl Browser {
    /// Opens one whose requests say that they come from this address.
    pub async fn from(client: &str) -> Browser {
        for program in [CHROMIUM, CHROMEDRIVER] {
            assert!(Path::new(program).exists(), "{program} is missing: run `make test`, which installs it");
        }
        let turn = TURNS.acquire().await.unwrap();
        let profile = tempfile::tempdir().unwrap();
        // It chooses a port of IPv4 and wants the same of IPv6, which another process may have: tried again then.
        let mut started = None;
        for _ in 0..5 {
            started = Browser::driver().await;
            if started.is_some() {
                break;
            }
        }
        let (driver, mut lines, port) = started.expect("chromedriver ended five times");
        // What it still has to say must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let mut browser = Browser {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            session: String::new(),
            driver,
            _profile: profile,
            _turn: turn,
        };
        browser.begin().await;
        browser.cdp("Network.enable", json!({})).await;
        let headers = json!({ "headers": { "X-Forwarded-For": client } });
        browser.cdp("Network.setExtraHTTPHeaders", headers).await;
        browser
    }

    /// A driver with what it has yet to say, and its port; `None` if it ended.
    async fn driver() -> Option<(Child, Lines<BufReader<ChildStdout>>, u16)> {
        let mut driver = Command::new(CHROMEDRIVER)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = super::within("chromedriver", async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some((_, port)) = line.split_once("successfully on port ") {
                    return Some(port.trim_end_matches('.').parse::<u16>().unwrap());
                }
            }
            None
        });
        port.await.map(|port| (driver, lines, port))
    }

    async fn begin(&mut self) {
        let profile = format!("--user-data-dir={}", self._profile.path().display());
        let arguments = [
            "--headless=new",
            // The tests may run as root, as in a container.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            &profile,
        ];
        let session = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "acceptInsecureCerts": true,
            "timeouts": { "pageLoad": 50_000, "script": 50_000 },
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "binary": CHROMIUM, "args": arguments },
        } } });
        let begun = self.call("POST", "/session", session).await.unwrap();
        self.session = format!("/session/{}", begun["sessionId"].as_str().unwrap());
    }

    pub async fn go(&self, url: &str) {
        self.call("POST", "/url", json!({ "url": url })).await.unwrap();
    }

    pub async fn back(&self) {
        self.call("POST", "/back", json!({})).await.unwrap();
    }

    pub async fn url(&self) -> String {
        self.call("GET", "/url", Value::Null).await.unwrap().as_str().unwrap().to_owned()
    }

    /// What a person reads in an element; `None` while it is not there.
    pub async fn text(&self, css: &str) -> Option<String> {
        let element = self.find(css).await?;
        // It may be gone by now.
        let text = self.call("GET", &format!("/element/{element}/text"), Value::Null).await.ok()?;
        Some(text.as_str()?.to_owned())
    }

    /// Types into a field that is there.
    pub async fn fill(&self, css: &str, text: &str) {
        let element = self.find(css).await.unwrap_or_else(|| panic!("no {css} on this page"));
        self.call("POST", &format!("/element/{element}/value"), json!({ "text": text })).await.unwrap();
    }

    pub async fn click(&self, css: &str) {
        let element = self.find(css).await.unwrap_or_else(|| panic!("no {css} on this page"));
        self.call("POST", &format!("/element/{element}/click"), json!({})).await.unwrap();
    }

    /// The value of a cookie in the jar, `HttpOnly` or not.
    pub async fn cookie(&self, name: &str) -> Option<String> {
        let jar = self.call("GET", "/cookie", Value::Null).await.unwrap();
        let cookie = jar.as_array()?.iter().find(|cookie| cookie["name"] == name)?;
        Some(cookie["value"].as_str()?.to_owned())
    }

    /// Switches JavaScript on or off for the pages to come.
    pub async fn scripts(&self, on: bool) {
        self.cdp("Emulation.setScriptExecutionDisabled", json!({ "value": !on })).await;
    }

    /// Takes another User-Agent, as extensions and driving programs have it; with what it says in its client hints, or `null`.
    pub async fn call_itself(&self, user_agent: &str, metadata: Value) {
        let mut parameters = json!({ "userAgent": user_agent });
        if !metadata.is_null() {
            parameters["userAgentMetadata"] = metadata;
        }
        self.cdp("Emulation.setUserAgentOverride", parameters).await;
    }

    /// Runs the body of an asynchronous function in the page; `done(value)` ends it.
    pub async fn run(&self, body: &str) -> Value {
        let script = format!("const done = arguments[arguments.length - 1]; {body}");
        self.call("POST", "/execute/async", json!({ "script": script, "args": [] })).await.unwrap()
    }

    /// What the console said since it was last asked, but for the icon that browsers ask every site for.
    pub async fn console(&self) -> Vec<String> {
        let entries = self.call("POST", "/se/log", json!({ "type": "browser" })).await.unwrap();
        let messages = entries.as_array().unwrap().iter().map(|entry| entry["message"].to_string());
        messages.filter(|message| !message.contains("/favicon.ico")).collect()
    }

    /// Waits until something holds; ends the test with what the browser shows instead.
    pub async fn until(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let began = Instant::now();
        while !condition().await {
            if began.elapsed() > Duration::from_secs(60) {
                let (url, text) = (self.url().await, self.text("body").await);
                panic!("{what}: not within a minute; the browser is at {url} and shows {text:?}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The first element, if one is there.
    async fn find(&self, css: &str) -> Option<String> {
        let by = json!({ "using": "css selector", "value": css });
        let found = self.call("POST", "/element", by).await.ok()?;
        Some(found[ELEMENT].as_str()?.to_owned())
    }

    async fn cdp(&self, command: &str, parameters: Value) {
        let call = json!({ "cmd": command, "params": parameters });
        self.call("POST", "/goog/cdp/execute", call).await.unwrap();
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> Result<Value, String> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let head = format!(
            "{method} {}{path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n",
            self.session,
            self.address,
            body.len()
        );
        let answer = send(self.address, head + &body).await;
        let value = answer.json()["value"].take();
        match value.get("error").filter(|_| answer.status != 200) {
            Some(error) => Err(format!("{path}: {error}: {}", value["message"])),
            None => Ok(value),
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Chromium and all its processes are in chromedriver's group.
        super::kill_group(&self.driver);
    }
}
