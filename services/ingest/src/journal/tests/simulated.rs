//! A disk that fills up, refuses, dies with its process at any byte, and forgets in a power cut what was not synced.

use std::{
    collections::BTreeMap,
    io::{self, Cursor, Read},
    sync::{Arc, Mutex, MutexGuard},
};

use rustix::io::Errno;

use crate::journal::disk::{Disk, DiskFile, LockError};

/// Clones are the same disk.
#[derive(Clone, Debug)]
pub struct Simulated(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    files: Vec<Contents>,
    names: BTreeMap<String, usize>,
    /// The names after each change since the folder was synced, beginning with those that a power cut leaves in any case.
    names_since: Vec<BTreeMap<String, usize>>,
    room: u64,
    refusal: Option<Errno>,
    /// Bytes and operations until the process is killed; `None` if it is not.
    life: Option<u64>,
    /// All of those so far.
    spent: u64,
}

#[derive(Debug, Default)]
struct Contents {
    bytes: Vec<u8>,
    /// What a power cut leaves in any case, and the changes since.
    synced: Vec<u8>,
    since: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Write(u64, Vec<u8>),
    Cut(u64),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Change::Write(at, written) => {
                let end = *at as usize + written.len();
                bytes.resize(bytes.len().max(end), 0);
                bytes[*at as usize..end].copy_from_slice(written);
            }
            Change::Cut(length) => bytes.resize(*length as usize, 0),
        }
    }
}

impl Inner {
    /// Takes up to `wanted` of what is left of the process's life.
    fn spend(&mut self, wanted: u64) -> io::Result<u64> {
        if let Some(error) = self.refusal {
            return Err(error.into());
        }
        let granted = wanted.min(self.life.unwrap_or(u64::MAX));
        self.spent += granted;
        self.life = self.life.map(|life| life - granted);
        match granted {
            0 => Err(io::Error::other("killed")),
            granted => Ok(granted),
        }
    }

    fn free(&self) -> u64 {
        let used: usize = self
            .names
            .values()
            .map(|at| self.files[*at].bytes.len())
            .sum();
        self.room.saturating_sub(used as u64)
    }

    fn named(&mut self) {
        self.names_since.push(self.names.clone());
    }
}

impl Simulated {
    pub fn with_room(room: u64) -> Simulated {
        Simulated(Arc::new(Mutex::new(Inner {
            files: Vec::new(),
            names: BTreeMap::new(),
            names_since: vec![BTreeMap::new()],
            room,
            refusal: None,
            life: None,
            spent: 0,
        })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    pub fn set_room(&self, room: u64) {
        self.inner().room = room;
    }

    /// Answers whatever changes something with this error.
    pub fn refuse(&self, error: Option<Errno>) {
        self.inner().refusal = error;
    }

    /// Kills the process after so many bytes and operations.
    pub fn set_life(&self, life: u64) {
        self.inner().life = Some(life);
    }

    pub fn is_dead(&self) -> bool {
        self.inner().life == Some(0)
    }

    /// Bytes and operations so far.
    pub fn spent(&self) -> u64 {
        self.inner().spent
    }

    pub fn used(&self) -> u64 {
        let inner = self.inner();
        inner.room - inner.free()
    }

    pub fn has(&self, name: &str) -> bool {
        self.inner().names.contains_key(name)
    }

    /// The process is gone; another may begin.
    pub fn revive(&self) {
        let mut inner = self.inner();
        inner.life = None;
        inner.refusal = None;
        inner.room = u64::MAX / 2;
    }

    /// The machine is switched off: of what was not synced a part is there, which `dice` says by numbers below its argument.
    pub fn cut_power(&self, mut dice: impl FnMut(usize) -> usize) {
        let mut inner = self.inner();
        let kept = dice(inner.names_since.len());
        inner.names = inner.names_since.swap_remove(kept);
        inner.names_since = vec![inner.names.clone()];
        for file in &mut inner.files {
            let mut bytes = std::mem::take(&mut file.synced);
            for change in file.since.drain(..) {
                match (dice(3), change) {
                    (0, _) => {}
                    (1, Change::Write(at, mut written)) => {
                        written.truncate(dice(written.len() + 1));
                        Change::Write(at, written).apply(&mut bytes);
                    }
                    (_, change) => change.apply(&mut bytes),
                }
            }
            file.synced.clone_from(&bytes);
            file.bytes = bytes;
        }
    }
}

impl Disk for Simulated {
    type File = SimulatedFile;

    fn lock(&self) -> Result<(), LockError> {
        self.inner().spend(1).map(|_| ()).map_err(LockError::Io)
    }

    fn read(&self, name: &str) -> io::Result<Option<Box<dyn Read + '_>>> {
        let inner = self.inner();
        let file = inner.names.get(name).map(|at| &inner.files[*at]);
        Ok(file.map(|file| Box::new(Cursor::new(file.bytes.clone())) as Box<dyn Read>))
    }

    fn create(&self, name: &str) -> io::Result<SimulatedFile> {
        let mut inner = self.inner();
        inner.spend(1)?;
        inner.files.push(Contents::default());
        let at = inner.files.len() - 1;
        inner.names.insert(name.to_owned(), at);
        inner.named();
        Ok(SimulatedFile(self.clone(), at))
    }

    fn open(&self, name: &str) -> io::Result<SimulatedFile> {
        let mut inner = self.inner();
        inner.spend(1)?;
        Ok(SimulatedFile(self.clone(), inner.names[name]))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut inner = self.inner();
        inner.spend(1)?;
        let at = inner.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        inner.names.insert(to.to_owned(), at);
        inner.named();
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut inner = self.inner();
        inner.spend(1)?;
        inner.names.remove(name);
        inner.named();
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut inner = self.inner();
        inner.spend(1)?;
        inner.names_since = vec![inner.names.clone()];
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(self.inner().free())
    }
}

#[derive(Debug)]
pub struct SimulatedFile(Simulated, usize);

impl DiskFile for SimulatedFile {
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        let mut inner = self.0.inner();
        let beyond =
            (at + bytes.len() as u64).saturating_sub(inner.files[self.1].bytes.len() as u64);
        let fits = bytes.len() as u64 - beyond + beyond.min(inner.free());
        if fits == 0 {
            return Err(Errno::NOSPC.into());
        }
        let written = inner.spend(fits)? as usize;
        let change = Change::Write(at, bytes[..written].to_vec());
        let file = &mut inner.files[self.1];
        change.apply(&mut file.bytes);
        file.since.push(change);
        Ok(written)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let mut inner = self.0.inner();
        inner.spend(1)?;
        let file = &mut inner.files[self.1];
        Change::Cut(length).apply(&mut file.bytes);
        file.since.push(Change::Cut(length));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut inner = self.0.inner();
        inner.spend(1)?;
        let file = &mut inner.files[self.1];
        file.synced.clone_from(&file.bytes);
        file.since.clear();
        Ok(())
    }
}
