//! A node's ZMQ with a bad line: messages of a stand-in lost, sent twice or late, at random from a seed.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use zmq::{Context, POLLIN, SUB, Socket, XPUB};

/// How often a stop is noticed and late messages are looked at, in ms.
const POLL_MS: i64 = 20;
/// A late message comes after at most so many later ones, or after so long.
const LATEST: u64 = 30;
const LATEST_AFTER: Duration = Duration::from_millis(200);
/// The longest run of messages that is lost at once.
const LONGEST_LOSS: u64 = 40;

/// Of 1000 messages, how many begin a run that is lost (often of one alone), come twice, or come late.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    pub lost: u64,
    pub twice: u64,
    pub late: u64,
}

/// What became of the messages, but for the stand-in's own topic, which passes untouched.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub passed: u64,
    pub lost: u64,
    pub twice: u64,
    pub late: u64,
}

/// The forwarder; it ends when it is dropped.
pub struct Lossy {
    /// Where it publishes.
    pub endpoint: String,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Tally>>,
}

impl Lossy {
    /// Before a publisher. Subscriptions are passed on to it as they come.
    pub fn before(publisher: &str, seed: u64, line: Line) -> Lossy {
        let context = Context::new();
        let inward = context.socket(SUB).unwrap();
        inward.set_rcvhwm(0).unwrap();
        inward.connect(publisher).unwrap();
        let outward = context.socket(XPUB).unwrap();
        outward.set_sndhwm(0).unwrap();
        outward.set_linger(0).unwrap();
        outward.bind("tcp://127.0.0.1:*").unwrap();
        let endpoint = outward.get_last_endpoint().unwrap().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let mut forwarder = Forwarder {
            outward,
            line,
            random: Random::new(seed),
            losing: 0,
            late: VecDeque::new(),
            number: 0,
            tally: Tally::default(),
        };
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                forwarder.turn(&inward);
            }
            forwarder.tally
        });
        Lossy {
            endpoint,
            stop,
            thread: Some(thread),
        }
    }

    /// Ends it; what it did.
    pub fn end(mut self) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Lossy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

type Message = Vec<Vec<u8>>;

struct Late {
    message: Message,
    /// The number of the message that it comes after.
    after: u64,
    since: Instant,
}

struct Forwarder {
    outward: Socket,
    line: Line,
    random: Random,
    /// Messages that are still to be lost.
    losing: u64,
    late: VecDeque<Late>,
    number: u64,
    tally: Tally,
}

impl Forwarder {
    fn turn(&mut self, inward: &Socket) {
        let mut items = [
            inward.as_poll_item(POLLIN),
            self.outward.as_poll_item(POLLIN),
        ];
        zmq::poll(&mut items, POLL_MS).unwrap();
        while let Ok(request) = self.outward.recv_bytes(zmq::DONTWAIT) {
            match request.split_first() {
                Some((1, topic)) => inward.set_subscribe(topic).unwrap(),
                Some((_, topic)) => inward.set_unsubscribe(topic).unwrap(),
                None => {}
            }
        }
        while let Ok(message) = inward.recv_multipart(zmq::DONTWAIT) {
            self.take(message);
            self.send_late();
        }
        self.send_late();
    }

    fn take(&mut self, message: Message) {
        if message[0] == b"satscope" {
            self.send(&message);
            return;
        }
        self.number += 1;
        let draw = self.random.below(1000);
        let Line { lost, twice, late } = self.line;
        if self.losing == 0 && draw < lost {
            let long = self.random.below(4) == 0;
            self.losing = if long {
                1 + self.random.below(LONGEST_LOSS)
            } else {
                1
            };
        }
        if self.losing > 0 {
            self.losing -= 1;
            self.tally.lost += 1;
        } else if draw < lost + twice {
            self.tally.twice += 1;
            self.send(&message);
            self.send(&message);
        } else if draw < lost + twice + late {
            self.tally.late += 1;
            self.late.push_back(Late {
                message,
                after: self.number + 1 + self.random.below(LATEST),
                since: Instant::now(),
            });
        } else {
            self.tally.passed += 1;
            self.send(&message);
        }
    }

    fn send_late(&mut self) {
        let waiting = std::mem::take(&mut self.late);
        for late in waiting {
            if late.after < self.number || late.since.elapsed() > LATEST_AFTER {
                self.send(&late.message);
            } else {
                self.late.push_back(late);
            }
        }
    }

    fn send(&self, message: &Message) {
        self.outward.send_multipart(message, 0).unwrap();
    }
}

/// Marsaglia's xorshift (Journal of Statistical Software 8, 14): the same numbers for the same seed, on any machine.
pub struct Random(u64);

impl Random {
    /// Begins at `seed`.
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}
