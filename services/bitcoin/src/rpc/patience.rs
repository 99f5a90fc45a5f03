//! Patience with a busy node: each call is made again, with a growing pause, while the node cannot answer it.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use tracing::debug;

use super::RpcError;

/// The first pause before a question to a busy node is asked again, and the number of pauses; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const PAUSES: usize = 5;

/// The pauses, each twice the one before it.
pub fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE)
        .with_max_times(PAUSES)
        .build()
}

/// Asks until there is an answer, with growing pauses while the node or a proxy before it is busy. After the last pause, any
/// answer is returned.
///
/// # Errors
/// Those of the last question.
pub async fn patiently<T, F: Future<Output = Result<T, RpcError>>>(
    ask: impl Fn() -> F,
) -> Result<T, RpcError> {
    for pause in pauses() {
        match ask().await {
            Err(error) if error.is_passing() => {
                debug!("asking again: {error}");
                tokio::time::sleep(pause).await;
            }
            answer => return answer,
        }
    }
    ask().await
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// The node's answers in turn, and how often it was asked.
    async fn asked(answers: &[Result<u32, i64>]) -> (Result<u32, RpcError>, usize) {
        let count = Cell::new(0);
        let answer = patiently(|| {
            let at = count.replace(count.get() + 1).min(answers.len() - 1);
            std::future::ready(answers[at].map_err(|code| RpcError::Node {
                method: "getblockcount",
                code,
                message: String::new(),
            }))
        });
        (answer.await, count.get())
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_node_is_asked_again_and_one_that_says_no_is_not() {
        const BUSY: i64 = -32603;
        const ABSENT: i64 = -5;
        let (answer, count) = asked(&[Err(BUSY), Err(BUSY), Ok(7)]).await;
        assert_eq!((answer.unwrap(), count), (7, 3));
        let (answer, count) = asked(&[Err(BUSY)]).await;
        assert_eq!((answer.unwrap_err().is_passing(), count), (true, 6));
        let (answer, count) = asked(&[Err(ABSENT)]).await;
        assert_eq!((answer.unwrap_err().is_absence(), count), (true, 1));
    }
}
