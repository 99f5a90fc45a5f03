//! All settings of the node, and which of several values for a key counts. Source: Core, `src/common/settings.cpp` and
//! `src/common/args.cpp`.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use serde_json::Value as Json;

use super::{
    Chain, DiscoveryError, ValueFault,
    config::ConfigLine,
    entry::{Content, Key, Section, Spot, Value},
};

/// The settings of all files that were read.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// From `bitcoin.conf` and its included files, in the order in which they were read.
    config: BTreeMap<(Section, Key), Vec<Value>>,
    /// From `settings.json`.
    json: BTreeMap<Key, Vec<Value>>,
}

impl Settings {
    /// Adds the settings of a configuration file behind those of the files before it.
    pub fn add_config(&mut self, entries: Vec<ConfigLine>) {
        for entry in entries {
            let place = (entry.section, entry.key);
            self.config.entry(place).or_default().push(entry.value);
        }
    }

    /// Adds the settings of `settings.json`.
    ///
    /// # Errors
    /// [`DiscoveryError::Json`] if the file is not a JSON object, [`DiscoveryError::Value`] for an object or a misplaced list.
    pub fn add_json(&mut self, file: &Arc<Path>, content: &[u8]) -> Result<(), DiscoveryError> {
        let object: BTreeMap<String, Json> =
            serde_json::from_slice(content).map_err(|error| DiscoveryError::Json {
                file: file.to_path_buf(),
                line: error.line(),
            })?;
        let at = Spot {
            file: file.clone(),
            line: None,
        };
        for (name, json) in object {
            if let Some(key) = Key::named(&name) {
                self.json.insert(key, values(key, json, &at)?);
            }
        }
        Ok(())
    }

    /// The chain that the node follows. Only the lines before the first section header choose it, and of two lines with the
    /// same flag the last one counts.
    ///
    /// # Errors
    /// [`DiscoveryError::TwoChains`], and [`DiscoveryError::Value`] for an unknown name.
    pub fn chain(&self) -> Result<Chain, DiscoveryError> {
        let mut chosen: Option<(Chain, &Spot)> = None;
        for (key, chain) in FLAGS {
            let last = self.defaults(key).last();
            if let Some(value) = last.filter(|value| value.is_true()) {
                choose(&mut chosen, chain, &value.at)?;
            }
        }
        if let Some(value) = self.single(Key::Chain, None) {
            let chain = Chain::from_name(value.text())
                .ok_or_else(|| DiscoveryError::value(Key::Chain, &value.at, ValueFault::Chain))?;
            choose(&mut chosen, chain, &value.at)?;
        }
        Ok(chosen.map_or(Chain::Main, |(chain, _)| chain))
    }

    /// The value of a key that counts for a chain; `None` if there is none. Without a chain, only the lines before the first
    /// section header are looked at.
    ///
    /// Order: `settings.json`, the chain's section, the default section. Within a configuration file the first value counts
    /// that stands behind the last negation.
    pub fn single(&self, key: Key, chain: Option<Chain>) -> Option<&Value> {
        let ignores_default =
            key.is_network_only() && chain.is_some_and(|chain| chain != Chain::Main);
        let json = self.json.get(&key).map(Vec::as_slice).unwrap_or_default();
        let sections = [self.section(key, chain), self.defaults(key)];
        let decided = json.last().or_else(|| {
            let [section, defaults] = sections;
            // Core applies a negation in the default section even if it ignores that section's values.
            let defaults = match ignores_default && !defaults.last().is_some_and(Value::is_negated)
            {
                true => &[],
                false => defaults,
            };
            first(section).or_else(|| first(defaults))
        });
        decided.filter(|value| value.content != Content::Null)
    }

    /// All values of a key that count for a chain, those of the stronger files first.
    pub fn all(&self, key: Key, chain: Chain) -> Vec<&Value> {
        let json = self.json.get(&key).map(Vec::as_slice).unwrap_or_default();
        let (mut all, mut ended, mut nothing_left) = (Vec::new(), false, false);
        let config = [self.section(key, Some(chain)), self.defaults(key)];
        let config = config.map(|source| (source, true));
        for (source, is_config) in std::iter::once((json, false)).chain(config) {
            // Core brings the values of configuration files back where a negation is followed by other values.
            if !ended || (is_config && !nothing_left) {
                all.extend(&source[negations(source)..]);
            }
            ended |= negations(source) > 0;
            nothing_left |= source.last().is_some_and(Value::is_negated) && all.is_empty();
        }
        all.retain(|value| value.content != Content::Null);
        all
    }

    /// The included files, those of the chain's section first.
    pub fn includes(&self, chain: Chain) -> Vec<Value> {
        let key = Key::Includeconf;
        let sources = [self.section(key, Some(chain)), self.defaults(key)];
        let behind_negation = sources.map(|source| &source[negations(source)..]);
        behind_negation.concat()
    }

    fn section(&self, key: Key, chain: Option<Chain>) -> &[Value] {
        let values = chain.and_then(|chain| self.config.get(&(Section::Of(chain), key)));
        values.map(Vec::as_slice).unwrap_or_default()
    }

    fn defaults(&self, key: Key) -> &[Value] {
        let values = self.config.get(&(Section::Default, key));
        values.map(Vec::as_slice).unwrap_or_default()
    }
}

/// The flags that choose a chain each.
const FLAGS: [(Key, Chain); 4] = [
    (Key::Regtest, Chain::Regtest),
    (Key::Signet, Chain::Signet),
    (Key::Testnet, Chain::Test),
    (Key::Testnet4, Chain::Testnet4),
];

fn choose<'a>(
    chosen: &mut Option<(Chain, &'a Spot)>,
    chain: Chain,
    at: &'a Spot,
) -> Result<(), DiscoveryError> {
    match chosen.replace((chain, at)) {
        None => Ok(()),
        Some((_, first)) => Err(DiscoveryError::TwoChains {
            first: first.clone(),
            second: at.clone(),
        }),
    }
}

/// The number of values at the start of a source that its last negation takes away, the negation included.
fn negations(source: &[Value]) -> usize {
    let last = source.iter().rposition(Value::is_negated);
    last.map_or(0, |index| index + 1)
}

/// The value of a source that counts: the first one behind the last negation, or that negation.
fn first(source: &[Value]) -> Option<&Value> {
    source.get(negations(source)).or_else(|| source.last())
}

/// The values of a key in `settings.json`.
fn values(key: Key, json: Json, at: &Spot) -> Result<Vec<Value>, DiscoveryError> {
    let value = |content| Value {
        content,
        at: at.clone(),
    };
    let wrong = || DiscoveryError::value(key, at, ValueFault::Json);
    match json {
        Json::Array(members) if key.is_list() => {
            let texts = members
                .into_iter()
                .map(|member| match content(key, member) {
                    // Only a whole value is a negation.
                    Some(Content::Negated) => Ok(value(Content::Text("0".to_owned()))),
                    other => other.map(value).ok_or_else(wrong),
                });
            texts.collect()
        }
        json => Ok(vec![content(key, json).map(value).ok_or_else(wrong)?]),
    }
}

/// `None` for lists and objects.
fn content(key: Key, json: Json) -> Option<Content> {
    match json {
        Json::Null => Some(Content::Null),
        Json::Bool(false) => Some(Content::Negated),
        Json::Bool(true) => Some(Content::True),
        Json::Number(number) => Some(Content::Text(number.to_string())),
        // Only the presence of an rpcauth counts, so its salt and hash are not kept.
        Json::String(_) if key == Key::Rpcauth => Some(Content::Text(String::new())),
        Json::String(text) => Some(Content::Text(text)),
        Json::Array(_) | Json::Object(_) => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::discovery::{config, entry::ZmqTopic};

    fn settings(config: &str, json: &str) -> Settings {
        let file: Arc<Path> = Arc::from(Path::new("/x/bitcoin.conf"));
        let mut settings = Settings::default();
        settings.add_config(config::parse(&file, config.as_bytes()).unwrap());
        if !json.is_empty() {
            let file: Arc<Path> = Arc::from(Path::new("/x/settings.json"));
            settings.add_json(&file, json.as_bytes()).unwrap();
        }
        settings
    }

    fn chosen(config: &str) -> Option<Chain> {
        settings(config, "").chain().ok()
    }

    fn port(config: &str, json: &str, chain: Chain) -> Option<String> {
        let settings = settings(config, json);
        let value = settings.single(Key::Rpcport, Some(chain))?;
        Some(value.text().to_owned())
    }

    fn zmq(config: &str, json: &str) -> Vec<String> {
        let settings = settings(config, json);
        let all = settings.all(Key::Zmq(ZmqTopic::RawTx), Chain::Main);
        all.into_iter()
            .map(|value| value.text().to_owned())
            .collect()
    }

    #[test]
    fn a_chain_is_chosen_by_name_or_flag() {
        assert_eq!(chosen(""), Some(Chain::Main));
        for chain in Chain::ALL {
            assert_eq!(chosen(&format!("chain={chain}")), Some(chain));
        }
        for (key, chain) in FLAGS {
            assert_eq!(chosen(&format!("{}=1", key.name())), Some(chain));
            assert_eq!(chosen(&format!("{}=", key.name())), Some(chain));
            assert_eq!(chosen(&format!("{}=0", key.name())), Some(Chain::Main));
        }
    }

    #[test]
    fn the_last_flag_and_the_first_name_count() {
        assert_eq!(chosen("regtest=1\nregtest=0"), Some(Chain::Main));
        assert_eq!(chosen("regtest=0\nregtest=1"), Some(Chain::Regtest));
        assert_eq!(chosen("regtest=1\nnoregtest=1"), Some(Chain::Main));
        assert_eq!(chosen("chain=signet\nchain=main"), Some(Chain::Signet));
        assert_eq!(
            chosen("[regtest]\nregtest=1\nchain=test"),
            Some(Chain::Main)
        );
    }

    #[test]
    fn two_chains_and_unknown_ones_are_errors_with_their_lines() {
        let error = settings("signet=1\n\nregtest=1", "").chain().unwrap_err();
        let shown = error.to_string();
        assert!(
            shown.contains("line 1") && shown.contains("line 3"),
            "{shown}"
        );
        assert_eq!(chosen("chain=main\ntestnet4=1"), None);
        assert_eq!(chosen("nochain=1"), None);
        let error = settings("\nchain=mainnet", "").chain().unwrap_err();
        assert!(error.to_string().contains("line 2"), "{error}");
    }

    #[test]
    fn settings_json_is_stronger_than_a_section_and_that_than_the_default() {
        let config = "rpcport=1\n[main]\nrpcport=2\nrpcport=3";
        assert_eq!(port(config, r#"{"rpcport": 4}"#, Chain::Main).unwrap(), "4");
        assert_eq!(port(config, "{}", Chain::Main).unwrap(), "2");
        assert_eq!(port("rpcport=1\nrpcport=5", "", Chain::Main).unwrap(), "1");
        assert_eq!(port(config, r#"{"rpcport": null}"#, Chain::Main), None);
    }

    #[test]
    fn a_port_in_the_default_section_is_for_the_main_chain_only() {
        assert_eq!(port("rpcport=1", "", Chain::Main).unwrap(), "1");
        assert_eq!(port("rpcport=1", "", Chain::Regtest), None);
        assert_eq!(port("norpcport=1", "", Chain::Regtest).unwrap(), "0");
        assert_eq!(
            port("rpcport=1\nregtest.rpcport=2", "", Chain::Regtest).unwrap(),
            "2"
        );
    }

    #[test]
    fn a_negation_takes_away_what_stands_before_it() {
        assert_eq!(
            port("rpcport=1\nnorpcport=1\nrpcport=2", "", Chain::Main).unwrap(),
            "2"
        );
        assert_eq!(
            port("rpcport=1\nnorpcport=1", "", Chain::Main).unwrap(),
            "0"
        );
        assert_eq!(
            zmq("zmqpubrawtx=a\nnozmqpubrawtx=1\nzmqpubrawtx=b", ""),
            ["b"]
        );
        assert_eq!(zmq("zmqpubrawtx=a\n[main]\nnozmqpubrawtx=1", ""), [""; 0]);
        let brought_back = "zmqpubrawtx=a\n[main]\nzmqpubrawtx=b\nnozmqpubrawtx=1\nzmqpubrawtx=c";
        assert_eq!(zmq(brought_back, ""), ["c", "a"]);
    }

    #[test]
    fn a_list_has_the_values_of_all_files() {
        let config = "zmqpubrawtx=a\nzmqpubrawtx=b\n[main]\nzmqpubrawtx=c\n[test]\nzmqpubrawtx=d";
        assert_eq!(zmq(config, ""), ["c", "a", "b"]);
        assert_eq!(
            zmq(config, r#"{"zmqpubrawtx": ["e", 1]}"#),
            ["e", "1", "c", "a", "b"]
        );
        assert_eq!(zmq(config, r#"{"zmqpubrawtx": false}"#), [""; 0]);
    }

    #[test]
    fn settings_that_are_no_object_of_plain_values_are_errors() {
        let file: Arc<Path> = Arc::from(Path::new("/x/settings.json"));
        let add = |json: &str| Settings::default().add_json(&file, json.as_bytes());
        for json in ["", "[]", "{\n\"rpcport\": }", "\"secret\""] {
            assert!(
                matches!(add(json), Err(DiscoveryError::Json { .. })),
                "{json}"
            );
        }
        for json in [
            r#"{"rpcport": [1]}"#,
            r#"{"rpcport": {}}"#,
            r#"{"zmqpubrawtx": [[]]}"#,
        ] {
            assert!(
                matches!(add(json), Err(DiscoveryError::Value { .. })),
                "{json}"
            );
        }
        assert!(add(r#"{"wallet": [{}], "_warning_": "x"}"#).is_ok());
    }
}
