//! The threads that compute prices: one for each worker, at the lowest priority, apart from the threads that serve.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
};

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use tokio::sync::oneshot;

/// The threads. Clones share them.
#[derive(Clone, Debug)]
pub struct Cpu(Arc<ThreadPool>);

impl Cpu {
    /// A pool of `threads` threads, at least one.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn new(threads: usize) -> Result<Cpu, ThreadPoolBuildError> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads.max(1))
            .thread_name(|number| format!("historian {number}"))
            .start_handler(|_| yield_to_others())
            .build()?;
        Ok(Cpu(Arc::new(pool)))
    }

    /// Runs `work` on one of the threads and returns its result. A panic of `work` continues in the caller.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, outcome) = oneshot::channel();
        self.0.spawn(move || {
            let worked = catch_unwind(AssertUnwindSafe(work));
            // The receiver is gone once the process ends.
            drop(done.send(worked));
        });
        match outcome.await {
            Ok(Ok(worked)) => worked,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => resume_unwind(Box::new("a computing thread is gone") as Box<dyn Any + Send>),
        }
    }
}

/// Gives this thread the lowest priority. On Linux a thread counts as the "process" of that call (setpriority(2), "C
/// library/kernel differences"). Elsewhere the call would slow the whole program, so it is left out.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, 19) {
        tracing::debug!("a computing thread keeps its priority: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_done_elsewhere_at_the_lowest_priority() {
        let Ok(cpu) = Cpu::new(2) else {
            panic!("no threads");
        };
        let here = std::thread::current().id();
        let (there, priority) = cpu
            .run(|| {
                let priority = rustix::process::getpriority_process(None);
                (std::thread::current().id(), priority)
            })
            .await;
        assert_ne!(here, there);
        #[cfg(target_os = "linux")]
        assert_eq!(priority, Ok(19));
        assert_eq!(cpu.run(|| 7).await, 7);
    }
}
