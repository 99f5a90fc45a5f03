//! The history's file that a command is about, and the node that it asks.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use satscope_historian::{
    Means, means,
    node::CoreNode,
    store::{Readers, Store},
};
use satscope_kit::config::{NodeSettings, StateSettings};

/// The file.
#[derive(Args, Debug)]
pub struct FileSettings {
    #[command(flatten)]
    pub state: StateSettings,

    /// The chain whose history is meant, such as main [default: the only one in the folder]
    #[arg(long, value_name = "NAME")]
    pub chain: Option<String>,
}

/// The folder of the files.
///
/// # Errors
/// When none is kept.
pub fn folder(state: &StateSettings) -> anyhow::Result<PathBuf> {
    match state.folder()? {
        Some(folder) => Ok(folder),
        None => bail!(
            "state_dir is none: a history that is kept for the life of a process is not there for other commands"
        ),
    }
}

impl FileSettings {
    /// The readers of the file: of a node if there is one, and otherwise of a stand-in.
    ///
    /// # Errors
    /// When there is none, or more than one, or it cannot be read.
    pub fn readers(&self, is_standin: bool) -> anyhow::Result<Readers> {
        match self.find(is_standin)? {
            Some(readers) => Ok(readers),
            None => Err(self.none()?),
        }
    }

    /// The error that there is none; it names the chains that have one.
    ///
    /// # Errors
    /// When the folder cannot be read.
    fn none(&self) -> anyhow::Result<anyhow::Error> {
        let folder = folder(&self.state)?;
        let (of_nodes, of_standins) = (Store::files(&folder, false)?, Store::files(&folder, true)?);
        let names = of_nodes.iter().filter_map(|file| chain_of(file));
        let standins = of_standins.iter().filter_map(|file| chain_of(file));
        let standins = standins.map(|chain| format!("{chain} (of a stand-in)"));
        let names: Vec<String> = names.map(str::to_owned).chain(standins).collect();
        let folder = folder.display();
        Ok(match (&self.chain, alternatives(&names)) {
            (Some(chain), Some(names)) => {
                anyhow!("no history of chain {chain:?} in {folder}: expected --chain {names}")
            }
            _ => anyhow!("no history in {folder}: set state_dir to the historian's folder"),
        })
    }

    /// The same; `None` if there is none.
    ///
    /// # Errors
    /// When there is more than one, or it cannot be read.
    pub fn find(&self, is_standin: bool) -> anyhow::Result<Option<Readers>> {
        let folder = folder(&self.state)?;
        let mut files = Vec::new();
        if !is_standin {
            files = self.files(&folder, false)?;
        }
        if files.is_empty() {
            files = self.files(&folder, true)?;
        }
        match &files[..] {
            [] => Ok(None),
            [file] => Ok(Some(Store::read(file)?)),
            _ => {
                let names = files.iter().map(|file| file.display().to_string());
                let names: Vec<String> = names.collect();
                bail!(
                    "more than one history: {}; name one by --chain",
                    names.join(", ")
                )
            }
        }
    }

    fn files(&self, folder: &Path, is_standin: bool) -> anyhow::Result<Vec<PathBuf>> {
        let wanted = self.chain.as_ref();
        let wanted = wanted.map(|chain| folder.join(Store::file_name(chain, is_standin)));
        let mut files = Store::files(folder, is_standin)?;
        files.retain(|file| wanted.as_ref().is_none_or(|wanted| wanted == file));
        Ok(files)
    }
}

/// The chain in the name of a history's file.
fn chain_of(file: &Path) -> Option<&str> {
    let name = file.file_stem()?.to_str()?.strip_prefix("history-")?;
    Some(name.strip_suffix("-simulated").unwrap_or(name))
}

/// Names as a choice, such as `main, signet or test`; `None` if there is no name.
fn alternatives(names: &[String]) -> Option<String> {
    let (last, others) = names.split_last()?;
    Some(match others {
        [] => last.clone(),
        _ => format!("{} or {last}", others.join(", ")),
    })
}

/// The means to read from the node.
///
/// # Errors
/// When no node is set or found, or it cannot be used.
pub fn node(settings: &NodeSettings, why: &str) -> anyhow::Result<Means<CoreNode>> {
    let found = means(settings).with_context(|| format!("the node is needed: {why}"))?;
    found.with_context(|| {
        format!("no node is set, and none was found: {why}; set bitcoin_dir or rpc_url")
    })
}

/// Numbers of periods as a text, such as `167 to 171, 180`.
pub fn periods(numbers: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, last)) if last.saturating_add(1) == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let texts = runs.iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first} to {last}"),
    });
    texts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bitcoin::{BlockHash, hashes::Hash as _};
    use satscope_historian::store::Identity;

    use super::*;

    fn refusal(folder: &Path, chain: Option<&str>) -> String {
        let settings = FileSettings {
            state: StateSettings {
                state_dir: Some(folder.to_owned()),
            },
            chain: chain.map(str::to_owned),
        };
        settings.readers(false).unwrap_err().to_string()
    }

    #[test]
    fn a_chain_without_a_history_is_answered_with_those_that_have_one() {
        let folder = tempfile::tempdir().unwrap();
        let none = refusal(folder.path(), Some("test"));
        assert!(none.contains("set state_dir"), "{none}");
        for (chain, simulated) in [("main", false), ("signet", false), ("regtest", true)] {
            let identity = Identity {
                chain: chain.to_owned(),
                genesis: BlockHash::hash(&[1]),
                simulated,
            };
            let file = folder.path().join(Store::file_name(chain, simulated));
            Store::open(&file, &identity).unwrap();
        }
        for chain in ["test", ""] {
            let words = refusal(folder.path(), Some(chain));
            let expected = format!("no history of chain {chain:?} in ");
            assert!(words.starts_with(&expected), "{words}");
            let expected = "expected --chain main, signet or regtest (of a stand-in)";
            assert!(words.ends_with(expected), "{words}");
        }
        let several = refusal(folder.path(), None);
        assert!(several.contains("name one by --chain"), "{several}");
    }

    #[test]
    fn periods_that_follow_one_another_are_told_as_one_run() {
        assert_eq!(periods(&[]), "");
        assert_eq!(
            periods(&[167, 168, 169, 171, 180, 181]),
            "167 to 169, 171, 180 to 181"
        );
    }
}
