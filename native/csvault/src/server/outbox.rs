//! What waits to be sent on one connection. Calls put frames in from their threads and wait while too much is there;
//! the connection's task takes them out.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use cs_engine::Stopped;
use tokio::sync::Notify;

use super::call::CallState;

/// Calls wait while so many bytes are in front of theirs.
const CALLS_WAIT_AT: usize = 256 * 1024;

/// The connection takes no more requests while so many bytes wait.
const REQUESTS_WAIT_AT: usize = 4 * 1024 * 1024;

/// Small frames are joined up to this length, so that they go out in one piece.
const JOINED_BYTES: usize = 32 * 1024;

/// Empty buffers that are kept for the next chunks.
const SPARE: usize = 4;

/// The frames of one connection.
#[derive(Debug, Default)]
pub struct Outbox {
    state: Mutex<State>,
    room: Condvar,
    filled: Notify,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Vec<u8>>,
    bytes: usize,
    /// The connection's task has a frame in hand.
    sending: bool,
    closed: bool,
    spare: Vec<Vec<u8>>,
}

impl Outbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts in a frame without waiting: answers, and what the connection itself has to say.
    pub fn push(&self, frame: Vec<u8>) {
        self.state().add(frame);
        self.filled.notify_one();
    }

    /// Puts in a frame of a call, once there is room.
    ///
    /// # Errors
    /// When the call was stopped or the connection is gone.
    pub fn push_waiting(&self, frame: Vec<u8>, call: &CallState) -> Result<(), Stopped> {
        let mut state = self.state();
        while state.bytes >= CALLS_WAIT_AT && !state.closed && !call.is_stopped() {
            state = self
                .room
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed || call.is_stopped() {
            return Err(Stopped);
        }
        state.add(frame);
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// Wakes calls that wait for room, so that they see that they were stopped.
    pub fn wake(&self) {
        let _held_so_that_nobody_misses_it = self.state();
        self.room.notify_all();
    }

    /// Nothing more is sent.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.frames.clear();
        drop(state);
        self.room.notify_all();
    }

    /// True when nothing waits and nothing is in hand; the caller may send at once and then is the one that sends.
    pub fn begin_direct(&self) -> bool {
        let mut state = self.state();
        let idle = state.frames.is_empty() && !state.sending;
        state.sending |= idle;
        idle
    }

    /// The end of what [`Self::begin_direct`] began; what could not be sent goes first.
    pub fn end_direct(&self, rest: Option<Vec<u8>>) {
        let mut state = self.state();
        state.sending = false;
        if let Some(rest) = rest {
            state.bytes += rest.len();
            state.frames.push_front(rest);
        }
        if !state.frames.is_empty() {
            drop(state);
            self.filled.notify_one();
        }
    }

    /// The next frame to send; give it back to [`Self::sent`].
    pub async fn next(&self) -> Vec<u8> {
        loop {
            if let Some(frame) = self.take() {
                return frame;
            }
            self.filled.notified().await;
        }
    }

    /// The next frame to send, when one is there.
    pub fn take(&self) -> Option<Vec<u8>> {
        let mut state = self.state();
        if state.sending {
            return None;
        }
        let frame = state.frames.pop_front()?;
        state.sending = true;
        Some(frame)
    }

    /// A frame went out.
    pub fn sent(&self, mut frame: Vec<u8>) {
        let mut state = self.state();
        state.sending = false;
        state.bytes = state.bytes.saturating_sub(frame.len());
        if frame.capacity() > JOINED_BYTES && state.spare.len() < SPARE {
            frame.clear();
            state.spare.push(frame);
        }
        let empty = state.frames.is_empty();
        let room = state.bytes < CALLS_WAIT_AT;
        drop(state);
        if room {
            self.room.notify_all();
            self.emptied.notify_waiters();
        }
        if !empty {
            self.filled.notify_one();
        }
    }

    /// An empty buffer.
    pub fn buffer(&self) -> Vec<u8> {
        self.state().spare.pop().unwrap_or_default()
    }

    /// Waits until the client took enough of its answers to be given more.
    pub async fn accepts_requests(&self) {
        self.waits_for_less_than(REQUESTS_WAIT_AT).await;
    }

    /// Waits until everything went out.
    pub async fn is_empty(&self) {
        self.waits_for_less_than(1).await;
    }

    async fn waits_for_less_than(&self, bytes: usize) {
        while self.state().bytes >= bytes {
            let emptied = self.emptied.notified();
            let mut emptied = std::pin::pin!(emptied);
            // Registered before the look, so that nothing is missed in between.
            emptied.as_mut().enable();
            if self.state().bytes < bytes {
                return;
            }
            emptied.await;
        }
    }
}

impl State {
    fn add(&mut self, frame: Vec<u8>) {
        if self.closed {
            return;
        }
        self.bytes += frame.len();
        match self.frames.back_mut() {
            Some(last) if last.len() + frame.len() <= JOINED_BYTES => {
                last.extend_from_slice(&frame)
            }
            _ => self.frames.push_back(frame),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};

    fn now<F: Future>(future: F) -> Option<F::Output> {
        let mut future = std::pin::pin!(future);
        match future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    #[test]
    fn small_frames_go_out_together_and_in_order() {
        let outbox = Outbox::default();
        outbox.push(b"ab".to_vec());
        outbox.push(b"c".to_vec());
        outbox.push(vec![b'd'; JOINED_BYTES]);
        let first = now(outbox.next()).unwrap();
        assert_eq!(first, b"abc");
        assert!(now(outbox.next()).is_none(), "one at a time");
        outbox.sent(first);
        assert_eq!(now(outbox.next()).unwrap().len(), JOINED_BYTES);
    }

    #[test]
    fn a_direct_frame_overtakes_nothing() {
        let outbox = Outbox::default();
        assert!(outbox.begin_direct());
        outbox.push(b"later".to_vec());
        assert!(now(outbox.next()).is_none());
        outbox.end_direct(Some(b"rest".to_vec()));
        assert!(!outbox.begin_direct());
        let frame = now(outbox.next()).unwrap();
        assert_eq!(frame, b"rest");
        outbox.sent(frame);
        assert_eq!(now(outbox.next()).unwrap(), b"later");
    }

    #[test]
    fn a_full_outbox_makes_calls_wait_until_they_are_stopped() {
        let outbox = Arc::new(Outbox::default());
        let call = CallState::new(1);
        outbox.push_waiting(vec![0; CALLS_WAIT_AT], &call).unwrap();
        let waiting = std::thread::spawn({
            let (outbox, call) = (Arc::clone(&outbox), Arc::clone(&call));
            move || outbox.push_waiting(vec![1], &call)
        });
        call.stop(super::super::call::StopReason::Cancelled);
        outbox.wake();
        assert_eq!(waiting.join().unwrap(), Err(Stopped));

        let other = CallState::new(2);
        let waiting = std::thread::spawn({
            let (outbox, call) = (Arc::clone(&outbox), Arc::clone(&other));
            move || outbox.push_waiting(vec![1], &call)
        });
        let frame = now(outbox.next()).unwrap();
        outbox.sent(frame);
        assert_eq!(waiting.join().unwrap(), Ok(()));
    }
}
