//! The three parts on a simulated node, with a proxy on each link between them.

use std::time::Instant;

use crate::{
    answers::{Answers, Told},
    support::{
        chain::{Served, StandIn},
        part::Folder,
        proxy::Proxy,
        wait::until,
    },
};

/// The simulated node has new payments all the time.
const NEW_SECONDS: f64 = 30.0;

/// The parts, each its own process.
pub struct Stage {
    pub gateway: Served,
    pub analyzer: Served,
    pub ingest: Served,
    pub to_ingest: Proxy,
    pub to_analyzer: Proxy,
    pub node: StandIn,
    pub state: Folder,
}

impl Stage {
    /// Starts all, and waits until every interface has a fresh price.
    pub async fn set(name: &str) -> Stage {
        let node = StandIn::simulate(&[]).await;
        let state = Folder::new(name);
        let ingest = start_ingest(&node, &state).await;
        let to_ingest = Proxy::before(ingest.address).await;
        let analyzer = start_analyzer(&to_ingest, &state).await;
        let to_analyzer = Proxy::before(analyzer.address).await;
        let gateway = Served::gateway(to_analyzer.address).await;
        let stage = Stage {
            gateway,
            analyzer,
            ingest,
            to_ingest,
            to_analyzer,
            node,
            state,
        };
        stage.is_fresh().await;
        stage
    }

    /// Waits until every interface has a fresh price of new payments; prints how long that took. A window of which only the blocks
    /// have been read is fresh, and its newest payment may be an hour old.
    pub async fn is_fresh(&self) {
        let began = Instant::now();
        until("a fresh price everywhere", async || {
            let answers = Answers::of_all(self).await?;
            let is_new = |told: &Told| told.stale.is_none() && told.age_seconds < NEW_SECONDS;
            answers.each(is_new).then_some(())
        })
        .await;
        println!("fresh after {:.1?}", began.elapsed());
    }

    /// Waits until every interface of the gateway, and of the analyzer if it is there, says that the price is stale for this
    /// reason. Checks that this came in 10 s, and that the age then grows.
    pub async fn becomes_stale(&self, reason: &str, with_analyzer: bool) {
        let began = Instant::now();
        let answers = async || match with_analyzer {
            true => Answers::of_all(self).await,
            false => Answers::of_gateway(self).await,
        };
        let is_stale = |told: &Told| told.stale.as_deref() == Some(reason);
        let first = until("a stale price everywhere", async || {
            answers().await.filter(|answers| answers.each(is_stale))
        })
        .await;
        let took = began.elapsed();
        println!("stale after {took:.1?}: {first:?}");
        assert!(took.as_secs() < 10, "{took:.1?}");
        let seen = Seen::default();
        until("an age that grows everywhere", async || {
            let later = answers().await;
            seen.keep(&later);
            let later = later?;
            assert!(later.each(is_stale), "{later:?}");
            later.are_older_than(&first, 2.0).then_some(())
        })
        .await;
    }

    /// Starts ingest again, on what the one before it left.
    pub async fn restart_ingest(&mut self) {
        self.ingest = start_ingest(&self.node, &self.state).await;
        self.to_ingest.retarget(self.ingest.address);
    }

    /// Starts the analyzer again, likewise.
    pub async fn restart_analyzer(&mut self) {
        self.analyzer = start_analyzer(&self.to_ingest, &self.state).await;
        self.to_analyzer.retarget(self.analyzer.address);
    }
}

/// The last thing that was seen, which a test that fails prints.
#[derive(Default)]
struct Seen(std::sync::Mutex<String>);

impl Seen {
    fn keep(&self, seen: &impl std::fmt::Debug) {
        *self.0.lock().unwrap() = format!("{seen:?}");
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("seen last: {}", self.0.get_mut().unwrap());
        }
    }
}

async fn start_ingest(node: &StandIn, state: &Folder) -> Served {
    let state = format!("--state-dir={}", state.path());
    Served::ingest(&node.zmq, &["--node-is-standin", &node.rpc_url(), &state]).await
}

async fn start_analyzer(to_ingest: &Proxy, state: &Folder) -> Served {
    let url = format!("http://{}", to_ingest.address);
    let state = format!("--state-dir={}", state.path());
    Served::analyzer_with(&["--ingest-url", &url, &state]).await
}
