//! How a client identifies itself to the node.

mod cookie;

use std::{fmt, path::PathBuf};

pub use cookie::{Cookie, CookieError, CookieFile, read_cookie};

/// How the client identifies itself.
#[derive(Clone)]
pub enum Auth {
    /// Without a login, which Core refuses.
    None,
    /// With the file that Core writes anew at each start (`.cookie` in its data folder), as it was set by hand.
    CookieFile(PathBuf),
    /// With that file as it was found, which must be as safe as [`CookieFile::read`] asks.
    FoundCookie(CookieFile),
    /// With `-rpcauth`'s user and password.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
}

impl fmt::Debug for Auth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Auth::None => formatter.write_str("None"),
            Auth::CookieFile(path) => write!(formatter, "CookieFile({})", path.display()),
            Auth::FoundCookie(file) => write!(formatter, "FoundCookie({})", file.path().display()),
            Auth::Password { user, .. } => write!(formatter, "Password({user})"),
        }
    }
}
