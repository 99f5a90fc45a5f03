//! Whole discoveries, each in folders of its own.
#![allow(clippy::unwrap_used)]

mod safety;

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::*;

/// What no error and no `Debug` may show.
const SECRET: &str = "hunter2";

/// A machine with a node's files.
struct Machine {
    root: TempDir,
    places: Places,
}

impl Machine {
    fn new() -> Machine {
        let root = tempfile::tempdir().unwrap();
        let places = Places {
            bitcoin_dir: None,
            home: Some(root.path().join("home")),
            etc_config: root.path().join("etc/bitcoin.conf"),
            service_dir: root.path().join("service"),
        };
        Machine { root, places }
    }

    /// A machine whose data folder is set by hand and has this `bitcoin.conf`.
    fn with(config: &str) -> Machine {
        let mut machine = Machine::new();
        machine.places.bitcoin_dir = Some(machine.path("data"));
        machine.write("data/bitcoin.conf", config);
        machine
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// The node, after a look at all that the outcome shows.
    fn discover(&self) -> Result<DiscoveredNode, DiscoveryError> {
        let outcome = discover(&self.places);
        let shown = match &outcome {
            Ok(node) => format!(
                "{node:?} {} {:?}",
                node.rpc_url(),
                node.auth().map_err(|error| error.to_string())
            ),
            Err(error) => format!("{error} {error:?}"),
        };
        assert!(!shown.contains(SECRET), "{shown}");
        outcome
    }

    fn node(&self) -> DiscoveredNode {
        self.discover().unwrap()
    }

    fn error(&self) -> String {
        self.discover().unwrap_err().to_string()
    }
}

fn node(config: &str) -> DiscoveredNode {
    Machine::with(config).node()
}

fn error(config: &str) -> String {
    Machine::with(config).error()
}

fn cookie_path(node: &DiscoveredNode) -> &Path {
    match &node.login {
        Login::Cookie(cookie) => cookie.path(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_empty_folder_has_the_defaults() {
    let mut machine = Machine::new();
    let data = machine.path("data");
    fs::create_dir(&data).unwrap();
    machine.places.bitcoin_dir = Some(data.clone());
    let node = machine.node();
    assert_eq!(
        (node.chain, node.rpc_url().as_str()),
        (Chain::Main, "http://127.0.0.1:8332")
    );
    assert_eq!((&node.data_dir, &node.chain_dir), (&data, &data));
    assert_eq!(node.blocks_dir, data.join("blocks"));
    assert_eq!(cookie_path(&node), data.join(".cookie"));
    assert!(
        matches!(node.auth().unwrap(), Auth::FoundCookie(file) if file.path() == data.join(".cookie"))
    );
    assert_eq!(
        (node.prune, node.server, node.has_rpcauth),
        (Prune::Off, None, false)
    );
    assert!(node.zmq.is_empty() && node.config_files.is_empty());
}

#[test]
fn each_chain_has_its_folder_port_and_cookie() {
    for chain in Chain::ALL {
        let machine = Machine::with(&format!("chain={chain}"));
        let data = machine.path("data");
        machine.write(
            &format!("data/{}/.cookie", chain.folder()),
            "__cookie__:hunter2",
        );
        let node = machine.node();
        let folder = data.join(chain.folder()).components().collect::<PathBuf>();
        assert_eq!((node.chain, node.rpc.port), (chain, chain.rpc_port()));
        assert_eq!((&node.data_dir, &node.chain_dir), (&data, &folder));
        assert_eq!(node.blocks_dir, folder.join("blocks"));
        let Login::Cookie(cookie) = node.login else {
            panic!("{:?}", node.login);
        };
        assert_eq!(
            (cookie.path(), cookie.read().unwrap().password()),
            (&*folder.join(".cookie"), SECRET)
        );
    }
}

#[test]
fn what_the_node_publishes_and_keeps_is_told() {
    let node = node(
        "server=0\nprune=550\nzmqpubsequence=tcp://127.0.0.1:28333\nzmqpubrawtx=tcp://127.0.0.1:28332\nzmqpubrawtx=ipc:///x",
    );
    let published: Vec<(ZmqTopic, &str)> = node
        .zmq
        .iter()
        .map(|publisher| (publisher.topic, publisher.address.as_str()))
        .collect();
    assert_eq!(
        published,
        [
            (ZmqTopic::RawTx, "tcp://127.0.0.1:28332"),
            (ZmqTopic::RawTx, "ipc:///x"),
            (ZmqTopic::Sequence, "tcp://127.0.0.1:28333"),
        ]
    );
    assert_eq!(
        (node.server, node.prune),
        (Some(false), Prune::Automatic { target_mib: 550 })
    );
    assert_eq!(self::node("prune=1").prune, Prune::Manual);
    assert!(error("prune=-1").contains("prune"));
}

#[test]
fn a_password_goes_before_the_cookie_and_rpcauth_does_not() {
    let password = |config: &str| match node(config).login {
        Login::Password(PasswordLogin { user, password }) => (user, password),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        password("rpcuser=alice\nrpcpassword=hunter2"),
        ("alice".to_owned(), SECRET.to_owned())
    );
    assert_eq!(
        password("rpcpassword=hunter2"),
        (String::new(), SECRET.to_owned())
    );
    assert_eq!(
        password("rpcpassword=wrong\n[main]\nrpcpassword=hunter2\nrpcpassword=late"),
        (String::new(), SECRET.to_owned())
    );
    let with_rpcauth = node("rpcauth=alice:salt$hunter2\nrpcuser=alice");
    assert!(with_rpcauth.has_rpcauth);
    assert!(cookie_path(&with_rpcauth).ends_with("data/.cookie"));
    assert!(cookie_path(&node("rpcpassword=")).ends_with("data/.cookie"));
}

#[test]
fn the_cookie_lies_where_rpccookiefile_says() {
    assert!(cookie_path(&node("rpccookiefile=a/b\nregtest=1")).ends_with("data/regtest/a/b"));
    assert_eq!(
        cookie_path(&node("rpccookiefile=/nonexistent/cookie")),
        Path::new("/nonexistent/cookie")
    );
    assert!(cookie_path(&node("rpccookiefile=./none/../b")).ends_with("data/b"));
    // Core takes an empty value for the default.
    assert!(cookie_path(&node("rpccookiefile=")).ends_with("data/.cookie"));
    let disabled = error("server=1\nnorpccookiefile=1");
    assert!(
        disabled.contains("line 2") && disabled.contains("by hand"),
        "{disabled}"
    );
    assert!(matches!(
        node("norpccookiefile=1\nrpcpassword=hunter2").login,
        Login::Password(_)
    ));
}

#[test]
fn host_and_port_are_read_as_bitcoin_cli_reads_them() {
    assert_eq!(node("rpcconnect=[::1]:99").rpc_url(), "http://[::1]:99");
    assert_eq!(node("rpcconnect=::1").rpc_url(), "http://[::1]:8332");
    assert_eq!(
        node("rpcconnect=localhost:99\nrpcport=98").rpc_url(),
        "http://localhost:98"
    );
    assert_eq!(
        node("regtest=1\nrpcport=98").rpc_url(),
        "http://127.0.0.1:18443"
    );
    assert_eq!(
        node("regtest=1\n[regtest]\nrpcport=98").rpc_url(),
        "http://127.0.0.1:98"
    );
    for wrong in [
        "rpcport=0",
        "rpcport=hunter2",
        "norpcport=1",
        "rpcconnect=u:hunter2@127.0.0.1:8332",
    ] {
        let error = error(&format!("\n{wrong}"));
        assert!(
            error.contains("line 2") && error.contains("expected"),
            "{error}"
        );
    }
}

#[test]
fn settings_json_of_the_chain_is_stronger_than_the_configuration() {
    let machine = Machine::with("signet=1\n[signet]\nrpcport=1\nprune=1");
    machine.write("data/settings.json", r#"{"rpcport": 2}"#);
    machine.write(
        "data/signet/settings.json",
        r#"{"rpcport": "3", "prune": 0, "server": true, "chain": "main", "x": "hunter2"}"#,
    );
    let node = machine.node();
    assert_eq!((node.chain, node.rpc.port), (Chain::Signet, 3));
    assert_eq!((node.prune, node.server), (Prune::Off, Some(true)));
    assert_eq!(
        node.config_files,
        [
            machine.path("data/bitcoin.conf"),
            machine.path("data/signet/settings.json")
        ]
    );
    machine.write("data/signet/settings.json", "{\"rpcpassword\": hunter2}");
    assert!(machine.error().contains("settings.json, line 1"));
}

#[test]
fn included_files_come_behind_and_include_no_others() {
    let machine = Machine::with(
        "includeconf=more.conf\nrpcport=1\n[regtest]\nincludeconf=regtest.conf\n[main]\nincludeconf=main.conf",
    );
    machine.write(
        "data/more.conf",
        "rpcport=2\nrpcuser=more\nrpcpassword=hunter2\nincludeconf=deep.conf",
    );
    machine.write("data/main.conf", "rpcuser=main\r\n");
    machine.write("data/deep.conf", "this is no setting");
    let node = machine.node();
    assert_eq!(node.rpc.port, 1);
    assert!(matches!(&node.login, Login::Password(login) if login.user == "main"));
    let read =
        ["data/bitcoin.conf", "data/main.conf", "data/more.conf"].map(|path| machine.path(path));
    assert_eq!(node.config_files, read);

    machine.write("data/main.conf", "hunter2");
    assert!(machine.error().contains("main.conf, line 1"));
    fs::remove_file(machine.path("data/main.conf")).unwrap();
    let missing = machine.error();
    assert!(
        missing.contains("bitcoin.conf, line 6") && missing.contains("not there"),
        "{missing}"
    );
    machine.write(
        "data/bitcoin.conf",
        "includeconf=none.conf\nnoincludeconf=1\nincludeconf=more.conf",
    );
    assert_eq!(machine.node().rpc.port, 2);
}

#[test]
fn an_included_file_may_choose_the_chain() {
    let machine = Machine::with("includeconf=chain.conf");
    machine.write("data/chain.conf", "testnet4=1");
    assert_eq!(machine.node().chain, Chain::Testnet4);
}

#[test]
fn datadir_moves_the_data_folder_of_a_node_found_at_home() {
    let machine = Machine::new();
    let home = match cfg!(target_os = "macos") {
        true => "home/Library/Application Support/Bitcoin",
        false => "home/.bitcoin",
    };
    let moved = machine.path("moved");
    let config = format!("datadir={}/\nincludeconf=more.conf", moved.display());
    machine.write(&format!("{home}/bitcoin.conf"), config);
    machine.write(&format!("{home}/more.conf"), "rpcport=7");
    let missing = machine.error();
    assert!(
        missing.contains("datadir in") && missing.contains("line 1"),
        "{missing}"
    );
    machine.write("moved/bitcoin.conf", "rpcport=8");
    let node = machine.node();
    assert_eq!(
        (node.data_dir.as_path(), node.rpc.port),
        (moved.as_path(), 7)
    );
    assert_eq!(cookie_path(&node), moved.join(".cookie"));
}

#[test]
fn a_data_folder_by_hand_is_not_moved() {
    let machine = Machine::with("datadir=/nonexistent\nblocksdir=/blocks\nsignet=1");
    let node = machine.node();
    assert_eq!(node.data_dir, machine.path("data"));
    assert_eq!(node.blocks_dir, Path::new("/blocks/signet/blocks"));
    assert!(error("blocksdir=~/blocks").contains("absolute"));
}

#[test]
fn a_node_of_the_system_has_the_folder_of_packages_or_its_own() {
    let machine = Machine::new();
    machine.write("etc/bitcoin.conf", "");
    assert!(machine.error().contains("bitcoin_dir"));
    machine.write("etc/bitcoin.conf", "includeconf=more.conf");
    assert!(machine.error().contains("line 1: the included file"));
    machine.write("service/more.conf", "rpcport=7");
    let node = machine.node();
    assert_eq!((node.data_dir, node.rpc.port), (machine.path("service"), 7));

    // An included file is looked for where the data folder was before.
    machine.write("own/more.conf", "rpcport=8");
    let config = format!(
        "includeconf=more.conf\ndatadir={}",
        machine.path("own").display()
    );
    machine.write("etc/bitcoin.conf", config);
    let node = machine.node();
    assert_eq!((node.data_dir, node.rpc.port), (machine.path("own"), 7));
    machine.write("etc/bitcoin.conf", "datadir=own");
    assert!(machine.error().contains("line 1"));
}

#[test]
fn a_section_may_move_the_data_folder_of_its_chain() {
    let machine = Machine::new();
    fs::create_dir(machine.path("moved")).unwrap();
    let config = format!(
        "regtest=1\n[regtest]\ndatadir={}",
        machine.path("moved").display()
    );
    machine.write("etc/bitcoin.conf", config);
    assert_eq!(machine.node().chain_dir, machine.path("moved/regtest"));
}
