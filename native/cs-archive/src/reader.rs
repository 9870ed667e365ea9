//! Reading on a thread of its own, so that inflating and checking go on while the store writes.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::{PackageEvent, PackageSummary, ReadError, ReadLimits, read};

/// Events and bytes that are handed over at once, and how many such batches wait at most. Memory is bounded by them.
const BATCH_EVENTS: usize = 128;
const BATCH_BYTES: usize = 512 * 1024;
const BATCHES: usize = 4;

/// Pulls the events of a package. Dropping it stops the reading.
pub struct PackageReader {
    batches: Option<Receiver<Vec<PackageEvent>>>,
    batch: std::vec::IntoIter<PackageEvent>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<PackageSummary, ReadError>>>,
    summary: Option<PackageSummary>,
}

impl PackageReader {
    /// Starts to read a package.
    ///
    /// # Errors
    /// [`ReadError::Io`] when no thread can be started; faults of the package come from [`Self::next`].
    pub fn open(mut file: File, limits: ReadLimits) -> Result<Self, ReadError> {
        let (sender, batches) = sync_channel(BATCHES);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("package reader".to_owned())
            .spawn(move || {
                let mut batch = Batch {
                    sender,
                    events: Vec::new(),
                    bytes: 0,
                };
                let stop = || stopped.load(Ordering::Relaxed);
                let summary = read(&mut file, &limits, &stop, &mut |event| batch.push(event))?;
                batch.flush()?;
                Ok(summary)
            })?;
        Ok(Self {
            batches: Some(batches),
            batch: Vec::new().into_iter(),
            stop,
            thread: Some(thread),
            summary: None,
        })
    }

    /// The next event; `None` after the last one, when the whole package proved sound.
    ///
    /// # Errors
    /// The first fault of the package. Events before it must not be used then.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator would hide that the first error ends everything"
    )]
    pub fn next(&mut self) -> Result<Option<PackageEvent>, ReadError> {
        loop {
            if let Some(event) = self.batch.next() {
                return Ok(Some(event));
            }
            match self.batches.as_ref().map(Receiver::recv) {
                Some(Ok(batch)) => self.batch = batch.into_iter(),
                _ => {
                    self.join()?;
                    return Ok(None);
                }
            }
        }
    }

    /// What was read. Reads the rest of the package when there is one.
    ///
    /// # Errors
    /// The first fault of the package.
    pub fn finish(mut self) -> Result<PackageSummary, ReadError> {
        while self.next()?.is_some() {}
        Ok(self.summary.take().unwrap_or_default())
    }

    fn join(&mut self) -> Result<(), ReadError> {
        if let Some(thread) = self.thread.take() {
            let summary = thread.join().unwrap_or(Err(ReadError::Stopped))?;
            self.summary = Some(summary);
        }
        Ok(())
    }
}

impl Drop for PackageReader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A closed channel wakes a reader that waits for room in it.
        self.batches = None;
        if let Some(thread) = self.thread.take() {
            let _abandoned = thread.join();
        }
    }
}

struct Batch {
    sender: SyncSender<Vec<PackageEvent>>,
    events: Vec<PackageEvent>,
    bytes: usize,
}

impl Batch {
    fn push(&mut self, event: PackageEvent) -> Result<(), ReadError> {
        self.bytes += match &event {
            PackageEvent::ItemChunk(bytes) | PackageEvent::Text(bytes) => bytes.len(),
            PackageEvent::DocumentStart { head, .. } => head.len(),
            PackageEvent::DocumentEnd { tail } => tail.len(),
            PackageEvent::ItemStart { lead } => lead.len(),
            _ => 0,
        };
        self.events.push(event);
        if self.events.len() >= BATCH_EVENTS || self.bytes >= BATCH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ReadError> {
        self.bytes = 0;
        let events = std::mem::take(&mut self.events);
        self.sender.send(events).map_err(|_| ReadError::Stopped)
    }
}
