//! A client of Bitcoin Core's JSON-RPC: single calls and batches, with cookie or password.
//!
//! Source: Bitcoin Core, `doc/JSON-RPC-interface.md`.

mod answer;
mod error;
mod patience;
mod shapes;

use std::{
    fmt,
    hash::{BuildHasher as _, RandomState},
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::guard::read_chosen;
pub use crate::login::Auth;
pub use answer::Answer;
use error::TIMEOUT;
pub use error::{IN_WARMUP, RpcError};
pub use patience::{patiently, pauses};
pub use shapes::{
    BlockHeader, BlockchainInfo, MempoolEntry, MempoolInfo, MempoolListing, NetworkInfo,
    Notification,
};

/// The longest cookie file that is read if it was set by hand, in bytes.
const LONGEST_COOKIE: u64 = 1024;
/// The longest answer that is taken, in bytes: the txids of three million transactions, or a batch of large ones.
const LONGEST_ANSWER: usize = 256 << 20;

/// A client. Clones share its connections.
#[derive(Clone)]
pub struct Rpc {
    http: reqwest::Client,
    /// The URL as it was given, perhaps with a login.
    target: String,
    /// The URL as it is shown, without a login.
    url: String,
    auth: Auth,
    /// The login that the node refused last, hashed with `key`.
    refused: Arc<Mutex<Option<u64>>>,
    key: RandomState,
}

impl fmt::Debug for Rpc {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Rpc({}, {:?})", self.url, self.auth)
    }
}

/// A call of a batch.
pub type Call = (&'static str, Value);

impl Rpc {
    /// A client of the node at `target` (`http://HOST:PORT`, perhaps with a login), shown in errors as `url`.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(target: &str, url: &str, auth: Auth) -> Result<Rpc, RpcError> {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(Duration::from_secs(2))
            .no_proxy()
            // A node never redirects, and its login is for it alone.
            .redirect(reqwest::redirect::Policy::none())
            // A connection that died without a word is noticed, so that a question does not wait for its time-out.
            .tcp_keepalive(Duration::from_secs(1))
            .tcp_keepalive_interval(Duration::from_secs(1))
            .tcp_keepalive_retries(2)
            .tcp_user_timeout(Duration::from_secs(3))
            .build()
            .map_err(|error| unreachable(url, &error))?;
        Ok(Rpc {
            http,
            target: target.to_owned(),
            url: url.to_owned(),
            auth,
            refused: Arc::default(),
            key: RandomState::new(),
        })
    }

    /// Calls a method with these parameters, and returns its result.
    ///
    /// # Errors
    /// All of [`RpcError`].
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<T, RpcError> {
        let body = request(0, &(method, params));
        self.post(method, &body).await?.single(method)
    }

    /// Makes many calls in one request. Returns the answers in the order of the calls, each with its own error.
    ///
    /// # Errors
    /// When the request as a whole fails, or an answer is missing.
    pub async fn batch<T: DeserializeOwned>(
        &self,
        calls: &[Call],
    ) -> Result<Vec<Result<T, RpcError>>, RpcError> {
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        self.ask(calls).await?.batch(calls)
    }

    /// The answer to many calls in one request, unread: to be read by [`Answer::batch`], on a thread that may take its time.
    /// `calls` are not empty.
    ///
    /// # Errors
    /// When the request as a whole fails.
    pub async fn ask(&self, calls: &[Call]) -> Result<Answer, RpcError> {
        let method = calls.first().map_or("an empty batch", |(method, _)| method);
        let body: Vec<Value> = calls
            .iter()
            .enumerate()
            .map(|(id, call)| request(id, call))
            .collect();
        self.post(method, &json!(body)).await
    }

    /// The answer of the node's REST interface at a path that begins `/rest/`. REST asks for no login, and shares the RPC's
    /// host and port. Source: Core, `doc/REST-interface.md`.
    ///
    /// # Errors
    /// [`RpcError::Http`] with status 404 if the node has no such thing, or no REST interface; else as [`Rpc::call`].
    pub async fn rest(&self, path: &str) -> Result<Vec<u8>, RpcError> {
        const METHOD: &str = "REST";
        let unusable = |reason: String| RpcError::Unreachable {
            url: self.url.clone(),
            reason,
        };
        let mut url = reqwest::Url::parse(&self.target)
            .and_then(|url| url.join(path))
            .map_err(|error| unusable(error.to_string()))?;
        // The login is for the RPC alone.
        let is_bare = url.set_username("").and_then(|()| url.set_password(None));
        is_bare.map_err(|()| unusable("a URL that cannot go without a login".to_owned()))?;
        let response = self.http.get(url).send().await;
        let response = response.map_err(|error| self.failed(METHOD, &error))?;
        let status = response.status().as_u16();
        let body = self.body(METHOD, response).await?;
        match status {
            200 => Ok(body),
            _ => Err(RpcError::Http {
                method: METHOD,
                status,
                words: answer::words(&body),
            }),
        }
    }

    async fn post(&self, method: &'static str, body: &Value) -> Result<Answer, RpcError> {
        let mut request = self.http.post(&self.target).json(body);
        let login = self.credentials()?;
        let used = self.key.hash_one(&login);
        if let Some((user, password)) = login {
            request = request.basic_auth(user, Some(password));
        }
        let response = request
            .send()
            .await
            .map_err(|error| self.failed(method, &error))?;
        let status = response.status().as_u16();
        // Core answers 403, without a body, to a call that is not on the whitelist, and to a batch with such a call.
        match status {
            401 => {
                *self.refused() = Some(used);
                return Err(RpcError::Unauthorized(self.url.clone()));
            }
            403 => return Err(RpcError::Forbidden(method)),
            _ => {}
        }
        let body = self.body(method, response).await?;
        Ok(Answer { status, body })
    }

    /// The node's address as it is shown: without a login.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The host of the node's address, in brackets if it is an IPv6 address.
    pub fn host(&self) -> Option<String> {
        host(&self.target)
    }

    /// Whether the login now is another than the one that the node refused last, as after the node's restart.
    pub fn has_new_login(&self) -> bool {
        let refused = *self.refused();
        let login = self.credentials().map(|login| self.key.hash_one(&login));
        refused.is_some_and(|refused| login.is_ok_and(|login| login != refused))
    }

    fn refused(&self) -> MutexGuard<'_, Option<u64>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the body piece by piece into one buffer, because a large mempool's body would be held twice otherwise.
    async fn body(
        &self,
        method: &'static str,
        mut response: reqwest::Response,
    ) -> Result<Vec<u8>, RpcError> {
        let length = response.content_length().unwrap_or(0);
        let mut body = Vec::with_capacity((length as usize).min(LONGEST_ANSWER));
        while let Some(piece) = response
            .chunk()
            .await
            .map_err(|error| self.failed(method, &error))?
        {
            if body.len() + piece.len() > LONGEST_ANSWER {
                return Err(RpcError::TooLong {
                    method,
                    limit: LONGEST_ANSWER,
                });
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    fn failed(&self, method: &'static str, error: &reqwest::Error) -> RpcError {
        match (error.is_connect(), error.is_timeout()) {
            (true, _) => unreachable(&self.url, error),
            (false, true) => RpcError::Slow(method),
            (false, false) => RpcError::Cut {
                url: self.url.clone(),
                reason: innermost(error),
            },
        }
    }

    /// The login to send. The cookie is read anew each time, because it changes when the node restarts.
    fn credentials(&self) -> Result<Option<(String, String)>, RpcError> {
        match &self.auth {
            Auth::None => Ok(None),
            Auth::Password { user, password } => Ok(Some((user.clone(), password.clone()))),
            Auth::CookieFile(path) => {
                let login = cookie(path).map_err(|error| RpcError::Cookie(path.clone(), error))?;
                Ok(Some(login))
            }
            Auth::FoundCookie(file) => {
                let cookie = file.read()?;
                Ok(Some((
                    cookie.user().to_owned(),
                    cookie.password().to_owned(),
                )))
            }
        }
    }
}

/// User and password in a cookie file that was set by hand.
fn cookie(path: &Path) -> io::Result<(String, String)> {
    let content = read_chosen(path, LONGEST_COOKIE)?;
    let login = std::str::from_utf8(&content)
        .ok()
        .map(str::trim)
        .filter(|line| !line.contains(char::is_control))
        .and_then(|line| line.split_once(':'));
    match login {
        Some((user, password)) => Ok((user.to_owned(), password.to_owned())),
        None => Err(io::Error::other("expected one line, USER:PASSWORD")),
    }
}

/// The host in a URL, in brackets if it is an IPv6 address; `None` if there is none.
pub fn host(url: &str) -> Option<String> {
    let url = reqwest::Url::parse(url).ok()?;
    url.host_str().map(str::to_owned)
}

fn request(id: usize, (method, params): &Call) -> Value {
    json!({ "jsonrpc": "1.0", "id": id, "method": method, "params": params })
}

fn unreachable(url: &str, error: &dyn std::error::Error) -> RpcError {
    RpcError::Unreachable {
        url: url.to_owned(),
        reason: innermost(error),
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_that_was_set_by_hand_is_one_line_of_a_regular_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cookie");
        let read = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            cookie(&path)
        };
        let login = |user: &str, password: &str| (user.to_owned(), password.to_owned());
        let cookie_of_node = read(b"__cookie__:a:b\r\n").unwrap();
        assert_eq!(cookie_of_node, login("__cookie__", "a:b"));
        for content in [
            &b"no colon"[..],
            b"rpcport=1\nrpcauth=a:b\n",
            b"\xff:a",
            b"",
            b"a:\0",
        ] {
            let error = read(content).unwrap_err().to_string();
            assert_eq!(error, "expected one line, USER:PASSWORD");
        }
        let long = [b"a:", &[b'x'; LONGEST_COOKIE as usize][..]].concat();
        assert!(read(&long).unwrap_err().to_string().contains("longer than"));
    }

    #[test]
    fn a_pipe_or_folder_in_place_of_a_cookie_is_refused_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        for path in [pipe.as_path(), folder.path()] {
            let error = cookie(path).unwrap_err().to_string();
            assert!(error.contains("not a regular file"), "{error}");
        }
    }
}
