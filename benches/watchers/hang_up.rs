//! Connections that ask for all points and hang up, in a process of their own, beside good watchers and a good visitor: what
//! they cost the gateway's memory, and how much later the watchers get an update.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::sleep,
};

use super::{Cost, Crowd, Part, Stage, UPDATE_EVERY};

/// Good watchers.
const WATCHERS: u32 = 1_000;
/// Connections that hang up, all of one address.
const CONNECTIONS: u32 = 250;
/// From the question to hanging up.
const PATIENCE: Duration = Duration::from_millis(30);
/// Of one round, with or without those connections.
const SECONDS: u32 = 12;
/// Rounds of each kind, in turn.
const ROUNDS: usize = 3;
const QUESTION: &[u8] =
    b"GET /api/v1/points HTTP/1.1\r\nHost: bench\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n";

/// The process: asks and hangs up for [`SECONDS`], and prints how often.
#[tokio::main(flavor = "current_thread")]
pub async fn run(gateway: SocketAddr) {
    let began = Instant::now();
    let mut asking = JoinSet::new();
    for _ in 0..CONNECTIONS {
        asking.spawn(async move {
            let mut asked = 0;
            while began.elapsed() < Duration::from_secs(SECONDS.into()) {
                let mut stream = TcpStream::connect(gateway).await.unwrap();
                stream.write_all(QUESTION).await.unwrap();
                sleep(PATIENCE).await;
                asked += 1;
            }
            asked
        });
    }
    let asked: Vec<u32> = asking.join_all().await;
    println!("{}", asked.iter().sum::<u32>());
}

/// What a round came to.
#[derive(Clone, Copy, Default)]
struct Round {
    p99_ms: f64,
    peak_bytes: u64,
    delivered: f64,
}

/// Prints the ratios.
pub async fn beside() {
    let (mut stage, _) = Stage::set().await;
    let mut crowd = Crowd::start(stage.address);
    crowd.add("readers", WATCHERS).await;
    // What is loaded once is not measured.
    let visiting = tokio::spawn(visit(stage.address));
    stage.play_on(10).await;
    let (mut calm, mut attacked) = (Vec::new(), Vec::new());
    let mut hung_up = 0;
    for _ in 0..ROUNDS {
        calm.push(round(&mut stage, &mut crowd).await);
        // What the attacker's machine works is not to be waited for.
        let mut command = std::process::Command::new("nice");
        let program = std::env::current_exe().unwrap();
        let attacker = command.arg("-n19").arg(program);
        let mut attack = Part::start(attacker.args(["hang-up-on", &stage.address.to_string()]));
        attacked.push(round(&mut stage, &mut crowd).await);
        attack.ended().await;
        hung_up += attack.log()[0].parse::<u32>().unwrap();
    }
    visiting.abort();
    println!(
        "{CONNECTIONS} connections that ask for all points and hang up after {} ms, beside {WATCHERS} watchers:",
        PATIENCE.as_millis()
    );
    let rounds = u32::try_from(ROUNDS).unwrap();
    println!("  {} questions a second", hung_up / (rounds * SECONDS));
    let (calm, attacked) = (median(calm), median(attacked));
    for (what, round) in [("without", calm), ("with", attacked)] {
        println!(
            "  {what:<10}{:.2} % delivered, {:.1} ms p99; {:.0} MB at most",
            round.delivered * 100.0,
            round.p99_ms,
            round.peak_bytes as f64 / 1e6
        );
    }
    println!(
        "  memory {:.2} times, p99 {:.2} times (medians of {ROUNDS} rounds each)",
        attacked.peak_bytes as f64 / calm.peak_bytes as f64,
        attacked.p99_ms / calm.p99_ms
    );
}

async fn round(stage: &mut Stage, crowd: &mut Crowd) -> Round {
    let updates = SECONDS * 1000 / u32::try_from(UPDATE_EVERY.as_millis()).unwrap();
    crowd.begin().await;
    let server = stage.server.id();
    let mut peak_bytes = 0;
    tokio::select! {
        () = stage.play_on(updates) => {}
        () = watch_memory(server, &mut peak_bytes) => {}
    }
    let got = crowd.report().await;
    Round {
        p99_ms: got.p99_ms,
        peak_bytes,
        delivered: got.delivered / f64::from(updates),
    }
}

/// Each of the figures' own median.
fn median(rounds: Vec<Round>) -> Round {
    let middle = |figure: &dyn Fn(&Round) -> f64| {
        let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    Round {
        p99_ms: middle(&|round| round.p99_ms),
        peak_bytes: middle(&|round| round.peak_bytes as f64) as u64,
        delivered: middle(&|round| round.delivered),
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
        let mut stream = TcpStream::connect(gateway).await.unwrap();
        stream.write_all(QUESTION).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"));
        sleep(Duration::from_secs(1)).await;
    }
}
