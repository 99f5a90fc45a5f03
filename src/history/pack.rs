//! `satscope history pack`.

use std::path::PathBuf;

use clap::Args;
use satscope_historian::{
    pack::{LeftOut, Packed, make},
    text::hex,
};
use satscope_kit::config::NodeSettings;

use super::place::{self, FileSettings};
use crate::{output, process};

/// `satscope history pack`.
#[derive(Args, Debug)]
pub struct PackSettings {
    /// The file to write; a pack of that name is replaced
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    history: FileSettings,
    #[command(flatten)]
    node: NodeSettings,
}

/// Makes the pack, and writes its hash to standard output.
///
/// # Errors
/// When it cannot be made.
pub fn run(settings: &PackSettings) -> anyhow::Result<()> {
    let readers = settings.history.readers(settings.node.node_is_standin)?;
    let means = place::node(
        &settings.node,
        "a pack has the hash of each block, which the history does not keep; a pruned node is enough",
    )?;
    let model = means.estimator.model();
    let runtime = process::runtime()?;
    let packed = runtime.block_on(make(&readers, &means.node, model, &settings.file))?;
    output::write(&text(settings, &packed))
}

fn text(settings: &PackSettings, packed: &Packed) -> String {
    let Packed {
        periods,
        first_height,
        last_height,
        bytes,
        ..
    } = packed;
    let model = packed.head.model;
    let megabytes = *bytes as f64 / 1e6;
    let mut lines = vec![format!(
        "{}: {periods} final periods, blocks {first_height} to {last_height}, model {model}, {megabytes:.1} MB",
        settings.file.display()
    )];
    let LeftOut {
        unverified,
        other_model,
    } = packed.left_out;
    if unverified > 0 {
        lines.push(format!("left out: {unverified} unverified periods"));
    }
    if other_model > 0 {
        lines.push(format!("left out: {other_model} periods of another model"));
    }
    if let Some(before) = packed.hash_before {
        lines.push(format!(
            "hash without the newest period, for a history that does not have it yet: {}",
            hex(&before)
        ));
    }
    lines.push(format!("hash: {}", hex(&packed.hash)));
    lines.join("\n") + "\n"
}
