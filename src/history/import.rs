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
use satscope_kit::{
    clock::unix_ms,
    config::{NodeSettings, StateSettings},
};

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
    let now = unix_ms() / 1000;
    let imported = import(&settings.file, &folder, settings.expect, node, MODEL, now);
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
        Headers::Above(height) => {
            format!("no hash of a block could be compared: the node's best block, {height}, is below the pack's first one")
        }
        Headers::Unknown(why) => {
            format!("the hashes of the blocks were not compared with a node's chain: {why}")
        }
        Headers::Until(height, why) => {
            format!("the hashes of the blocks up to {height} are those of the node's chain, and no others were compared: {why}")
        }
    });
    let hash = hex(&taken.hash);
    lines.push(match (taken.trust, imported.unverified) {
        (Trust::Unverified, 0) => format!(
            "hash: {hash}\nNone of these rows answers as `unverified`: the history has rows of each period that are trusted more, and they stay"
        ),
        (Trust::Unverified, unverified) => format!(
            "hash: {hash}\nNothing vouches for the rows of {unverified} periods: they answer as `unverified`. Once somebody whom you \
             trust has told you this hash, import the file again with --expect {hash}"
        ),
        (Trust::Vouched | Trust::Own, _) => format!("hash: {hash}, as expected"),
    });
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use bitcoin::{BlockHash, hashes::Hash as _};
    use satscope_historian::{
        pack::Head,
        store::{Identity, Imported},
    };

    use super::*;

    fn taken(imported: Imported, headers: Headers) -> String {
        let identity = Identity {
            chain: "main".to_owned(),
            genesis: BlockHash::all_zeros(),
            simulated: false,
        };
        told(&Taken {
            head: Head { identity, model: 1 },
            periods: 3,
            hash: [7; 32],
            trust: Trust::Unverified,
            imported,
            headers,
        })
    }

    #[test]
    fn rows_that_were_there_are_not_called_unverified() {
        let same = Imported {
            same: 3,
            ..Imported::default()
        };
        let text = taken(same, Headers::Same);
        assert!(!text.contains("Nothing vouches"), "{text}");
        assert!(
            text.contains("None of these rows answers as `unverified`"),
            "{text}"
        );
        let some = Imported {
            written: 1,
            same: 2,
            unverified: 1,
            ..Imported::default()
        };
        let text = taken(some, Headers::Same);
        assert!(
            text.contains("Nothing vouches for the rows of 1 periods"),
            "{text}"
        );
    }

    #[test]
    fn hashes_that_were_not_compared_are_not_called_the_same() {
        let text = taken(Imported::default(), Headers::Above(9));
        assert!(
            text.contains("no hash of a block could be compared"),
            "{text}"
        );
        assert!(!text.contains("the same"), "{text}");
        let text = taken(Imported::default(), Headers::Until(9, "gone".to_owned()));
        assert!(text.contains("up to 9 are"), "{text}");
        assert!(text.contains("no others were compared: gone"), "{text}");
    }
}
