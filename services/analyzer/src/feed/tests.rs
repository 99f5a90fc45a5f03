//! What subscribers are told, by what they have seen.
#![allow(clippy::unwrap_used)]

use satscope_log::State;

use super::*;

fn id(name: u8) -> DotId {
    DotId::new(&[name; 32], 0)
}

fn news(name: u8) -> News {
    let dot = Dot {
        time_ms: 1,
        value_sats: 40_000,
        round_usd: 20.0,
        state: State::Mempool,
    };
    News {
        points: vec![(id(name), dot)],
        ..News::default()
    }
}

fn ids(news: &News) -> Vec<DotId> {
    news.points.iter().map(|(id, _)| *id).collect()
}

/// Publishes an update at the next tick.
fn publish(feed: &Feed, news: News) -> u64 {
    feed.publish(PriceUpdate::default(), news, Steady::now());
    feed.lock().sequence.get()
}

fn whole(names: &[u8]) -> News {
    News {
        reset: true,
        points: names.iter().flat_map(|name| news(*name).points).collect(),
        ..News::default()
    }
}

/// A feed of a window with dot 1, to which 2 and 3 came; and the sequences.
fn feed() -> (Feed, [u64; 3]) {
    let feed = Feed::default();
    let sequences = [whole(&[1]), news(2), news(3)].map(|news| publish(&feed, news));
    (feed, sequences)
}

#[test]
fn a_subscriber_gets_what_it_missed() {
    let (feed, [first, _, last]) = feed();
    let (update, news) = feed.since(first, Steady::now()).unwrap();
    assert_eq!(
        (update.sequence, news.reset, ids(&news)),
        (last, false, vec![id(2), id(3)])
    );
    assert_eq!(feed.since(last, Steady::now()), None);
}

#[test]
fn one_that_is_not_known_gets_everything() {
    let (feed, [first, _, last]) = feed();
    let of_another_epoch = first ^ (1 << 33);
    for unknown in [0, first - 1, last + 1, of_another_epoch] {
        let (_, news) = feed.since(unknown, Steady::now()).unwrap();
        assert_eq!((news.reset, ids(&news)), (true, vec![id(1), id(2), id(3)]));
    }
}

#[test]
fn a_reset_makes_earlier_updates_unknown() {
    let (feed, [_, _, last]) = feed();
    let reset = publish(&feed, whole(&[4]));
    let (_, news) = feed.since(last, Steady::now()).unwrap();
    assert_eq!((news.reset, ids(&news)), (true, vec![id(4)]));
    assert_eq!(feed.since(reset, Steady::now()), None);
}

#[test]
fn before_the_window_is_whole_there_is_no_reset_and_then_there_is() {
    let feed = Feed::default();
    let waiting = publish(&feed, News::default());
    let of_an_earlier_process = waiting ^ (1 << 33);
    let (_, news) = feed.since(of_an_earlier_process, Steady::now()).unwrap();
    assert_eq!(news, News::default());
    let (_, news) = feed.since(0, Steady::now()).unwrap();
    assert_eq!(news, whole(&[]), "it has nothing to lose");
    publish(&feed, whole(&[1]));
    for after in [0, waiting] {
        let (_, news) = feed.since(after, Steady::now()).unwrap();
        assert_eq!((news.reset, ids(&news)), (true, vec![id(1)]));
    }
}

#[test]
fn a_flood_of_news_is_not_kept() {
    let (feed, [_, _, last]) = feed();
    let half = || News {
        changes: vec![(id(1), Some(State::Confirmed)); KEPT.ids / 2],
        ..News::default()
    };
    let sequences = [half(), half(), half()].map(|news| publish(&feed, news));
    assert!(
        feed.since(last, Steady::now()).unwrap().1.reset,
        "too much to be told"
    );
    assert!(!feed.since(sequences[0], Steady::now()).unwrap().1.reset);
}

#[test]
fn a_new_epoch_has_no_dots_of_the_future_and_knows_no_earlier_update() {
    let (feed, [_, _, last]) = feed();
    let late = News {
        points: vec![(
            id(9),
            Dot {
                time_ms: 5000,
                ..news(9).points[0].1
            },
        )],
        ..News::default()
    };
    publish(&feed, late);
    feed.begin_epoch(2000);
    let anew = publish(&feed, News::default());
    assert_ne!(anew >> 33, last >> 33);
    let (update, news) = feed.since(last, Steady::now()).unwrap();
    assert_eq!((update.sequence, news.reset), (anew, true));
    assert_eq!(ids(&news), [id(1), id(2), id(3)]);
}

#[test]
fn the_age_grows_until_the_update_is_sent() {
    let feed = Feed::default();
    let update = PriceUpdate {
        estimate: Some(satscope_proto::v1::Estimate {
            age_ms: 7000,
            ..Default::default()
        }),
        ..PriceUpdate::default()
    };
    let made_at = Steady::now();
    feed.publish(update, News::default(), made_at);
    std::thread::sleep(std::time::Duration::from_millis(20));
    let age_ms = feed
        .since(0, Steady::now())
        .unwrap()
        .0
        .estimate
        .unwrap()
        .age_ms;
    assert!((7020..7020 + 60_000).contains(&age_ms), "{age_ms}");
}

#[test]
fn an_update_says_since_when_there_is_history() {
    let feed = Feed::default();
    publish(&feed, News::default());
    assert_eq!(feed.since(0, Steady::now()).unwrap().0.history_since_ms, 0);
    feed.remember(HistoryEntry {
        time_ms: 50_000,
        estimate: None,
    });
    publish(&feed, News::default());
    assert_eq!(
        feed.since(0, Steady::now()).unwrap().0.history_since_ms,
        50_000
    );
}

#[test]
fn changes_reach_those_who_begin_later() {
    let (feed, _) = feed();
    let news = News {
        changes: vec![(id(1), None), (id(2), Some(State::Confirmed))],
        ..News::default()
    };
    publish(&feed, news);
    let (_, news) = feed.since(0, Steady::now()).unwrap();
    assert_eq!(ids(&news), [id(2), id(3)]);
    assert_eq!(news.points[0].1.state, State::Confirmed);
}

#[test]
fn subscribers_of_one_moment_share_all_dots_and_go_on_with_what_followed() {
    let (feed, now) = (Feed::default(), Steady::now());
    let within = Duration::from_secs(2);
    let publish = |news: News| feed.publish(PriceUpdate::default(), news, now);
    let all = |within| match feed.since_within(0, now, within).unwrap() {
        (update, Told::All(whole)) => (update.sequence, whole),
        (_, Told::Missed(news)) => panic!("{news:?}"),
    };
    publish(News {
        reset: true,
        ..news(1)
    });
    let (sequence, first) = all(within);
    publish(news(2));
    let (shared, same) = all(within);
    assert!(Arc::ptr_eq(&first, &same));
    assert_eq!(shared, sequence, "it bears the sequence of its dots");
    let (_, followed) = feed.since_within(shared, now, within).unwrap();
    assert_eq!(ids(&followed), [id(2)], "what followed is not lost");
    assert_eq!(all(Duration::ZERO).1.news.points.len(), 2, "the newest");
    drop((first, same));
    assert_eq!(all(within).1.news.points.len(), 2, "none is being sent");
}
