//! Transactions of all the kinds that fill real blocks, in the proportions of their time.

use std::sync::Arc;

use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::amounts::{DUST_SATS, round_bitcoin};
use super::coins::{Coin, Coins};
use super::habits::{self, Habits, Kind};
use super::market::normal;
use super::scripts::{Address, bytes, inscription_witness, op_return};
use crate::tx::Tx;

/// Sums that are paid again and again, in satoshi: games, bots, fees of services.
const REPEATED_SATS: [u64; 6] = [12_345, 78_576, 80_106, 23_456, 110_011, 262_144];
const SMALL_SATS: [u64; 4] = [546, 546, 330, 600];
/// The numbers of inputs of payments: of 1000, those with at most one, two, …
const INPUTS: [u32; 5] = [795, 940, 978, 992, 1000];
/// Longest chain of unconfirmed transactions; Core relays 25.
const MAX_DEPTH: u32 = 20;

/// A maker of transactions, one after the other.
pub struct Payments {
    rng: ChaCha8Rng,
    habits: &'static Habits,
    coins: Coins,
}

/// Inputs and outputs still to be put together.
struct Draft {
    inputs: Vec<TxIn>,
    outputs: Vec<TxOut>,
    /// The fee, if it is known from the value of inputs that spend this simulation's own outputs.
    fee_sats: Option<u64>,
    depth: u32,
}

impl Payments {
    /// Transactions as they are made now.
    pub fn new(rng: ChaCha8Rng) -> Payments {
        Payments::of(rng, &habits::NOW)
    }

    /// Transactions as they were made at some time.
    pub fn of(rng: ChaCha8Rng, habits: &'static Habits) -> Payments {
        Payments {
            rng,
            habits,
            coins: Coins::default(),
        }
    }

    /// The next transaction, made while BTC costs `price_usd` and the tip is at `height`.
    pub fn next(&mut self, price_usd: f64, height: u32) -> Arc<Tx> {
        let kind = self.draw_kind();
        let draft = match kind {
            Kind::Payment => self.payment(price_usd),
            Kind::PaymentOn => self.payment_on(price_usd),
            Kind::Sweep => self.sweep(price_usd),
            Kind::Consolidation => self.consolidation(price_usd),
            Kind::Batch => self.batch(price_usd),
            Kind::FanOut => self.fan_out(),
            Kind::Mint => self.mint(),
            Kind::TokenTransfer => self.token_transfer(price_usd),
            Kind::Reveal => self.reveal(),
            Kind::Image => self.image(),
        };
        self.finish(kind, draft, height)
    }

    /// A payment that pays miners the least that they were ever seen to take: 0.1 to 1 sat/vB.
    pub fn cheap(&mut self, price_usd: f64) -> Arc<Tx> {
        let mut draft = self.rested(1);
        self.pay_and_change(&mut draft, price_usd);
        let transaction = transaction(draft, LockTime::ZERO, Version::TWO);
        let rate = self.rng.random_range(0.1..1.0);
        let fee = (rate * transaction.vsize() as f64) as u64;
        Tx::new(&transaction, Some(fee))
    }

    /// The same payment again with more to the miners, taken from its last output: a replacement. `None` if that output is too
    /// small.
    pub fn raise_fee(&mut self, tx: &Tx) -> Option<Arc<Tx>> {
        let mut transaction: Transaction = bitcoin::consensus::deserialize(&tx.raw).ok()?;
        let fee = tx.fee_or_least();
        let more = fee / 2 + 2 * tx.vsize();
        let change = transaction.output.last_mut()?;
        let left = change.value.to_sat().checked_sub(more)?;
        if left < DUST_SATS {
            return None;
        }
        change.value = Amount::from_sat(left);
        Some(Tx::new(&transaction, Some(fee + more)))
    }

    /// Forgets the outputs of a transaction that is gone.
    pub fn forget(&mut self, txid: &Txid) {
        self.coins.forget(txid);
    }

    /// Starts a new block: all outputs so far count as confirmed.
    pub fn block_mined(&mut self) {
        self.coins.settle();
    }

    fn draw_kind(&mut self) -> Kind {
        let total = self.habits.kinds.iter().map(|(_, share)| share).sum();
        let mut left = self.rng.random_range(0..total);
        for (kind, share) in self.habits.kinds {
            if left < share {
                return kind;
            }
            left -= share;
        }
        Kind::Payment
    }

    fn payment(&mut self, price_usd: f64) -> Draft {
        let draw = self.rng.random_range(0..1000);
        let count = INPUTS.iter().position(|below| draw < *below).unwrap_or(0) + 1;
        let mut draft = self.rested(count);
        self.pay_and_change(&mut draft, price_usd);
        draft
    }

    fn pay_and_change(&mut self, draft: &mut Draft, price_usd: f64) {
        let change = self.any_amount(price_usd);
        let habits = self.habits;
        let to_dollars = habits.round_dollars;
        let to_bitcoin = to_dollars + habits.round_bitcoin;
        let to_repeated = to_bitcoin + habits.repeated;
        let draw: u32 = self.rng.random_range(0..1000);
        let paid = if draw < to_dollars {
            self.round_dollars(price_usd)
        } else if draw < to_bitcoin {
            round_bitcoin(&mut self.rng)
        } else if draw < to_repeated {
            REPEATED_SATS[self.rng.random_range(0..REPEATED_SATS.len())]
        } else {
            self.any_amount(price_usd)
        };
        let first = self.rng.random_bool(0.5);
        let values = if first {
            [paid, change]
        } else {
            [change, paid]
        };
        for value in values {
            self.pay(draft, value);
        }
    }

    fn payment_on(&mut self, price_usd: f64) -> Draft {
        let Some(coin) = self.coins.take_change(&mut self.rng) else {
            return self.payment(price_usd);
        };
        let mut draft = self.spend(&coin);
        let fee = self.fee(141).min(coin.value_sats / 4);
        let left = coin.value_sats - fee;
        let paid = self.any_amount(price_usd).min(left / 2);
        draft.fee_sats = Some(fee);
        self.pay(&mut draft, paid);
        self.pay(&mut draft, left - paid);
        draft
    }

    fn sweep(&mut self, price_usd: f64) -> Draft {
        let inputs = if self.rng.random_bool(0.84) {
            1
        } else {
            self.rng.random_range(2..=5)
        };
        let mut draft = self.rested(inputs);
        let value = self.any_amount(price_usd);
        self.pay(&mut draft, value);
        draft
    }

    fn consolidation(&mut self, price_usd: f64) -> Draft {
        let inputs = 6 + (normal(&mut self.rng).abs() * 12.0) as usize;
        let mut draft = self.rested(inputs);
        for _ in 0..if self.rng.random_bool(0.6) { 1 } else { 2 } {
            let value = self.any_amount(price_usd);
            self.pay(&mut draft, value);
        }
        draft
    }

    fn batch(&mut self, price_usd: f64) -> Draft {
        let inputs = self.rng.random_range(1..=3);
        let outputs = 3 + (normal(&mut self.rng).abs().powi(2) * 9.0) as usize;
        let mut draft = self.rested(inputs);
        let fee = self.payout_fee();
        for _ in 0..outputs {
            let value = if self.rng.random_bool(0.1) {
                let sum = self.round_dollars(price_usd);
                ((sum as f64 * (1.0 - fee)).round() as u64).max(DUST_SATS)
            } else {
                self.any_amount(price_usd)
            };
            self.pay(&mut draft, value);
        }
        draft
    }

    /// The share that a service takes off the round sums of one batch.
    fn payout_fee(&mut self) -> f64 {
        match self.habits.payout_fees {
            [] => 0.0,
            fees => fees[self.rng.random_range(0..fees.len())],
        }
    }

    fn any_amount(&mut self, price_usd: f64) -> u64 {
        self.habits.sums.any_amount(&mut self.rng, price_usd)
    }

    fn round_dollars(&mut self, price_usd: f64) -> u64 {
        self.habits.sums.round_dollars(&mut self.rng, price_usd)
    }

    fn fan_out(&mut self) -> Draft {
        let mut draft = self.rested(1);
        let value = self.rng.random_range(1200..3000);
        let address = self.habits.small.script(&mut self.rng);
        for _ in 0..self.rng.random_range(10..=60) {
            draft.outputs.push(output(value, address.clone()));
        }
        draft
    }

    fn mint(&mut self) -> Draft {
        let mut draft = self.spend_small();
        let length = self.rng.random_range(4..=24);
        let data = op_return(&mut self.rng, length);
        draft.outputs.push(output(0, data));
        self.small_output(&mut draft);
        draft
    }

    fn token_transfer(&mut self, price_usd: f64) -> Draft {
        let mut draft = match self.coins.take_change(&mut self.rng) {
            Some(coin) => self.spend(&coin),
            None => self.rested(1),
        };
        let length = self.rng.random_range(8..=40);
        let data = op_return(&mut self.rng, length);
        draft.outputs.push(output(0, data));
        self.small_output(&mut draft);
        let change = self.any_amount(price_usd);
        self.pay(&mut draft, change);
        draft.fee_sats = None;
        draft
    }

    fn reveal(&mut self) -> Draft {
        let mut draft = self.spend_small();
        let length = self.rng.random_range(60..250);
        draft.inputs[0].witness = inscription_witness(&mut self.rng, length);
        self.small_output(&mut draft);
        draft
    }

    fn image(&mut self) -> Draft {
        let mut draft = self.rested(1);
        let length = self.rng.random_range(600..12_000);
        draft.inputs[0].script_sig = ScriptBuf::new();
        draft.inputs[0].witness = inscription_witness(&mut self.rng, length);
        self.small_output(&mut draft);
        draft
    }

    /// Inputs that spend outputs from before the simulation.
    fn rested(&mut self, inputs: usize) -> Draft {
        let mut draft = Draft {
            inputs: Vec::new(),
            outputs: Vec::new(),
            fee_sats: None,
            depth: 0,
        };
        let address = self.habits.addresses.draw(&mut self.rng);
        for _ in 0..inputs {
            let txid = bitcoin::hashes::Hash::from_byte_array(bytes(&mut self.rng));
            let vout = self.rng.random_range(0..3);
            let input = self.unlock(OutPoint::new(Txid::from_raw_hash(txid), vout), address);
            draft.inputs.push(input);
        }
        draft
    }

    fn spend(&mut self, coin: &Coin) -> Draft {
        let input = self.unlock(coin.outpoint, coin.address);
        Draft {
            inputs: vec![input],
            outputs: Vec::new(),
            fee_sats: None,
            depth: coin.depth + 1,
        }
    }

    /// Spends an output of a fan-out, as long as there is one.
    fn spend_small(&mut self) -> Draft {
        let Some(coin) = self.coins.take_small(&mut self.rng) else {
            return self.rested(1);
        };
        let mut draft = self.spend(&coin);
        draft.fee_sats = Some(coin.value_sats);
        draft
    }

    fn unlock(&mut self, previous_output: OutPoint, address: Address) -> TxIn {
        let (script_sig, witness): (ScriptBuf, Witness) = address.unlock(&mut self.rng);
        let replaceable = self.rng.random_bool(0.7);
        TxIn {
            previous_output,
            script_sig,
            sequence: if replaceable {
                Sequence::ENABLE_RBF_NO_LOCKTIME
            } else {
                Sequence::ENABLE_LOCKTIME_NO_RBF
            },
            witness,
        }
    }

    fn pay(&mut self, draft: &mut Draft, value_sats: u64) {
        let script = self
            .habits
            .addresses
            .draw(&mut self.rng)
            .script(&mut self.rng);
        draft.outputs.push(output(value_sats, script));
    }

    /// An output of one of the sums that tokens and inscriptions ride on; the rest of a known coin is the fee.
    fn small_output(&mut self, draft: &mut Draft) {
        let mut value = SMALL_SATS[self.rng.random_range(0..SMALL_SATS.len())];
        if let Some(held) = draft.fee_sats {
            value = value.min(held / 2);
            draft.fee_sats = Some(held - value);
        }
        let script = self.habits.small.script(&mut self.rng);
        draft.outputs.push(output(value, script));
    }

    /// A fee in satoshi for that many virtual bytes: 3 sat/vB in the middle, at least 1.
    fn fee(&mut self, vsize: u64) -> u64 {
        let rate = (1.1 + 0.8 * normal(&mut self.rng)).exp().clamp(1.0, 300.0);
        (rate * vsize as f64).ceil() as u64
    }

    fn finish(&mut self, kind: Kind, draft: Draft, height: u32) -> Arc<Tx> {
        let lock_time = if self.rng.random_bool(0.2) { height } else { 0 };
        let lock_time = LockTime::from_height(lock_time).unwrap_or(LockTime::ZERO);
        let version = if self.rng.random_bool(0.8) {
            Version::TWO
        } else {
            Version::ONE
        };
        let (fee_sats, depth) = (draft.fee_sats, draft.depth);
        let transaction = transaction(draft, lock_time, version);
        let fee = match fee_sats {
            Some(fee) => fee,
            None => self.fee(transaction.vsize() as u64),
        };
        let tx = Tx::new(&transaction, Some(fee));
        if depth < MAX_DEPTH {
            match kind {
                Kind::FanOut => self.coins.add_small(&tx, &transaction, depth),
                Kind::Payment | Kind::PaymentOn => {
                    self.coins.add_change(&tx, &transaction, depth);
                }
                _ => {}
            }
        }
        tx
    }
}

fn transaction(draft: Draft, lock_time: LockTime, version: Version) -> Transaction {
    Transaction {
        version,
        lock_time,
        input: draft.inputs,
        output: draft.outputs,
    }
}

fn output(value_sats: u64, script_pubkey: ScriptBuf) -> TxOut {
    TxOut {
        value: Amount::from_sat(value_sats),
        script_pubkey,
    }
}
