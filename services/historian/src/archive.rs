//! The open history of this process: none until its chain is known, then one file.
//!
//! The file's name has the chain in it, which the node tells. A file that is there already is opened at once if it is the only
//! one of its kind, so that the past is served while the node is away. Once the node has told its chain, no other chain's file is
//! opened.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Context as _;
use satscope_kit::fault::Fault;
use tempfile::TempDir;
use tracing::{info, warn};

use crate::{
    report,
    store::{Identity, Readers, Store, StoreError, Writer},
};

/// The folder of the files, and the open file. Clones share it.
#[derive(Clone, Debug)]
pub struct Archive(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    folder: Folder,
    simulated: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    open: Option<History>,
    /// The chain that the node is of; `None` until the node has told it.
    named: Option<Identity>,
    /// Why no file could be opened at the last try, for the log; `None` if one could.
    refused: Option<String>,
}

/// The folder of the files, and whether it outlives the process.
#[derive(Debug)]
enum Folder {
    Kept(PathBuf),
    /// A temporary folder that is removed at the end.
    Passing(TempDir),
}

/// An open file. Clones share it.
#[derive(Clone, Debug)]
pub struct History {
    readers: Readers,
    writer: Arc<Mutex<Writer>>,
    /// Why the last write failed; `None` if it succeeded.
    unwritten: Arc<Mutex<Option<Fault>>>,
}

impl History {
    /// The readers of the file.
    pub fn readers(&self) -> &Readers {
        &self.readers
    }

    /// Runs `work` on the file's writer, for one transaction. Other parts of the historian wait meanwhile, for some
    /// seconds at most.
    ///
    /// # Errors
    /// Those of `work`, which are also counted.
    pub fn write<T>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let done = work(&mut self.lock());
        match &done {
            Ok(_) => *self.last_failure() = None,
            Err(error) => {
                report::failed(error);
                self.note(error);
            }
        }
        done
    }

    /// Why the file cannot be written; `None` if the last write succeeded.
    pub fn unwritten(&self) -> Option<Fault> {
        self.last_failure().clone()
    }

    /// Notes why a write failed. A refusal of rows says nothing about the file.
    fn note(&self, error: &StoreError) {
        if !matches!(error, StoreError::Rows(_) | StoreError::FinalPeriod(_)) {
            *self.last_failure() = Some(Fault::new(error.public(), error.to_string()));
        }
    }

    fn last_failure(&self) -> MutexGuard<'_, Option<Fault>> {
        self.unwritten
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Archive {
    /// The files in a folder, of nodes or of stand-ins. Without a folder they are kept in a temporary one that is
    /// removed at the end.
    ///
    /// # Errors
    /// When the temporary folder cannot be made.
    pub fn new(folder: Option<PathBuf>, simulated: bool) -> anyhow::Result<Archive> {
        let folder = match folder {
            Some(folder) => Folder::Kept(folder),
            None => Folder::Passing(
                tempfile::Builder::new()
                    .prefix("satscope-history-")
                    .tempdir()
                    .context("a folder for the history of this process")?,
            ),
        };
        Ok(Archive(Arc::new(Shared {
            folder,
            simulated,
            state: Mutex::default(),
        })))
    }

    /// The folder of the files, which other files lie in as well.
    pub fn folder(&self) -> &Path {
        match &self.0.folder {
            Folder::Kept(folder) => folder,
            Folder::Passing(folder) => folder.path(),
        }
    }

    /// Whether the files are of stand-ins.
    pub fn is_simulated(&self) -> bool {
        self.0.simulated
    }

    /// The open file; `None` while its chain is not known, or if the file cannot be opened.
    pub fn history(&self) -> Option<History> {
        self.lock().open.clone()
    }

    /// The open file. If none is open, opens the one of the chain that the node has told. Before the node has told it, opens the
    /// file that is there, if it is the only one of its kind; `None` if there is none, or more than one.
    ///
    /// # Errors
    /// When it cannot be opened. The reason is logged once for each change.
    pub fn open_again(&self) -> Result<Option<History>, StoreError> {
        let mut state = self.lock();
        if let Some(history) = &state.open {
            return Ok(Some(history.clone()));
        }
        let found = match &state.named {
            Some(identity) => Ok(Some((self.path_of(identity), identity.clone()))),
            None => self.only(),
        };
        match found {
            Ok(Some((path, identity))) => state.open_at(&path, &identity).map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(state.refuse(error)),
        }
    }

    /// The only file of its kind, with its identity; `None` if there is none, or more than one.
    fn only(&self) -> Result<Option<(PathBuf, Identity)>, StoreError> {
        let files = Store::files(self.folder(), self.0.simulated)?;
        match <[PathBuf; 1]>::try_from(files) {
            Ok([path]) => {
                let identity = Store::identity(&path)?;
                Ok(Some((path, identity)))
            }
            Err(_) => Ok(None),
        }
    }

    fn path_of(&self, identity: &Identity) -> PathBuf {
        let name = Store::file_name(&identity.chain, identity.simulated);
        self.folder().join(name)
    }

    /// Opens the file of a chain, as the node tells it; if another one is open, that one is closed. From then on, no file of
    /// another chain is opened, even if this one cannot be opened. To be called off the async threads.
    ///
    /// # Errors
    /// When it cannot be opened. The reason is logged once for each change.
    pub fn open(&self, chain: &str, genesis: bitcoin::BlockHash) -> Result<History, StoreError> {
        let identity = Identity {
            chain: chain.to_owned(),
            genesis,
            simulated: self.0.simulated,
        };
        let mut state = self.lock();
        state.named = Some(identity.clone());
        state.open_at(&self.path_of(&identity), &identity)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn open_at(&mut self, path: &Path, identity: &Identity) -> Result<History, StoreError> {
        if let Some(history) = self
            .open
            .as_ref()
            .filter(|open| open.readers.identity() == identity)
        {
            return Ok(history.clone());
        }
        if let Some(other) = self.open.take() {
            let other = other.readers.path().display();
            warn!("the history in {other} is of another chain than the node's, and is closed");
        }
        let opened = Store::open(path, identity).map_err(|error| self.refuse(error));
        let (writer, readers) = opened?;
        info!("the history is in {}", path.display());
        let history = History {
            readers,
            writer: Arc::new(Mutex::new(writer)),
            unwritten: Arc::default(),
        };
        self.open = Some(history.clone());
        self.refused = None;
        Ok(history)
    }

    /// Counts that a file could not be opened, and logs the reason if it is another than at the last try.
    fn refuse(&mut self, error: StoreError) -> StoreError {
        report::failed(&error);
        if self.is_news(&error) {
            error.log();
        }
        error
    }

    /// Whether the error differs from that of the last try; the error is kept for the next.
    fn is_news(&mut self, error: &StoreError) -> bool {
        let words = Some(error.to_string());
        let is_news = self.refused != words;
        self.refused = words;
        is_news
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bitcoin::{BlockHash, hashes::Hash as _};

    use super::*;

    fn genesis(byte: u8) -> BlockHash {
        BlockHash::hash(&[byte])
    }

    #[test]
    fn the_only_file_is_opened_before_the_node_has_answered() {
        let folder = tempfile::tempdir().unwrap();
        let archive = || Archive::new(Some(folder.path().join("state")), false).unwrap();
        let first = archive();
        assert!(first.open_again().unwrap().is_none());
        assert!(first.history().is_none());
        let opened = first.open("main", genesis(1)).unwrap();
        assert_eq!(opened.readers().identity().chain, "main");
        drop((first, opened));
        let again = archive();
        let opened = again.open_again().unwrap().unwrap();
        assert_eq!(opened.readers().identity().genesis, genesis(1));
        // The node agrees.
        again.open("main", genesis(1)).unwrap();
        // The node is of another chain.
        drop(opened);
        again.open("test", genesis(2)).unwrap();
        let open = again.history().unwrap();
        assert_eq!(open.readers().identity().chain, "test");
        drop((again, open));
        assert!(archive().open_again().unwrap().is_none(), "there are two");
        let simulated = Archive::new(Some(folder.path().join("state")), true).unwrap();
        assert!(simulated.open_again().unwrap().is_none());
    }

    #[test]
    fn the_only_file_may_be_of_another_first_block() {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::new(Some(folder.path().to_owned()), true).unwrap();
        archive.open("regtest", genesis(1)).unwrap();
        let refused = archive.open("regtest", genesis(2)).unwrap_err();
        assert!(
            matches!(refused, StoreError::OtherChain { .. }),
            "{refused}"
        );
        assert!(
            archive.history().is_none(),
            "what is of another chain is not served"
        );
        // The file is the only one, and the node has said that it is not its own.
        for _ in 0..3 {
            let refused = archive.open_again().unwrap_err();
            assert!(
                matches!(refused, StoreError::OtherChain { .. }),
                "{refused}"
            );
            assert!(archive.history().is_none());
        }
        // The node of the file's chain is back.
        archive.open("regtest", genesis(1)).unwrap();
        assert!(archive.open_again().unwrap().is_some());
    }

    #[test]
    fn a_file_that_cannot_be_opened_lets_no_other_chains_file_be_opened() {
        let folder = tempfile::tempdir().unwrap();
        let archive = Archive::new(Some(folder.path().to_owned()), false).unwrap();
        let main = archive.open("main", genesis(1)).unwrap();
        drop((archive, main));
        let archive = Archive::new(Some(folder.path().to_owned()), false).unwrap();
        assert!(archive.open_again().unwrap().is_some());
        let test = folder.path().join(Store::file_name("test", false));
        std::fs::create_dir(&test).unwrap();
        archive.open("test", genesis(2)).unwrap_err();
        archive.open_again().unwrap_err();
        assert!(archive.history().is_none());
        // It is opened as soon as that is possible.
        std::fs::remove_dir(&test).unwrap();
        let open = archive.open_again().unwrap().unwrap();
        assert_eq!(open.readers().identity().chain, "test");
    }

    #[test]
    fn why_a_file_is_refused_is_news_once() {
        let mut state = State::default();
        let error = |reason: &str| StoreError::NotOurs {
            path: PathBuf::from("history-main.sqlite"),
            reason: reason.to_owned(),
        };
        assert!(state.is_news(&error("a letter")));
        assert!(!state.is_news(&error("a letter")));
        assert!(state.is_news(&error("a picture")));
        assert!(state.is_news(&error("a letter")));
    }

    #[test]
    fn without_a_folder_the_files_go_with_the_process() {
        let archive = Archive::new(None, true).unwrap();
        let folder = archive.folder().to_owned();
        archive.open("regtest", genesis(1)).unwrap();
        assert!(folder.join("history-regtest-simulated.sqlite").exists());
        drop(archive);
        assert!(!folder.exists());
    }
}
