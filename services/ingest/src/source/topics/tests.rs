use super::*;

fn line(topic: &str, address: &str) -> Notification {
    Notification {
        kind: format!("pub{topic}"),
        address: address.to_owned(),
        hwm: Some(1000),
    }
}

fn found(rpc_host: &str) -> Endpoints {
    Endpoints {
        rpc_host: Some(rpc_host.to_owned()),
        ..Endpoints::default()
    }
}

fn set(rawtx: &str) -> Endpoints {
    Endpoints {
        rawtx: Some(rawtx.to_owned()),
        ..found("127.0.0.1")
    }
}

/// The endpoint of each subscription, and its topics.
fn shown(subscriptions: &[Subscription]) -> Vec<(&str, Vec<&str>)> {
    let topics = |used: &Subscription| used.topics.iter().map(|topic| topic.name()).collect();
    subscriptions
        .iter()
        .map(|used| (used.endpoint.as_str(), topics(used)))
        .collect()
}

#[test]
fn each_layout_of_a_nodes_ports_is_subscribed_to() {
    let one = "tcp://127.0.0.1:28332";
    for (host, published, expected) in [
        (
            "127.0.0.1",
            vec![line("rawtx", one), line("sequence", one)],
            vec![(one, vec!["sequence", "rawtx"])],
        ),
        // Four ports, open to all, on another machine.
        (
            "node",
            vec![
                line("rawblock", "tcp://0.0.0.0:28332"),
                line("rawtx", "tcp://0.0.0.0:28333"),
                line("hashblock", "tcp://0.0.0.0:28334"),
                line("sequence", "tcp://0.0.0.0:28335"),
            ],
            vec![
                ("tcp://node:28335", vec!["sequence"]),
                ("tcp://node:28333", vec!["rawtx"]),
            ],
        ),
        // Each topic twice: the endpoint that both share is taken.
        (
            "[::1]",
            vec![
                line("rawtx", "tcp://[::]:1"),
                line("rawtx", "tcp://*:2"),
                line("sequence", "tcp://127.0.0.1:3"),
                line("sequence", "tcp://[::]:2"),
            ],
            vec![("tcp://[::1]:2", vec!["sequence", "rawtx"])],
        ),
        (
            "localhost",
            vec![
                line("rawtx", "unix:/run/node.sock"),
                line("sequence", "ipc:///run/node.sock"),
            ],
            vec![("ipc:///run/node.sock", vec!["sequence", "rawtx"])],
        ),
        // What only the node's own machine reaches is no endpoint for another.
        (
            "10.0.0.7",
            vec![line("rawtx", one), line("sequence", "tcp://0.0.0.0:28332")],
            vec![],
        ),
        ("127.0.0.1", vec![line("rawtx", one)], vec![]),
        ("127.0.0.1", vec![], vec![]),
    ] {
        let endpoints = found(host);
        assert_eq!(shown(&endpoints.of(&published)), expected, "{published:?}");
    }
}

#[test]
fn what_operators_set_wins() {
    let elsewhere = "tcp://127.0.0.1:29000";
    let published = [line("rawtx", elsewhere), line("sequence", elsewhere)];
    let mut endpoints = set("tcp://proxy:1");
    assert_eq!(
        shown(&endpoints.of(&published)),
        [("tcp://proxy:1", vec!["sequence", "rawtx"])]
    );
    endpoints.sequence = Some("tcp://proxy:2".to_owned());
    endpoints.beside = Some(Topic::StandIn);
    let expected = [
        ("tcp://proxy:2", vec!["sequence"]),
        ("tcp://proxy:1", vec!["satscope", "rawtx"]),
    ];
    assert_eq!(shown(&endpoints.of(&published)), expected);
    assert_eq!(shown(&endpoints.at_first().unwrap()), expected);
}

#[test]
fn before_the_node_was_asked_only_what_is_set_is_subscribed_to() {
    assert_eq!(found("node").at_first(), None);
    assert_eq!(
        shown(&found("node").usual()),
        [("tcp://node:28332", vec!["sequence", "rawtx"])]
    );
    let alone = Endpoints {
        beside: Some(Topic::RawBlock),
        ..Endpoints::default()
    };
    assert_eq!(
        shown(&alone.at_first().unwrap()),
        [(
            "tcp://127.0.0.1:28332",
            vec!["rawblock", "sequence", "rawtx"]
        )]
    );
}

#[test]
fn a_topic_is_healthy_once_it_is_listed_at_its_endpoint_or_heard() {
    let used = set("tcp://localhost:28332").usual();
    let mut topics = Topics::default();
    assert!(!topics.are_healthy(&used), "nothing is known");
    topics.list(Listing::Known(vec![
        line("rawtx", "tcp://0.0.0.0:28332"),
        line("sequence", "tcp://0.0.0.0:28335"),
    ]));
    assert!(!topics.are_healthy(&used), "sequence is elsewhere");
    assert!(!topics.hear(Topic::RawBlock));
    assert!(topics.hear(Topic::Sequence));
    assert!(!topics.hear(Topic::Sequence), "no news");
    assert!(topics.are_healthy(&used));
    topics.forget();
    assert!(!topics.are_healthy(&used));
}

#[test]
fn a_port_of_another_machine_is_not_the_endpoint_in_use() {
    for (published, used, is_same) in [
        ("tcp://0.0.0.0:1", "tcp://10.0.0.7:1", true),
        ("tcp://0.0.0.0:1", "tcp://10.0.0.7:2", false),
        ("tcp://127.0.0.1:1", "tcp://[::1]:1", true),
        ("tcp://127.0.0.1:1", "tcp://10.0.0.7:1", false),
        ("tcp://172.18.0.3:1", "tcp://bitcoind:1", true),
        ("unix:/a", "ipc:///a", true),
        ("unix:/a", "ipc:///b", false),
        ("unix:/a", "tcp://127.0.0.1:1", false),
    ] {
        assert_eq!(may_be_same(published, used), is_same, "{published} {used}");
    }
}

fn faults(topics: &Topics, used: &[Subscription], is_up: bool) -> Fault {
    topics.fault(used, is_up).unwrap()
}

#[test]
fn the_one_thing_to_change_is_named() {
    let used = set("tcp://127.0.0.1:28332").usual();
    let mut topics = Topics::of_node_at(Some("127.0.0.1".to_owned()));
    topics.list(Listing::Known(vec![line("rawtx", "tcp://0.0.0.0:28332")]));
    assert_eq!(
        faults(&topics, &used, true),
        Fault::with_remedy(
            "add zmqpubsequence to the node's bitcoin.conf to see every transaction at once",
            "the node does not publish sequence",
            "add zmqpubsequence=tcp://0.0.0.0:28332 to bitcoin.conf and restart the node to see every transaction at once",
        )
    );
    topics.list(Listing::Known(Vec::new()));
    let lines = "add zmqpubrawtx=tcp://127.0.0.1:28332 and zmqpubsequence=tcp://127.0.0.1:28332 to";
    assert!(faults(&topics, &[], false).operator.contains(lines));
    topics.list(Listing::Known(vec![
        line("hashblock", "tcp://0.0.0.0:28334"),
        line("rawtx", "tcp://0.0.0.0:28333"),
        line("sequence", "tcp://0.0.0.0:28332"),
    ]));
    let fault = faults(&topics, &used, true);
    let operator = "nothing comes from tcp://127.0.0.1:28332: the node publishes rawtx at tcp://127.0.0.1:28333: remove";
    assert!(fault.operator.starts_with(operator), "{}", fault.operator);
    let ends = "or set zmq_endpoint to tcp://127.0.0.1:28333";
    assert!(fault.operator.ends_with(ends), "{}", fault.operator);
    assert_eq!(fault.public, "no rawtx message has come from the node yet");
}

#[test]
fn a_node_on_another_machine_is_told_to_publish_where_it_can_be_heard() {
    let lines = |host: &str, endpoint: Option<&str>| {
        let used = endpoint.map_or(Vec::new(), |endpoint| set(endpoint).usual());
        let mut topics = Topics::of_node_at(Some(host.to_owned()));
        topics.list(Listing::Known(Vec::new()));
        faults(&topics, &used, false).operator
    };
    for (host, endpoint, address) in [
        ("10.0.0.7", None, "tcp://0.0.0.0:28332"),
        ("127.0.0.1", None, "tcp://127.0.0.1:28332"),
        (
            "bitcoind",
            Some("tcp://bitcoind:29000"),
            "tcp://0.0.0.0:29000",
        ),
        (
            "10.0.0.7",
            Some("tcp://10.0.0.7:29000"),
            "tcp://10.0.0.7:29000",
        ),
        (
            "localhost",
            Some("ipc:///run/node.sock"),
            "ipc:///run/node.sock",
        ),
    ] {
        let said = lines(host, endpoint);
        let expected = format!("add zmqpubrawtx={address} and zmqpubsequence={address} to");
        assert!(said.contains(&expected), "{said}");
    }
    let mut topics = Topics::of_node_at(Some("10.0.0.7".to_owned()));
    let at = "tcp://127.0.0.1:28332";
    topics.list(Listing::Known(vec![
        line("rawtx", at),
        line("sequence", at),
    ]));
    let said = faults(&topics, &[], false).operator;
    assert!(
        said.contains("which only its own machine reaches"),
        "{said}"
    );
}

#[test]
fn a_fault_that_the_list_does_not_explain_is_told_as_far_as_it_is_known() {
    let used = set("tcp://127.0.0.1:28332").usual();
    let mut topics = Topics::default();
    assert_eq!(topics.fault(&used, false), None);
    let both = ["rawtx", "sequence"].map(|topic| line(topic, "tcp://127.0.0.1:28332"));
    topics.list(Listing::Known(both.to_vec()));
    assert_eq!(topics.fault(&used, true), None);
    let fault = faults(&topics, &used, false);
    assert!(fault.operator.contains("is a firewall in the way?"));
    let why = Fault::new("the node refuses to answer", "not allowed");
    topics.list(Listing::Unknown(why.clone()));
    assert_eq!(faults(&topics, &used, false), why);
    topics.hear(Topic::RawTx);
    let fault = faults(&topics, &used, true);
    assert!(fault.operator.starts_with("no sequence message has come"));
    assert!(fault.operator.ends_with("is not known: not allowed"));
}
