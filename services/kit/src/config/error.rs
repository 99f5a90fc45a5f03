//! Faults of settings, each in one line: the key, the value, its place, and what was expected.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use thiserror::Error;

use super::value::without_login;

/// A setting that stops the program at its start.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A key that no setting has.
    #[error("{name} in {origin}: no such setting{hint}")]
    Unknown {
        /// The key as it was written.
        name: String,
        /// The place where it was written.
        origin: String,
        /// "; did you mean …?", or nothing.
        hint: String,
    },
    /// A value that the setting cannot have.
    #[error("{key} = {value:?} (from {origin}): expected {expected}")]
    Value {
        /// The setting.
        key: String,
        /// The value as it was written.
        value: String,
        /// A flag, a variable or a file.
        origin: String,
        /// The form or the values that the setting accepts.
        expected: String,
    },
    /// Settings whose values can be read, but that cannot be used together or on this machine.
    #[error("{0}")]
    Unusable(String),
    /// A command line that does not parse, or a file that cannot be read.
    #[error("{0}")]
    Usage(String),
    /// Not an error: the text of `--help` or `--version`.
    #[error("{0}")]
    Shown(clap::Error),
}

impl ConfigError {
    /// The error of settings that cannot be used, with its causes.
    pub fn unusable(error: &anyhow::Error) -> ConfigError {
        ConfigError::Unusable(format!("{error:#}"))
    }

    /// The process's exit code: 78 (`EX_CONFIG` of sysexits.h) for a bad setting.
    pub fn exit_code(&self) -> u8 {
        match self {
            ConfigError::Shown(error) => error.exit_code().try_into().unwrap_or(1),
            _ => 78,
        }
    }

    pub(super) fn unknown(name: &str, origin: &str, known: &[String]) -> ConfigError {
        let closest = known
            .iter()
            .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
            .filter(|(likeness, _)| *likeness > 0.85)
            .max_by(|one, other| one.0.total_cmp(&other.0));
        ConfigError::Unknown {
            name: name.to_owned(),
            origin: origin.to_owned(),
            hint: closest.map_or_else(String::new, |(_, key)| did_you_mean(key)),
        }
    }

    /// Clap's error in one line, with the layer that the value came from.
    pub(super) fn from_clap(
        error: &clap::Error,
        environment: &BTreeMap<String, OsString>,
        file: Option<&(PathBuf, BTreeMap<String, String>)>,
    ) -> ConfigError {
        let text = |kind| match error.get(kind) {
            Some(ContextValue::String(text)) => Some(text.clone()),
            _ => None,
        };
        if error.kind() == ErrorKind::UnknownArgument
            && let Some(flag) = text(ContextKind::InvalidArg)
        {
            return ConfigError::Unknown {
                name: flag,
                origin: "the command line".to_owned(),
                hint: text(ContextKind::SuggestedArg)
                    .map_or_else(String::new, |known| did_you_mean(&known)),
            };
        }
        let (Some(argument), Some(value)) = (
            text(ContextKind::InvalidArg),
            text(ContextKind::InvalidValue),
        ) else {
            return ConfigError::Usage(first_paragraph(&error.to_string()));
        };
        let flag = argument.split([' ', '=']).next().unwrap_or(&argument);
        let key = flag.trim_start_matches("--").replace('-', "_");
        let variable = super::variable(&key);
        let in_file = |key| file.and_then(|(path, values)| Some((path, values.get(key)?)));
        let origin = match (environment.get(&variable), in_file(&key)) {
            (Some(set), _) if *set == *value => variable,
            (_, Some((path, set))) if *set == value => path.display().to_string(),
            _ => flag.to_owned(),
        };
        ConfigError::Value {
            key,
            value: without_login(&value),
            origin,
            expected: expected(error),
        }
    }
}

fn did_you_mean(known: &str) -> String {
    format!("; did you mean {known}?")
}

/// The values that the setting could have had: the parser's own words, or the list of possible values.
fn expected(error: &clap::Error) -> String {
    if let Some(ContextValue::Strings(possible)) = error.get(ContextKind::ValidValue) {
        return match possible.is_empty() {
            true => "a value that is not empty".to_owned(),
            false => format!("one of {}", possible.join(", ")),
        };
    }
    let reason = std::error::Error::source(error)
        .map_or_else(|| first_paragraph(&error.to_string()), ToString::to_string);
    reason.replace("expected ", "")
}

fn first_paragraph(text: &str) -> String {
    let paragraph = text.split("\n\n").next().unwrap_or(text);
    let line: Vec<&str> = paragraph.split_whitespace().collect();
    line.join(" ").trim_start_matches("error: ").to_owned()
}
