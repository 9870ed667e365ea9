//! Frames as they come in: read with deadlines, and refused before anything is allocated for them.

use std::borrow::Cow;
use std::ops::Range;
use std::time::Duration;

use cs_contract::{ErrorId, ErrorReport, FrameHeader, FrameHeaderError, FrameKind, Limits};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, timeout_at};

use super::message::{NOT_A_REQUEST, NOT_JSON, Refusal};

/// Room for what usually comes in; longer frames get their own.
const BUFFER_BYTES: usize = 16 * 1024;

/// Why no frame came.
#[derive(Debug)]
pub enum ReadFault {
    /// The client is gone.
    Gone,
    /// The border of the next frame is lost, or nothing came in time. To be told, then the connection is closed.
    Lost(Refusal),
}

/// The payload of a frame: in the reader's buffer, or in its own.
#[derive(Debug)]
pub enum Payload {
    /// In the buffer; until the next frame is read.
    Here(Range<usize>),
    /// Too long for the buffer.
    Own(Vec<u8>),
}

/// A time by which something must be there, and how long that was.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    until: Instant,
    limit: Duration,
    of: Awaited,
}

/// What has a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Hello,
    RestOfFrame,
}

impl Deadline {
    /// `hello` must come within `limit` from now on.
    #[must_use]
    pub fn of_hello(limit: Duration) -> Self {
        Self::of(Awaited::Hello, limit)
    }

    fn of(of: Awaited, limit: Duration) -> Self {
        let until = Instant::now() + limit;
        Self { until, limit, of }
    }

    /// The one that comes first.
    fn first(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        one.into_iter()
            .chain(other)
            .min_by_key(|deadline| deadline.until)
    }

    fn missed(self) -> ReadFault {
        let seconds = self.limit.as_secs_f32();
        ReadFault::Lost(match self.of {
            Awaited::Hello => {
                let text = format!("No hello came within {seconds} seconds.");
                Refusal::malformed(None, NOT_A_REQUEST, text)
            }
            Awaited::RestOfFrame => {
                let text = format!("A frame was not complete within {seconds} seconds.");
                Refusal::malformed(None, NOT_JSON, text)
            }
        })
    }
}

/// Waits for something that may have a deadline.
async fn within<T>(
    deadline: Option<Deadline>,
    awaited: impl Future<Output = T>,
) -> Result<T, ReadFault> {
    match deadline {
        None => Ok(awaited.await),
        Some(deadline) => timeout_at(deadline.until, awaited)
            .await
            .map_err(|_| deadline.missed()),
    }
}

/// Reads the frames of one connection.
pub struct FrameReader<S> {
    stream: S,
    patience: Duration,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl<S: AsyncRead + Unpin> FrameReader<S> {
    /// A reader of a stream; a frame must be complete within `patience` after its first byte.
    pub fn new(stream: S, patience: Duration) -> Self {
        Self {
            stream,
            patience,
            buffer: vec![0; BUFFER_BYTES],
            start: 0,
            end: 0,
        }
    }

    /// The bytes of a payload; long ones are handed over as they are.
    pub fn bytes(&self, payload: Payload) -> Cow<'_, [u8]> {
        match payload {
            Payload::Here(range) => Cow::Borrowed(self.buffer.get(range).unwrap_or_default()),
            Payload::Own(bytes) => Cow::Owned(bytes),
        }
    }

    /// The next frame. `hello` is there as long as it was not said.
    ///
    /// # Errors
    /// [`ReadFault`]; the connection then is of no more use.
    pub async fn next(
        &mut self,
        hello: Option<Deadline>,
    ) -> Result<(FrameKind, Payload), ReadFault> {
        let mut rest = None;
        loop {
            let waiting = self.buffer.get(self.start..self.end).unwrap_or_default();
            if let Some(header) = waiting.first_chunk::<{ Limits::HEADER_BYTES }>() {
                let header = FrameHeader::decode(*header).map_err(|error| lost_header(&error))?;
                let whole = Limits::HEADER_BYTES + header.length;
                if waiting.len() >= whole {
                    let range = self.start + Limits::HEADER_BYTES..self.start + whole;
                    self.start += whole;
                    return Ok((header.kind, Payload::Here(range)));
                }
                if whole > self.buffer.len() {
                    let rest = rest.or_else(|| self.rest_of_frame());
                    return self.long(header, Deadline::first(rest, hello)).await;
                }
            }
            if !waiting.is_empty() {
                rest = rest.or_else(|| self.rest_of_frame());
            }
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            let room = self.buffer.get_mut(self.end..).unwrap_or_default();
            match within(Deadline::first(rest, hello), self.stream.read(room)).await? {
                Ok(count) if count > 0 => self.end += count,
                _ => return Err(ReadFault::Gone),
            }
        }
    }

    fn rest_of_frame(&self) -> Option<Deadline> {
        Some(Deadline::of(Awaited::RestOfFrame, self.patience))
    }

    /// A frame that does not fit into the buffer. Memory grows with what really comes in.
    async fn long(
        &mut self,
        header: FrameHeader,
        deadline: Option<Deadline>,
    ) -> Result<(FrameKind, Payload), ReadFault> {
        let begun = self
            .buffer
            .get(self.start + Limits::HEADER_BYTES..self.end)
            .unwrap_or_default();
        let mut bytes = Vec::with_capacity(header.length);
        bytes.extend_from_slice(begun);
        self.start = 0;
        self.end = 0;
        let missing = header.length - bytes.len();
        let mut rest = (&mut self.stream).take(missing as u64);
        match within(deadline, rest.read_to_end(&mut bytes)).await? {
            Ok(count) if count == missing => Ok((header.kind, Payload::Own(bytes))),
            _ => Err(ReadFault::Gone),
        }
    }
}

fn lost_header(error: &FrameHeaderError) -> ReadFault {
    let id = match error {
        FrameHeaderError::TooLong { .. } => ErrorId::LimitExceeded,
        FrameHeaderError::UnknownKind(_) | FrameHeaderError::Empty => ErrorId::FrameMalformed,
    };
    let report = ErrorReport::new(id, format!("The frame is refused: {error}."))
        .hint("See docs/protocol.md section 2.");
    ReadFault::Lost(Refusal::new(None, NOT_JSON, report))
}
