//! When what is said, how old it is by then, and what becomes of it when a clock or a link fails.

use std::time::Duration;

use satscope_log::{NodeStatus, Simulation};
use satscope_proto::v1::Estimate;

use super::*;
use crate::{
    sample::{NOW, payments},
    sequence::Sequence,
};

const HOUR_MS: u64 = 3_600_000;
/// The stamp at which the window of the rig has been sent: 60 s of payments.
const SENT: u64 = NOW + 60_000;

/// A publisher, and time at the test's word.
struct Rig {
    publisher: Publisher,
    feed: Arc<Feed>,
    now: Steady,
}

impl Rig {
    fn new(shelf: Option<Shelf>) -> Rig {
        let now = Steady::now();
        let feed = Arc::new(Feed::default());
        let publisher = Publisher::new(feed.clone(), shelf, now);
        let mut rig = Rig {
            publisher,
            feed,
            now,
        };
        rig.beat();
        rig
    }

    /// With the window of an ingest that is well.
    fn whole() -> Rig {
        let mut rig = Rig::new(None);
        rig.send_window("main", None, SENT, 600);
        rig
    }

    fn send_window(&mut self, chain: &str, simulated: Option<bool>, time_ms: u64, count: u64) {
        self.publisher.connected(self.now);
        self.publisher.begin_window();
        for (number, event) in payments(count).iter().enumerate() {
            self.publisher.take(event, time_ms, number == 0, self.now);
        }
        let status = status(HopState::Connected, chain, simulated);
        self.publisher.take(&status, time_ms, count == 0, self.now);
        self.publisher.end_window(self.now);
        self.beat();
    }

    fn take(&mut self, event: &Event, time_ms: u64) {
        self.publisher.connected(self.now);
        self.publisher.take(event, time_ms, false, self.now);
        self.beat();
    }

    fn tick(&mut self, time_ms: u64) {
        self.take(&status(HopState::Connected, "main", None), time_ms);
    }

    fn beat(&mut self) {
        self.publisher.beat(self.now);
    }

    fn wait(&mut self, ms: u64) {
        self.now = self.now.after(Duration::from_millis(ms));
    }

    fn update(&self) -> PriceUpdate {
        self.feed.since(0, self.now).unwrap().0
    }

    fn estimate(&self) -> Estimate {
        self.update().estimate.unwrap()
    }
}

fn status(node: HopState, chain: &str, simulated: Option<bool>) -> Event {
    let hop = |name: &str, state| Hop {
        name: name.to_owned(),
        state,
        detail: String::new(),
    };
    Event::Status(Arc::new(NodeStatus {
        hops: vec![hop("node", node), hop("ingest", HopState::Connected)],
        chain: chain.to_owned(),
        simulation: simulated.map(|simulated| Simulation {
            simulated,
            hidden_price_usd: None,
        }),
        ..NodeStatus::default()
    }))
}

fn stale(estimate: &Estimate) -> Option<StaleReason> {
    estimate.stale.then(|| estimate.stale_reason())
}

#[test]
fn an_update_is_made_at_each_boundary_of_the_event_clock_that_something_came_before() {
    let mut rig = Rig::whole();
    let before = rig.update().sequence;
    let more = payments(620);
    rig.wait(500);
    rig.take(&more[600], SENT + 100);
    assert_eq!(rig.update().sequence, before, "no boundary was passed");
    rig.take(&more[601], SENT + 730);
    let update = rig.update();
    assert_eq!(update.time_ms, SENT + 500);
    assert_eq!(update.estimate.unwrap().as_of_ms, SENT + 500);
    assert_eq!(update.active, 601, "not what passed the boundary");
    rig.wait(500);
    rig.take(&more[602], SENT + 2_100);
    assert_eq!(rig.update().time_ms, SENT + 2_000, "the last of several");
    rig.wait(100);
    rig.take(&more[603], SENT + 2_600);
    assert_eq!(
        rig.update().time_ms,
        SENT + 2_500,
        "the one before was passed late"
    );
    rig.wait(100);
    rig.take(&more[604], SENT + 3_100);
    assert_eq!(rig.update().time_ms, SENT + 2_500, "too fast");
}

#[test]
fn the_price_at_a_boundary_does_not_depend_on_what_else_was_published() {
    let more = payments(700);
    let run = |with_lost_link: bool| {
        let mut rig = Rig::whole();
        for (event, number) in more[600..650].iter().zip(1..) {
            rig.wait(100);
            rig.take(event, SENT + number * 100);
            if with_lost_link && number == 7 {
                rig.publisher.lost("cut".to_owned());
                rig.beat();
                rig.publisher.connected(rig.now);
                rig.beat();
            }
        }
        let history = rig.feed.history(SENT, 0);
        let prices = history
            .iter()
            .map(|entry| (entry.time_ms, entry.estimate.unwrap().price_usd));
        prices.collect::<Vec<_>>()
    };
    let prices = run(false);
    assert!(prices.len() >= 4, "{prices:?}");
    assert!(prices.iter().all(|(time_ms, _)| time_ms % TICK_MS == 0));
    assert_eq!(prices, run(true));
}

#[test]
fn something_is_said_at_least_every_two_seconds() {
    let mut rig = Rig::whole();
    let before = rig.update().sequence;
    rig.wait(QUIET_MS - 1);
    rig.beat();
    assert_eq!(rig.update().sequence, before);
    rig.wait(1);
    rig.beat();
    assert_eq!(rig.update().sequence, before + 1);
    rig.take(&payments(601)[600], SENT + 10);
    rig.wait(QUIET_MS);
    rig.beat();
    assert_eq!(rig.update().active, 601, "though the event clock stands");
}

#[test]
fn after_a_pause_of_the_event_clock_no_boundary_is_left_out() {
    for after_ms in [0, 20, 60, 200, 449] {
        let mut rig = Rig::whole();
        let more = payments(610);
        rig.take(&more[600], SENT + 10);
        rig.wait(QUIET_MS);
        rig.beat();
        assert_eq!(rig.update().active, 601, "said though the clock stands");
        // The first comes just before a boundary, and the next at it.
        rig.wait(after_ms);
        rig.take(&more[601], SENT + 2_490);
        rig.wait(10);
        for (number, event) in (0..).zip(&more[602..]) {
            let boundary_ms = SENT + 2_500 + number * TICK_MS;
            rig.take(event, boundary_ms);
            assert_eq!(rig.update().time_ms, boundary_ms, "{after_ms} ms after");
            rig.wait(TICK_MS);
        }
    }
}

#[test]
fn a_lost_ingest_is_said_at_once_and_the_price_ages_until_it_returns() {
    let mut rig = Rig::whole();
    let fresh = rig.estimate();
    assert_eq!((stale(&fresh), fresh.age_ms), (None, 100));
    rig.wait(700);
    rig.publisher.lost("silent for 5s".to_owned());
    rig.beat();
    let update = rig.update();
    assert_eq!(
        stale(&update.estimate.unwrap()),
        Some(StaleReason::UpstreamLost)
    );
    assert!(
        update.hops[..2].iter().all(|hop| hop.state == 5),
        "disconnected"
    );
    rig.wait(300_000);
    rig.beat();
    let old = rig.estimate();
    assert_eq!((old.age_ms, old.as_of_ms), (300_800, SENT));
    assert_eq!(old.price_usd, fresh.price_usd);
    rig.publisher.connected(rig.now);
    rig.tick(SENT + 300_700);
    assert_eq!(stale(&rig.estimate()), None);
}

#[test]
fn events_that_were_held_up_do_not_make_an_old_price_young() {
    let mut rig = Rig::whole();
    rig.wait(300_000);
    rig.publisher.lost("cut".to_owned());
    rig.publisher.connected(rig.now);
    rig.take(&payments(601)[600], SENT + 1_000);
    rig.tick(SENT + 1_500);
    assert!(rig.estimate().age_ms > 295_000, "{:?}", rig.estimate());
}

#[test]
fn a_price_without_payments_is_stale_after_ten_minutes() {
    let mut rig = Rig::whole();
    rig.wait(601_000);
    rig.tick(SENT + 601_000);
    assert_eq!(stale(&rig.estimate()), Some(StaleReason::NoPayments));
}

#[test]
fn a_process_that_stood_still_does_not_call_its_old_price_fresh() {
    let mut rig = Rig::whole();
    assert_eq!(stale(&rig.estimate()), None);
    rig.wait(60_000);
    let asked_first = rig.estimate();
    assert_eq!(stale(&asked_first), Some(StaleReason::UpstreamLost));
    assert!(asked_first.age_ms > 60_000);
    rig.beat();
    assert_eq!(stale(&rig.estimate()), Some(StaleReason::UpstreamLost));
    rig.tick(SENT + 60_500);
    assert_eq!(stale(&rig.estimate()), None);
}

#[test]
fn a_resync_is_stale_after_a_minute() {
    let mut rig = Rig::whole();
    let resyncing = status(HopState::Resyncing, "main", None);
    rig.take(&resyncing, SENT + 10);
    rig.wait(60_000);
    rig.publisher.connected(rig.now);
    rig.beat();
    assert_eq!(stale(&rig.estimate()), None);
    rig.wait(1_000);
    rig.beat();
    assert_eq!(stale(&rig.estimate()), Some(StaleReason::Resyncing));
    rig.tick(SENT + 20);
    assert_eq!(stale(&rig.estimate()), None);
}

#[test]
fn a_window_that_is_being_sent_is_said_to_be_and_resets_nothing() {
    let mut rig = Rig::new(None);
    rig.publisher.connected(rig.now);
    rig.publisher.begin_window();
    rig.beat();
    let (update, news) = rig.feed.since(7, rig.now).unwrap();
    assert_eq!((update.estimate, &*news), (None, &News::default()));
    assert_eq!(update.hops[2].detail, "the window is being received");

    let mut rig = Rig::whole();
    let seen = rig.update().sequence;
    rig.publisher.begin_window();
    rig.beat();
    let (update, news) = rig.feed.since(seen, rig.now).unwrap();
    assert_eq!(news, News::default(), "nothing is taken away");
    assert_eq!(
        stale(&update.estimate.unwrap()),
        Some(StaleReason::NoEstimate)
    );
    rig.send_window("main", None, SENT + 1000, 600);
    let (update, news) = rig.feed.since(seen, rig.now).unwrap();
    assert!(news.reset && news.points.len() > 300);
    assert_eq!(stale(&update.estimate.unwrap()), None);
}

#[test]
fn a_clock_that_goes_back_begins_an_epoch_with_a_history_of_its_own() {
    let mut rig = Rig::whole();
    rig.wait(500);
    rig.take(&payments(601)[600], SENT + HOUR_MS);
    let far = rig.update();
    assert_eq!(far.time_ms, SENT + HOUR_MS);
    rig.wait(500);
    rig.tick(SENT + 2_000);
    rig.wait(500);
    rig.tick(SENT + 2_500);
    let update = rig.update();
    assert_eq!(update.time_ms, SENT + 2_500);
    let epoch = |update: &PriceUpdate| update.sequence >> 33;
    assert_ne!(epoch(&update), epoch(&far));
    assert!(rig.feed.since(far.sequence, rig.now).unwrap().1.reset);
    let history = rig.feed.history(0, 0);
    let newest_ms = history.last().unwrap().time_ms;
    assert_eq!(newest_ms, SENT + 2_500, "new history at once");
}

#[test]
fn a_price_of_before_a_clock_was_set_back_keeps_its_age() {
    let mut rig = Rig::whole();
    rig.wait(5_000);
    rig.publisher.begin_window();
    // An ingest that begins again, its clock an hour back, with nothing.
    rig.send_window("main", None, SENT - HOUR_MS, 0);
    rig.wait(5_000);
    rig.beat();
    let estimate = rig.estimate();
    assert_eq!(stale(&estimate), Some(StaleReason::NoEstimate));
    assert_eq!(estimate.age_ms, 10_100);
}

#[test]
fn a_simulated_price_is_forgotten_when_the_node_turns_out_to_be_real() {
    let mut rig = Rig::new(None);
    rig.send_window("regtest", Some(true), SENT, 600);
    assert!(rig.update().estimate.is_some());
    rig.publisher.begin_window();
    rig.send_window("main", None, SENT + 1000, 0);
    assert_eq!(rig.update().estimate, None);
}

#[tokio::test]
async fn the_price_of_an_earlier_process_is_served_stale_until_there_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = || Shelf::new(folder.path().to_owned(), "http://ingest".to_owned());
    let mut before = Rig::new(None);
    before.send_window("regtest", Some(true), SENT, 600);
    let own = before.publisher.own_price(before.now);
    assert!(own.is_some());
    let stop = tokio_util::sync::CancellationToken::new();
    stop.cancel();
    let kept = crate::last::keep(shelf(), move || own.clone(), stop);
    kept.await.unwrap();

    let mut rig = Rig::new(Some(shelf()));
    let update = rig.update();
    let estimate = update.estimate.unwrap();
    assert_eq!(estimate.price_usd, before.estimate().price_usd);
    assert_eq!(stale(&estimate), Some(StaleReason::UpstreamLost));
    assert_eq!((estimate.as_of_ms, estimate.confidence), (SENT, 0.0));
    assert_eq!(update.simulation.map(|label| label.simulated), Some(true));
    assert_eq!(
        rig.publisher.own_price(rig.now),
        None,
        "it is not written again"
    );
    rig.wait(10_000);
    rig.beat();
    let age_ms = rig.estimate().age_ms;
    assert!((10_100..20_000).contains(&age_ms), "{age_ms}");
    rig.send_window("regtest", Some(true), SENT + 20_000, 600);
    assert_eq!(stale(&rig.estimate()), None);

    let mut real = Rig::new(Some(shelf()));
    real.send_window("main", None, SENT + 20_000, 0);
    assert_eq!(real.update().estimate, None);
}

#[test]
fn the_first_update_of_an_analyzer_is_below_two_to_the_53() {
    let rig = Rig::new(None);
    assert!(rig.update().sequence < 1 << 53);
    assert!(Sequence::begin().get() > 0);
}
