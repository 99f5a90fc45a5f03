use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::time::{advance, sleep, timeout};

use super::*;

const ANY: Wanted = Wanted {
    epoch: 1,
    version: None,
};
const FROZEN: Duration = Duration::from_secs(3);

/// What makes the answers: their tags and versions are the number of the making.
#[derive(Clone, Default)]
struct Maker {
    begun: Arc<AtomicU64>,
    encoded: Arc<AtomicU64>,
    takes: Duration,
    fails: bool,
}

impl Maker {
    fn taking(takes: Duration) -> Self {
        Maker {
            takes,
            ..Maker::default()
        }
    }

    /// The same one, which fails from now on.
    fn failing(&self) -> Self {
        Maker {
            fails: true,
            ..self.clone()
        }
    }

    /// The same one, frozen.
    fn frozen(&self) -> Self {
        Maker {
            takes: FROZEN,
            ..self.failing()
        }
    }

    fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    async fn make(self) -> Result<impl FnOnce() -> Answer + Send + 'static, String> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        sleep(self.takes).await;
        let encoded = self.encoded;
        match self.fails {
            true => Err(format!("failure {number}")),
            false => Ok(move || {
                encoded.fetch_add(1, Ordering::Relaxed);
                Answer {
                    tag: number.to_string(),
                    version: number,
                    body: Encoded::fast(Bytes::new()),
                    headers: HeaderMap::new(),
                }
            }),
        }
    }
}

/// The tag and the age in milliseconds of an answer, or the failure.
async fn ask(
    answers: &MadeOnce<u64>,
    question: u64,
    wanted: Wanted,
    maker: &Maker,
) -> Result<(String, Option<u128>), String> {
    let maker = maker.clone();
    let given = answers.get(question, wanted, move || maker.clone().make());
    let given = given.await.map_err(|failure| failure.to_string())?;
    let age_ms = given.age.map(|age| age.as_millis());
    Ok((given.answer.tag.clone(), age_ms))
}

#[allow(clippy::unnecessary_wraps, reason = "it is compared with outcomes")]
fn fresh(tag: &str) -> Result<(String, Option<u128>), String> {
    Ok((tag.to_owned(), None))
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_made_once_for_all_clients_that_wait() {
    let answers = MadeOnce::new(4);
    let maker = Maker::taking(Duration::from_millis(500));
    let asked = (0..50).map(|_| ask(&answers, 0, ANY, &maker));
    for given in futures_util::future::join_all(asked).await {
        assert_eq!(given, fresh("1"));
    }
    assert_eq!(maker.encoded.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_leaves_the_work_to_the_next() {
    let answers = MadeOnce::new(4);
    let maker = Maker::taking(Duration::from_millis(500));
    for _ in 0..10 {
        let asked = ask(&answers, 0, ANY, &maker);
        timeout(Duration::from_millis(30), asked).await.unwrap_err();
    }
    assert_eq!(ask(&answers, 0, ANY, &maker).await, fresh("1"));
    assert_eq!(maker.begun(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_made_once_a_second() {
    let answers = MadeOnce::new(4);
    let maker = Maker::default();
    assert_eq!(ask(&answers, 0, ANY, &maker).await, fresh("1"));
    advance(EVERY - Duration::from_millis(1)).await;
    assert_eq!(ask(&answers, 0, ANY, &maker).await, fresh("1"));
    advance(Duration::from_millis(1)).await;
    assert_eq!(ask(&answers, 0, ANY, &maker).await, fresh("2"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_may_be_made_more_seldom_and_is_waited_for_as_long() {
    let seldom = Duration::from_secs(10);
    let answers = MadeOnce::new_every(seldom, 4);
    let maker = Maker::default();
    assert_eq!(ask(&answers, 0, ANY, &maker).await, fresh("1"));
    advance(seldom - Duration::from_millis(1)).await;
    assert_eq!(ask(&answers, 0, ANY, &maker).await, fresh("1"));
    advance(Duration::from_millis(1)).await;
    let slow = Maker {
        takes: FROZEN,
        ..maker.clone()
    };
    assert_eq!(ask(&answers, 0, ANY, &slow).await, fresh("2"));
    assert_eq!(maker.begun(), 2);
}

#[tokio::test(start_paused = true)]
async fn different_questions_do_not_wait_for_each_other() {
    let answers = MadeOnce::new(8);
    let maker = Maker::default().frozen();
    let began = Instant::now();
    let asked = (0..5).map(|question| ask(&answers, question, ANY, &maker));
    for given in futures_util::future::join_all(asked).await {
        assert!(given.unwrap_err().starts_with("failure"));
    }
    assert_eq!(began.elapsed(), FROZEN);
}

#[tokio::test(start_paused = true)]
async fn a_kept_answer_is_given_after_a_second_with_its_age() {
    let answers = MadeOnce::new(4);
    let maker = Maker::default();
    assert_eq!(ask(&answers, 0, ANY, &maker).await, fresh("1"));
    advance(Duration::from_secs(10)).await;
    let began = Instant::now();
    let given = ask(&answers, 0, ANY, &maker.frozen()).await;
    assert_eq!(given, Ok(("1".to_owned(), Some(11_000))));
    assert_eq!(began.elapsed(), EVERY);
    // The next client does not wait for what is known to take longer.
    let given = ask(&answers, 0, ANY, &maker.frozen()).await;
    assert_eq!(given, Ok(("1".to_owned(), Some(11_000))));
    assert_eq!(maker.begun(), 2);
    sleep(FROZEN).await;
    assert_eq!(ask(&answers, 0, ANY, &maker).await, fresh("3"));
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_kept_for_a_second() {
    let answers = MadeOnce::new(4);
    let maker = Maker::default();
    let failed = Err("failure 1".to_owned());
    assert_eq!(ask(&answers, 0, ANY, &maker.failing()).await, failed);
    assert_eq!(ask(&answers, 0, ANY, &maker).await, failed);
    advance(EVERY).await;
    assert_eq!(ask(&answers, 0, ANY, &maker).await, fresh("2"));
    advance(EVERY).await;
    let older = Ok(("2".to_owned(), Some(1000)));
    assert_eq!(ask(&answers, 0, ANY, &maker.failing()).await, older);
    assert_eq!(ask(&answers, 0, ANY, &maker).await, older);
    assert_eq!(maker.begun(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_newer_version_is_waited_for_and_no_more_than_one_is_made_a_second() {
    let answers = MadeOnce::new(4);
    let maker = Maker::default();
    let at_least = |version| Wanted {
        epoch: 1,
        version: Some(version),
    };
    let began = Instant::now();
    assert_eq!(ask(&answers, 0, at_least(1), &maker).await, fresh("1"));
    assert_eq!(ask(&answers, 0, at_least(2), &maker).await, fresh("2"));
    assert_eq!(began.elapsed(), EVERY);
    advance(EVERY * 10).await;
    assert_eq!(
        ask(&answers, 0, at_least(2), &maker).await,
        fresh("2"),
        "nothing is new"
    );
    assert_eq!(maker.begun(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_came_while_an_answer_was_made_is_in_the_next() {
    let answers = MadeOnce::new(4);
    let maker = Maker::taking(Duration::from_millis(100));
    let newer = Wanted {
        epoch: 1,
        version: Some(2),
    };
    let (older, newer) = tokio::join!(
        ask(&answers, 0, ANY, &maker),
        ask(&answers, 0, newer, &maker)
    );
    assert_eq!((older, newer), (fresh("1"), fresh("2")));
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_another_epoch_is_never_given() {
    let answers = MadeOnce::new(4);
    let maker = Maker::default();
    assert_eq!(ask(&answers, 0, ANY, &maker).await, fresh("1"));
    let other = Wanted {
        epoch: 2,
        version: None,
    };
    let failed = ask(&answers, 0, other, &maker.failing()).await;
    assert_eq!(failed, Err("failure 2".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn the_question_asked_longest_ago_makes_room_unless_it_is_running() {
    let answers = MadeOnce::new(2);
    let (maker, slow) = (Maker::default(), Maker::taking(FROZEN));
    assert_eq!(ask(&answers, 0, ANY, &maker).await, fresh("1"));
    let asked = [ask(&answers, 1, ANY, &slow), ask(&answers, 2, ANY, &slow)];
    let asked = futures_util::future::join_all(asked.map(Box::pin));
    timeout(EVERY, asked).await.unwrap_err();
    let refused = ask(&answers, 3, ANY, &maker).await.unwrap_err();
    assert!(refused.contains("too many"), "{refused}");
    sleep(FROZEN).await;
    assert_eq!(ask(&answers, 3, ANY, &maker).await, fresh("2"));
    assert_eq!(answers.held.lock().unwrap().len(), 2);
    assert!(!answers.held.lock().unwrap().contains_key(&0));
}

#[tokio::test]
async fn a_panic_is_a_failure_for_a_second() {
    let answers: MadeOnce<u64> = MadeOnce::new(2);
    let panics = || async { Ok(|| -> Answer { panic!("a test's panic") }) };
    let failure = answers.get(0, ANY, panics).await.unwrap_err();
    assert_eq!(&*failure, "the answer could not be written");
    let maker = Maker::default();
    let kept = ask(&answers, 0, ANY, &maker).await;
    assert_eq!(kept, Err(failure.to_string()));
}
