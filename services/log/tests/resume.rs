//! Whatever happens to a reader of the log, it ends with the writer's window: random events, losses of the connection, and
//! readers that are too slow, against the window that simply applies all.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use proptest::prelude::*;
use satscope_log::{
    Accepted, Block, Event, EventLog, LogLimits, Position, RemovalReason, State, Txid, Values,
    WINDOW_MS, Window,
};

const START_MS: u64 = 1_700_000_000_000;

/// What happens; the numbers choose among a few transactions and blocks, so that they meet again.
#[derive(Clone, Debug)]
enum Step {
    Accept {
        number: u8,
        age_minutes: u64,
        confirmed: bool,
    },
    Remove(u8),
    Connect {
        number: u8,
        first: u8,
    },
    Disconnect {
        number: u8,
        first: u8,
    },
    /// The tick: time passes, and what is too old leaves.
    Tick {
        minutes: u64,
    },
    /// The reader takes at most so many entries.
    Read(usize),
    /// The reader loses its connection, and comes back with its position.
    Reconnect,
    /// The writer is killed: a new epoch, with the window that its journal holds.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0u8..12, 0u64..200, any::<bool>())
            .prop_map(|(number, age_minutes, confirmed)| Step::Accept { number, age_minutes, confirmed }),
        2 => (0u8..12).prop_map(Step::Remove),
        1 => (0u8..3, 0u8..12).prop_map(|(number, first)| Step::Connect { number, first }),
        1 => (0u8..3, 0u8..12).prop_map(|(number, first)| Step::Disconnect { number, first }),
        2 => (0u64..100).prop_map(|minutes| Step::Tick { minutes }),
        4 => (0usize..6).prop_map(Step::Read),
        1 => Just(Step::Reconnect),
        1 => Just(Step::Restart),
    ]
}

fn txid(number: u8) -> Txid {
    [number; 32]
}

fn block(number: u8) -> Block {
    Block {
        hash: [0xb0 + number; 32],
        height: Some(u32::from(number)),
        time_ms: START_MS,
    }
}

/// As ingest keeps them: the log and the window that it adds up to.
struct Writer {
    log: EventLog,
    window: Window,
    now_ms: u64,
    limits: LogLimits,
}

impl Writer {
    fn write(&mut self, event: Event) {
        self.window.apply(&event, self.now_ms);
        if matches!(event, Event::Status(_)) {
            self.window.expire(self.now_ms);
        }
        self.log.push(self.now_ms, event);
    }

    fn act(&mut self, step: &Step) {
        match step {
            Step::Accept {
                number,
                age_minutes,
                confirmed,
            } => {
                let state = if *confirmed {
                    State::Confirmed
                } else {
                    State::Mempool
                };
                let accepted = Accepted {
                    txid: txid(*number),
                    first_seen_ms: self.now_ms - age_minutes * 60_000,
                    values_sats: Values::from_slice(&[u64::from(*number)]),
                    input_count: 1,
                    met_in_block: false,
                };
                self.write(Event::Accepted(Arc::new(accepted), state));
            }
            Step::Remove(number) => {
                self.write(Event::Removed(txid(*number), RemovalReason::Unknown));
            }
            Step::Connect { number, first } => {
                let txids = (*first..first + 3).map(txid).collect();
                self.write(Event::BlockConnected(Box::new(block(*number)), txids));
            }
            Step::Disconnect { number, first } => {
                let txids = (*first..first + 3).map(txid).collect();
                self.write(Event::BlockDisconnected(Box::new(block(*number)), txids));
            }
            Step::Tick { minutes } => {
                self.now_ms += minutes * 60_000;
                self.write(Event::Status(Arc::default()));
            }
            Step::Restart => {
                let epoch = self.log.head().epoch + 1;
                self.log = EventLog::new(epoch, self.limits);
            }
            Step::Read(_) | Step::Reconnect => {}
        }
    }
}

/// As the analyzer does: it applies entries in order, or begins again from the whole window.
struct Reader {
    position: Option<Position>,
    window: Window,
    began_again: usize,
}

impl Reader {
    fn begin_again(&mut self, writer: &Writer) {
        self.began_again += 1;
        self.window = Window::default();
        for tracked in writer.window.iter() {
            let event = Event::Accepted(tracked.accepted.clone(), tracked.state);
            self.window.apply(&event, writer.now_ms);
        }
        for block in writer.window.blocks() {
            let event = Event::BlockConnected(Box::new(*block), Vec::new());
            self.window.apply(&event, writer.now_ms);
        }
        self.position = Some(writer.log.head());
    }

    /// Takes at most `most` entries; begins again when what follows is no longer held.
    fn read(&mut self, writer: &Writer, most: usize) {
        let Some(position) = self.position else {
            return self.begin_again(writer);
        };
        let Some(entries) = writer.log.after(position) else {
            return self.begin_again(writer);
        };
        for entry in entries.take(most) {
            self.window.apply(&entry.event, entry.time_ms);
            if matches!(entry.event, Event::Status(_)) {
                self.window.expire(entry.time_ms);
            }
            self.position = Some(entry.position);
        }
    }
}

fn content(window: &Window) -> (Vec<(Txid, u64, State)>, Vec<Block>) {
    let transactions = window.iter().map(|tracked| {
        let Accepted {
            txid,
            first_seen_ms,
            ..
        } = *tracked.accepted;
        (txid, first_seen_ms, tracked.state)
    });
    (transactions.collect(), window.blocks().copied().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_reader_ends_with_the_writers_window(
        steps in prop::collection::vec(step(), 1..120),
        held in 1usize..40,
    ) {
        let limits = LogLimits {
            age_ms: WINDOW_MS,
            bytes: held * Event::Removed(txid(0), RemovalReason::Unknown).bytes(),
        };
        let mut writer = Writer {
            log: EventLog::new(1, limits),
            window: Window::default(),
            now_ms: START_MS,
            limits,
        };
        let mut reader = Reader { position: None, window: Window::default(), began_again: 0 };
        for step in &steps {
            writer.act(step);
            match step {
                Step::Read(most) => reader.read(&writer, *most),
                Step::Reconnect => {
                    let known = reader.position.is_some_and(|at| writer.log.after(at).is_some());
                    if !known {
                        reader.begin_again(&writer);
                    }
                }
                _ => {}
            }
        }
        writer.act(&Step::Tick { minutes: 1 });
        reader.read(&writer, usize::MAX);
        reader.read(&writer, usize::MAX);
        prop_assert_eq!(content(&reader.window), content(&writer.window));
        let head = writer.log.head();
        prop_assert_eq!(reader.position, Some(head));
        prop_assert!(writer.log.bytes() <= limits.bytes.max(1 << 12), "bounded");
    }
}
