//! The cookie: the login that the node writes into a file at each start. Source: Core, `src/rpc/request.cpp`.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::guard::{FileError, Owners, read};

/// The user of every cookie, with the colon behind it.
const USER: &str = "__cookie__:";
/// The longest cookie that is taken, in bytes. Core's have 75.
const MAX_COOKIE: usize = 256;

/// The reason why a cookie was not read. No error holds any part of a cookie.
#[derive(Debug, Error)]
pub enum CookieError {
    /// Our user lacks the permission.
    #[error(
        "the node's cookie {0}. Set rpccookieperms=group in bitcoin.conf and restart the node. Let its group enter the folders above \
         the cookie, and add Satscope's user to that group. Or set the login by hand"
    )]
    Denied(FileError),
    /// The file is not there, or is not one to trust.
    #[error("the node's cookie {0}")]
    File(FileError),
    /// The content is no cookie.
    #[error(
        "the node's cookie {}: expected one line of at most {MAX_COOKIE} bytes that begins with \"{USER}\"; check rpccookiefile in \
         bitcoin.conf, or restart the node to have it written anew",
        .0.display()
    )]
    Shape(PathBuf),
}

impl CookieError {
    /// Whether there is no cookie, as while the node is not running.
    pub fn is_missing(&self) -> bool {
        matches!(self, CookieError::File(error) if error.is_missing())
    }
}

impl From<FileError> for CookieError {
    fn from(error: FileError) -> CookieError {
        match error.is_denied() {
            true => CookieError::Denied(error),
            false => CookieError::File(error),
        }
    }
}

/// The file of a cookie, and the users that may own it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieFile {
    path: PathBuf,
    owners: Owners,
}

impl CookieFile {
    /// The cookie at that path, which is trusted if one of the owners owns it.
    pub fn new(path: PathBuf, owners: Owners) -> CookieFile {
        CookieFile { path, owners }
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The cookie that the file holds now. It changes whenever the node starts, so it is read anew for each login.
    ///
    /// # Errors
    /// All of [`CookieError`].
    pub fn read(&self) -> Result<Cookie, CookieError> {
        read_cookie(&self.path, self.owners)
    }
}

/// A login of the node, which holds until the node stops.
#[derive(Clone, PartialEq, Eq)]
pub struct Cookie {
    password: String,
}

impl Cookie {
    /// The user's name, which is the same in each cookie.
    pub fn user(&self) -> &'static str {
        USER.trim_end_matches(':')
    }

    /// The password. It must not be shown.
    pub fn password(&self) -> &str {
        &self.password
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Cookie(masked)")
    }
}

/// The cookie in a file that one of the owners owns, and that not all users can write.
///
/// # Errors
/// All of [`CookieError`].
pub fn read_cookie(path: &Path, owners: Owners) -> Result<Cookie, CookieError> {
    let content = read(path, owners, MAX_COOKIE as u64 + 1)?;
    let password = password(&content).ok_or_else(|| CookieError::Shape(path.to_owned()))?;
    Ok(Cookie {
        password: password.to_owned(),
    })
}

/// The password in a cookie; `None` if the content is not one line of printable ASCII behind the user's name.
fn password(content: &[u8]) -> Option<&str> {
    let line = content.strip_suffix(b"\n").unwrap_or(content);
    let printable = line.iter().all(u8::is_ascii_graphic);
    let line = std::str::from_utf8(line).ok()?;
    let password = line.strip_prefix(USER)?;
    (printable && line.len() <= MAX_COOKIE && !password.is_empty()).then_some(password)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;
    use crate::guard::tests::chmod;

    fn read_of(content: &[u8]) -> Result<Cookie, CookieError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".cookie");
        fs::write(&path, content).unwrap();
        CookieFile::new(path, Owners::of(folder.path())).read()
    }

    #[test]
    fn a_cookie_is_one_line_with_or_without_its_end() {
        for content in ["__cookie__:0a1b", "__cookie__:0a1b\n"] {
            let cookie = read_of(content.as_bytes()).unwrap();
            assert_eq!((cookie.user(), cookie.password()), ("__cookie__", "0a1b"));
            assert_eq!(format!("{cookie:?}"), "Cookie(masked)");
        }
    }

    #[test]
    fn a_cookie_has_at_most_256_bytes() {
        let of_length = |length| format!("{USER}{}", "0".repeat(length - USER.len()));
        assert!(read_of(of_length(256).as_bytes()).is_ok());
        assert!(read_of(format!("{}\n", of_length(256)).as_bytes()).is_ok());
        let longer = read_of(of_length(257).as_bytes());
        assert!(matches!(longer, Err(CookieError::Shape(_))), "{longer:?}");
        let longest = read_of(of_length(1 << 20).as_bytes());
        assert!(matches!(longest, Err(CookieError::File(_))), "{longest:?}");
    }

    #[test]
    fn what_is_no_cookie_is_refused_without_being_shown() {
        for content in [
            "",
            "\n",
            "secret",
            "__cookie__:",
            "__cookie__:secret\n\n",
            "__cookie__:secret\r\n",
            "__cookie__:a\nsecret",
            " __cookie__:secret",
            "user:secret",
            "__cookie__:secret\0",
            "__cookie__:s\u{e9}cret",
        ] {
            let error = read_of(content.as_bytes()).unwrap_err();
            assert!(matches!(error, CookieError::Shape(_)), "{content:?}");
            assert!(!format!("{error} {error:?}").contains("cret"), "{error}");
        }
    }

    #[test]
    fn a_cookie_that_all_may_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".cookie");
        fs::write(&path, "__cookie__:secret").unwrap();
        chmod(&path, 0o606);
        let error = read_cookie(&path, Owners::of(folder.path())).unwrap_err();
        assert!(error.to_string().contains("chmod o-w"), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
        fs::remove_file(&path).unwrap();
        assert!(
            read_cookie(&path, Owners::of(folder.path()))
                .unwrap_err()
                .is_missing()
        );
    }

    #[test]
    fn a_cookie_that_we_may_not_read_says_how_to_share_it() {
        let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let error = CookieError::from(FileError::of_system(Path::new("/x/.cookie"), denied));
        assert!(
            error.to_string().contains("rpccookieperms=group"),
            "{error}"
        );
    }
}
