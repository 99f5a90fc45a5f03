//! Publishers of the tests' own, and what is received from them.

use super::*;

#[test]
fn messages_and_links_are_passed_on_from_each_endpoint() {
    let context = Context::new();
    let publishers: Vec<Socket> = (0..2)
        .map(|_| {
            let publisher = context.socket(zmq::XPUB).unwrap();
            publisher.bind("tcp://127.0.0.1:*").unwrap();
            publisher
        })
        .collect();
    let subscriptions = publishers
        .iter()
        .zip([Topic::RawTx, Topic::Sequence])
        .map(|(publisher, topic)| Subscription {
            endpoint: publisher.get_last_endpoint().unwrap().unwrap(),
            topics: vec![topic],
        })
        .collect();
    let (queue, mut incoming) = mpsc::channel(16);
    let stop = CancellationToken::new();
    let thread = {
        let stop = stop.clone();
        std::thread::spawn(move || receive(fixed(subscriptions), &queue, &stop))
    };
    for (publisher, topic) in publishers.iter().zip(["rawtx", "sequence"]) {
        assert_eq!(
            publisher.recv_bytes(0).unwrap(),
            [b"\x01", topic.as_bytes()].concat()
        );
        publisher
            .send_multipart([topic.as_bytes(), b"body", &[1, 0, 0, 0]], 0)
            .unwrap();
        publisher.send_multipart([topic.as_bytes()], 0).unwrap();
    }
    let (mut ups, mut good, mut odd) = (0, 0, 0);
    while (ups, good, odd) != (2, 2, 2) {
        match incoming.blocking_recv().unwrap() {
            Incoming::Up(_) => ups += 1,
            Incoming::Message(_, Ok(frame)) => good += frame.counter,
            Incoming::Message(_, Err(error)) => {
                assert_eq!(error, FrameError::Parts(1));
                odd += 1;
            }
            Incoming::Down(endpoint) => panic!("{endpoint} went down"),
        }
    }
    drop(publishers);
    drop(context);
    while !matches!(incoming.blocking_recv().unwrap(), Incoming::Down(_)) {}
    stop.cancel();
    thread.join().unwrap().unwrap();
}

#[test]
fn what_a_queue_has_no_room_for_is_dropped_and_its_counters_tell() {
    let publisher = Context::new().socket(zmq::XPUB).unwrap();
    publisher.bind("tcp://127.0.0.1:*").unwrap();
    let subscription = Subscription {
        endpoint: publisher.get_last_endpoint().unwrap().unwrap(),
        topics: vec![Topic::RawTx],
    };
    let (queue, mut incoming) = mpsc::channel(4);
    let stop = CancellationToken::new();
    let thread = {
        let stop = stop.clone();
        std::thread::spawn(move || receive(fixed(vec![subscription]), &queue, &stop))
    };
    assert_eq!(publisher.recv_bytes(0).unwrap(), b"\x01rawtx");
    let mut sent = 0_u32;
    let mut send = || {
        let message = [&b"rawtx"[..], b"body", &sent.to_le_bytes()];
        publisher.send_multipart(message, 0).unwrap();
        sent += 1;
    };
    let counter = |incoming: Incoming| match incoming {
        Incoming::Message(_, frame) => Some(frame.unwrap().counter),
        Incoming::Up(_) | Incoming::Down(_) => None,
    };
    while incoming.is_empty() {
        std::thread::sleep(FULL_PAUSE);
    }
    (0..100).for_each(|_| send());
    while incoming.len() < 4 {
        std::thread::sleep(FULL_PAUSE);
    }
    let mut last = None;
    while last.is_none_or(|last| last < 100) {
        send();
        last = counter(incoming.blocking_recv().unwrap()).or(last);
    }
    stop.cancel();
    thread.join().unwrap().unwrap();
}

#[test]
fn a_publisher_that_comes_later_is_found() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", free.local_addr().unwrap());
    drop(free);
    let (queue, mut incoming) = mpsc::channel(16);
    let stop = CancellationToken::new();
    let thread = {
        let (stop, endpoint) = (stop.clone(), endpoint.clone());
        let topics = vec![Topic::RawTx];
        std::thread::spawn(move || {
            receive(
                fixed(vec![Subscription { endpoint, topics }]),
                &queue,
                &stop,
            )
        })
    };
    // Long enough for a few refused tries, which is what is to be survived.
    std::thread::sleep(std::time::Duration::from_millis(500));
    let publisher = Context::new().socket(zmq::XPUB).unwrap();
    publisher.bind(&endpoint).unwrap();
    assert!(matches!(incoming.blocking_recv(), Some(Incoming::Up(_))));
    stop.cancel();
    thread.join().unwrap().unwrap();
}
