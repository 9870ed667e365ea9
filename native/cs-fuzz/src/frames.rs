//! Frames of the pipe.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use cs_contract::{FrameHeader, FrameKind, Limits};
use csvault::untrusted::{FrameReader, ReadFault};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::runtime::Runtime;

use crate::cuts::{Lengths, pieces};

/// Frames come out the same however their bytes arrive, and as a simple model finds them. The first byte says how they arrive.
pub fn frames(data: &[u8]) {
    let Some((&seed, stream)) = data.split_first() else {
        return;
    };
    let expected = model(stream);
    assert_eq!(arrive(vec![stream]), expected, "all at once");
    assert_eq!(arrive(pieces(stream, seed)), expected, "in pieces");
}

/// What came out: the frames, and whether it ended with a refusal rather than with the end of the stream.
type Frames = (Vec<(FrameKind, Vec<u8>)>, bool);

fn model(mut rest: &[u8]) -> Frames {
    let mut frames = Vec::new();
    while let Some((header, behind)) = rest.split_first_chunk::<{ Limits::HEADER_BYTES }>() {
        let Ok(header) = FrameHeader::decode(*header) else {
            return (frames, true);
        };
        assert_eq!(
            header.encode(),
            rest[..Limits::HEADER_BYTES],
            "a header does not read back"
        );
        let Some((payload, behind)) = behind.split_at_checked(header.length) else {
            break;
        };
        frames.push((header.kind, payload.to_vec()));
        rest = behind;
    }
    (frames, false)
}

fn arrive(pieces: Vec<&[u8]>) -> Frames {
    thread_local! {
        static RUNTIME: Runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    }
    let stream = Pieces {
        pieces: pieces.into_iter(),
        begun: &[],
        pauses: Lengths::new(0),
    };
    // Nothing takes that long.
    let mut reader = FrameReader::new(stream, Duration::from_secs(3600));
    let mut frames = Vec::new();
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            loop {
                match reader.next(None).await {
                    Ok((kind, payload)) => {
                        frames.push((kind, reader.bytes(payload).into_owned()));
                    }
                    Err(ReadFault::Gone) => return (frames, false),
                    Err(ReadFault::Lost(refusal)) => {
                        assert_eq!(refusal.id, None);
                        return (frames, true);
                    }
                }
            }
        })
    })
}

/// A stream that delivers one piece after the other, and is not always ready.
struct Pieces<'a> {
    pieces: std::vec::IntoIter<&'a [u8]>,
    begun: &'a [u8],
    pauses: Lengths,
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.begun.is_empty() {
            if self.pauses.next() > 32 {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.begun = self.pieces.next().unwrap_or_default();
        }
        let (now, later) = self
            .begun
            .split_at(buffer.remaining().min(self.begun.len()));
        buffer.put_slice(now);
        self.begun = later;
        Poll::Ready(Ok(()))
    }
}
