//! The pace at which one address may open connections: the connections of a burst are served at once, further ones one
//! by one.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use tokio::time::{Duration, Instant};

use super::addresses::one_household;

/// Time in which an address may open as many connections as the setting allows; also the longest wait for a turn.
const WINDOW: Duration = Duration::from_secs(10);
/// Number of addresses from which the table is swept.
const SMALL: usize = 1024;

/// The turns of the connections of each address.
#[derive(Debug)]
pub struct Pace {
    /// Time from one turn of an address to its next, once its burst is used up.
    interval: Duration,
    used: Mutex<Used>,
}

#[derive(Debug)]
struct Used {
    /// The moment at which an address has its whole burst again. An address that is not listed has its whole burst.
    whole_at: HashMap<IpAddr, Instant>,
    /// Number of addresses at which those with a whole burst are forgotten.
    sweep_at: usize,
}

impl Pace {
    /// At most `most` connections of an address in [`WINDOW`]; they may come all at once.
    pub fn new(most: u32) -> Self {
        Pace {
            interval: WINDOW / most.max(1),
            used: Mutex::new(Used {
                whole_at: HashMap::new(),
                sweep_at: SMALL,
            }),
        }
    }

    /// The moment from which a new connection of this address is served. `None` if that is more than [`WINDOW`] away;
    /// the connection then uses up no turn.
    pub fn turn(&self, address: IpAddr) -> Option<Instant> {
        let now = Instant::now();
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.sweep(now);
        let whole_at = used.whole_at.entry(one_household(address)).or_insert(now);
        let next = now.max(*whole_at) + self.interval;
        let turn = now.max(next - WINDOW);
        (turn <= now + WINDOW).then(|| {
            *whole_at = next;
            turn
        })
    }
}

impl Used {
    /// Forgets addresses that have their whole burst. The table has doubled since the last sweep, so the cost for each
    /// address is small.
    fn sweep(&mut self, now: Instant) {
        if self.whole_at.len() >= self.sweep_at {
            self.whole_at.retain(|_, whole_at| *whole_at > now);
            self.sweep_at = SMALL.max(2 * self.whole_at.len());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const FROM: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    /// How long the next connection waits.
    fn wait(pace: &Pace, from: IpAddr) -> Option<Duration> {
        pace.turn(from).map(|turn| turn - Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_served_at_once_and_the_rest_in_turn() {
        let pace = Pace::new(5);
        let burst: Vec<_> = (0..5).map(|_| wait(&pace, FROM)).collect();
        assert_eq!(burst, [Some(Duration::ZERO); 5]);
        let queue: Vec<_> = (0..5).map(|_| wait(&pace, FROM)).collect();
        assert_eq!(
            queue,
            [2, 4, 6, 8, 10].map(|s| Some(Duration::from_secs(s)))
        );
        assert_eq!(wait(&pace, FROM), None);
        assert_eq!(wait(&pace, FROM), None);
        advance(Duration::from_secs(2)).await;
        assert_eq!(wait(&pace, FROM), Some(WINDOW), "a refusal takes no turn");
    }

    #[tokio::test(start_paused = true)]
    async fn the_burst_comes_back_and_never_grows() {
        let pace = Pace::new(5);
        for _ in 0..10 {
            pace.turn(FROM).unwrap();
        }
        advance(2 * WINDOW - Duration::from_secs(4)).await;
        let waits: Vec<_> = (0..3).map(|_| wait(&pace, FROM).unwrap()).collect();
        assert_eq!(waits, [0, 0, 0].map(Duration::from_secs));
        advance(100 * WINDOW).await;
        let waits: Vec<_> = (0..6).map(|_| wait(&pace, FROM).unwrap()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 2].map(Duration::from_secs));
    }

    #[tokio::test(start_paused = true)]
    async fn each_household_has_its_own_turns() {
        let pace = Pace::new(1);
        let wait = |text: &str| wait(&pace, text.parse().unwrap()).unwrap();
        assert_eq!(wait("192.0.2.7"), Duration::ZERO);
        assert_eq!(wait("::ffff:192.0.2.7"), WINDOW);
        assert_eq!(wait("192.0.2.8"), Duration::ZERO);
        assert_eq!(wait("2001:db8::1"), Duration::ZERO);
        assert_eq!(wait("2001:db8::ffff:1"), WINDOW);
        assert_eq!(wait("2001:db8:0:1::2"), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_is_forgotten_once_its_burst_is_whole() {
        let pace = Pace::new(5);
        let turns_from = |first: u32, count: u32| {
            for at in first..first + count {
                pace.turn(std::net::Ipv4Addr::from_bits(at).into()).unwrap();
            }
            pace.used.lock().unwrap().whole_at.len()
        };
        assert_eq!(turns_from(0, 10_000), 10_000, "none is whole again");
        advance(Duration::from_secs(2)).await;
        assert!(turns_from(20_000, 10_000) <= 10_000 + 2 * SMALL);
    }
}
