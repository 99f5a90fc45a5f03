//! The historian on the node, and what its file holds.

use satscope_proto::v1::{Coverage, HistorianState};
use serde_json::Value;

use crate::{
    bitcoind::Bitcoind,
    support::{
        chain::Served,
        grpc,
        metrics::Scrape,
        part::{Folder, reserve_address, satscope},
        wait::until,
    },
};

/// A historian with a folder of its own.
pub struct Historian {
    pub served: Option<Served>,
    folder: Folder,
    flags: Vec<String>,
}

impl Historian {
    /// On a node that need not run yet; `name` is unique in this test program.
    pub async fn start(name: &str, node: &Bitcoind) -> Historian {
        Historian::start_with(name, node, &[]).await
    }

    /// The same with more flags.
    pub async fn start_with(name: &str, node: &Bitcoind, more: &[String]) -> Historian {
        let folder = Folder::new(&format!("history-{name}"));
        let mut flags = vec![
            format!("--rpc-url={}", node.rpc.url()),
            format!("--rpc-cookie-file={}", node.cookie().display()),
            format!("--state-dir={}", folder.path()),
            format!("--analyzer-url=http://{}", reserve_address()),
            "--historian-workers=2".to_owned(),
        ];
        flags.extend_from_slice(more);
        let mut historian = Historian {
            served: None,
            folder,
            flags,
        };
        historian.restart().await;
        historian
    }

    /// What names its folder and its node to `satscope history`.
    pub fn node_flags(&self) -> &[String] {
        &self.flags[..3]
    }

    /// Starts it again.
    pub async fn restart(&mut self) {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        self.served = Some(Served::historian_with(&flags).await);
    }

    /// The number of blocks that it has read from each source since its start: the node's files, and the node itself.
    pub async fn blocks_read(&self) -> (f64, f64) {
        let scrape = Scrape::of(self.served.as_ref().expect("a historian").metrics).await;
        let read = |source| scrape.sum("satscope_historian_blocks_read_total", source);
        let of_node = read("source=\"rpc\"") + read("source=\"rest\"");
        (read("source=\"files\""), of_node)
    }

    /// Sends SIGKILL.
    pub async fn kill(&mut self) {
        if let Some(mut served) = self.served.take() {
            served.part.kill().await;
        }
    }

    /// What it says that it has.
    pub async fn coverage(&self) -> Coverage {
        let address = self.served.as_ref().expect("a historian").address;
        grpc::coverage(address).await
    }

    /// Waits until it has all that it wants of the node, up to the node's best block.
    pub async fn follows(&self, node: &Bitcoind) -> Coverage {
        let tip = node.height().await as u32;
        until("a history up to the tip", async || {
            let coverage = self.coverage().await;
            let follows = coverage.state() == HistorianState::Following
                && coverage.tip_height == Some(tip)
                && self.status()["tip_height"] == tip;
            follows.then_some(coverage)
        })
        .await
    }

    /// What `satscope history status` says of its file.
    pub fn status(&self) -> Value {
        let asked = ["history", "status", "--format", "json", "--state-dir"];
        let told = satscope()
            .args(asked)
            .arg(self.folder.path())
            .output()
            .unwrap();
        let status: Value = serde_json::from_slice(&told.stdout).unwrap();
        status[0].clone()
    }

    /// State, blocks and digest of each period, oldest first.
    pub fn periods(&self) -> Vec<(u64, String, u64, String)> {
        let status = self.status();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let periods = status["periods"].as_array().expect("periods").iter();
        periods
            .map(|period| {
                (
                    period["period"].as_u64().unwrap(),
                    text(&period["state"]),
                    period["read_blocks"].as_u64().unwrap(),
                    text(&period["digest"]),
                )
            })
            .collect()
    }
}
