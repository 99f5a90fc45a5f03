//! Prints the price that one block shows: `cargo run --release --example block FILE`. The file has the block as nodes send it.

use bitcoin::{Block, Transaction, consensus::deserialize};
use satscope_oracle::Window;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: block FILE")?;
    let block: Block = deserialize(&std::fs::read(path)?)?;
    let time_ms = u64::from(block.header.time) * 1000;
    let mut window = Window::of_height(block.bip34_block_height()?);
    // The first transaction pays the miner.
    for transaction in block.txdata.iter().skip(1).filter(|one| may_pay(one)) {
        let outputs = transaction.output.iter();
        let values: Vec<u64> = outputs.map(|output| output.value.to_sat()).collect();
        window.insert(time_ms, &values);
    }
    let price = window.estimate(time_ms).ok_or("no price is shown")?;
    println!(
        "${:.2}, confidence {:.2}",
        price.price_usd, price.confidence
    );
    println!("90 %: ${:.2} to ${:.2}", price.low_usd, price.high_usd);
    Ok(())
}

/// Whether a person may have paid a round sum; services make most transactions with data or to over a hundred others.
fn may_pay(transaction: &Transaction) -> bool {
    let mut outputs = transaction.output.iter();
    transaction.output.len() <= 100 && !outputs.any(|output| output.script_pubkey.is_op_return())
}
