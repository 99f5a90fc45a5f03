//! Headless Chromium, driven over WebDriver.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use super::{
    part::{Part, bare, is_installed},
    wait::in_time,
};

/// A browser of its own, with an empty profile.
pub struct Browser {
    client: Client,
    driver: SocketAddr,
    session: String,
    _process: Part,
}

impl Browser {
    /// Opens a page. `None`, and a word why, where Chromium is not installed; fails then under CI.
    pub async fn open(url: &str) -> Option<Browser> {
        if !is_installed("chromedriver") || !is_installed("chromium") {
            let missing = "chromium and chromedriver are not both installed";
            assert!(std::env::var_os("CI").is_none(), "{missing}, and CI is set");
            println!("SKIPPED: {missing}");
            return None;
        }
        let mut driver = Part::start(bare("chromedriver").arg("--port=0"));
        let port = driver.line("started successfully on port ").await;
        let address = format!("127.0.0.1:{}", port.trim_end_matches('.'));
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities());
        let url_of_driver = format!("http://{address}");
        let connecting = builder.connect(&url_of_driver);
        let client = in_time("Chromium", connecting).await.unwrap();
        let session = client.session_id().await.unwrap().expect("a session");
        let browser = Browser {
            client,
            driver: address.parse().unwrap(),
            session,
            _process: driver,
        };
        browser.client.set_window_size(1280, 800).await.unwrap();
        browser.client.goto(url).await.unwrap();
        Some(browser)
    }

    /// What a JavaScript expression gives on the page.
    pub async fn value(&self, expression: &str) -> Value {
        let script = format!("return {expression};");
        let running = self.client.execute(&script, Vec::new());
        in_time(expression, running).await.unwrap()
    }

    /// Saves what is seen.
    pub async fn screenshot(&self, file: &Path) {
        let image = self.client.screenshot().await.unwrap();
        std::fs::write(file, image).unwrap();
    }

    /// Warnings and errors of the console, refused loads and policy violations among them.
    pub async fn complaints(&self) -> Vec<String> {
        let sent = reqwest::Client::new()
            .post(format!(
                "http://{}/session/{}/se/log",
                self.driver, self.session
            ))
            .body(json!({"type": "browser"}).to_string())
            .send();
        let text = sent.await.unwrap().text().await.unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap();
        let entries = answer["value"].as_array().expect("the console's log");
        let is_complaint =
            |entry: &&Value| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING"));
        let complaints = entries.iter().filter(is_complaint);
        complaints.map(Value::to_string).collect()
    }
}

impl Drop for Browser {
    /// Ends the session, which ends Chromium; its driver alone would leave it running.
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
            eprintln!("Chromium could not be ended: {error}");
        }
    }
}

fn capabilities() -> fantoccini::wd::Capabilities {
    let arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ];
    let capabilities = json!({
        "goog:chromeOptions": {"args": arguments},
        "goog:loggingPrefs": {"browser": "ALL"},
    });
    serde_json::from_value(capabilities).unwrap()
}
