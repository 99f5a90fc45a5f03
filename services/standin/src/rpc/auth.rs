//! The RPC's login: a cookie, a user and password, or none on a loopback address.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bitcoin::hex::DisplayHex;
use satscope_kit::config::Secret;
use subtle::ConstantTimeEq as _;

use crate::settings::ListenSettings;

const COOKIE_USER: &str = "__cookie__";

/// The login that a client must send.
#[derive(Clone, Debug)]
pub enum Login {
    /// Nothing.
    Anyone,
    /// The content of this file, which is written at the start and removed at the end.
    Cookie {
        /// The file.
        file: PathBuf,
        /// Its content: user, colon, secret.
        login: Secret,
    },
    /// User, colon, password.
    Password(Secret),
}

impl Login {
    /// Sets up the login that the settings ask for; `address` is where the RPC listens.
    ///
    /// # Errors
    /// Settings that do not go together, a password file that cannot be read, a cookie file that cannot be written.
    pub fn from_settings(settings: &ListenSettings, address: SocketAddr) -> anyhow::Result<Login> {
        if settings.standin_rpc_no_auth {
            if !address.ip().is_loopback() {
                bail!(
                    "standin_rpc_no_auth: {address} is no loopback address; expected one such as 127.0.0.1:8332, or a login"
                );
            }
            return Ok(Login::Anyone);
        }
        match (
            &settings.standin_rpc_user,
            &settings.standin_rpc_password_file,
        ) {
            (Some(user), Some(file)) => {
                let password = Secret::from_file(file).context("standin_rpc_password_file")?;
                let login = format!("{user}:{}", password.expose());
                Ok(Login::Password(Secret::new(login)))
            }
            (None, None) => write_cookie(settings.standin_rpc_cookie_file.as_deref(), address),
            (Some(_), None) => {
                bail!("standin_rpc_user: expected standin_rpc_password_file with it")
            }
            (None, Some(_)) => {
                bail!("standin_rpc_password_file: expected standin_rpc_user with it")
            }
        }
    }

    /// User and password, separated by a colon; `None` if no login is asked for.
    pub fn user_and_password(&self) -> Option<&str> {
        match self {
            Login::Anyone => None,
            Login::Cookie { login, .. } | Login::Password(login) => Some(login.expose()),
        }
    }

    /// Whether a request with these headers may be answered (HTTP Basic, RFC 7617).
    pub fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(login) = self.user_and_password() else {
            return true;
        };
        let given = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Basic "))
            .and_then(|encoded| STANDARD.decode(encoded.trim()).ok());
        // Compared in constant time, so that the time does not tell where the difference lies.
        given.is_some_and(|given| given.ct_eq(login.as_bytes()).into())
    }

    /// Removes the cookie file.
    pub fn clear(&self) {
        if let Login::Cookie { file, .. } = self
            && let Err(error) = fs::remove_file(file)
        {
            tracing::warn!(file = %file.display(), %error, "the cookie file cannot be removed");
        }
    }
}

/// Writes a new secret into a file that only its owner can read, as Core does.
fn write_cookie(file: Option<&Path>, address: SocketAddr) -> anyhow::Result<Login> {
    let file = file.map_or_else(
        || std::env::temp_dir().join(format!("satscope-standin-{}.cookie", address.port())),
        Path::to_path_buf,
    );
    let context = || {
        format!(
            "standin_rpc_cookie_file: {} cannot be written",
            file.display()
        )
    };
    let login = format!(
        "{COOKIE_USER}:{}",
        rand::random::<[u8; 32]>().to_lower_hex_string()
    );
    match fs::remove_file(&file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(context);
        }
        _ => {}
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&file)
        .and_then(|mut opened| opened.write_all(login.as_bytes()))
        .with_context(context)?;
    let login = Secret::new(login);
    Ok(Login::Cookie { file, login })
}
