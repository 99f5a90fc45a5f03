//! The errors of finding the node. No error holds a value of an unknown key or a secret.

use std::{fmt, path::PathBuf};

use thiserror::Error;

use super::{
    CookieError, FileError,
    entry::{Key, Spot},
};

/// The reason why no node was found, or why its settings cannot be used.
#[derive(Debug, Error)]
pub enum DiscoveryError {
    /// No place has files of a node.
    #[error(
        "no Bitcoin Core found in {}; set bitcoin_dir to the node's data folder, or set rpc_url and the login by hand",
        listed(.looked_in)
    )]
    NoNode {
        /// The folders and files that were looked for.
        looked_in: Vec<PathBuf>,
    },
    /// The data folder is not there, or is not a folder.
    #[error("the data folder {} is not a folder; correct {named_by}", .folder.display())]
    NoFolder {
        /// The data folder.
        folder: PathBuf,
        /// The setting that names it.
        named_by: FolderSource,
    },
    /// A configuration file or folder is not to be read, or not to be trusted.
    #[error("the node's configuration {0}")]
    File(FileError),
    /// Our user may not read a configuration file or folder.
    #[error(
        "the node's configuration {0}. Let a group read it (chmod g+r, and g+x for folders) and add Satscope's user to the group; or \
         set rpc_url and the login by hand"
    )]
    Denied(FileError),
    /// An included file is not to be read, or not to be trusted.
    #[error("{at}: the included file {error}; if its path is relative, write it in full")]
    Include {
        /// The `includeconf`.
        at: Spot,
        /// The file and its fault.
        error: FileError,
    },
    /// A line of a configuration file is wrong.
    #[error("{at}: {fault}")]
    Line {
        /// File and line.
        at: Spot,
        /// The fault of the line.
        fault: LineFault,
    },
    /// The value of a key is wrong.
    #[error("{at}: {key}: {fault}")]
    Value {
        /// File and line.
        at: Spot,
        /// The key.
        key: &'static str,
        /// The fault of the value.
        fault: ValueFault,
    },
    /// `settings.json` is no JSON object.
    #[error(
        "{}, line {line}: expected a JSON object. Stop the node and remove the file, which resets the settings made in its window",
        .file.display()
    )]
    Json {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1; 0 for an empty file.
        line: usize,
    },
    /// Two settings choose a chain each, which Core refuses.
    #[error("{first} and {second} choose a chain each; remove one of the two")]
    TwoChains {
        /// A setting that chooses a chain.
        first: Spot,
        /// Another one.
        second: Spot,
    },
    /// The node writes no cookie, and no password is known.
    #[error(
        "{at}: norpccookiefile leaves no login that can be found; remove the line and restart the node, or set the login by hand"
    )]
    CookieDisabled {
        /// The `norpccookiefile`.
        at: Spot,
    },
    /// The cookie cannot be used.
    #[error(transparent)]
    Cookie(#[from] CookieError),
    /// The node's host may be another machine, to which no login is sent unless it is set by hand.
    #[error(
        "the login found on this machine is not sent to {host}, which may be another machine; set rpc_url and the login by hand"
    )]
    RemoteHost {
        /// The host of `rpcconnect`.
        host: String,
    },
}

impl DiscoveryError {
    pub(super) fn value(key: Key, at: &Spot, fault: ValueFault) -> DiscoveryError {
        DiscoveryError::Value {
            at: at.clone(),
            key: key.name(),
            fault,
        }
    }

    /// The error of a configuration file or folder that the system or the guard refuses.
    pub(super) fn file(error: FileError) -> DiscoveryError {
        match error.is_denied() {
            true => DiscoveryError::Denied(error),
            false => DiscoveryError::File(error),
        }
    }
}

/// The fault of a line. It never holds the line itself, because the line may hold a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFault {
    /// The line has bytes that are not UTF-8.
    NotUtf8,
    /// The line is longer than the limit.
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The line begins with `-`.
    LeadingDash,
    /// The line is neither `key=value`, a `[section]` nor a comment.
    NoEquals,
    /// The file begins with a byte-order mark, which Core takes for a part of the first word.
    ByteOrderMark,
    /// A line with `rpcpassword` has a `#`.
    HashInPassword,
    /// `nodatadir`.
    NegatedDatadir,
}

impl fmt::Display for LineFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LineFault::NotUtf8 => formatter.write_str("bytes that are not UTF-8; save the file as UTF-8"),
            LineFault::TooLong { limit } => write!(
                formatter,
                "the line is longer than {limit} bytes; shorten it or move it into another file"
            ),
            LineFault::LeadingDash => formatter
                .write_str("the line begins with \"-\"; Core takes options without it here, so remove it"),
            LineFault::NoEquals => formatter.write_str(
                "the line is neither key=value, [section] nor a comment; add \"=\" and a value, or \"#\" in front",
            ),
            LineFault::ByteOrderMark => {
                formatter.write_str("the file begins with a byte-order mark; save it as UTF-8 without one")
            }
            LineFault::HashInPassword => formatter.write_str(
                "Core refuses a \"#\" in a line with rpcpassword; choose a password without it, and move comments to other lines",
            ),
            LineFault::NegatedDatadir => {
                formatter.write_str("Core refuses nodatadir; remove the line")
            }
        }
    }
}

/// The fault of a known key's value. It never holds the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueFault {
    /// Not the name of a chain.
    Chain,
    /// Not a TCP port.
    Port,
    /// Not a host, or a host with a port that is not one.
    Host,
    /// A relative path, which Core reads from the node's working folder.
    RelativePath,
    /// A number that is below zero.
    Negative,
    /// A JSON list or object in `settings.json`.
    Json,
}

impl fmt::Display for ValueFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            ValueFault::Chain => "expected main, test, testnet4, signet or regtest",
            ValueFault::Port => "expected a port from 1 to 65535",
            ValueFault::Host => {
                "expected HOST, HOST:PORT or [IPV6]:PORT with a port from 1 to 65535"
            }
            ValueFault::RelativePath => {
                "expected an absolute path, because a relative one depends on the folder that the node was started in; write it \
                 in full"
            }
            ValueFault::Negative => "expected 0, 1 or a size in MiB",
            ValueFault::Json => "expected a text, a number, true or false",
        })
    }
}

/// The setting that names the data folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FolderSource {
    /// `bitcoin_dir`, set by hand.
    ByHand,
    /// `datadir` in a configuration file.
    Config(Spot),
    /// No setting: the folder that packages use.
    Package,
}

impl fmt::Display for FolderSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FolderSource::ByHand => formatter.write_str("bitcoin_dir"),
            FolderSource::Config(at) => write!(formatter, "datadir in {at}"),
            FolderSource::Package => {
                formatter.write_str("this by setting bitcoin_dir to the node's data folder")
            }
        }
    }
}

fn listed(paths: &[PathBuf]) -> String {
    let shown = paths.iter().map(|path| path.display().to_string());
    shown.collect::<Vec<String>>().join(" or ")
}
