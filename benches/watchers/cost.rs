//! What a process has cost, as the system counts it.

use std::{fs, time::Instant};

/// The clock ticks of `/proc` in a second (`sysconf(_SC_CLK_TCK)`, 100 on every Linux).
const TICKS: f64 = 100.0;

/// The cost of a process up to a moment.
pub struct Cost {
    pub resident_bytes: u64,
    pub open_files: usize,
    cpu_seconds: f64,
    at: Instant,
}

impl Cost {
    /// The cost of `process` until now.
    pub fn of(process: u32) -> Cost {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes: u64 = resident
            .and_then(|rest| rest.trim().strip_suffix(" kB"))
            .map(|number| number.trim().parse().unwrap())
            .unwrap();
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        // The name, in brackets, may hold anything. Of the fields after it, the 12th and 13th are times.
        let numbers = stat.rsplit_once(')').unwrap().1;
        let ticks = numbers.split_whitespace().skip(11).take(2);
        let ticks: f64 = ticks.map(|number| number.parse::<f64>().unwrap()).sum();
        let files = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
        Cost {
            resident_bytes: kibibytes * 1024,
            open_files: files.count(),
            cpu_seconds: ticks / TICKS,
            at: Instant::now(),
        }
    }

    /// The share of one core that the process has taken since `before`.
    pub fn share_since(&self, before: &Cost) -> f64 {
        (self.cpu_seconds - before.cpu_seconds) / (self.at - before.at).as_secs_f64()
    }
}
