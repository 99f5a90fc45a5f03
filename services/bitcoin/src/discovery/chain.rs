//! Bitcoin's chains: their names in `bitcoin.conf`, their folders and their RPC ports.

use std::fmt;

/// A chain that Bitcoin Core can follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Chain {
    /// The chain whose coins have a price.
    #[default]
    Main,
    /// The third test network.
    Test,
    /// The fourth test network.
    Testnet4,
    /// The test network whose blocks are signed.
    Signet,
    /// A private chain for tests on one machine.
    Regtest,
}

impl Chain {
    /// All chains.
    pub const ALL: [Chain; 5] = [
        Chain::Main,
        Chain::Test,
        Chain::Testnet4,
        Chain::Signet,
        Chain::Regtest,
    ];

    /// The name in `chain=`, in the section headers of `bitcoin.conf` and in `getblockchaininfo`. Source: Core,
    /// `src/util/chaintype.cpp`.
    pub fn name(self) -> &'static str {
        match self {
            Chain::Main => "main",
            Chain::Test => "test",
            Chain::Testnet4 => "testnet4",
            Chain::Signet => "signet",
            Chain::Regtest => "regtest",
        }
    }

    /// The folder of the chain within the data folder; empty for the main chain, which has none of its own. Source: Core,
    /// `src/chainparamsbase.cpp`.
    pub fn folder(self) -> &'static str {
        match self {
            Chain::Main => "",
            Chain::Test => "testnet3",
            Chain::Testnet4 => "testnet4",
            Chain::Signet => "signet",
            Chain::Regtest => "regtest",
        }
    }

    /// The TCP port of the RPC server unless `rpcport` says otherwise. Source: as for [`Chain::folder`].
    pub fn rpc_port(self) -> u16 {
        match self {
            Chain::Main => 8332,
            Chain::Test => 18332,
            Chain::Testnet4 => 48332,
            Chain::Signet => 38332,
            Chain::Regtest => 18443,
        }
    }

    /// The chain of that name; `None` if Core has no such chain.
    pub fn from_name(name: &str) -> Option<Chain> {
        Chain::ALL.into_iter().find(|chain| chain.name() == name)
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_found_by_its_name_alone() {
        for chain in Chain::ALL {
            assert_eq!(Chain::from_name(chain.name()), Some(chain));
        }
        for other in ["", "mainnet", "testnet3", "testnet", "Main", " main"] {
            assert_eq!(Chain::from_name(other), None, "{other}");
        }
    }
}
