//! Connections that ask for all points and hang up, in a process of their own, beside good watchers and a good visitor: what
//! they cost the gateway's memory, and how much later the watchers get an update. The same connections to a listener that only
//! accepts and closes show the cost to the machine that no gateway could avoid.

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::Command,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::sleep,
};

use super::{Cost, Crowd, Part, Stage, UPDATE_EVERY, crowd::connect_from, until};

/// Good watchers.
const WATCHERS: u32 = 1_000;
/// Connections that hang up, all of one address.
const CONNECTIONS: u32 = 250;
/// The address of the good visitor.
const VISITOR: (Ipv4Addr, u16) = (Ipv4Addr::new(127, 2, 0, 1), 0);
/// The time from the question to hanging up.
const PATIENCE: Duration = Duration::from_millis(30);
/// The length of one round, with or without those connections.
const SECONDS: u32 = 12;
/// Rounds of each kind, in turn.
const ROUNDS: usize = 5;
const QUESTION: &[u8] =
    b"GET /api/v1/points HTTP/1.1\r\nHost: bench\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n";

/// Runs the process: asks and hangs up for [`SECONDS`], and prints how often.
#[tokio::main(flavor = "current_thread")]
pub async fn run(gateway: SocketAddr) {
    let began = Instant::now();
    let mut asking = JoinSet::new();
    for _ in 0..CONNECTIONS {
        asking.spawn(async move {
            let mut asked = 0;
            while began.elapsed() < Duration::from_secs(SECONDS.into()) {
                let mut stream = TcpStream::connect(gateway).await.unwrap();
                // A connection that was turned away asks again no sooner than the others.
                stream.write_all(QUESTION).await.ok();
                sleep(PATIENCE).await;
                asked += 1;
            }
            asked
        });
    }
    let asked: Vec<u32> = asking.join_all().await;
    println!("{}", asked.iter().sum::<u32>());
}

/// A process that accepts, closes, and does nothing else.
#[tokio::main]
pub async fn only_accept() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    loop {
        drop(listener.accept().await);
    }
}

/// The figures of a round.
#[derive(Clone, Copy, Default)]
struct Round {
    p50_ms: f64,
    p99_ms: f64,
    peak_bytes: u64,
    delivered: f64,
    /// The share of a core that the gateway took.
    share: f64,
    /// Questions of the connections that hang up.
    asked: f64,
}

/// Prints the figures of each kind of round, and their ratios to those without such connections.
pub async fn beside() {
    let (mut stage, _) = Stage::set_with(&[]).await;
    let mut crowd = Crowd::start(stage.address);
    crowd.add("readers", WATCHERS).await;
    let program = std::env::current_exe().unwrap();
    let bare = Part::start(Command::new(program).arg("only-accept"));
    let bare_address = until("its address", async || bare.log().first().cloned()).await;
    let kinds = [
        ("without", None),
        ("elsewhere", Some(bare_address)),
        ("with", Some(stage.address.to_string())),
    ];
    // The first updates are not measured, because the gateway loads some things once.
    let visiting = tokio::spawn(visit(stage.address));
    stage.play_on(10).await;
    let mut rounds = kinds.each_ref().map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for ((_, attacked), rounds) in kinds.iter().zip(&mut rounds) {
            let attack = attacked.as_ref().map(|address| attack(address));
            let mut came_to = round(&mut stage, &mut crowd).await;
            if let Some(mut attack) = attack {
                attack.ended().await;
                came_to.asked = attack.log()[0].parse().unwrap();
            }
            rounds.push(came_to);
        }
    }
    visiting.abort();
    println!(
        "{CONNECTIONS} connections that ask for all points and hang up after {} ms, beside {WATCHERS} watchers (medians of \
         {ROUNDS} rounds; elsewhere: at a listener that accepts and closes):",
        PATIENCE.as_millis()
    );
    let rounds = rounds.map(median);
    let calm = rounds[0];
    for ((what, _), round) in kinds.iter().zip(rounds) {
        println!(
            "  {what:<10}{:.2} % delivered, {:.1} ms p50, {:.1} ms p99 ({:.2} times); {:.0} MB at most ({:.2} times); {:.0} % of a core; {:.0} \
             questions a second",
            round.delivered * 100.0,
            round.p50_ms,
            round.p99_ms,
            round.p99_ms / calm.p99_ms,
            round.peak_bytes as f64 / 1e6,
            round.peak_bytes as f64 / calm.peak_bytes as f64,
            round.share * 100.0,
            round.asked / f64::from(SECONDS),
        );
    }
}

/// Starts the connections that hang up on `address`. They run at low priority, because a real attacker's machine is another
/// one.
fn attack(address: &str) -> Part {
    let mut command = Command::new("nice");
    let program = std::env::current_exe().unwrap();
    let attacker = command.arg("-n19").arg(program);
    Part::start(attacker.args(["hang-up-on", address]))
}

async fn round(stage: &mut Stage, crowd: &mut Crowd) -> Round {
    let updates = SECONDS * 1000 / u32::try_from(UPDATE_EVERY.as_millis()).unwrap();
    crowd.begin().await;
    let server = stage.server.id();
    let before = Cost::of(server);
    let mut peak_bytes = 0;
    tokio::select! {
        () = stage.play_on(updates) => {}
        () = watch_memory(server, &mut peak_bytes) => {}
    }
    let got = crowd.report().await;
    Round {
        p50_ms: got.p50_ms,
        p99_ms: got.p99_ms,
        peak_bytes,
        delivered: got.delivered / f64::from(updates),
        share: Cost::of(server).share_since(&before),
        asked: 0.0,
    }
}

/// The median of each figure by itself.
fn median(rounds: Vec<Round>) -> Round {
    let middle = |figure: &dyn Fn(&Round) -> f64| {
        let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    Round {
        p50_ms: middle(&|round| round.p50_ms),
        p99_ms: middle(&|round| round.p99_ms),
        peak_bytes: middle(&|round| round.peak_bytes as f64) as u64,
        delivered: middle(&|round| round.delivered),
        share: middle(&|round| round.share),
        asked: middle(&|round| round.asked),
    }
}

async fn watch_memory(process: u32, peak_bytes: &mut u64) {
    loop {
        *peak_bytes = Cost::of(process).resident_bytes.max(*peak_bytes);
        sleep(Duration::from_millis(20)).await;
    }
}

/// A good visitor: reads all points, each second.
async fn visit(gateway: SocketAddr) {
    loop {
        let mut stream = connect_from(VISITOR.into(), gateway).await;
        stream.write_all(QUESTION).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"));
        sleep(Duration::from_secs(1)).await;
    }
}
