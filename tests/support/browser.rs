//! Real browsers, driven over WebDriver: Chromium, Firefox, and WebKitGTK as the nearest to Safari.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use fantoccini::{Client, ClientBuilder, elements::Element, key::Key, wd::Capabilities};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use super::{
    part::{Part, bare, is_installed, reserve_address},
    wait::{PATIENCE, PAUSE, in_time, until},
};

/// Looks at the size of a page before the frame around it is measured.
const LOOKS: u32 = 10;
/// Where Debian puts WebKitGTK's own small browser.
const MINI_BROWSER: &str = "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser";

/// What draws the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Chromium,
    Firefox,
    WebKit,
}

impl Engine {
    /// What it needs and is not there.
    fn missing(self) -> Vec<&'static str> {
        let needed: &[&str] = match self {
            Engine::Chromium => &["chromium", "chromedriver"],
            Engine::Firefox => &["firefox-esr", "geckodriver", "Xvfb"],
            Engine::WebKit => &["WebKitWebDriver", "Xvfb"],
        };
        let absent = |program: &&str| !is_installed(program);
        let mut missing: Vec<_> = needed.iter().copied().filter(absent).collect();
        if self == Engine::WebKit && !Path::new(MINI_BROWSER).is_file() {
            missing.push(MINI_BROWSER);
        }
        missing
    }

    fn capabilities(self) -> Capabilities {
        let capabilities = match self {
            Engine::Chromium => json!({
                "goog:chromeOptions": {"args": [
                    "--headless",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-quic",
                    "--no-first-run",
                    "--disable-background-networking",
                    "--disable-component-update",
                    "--disable-sync",
                ]},
                "goog:loggingPrefs": {"browser": "ALL"},
            }),
            Engine::Firefox => json!({
                "moz:firefoxOptions": {"binary": "/usr/bin/firefox-esr"},
            }),
            Engine::WebKit => json!({
                "webkitgtk:browserOptions": {"binary": MINI_BROWSER, "args": ["--automation"]},
            }),
        };
        serde_json::from_value(capabilities).unwrap()
    }
}

/// A browser of its own, with an empty profile.
pub struct Browser {
    pub client: Client,
    driver: SocketAddr,
    session: String,
    _process: Part,
    /// Its screen, which must outlive it; Chromium needs none.
    _screen: Option<Part>,
}

impl Browser {
    /// Opens a page in Chromium. `None`, and a word why, where it is not installed; fails then under CI.
    pub async fn open(url: &str) -> Option<Browser> {
        Browser::open_in(Engine::Chromium, url).await
    }

    /// Opens a page, likewise.
    pub async fn open_in(engine: Engine, url: &str) -> Option<Browser> {
        let missing = engine.missing();
        if !missing.is_empty() {
            let missing = format!("{engine:?} needs {}", missing.join(", "));
            assert!(std::env::var_os("CI").is_none(), "{missing}, and CI is set");
            println!("SKIPPED: {missing}");
            return None;
        }
        let mut screen = None;
        let mut display = String::new();
        if engine != Engine::Chromium {
            let (part, name) = start_screen().await;
            (screen, display) = (Some(part), name);
        }
        let (process, driver) = start_driver(engine, &display).await;
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(engine.capabilities());
        let url_of_driver = format!("http://{driver}");
        let connecting = builder.connect(&url_of_driver);
        let client = in_time("a browser", connecting).await.unwrap();
        let session = client.session_id().await.unwrap().expect("a session");
        let browser = Browser {
            client,
            driver,
            session,
            _process: process,
            _screen: screen,
        };
        browser.resize(1280, 800).await;
        browser.client.goto(url).await.unwrap();
        Some(browser)
    }

    /// Makes the window so large.
    pub async fn resize(&self, width: u32, height: u32) {
        self.client.set_window_size(width, height).await.unwrap();
    }

    /// Makes the window so large that the page has this much of it, pixels. The frame around the page is measured again until that is
    /// so, because a window and its page get a new size one after the other, and a frame measured between the two is wrong.
    pub async fn view_of(&self, width: u32, height: u32) {
        let wanted = format!("innerWidth === {width} && innerHeight === {height}");
        let (mut wide, mut high) = (width, height);
        until(&wanted, async || {
            self.resize(wide, high).await;
            for _ in 0..LOOKS {
                if self.value(&wanted).await == true {
                    return Some(());
                }
                tokio::time::sleep(PAUSE).await;
            }
            let frame = self
                .value("[outerWidth - innerWidth, outerHeight - innerHeight]")
                .await;
            let [around, above] = [0, 1].map(|at| frame[at].as_u64().unwrap_or(0) as u32);
            (wide, high) = (width + around, height + above);
            None
        })
        .await;
    }

    /// What a JavaScript expression gives on the page.
    pub async fn value(&self, expression: &str) -> Value {
        let script = format!("return {expression};");
        let running = self.client.execute(&script, Vec::new());
        in_time(expression, running).await.unwrap()
    }

    /// What the promise comes to that a JavaScript expression gives on the page.
    pub async fn awaited(&self, expression: &str) -> Value {
        let script = format!(
            "const done = arguments[0]; Promise.resolve({expression}).then(done, (error) => done(String(error)));"
        );
        let running = self.client.execute_async(&script, Vec::new());
        in_time(expression, running).await.unwrap()
    }

    /// Waits until a JavaScript expression is true. Where it never is, each part of a conjunction is named, with the value of what
    /// stands on the left of its `===`.
    pub async fn until(&self, expression: &str) {
        let began = Instant::now();
        while self.value(expression).await != true {
            if began.elapsed() > PATIENCE {
                let mut parts = Vec::new();
                for part in expression.split(" && ") {
                    let left = part.split(" === ").next().unwrap_or(part);
                    parts.push(format!("{part}: {}", self.value(left).await));
                }
                panic!("{expression} to be true did not come in {PATIENCE:?}: {parts:#?}");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The text of the element with this id, as it is seen.
    pub async fn text(&self, id: &str) -> String {
        let expression = format!("document.getElementById({id:?})?.innerText ?? ''");
        self.value(&expression).await.as_str().unwrap().to_owned()
    }

    /// Waits until the text of the element with this id holds this.
    pub async fn until_text(&self, id: &str, text: &str) {
        let expression =
            format!("document.getElementById({id:?})?.innerText.includes({text:?}) === true");
        self.until(&expression).await;
    }

    /// Clicks on the element with this id.
    pub async fn click(&self, id: &str) {
        let element = self.client.find(fantoccini::Locator::Id(id)).await.unwrap();
        element.click().await.unwrap();
    }

    /// Types a key into whatever has the focus.
    pub async fn press(&self, key: Key) {
        let focused: Element = self.client.active_element().await.unwrap();
        let key = char::from(key).to_string();
        focused.send_keys(&key).await.unwrap();
    }

    /// Moves the mouse to a place of the window, in CSS pixels; whole ones, as older drivers take no others.
    pub async fn point_at(&self, x: f64, y: f64) {
        let to = json!({"type": "pointerMove", "x": x as i64, "y": y as i64, "duration": 0, "origin": "viewport"});
        let mouse = json!({"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": [to]});
        self.ask("actions", json!({"actions": [mouse]})).await;
    }

    /// Runs in a window with the same address whose inside is so large: smaller than a whole browser can be made, it is
    /// one that a page opens when somebody clicks.
    pub async fn in_window_of<T>(
        &self,
        width: u32,
        height: u32,
        doing: impl Future<Output = T>,
    ) -> T {
        let open = format!(
            "document.addEventListener('click', (event) => {{ event.stopImmediatePropagation(); window.open(location.href, '_blank', 'popup,width={width},height={height}'); }}, {{ once: true, capture: true }})"
        );
        self.value(&open).await;
        let page = self.client.window().await.unwrap();
        self.click("open-share").await;
        let opened = until("another window", async || {
            let windows = self.client.windows().await.unwrap();
            windows.into_iter().find(|window| *window != page)
        })
        .await;
        self.client.switch_to_window(opened).await.unwrap();
        let done = doing.await;
        self.client.close_window().await.unwrap();
        self.client.switch_to_window(page).await.unwrap();
        done
    }

    /// Runs while nobody sees the page: it is minimised, or behind another tab where the engine cannot be minimised.
    pub async fn while_hidden<T>(&self, doing: impl Future<Output = T>) -> T {
        // Without a window manager Firefox answers with an error, or not at all to what was asked.
        if let Err(error) = self.client.minimize_window().await {
            println!("not minimised: {error}");
        }
        let page = self.client.window().await.unwrap();
        let is_hidden = self.value("document.hidden").await == true;
        if !is_hidden {
            let tab = self.client.new_window(true).await.unwrap().handle;
            self.client.switch_to_window(tab).await.unwrap();
        }
        let done = doing.await;
        if !is_hidden {
            self.client.close_window().await.unwrap();
            self.client.switch_to_window(page).await.unwrap();
        }
        self.resize(1280, 800).await;
        self.until("!document.hidden").await;
        done
    }

    /// Saves what is seen.
    pub async fn screenshot(&self, file: &Path) {
        let image = self.client.screenshot().await.unwrap();
        std::fs::write(file, image).unwrap();
    }

    /// Warnings and errors of Chromium's console, refused loads and policy violations among them; not what it says of its
    /// own software renderer.
    pub async fn complaints(&self) -> Vec<String> {
        let entries = self.ask("se/log", json!({"type": "browser"})).await;
        let entries = entries.as_array().expect("the console's log");
        let is_complaint = |entry: &&Value| {
            let of_itself = ["software WebGL", "GL Driver Message"];
            let message = entry["message"].as_str().unwrap_or_default();
            matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING"))
                && !of_itself.iter().any(|part| message.contains(part))
        };
        let complaints = entries.iter().filter(is_complaint);
        complaints.map(Value::to_string).collect()
    }

    /// Asks Chromium's own protocol, for what WebDriver has no word for.
    pub async fn devtools(&self, method: &str, parameters: Value) -> Value {
        let command = json!({"cmd": method, "params": parameters});
        self.ask("goog/cdp/execute", command).await
    }

    /// A command that the client has no function for.
    async fn ask(&self, command: &str, body: Value) -> Value {
        let url = format!("http://{}/session/{}/{command}", self.driver, self.session);
        let sent = reqwest::Client::new().post(url).body(body.to_string());
        let text = sent.send().await.unwrap().text().await.unwrap();
        let mut answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["value"].get("error"), None, "{command}: {answer}");
        answer["value"].take()
    }
}

impl Drop for Browser {
    /// Ends the session, which ends the browser; its driver alone would leave it running.
    fn drop(&mut self) {
        let end = || {
            let mut stream = TcpStream::connect(self.driver)?;
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            let (session, driver) = (&self.session, self.driver);
            write!(
                stream,
                "DELETE /session/{session} HTTP/1.1\r\nHost: {driver}\r\nConnection: close\r\n\r\n"
            )?;
            stream.read(&mut [0; 512])
        };
        if let Err(error) = end() {
            eprintln!("the browser could not be ended: {error}");
        }
    }
}

/// A screen without glass: it, and its name for `DISPLAY`.
async fn start_screen() -> (Part, String) {
    let arguments = [
        "-displayfd",
        "1",
        "-screen",
        "0",
        "1920x1200x24",
        "-nolisten",
        "tcp",
    ];
    let screen = Part::start(bare("Xvfb").args(arguments));
    let number = until("a screen", async || {
        let lines = screen.log();
        lines.iter().find_map(|line| line.parse::<u32>().ok())
    })
    .await;
    (screen, format!(":{number}"))
}

/// The engine's driver, and where it listens.
async fn start_driver(engine: Engine, display: &str) -> (Part, SocketAddr) {
    let address = reserve_address();
    let port = address.port().to_string();
    let mut command: Command = match engine {
        Engine::Chromium => bare("chromedriver"),
        Engine::Firefox => bare("geckodriver"),
        Engine::WebKit => bare("WebKitWebDriver"),
    };
    match engine {
        Engine::Firefox => command.args(["--port", &port]),
        Engine::Chromium | Engine::WebKit => command.arg(format!("--port={port}")),
    };
    if !display.is_empty() {
        command.env("DISPLAY", display);
    }
    let mut driver = Part::start(&mut command);
    until("the browser's driver", async || {
        assert!(driver.is_running(), "{engine:?}'s driver ended");
        TcpStream::connect(address).ok()
    })
    .await;
    (driver, address)
}

/// axe-core's script, which npm puts beside the programs that it puts on the path. `None`, and a word why, where it is
/// not installed; fails then under CI.
pub fn axe() -> Option<String> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let script = std::env::split_paths(&folders)
        .map(|folder| folder.join("../axe-core/axe.min.js"))
        .find_map(|file| std::fs::read_to_string(file).ok());
    if script.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "no axe-core, and CI is set"
        );
        println!("SKIPPED: axe-core is not installed");
    }
    script
}
