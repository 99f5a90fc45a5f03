//! The history's file that a command is about, and the node that it asks.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
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
            None => bail!(
                "no history in {}: set state_dir to the historian's folder",
                folder(&self.state)?.display()
            ),
        }
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

    fn files(&self, folder: &std::path::Path, is_standin: bool) -> anyhow::Result<Vec<PathBuf>> {
        let wanted = self.chain.as_ref();
        let wanted = wanted.map(|chain| folder.join(Store::file_name(chain, is_standin)));
        let mut files = Store::files(folder, is_standin)?;
        files.retain(|file| wanted.as_ref().is_none_or(|wanted| wanted == file));
        Ok(files)
    }
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
mod tests {
    use super::*;

    #[test]
    fn periods_that_follow_one_another_are_told_as_one_run() {
        assert_eq!(periods(&[]), "");
        assert_eq!(
            periods(&[167, 168, 169, 171, 180, 181]),
            "167 to 169, 171, 180 to 181"
        );
    }
}
