use satscope_bitcoin::{rpc::Notification, subscriber::subscriptions};
use satscope_log::HopState;

use super::{
    poll::{PAUSE_AFTER_FIRST_POLL, PAUSE_BEFORE_POLL},
    *,
};

const ENDPOINT: &str = "tcp://127.0.0.1:1";
const HOST: &str = "127.0.0.1";

fn awaited(has_rpc: bool) -> NodeLink {
    let mut link = NodeLink::new(has_rpc.then(|| HOST.to_owned()));
    link.subscribe(subscriptions(
        ENDPOINT,
        None,
        vec![Topic::Sequence, Topic::RawTx],
    ));
    link
}

fn published(topics: &[&str]) -> Listing {
    let line = |topic: &&str| Notification {
        kind: format!("pub{topic}"),
        address: ENDPOINT.to_owned(),
        hwm: None,
    };
    Listing::Known(topics.iter().map(line).collect())
}

fn up(link: &mut NodeLink) {
    link.up(ENDPOINT.to_owned());
    if link.has_rpc {
        link.list(published(&["rawtx", "sequence"]));
    }
}

fn connected() -> NodeLink {
    let mut link = awaited(true);
    up(&mut link);
    link
}

fn state(link: &NodeLink) -> HopState {
    link.node().0
}

fn words(link: &NodeLink) -> String {
    link.node().1.map_or(String::new(), |fault| fault.operator)
}

fn plain(text: &str) -> Fault {
    Fault::plain(text)
}

#[test]
fn the_hop_says_how_the_link_is() {
    let mut link = awaited(true);
    let now = Instant::now();
    assert_eq!(state(&link), HopState::Connecting);
    up(&mut link);
    assert!(link.wants_reading(Instant::now()));
    assert_eq!(state(&link), HopState::Resyncing, "not yet, but wanted");
    link.reading(plain("1 of 2 blocks"));
    assert_eq!(state(&link), HopState::Resyncing);
    assert_eq!(words(&link), "1 of 2 blocks");
    link.failed(plain("refused"), false, now, None);
    assert_eq!(state(&link), HopState::Degraded);
    assert_eq!(words(&link), "refused");
    assert!(!link.wants_reading(now), "not at once again");
    assert!(link.wants_reading(now + PAUSE_AFTER_FAILURE));
    link.in_step(true, now);
    assert_eq!(state(&link), HopState::Connected);
    assert!(link.is_alive());
    link.down(ENDPOINT);
    assert_eq!(state(&link), HopState::Disconnected);
    assert!(!link.is_alive());
}

#[test]
fn the_public_reads_no_words_of_the_operators() {
    let mut link = connected();
    let why = Fault::new("the node refuses to answer", "http://10.0.0.7:8332: 401");
    link.failed(why.clone(), false, Instant::now(), None);
    let hops = link.hops();
    assert_eq!(hops[0].detail, why.public);
    assert_eq!(link.node().1, Some(why));
    assert_eq!(hops[1].state, HopState::Connected);
}

#[test]
fn a_node_that_loads_or_downloads_is_not_called_connected() {
    let mut link = connected();
    let now = Instant::now();
    link.in_step(false, now);
    assert_eq!(state(&link), HopState::Degraded);
    assert!(words(&link).contains("loading its mempool.dat"));
    link.compared(None);
    assert_eq!(state(&link), HopState::Degraded);
    link.downloading(0.1234, now);
    assert_eq!(state(&link), HopState::Resyncing);
    assert!(words(&link).starts_with("the node is 12.34 % synchronised"));
    assert!(!link.wants_reading(now + Duration::from_secs(59)));
    assert!(link.wants_reading(now + PAUSE_IN_DOWNLOAD));
}

#[test]
fn without_rpc_the_gap_and_the_topics_that_are_silent_are_shown() {
    let mut link = awaited(false);
    up(&mut link);
    assert_eq!(state(&link), HopState::Degraded);
    assert!(!link.wants_reading(Instant::now()));
    assert!(words(&link).contains("no rawtx and no sequence message has come"));
    link.hear(Topic::RawTx);
    assert!(words(&link).contains("; no sequence message has come"));
    assert!(!link.is_alive(), "half of it is silent");
    link.hear(Topic::Sequence);
    assert_eq!(words(&link), fault::no_rpc().operator);
    assert!(link.is_alive());
}

#[test]
fn a_topic_that_is_not_published_is_never_called_connected() {
    for listing in [
        published(&["rawtx"]),
        published(&[]),
        Listing::Unknown(plain("not allowed")),
    ] {
        let mut link = awaited(true);
        link.up(ENDPOINT.to_owned());
        link.in_step(true, Instant::now());
        assert_eq!(state(&link), HopState::Resyncing, "not asked yet");
        link.list(listing);
        link.hear(Topic::RawTx);
        assert_eq!(state(&link), HopState::Resyncing);
        assert!(!link.is_in_step() && link.wants_poll(Instant::now() + PAUSE_BEFORE_POLL));
        let now = Instant::now();
        link.polled(true, now, now);
        assert_eq!(state(&link), HopState::Degraded);
        assert!(words(&link).starts_with("polling: "), "{}", words(&link));
        assert!(words(&link).contains("sequence"), "{}", words(&link));
        link.hear(Topic::Sequence);
        assert_eq!(state(&link), HopState::Connected, "it was heard");
    }
}

#[test]
fn a_stand_in_is_healthy_once_it_is_connected_and_polled_only_after_a_loss() {
    let topics = vec![Topic::StandIn, Topic::Sequence, Topic::RawTx];
    let mut link = NodeLink::new(Some(HOST.to_owned()));
    link.subscribe(subscriptions(ENDPOINT, None, topics));
    let soon = || Instant::now() + PAUSE_BEFORE_POLL;
    assert!(!link.wants_poll(soon()), "its clock must not run ahead");
    link.up(ENDPOINT.to_owned());
    assert!(link.is_healthy() && !link.wants_poll(soon()));
    link.down(ENDPOINT);
    assert!(link.wants_poll(soon()));
}

#[test]
fn a_node_that_cannot_be_compared_with_is_said_to_be_so() {
    let mut link = connected();
    assert!(!link.is_in_step());
    link.in_step(true, Instant::now());
    assert!(link.is_in_step());
    link.compared(Some(plain("refused")));
    assert_eq!(state(&link), HopState::Degraded);
    assert_eq!(words(&link), "refused");
    link.compared(None);
    assert_eq!(state(&link), HopState::Connected);
}

#[test]
fn a_node_that_cannot_be_heard_is_polled_for_a_tenth_of_its_time() {
    let mut link = awaited(true);
    let soon = || Instant::now() + PAUSE_BEFORE_POLL;
    assert!(!link.wants_poll(Instant::now()), "it may still come");
    assert!(link.wants_poll(soon()));
    up(&mut link);
    assert!(!link.wants_poll(soon()));
    link.down(ENDPOINT);
    assert!(!link.wants_poll(Instant::now()), "it may come back");
    assert!(link.wants_poll(soon()));
    let began = Instant::now();
    let ended = began + Duration::from_secs(3);
    link.polled(true, began, ended);
    assert!(!link.wants_poll(ended + Duration::from_secs(26)));
    assert!(link.wants_poll(ended + Duration::from_secs(27)));
    assert_eq!(state(&link), HopState::Degraded);
    assert!(link.is_alive());
    link.polling(ended, ended + Duration::from_secs(9));
    assert!(link.is_alive(), "no slower than the one before");
    link.polling(ended, ended + Duration::from_secs(10));
    assert_eq!(state(&link), HopState::Disconnected);
    up(&mut link);
    assert!(!link.wants_poll(ended + Duration::from_mins(1)));
}

#[test]
fn the_first_poll_which_reads_all_is_not_paid_for_with_a_long_silence() {
    let mut link = awaited(true);
    let began = Instant::now();
    let first = began + Duration::from_mins(3);
    link.polled(true, began, first);
    assert!(!link.wants_poll(first + Duration::from_secs(59)));
    assert!(link.wants_poll(first + PAUSE_AFTER_FIRST_POLL));
    let second = first + PAUSE_AFTER_FIRST_POLL;
    link.polled(true, second, second + Duration::from_secs(10));
    assert!(!link.wants_poll(second + Duration::from_secs(99)));
    assert!(link.wants_poll(second + Duration::from_secs(100)));
}

#[test]
fn where_the_node_publishes_is_asked_at_each_connection_and_while_it_is_not_heard() {
    let mut link = NodeLink::new(Some(HOST.to_owned()));
    assert!(link.wants_listing(Instant::now()), "nothing is set");
    let mut link = awaited(true);
    let now = Instant::now();
    assert!(!link.wants_listing(now), "a connection may come");
    let later = now + FIRST_QUESTION;
    assert!(link.wants_listing(later));
    assert!(!link.wants_listing(later));
    assert!(link.wants_listing(later + PAUSE_BETWEEN_QUESTIONS));
    link.list(published(&["rawtx", "sequence"]));
    assert_eq!(words(&link), "waiting for the node's ZMQ");
    link.patient_until = now;
    assert!(words(&link).contains("is a firewall in the way?"));
    link.up(ENDPOINT.to_owned());
    assert!(link.wants_listing(Instant::now()));
    link.list(published(&["rawtx", "sequence"]));
    assert!(!link.wants_listing(now + 3 * PAUSE_BETWEEN_QUESTIONS));
    link.down(ENDPOINT);
    assert!(!link.wants_listing(Instant::now()), "it may come back");
    assert!(link.wants_listing(Instant::now() + FIRST_QUESTION));
}

#[test]
fn a_link_whose_endpoints_change_is_up_once_the_new_ones_are() {
    let mut link = connected();
    let both = |endpoint: &str| subscriptions(endpoint, None, vec![Topic::Sequence, Topic::RawTx]);
    link.subscribe(both("tcp://127.0.0.1:2"));
    assert!(!link.is_up());
    link.up(ENDPOINT.to_owned());
    assert!(!link.is_up(), "word of the old one");
    link.up("tcp://127.0.0.1:2".to_owned());
    assert!(link.is_up());
    link.subscribe(Vec::new());
    assert!(!link.is_up());
}

#[test]
fn one_that_was_refused_is_asked_ever_more_seldom_until_the_node_comes_back() {
    let mut link = connected();
    let now = Instant::now();
    let mut pauses = Vec::new();
    for _ in 0..7 {
        link.failed(plain("refused"), true, now, None);
        let due = (0..60).find(|seconds| {
            let later = now + Duration::from_secs(*seconds);
            link.wants_reading(later)
        });
        pauses.extend(due);
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 32]);
    link.down(ENDPOINT);
    up(&mut link);
    assert!(link.wants_reading(Instant::now()));
    link.failed(plain("silent"), false, now, None);
    assert!(link.wants_reading(now + PAUSE_AFTER_FAILURE));
}

#[test]
fn a_login_that_is_refused_is_not_tried_by_polls_and_questions_meanwhile() {
    let mut link = NodeLink::new(Some(HOST.to_owned()));
    let began = Instant::now();
    let seconds = |count: u64| began + Duration::from_secs(count);
    let mut asked = 0;
    for second in 0..20 {
        let now = seconds(second);
        asked += u32::from(link.wants_listing(now));
        if link.wants_poll(now) {
            asked += 1;
            link.polled(false, now, now);
            link.refused(now);
        }
    }
    assert_eq!(
        asked, 7,
        "at 0 and 16 s where it publishes; at 1, 2, 4, 8 and 16 s its mempool"
    );
    assert!(link.is_refused());
    link.try_again();
    assert!(!link.is_refused() && link.wants_poll(Instant::now()));
}
