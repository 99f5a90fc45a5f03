//! No login leaves this machine, no file of a stranger counts, and no secret is shown.

use proptest::prelude::*;
use rustix::process::geteuid;

use super::{Machine, cookie_path, error, node};
use crate::{
    discovery::{DiscoveryError, Login},
    guard::tests::chmod,
    rpc::Auth,
};

#[test]
fn a_login_is_given_out_for_this_machine_only() {
    for host in [
        "127.0.0.1",
        "127.1.2.3:8332",
        "localhost",
        "::1",
        "[::1]:8332",
    ] {
        let node = node(&format!("rpcconnect={host}\nrpcpassword=hunter2"));
        assert!(matches!(node.auth(), Ok(Auth::Password { .. })), "{host}");
    }
    for host in ["10.0.0.1", "node.lan:8332", "[fe80::1]:8332", "0.0.0.0"] {
        for login in ["rpcpassword=hunter2", "", "norpccookiefile=1"] {
            let node = node(&format!("rpcconnect={host}\n{login}"));
            assert_eq!(node.login, Login::Withheld, "{host}");
            let error = node.auth().unwrap_err().to_string();
            assert!(error.contains("by hand"), "{error}");
        }
    }
}

#[test]
fn files_that_all_users_can_change_are_refused() {
    for name in ["bitcoin.conf", "more.conf", "settings.json", ".cookie"] {
        let machine = Machine::with("includeconf=more.conf");
        machine.write("data/more.conf", "");
        machine.write("data/settings.json", "{}");
        machine.write("data/.cookie", "__cookie__:hunter2");
        assert!(machine.discover().is_ok());
        chmod(&machine.path("data").join(name), 0o666);
        let error = machine.error();
        assert!(
            error.contains(name) && error.contains("chmod o-w"),
            "{error}"
        );
    }
    let machine = Machine::with("rpcpassword=hunter2");
    chmod(&machine.path("data"), 0o777);
    assert!(machine.error().contains("chmod o-w"));
}

#[test]
fn files_that_we_may_not_read_say_how_to_share_them_and_settings_json_is_left_out() {
    if geteuid().is_root() {
        return;
    }
    let machine = Machine::with("");
    machine.write("data/settings.json", "{}");
    chmod(&machine.path("data/settings.json"), 0);
    let node = machine.node();
    assert_eq!(
        node.unread_settings,
        Some(machine.path("data/settings.json"))
    );
    machine.write("data/.cookie", "__cookie__:hunter2");
    chmod(&machine.path("data/.cookie"), 0);
    assert!(machine.error().contains("rpccookieperms=group"));
    chmod(&machine.path("data/bitcoin.conf"), 0);
    assert!(matches!(machine.discover(), Err(DiscoveryError::Denied(_))));
    assert!(machine.error().contains("chmod g+r"));
    chmod(&machine.path("data"), 0);
    assert!(machine.error().contains("mode 0000"));
    chmod(&machine.path("data"), 0o700);
}

#[test]
fn faults_of_a_file_are_named_and_its_content_is_not() {
    for config in [
        "hunter2",
        "-rpcpassword=hunter2",
        "rpcpassword=hunter2#",
        "hunter2=1\nx",
        "chain=hunter2",
        "rpcuser=hunter2\nregtest=1\nsignet=1",
    ] {
        let error = error(config);
        assert!(error.contains("bitcoin.conf, line"), "{error}");
    }
    let machine = Machine::with("");
    machine.write("data/bitcoin.conf", b"rpcuser=x\nrpcpassword=hunter2\xff\n");
    assert!(machine.error().contains("line 2"));
    machine.write("data/bitcoin.conf", vec![b'\n'; (1 << 20) + 1]);
    assert!(machine.error().contains("longer than 1048576 bytes"));
    machine.write("data/bitcoin.conf", "");
    machine.write("data/.cookie", "hunter2");
    assert!(machine.error().contains("expected one line"));
}

#[test]
fn values_of_unknown_keys_are_dropped() {
    let node = node(
        "walletpassphrase=hunter2\n[other]\nrpcpassword=hunter2\nrpcuser=alice\nproxy=hunter2",
    );
    assert!(cookie_path(&node).ends_with("data/.cookie"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_files_make_it_panic(
        config in prop::collection::vec(any::<u8>(), 0..200),
        lines in "((no)?(chain|regtest|rpcport|rpcconnect|prune|includeconf|datadir|rpccookiefile)=[a-z0-9:/.\\[\\]-]{0,9}\n){0,6}",
        cookie in prop::collection::vec(any::<u8>(), 0..300),
        json in "\\{(\"(rpcport|prune|zmqpubrawtx)\": (1|\\[\"a\"\\]|null|-1|\\{\\}))?\\}",
    ) {
        let machine = Machine::with("");
        for config in [config, lines.into_bytes()] {
            machine.write("data/bitcoin.conf", config);
            machine.write("data/settings.json", &json);
            machine.write("data/.cookie", &cookie);
            prop_assert!(machine.discover().map_err(|error| error.to_string()).err() != Some(String::new()));
        }
    }
}
