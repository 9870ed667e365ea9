//! How the records and bytes of a running call go out, and how its bytes come in.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cs_contract::{
    CallId, ErrorId, ErrorReport, FrameHeader, FrameKind, Limits, Notification, Record,
};
use cs_engine::{CallIo, Received, Stopped};
use cs_rbac::Caller;
use sha2::{Digest, Sha256};

use super::call::CallState;
use super::message::notification_frame;
use super::outbox::Outbox;

/// Limits and places for the input of calls.
#[derive(Debug, Clone)]
pub struct InputRules {
    /// Where received bytes are kept while their call runs.
    pub folder: std::path::PathBuf,
    /// The most bytes.
    pub bytes: u64,
    /// How long the next chunk may take.
    pub patience: Duration,
}

/// The [`CallIo`] of a call on its own thread.
pub struct PipeIo<'a> {
    call: &'a CallState,
    outbox: &'a Outbox,
    rules: &'a InputRules,
    has_input: bool,
    /// Asks the system for the caller as it is now.
    who: &'a dyn Fn() -> Arc<Caller>,
    /// A chunk that is being filled, with its header in front.
    chunk: Vec<u8>,
    fault: Option<ErrorReport>,
}

/// Bytes of a chunk that goes out; the protocol allows more. It is short so that neither the thread that fills it nor the client that takes
/// it keeps a core for long while others wait for theirs.
const CHUNK_BYTES: usize = 64 * 1024;

/// Bytes in front of a chunk's content.
const CHUNK_HEAD: usize = Limits::HEADER_BYTES + Limits::CALL_ID_BYTES;

impl<'a> PipeIo<'a> {
    /// The call, and where its frames go.
    pub fn of(&self) -> (&'a CallState, &'a Outbox) {
        (self.call, self.outbox)
    }

    /// The connection of one call.
    pub fn new(
        call: &'a CallState,
        outbox: &'a Outbox,
        rules: &'a InputRules,
        has_input: bool,
        who: &'a dyn Fn() -> Arc<Caller>,
    ) -> Self {
        Self {
            call,
            outbox,
            rules,
            has_input,
            who,
            chunk: Vec::new(),
            fault: None,
        }
    }

    /// Sends what is left of the output.
    ///
    /// # Errors
    /// When nobody waits for it, or what the call had to say could not be said.
    pub fn finish(mut self) -> Result<(), ErrorReport> {
        match self.fault.take() {
            Some(fault) => Err(fault),
            None => self.flush().map_err(|Stopped| self.call.stop_report()),
        }
    }

    fn flush(&mut self) -> Result<(), Stopped> {
        if self.chunk.len() <= CHUNK_HEAD {
            return Ok(());
        }
        let mut chunk = std::mem::take(&mut self.chunk);
        let header = FrameHeader {
            kind: FrameKind::Bytes,
            length: chunk.len() - Limits::HEADER_BYTES,
        };
        if let Some(place) = chunk.get_mut(..Limits::HEADER_BYTES) {
            place.copy_from_slice(&header.encode());
        }
        self.outbox.push_waiting(chunk, self.call)
    }

    fn begin_chunk(&mut self) {
        self.chunk = self.outbox.buffer();
        self.chunk.reserve(CHUNK_HEAD + CHUNK_BYTES);
        self.chunk.extend_from_slice(&[0; Limits::HEADER_BYTES]);
        self.chunk.extend_from_slice(&self.call.id.to_le_bytes());
    }
}

impl CallIo for PipeIo<'_> {
    fn caller(&self) -> Option<Arc<Caller>> {
        Some((self.who)())
    }

    fn record(&mut self, record: Record) -> Result<(), Stopped> {
        let frame = encode_record(self.call.id, record).map_err(|fault| {
            self.fault.get_or_insert(fault);
            Stopped
        })?;
        // The little that is said of a change that is made waits for nobody: nothing could stop the waiting.
        if self.call.is_committing() {
            self.outbox.push(frame);
            return Ok(());
        }
        self.outbox.push_waiting(frame, self.call)
    }

    fn stopped(&self) -> bool {
        self.call.is_stopped()
    }

    fn begin_commit(&self) -> Result<(), Stopped> {
        if self.call.begin_commit() {
            Ok(())
        } else {
            Err(Stopped)
        }
    }

    fn output(&mut self, mut bytes: &[u8]) -> Result<(), Stopped> {
        while !bytes.is_empty() {
            if self.chunk.is_empty() {
                self.begin_chunk();
            }
            let room = CHUNK_HEAD + CHUNK_BYTES - self.chunk.len();
            let (now, later) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            self.chunk.extend_from_slice(now);
            if now.len() == room {
                self.flush()?;
            }
            bytes = later;
        }
        Ok(())
    }

    fn input(&mut self) -> Result<Received, ErrorReport> {
        if !self.has_input {
            return Err(no_input());
        }
        let mut file = spool(&self.rules.folder).map_err(|error| self.spool_fault(&error))?;
        let mut received: u64 = 0;
        let mut hash = Sha256::new();
        while let Some((chunk, acknowledged)) = self.call.next_chunk(self.rules.patience)? {
            let bytes = chunk.get(Limits::CALL_ID_BYTES..).unwrap_or_default();
            received += bytes.len() as u64;
            if received > self.rules.bytes {
                return Err(ErrorReport::new(
                    ErrorId::LimitExceeded,
                    format!("The input is longer than {} bytes.", self.rules.bytes),
                )
                .hint("Raise uploadBytes in settings.json if the input is to be trusted; nothing was changed."));
            }
            hash.update(bytes);
            file.write_all(bytes)
                .map_err(|error| self.spool_fault(&error))?;
            if acknowledged > 0 {
                let ack = Notification::Ack {
                    call: self.call.id,
                    chunks: acknowledged,
                };
                self.outbox
                    .push_waiting(notification_frame(&ack), self.call)
                    .map_err(|Stopped| self.call.stop_report())?;
            }
        }
        file.rewind().map_err(|error| self.spool_fault(&error))?;
        Ok(Received {
            file,
            sha256: hash.finalize().into(),
        })
    }
}

impl PipeIo<'_> {
    fn spool_fault(&self, error: &io::Error) -> ErrorReport {
        let folder = self.rules.folder.display().to_string();
        if error.kind() == io::ErrorKind::StorageFull
            || error.kind() == io::ErrorKind::QuotaExceeded
        {
            return ErrorReport::new(
                ErrorId::StoreFailed,
                format!("The disk of {folder} is full, so the input could not be received."),
            )
            .on("Folder", folder)
            .hint("Free space on the disk of the data folder and repeat; nothing was changed.");
        }
        ErrorReport::new(
            ErrorId::StoreFailed,
            format!("The input could not be received in {folder}: {error}."),
        )
        .on("Folder", folder)
    }
}

/// A private file that has no name, or loses it at once.
fn spool(folder: &Path) -> io::Result<File> {
    tempfile::tempfile_in(folder)
}

/// The report of a call that needs bytes and was sent without.
pub fn no_input() -> ErrorReport {
    ErrorReport::new(
        ErrorId::ParameterInvalid,
        "The call needs bytes and announced none.",
    )
    .hint("Set \"input\" to true and send the bytes as chunks; see docs/protocol.md section 4.")
}

/// The frame of a record.
///
/// # Errors
/// When it is longer than a frame may be.
pub fn encode_record(call: CallId, record: Record) -> Result<Vec<u8>, ErrorReport> {
    let frame = notification_frame(&Notification::Record { call, record });
    if frame.len() - Limits::HEADER_BYTES > Limits::JSON_BYTES {
        return Err(ErrorReport::new(
            ErrorId::LimitExceeded,
            "One object of the result is longer than a message may be.",
        )
        .hint("Ask for less at a time."));
    }
    Ok(frame)
}

/// The [`CallIo`] of a quick call: all that it says goes out with its answer.
#[derive(Default)]
pub struct InlineIo {
    /// The call.
    pub id: CallId,
    /// Frames, one behind the other.
    pub frames: Vec<u8>,
    /// What could not be said.
    pub fault: Option<ErrorReport>,
}

impl CallIo for InlineIo {
    fn record(&mut self, record: Record) -> Result<(), Stopped> {
        match encode_record(self.id, record) {
            Ok(frame) if self.frames.is_empty() => self.frames = frame,
            Ok(frame) => self.frames.extend_from_slice(&frame),
            Err(fault) => {
                self.fault.get_or_insert(fault);
                return Err(Stopped);
            }
        }
        Ok(())
    }

    fn stopped(&self) -> bool {
        false
    }

    fn output(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        for piece in bytes.chunks(CHUNK_BYTES) {
            let header = FrameHeader {
                kind: FrameKind::Bytes,
                length: Limits::CALL_ID_BYTES + piece.len(),
            };
            self.frames.extend_from_slice(&header.encode());
            self.frames.extend_from_slice(&self.id.to_le_bytes());
            self.frames.extend_from_slice(piece);
        }
        Ok(())
    }

    fn input(&mut self) -> Result<Received, ErrorReport> {
        Err(no_input())
    }
}

#[cfg(test)]
mod tests {
    use super::super::call::Taken;
    use super::*;

    fn nobody() -> Arc<Caller> {
        Arc::new(Caller {
            principal: String::new(),
            is_owner: false,
            is_local_administrator: false,
            member_of: None,
        })
    }

    #[test]
    fn output_goes_out_in_short_chunks() {
        let (call, outbox) = (CallState::new(7), Outbox::default());
        let rules = InputRules {
            folder: std::path::PathBuf::new(),
            bytes: 0,
            patience: Duration::ZERO,
        };
        let mut io = PipeIo::new(&call, &outbox, &rules, false, &nobody);
        let bytes: Vec<u8> = (0_u8..=255).cycle().take(2 * CHUNK_BYTES + 5).collect();
        let (first, rest) = bytes.split_at(3);
        io.output(first).unwrap();
        io.output(rest).unwrap();
        io.finish().unwrap();

        let mut received = Vec::new();
        for length in [CHUNK_BYTES, CHUNK_BYTES, 5] {
            let frame = outbox.take().unwrap();
            assert_eq!(frame.len(), CHUNK_HEAD + length);
            received.extend_from_slice(&frame[CHUNK_HEAD..]);
            outbox.sent(frame);
        }
        assert!(outbox.take().is_none());
        assert_eq!(received, bytes);
    }

    #[test]
    fn input_is_received_whole_and_within_its_limit() {
        use std::io::Read;

        let folder = tempfile::tempdir().unwrap();
        let rules = InputRules {
            folder: folder.path().to_owned(),
            bytes: 10,
            patience: Duration::from_secs(60),
        };
        let outbox = Outbox::default();
        let chunk = |bytes: &[u8]| [&1_u64.to_le_bytes(), bytes].concat();

        let call = CallState::new(1);
        call.chunk(chunk(b"hello "));
        call.chunk(chunk(b"you"));
        assert!(call.end_input());
        assert!(!call.end_input());
        assert_eq!(call.chunk(chunk(b"late")), Taken::Ended);
        let mut text = String::new();
        let mut received = PipeIo::new(&call, &outbox, &rules, true, &nobody)
            .input()
            .unwrap();
        received.file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello you");
        assert_eq!(received.sha256[..], Sha256::digest("hello you")[..]);

        let call = CallState::new(1);
        call.chunk(chunk(b"hello you!!"));
        let report = PipeIo::new(&call, &outbox, &rules, true, &nobody)
            .input()
            .unwrap_err();
        assert_eq!(report.id, ErrorId::LimitExceeded);
        let report = PipeIo::new(&call, &outbox, &rules, false, &nobody)
            .input()
            .unwrap_err();
        assert_eq!(report.id, ErrorId::ParameterInvalid);

        let nowhere = InputRules {
            folder: folder.path().join("none"),
            ..rules
        };
        let report = PipeIo::new(&call, &outbox, &nowhere, true, &nobody)
            .input()
            .unwrap_err();
        assert_eq!(report.id, ErrorId::StoreFailed);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
