//! The node's JSON-RPC, with its cookie.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use serde_json::{Value, json};

/// Longest time of one request; loading 50,000 transactions takes most of it on a busy machine.
const TIMEOUT: Duration = Duration::from_mins(2);
/// Calls in one request: a queue that is too long is refused by the node.
const BATCH: usize = 1000;

/// A client of one node.
#[derive(Clone)]
pub struct Rpc {
    client: reqwest::Client,
    address: SocketAddr,
    cookie: PathBuf,
}

impl Rpc {
    /// A client; the cookie is read at each request, because the node writes a new one at each start.
    pub fn new(address: SocketAddr, cookie: PathBuf) -> Rpc {
        // A connection that is kept would be one to the node before its restart.
        let client = reqwest::Client::builder()
            .pool_max_idle_per_host(0)
            .timeout(TIMEOUT);
        Rpc {
            client: client.build().unwrap(),
            address,
            cookie,
        }
    }

    /// The URL without credentials.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The result of a call.
    ///
    /// # Panics
    /// When the node cannot be reached or answers with an error.
    pub async fn call(&self, method: &str, params: Value) -> Value {
        let outcome = self.ask(method, params).await;
        outcome.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// The result of a call, or the error's text.
    pub async fn ask(&self, method: &str, params: Value) -> Result<Value, String> {
        let request = json!({"id": 0, "method": method, "params": params});
        outcome(self.post(request).await?)
    }

    /// The results of many calls of one method.
    ///
    /// # Panics
    /// When the node answers one of them with an error.
    pub async fn call_each(&self, method: &str, params: Vec<Value>) -> Vec<Value> {
        let mut results = Vec::with_capacity(params.len());
        for part in params.chunks(BATCH) {
            let calls = part.iter().zip(0..);
            let calls =
                calls.map(|(params, id)| json!({"id": id, "method": method, "params": params}));
            let answers = self.post(calls.collect()).await;
            let answers = answers.unwrap_or_else(|error| panic!("{method}: {error}"));
            for answer in answers.as_array().expect("a batch of answers") {
                let result = outcome(answer.clone());
                results.push(result.unwrap_or_else(|error| panic!("{method}: {error}")));
            }
        }
        results
    }

    async fn post(&self, body: Value) -> Result<Value, String> {
        let cookie = std::fs::read_to_string(&self.cookie).map_err(|error| error.to_string())?;
        let (user, password) = cookie.split_once(':').ok_or("a cookie without a colon")?;
        let request = self
            .client
            .post(self.url())
            .basic_auth(user, Some(password))
            .body(body.to_string());
        let response = request.send().await.map_err(|error| error.to_string())?;
        let text = response.text().await.map_err(|error| error.to_string())?;
        serde_json::from_str(&text).map_err(|error| format!("{error}: {text:?}"))
    }
}

fn outcome(answer: Value) -> Result<Value, String> {
    match &answer["error"] {
        Value::Null => Ok(answer["result"].clone()),
        error => Err(error["message"].as_str().unwrap_or("an error").to_owned()),
    }
}
