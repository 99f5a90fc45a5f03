//! A journal of numbers on a simulated disk, whose thread works when a test lets it, and what must be found after a crash.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{owner, simulated::Simulated};
use crate::journal::{
    Earlier, Journal,
    state::State,
    work::{Bench, Job, Report, Worker},
};

/// A number, and bytes that belong to it.
pub type Number = (u32, Vec<u8>);

pub fn number(number: u32) -> Number {
    (number, vec![number as u8; (number as usize * 37) % 60])
}

type SimulatedJournal = Journal<Number, Simulated>;

pub struct Scene {
    pub disk: Simulated,
    pub journal: SimulatedJournal,
    bench: Bench<super::simulated::SimulatedFile>,
    pub now: Instant,
    /// All numbers of which the journal was told.
    pub known: Vec<u32>,
    /// The first so many of them are in the file, and survive a kill;
    pub written: usize,
    /// so many of them a power cut.
    pub synced: usize,
}

/// What a journal on that disk holds.
pub fn read(disk: &Simulated) -> (Earlier<Number, Simulated>, Vec<u32>) {
    let mut found = Vec::new();
    let each = |read: Number| {
        assert_eq!(read, number(read.0), "a wrong record");
        found.push(read.0);
    };
    let disk = Arc::new(disk.clone());
    let (earlier, _) = Earlier::open_on(disk, Path::new("/state"), owner(), each).unwrap();
    (earlier, found)
}

impl Scene {
    /// A process that begins on what is there.
    pub fn on(disk: &Simulated) -> Scene {
        let (earlier, known) = read(disk);
        let (worker, bench) = Worker::new();
        let journal = earlier.begin_with(worker, 10, known.iter().copied().map(number));
        let mut scene = Scene {
            disk: disk.clone(),
            journal,
            bench,
            now: Instant::now(),
            written: known.len(),
            synced: 0,
            known,
        };
        scene.look();
        scene
    }

    pub fn is_written(&self) -> bool {
        matches!(self.journal.state, State::Written { .. })
    }

    fn look(&mut self) {
        if self.is_written() {
            self.written = self.known.len();
        }
    }

    pub fn append(&mut self, count: u32) {
        let next = self.known.last().map_or(0, |last| last + 1);
        let numbers = next..next + count;
        self.known.extend(numbers.clone());
        let records: Vec<Number> = numbers.map(number).collect();
        self.journal.append(20, &records);
        self.look();
    }

    /// A heartbeat after some time.
    pub fn keep(&mut self, after: Duration) {
        self.now += after;
        let known = self.known.iter().copied().map(number);
        self.journal.keep(self.now, 20, known);
        self.look();
    }

    /// The thread does what it was given, if anything.
    pub fn work(&mut self) {
        if !self.journal.worker.is_busy() {
            return;
        }
        let Ok(job) = self.bench.jobs.try_recv() else {
            return;
        };
        let syncs_file_in_use = match &job {
            Job::Sync { .. } => true,
            Job::Write(draft) => draft.beside.is_some(),
            Job::Add(..) => false,
        };
        let report = job.run(&self.disk);
        let is_done = matches!(report, Report::Synced(Ok(())) | Report::Written(Ok(_)));
        if syncs_file_in_use && is_done && !self.disk.is_dead() {
            self.synced = self.written;
        }
        self.bench.reports.send(report).unwrap();
    }

    /// Heartbeats until nothing is due.
    pub fn settle(&mut self) {
        for _ in 0..20 {
            self.keep(Duration::from_secs(61));
            self.work();
        }
        self.keep(Duration::ZERO);
    }

    /// Ends the process; what the next one finds.
    pub fn killed(self) -> Vec<u32> {
        let Scene {
            disk,
            known,
            written,
            ..
        } = self;
        disk.revive();
        let (_, found) = read(&disk);
        assert_eq!(found, known[..found.len()], "killed");
        assert!(found.len() >= written, "{} of {written}", found.len());
        found
    }

    /// Cuts the power; what the next process finds.
    pub fn without_power(self, dice: impl FnMut(usize) -> usize) -> Vec<u32> {
        let Scene {
            disk,
            known,
            synced,
            ..
        } = self;
        disk.cut_power(dice);
        disk.revive();
        let (_, found) = read(&disk);
        assert!(
            found.is_sorted_by(|a, b| a < b) && found.iter().all(|one| known.contains(one)),
            "{found:?} of {known:?}"
        );
        let kept = &known[..synced];
        assert!(found.starts_with(kept), "{found:?} lacks some of {kept:?}");
        found
    }
}
