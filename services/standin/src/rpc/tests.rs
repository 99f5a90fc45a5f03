//! The RPC's statuses, codes and shapes, over HTTP.

use std::os::unix::fs::PermissionsExt;

use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, Network};
use clap::Parser;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::chain::{Block, Chain};
use crate::settings::ListenSettings;
use crate::simulation::miner;
use crate::tx::Tx;

#[derive(Parser)]
struct Listen {
    #[command(flatten)]
    settings: ListenSettings,
}

fn settings(flags: &[&str]) -> ListenSettings {
    let standard = ["program", "--standin-rpc-listen=127.0.0.1:0"];
    Listen::parse_from(standard.iter().chain(flags)).settings
}

/// A served chain: a block with one payment, and in the mempool a parent and its child.
struct Served {
    url: String,
    login: Arc<Login>,
    shutdown: CancellationToken,
    block: Block,
    child: Arc<Tx>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.shutdown.cancel();
        self.login.clear();
    }
}

fn payment(parent: bitcoin::Txid, value: u64, fee: u64) -> Arc<Tx> {
    let transaction = bitcoin::Transaction {
        version: bitcoin::transaction::Version::TWO,
        lock_time: bitcoin::absolute::LockTime::ZERO,
        input: vec![bitcoin::TxIn {
            previous_output: bitcoin::OutPoint::new(parent, 0),
            sequence: bitcoin::Sequence::ENABLE_RBF_NO_LOCKTIME,
            ..bitcoin::TxIn::default()
        }],
        output: vec![bitcoin::TxOut {
            value: bitcoin::Amount::from_sat(value),
            script_pubkey: bitcoin::ScriptBuf::from_bytes(vec![0x51]),
        }],
    };
    Tx::new(&transaction, Some(fee))
}

async fn serve_chain(flags: &[&str]) -> Served {
    let first = Block::unseen(BlockHash::all_zeros(), 899_999, 1_700_000_000);
    let mut chain = Chain::new(Network::Bitcoin, first);
    let mined = payment(bitcoin::Txid::from_byte_array([9; 32]), 70_000, 300);
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let block = miner::mine(&chain, vec![mined], 1_700_000_600.0, rng);
    chain.connect(block.clone());
    let parent = payment(bitcoin::Txid::from_byte_array([8; 32]), 60_000, 1000);
    let child = payment(parent.txid, 50_000, 2000);
    chain.accept(parent, 1_700_000_700.9);
    chain.accept(Arc::clone(&child), 1_700_000_800.0);
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let login = Arc::new(Login::from_settings(&settings(flags), address).unwrap());
    let node = Arc::new(NodeState::new(
        chain,
        1_700_000_800.0,
        false,
        "tcp://127.0.0.1:28332",
        1000,
    ));
    let shutdown = CancellationToken::new();
    let rest = settings(flags).standin_rest;
    let served = serve(listener, node, Arc::clone(&login), rest, shutdown.clone());
    tokio::spawn(served);
    Served {
        url: format!("http://{address}"),
        login,
        shutdown,
        block,
        child,
    }
}

impl Served {
    async fn post(&self, body: &str) -> (u16, Value) {
        let mut request = reqwest::Client::new().post(&self.url).body(body.to_owned());
        if let Some((user, password)) = self
            .login
            .user_and_password()
            .and_then(|login| login.split_once(':'))
        {
            request = request.basic_auth(user, Some(password));
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    async fn result(&self, method: &str, params: Value) -> Value {
        let (status, answer) = self
            .post(&json!({"method": method, "params": params, "id": "x"}).to_string())
            .await;
        assert_eq!((status, &answer["error"]), (200, &Value::Null), "{answer}");
        assert_eq!(answer["id"], "x");
        answer["result"].clone()
    }

    async fn error(&self, method: &str, params: Value) -> (u16, i64, String) {
        let (status, answer) = self
            .post(&json!({"method": method, "params": params, "id": 1}).to_string())
            .await;
        assert_eq!(answer["result"], Value::Null);
        let message = answer["error"]["message"].as_str().unwrap().to_owned();
        (status, answer["error"]["code"].as_i64().unwrap(), message)
    }
}

#[allow(clippy::too_many_lines, reason = "a table")]
#[tokio::test]
async fn errors_have_cores_codes_and_statuses() {
    let served = serve_chain(&["--standin-rpc-no-auth"]).await;
    let nowhere = "ab".repeat(32);
    for (method, params, status, code, part) in [
        ("getprice", json!([]), 404, -32601, "Method not found"),
        ("getblock", json!([nowhere]), 500, -5, "Block not found"),
        (
            "getblock",
            json!(["ab"]),
            500,
            -8,
            "blockhash must be of length 64 (not 2, for 'ab')",
        ),
        (
            "getblock",
            json!(["zz".repeat(32)]),
            500,
            -8,
            "must be hexadecimal string",
        ),
        (
            "getblock",
            json!([5]),
            500,
            -3,
            "not of expected type string",
        ),
        ("getblock", json!([]), 500, -1, "getblock blockhash"),
        (
            "getblockhash",
            json!([900_001]),
            500,
            -8,
            "Block height out of range",
        ),
        (
            "getblockhash",
            json!([-1]),
            500,
            -8,
            "Block height out of range",
        ),
        ("getblockhash", json!([5]), 500, -1, "Block not available"),
        (
            "getmempoolentry",
            json!([nowhere]),
            500,
            -5,
            "Transaction not in mempool",
        ),
        (
            "getrawtransaction",
            json!([nowhere]),
            500,
            -5,
            "No such mempool transaction.",
        ),
        (
            "getrawtransaction",
            json!([nowhere, 0, nowhere]),
            500,
            -5,
            "Block hash not found",
        ),
        (
            "getrawmempool",
            json!([true, true]),
            500,
            -8,
            "Verbose results cannot contain mempool sequence values.",
        ),
        (
            "getrawmempool",
            json!({"verbos": true}),
            500,
            -8,
            "Unknown named parameter verbos",
        ),
        (
            "uptime",
            json!(5),
            400,
            -32600,
            "Params must be an array or object",
        ),
    ] {
        let (got_status, got_code, message) = served.error(method, params).await;
        assert_eq!(
            (got_status, got_code),
            (status, code),
            "{method}: {message}"
        );
        assert!(message.contains(part), "{message}");
    }
    for (body, status, code) in [("{", 500, -32700), ("5", 500, -32700), ("{}", 400, -32600)] {
        let (got, answer) = served.post(body).await;
        assert_eq!(
            (got, answer["error"]["code"].as_i64()),
            (status, Some(code)),
            "{body}"
        );
    }
    let get = reqwest::get(&served.url).await.unwrap();
    assert_eq!(get.status(), 405);
}

#[tokio::test]
async fn batches_and_version_2_are_answered() {
    let served = serve_chain(&["--standin-rpc-no-auth"]).await;
    let (status, answer) = served
        .post(r#"[{"method":"getblockcount","id":1},{"method":"no","id":2},7]"#)
        .await;
    assert_eq!(status, 200);
    assert_eq!(
        answer[0],
        json!({"result": 900_000, "error": null, "id": 1})
    );
    assert_eq!(answer[1]["error"]["code"], -32601);
    assert_eq!(answer[2]["error"]["code"], -32600);
    let (status, answer) = served
        .post(r#"{"jsonrpc":"2.0","method":"no","id":3}"#)
        .await;
    assert_eq!(status, 200);
    assert_eq!(answer["error"]["code"], -32601);
    assert!(answer.get("result").is_none());
    let notification = r#"{"jsonrpc":"2.0","method":"getblockcount"}"#;
    assert_eq!(served.post(notification).await, (204, Value::Null));
    assert_eq!(served.post("[]").await, (200, json!([])));
}

#[tokio::test]
async fn a_login_is_asked_for() {
    let folder = std::env::temp_dir().join(format!("satscope-login-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let cookie = folder.join("cookie");
    let password = folder.join("password");
    std::fs::write(&password, "secret words\n").unwrap();
    let cookie_flag = format!("--standin-rpc-cookie-file={}", cookie.display());
    let password_flag = format!("--standin-rpc-password-file={}", password.display());
    for flags in [
        vec![cookie_flag.as_str()],
        vec!["--standin-rpc-user=me", &password_flag],
    ] {
        let served = serve_chain(&flags).await;
        assert_eq!(served.result("getblockcount", json!([])).await, 900_000);
        let client = reqwest::Client::new();
        let none = client.post(&served.url).body("{}").send().await.unwrap();
        assert_eq!(none.status(), 401);
        assert_eq!(
            none.headers()["www-authenticate"],
            "Basic realm=\"jsonrpc\""
        );
        let wrong = client.post(&served.url).basic_auth("me", Some("secret"));
        assert_eq!(wrong.body("{}").send().await.unwrap().status(), 401);
        if let Login::Cookie { file, login } = &*served.login {
            let mode = std::fs::metadata(file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            let login = login.expose();
            assert_eq!(std::fs::read_to_string(file).unwrap(), login);
            let shown = format!("{:?}", served.login);
            assert!(
                !shown.contains(login) && !shown.contains(&login[11..]),
                "{shown}"
            );
            assert!(login.starts_with("__cookie__:") && login.len() == 75);
        }
    }
    assert!(!cookie.exists(), "the cookie goes with the stand-in");
}

#[tokio::test]
async fn answers_have_cores_shapes() {
    let served = serve_chain(&["--standin-rpc-no-auth"]).await;
    let hash = served.block.hash.to_string();
    let info = served.result("getblockchaininfo", json!([])).await;
    assert_eq!(
        (&info["chain"], &info["blocks"]),
        (&json!("main"), &json!(900_000))
    );
    assert_eq!(info["bestblockhash"], hash);
    assert_eq!(info["initialblockdownload"], false);
    assert_eq!(served.result("getblockhash", json!([900_000])).await, hash);
    assert_eq!(
        served.result("getblockhash", json!([0])).await,
        "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
    );
    let header = served.result("getblockheader", json!([hash])).await;
    assert_eq!(
        (&header["height"], &header["confirmations"]),
        (&json!(900_000), &json!(1))
    );
    assert_eq!(header["time"], 1_700_000_600);
    let raw = served.result("getblockheader", json!([hash, false])).await;
    assert_eq!(raw.as_str().unwrap().len(), 160);
    let block = served.result("getblock", json!({"blockhash": hash})).await;
    let bytes = served.block.bytes().unwrap();
    let whole: bitcoin::Block = bitcoin::consensus::deserialize(&bytes).unwrap();
    assert_eq!(block["tx"].as_array().unwrap().len(), 2);
    assert_eq!(block["size"].as_u64().unwrap() as usize, whole.total_size());
    assert_eq!(block["weight"].as_u64().unwrap(), whole.weight().to_wu());
    assert_eq!(
        block["strippedsize"].as_u64().unwrap() * 3 + whole.total_size() as u64,
        whole.weight().to_wu()
    );
    let raw = served.result("getblock", json!([hash, 0])).await;
    assert_eq!(
        raw,
        bitcoin::hex::DisplayHex::to_lower_hex_string(&bytes[..])
    );
}

#[tokio::test]
async fn the_mempool_is_told_in_all_its_ways() {
    let served = serve_chain(&["--standin-rpc-no-auth"]).await;
    let child = served.child.txid.to_string();
    let txids = served.result("getrawmempool", json!([])).await;
    assert_eq!(txids.as_array().unwrap().len(), 2);
    let with_number = served.result("getrawmempool", json!([false, true])).await;
    assert_eq!(with_number["mempool_sequence"], 3);
    assert_eq!(with_number["txids"], txids);
    let entry = served.result("getmempoolentry", json!([child])).await;
    assert_eq!(entry["time"], 1_700_000_800);
    assert_eq!(entry["height"], 900_000);
    assert_eq!(entry["ancestorcount"], 2);
    assert_eq!(entry["descendantcount"], 1);
    assert_eq!(entry["fees"]["base"], 0.000_02);
    assert_eq!(entry["fees"]["ancestor"], 0.000_03);
    assert_eq!(entry["depends"].as_array().unwrap().len(), 1);
    let verbose = served.result("getrawmempool", json!([true])).await;
    assert_eq!(verbose[&child], entry);
    let info = served.result("getmempoolinfo", json!([])).await;
    assert_eq!(info["size"], 2);
    assert_eq!(info["total_fee"], 0.000_03);
    let raw = served.result("getrawtransaction", json!([child])).await;
    let expected = bitcoin::hex::DisplayHex::to_lower_hex_string(&served.child.raw[..]);
    assert_eq!(raw, expected);
    let mined = &served.block.txs.as_ref().unwrap()[1];
    let params = json!([mined.txid.to_string(), 0, served.block.hash.to_string()]);
    let raw = served.result("getrawtransaction", params).await;
    assert_eq!(raw.as_str().unwrap().len(), 2 * mined.raw.len());
    let topics = served.result("getzmqnotifications", json!([])).await;
    assert_eq!(topics[2]["type"], "pubrawtx");
    assert_eq!(
        served.result("getnetworkinfo", json!([])).await["version"],
        290_000
    );
    assert!(served.result("uptime", json!([])).await.is_u64());
}
