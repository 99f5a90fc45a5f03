//! Reading the node's HTTP answers: the result of a call, or why there is none.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Call, RpcError};

/// A body, and the HTTP status that it came with: Core answers errors with 404 or 500, and a full work queue with 503.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The bytes of the body.
    pub body: Vec<u8>,
}

/// The most bytes that are shown of an error's message, or of a body that is no JSON-RPC.
const LONGEST_WORDS: usize = 200;

/// One answer, read straight into its type, because the txids of a large mempool would take many times their size as JSON
/// values.
#[derive(Deserialize)]
struct Reply<T> {
    #[serde(default = "Option::default")]
    result: Option<T>,
    #[serde(default)]
    error: Option<ReplyError>,
    id: Value,
}

#[derive(Deserialize)]
struct ReplyError {
    code: i64,
    message: String,
}

impl Answer {
    /// The result of one call.
    ///
    /// # Errors
    /// The node's own error, or a body of another shape.
    pub fn single<T: DeserializeOwned>(&self, method: &'static str) -> Result<T, RpcError> {
        read(method, self.parse(method)?)
    }

    /// The results of a batch in the order of its calls, each with its own error.
    ///
    /// # Errors
    /// A body of another shape, or one without an answer to each call.
    pub fn batch<T: DeserializeOwned>(
        &self,
        calls: &[Call],
    ) -> Result<Vec<Result<T, RpcError>>, RpcError> {
        let method = calls.first().map_or("an empty batch", |(method, _)| method);
        let mut replies: Vec<Reply<T>> = self.parse(method)?;
        replies.sort_by_key(|reply| reply.id.as_u64());
        let wrong = |reason: String| RpcError::Answer { method, reason };
        if replies.len() != calls.len() {
            let (have, expected) = (replies.len(), calls.len());
            return Err(wrong(format!("{have} answers; expected {expected}")));
        }
        let at_its_place = |(at, reply): (usize, &Reply<T>)| reply.id.as_u64() == Some(at as u64);
        if !replies.iter().enumerate().all(at_its_place) {
            return Err(wrong("ids that are not those of the calls".to_owned()));
        }
        Ok(calls
            .iter()
            .zip(replies)
            .map(|((method, _), reply)| read(method, reply))
            .collect())
    }

    fn parse<T: DeserializeOwned>(&self, method: &'static str) -> Result<T, RpcError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            match self.status == 200 && self.looks_like_json() {
                true => RpcError::Answer {
                    method,
                    reason: error.to_string(),
                },
                false => RpcError::Http {
                    method,
                    status: self.status,
                    words: words(&self.body),
                },
            }
        })
    }

    /// Whether the body begins as an answer of Core does; the page of a proxy does not.
    fn looks_like_json(&self) -> bool {
        let first = self.body.iter().find(|byte| !byte.is_ascii_whitespace());
        first.is_some_and(|byte| b"{[".contains(byte))
    }
}

/// The beginning of the node's text, readable and in one line.
pub(super) fn words(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(&said[..said.len().min(LONGEST_WORDS)]);
    let is_plain = |letter: &char| !letter.is_control() || letter.is_whitespace();
    let plain: String = text.chars().filter(is_plain).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn read<T>(method: &'static str, reply: Reply<T>) -> Result<T, RpcError> {
    if let Some(ReplyError { code, message }) = reply.error {
        return Err(RpcError::Node {
            method,
            code,
            message: words(message.as_bytes()),
        });
    }
    reply.result.ok_or_else(|| RpcError::Answer {
        method,
        reason: "neither a result nor an error".to_owned(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rpc::{BlockchainInfo, MempoolEntry};

    fn answer(body: &str) -> Answer {
        Answer {
            status: 200,
            body: body.into(),
        }
    }

    #[test]
    fn a_result_an_error_and_anything_else_are_told_apart() {
        let height = answer(r#"{"result":7,"error":null,"id":0}"#).single::<u32>("getblockcount");
        assert_eq!(height.unwrap(), 7);
        let error = answer(r#"{"result":null,"error":{"code":-28,"message":"Loading"},"id":0}"#)
            .single::<u32>("getblockcount")
            .unwrap_err();
        assert_eq!(error.to_string(), "getblockcount: Loading (code -28)");
        for (status, body, part) in [
            (
                503,
                "Work queue\n depth\u{7} exceeded",
                "HTTP status 503: Work queue depth exceeded",
            ),
            (200, r#"{"result":{"chain":5},"id":0}"#, "invalid type"),
            (500, "[]", "HTTP status 500"),
            (200, "<html>\n  Sign in", "HTTP status 200: <html> Sign in"),
        ] {
            let body = body.into();
            let error = Answer { status, body }.single::<BlockchainInfo>("getblockchaininfo");
            let error = error.unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
            assert!(error.is_passing() && !error.is_absence());
        }
    }

    #[test]
    fn a_time_that_cannot_be_is_refused() {
        let entry = |time: u64| {
            let body = format!(r#"{{"result":{{"time":{time}}},"id":0}}"#);
            answer(&body).single::<MempoolEntry>("getmempoolentry")
        };
        assert_eq!(entry(253_402_300_799).unwrap().time, 253_402_300_799);
        let error = entry(u64::MAX).unwrap_err().to_string();
        assert!(error.contains("before the year 10000"), "{error}");
    }

    #[test]
    fn a_batch_is_put_in_order_and_must_be_whole() {
        let calls: Vec<Call> = (0..2).map(|_| ("getmempoolentry", json!([]))).collect();
        let batch = |body: &str| answer(body).batch::<MempoolEntry>(&calls);
        let read = batch(
            r#"[{"error":{"code":-5,"message":"not in mempool"},"id":1},{"result":{"time":5},"id":0}]"#,
        );
        let read = read.unwrap();
        assert_eq!(read[0].as_ref().unwrap().time, 5);
        assert!(read[1].is_err());
        for body in [
            r#"[{"result":{"time":5},"id":0}]"#,
            r#"[{"result":{"time":5},"id":0},{"result":{"time":5},"id":0}]"#,
            r#"[{"result":{"time":5},"id":0},{"result":{"time":5},"id":null}]"#,
            r#"{"error":{"code":-32700,"message":"Parse error"},"id":null}"#,
        ] {
            assert!(batch(body).is_err(), "{body}");
        }
    }
}
