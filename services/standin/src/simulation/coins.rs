//! Outputs that were made a moment ago and that the next transactions may spend.

use std::collections::VecDeque;

use bitcoin::{OutPoint, Transaction, Txid};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::scripts::Address;
use crate::tx::Tx;

/// Most outputs of each sort that are remembered; the oldest are forgotten, as coins that come to rest.
const CAPACITY: usize = 2000;
/// Change smaller than this, in satoshi, is not spent again.
const LEAST_CHANGE_SATS: u64 = 5000;

/// An output that can be spent.
#[derive(Clone, Debug)]
pub struct Coin {
    pub outpoint: OutPoint,
    pub value_sats: u64,
    pub address: Address,
    /// The number of unconfirmed transactions that it stands on, without its own.
    pub depth: u32,
}

/// The outputs at hand.
#[derive(Debug, Default)]
pub struct Coins {
    change: VecDeque<Coin>,
    small: VecDeque<Coin>,
}

impl Coins {
    /// Takes one of the recent outputs of payments.
    pub fn take_change(&mut self, rng: &mut ChaCha8Rng) -> Option<Coin> {
        take(&mut self.change, rng)
    }

    /// Takes one of the recent outputs of fan-outs.
    pub fn take_small(&mut self, rng: &mut ChaCha8Rng) -> Option<Coin> {
        take(&mut self.small, rng)
    }

    /// Remembers the last output of a payment.
    pub fn add_change(&mut self, tx: &Tx, transaction: &Transaction, depth: u32) {
        let vout = transaction.output.len().saturating_sub(1);
        let coin = coin(tx, transaction, vout, depth);
        if let Some(coin) = coin.filter(|coin| coin.value_sats >= LEAST_CHANGE_SATS) {
            add(&mut self.change, coin);
        }
    }

    /// Remembers all outputs of a fan-out.
    pub fn add_small(&mut self, tx: &Tx, transaction: &Transaction, depth: u32) {
        for vout in 0..transaction.output.len() {
            if let Some(coin) = coin(tx, transaction, vout, depth) {
                add(&mut self.small, coin);
            }
        }
    }

    /// Forgets the outputs of a transaction that is gone.
    pub fn forget(&mut self, txid: &Txid) {
        for coins in [&mut self.change, &mut self.small] {
            coins.retain(|coin| coin.outpoint.txid != *txid);
        }
    }

    /// Counts all outputs so far as confirmed.
    pub fn settle(&mut self) {
        for coin in self.change.iter_mut().chain(&mut self.small) {
            coin.depth = 0;
        }
    }
}

fn take(coins: &mut VecDeque<Coin>, rng: &mut ChaCha8Rng) -> Option<Coin> {
    if coins.is_empty() {
        return None;
    }
    let at = rng.random_range(0..coins.len());
    coins.swap_remove_back(at)
}

fn add(coins: &mut VecDeque<Coin>, coin: Coin) {
    if coins.len() == CAPACITY {
        coins.pop_front();
    }
    coins.push_back(coin);
}

fn coin(tx: &Tx, transaction: &Transaction, vout: usize, depth: u32) -> Option<Coin> {
    let output = transaction.output.get(vout)?;
    let script = &output.script_pubkey;
    let address = if script.is_p2wpkh() {
        Address::P2wpkh
    } else if script.is_p2tr() {
        Address::P2tr
    } else if script.is_p2pkh() {
        Address::P2pkh
    } else {
        Address::P2sh
    };
    Some(Coin {
        outpoint: OutPoint::new(tx.txid, u32::try_from(vout).ok()?),
        value_sats: output.value.to_sat(),
        address,
        depth,
    })
}
