//! One setting of the node: its key, its value, and the file and line that it comes from.

use std::{fmt, path::Path, sync::Arc};

use super::Chain;

/// A topic that Core publishes over ZMQ. Source: Core, `doc/zmq.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ZmqTopic {
    /// Whole transactions.
    RawTx,
    /// Mempool additions and removals, blocks connected and disconnected.
    Sequence,
    /// Hashes of new tips.
    HashBlock,
    /// Whole blocks.
    RawBlock,
    /// Txids.
    HashTx,
}

impl ZmqTopic {
    /// The topic's name on the wire.
    pub fn name(self) -> &'static str {
        // Each key is the topic's name behind these six letters.
        Key::Zmq(self).name().trim_start_matches("zmqpub")
    }
}

/// A setting that discovery reads. All other settings are dropped with their values, because some of them are secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Datadir,
    Blocksdir,
    Chain,
    Testnet,
    Testnet4,
    Signet,
    Regtest,
    Rpcport,
    Rpcconnect,
    Rpcuser,
    Rpcpassword,
    Rpccookiefile,
    Rpcauth,
    Includeconf,
    Server,
    Prune,
    Zmq(ZmqTopic),
}

impl Key {
    /// The topics, each of which has a key.
    pub const ZMQ: [ZmqTopic; 5] = [
        ZmqTopic::RawTx,
        ZmqTopic::Sequence,
        ZmqTopic::HashBlock,
        ZmqTopic::RawBlock,
        ZmqTopic::HashTx,
    ];
    const PLAIN: [Key; 16] = [
        Key::Datadir,
        Key::Blocksdir,
        Key::Chain,
        Key::Testnet,
        Key::Testnet4,
        Key::Signet,
        Key::Regtest,
        Key::Rpcport,
        Key::Rpcconnect,
        Key::Rpcuser,
        Key::Rpcpassword,
        Key::Rpccookiefile,
        Key::Rpcauth,
        Key::Includeconf,
        Key::Server,
        Key::Prune,
    ];

    /// The key of that name; `None` if discovery does not read it.
    pub fn named(name: &str) -> Option<Key> {
        let zmq = Key::ZMQ.into_iter().map(Key::Zmq);
        let mut all = Key::PLAIN.into_iter().chain(zmq);
        all.find(|key| key.name() == name)
    }

    /// The name in `bitcoin.conf` and `settings.json`.
    pub fn name(self) -> &'static str {
        match self {
            Key::Datadir => "datadir",
            Key::Blocksdir => "blocksdir",
            Key::Chain => "chain",
            Key::Testnet => "testnet",
            Key::Testnet4 => "testnet4",
            Key::Signet => "signet",
            Key::Regtest => "regtest",
            Key::Rpcport => "rpcport",
            Key::Rpcconnect => "rpcconnect",
            Key::Rpcuser => "rpcuser",
            Key::Rpcpassword => "rpcpassword",
            Key::Rpccookiefile => "rpccookiefile",
            Key::Rpcauth => "rpcauth",
            Key::Includeconf => "includeconf",
            Key::Server => "server",
            Key::Prune => "prune",
            Key::Zmq(ZmqTopic::RawTx) => "zmqpubrawtx",
            Key::Zmq(ZmqTopic::Sequence) => "zmqpubsequence",
            Key::Zmq(ZmqTopic::HashBlock) => "zmqpubhashblock",
            Key::Zmq(ZmqTopic::RawBlock) => "zmqpubrawblock",
            Key::Zmq(ZmqTopic::HashTx) => "zmqpubhashtx",
        }
    }

    /// Whether Core reads the values before the first section header for the main chain only. Source: Core, `src/init.cpp`,
    /// the options with `NETWORK_ONLY`, of which `rpcport` alone is read here.
    pub fn is_network_only(self) -> bool {
        self == Key::Rpcport
    }

    /// Whether all values count, and not one alone.
    pub fn is_list(self) -> bool {
        matches!(self, Key::Rpcauth | Key::Includeconf | Key::Zmq(_))
    }
}

/// The part of a configuration file that a setting stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Section {
    /// The lines before the first section header, which hold for all chains.
    Default,
    /// The section of one chain.
    Of(Chain),
}

impl Section {
    /// The section of that name; `None` if Core never reads it. Core calls the default section "".
    pub fn named(name: &str) -> Option<Section> {
        match name {
            "" => Some(Section::Default),
            _ => Chain::from_name(name).map(Section::Of),
        }
    }
}

/// The file and line of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The file.
    pub file: Arc<Path>,
    /// The line, counted from 1; `None` in `settings.json`, which the node writes by itself.
    pub line: Option<usize>,
}

impl fmt::Display for Spot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.file.display())?;
        match self.line {
            Some(line) => write!(formatter, ", line {line}"),
            None => Ok(()),
        }
    }
}

/// The content of a value.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// `nokey=1`, or `false` in `settings.json`.
    Negated,
    /// `nokey=0`, or `true` in `settings.json`.
    True,
    /// `null` in `settings.json`: the key has no value, and the files below do not count.
    Null,
    Text(String),
}

/// A mask, because the text may be a secret.
impl fmt::Debug for Content {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Content::Negated => "Negated",
            Content::True => "True",
            Content::Null => "Null",
            Content::Text(_) => "Text(masked)",
        })
    }
}

/// A value and the place where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub content: Content,
    pub at: Spot,
}

impl Value {
    pub fn is_negated(&self) -> bool {
        self.content == Content::Negated
    }

    /// The value as Core's `GetArg` gives it: a negated text is "0".
    pub fn text(&self) -> &str {
        match &self.content {
            Content::Negated | Content::Null => "0",
            Content::True => "1",
            Content::Text(text) => text,
        }
    }

    /// The value as Core's `GetBoolArg` gives it: an empty text is true, one that begins with no number is false.
    pub fn is_true(&self) -> bool {
        self.text().is_empty() || integer(self.text()) != 0
    }
}

/// The number that a text begins with, as C's `atoi` reads it; 0 if there is none. Source: Core,
/// `src/util/strencodings.h`, `LocaleIndependentAtoi`.
pub(super) fn integer(text: &str) -> i64 {
    let text = text.trim();
    let (sign, digits) = match text.as_bytes().first() {
        Some(b'-') => (-1, &text[1..]),
        Some(b'+') => (1, &text[1..]),
        _ => (1, text),
    };
    let digits = digits.bytes().take_while(u8::is_ascii_digit);
    digits.fold(0i64, |number, digit| {
        let digit = i64::from(digit - b'0');
        number.saturating_mul(10).saturating_add(sign * digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_atoi_reads_it() {
        let cases = [
            ("", 0),
            ("1", 1),
            (" 12 ", 12),
            ("+7", 7),
            ("+-7", 0),
            ("-3x", -3),
            ("true", 0),
            ("0x10", 0),
            ("99999999999999999999", i64::MAX),
            ("-99999999999999999999", i64::MIN),
        ];
        for (text, number) in cases {
            assert_eq!(integer(text), number, "{text}");
        }
    }

    #[test]
    fn each_key_is_found_by_its_name() {
        for key in Key::PLAIN.into_iter().chain(Key::ZMQ.map(Key::Zmq)) {
            assert_eq!(Key::named(key.name()), Some(key));
        }
        assert_eq!(Key::named("wallet"), None);
        assert_eq!(ZmqTopic::RawTx.name(), "rawtx");
    }
}
