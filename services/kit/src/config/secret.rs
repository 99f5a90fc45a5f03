//! Secrets: from a file or a variable, never a flag, and never shown.

use std::{fmt, path::Path};

use super::ConfigError;

/// A password or token; its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The variable that may hold the password of the node's RPC.
    pub const RPC_PASSWORD: &str = "SATSCOPE_RPC_PASSWORD";
    /// The text that is shown in a secret's place.
    pub const MASK: &str = "********";

    /// Wraps a text that must not be shown.
    pub fn new(secret: impl Into<String>) -> Secret {
        Secret(secret.into())
    }

    /// The secret in the first line of `file` if one is given, else in `variable` if that is set.
    ///
    /// # Errors
    /// When the file cannot be read or is empty.
    pub fn find(file: Option<&Path>, variable: &str) -> Result<Option<Secret>, ConfigError> {
        match file {
            Some(file) => Secret::from_file(file).map(Some),
            None => Ok(std::env::var(variable).ok().map(Secret)),
        }
    }

    /// The first line of a file.
    ///
    /// # Errors
    /// When the file cannot be read or is empty.
    pub fn from_file(file: &Path) -> Result<Secret, ConfigError> {
        let name = file.display();
        let text = std::fs::read_to_string(file).map_err(|error| {
            ConfigError::Unusable(format!("reading the secret in {name}: {error}"))
        })?;
        match text.lines().next().map(str::trim) {
            None | Some("") => Err(ConfigError::Unusable(format!(
                "{name}: empty; expected the secret in its first line"
            ))),
            Some(secret) => Ok(Secret::new(secret)),
        }
    }

    /// The secret itself, to be sent where it belongs.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(Secret::MASK)
    }
}
