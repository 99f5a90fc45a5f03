//! Settings: flags, then `SATSCOPE_*` variables, then `satscope.toml`, then defaults; clap is the one loader.
//!
//! A setting is a clap argument with a long flag; its key is the argument's id. The file has the key itself, the environment
//! has it in capitals after `SATSCOPE_`. The file's values become clap's defaults, so that one parser checks them all. Secrets
//! are no arguments: see [`Secret`].

mod error;
mod listing;
mod secret;
mod shared;
mod value;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches, error::ErrorKind};

pub use error::ConfigError;
pub use listing::{Row, Setting, list, settings};
pub use secret::Secret;
pub use shared::{AnalyzerUrl, NodeLogin, NodeSettings, RecordLimits, StateSettings, ZmqSettings};
pub use value::{
    bytes, finite, http_url, log_filter, node_url, positive, seconds, socket_address, whole,
    without_login, zmq_endpoint,
};

/// Variables that are no settings: the file's place, and those of tests and secrets.
const OTHER_VARIABLES: [&str; 3] = ["SATSCOPE_CONFIG", "SATSCOPE_DATA", Secret::RPC_PASSWORD];
const DEFAULT_FILE: &str = "satscope.toml";

/// The settings that were read from the command line and the layers below it.
#[derive(Debug)]
pub struct Loaded<C> {
    /// The settings in force.
    pub settings: C,
    /// The origins of the settings, for [`list`].
    pub sources: Sources,
}

/// The layers that values came from, for [`list`].
#[derive(Clone, Debug)]
pub struct Sources {
    command: Command,
    matches: ArgMatches,
    file: Option<(PathBuf, BTreeMap<String, String>)>,
}

/// Reads the settings of this process.
///
/// # Errors
/// When a setting is misspelt or has a value that it cannot have, anywhere. `--help` and `--version` are
/// [`ConfigError::Shown`].
pub fn load<C: CommandFactory + FromArgMatches>() -> Result<Loaded<C>, ConfigError> {
    load_arguments(std::env::args_os().collect())
}

/// Reads the settings as [`load`] does, from other arguments than the process's own.
///
/// # Errors
/// As [`load`].
pub fn load_arguments<C: CommandFactory + FromArgMatches>(
    arguments: Vec<OsString>,
) -> Result<Loaded<C>, ConfigError> {
    let environment: BTreeMap<String, OsString> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .collect();
    load_from(arguments, &environment)
}

fn load_from<C: CommandFactory + FromArgMatches>(
    arguments: Vec<OsString>,
    environment: &BTreeMap<String, OsString>,
) -> Result<Loaded<C>, ConfigError> {
    let mut command = C::command();
    command.build();
    let keys = keys(&command);
    check_environment(&keys, environment)?;
    let file = match file_path(&arguments, environment) {
        Some(path) => Some((path.clone(), read_file(&path, &keys)?)),
        None => None,
    };
    if let Some((_, values)) = &file {
        command = with_defaults(command, values);
    }
    let matches = command
        .try_get_matches_from_mut(arguments)
        .map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => ConfigError::Shown(error),
            _ => ConfigError::from_clap(&error, environment, file.as_ref()),
        })?;
    let settings =
        C::from_arg_matches(&matches).map_err(|error| ConfigError::Usage(error.to_string()))?;
    Ok(Loaded {
        settings,
        sources: Sources {
            command,
            matches,
            file,
        },
    })
}

/// All keys, of every subcommand.
fn keys(command: &Command) -> Vec<String> {
    let mut keys: Vec<String> = command
        .get_subcommands()
        .flat_map(keys)
        .chain(
            command
                .get_arguments()
                .filter(|argument| is_setting(argument))
                .map(|argument| argument.get_id().to_string()),
        )
        .collect();
    keys.sort();
    keys.dedup();
    keys
}

fn is_setting(argument: &Arg) -> bool {
    argument.get_env().is_some()
}

fn variable(key: &str) -> String {
    format!("SATSCOPE_{}", key.to_uppercase())
}

fn check_environment(
    keys: &[String],
    environment: &BTreeMap<String, OsString>,
) -> Result<(), ConfigError> {
    let known: Vec<String> = keys
        .iter()
        .map(|key| variable(key))
        .chain(OTHER_VARIABLES.map(str::to_owned))
        .collect();
    match environment
        .keys()
        .find(|name| name.starts_with("SATSCOPE_") && !known.contains(name))
    {
        Some(name) => Err(ConfigError::unknown(name, "the environment", &known)),
        None => Ok(()),
    }
}

/// `--config PATH`, `SATSCOPE_CONFIG`, or `satscope.toml` here if there is one.
fn file_path(arguments: &[OsString], environment: &BTreeMap<String, OsString>) -> Option<PathBuf> {
    let flag = arguments.iter().enumerate().find_map(|(at, argument)| {
        let argument = argument.to_str()?;
        match argument.strip_prefix("--config=") {
            Some(path) => Some(PathBuf::from(path)),
            None if argument == "--config" => arguments.get(at + 1).map(PathBuf::from),
            None => None,
        }
    });
    flag.or_else(|| environment.get("SATSCOPE_CONFIG").map(PathBuf::from))
        .or_else(|| Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists()))
}

fn read_file(path: &Path, keys: &[String]) -> Result<BTreeMap<String, String>, ConfigError> {
    let unreadable = |problem: String| ConfigError::Usage(format!("{}: {problem}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| unreadable(error.message().to_owned()))?;
    table
        .into_iter()
        .map(|(key, value)| {
            if !keys.contains(&key) {
                return Err(ConfigError::unknown(
                    &key,
                    &path.display().to_string(),
                    keys,
                ));
            }
            match value {
                toml::Value::String(text) => Ok((key, text)),
                toml::Value::Table(_) | toml::Value::Array(_) => Err(ConfigError::Value {
                    key,
                    value: value.to_string(),
                    origin: path.display().to_string(),
                    expected: "a string, a number or true / false".to_owned(),
                }),
                scalar => Ok((key, scalar.to_string())),
            }
        })
        .collect()
}

fn with_defaults(command: Command, values: &BTreeMap<String, String>) -> Command {
    command
        .mut_args(|argument| match values.get(argument.get_id().as_str()) {
            Some(value) if is_setting(&argument) => argument.default_value(value.clone()),
            _ => argument,
        })
        .mut_subcommands(|subcommand| with_defaults(subcommand, values))
}

#[cfg(test)]
mod tests;
