//! One connection from its first frame to its last.

use std::sync::Arc;
use std::time::Duration;

use cs_contract::{FrameHeader, FrameKind, Limits};
use interprocess::local_socket::tokio::Stream;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::frames::{Deadline, FrameReader, ReadFault};
use super::message::Refusal;
use super::outbox::Outbox;
use super::pipe::{Pipe, Reading, Writing};
use super::service::{ConnectionSlot, Phase, Service};
use super::session::{Flow, Session};

/// How long the last answers may take before a connection is closed without them.
const FAREWELL: Duration = Duration::from_secs(2);

/// Serves one connection until either side ends it.
pub async fn run(service: Arc<Service>, stream: Stream, slot: ConnectionSlot) {
    let outbox = Arc::new(Outbox::default());
    let mut phase = service.phase();
    let patience = Duration::from_millis(service.parts.limits.write_ms);
    let mut pipe = Pipe::new(stream);
    let (reading, writing) = pipe.split();
    let mut session = Session::new(&service, &writing, &outbox, slot);
    let mut writing = std::pin::pin!(write_frames(&writing, &outbox, patience));
    let told = {
        let reading = read_frames(&service, &mut session, reading);
        tokio::select! {
            ending = reading => ending,
            () = &mut writing => Ending::Gone,
            _ = phase.wait_for(|phase| *phase == Phase::Closing) => Ending::Told,
        }
    };
    session.stop_calls();
    if told == Ending::Told {
        let farewell = async {
            tokio::select! {
                () = outbox.is_empty() => {}
                () = &mut writing => {}
            }
        };
        let _a_client_that_does_not_listen = timeout(FAREWELL, farewell).await;
    }
    drop(session);
}

/// How reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Nobody is there any more.
    Gone,
    /// The client is still to get what waits for it.
    Told,
}

async fn read_frames(
    service: &Arc<Service>,
    session: &mut Session<'_>,
    reading: Reading<'_>,
) -> Ending {
    let limits = &service.parts.limits;
    let mut reader = FrameReader::new(reading, Duration::from_millis(limits.frame_ms));
    let hello = Deadline::of_hello(Duration::from_millis(limits.hello_ms));
    loop {
        let hello = (!session.greeted()).then_some(hello);
        let (kind, payload) = match reader.next(hello).await {
            Ok(frame) => frame,
            Err(ReadFault::Gone) => return Ending::Gone,
            Err(ReadFault::Lost(refusal)) => {
                session.reply(refusal.frame());
                return Ending::Told;
            }
        };
        if session.on_frame(kind, reader.bytes(payload)).await == Flow::Close {
            return Ending::Told;
        }
        session.accepts_requests().await;
    }
}

/// Sends what comes into the outbox, until the client is gone or takes nothing for too long.
async fn write_frames(writing: &Writing<'_>, outbox: &Outbox, patience: Duration) {
    let mut close = false;
    loop {
        let frame = outbox.next().await;
        if !close && is_chunk(&frame) {
            writing.stay_close();
            close = true;
        }
        let mut rest = frame.as_slice();
        while !rest.is_empty() {
            match timeout(patience, writing.write(rest)).await {
                Ok(Ok(count)) if count > 0 => rest = rest.get(count..).unwrap_or_default(),
                _ => return,
            }
        }
        outbox.sent(frame);
    }
}

fn is_chunk(frame: &[u8]) -> bool {
    let header = frame.first_chunk::<{ Limits::HEADER_BYTES }>();
    header
        .and_then(|header| FrameHeader::decode(*header).ok())
        .is_some_and(|header| header.kind == FrameKind::Bytes)
}

/// Sends a frame at once when nothing is in front of it; what the client does not take now goes through the outbox.
pub fn send(writing: &Writing<'_>, outbox: &Outbox, mut frame: Vec<u8>) {
    if !outbox.begin_direct() {
        outbox.push(frame);
        return;
    }
    let sent = writing.write_now(&frame);
    let rest = (sent < frame.len()).then(|| frame.split_off(sent));
    outbox.end_direct(rest);
}

/// Tells a client that it cannot be served, and closes the connection.
pub async fn refuse(stream: Stream, refusal: Refusal) {
    let frame = refusal.frame();
    let mut stream = &stream;
    let _polite_at_most = timeout(FAREWELL, stream.write_all(&frame)).await;
}
