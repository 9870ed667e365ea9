//! Asking the system about accounts: it may take long, or never answer. One question about an account is under way at a time, so
//! that a name service that hangs holds one thread for each account and no more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cs_rbac::Caller;
use tokio::sync::watch;

use crate::peer::PrincipalId;

type Answer = Option<Arc<Caller>>;
type UnderWay = Arc<Mutex<HashMap<PrincipalId, watch::Receiver<Answer>>>>;

/// Questions that the system has not answered yet.
#[derive(Debug, Default)]
pub struct Asking {
    under_way: UnderWay,
}

impl Asking {
    /// Asks, or waits for the answer to the same question. `None` when it does not come in time, or `look_up` panicked.
    pub async fn ask(
        &self,
        id: &PrincipalId,
        patience: Duration,
        look_up: impl FnOnce(&PrincipalId) -> Arc<Caller> + Send + 'static,
    ) -> Answer {
        let mut answer = self.begin(id, look_up);
        let waiting = answer.wait_for(Option::is_some);
        let answer = tokio::time::timeout(patience, waiting).await.ok()?.ok()?;
        answer.clone()
    }

    fn begin(
        &self,
        id: &PrincipalId,
        look_up: impl FnOnce(&PrincipalId) -> Arc<Caller> + Send + 'static,
    ) -> watch::Receiver<Answer> {
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = under_way.get(id) {
            return answer.clone();
        }
        let (sender, answer) = watch::channel(None);
        under_way.insert(id.clone(), answer.clone());
        let question = Question {
            under_way: Arc::clone(&self.under_way),
            id: id.clone(),
        };
        tokio::task::spawn_blocking(move || {
            let caller = look_up(&question.id);
            // First, so that whoever asks from now on gets an answer that is not older than the question.
            drop(question);
            sender.send_replace(Some(caller));
        });
        answer
    }
}

/// A question under way; taken off the list when it is dropped, also by a panic.
struct Question {
    under_way: UnderWay,
    id: PrincipalId,
}

impl Drop for Question {
    fn drop(&mut self) {
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        under_way.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc;

    fn caller(id: &PrincipalId) -> Arc<Caller> {
        Arc::new(super::super::unknown(id))
    }

    #[tokio::test]
    async fn a_directory_that_hangs_holds_one_thread_and_denies_in_time() {
        let asking = Asking::default();
        let id = PrincipalId::Uid(7);
        let (release, wait) = mpsc::channel::<()>();
        let asked = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&asked);
        let hangs = move |id: &PrincipalId| {
            count.fetch_add(1, Ordering::SeqCst);
            let _released = wait.recv();
            caller(id)
        };
        assert_eq!(
            asking.ask(&id, Duration::from_millis(50), hangs).await,
            None
        );
        for _ in 0..20 {
            let count = Arc::clone(&asked);
            let again = move |id: &PrincipalId| {
                count.fetch_add(1, Ordering::SeqCst);
                caller(id)
            };
            assert_eq!(asking.ask(&id, Duration::from_millis(5), again).await, None);
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        // Others are not kept waiting.
        let other = asking
            .ask(&PrincipalId::Uid(8), Duration::from_secs(5), caller)
            .await;
        assert!(other.is_some());
        // Once it answers, whoever waits has it, and the next one asks anew.
        let waiting = asking.ask(&id, Duration::from_secs(5), caller);
        release.send(()).unwrap();
        assert!(waiting.await.is_some());
        assert!(asking.under_way.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_panic_is_no_answer_and_does_not_stay() {
        let asking = Asking::default();
        let id = PrincipalId::Uid(7);
        let dies = |_: &PrincipalId| -> Arc<Caller> { std::panic::resume_unwind(Box::new(())) };
        assert_eq!(asking.ask(&id, Duration::from_secs(5), dies).await, None);
        assert!(
            asking
                .ask(&id, Duration::from_secs(5), caller)
                .await
                .is_some()
        );
    }
}
