//! Reads the files of a place in Core's order, and makes a [`DiscoveredNode`] of their settings.

use std::{
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use super::{
    Chain, CookieFile, DiscoveredNode, DiscoveryError, FolderSource, Login, Owners, PasswordLogin,
    Prune, RpcAddress, ValueFault, ZmqPublisher,
    address::{port, split},
    config::{MAX_FILE, parse},
    entry::{Key, Value, integer},
    places::{Origin, Start, require_folder},
    settings::Settings,
};
use crate::guard::read;

/// The host if `rpcconnect` is not set. Source: Core, `src/bitcoin-cli.cpp`, `DEFAULT_RPCCONNECT`.
const DEFAULT_HOST: &str = "127.0.0.1";
/// The name of the cookie file. Source: Core, `src/rpc/request.cpp`, `COOKIEAUTH_FILE`.
const COOKIE: &str = ".cookie";

/// The node of a place.
///
/// # Errors
/// All of [`DiscoveryError`] but `NoNode` and `RemoteHost`.
pub(super) fn resolve(start: &Start) -> Result<DiscoveredNode, DiscoveryError> {
    let mut files = Files {
        owners: Owners::of(&start.folder),
        read: Vec::new(),
        settings: Settings::default(),
    };
    files.read_config(start)?;
    let chain = files.settings.chain()?;
    let data_dir = data_dir(&files.settings, start, chain)?;
    let chain_dir = data_dir.join(chain.folder());
    files.owners = Owners::of(&data_dir);
    let unread_settings = files.read_json(&chain_dir.join("settings.json"))?;
    let Files {
        owners,
        read,
        settings,
    } = files;
    let rpc = rpc_address(&settings, chain)?;
    Ok(DiscoveredNode {
        login: login(&settings, chain, &rpc, &chain_dir, owners)?,
        blocks_dir: blocks_dir(&settings, chain, &data_dir)?,
        data_dir,
        chain,
        chain_dir: normal(&chain_dir),
        config_files: read,
        unread_settings,
        rpc,
        has_rpcauth: !settings.all(Key::Rpcauth, chain).is_empty(),
        zmq: zmq(&settings, chain),
        prune: prune(&settings, chain)?,
        server: settings
            .single(Key::Server, Some(chain))
            .map(Value::is_true),
    })
}

/// The files that were read, and their settings.
struct Files {
    owners: Owners,
    read: Vec<PathBuf>,
    settings: Settings,
}

impl Files {
    /// Reads `bitcoin.conf`, if it is there, and the files that it includes. Included files include no others. Their paths are
    /// relative to the data folder as it was before `bitcoin.conf` was read. Source: Core, `src/common/init.cpp`.
    fn read_config(&mut self, start: &Start) -> Result<(), DiscoveryError> {
        match self.add(&start.config) {
            Err(DiscoveryError::File(error)) if error.is_missing() => return Ok(()),
            other => other?,
        }
        let includes = self.settings.includes(self.settings.chain()?);
        for include in includes {
            self.add(&start.folder.join(include.text()))
                .map_err(|error| match error {
                    DiscoveryError::File(error) | DiscoveryError::Denied(error) => {
                        DiscoveryError::Include {
                            at: include.at.clone(),
                            error,
                        }
                    }
                    other => other,
                })?;
        }
        Ok(())
    }

    fn add(&mut self, path: &Path) -> Result<(), DiscoveryError> {
        let content = read(path, self.owners, MAX_FILE).map_err(DiscoveryError::file)?;
        let entries = parse(&Arc::from(path), &content)?;
        self.settings.add_config(entries);
        self.read.push(path.to_owned());
        Ok(())
    }

    /// Reads `settings.json`, if it is there. Returns its path if our user may not read it.
    fn read_json(&mut self, path: &Path) -> Result<Option<PathBuf>, DiscoveryError> {
        let content = match read(path, self.owners, MAX_FILE) {
            Ok(content) => content,
            Err(error) if error.is_missing() => return Ok(None),
            Err(error) if error.is_denied() => return Ok(Some(error.path)),
            Err(error) => return Err(DiscoveryError::File(error)),
        };
        self.settings.add_json(&Arc::from(path), &content)?;
        self.read.push(path.to_owned());
        Ok(None)
    }
}

/// The data folder: the one set by hand, else the one that `datadir` names, else the place's own.
fn data_dir(settings: &Settings, start: &Start, chain: Chain) -> Result<PathBuf, DiscoveryError> {
    let configured = match start.origin {
        Origin::ByHand => None,
        Origin::Home | Origin::System => settings.single(Key::Datadir, Some(chain)),
    };
    match configured.filter(|value| !value.text().is_empty()) {
        Some(value) => {
            let folder = absolute(Key::Datadir, value)?;
            require_folder(&folder, FolderSource::Config(value.at.clone()))?;
            Ok(folder)
        }
        None => {
            require_folder(&start.folder, FolderSource::Package)?;
            Ok(normal(&start.folder))
        }
    }
}

/// The folder of the block files. `blocksdir` moves it, and has a folder for each chain too.
fn blocks_dir(
    settings: &Settings,
    chain: Chain,
    data_dir: &Path,
) -> Result<PathBuf, DiscoveryError> {
    let configured = settings.single(Key::Blocksdir, Some(chain));
    let base = match configured.filter(|value| !value.is_negated() && !value.text().is_empty()) {
        Some(value) => absolute(Key::Blocksdir, value)?,
        None => data_dir.to_owned(),
    };
    Ok(base.join(chain.folder()).join("blocks"))
}

/// The address of the RPC. Its port is `rpcport`, else the one in `rpcconnect`, else the chain's.
fn rpc_address(settings: &Settings, chain: Chain) -> Result<RpcAddress, DiscoveryError> {
    let (host, host_port) = match settings.single(Key::Rpcconnect, Some(chain)) {
        Some(value) => split(value.text())
            .ok_or_else(|| DiscoveryError::value(Key::Rpcconnect, &value.at, ValueFault::Host))?,
        None => (DEFAULT_HOST, None),
    };
    let own_port = match settings.single(Key::Rpcport, Some(chain)) {
        Some(value) => Some(
            port(value.text())
                .ok_or_else(|| DiscoveryError::value(Key::Rpcport, &value.at, ValueFault::Port))?,
        ),
        None => None,
    };
    Ok(RpcAddress {
        host: host.to_owned(),
        port: own_port.or(host_port).unwrap_or(chain.rpc_port()),
    })
}

/// The password if there is one, else the cookie. A cookie that is there is read once, so that a fault shows now; one that is
/// not there is accepted, because the node may start later.
fn login(
    settings: &Settings,
    chain: Chain,
    rpc: &RpcAddress,
    chain_dir: &Path,
    owners: Owners,
) -> Result<Login, DiscoveryError> {
    if !rpc.is_loopback() {
        return Ok(Login::Withheld);
    }
    let text = |key| settings.single(key, Some(chain)).map_or("", Value::text);
    let password = text(Key::Rpcpassword);
    if !password.is_empty() {
        return Ok(Login::Password(PasswordLogin {
            user: text(Key::Rpcuser).to_owned(),
            password: password.to_owned(),
        }));
    }
    let name = match settings.single(Key::Rpccookiefile, Some(chain)) {
        Some(value) if value.is_negated() => {
            return Err(DiscoveryError::CookieDisabled {
                at: value.at.clone(),
            });
        }
        Some(value) if !value.text().is_empty() => value.text(),
        _ => COOKIE,
    };
    let cookie = CookieFile::new(normal(&chain_dir.join(name)), owners);
    match cookie.read() {
        Err(error) if !error.is_missing() => Err(error.into()),
        _ => Ok(Login::Cookie(cookie)),
    }
}

fn zmq(settings: &Settings, chain: Chain) -> Vec<ZmqPublisher> {
    let publishers = Key::ZMQ.into_iter().flat_map(|topic| {
        let addresses = settings.all(Key::Zmq(topic), chain);
        addresses.into_iter().map(move |address| ZmqPublisher {
            topic,
            address: address.text().to_owned(),
        })
    });
    publishers.collect()
}

fn prune(settings: &Settings, chain: Chain) -> Result<Prune, DiscoveryError> {
    let Some(value) = settings.single(Key::Prune, Some(chain)) else {
        return Ok(Prune::Off);
    };
    match u64::try_from(integer(value.text())) {
        Ok(0) => Ok(Prune::Off),
        Ok(1) => Ok(Prune::Manual),
        Ok(target_mib) => Ok(Prune::Automatic { target_mib }),
        Err(_) => Err(DiscoveryError::value(
            Key::Prune,
            &value.at,
            ValueFault::Negative,
        )),
    }
}

fn absolute(key: Key, value: &Value) -> Result<PathBuf, DiscoveryError> {
    let path = Path::new(value.text());
    match path.is_absolute() {
        true => Ok(normal(path)),
        false => Err(DiscoveryError::value(
            key,
            &value.at,
            ValueFault::RelativePath,
        )),
    }
}

/// The path without `.` and `..` parts and without a slash at its end, as Core writes it. Source: Core, `src/common/args.cpp`,
/// `GetPathArg`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}
