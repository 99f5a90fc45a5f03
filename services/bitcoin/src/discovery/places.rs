//! The places in which a node's files are looked for.

use std::path::{Path, PathBuf};

use super::{CookieFile, DiscoveryError, FileError, FolderSource, Owners};

/// The default data folder within the home folder. Source: Core, `src/common/args.cpp`, `GetDefaultDataDir`.
const DEFAULT_FOLDER: &str = match cfg!(target_os = "macos") {
    true => "Library/Application Support/Bitcoin",
    false => ".bitcoin",
};
/// The configuration of a node that the system starts. Source: Core, `contrib/init/bitcoind.service`.
const ETC_CONFIG: &str = "/etc/bitcoin/bitcoin.conf";
/// The data folder of a node that the system starts. Source: as for `ETC_CONFIG`.
const SERVICE_DIR: &str = "/var/lib/bitcoind";
/// Files and folders; a data folder that was used has at least one of them.
const TRACES: [&str; 9] = [
    "bitcoin.conf",
    "settings.json",
    ".cookie",
    "blocks",
    "chainstate",
    "testnet3",
    "testnet4",
    "signet",
    "regtest",
];

/// The places in which a node's files are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The node's data folder, set by hand. As with Core's `-datadir`, a `datadir` in its `bitcoin.conf` does not count.
    pub bitcoin_dir: Option<PathBuf>,
    /// The home folder of our user.
    pub home: Option<PathBuf>,
    /// The configuration of a node that the system starts.
    pub etc_config: PathBuf,
    /// The data folder of that node, unless its configuration names another one.
    pub service_dir: PathBuf,
}

impl Places {
    /// The places of this machine: `bitcoin_dir` if it is set, else the home folder in `HOME`, else `/etc/bitcoin/bitcoin.conf`.
    pub fn of_system(bitcoin_dir: Option<PathBuf>) -> Places {
        let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
        Places {
            bitcoin_dir,
            home: home.map(PathBuf::from),
            etc_config: PathBuf::from(ETC_CONFIG),
            service_dir: PathBuf::from(SERVICE_DIR),
        }
    }

    /// The cookie that a node will write once it is started in our user's home folder with default settings; `None` if a folder
    /// was set by hand, or there is no home folder.
    pub fn awaited_cookie(&self) -> Option<CookieFile> {
        let home = self.home.as_ref().filter(|_| self.bitcoin_dir.is_none())?;
        let path = home.join(DEFAULT_FOLDER).join(".cookie");
        Some(CookieFile::new(path, Owners::of(home)))
    }

    /// The first place that has files of a node.
    pub(super) fn start(&self) -> Result<Start, DiscoveryError> {
        if let Some(folder) = &self.bitcoin_dir {
            return by_hand(folder);
        }
        let home = self.home.as_ref().map(|home| home.join(DEFAULT_FOLDER));
        let at_home = home.as_deref().map_or(Ok(false), is_used);
        if let (Some(folder), Ok(true)) = (&home, &at_home) {
            return Ok(Start {
                config: folder.join("bitcoin.conf"),
                folder: folder.clone(),
                origin: Origin::Home,
            });
        }
        if exists(&self.etc_config)? {
            return Ok(Start {
                config: self.etc_config.clone(),
                folder: self.service_dir.clone(),
                origin: Origin::System,
            });
        }
        // A home folder that is closed to us matters only if there is no other place.
        at_home?;
        let looked_in = home.into_iter().chain([self.etc_config.clone()]);
        Err(DiscoveryError::NoNode {
            looked_in: looked_in.collect(),
        })
    }
}

/// The kind of place in which the node was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    ByHand,
    Home,
    System,
}

/// A place that has files of a node.
#[derive(Clone, Debug)]
pub(super) struct Start {
    /// `bitcoin.conf`, which need not be there.
    pub config: PathBuf,
    /// The data folder, unless the configuration moves it.
    pub folder: PathBuf,
    pub origin: Origin,
}

fn by_hand(folder: &Path) -> Result<Start, DiscoveryError> {
    let system = |error| DiscoveryError::file(FileError::of_system(folder, error));
    let folder = std::path::absolute(folder).map_err(system)?;
    require_folder(&folder, FolderSource::ByHand)?;
    Ok(Start {
        config: folder.join("bitcoin.conf"),
        folder,
        origin: Origin::ByHand,
    })
}

/// Checks that a path is a folder that can be looked at.
///
/// # Errors
/// [`DiscoveryError::NoFolder`], and [`DiscoveryError::Denied`] if a folder above it is closed to us.
pub(super) fn require_folder(folder: &Path, named_by: FolderSource) -> Result<(), DiscoveryError> {
    match folder.metadata() {
        Ok(metadata) if metadata.is_dir() => return Ok(()),
        Ok(_) => {}
        Err(error) => {
            let error = FileError::of_system(folder, error);
            if !error.is_missing() {
                return Err(DiscoveryError::file(error));
            }
        }
    }
    Err(DiscoveryError::NoFolder {
        folder: folder.to_owned(),
        named_by,
    })
}

/// Whether a data folder has been used by a node.
fn is_used(folder: &Path) -> Result<bool, DiscoveryError> {
    for trace in TRACES {
        if exists(&folder.join(trace))? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn exists(path: &Path) -> Result<bool, DiscoveryError> {
    let system = |error| DiscoveryError::file(FileError::of_system(path, error));
    path.try_exists()
        .map_err(system)
        .or_else(|error| match error {
            DiscoveryError::File(error) if error.is_missing() => Ok(false),
            other => Err(other),
        })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    fn places(root: &TempDir) -> Places {
        Places {
            bitcoin_dir: None,
            home: Some(root.path().join("home")),
            etc_config: root.path().join("etc/bitcoin.conf"),
            service_dir: root.path().join("service"),
        }
    }

    fn write(path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }

    #[test]
    fn nothing_found_says_where_it_was_looked_for() {
        let root = tempfile::tempdir().unwrap();
        let places = places(&root);
        let error = places.start().unwrap_err().to_string();
        for path in [
            root.path().join("home").join(DEFAULT_FOLDER),
            places.etc_config,
        ] {
            assert!(error.contains(&path.display().to_string()), "{error}");
        }
    }

    #[test]
    fn a_folder_by_hand_goes_before_home_and_that_before_etc() {
        let root = tempfile::tempdir().unwrap();
        let mut places = places(&root);
        write(&places.etc_config);
        let start = places.start().unwrap();
        assert_eq!(
            (start.origin, start.config),
            (Origin::System, places.etc_config.clone())
        );
        assert_eq!(start.folder, places.service_dir);

        let folder = root.path().join("home").join(DEFAULT_FOLDER);
        fs::create_dir_all(&folder).unwrap();
        assert_eq!(places.start().unwrap().origin, Origin::System);
        fs::create_dir(folder.join("signet")).unwrap();
        let start = places.start().unwrap();
        assert_eq!(
            (start.origin, start.config),
            (Origin::Home, folder.join("bitcoin.conf"))
        );

        places.bitcoin_dir = Some(root.path().to_owned());
        let start = places.start().unwrap();
        assert_eq!(
            (start.origin, start.folder),
            (Origin::ByHand, root.path().to_owned())
        );
    }

    #[test]
    fn a_folder_by_hand_that_is_not_there_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let mut places = places(&root);
        for path in [
            root.path().join("none"),
            root.path().join("etc/bitcoin.conf"),
        ] {
            write(&root.path().join("etc/bitcoin.conf"));
            places.bitcoin_dir = Some(path);
            let error = places.start().unwrap_err();
            assert!(matches!(error, DiscoveryError::NoFolder { .. }), "{error}");
            assert!(error.to_string().contains("correct bitcoin_dir"), "{error}");
        }
    }

    #[test]
    fn the_places_of_the_system_are_those_of_core() {
        let places = Places::of_system(Some(PathBuf::from("/x")));
        assert_eq!(places.bitcoin_dir, Some(PathBuf::from("/x")));
        assert_eq!(places.etc_config, Path::new("/etc/bitcoin/bitcoin.conf"));
        assert_eq!(places.service_dir, Path::new("/var/lib/bitcoind"));
    }
}
