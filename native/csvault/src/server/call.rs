//! One running call: how it is stopped, and the chunks of its input that wait for it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use cs_contract::{CallId, ErrorId, ErrorReport, Limits};

/// Chunks that are taken before the client is told.
const ACKNOWLEDGED_TOGETHER: u32 = Limits::WINDOW_CHUNKS / 2;

/// Why a call was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum StopReason {
    /// The client said so, or went away.
    Cancelled = 1,
    /// Its deadline passed.
    TimedOut = 2,
    /// The service ends.
    Ending = 3,
}

/// Stands where a reason to stop would: it is too late for one.
const COMMITTING: u8 = u8::MAX;

/// What a connection and the thread of one of its calls share.
#[derive(Debug)]
pub struct CallState {
    /// The call.
    pub id: CallId,
    stop: AtomicU8,
    input: Mutex<Input>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Input {
    chunks: VecDeque<Vec<u8>>,
    /// Chunks taken that the client was not told of.
    unacknowledged: u32,
    ended: bool,
}

/// What became of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It waits for its call.
    Yes,
    /// The client was ahead by more chunks than it may.
    TooMany,
    /// The input was ended before.
    Ended,
}

impl CallState {
    /// A call that runs.
    #[must_use]
    pub fn new(id: CallId) -> Arc<Self> {
        Arc::new(Self {
            id,
            stop: AtomicU8::new(0),
            input: Mutex::default(),
            arrived: Condvar::new(),
        })
    }

    /// Asks the call to stop; the first reason counts, and none once [`Self::begin_commit`] was passed. Whoever has its outbox wakes that as well.
    pub fn stop(&self, reason: StopReason) {
        let _an_earlier_reason_stands =
            self.stop
                .compare_exchange(0, reason as u8, Ordering::Relaxed, Ordering::Relaxed);
        let _held_so_that_nobody_misses_it =
            self.input.lock().unwrap_or_else(PoisonError::into_inner);
        self.arrived.notify_all();
    }

    /// True when the call is to end.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        !matches!(self.stop.load(Ordering::Relaxed), 0 | COMMITTING)
    }

    /// The point of no return: nothing stops the call behind it. False when it was stopped before.
    #[must_use]
    pub fn begin_commit(&self) -> bool {
        let before =
            self.stop
                .compare_exchange(0, COMMITTING, Ordering::Relaxed, Ordering::Relaxed);
        matches!(before, Ok(_) | Err(COMMITTING))
    }

    /// True behind the point of no return.
    #[must_use]
    pub fn is_committing(&self) -> bool {
        self.stop.load(Ordering::Relaxed) == COMMITTING
    }

    /// How a stopped call is reported.
    #[must_use]
    pub fn stop_report(&self) -> ErrorReport {
        const TIMED_OUT: u8 = StopReason::TimedOut as u8;
        const ENDING: u8 = StopReason::Ending as u8;
        match self.stop.load(Ordering::Relaxed) {
            TIMED_OUT => ErrorReport::new(
                ErrorId::CallTimedOut,
                "The call took longer than its deadline.",
            ),
            ENDING => ErrorReport::new(
                ErrorId::CallCancelled,
                "The call was stopped because the service ends.",
            )
            .hint("Repeat the command; nothing was changed."),
            _ => ErrorReport::new(ErrorId::CallCancelled, "The call was stopped."),
        }
    }

    /// Hands over a chunk that the client sent.
    pub fn chunk(&self, bytes: Vec<u8>) -> Taken {
        let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        if input.ended {
            return Taken::Ended;
        }
        let ahead =
            input.chunks.len() + usize::try_from(input.unacknowledged).unwrap_or(usize::MAX);
        if ahead >= usize::try_from(Limits::WINDOW_CHUNKS).unwrap_or(usize::MAX) {
            return Taken::TooMany;
        }
        input.chunks.push_back(bytes);
        self.arrived.notify_all();
        Taken::Yes
    }

    /// The client sent all; false when it had said so before.
    pub fn end_input(&self) -> bool {
        let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        let first = !input.ended;
        input.ended = true;
        self.arrived.notify_all();
        first
    }

    /// The next chunk and how many are to be acknowledged now; `None` at the end.
    pub fn next_chunk(&self, patience: Duration) -> Result<Option<(Vec<u8>, u32)>, ErrorReport> {
        let input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting =
            |input: &mut Input| input.chunks.is_empty() && !input.ended && !self.is_stopped();
        let (mut input, waited) = self
            .arrived
            .wait_timeout_while(input, patience, waiting)
            .unwrap_or_else(PoisonError::into_inner);
        if self.is_stopped() {
            return Err(self.stop_report());
        }
        let Some(chunk) = input.chunks.pop_front() else {
            if waited.timed_out() && !input.ended {
                let text = format!(
                    "No bytes of the input came for {} seconds.",
                    patience.as_secs()
                );
                return Err(ErrorReport::new(ErrorId::CallTimedOut, text));
            }
            return Ok(None);
        };
        input.unacknowledged += 1;
        if input.unacknowledged < ACKNOWLEDGED_TOGETHER {
            return Ok(Some((chunk, 0)));
        }
        Ok(Some((chunk, std::mem::take(&mut input.unacknowledged))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn the_window_holds_sixteen_chunks_and_half_of_them_come_back_together() {
        let call = CallState::new(1);
        for _ in 0..Limits::WINDOW_CHUNKS {
            assert_eq!(call.chunk(vec![0; 9]), Taken::Yes);
        }
        assert_eq!(call.chunk(vec![0; 9]), Taken::TooMany);
        for _ in 1..ACKNOWLEDGED_TOGETHER {
            assert_eq!(call.next_chunk(PATIENCE).unwrap().unwrap().1, 0);
        }
        // Taken, and not told yet: the client is as far ahead as before.
        assert_eq!(call.chunk(vec![0; 9]), Taken::TooMany);
        assert_eq!(
            call.next_chunk(PATIENCE).unwrap().unwrap().1,
            ACKNOWLEDGED_TOGETHER
        );
        assert_eq!(call.chunk(vec![0; 9]), Taken::Yes);
    }

    #[test]
    fn nothing_stops_a_call_behind_the_point_of_no_return() {
        let call = CallState::new(1);
        assert!(!call.is_committing());
        assert!(call.begin_commit() && call.begin_commit());
        call.stop(StopReason::TimedOut);
        assert!(call.is_committing() && !call.is_stopped());

        let call = CallState::new(2);
        call.stop(StopReason::Cancelled);
        assert!(!call.begin_commit() && !call.is_committing());
        assert!(call.is_stopped());
    }

    #[test]
    fn the_first_reason_to_stop_counts() {
        let call = CallState::new(1);
        assert!(!call.is_stopped());
        call.stop(StopReason::TimedOut);
        call.stop(StopReason::Cancelled);
        assert_eq!(call.stop_report().id, ErrorId::CallTimedOut);
        assert_eq!(
            call.next_chunk(PATIENCE).unwrap_err().id,
            ErrorId::CallTimedOut
        );
    }
}
