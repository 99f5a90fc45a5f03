//! Prints the price that one block shows: `cargo run --release --example block FILE`. The file has the bytes of the block as it
//! goes over the network.

use std::{env, error::Error, fs};

use bitcoin::{Block, Transaction, consensus::deserialize};
use satscope_oracle::Window;

/// More outputs than a person makes in one payment.
const MANY: usize = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args_os().nth(1).ok_or("usage: block FILE")?;
    let block: Block = deserialize(&fs::read(path)?)?;
    let time_ms = u64::from(block.header.time) * 1000;
    let mut window = Window::of_height(block.bip34_block_height()?);
    for transaction in block.txdata.iter().filter(|one| may_pay(one)) {
        let outputs = transaction.output.iter();
        let values: Vec<u64> = outputs.map(|output| output.value.to_sat()).collect();
        window.insert(time_ms, &values);
    }
    let estimate = window
        .estimate(time_ms)
        .ok_or("this block shows no price")?;
    let (price, low, high) = (estimate.price_usd, estimate.low_usd, estimate.high_usd);
    println!(
        "${price:.2} (90 %: ${low:.2} to ${high:.2}), confidence {:.2}",
        estimate.confidence
    );
    Ok(())
}

/// Whether a person may have paid a round sum with this transaction.
fn may_pay(transaction: &Transaction) -> bool {
    let has_data = transaction
        .output
        .iter()
        .any(|output| output.script_pubkey.is_op_return());
    !transaction.is_coinbase() && !has_data && transaction.output.len() <= MANY
}
