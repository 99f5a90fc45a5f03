//! A pass forward over minutes: the probability of each price after each of them.
//!
//! The price is a hidden chain: from one minute to the next it moves a little, seldom more, and never by a factor. Each
//! minute's evidence makes some prices more probable and others less (the forward algorithm of a hidden Markov model,
//! Rabiner 1989).

use std::ops::Range;

use multiversion::multiversion;

use crate::background::Background;
use crate::beside::{REACH, Room};
use crate::chain::Chain;
use crate::grid::{self, PRICE_BINS};
use crate::kernel::STEPS_PER_NAT;
use crate::minute::Minute;
use crate::minutes::Minutes;
use crate::model::Fees;

/// No minute makes a price less probable than another by more than this, in nats. Without a limit, a service that pays
/// out hundreds of like amounts within a minute, none of them round, would move the price to them. Of 68 blocks spread
/// over ten minutes each, limits of 6 to 10 nats read 67 right and trust none that is wrong. Without a limit 65 are
/// right, and 2 wrong ones are trusted.
const MOST_OF_A_MINUTE: f64 = 8.0;
/// No price moves further than this, in bins, from one minute with payments to the next: 10 %.
const LEAP_BINS: isize = 100;

/// The minutes' evidence, and the background that it is compared with.
pub(crate) struct View<'a> {
    pub(crate) minutes: &'a Minutes,
    pub(crate) background: &'a Background,
}

/// The shares of the evidence, and of the evidence expected by chance, that count.
#[derive(Debug, Clone, Copy)]
struct Share {
    evidence: f64,
    expected: f64,
}

impl Share {
    const WHOLE: Self = Self {
        evidence: 1.0,
        expected: 1.0,
    };

    /// The share for the fainter peaks of round sums with a fee.
    fn of(fees: &Fees) -> Self {
        Self {
            evidence: fees.evidence,
            expected: fees.strength,
        }
    }
}

/// The state of a pass.
#[derive(Debug, Clone)]
pub(crate) struct Pass {
    pub(crate) chain: Chain,
    /// The evidence for all prices together, in nats.
    pub(crate) log_evidence: f64,
    /// The most probable bin after each minute with an amount.
    pub(crate) path: Vec<usize>,
    /// The last minute that was reached; `None` before the first minute with an amount.
    minute: Option<u64>,
    room: Room,
}

impl View<'_> {
    /// A pass that begins with these probabilities.
    pub(crate) fn begin(&self, prior: Vec<f64>) -> Pass {
        Pass {
            chain: Chain::new(prior, self.minutes.kernel().model.motion, MOST_OF_A_MINUTE),
            log_evidence: 0.0,
            path: Vec::new(),
            minute: None,
            room: Room::default(),
        }
    }

    /// Continues a pass over more minutes.
    pub(crate) fn go_on(&self, pass: &mut Pass, minutes: &Range<u64>) {
        for (minute, held) in self.minutes.within(minutes) {
            pass.wait(minute);
            let is_first = pass.minute.replace(minute).is_none();
            let Pass { chain, room, .. } = &mut *pass;
            let evidence = chain.weigh(|bins, nats| self.weigh(held, is_first, bins, nats, room));
            pass.log_evidence += evidence;
            pass.path.push(pass.chain.weights.top());
        }
    }

    /// Writes to `nats` the evidence of a minute for each price in `bins`, by its round sums and by amounts beside
    /// them. `nats` has [`REACH`] numbers more on each side, whose content means nothing. The window's first minute may
    /// have fees, because a block that is read alone is one minute; later ones may have clusters.
    fn weigh(
        &self,
        held: &Minute,
        is_first: bool,
        bins: Range<usize>,
        nats: &mut [f64],
        room: &mut Room,
    ) {
        let kernel = self.minutes.kernel();
        self.say_around(held, Share::WHOLE, bins.clone(), nats);
        match is_first {
            true => {
                let mut less = vec![0.0; nats.len()];
                self.say_around(held, Share::of(&kernel.model.fees), bins, &mut less);
                kernel.beside.with_fees(&less, nats, room);
            }
            false => kernel.beside.with_clusters(nats, room),
        }
    }

    /// Writes to `nats` the evidence of a minute for each price in `bins` and for [`REACH`] more on both sides; 0 off
    /// the grid.
    fn say_around(&self, held: &Minute, share: Share, bins: Range<usize>, nats: &mut [f64]) {
        let on_grid = bins.start.saturating_sub(REACH)..(bins.end + REACH).min(PRICE_BINS);
        let (below, rest) = nats.split_at_mut(on_grid.start + REACH - bins.start);
        let (said, above) = rest.split_at_mut(on_grid.len());
        below.fill(0.0);
        above.fill(0.0);
        self.say(held, share, on_grid, said, |nats, said| *nats = said);
    }

    /// Adds to `sums` the evidence of minutes for each price of now, in nats. `drifts` says for each minute how many bins
    /// above its present place the price lay then.
    pub(crate) fn add(&self, sums: &mut [f64], minutes: &Range<u64>, drifts: &[isize]) {
        for ((_, held), drift) in self.minutes.within(minutes).zip(drifts) {
            let (to, from) = grid::moved(*drift);
            let bins = from..PRICE_BINS - to;
            self.say(held, Share::WHOLE, bins, &mut sums[to..], |sum, said| {
                *sum += said;
            });
        }
    }

    /// Gives the evidence of a minute for the prices in `bins`, in nats, to `take`, together with each price's number
    /// in `nats`.
    fn say(
        &self,
        held: &Minute,
        share: Share,
        bins: Range<usize>,
        nats: &mut [f64],
        take: impl Fn(&mut f64, f64),
    ) {
        let temperature = self.minutes.kernel().model.temperature;
        let per_step = share.evidence / (STEPS_PER_NAT * temperature);
        let per_expected = share.expected * f64::from(held.values) / temperature;
        let expected = &self.background.expected[bins.clone()];
        say(
            &held.evidence[bins],
            expected,
            per_step,
            per_expected,
            nats,
            take,
        );
    }
}

/// Gives `steps` of evidence, less the expected ones, to `take`, together with each number of `nats`.
#[multiversion(targets = "simd")]
fn say<Take: Fn(&mut f64, f64)>(
    steps: &[i32],
    expected: &[f64],
    per_step: f64,
    per_expected: f64,
    nats: &mut [f64],
    take: Take,
) {
    for ((nats, steps), expected) in nats.iter_mut().zip(steps).zip(expected) {
        take(nats, f64::from(*steps) * per_step - per_expected * expected);
    }
}

impl Pass {
    /// Lets the price move until `minute`.
    pub(crate) fn wait(&mut self, minute: u64) {
        let since = self.minute.unwrap_or(minute);
        (since..minute).for_each(|_| self.chain.step());
    }
}

/// How far above its last place the price lay at each step of the path, in bins. A leap counts as 0: it shows a changed
/// estimate, not a motion of the price.
pub(crate) fn drifts(path: &[usize]) -> Vec<isize> {
    let mut drift = 0;
    let mut drifts = vec![0; path.len()];
    for step in (1..path.len()).rev() {
        let back = path[step - 1] as isize - path[step] as isize;
        drift += if back.abs() <= LEAP_BINS { back } else { 0 };
        drifts[step - 1] = drift;
    }
    drifts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drifts_follow_motion_and_ignore_leaps() {
        assert_eq!(drifts(&[]), []);
        assert_eq!(drifts(&[500, 510, 490, 490]), [10, 20, 0, 0]);
        assert_eq!(drifts(&[7000, 505, 500]), [5, 5, 0]);
    }
}
