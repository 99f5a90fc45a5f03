//! The balancer's configuration as `docs/balancer.md` has it, in a real nginx before two real gateways.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{fs, net::SocketAddr, process::Output};

use support::{
    chain::{Chain, Served},
    part::{Folder, Part, bare, is_installed, reserve_address},
    wait::until,
};

const PAGE: &str = include_str!("../docs/balancer.md");
const NGINX: &str = "/usr/sbin/nginx";
const HOST: &str = "price.example";

/// The `nginx` fence with this machine's ports and paths.
fn configuration(
    folder: &str,
    https: SocketAddr,
    http: SocketAddr,
    gateways: [SocketAddr; 2],
) -> String {
    let fence = PAGE.split_once("```nginx\n").unwrap().1;
    let mut text = fence.split_once("```").unwrap().0.to_owned();
    // nginx's own folders may be another user's.
    let places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {folder};"))
        .join("\n");
    for (written, here) in [
        ("listen 443 ", format!("listen {https} ")),
        ("listen 80;", format!("listen {http};")),
        ("127.0.0.1:8001", gateways[0].to_string()),
        ("127.0.0.1:8002", gateways[1].to_string()),
        ("/etc/ssl/price.example", folder.to_owned()),
        ("http {\n", format!("http {{\naccess_log off;\n{places}\n")),
    ] {
        assert!(text.contains(written), "{written}");
        text = text.replace(written, &here);
    }
    format!("daemon off;\npid {folder}/nginx.pid;\nerror_log stderr;\n{text}")
}

fn certify(folder: &str) {
    let (key, certificate) = (
        format!("{folder}/privkey.pem"),
        format!("{folder}/fullchain.pem"),
    );
    let subject = format!("/CN={HOST}");
    let made = bare("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
        ])
        .args(["-nodes", "-days", "1", "-subj", &subject])
        .args(["-keyout", &key, "-out", &certificate])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
}

/// curl, as a client at this address of the machine.
struct Visitor<'a> {
    at: &'a str,
    https: SocketAddr,
}

impl Visitor<'_> {
    fn arguments(&self, path: &str, more: &[&str]) -> Vec<String> {
        let port = self.https.port();
        let fixed = [
            "-sSki".to_owned(),
            "--interface".to_owned(),
            self.at.to_owned(),
            "--resolve".to_owned(),
            format!("{HOST}:{port}:127.0.0.1"),
            format!("https://{HOST}:{port}{path}"),
        ];
        let more = more.iter().map(|&argument| argument.to_owned());
        fixed.into_iter().chain(more).collect()
    }

    /// The whole answer; of what has no end, that of two seconds.
    fn ask(&self, path: &str, more: &[&str]) -> String {
        let mut curl = bare("curl");
        curl.args(["--max-time", "2"]);
        let Output { stdout, .. } = curl.args(self.arguments(path, more)).output().unwrap();
        // What follows a handshake is no text.
        String::from_utf8_lossy(&stdout).into_owned()
    }

    /// The answer, once there is a place for the question: that of a connection that has ended is free a moment later.
    async fn ask_in_turn(&self, path: &str, more: &[&str]) -> String {
        until("a place for one more", async || {
            let answer = self.ask(path, more);
            (status(&answer) != "429").then_some(answer)
        })
        .await
    }

    /// Asks on and on, once there is a place for it.
    async fn watch(&self) -> Part {
        until("a stream by the balancer", async || {
            let mut curl = bare("curl");
            let arguments = self.arguments("/api/v1/stream", &[]);
            let mut watching = Part::start(curl.arg("-N").args(arguments));
            let begun = until("an event, or the end", async || {
                let has_event = watching.log().iter().any(|line| line.contains("data: {"));
                (has_event || !watching.is_running()).then_some(has_event)
            });
            begun.await.then_some(watching)
        })
        .await
    }
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_balancer_does_what_the_gateways_need() {
    // Where Debian puts it is on no ordinary user's path.
    let is_there = std::path::Path::new(NGINX).exists();
    if !is_there || !is_installed("openssl") {
        let missing = format!("{NGINX} or openssl is missing");
        assert!(std::env::var_os("CI").is_none(), "{missing}, and CI is set");
        println!("SKIPPED: {missing}");
        return;
    }
    let chain = Chain::on_simulation(&[]).await;
    let analyzer = format!("http://{}", chain.analyzer.address);
    let flags = [
        "--analyzer-url",
        &analyzer,
        "--gateway-trusted-proxies=127.0.0.1",
        "--gateway-max-connections-per-address=1",
    ];
    let mut gateways = [
        Served::gateway_with(&flags).await,
        Served::gateway_with(&flags).await,
    ];
    let folder = Folder::new("balancer");
    certify(folder.path());
    let (https, http) = (reserve_address(), reserve_address());
    let addresses = [gateways[0].address, gateways[1].address];
    let file = format!("{}/nginx.conf", folder.path());
    fs::write(&file, configuration(folder.path(), https, http, addresses)).unwrap();
    let mut command = bare(NGINX);
    let _nginx = Part::start(command.args(["-p", folder.path(), "-e", "stderr", "-c", &file]));

    // For as long as there is none, each of the gateways says so, and the balancer what they say.
    let one = Visitor {
        at: "127.0.0.5",
        https,
    };
    until("a price by the balancer", async || {
        let answer = one.ask_in_turn("/api/v1/price", &[]).await;
        let is_503 = status(&answer) == "503" && answer.contains("no price yet");
        let is_not_up = answer.is_empty();
        assert!(is_503 || is_not_up || status(&answer) == "200", "{answer}");
        (status(&answer) == "200").then(|| assert!(answer.contains("strict-transport-security")))
    })
    .await;
    let plain = bare("curl")
        .args(["-si", &format!("http://{http}/x")])
        .output()
        .unwrap();
    assert_eq!(status(&String::from_utf8(plain.stdout).unwrap()), "301");

    for (origin, expected) in [
        (format!("https://{HOST}:{}", https.port()), "101"),
        ("https://evil.example".to_owned(), "403"),
    ] {
        let origin = format!("Origin: {origin}");
        let handshake = [
            "--http1.1",
            "-H",
            "Connection: Upgrade",
            "-H",
            "Upgrade: websocket",
        ];
        let rest = [
            "-H",
            "Sec-WebSocket-Version: 13",
            "-H",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "-H",
            &origin,
        ];
        let asking = [&handshake[..], &rest].concat();
        let answer = one.ask_in_turn("/ws/mempool", &asking).await;
        assert_eq!(status(&answer), expected, "{answer}");
    }

    // One at each gateway, and then no more of this address, whatever it says of itself.
    let watching = [one.watch().await, one.watch().await];
    let lie = ["-H", "X-Forwarded-For: 192.0.2.1"];
    assert_eq!(status(&one.ask("/api/v1/price", &lie)), "429");
    let other = Visitor {
        at: "127.0.0.6",
        https,
    };
    let answer = other.ask_in_turn("/api/v1/price", &[]).await;
    assert_eq!(status(&answer), "200");
    drop(watching);

    gateways[0].part.kill().await;
    until("answers of the other", async || {
        (status(&one.ask("/api/v1/price", &[])) == "200").then_some(())
    })
    .await;
    for _ in 0..5 {
        let answer = one.ask_in_turn("/api/v1/price", &[]).await;
        assert_eq!(status(&answer), "200");
    }
}
