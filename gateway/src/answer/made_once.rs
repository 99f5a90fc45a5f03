//! What is asked of the analyzer only when somebody wants it. Each answer is kept for a moment, and so is each failure:
//! the analyzer is asked no more often, however many ask here.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use rustc_hash::FxHashMap;
use tokio::sync::Mutex;

use crate::answer::encoded::Encoded;

/// How long an answer is as good as new.
const FRESH: Duration = Duration::from_secs(2);
/// Questions whose answers are kept.
const QUESTIONS: usize = 16;

/// An answer, ready to be sent.
#[derive(Debug)]
pub struct Answer {
    /// Changes with the body.
    pub tag: String,
    /// What is sent.
    pub body: Encoded,
}

/// The answers of this moment, by question.
#[derive(Debug)]
pub struct MadeOnce {
    fresh: Duration,
    answers: Mutex<FxHashMap<String, Held>>,
}

#[derive(Debug)]
struct Held {
    asked_at: Instant,
    /// The newest, or why there has never been one.
    answer: Result<Arc<Answer>, String>,
}

impl Default for MadeOnce {
    fn default() -> Self {
        MadeOnce::for_so_long(FRESH)
    }
}

impl MadeOnce {
    fn for_so_long(fresh: Duration) -> Self {
        MadeOnce {
            fresh,
            answers: Mutex::default(),
        }
    }

    /// The answer to a question: the one kept while it is fresh, else what `ask` gives. When that fails, the one before it;
    /// or why there is none.
    pub async fn get<F>(
        &self,
        question: &str,
        ask: impl FnOnce() -> F,
    ) -> Result<Arc<Answer>, String>
    where
        F: Future<Output = Result<Answer, String>>,
    {
        let mut answers = self.answers.lock().await;
        if let Some(held) = answers.get(question)
            && held.asked_at.elapsed() < self.fresh
        {
            return held.answer.clone();
        }
        let before = answers.remove(question).and_then(|held| held.answer.ok());
        let answer = match (ask().await, before) {
            (Ok(answer), _) => Ok(Arc::new(answer)),
            (Err(_), Some(before)) => Ok(before),
            (Err(reason), None) => Err(reason),
        };
        if answers.len() >= QUESTIONS {
            answers.clear();
        }
        let held = Held {
            asked_at: Instant::now(),
            answer: answer.clone(),
        };
        answers.insert(question.to_owned(), held);
        answer
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn answer(tag: &str) -> Answer {
        Answer {
            tag: tag.to_owned(),
            body: Encoded::fast(Bytes::new()),
        }
    }

    async fn tag(kept: &MadeOnce, next: Result<&str, &str>) -> Result<String, String> {
        let next = next.map(answer).map_err(str::to_owned);
        let answer = kept.get("question", async || next).await;
        answer.map(|answer| answer.tag.clone())
    }

    #[tokio::test]
    async fn it_is_asked_again_only_when_the_answer_is_old() {
        let kept = MadeOnce::for_so_long(Duration::from_secs(3600));
        assert_eq!(tag(&kept, Ok("a")).await.unwrap(), "a");
        assert_eq!(tag(&kept, Ok("b")).await.unwrap(), "a");
        let kept = MadeOnce::for_so_long(Duration::ZERO);
        assert_eq!(tag(&kept, Ok("a")).await.unwrap(), "a");
        assert_eq!(tag(&kept, Ok("b")).await.unwrap(), "b");
    }

    #[tokio::test]
    async fn a_failure_leaves_the_answer_before_it_and_is_kept_when_there_is_none() {
        let kept = MadeOnce::for_so_long(Duration::from_secs(3600));
        assert_eq!(tag(&kept, Err("gone")).await.unwrap_err(), "gone");
        assert_eq!(tag(&kept, Ok("a")).await.unwrap_err(), "gone");
        let kept = MadeOnce::for_so_long(Duration::ZERO);
        assert_eq!(tag(&kept, Ok("a")).await.unwrap(), "a");
        assert_eq!(tag(&kept, Err("gone")).await.unwrap(), "a");
    }

    #[tokio::test]
    async fn no_more_than_so_many_are_kept() {
        let kept = MadeOnce::default();
        for number in 0..3 * QUESTIONS {
            let question = number.to_string();
            kept.get(&question, async || Ok(answer("a"))).await.unwrap();
        }
        assert!(kept.answers.lock().await.len() <= QUESTIONS);
    }
}
