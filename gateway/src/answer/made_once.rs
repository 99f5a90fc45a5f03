//! Answers that are made once for all clients that wait for them, even if some of the clients hang up.
//!
//! A task of its own makes an answer: it asks for the data, then encodes them on a blocking thread. A client only waits
//! for the task's result, so a client that hangs up takes nothing with it. No lock is held meanwhile.
//!
//! Memory is bounded by the number of questions: each has one kept answer and at most one task. At most [`ENCODERS`]
//! tasks encode at a time; the others hold only their data.

use std::{
    collections::HashMap,
    future::Future,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use axum::http::HeaderMap;
use tokio::{
    sync::{Semaphore, watch},
    task::spawn_blocking,
    time::{Duration, Instant, sleep_until, timeout_at},
};
use tracing::error;

use crate::answer::encoded::Encoded;

/// Shortest time from one making of an answer to the next, unless another is set. A client that has waited this long
/// gets the kept answer.
pub const EVERY: Duration = Duration::from_secs(1);
/// Most answers encoded at a time: the other cores stay free for watchers, however many questions come at once.
const ENCODERS: usize = 2;

/// An answer, ready to be sent.
#[derive(Debug)]
pub struct Answer {
    /// The entity tag, which changes with the body.
    pub tag: String,
    /// Version of the data that the answer is made of; compared with [`Wanted::version`].
    pub version: u64,
    /// The body that is sent.
    pub body: Encoded,
    /// Headers of this answer beside those of every answer.
    pub headers: HeaderMap,
}

/// The requirement on an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Epoch of the answer; an answer of another epoch is dropped.
    pub epoch: u64,
    /// Least version of an answer that is up to date. `None` if any answer is up to date that is younger than the
    /// shortest time between two makings.
    pub version: Option<u64>,
}

/// An answer for one client.
#[derive(Clone, Debug)]
pub struct Given {
    /// The answer, shared with all clients that asked for the same.
    pub answer: Arc<Answer>,
    /// Time since the answer was made; `None` if the answer is up to date.
    pub age: Option<Duration>,
}

/// Why there is no answer, in words for the client.
pub type Failure = Arc<str>;

/// The answers to the questions `Q`.
#[derive(Debug)]
pub struct MadeOnce<Q> {
    most: usize,
    every: Duration,
    held: Mutex<HashMap<Q, Held>>,
    encoders: Arc<Semaphore>,
}

#[derive(Debug)]
struct Held {
    epoch: u64,
    asked_at: Instant,
    run: Run,
}

/// The newest attempt to make an answer.
#[derive(Clone, Debug)]
struct Run {
    begins_at: Instant,
    /// Shortest time from `begins_at` to the next making.
    every: Duration,
    outcome: watch::Receiver<Outcome>,
}

/// The outcome of a making, and the last good answer.
#[derive(Debug, Default)]
struct Outcome {
    is_done: bool,
    /// `None` if the making did not fail.
    failure: Option<Failure>,
    last_good: Option<Kept>,
}

#[derive(Clone, Debug)]
struct Kept {
    answer: Arc<Answer>,
    made_at: Instant,
}

impl<Q: Clone + Eq + Hash> MadeOnce<Q> {
    /// Holds the answers to at most `most` questions; for a new one, the one that was asked longest ago is dropped.
    pub fn new(most: usize) -> Self {
        MadeOnce::new_every(EVERY, most)
    }

    /// Like [`MadeOnce::new`], with another shortest time from one making to the next.
    pub fn new_every(every: Duration, most: usize) -> Self {
        MadeOnce {
            most,
            every,
            held: Mutex::default(),
            encoders: Arc::new(Semaphore::new(ENCODERS)),
        }
    }

    /// The answer to a question: the kept one while it is up to date, else the result of a task that runs `make` and
    /// then the encoder that `make` gives. If the task fails, or takes longer than the shortest time between two
    /// makings, the client gets the last good answer.
    ///
    /// # Errors
    /// With the reason if the answer could not be made and there is no older one.
    pub async fn get<M, F, E>(&self, question: Q, wanted: Wanted, make: M) -> Result<Given, Failure>
    where
        M: Fn() -> F + Clone + Send + 'static,
        F: Future<Output = Result<E, String>> + Send,
        E: FnOnce() -> Answer + Send + 'static,
    {
        let given = self.join(&question, wanted, &make)?.given().await;
        let is_behind = |given: &Given| given.age.is_none() && !wanted.is_met_by(&given.answer);
        match given {
            // The task began before the wanted version existed; the next one begins after.
            Ok(given) if is_behind(&given) => self.join(&question, wanted, &make)?.given().await,
            given => given,
        }
    }

    /// The making that serves a client: the newest one, or a new one that is started for it.
    fn join<M, F, E>(&self, question: &Q, wanted: Wanted, make: &M) -> Result<Run, Failure>
    where
        M: Fn() -> F + Clone + Send + 'static,
        F: Future<Output = Result<E, String>> + Send,
        E: FnOnce() -> Answer + Send + 'static,
    {
        let now = Instant::now();
        let mut all = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let before = all.get_mut(question);
        let before = before.filter(|held| held.epoch == wanted.epoch);
        let (begins_at, last_good) = match before {
            Some(held) if held.run.serves(wanted, now) => {
                held.asked_at = now;
                return Ok(held.run.clone());
            }
            Some(held) => {
                let last_good = held.run.outcome.borrow().last_good.clone();
                (now.max(held.run.begins_at + self.every), last_good)
            }
            None => {
                make_room(&mut all, question, self.most)?;
                (now, None)
            }
        };
        let encoders = self.encoders.clone();
        let run = Run::start(begins_at, self.every, last_good, encoders, make.clone());
        let held = Held {
            epoch: wanted.epoch,
            asked_at: now,
            run: run.clone(),
        };
        all.insert(question.clone(), held);
        Ok(run)
    }
}

/// Drops the question that was asked longest ago if a new one would be more than `most`. A question whose task runs
/// stays, because clients wait for it.
fn make_room<Q: Clone + Eq + Hash>(
    all: &mut HashMap<Q, Held>,
    question: &Q,
    most: usize,
) -> Result<(), Failure> {
    if all.len() < most || all.contains_key(question) {
        return Ok(());
    }
    let idle = all.iter().filter(|(_, held)| !held.run.is_running());
    let oldest = idle.min_by_key(|(_, held)| held.asked_at);
    let oldest = oldest.map(|(question, _)| question.clone());
    let oldest = oldest.ok_or("too many different questions are being answered")?;
    all.remove(&oldest);
    Ok(())
}

impl Wanted {
    fn is_met_by(self, answer: &Answer) -> bool {
        self.version.is_none_or(|version| answer.version >= version)
    }
}

impl Run {
    /// Starts the task that makes an answer at `begins_at`.
    fn start<M, F, E>(
        begins_at: Instant,
        every: Duration,
        last_good: Option<Kept>,
        encoders: Arc<Semaphore>,
        make: M,
    ) -> Self
    where
        M: Fn() -> F + Send + 'static,
        F: Future<Output = Result<E, String>> + Send,
        E: FnOnce() -> Answer + Send + 'static,
    {
        let (sender, outcome) = watch::channel(Outcome {
            last_good,
            ..Outcome::default()
        });
        tokio::spawn(async move {
            sleep_until(begins_at).await;
            let made = match make().await {
                Ok(encode) => encoded(&encoders, encode).await,
                Err(reason) => Err(reason.into()),
            };
            sender.send_modify(|outcome| outcome.end(made));
        });
        Run {
            begins_at,
            every,
            outcome,
        }
    }

    /// Whether the task has not ended.
    fn is_running(&self) -> bool {
        // A task that panicked has dropped its sender.
        !self.outcome.borrow().is_done && self.outcome.has_changed().is_ok()
    }

    /// Whether this making serves a client that asks now.
    fn serves(&self, wanted: Wanted, now: Instant) -> bool {
        if self.is_running() {
            return true;
        }
        let is_recent = now < self.begins_at + self.every;
        let outcome = self.outcome.borrow();
        match (&outcome.last_good, wanted.version) {
            (Some(kept), Some(_)) if outcome.failure.is_none() => wanted.is_met_by(&kept.answer),
            _ => is_recent,
        }
    }

    /// Waits for the answer; if an older one is kept, at most until the next making could begin.
    async fn given(mut self) -> Result<Given, Failure> {
        let has_older = self.outcome.borrow().last_good.is_some();
        let ended = self.outcome.wait_for(|outcome| outcome.is_done);
        // The outcome is read below, whether or not the task has ended.
        match has_older {
            true => drop(timeout_at(self.begins_at + self.every, ended).await),
            false => drop(ended.await),
        }
        self.outcome.borrow().given()
    }
}

impl Outcome {
    fn end(&mut self, made: Result<Kept, Failure>) {
        self.is_done = true;
        match made {
            Ok(kept) => self.last_good = Some(kept),
            Err(failure) => self.failure = Some(failure),
        }
    }

    fn given(&self) -> Result<Given, Failure> {
        let is_up_to_date = self.is_done && self.failure.is_none();
        match (&self.last_good, &self.failure) {
            (Some(kept), _) => Ok(Given {
                answer: kept.answer.clone(),
                age: (!is_up_to_date).then(|| kept.made_at.elapsed()),
            }),
            (None, Some(failure)) => Err(failure.clone()),
            (None, None) => Err("the answer could not be made".into()),
        }
    }
}

/// Encodes on a blocking thread, once one of the encoders' places is free.
async fn encoded<E>(encoders: &Semaphore, encode: E) -> Result<Kept, Failure>
where
    E: FnOnce() -> Answer + Send + 'static,
{
    let turn = encoders.acquire().await;
    let answer = spawn_blocking(encode).await;
    drop(turn);
    match answer {
        Ok(answer) => Ok(Kept {
            answer: Arc::new(answer),
            made_at: Instant::now(),
        }),
        Err(fault) => {
            error!("an answer could not be written: {fault}");
            Err("the answer could not be written".into())
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
