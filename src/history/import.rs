//! `satscope history import`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use satscope_historian::{
    MODEL, means,
    pack::{Headers, PackError, Taken, import},
    store::{StoreError, Trust},
    text::{self, hex},
};
use satscope_kit::config::{NodeSettings, StateSettings};

use super::place;
use crate::{output, process};

/// `satscope history import`.
#[derive(Args, Debug)]
pub struct ImportSettings {
    /// The pack
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The hash that the pack must have, as somebody whom you trust has told you; without it the rows answer as `unverified`
    #[arg(long, value_name = "SHA256", value_parser = text::hash)]
    expect: Option<[u8; 32]>,
    #[command(flatten)]
    state: StateSettings,
    #[command(flatten)]
    node: NodeSettings,
}

/// Takes the pack in, and writes what became of it to standard output.
///
/// # Errors
/// When it is refused; the history is then as it was.
pub fn run(settings: &ImportSettings) -> anyhow::Result<()> {
    let folder = place::folder(&settings.state)?;
    let node = match means(&settings.node) {
        Ok(Some(means)) => Ok(means.node),
        Ok(None) => Err("no node is set".to_owned()),
        Err(error) => Err(format!("{error:#}")),
    };
    let runtime = process::runtime()?;
    let imported = import(&settings.file, &folder, settings.expect, node, MODEL);
    let taken = runtime.block_on(imported);
    runtime.shutdown_background();
    match taken {
        Err(error @ PackError::Store(StoreError::InUse(_))) => Err(error)
            .context("nothing was imported: stop the historian, import, and start it again"),
        Err(error) => Err(error).context("nothing was imported"),
        Ok(taken) => output::write(&told(&taken)),
    }
}

fn told(taken: &Taken) -> String {
    let Taken {
        periods, imported, ..
    } = taken;
    let mut lines = vec![format!(
        "{} of {periods} periods were imported",
        imported.written
    )];
    if imported.same > 0 {
        lines.push(format!(
            "{} are in the history already, with the same rows",
            imported.same
        ));
    }
    if imported.kept > 0 {
        lines.push(format!(
            "{} are in the history with rows that are trusted more, which were kept",
            imported.kept
        ));
    }
    lines.push(match &taken.headers {
        Headers::Same => "the hashes of all blocks are those of the node's chain".to_owned(),
        Headers::UpTo(height) => {
            format!("the hashes of the blocks were compared up to {height}, the node's best block: they are the same")
        }
        Headers::Unknown(why) => {
            format!("the hashes of the blocks were not compared with a node's chain: {why}")
        }
    });
    let hash = hex(&taken.hash);
    lines.push(match taken.trust {
        Trust::Unverified => format!(
            "hash: {hash}\nNothing vouches for these rows: they answer as `unverified`. Once somebody whom you trust has told you this \
             hash, import the file again with --expect {hash}"
        ),
        Trust::Vouched | Trust::Own => format!("hash: {hash}, as expected"),
    });
    lines.join("\n") + "\n"
}
