//! The price of bitcoin in dollars, read from the amounts that people pay: pure, without clock, I/O or randomness.
//!
//! # The idea
//!
//! People think in dollars and pay in satoshi. Somebody who sends $50 sends `50 / price` bitcoin, to the satoshi. Nobody
//! knows which payment is a $50 one; but many are, and on a logarithmic scale all of them lie at one place. So do the $20
//! ones, the $100 ones and the rest of the round sums, and the distances between these places are known: $100 always lies
//! a factor of five above $20. The amounts of a few minutes show the ladder's rungs, faintly, among many other amounts:
//!
//! ```text
//!  amounts                   |                                |
//!  in a few      |           |          |              |      |             |
//!  minutes    . .|. .  .:. . | . . : .  |.  . . : . .  | . .. |.  . : .  .  | . .
//!  ───────────────────────────────────────────────────────────────────────────────▶ log(satoshi)
//!                ▲           ▲          ▲              ▲      ▲             ▲
//!  the ladder   $10         $20        $30            $50    $70          $100
//!             ◀═══════ slides as a whole: one price, one position ═══════▶
//! ```
//!
//! Slide the ladder along the amounts; where its rungs fall on the peaks, it shows the price. No exchange is asked.
//!
//! # How it is done
//!
//! **Evidence.** Every amount is a little evidence for each price that makes it a round sum, and against the others. Its
//! weight is a likelihood ratio: at $50, amounts stand several times as dense as beside it, at $45 hardly denser
//! (`trained.rs`, learned from labelled blocks by `satscope backtest train`). A rung that is expected and missing counts
//! against a price as well. Each exact amount counts once in ten minutes, because spam repeats itself.
//!
//! **The median amount.** A ladder shifted by a factor of 2, 5 or 10 falls mostly on its own rungs. Beside the strengths of
//! the rungs, the median amount tells these prices apart: it is about $135 in every year since 2019, give or take a factor
//! of 1.5 ([`Typical`]).
//!
//! **Time.** The price is taken as a hidden chain that moves a little each minute, seldom more, and never by a factor. One
//! pass forward over the window's minutes, from three hours ago until now, leaves the probability of each price now
//! ([`Motion`]). The newest minutes weigh most; older ones hold the lock when few payments come. All minutes together, each
//! counted alike, decide between two prices a whole factor apart. A pass that has begun with the wrong one is made again
//! near the other. No earlier estimate feeds back. An estimate keeps the evidence of the older minutes for the next one,
//! and updates it exactly with each change of them, so that the same window gives the same bits. A wrong lock is left as
//! soon as the window's evidence for the right price outweighs it, at the latest when the misleading payments are three
//! hours old.
//!
//! **Beside the sums.** Some services pay round sums less a fee, or plus one, which makes a second, fainter ladder beside
//! the true one. The window's first minute may have one of two known fees ([`Fees`]), because a block that is read alone is
//! one minute. A later minute may have a cluster on either side of the price, made by a service that pays out many times at
//! a price of its own ([`Clusters`]). So no single minute drags the price to a peak beside it. Fees and clusters are left
//! out when prices a whole factor apart are compared.
//!
//! **Doubt.** The 90 % interval comes from the spread of the probability around the best price, and from an error that all
//! payments of a block share. The confidence comes from the odds against the best rival far away, the number of payments
//! and the age of the newest. A peak beside the price that is nearly as high as the price's own leaves the price in doubt,
//! however many payments there are; the interval then holds both. There is no price if round sums explain the payments no
//! better than chance.
//!
//! **Years.** The sums that people pay have changed: before 2019 fewer sums were round dollars, and prices were below $1,000. The
//! weights of the years since 2015 are learned, and chosen by height ([`Window::of_height`]). Before 2019 a price that rests on
//! fewer than 4000 payments is never trusted: one block has fewer, four in one window may have more.
//!
//! # The past
//!
//! For a block of the past the payments after it are known too ([`past`]). Its price is read from 144 blocks before it and 18
//! after: a pass forward and one backward, whose probabilities are multiplied. All payments of its period of 2,016 blocks
//! decide together between prices a whole factor apart ([`past::Lock`]). The result is the same to the last bit on every
//! machine and for every number of threads, because all sums have a fixed order and logarithms come from `libm`.
//!
//! # Range
//!
//! Answers lie between $1,000 and $10,000,000, before 2019 between $100 and $1,000,000. The search goes a factor of ten
//! further, in steps of 0.1 % with interpolation between, so that just outside there is no price rather than a wrong one. Above
//! $1,000,000 the filter's least amount (1000 satoshi) hides the small sums, and cold starts fail more often:
//! `docs/ACCURACY.md` has the figures.
//!
//! # Use
//!
//! ```
//! use satscope_oracle::Window;
//!
//! let mut window = Window::new();
//! let now_ms = 1_700_000_000_000;
//! // One payment of $50 at $100,000, with its change. A price takes hundreds of payments.
//! window.insert(now_ms, &[50_000, 1_234_567]);
//! assert!(window.estimate(now_ms).is_none());
//! ```
//!
//! The parts: `grid` is the scale, `kernel` the evidence of one amount. `payments` holds the payments, `minutes` adds up the
//! evidence of each minute, and `stack` that of the older minutes. `background` is the evidence to expect by chance,
//! `beside` weighs fees and clusters. `chain` is the moving price, `pass` goes over the minutes, and `track` keeps the
//! result of the older ones. `peaks` measures the probabilities, and `reading` makes the answer of them; [`baseline`] is a
//! simpler method to compare with. `model` is the knowledge before any payment, with the weights of `trained` for each
//! `era`. `past` reads the blocks of the past by the same parts. `row`, `lanes` and `exp` are arithmetic: the slow loops are
//! compiled for several instruction sets, and give the same bits by each.

#![cfg_attr(test, allow(clippy::disallowed_methods))]

mod amounts;
mod background;
pub mod baseline;
mod beside;
mod chain;
mod era;
mod estimate;
mod exp;
mod grid;
mod kernel;
mod lanes;
mod minute;
mod minutes;
mod model;
mod pass;
pub mod past;
mod payments;
mod peaks;
mod reading;
mod row;
mod stack;
mod track;
mod trained;
mod window;

pub use amounts::Amounts;
pub use estimate::{Estimate, Evidence, Implied};
pub use minute::WINDOW_MS;
pub use model::{Clusters, Fees, LATER_FROM_HEIGHT, Model, Motion, Typical};
pub use window::Window;
