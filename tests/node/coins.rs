//! Coins that need no keys, and the payments made of them.

use std::collections::VecDeque;

use bitcoin::{
    Amount, BlockHash, OutPoint, Script, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid,
    Witness, absolute::LockTime, hashes::Hash as _, opcodes::OP_TRUE, script::Builder,
    transaction::Version,
};
use serde_json::json;

use crate::{bitcoind::Bitcoind, market::amount_sats, support::lossy::Random};

/// Fee of an ordinary payment, in satoshi: about two a virtual byte.
pub const FEE_SATS: u64 = 300;
/// Fee of a transaction with 2,000 outputs, in satoshi.
const SPLIT_FEE_SATS: u64 = 200_000;
/// Coins made of one coinbase: large enough for every amount that people pay.
const COINS_OF_A_COINBASE: usize = 200;
/// Small coins made of one; the transaction stays below 100,000 virtual bytes, so that the node relays it.
const SMALL_COINS_OF_A_COINBASE: usize = 2000;
/// A coinbase on regtest before the first halving, in satoshi, and the blocks between two halvings. Source: Core,
/// `src/kernel/chainparams.cpp`.
const SUBSIDY_SATS: u64 = 5_000_000_000;
const HALVING_BLOCKS: usize = 150;
/// Splits that one block holds.
const SPLITS_A_BLOCK: usize = 10;
/// Blocks until a coinbase may be spent.
const MATURITY: u32 = 100;

fn anyone() -> ScriptBuf {
    Builder::new().push_opcode(OP_TRUE).into_script()
}

/// P2WSH(OP_TRUE), which anyone may spend.
pub fn script() -> ScriptBuf {
    ScriptBuf::new_p2wsh(&anyone().wscript_hash())
}

/// The same as a descriptor, for mining.
pub fn descriptor() -> String {
    format!("raw({:x})", script())
}

/// An output that can be spent.
#[derive(Clone, Copy, Debug)]
pub struct Coin {
    pub outpoint: OutPoint,
    pub value_sats: u64,
}

impl Coin {
    /// The output `vout` of a transaction.
    pub fn of(transaction: &Transaction, vout: u32) -> Coin {
        Coin {
            outpoint: OutPoint::new(transaction.compute_txid(), vout),
            value_sats: transaction.output[vout as usize].value.to_sat(),
        }
    }
}

/// An output that pays this value to [`script`].
pub fn output(value_sats: u64) -> TxOut {
    paying(value_sats, &script())
}

/// An output that pays this value to a script.
pub fn paying(value_sats: u64, script: &Script) -> TxOut {
    TxOut {
        value: Amount::from_sat(value_sats),
        script_pubkey: script.to_owned(),
    }
}

/// A transaction that spends these coins, all of [`script`].
pub fn spend(version: i32, coins: &[Coin], outputs: Vec<TxOut>) -> Transaction {
    let input = |coin: &Coin| TxIn {
        previous_output: coin.outpoint,
        script_sig: ScriptBuf::new(),
        sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
        witness: Witness::from_slice(&[anyone().as_bytes()]),
    };
    Transaction {
        version: Version(version),
        lock_time: LockTime::ZERO,
        input: coins.iter().map(input).collect(),
        output: outputs,
    }
}

/// The coins that are left, and the dice.
pub struct Purse {
    coins: VecDeque<Coin>,
    small: VecDeque<Coin>,
    random: Random,
}

impl Purse {
    /// Mines the blocks that `coins` coins and `small` small ones take, all at `time` (Unix seconds) or soon after it by
    /// their headers; the node's clock is the system's afterwards.
    pub async fn fill(node: &Bitcoind, coins: usize, small: usize, time: u64) -> Purse {
        let mut purse = Purse {
            coins: VecDeque::new(),
            small: VecDeque::new(),
            random: Random::new((coins + small) as u64),
        };
        node.set_time(time).await;
        let splits = coins.div_ceil(COINS_OF_A_COINBASE);
        let all = splits + small.div_ceil(SMALL_COINS_OF_A_COINBASE);
        let mature = node.generate(all as u32 + MATURITY).await;
        for (number, hash) in mature[..all].iter().enumerate() {
            let coinbase = coinbase_of(node, *hash).await;
            // The chain was empty: this is the block of height `number + 1`.
            let value_sats = SUBSIDY_SATS >> ((number + 1) / HALVING_BLOCKS);
            let split = purse.split(coinbase, value_sats, number >= splits);
            node.send(&[split]).await;
            if number % SPLITS_A_BLOCK == SPLITS_A_BLOCK - 1 {
                node.generate(1).await;
            }
        }
        node.generate(1).await;
        node.set_time(0).await;
        purse
    }

    /// Many coins of different values: change of equal coins would be as regular as round sums.
    fn split(&mut self, coinbase: Txid, value_sats: u64, small: bool) -> Transaction {
        let count = if small {
            SMALL_COINS_OF_A_COINBASE
        } else {
            COINS_OF_A_COINBASE
        };
        let mean = (value_sats - SPLIT_FEE_SATS) / count as u64;
        let outputs = (0..count / 2).flat_map(|_| {
            let less = self.random.below(mean / 4);
            [output(mean - less), output(mean + less)]
        });
        let coin = Coin {
            outpoint: OutPoint::new(coinbase, 0),
            value_sats,
        };
        let transaction = spend(2, &[coin], outputs.collect());
        let txid = transaction.compute_txid();
        let coins = transaction.output.iter().zip(0..);
        let coins = coins.map(|(output, vout)| Coin {
            outpoint: OutPoint::new(txid, vout),
            value_sats: output.value.to_sat(),
        });
        if small {
            self.small.extend(coins);
        } else {
            self.coins.extend(coins);
        }
        transaction
    }

    /// A coin that nothing spends yet.
    pub fn coin(&mut self) -> Coin {
        self.coins.pop_front().expect("a coin is left")
    }

    /// A payment at this price, from a new coin.
    pub fn payment(&mut self, price_usd: f64) -> Transaction {
        let coin = self.coin();
        self.payment_from(coin, price_usd, FEE_SATS)
    }

    /// Payments, each from a new coin.
    pub fn payments(&mut self, count: usize, price_usd: f64) -> Vec<Transaction> {
        (0..count).map(|_| self.payment(price_usd)).collect()
    }

    /// Payments from small coins: large amounts are missing.
    pub fn small_payments(&mut self, count: usize, price_usd: f64) -> Vec<Transaction> {
        let mut payment = || {
            let coin = self.small.pop_front().expect("a small coin is left");
            self.payment_from(coin, price_usd, FEE_SATS)
        };
        (0..count).map(|_| payment()).collect()
    }

    /// A payment from this coin; its second output is the change.
    pub fn payment_from(&mut self, coin: Coin, price_usd: f64, fee_sats: u64) -> Transaction {
        let mut value_sats = self.amount_sats(price_usd);
        while value_sats > coin.value_sats / 2 {
            value_sats = self.amount_sats(price_usd);
        }
        let change_sats = coin.value_sats - value_sats - fee_sats;
        spend(2, &[coin], vec![output(value_sats), output(change_sats)])
    }

    /// The amount of a payment at this price, in satoshi.
    pub fn amount_sats(&mut self, price_usd: f64) -> u64 {
        amount_sats(&mut self.random, price_usd)
    }
}

/// The txid of a block's coinbase.
async fn coinbase_of(node: &Bitcoind, hash: BlockHash) -> Txid {
    let block = node.rpc.call("getblock", json!([hash, 1])).await;
    let txid: Txid = serde_json::from_value(block["tx"][0].clone()).unwrap();
    assert_ne!(txid, Txid::all_zeros());
    txid
}
