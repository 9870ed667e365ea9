//! One connection from its first frame to its last.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use interprocess::local_socket::tokio::Stream;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use super::frames::{FrameReader, ReadFault};
use super::message::Refusal;
use super::outbox::Outbox;
use super::service::{ConnectionSlot, Phase, Service};
use super::session::{Flow, Session};

/// How long the last answers may take before a connection is closed without them.
const FAREWELL: Duration = Duration::from_secs(2);

/// Serves one connection until either side ends it.
pub async fn run(service: Arc<Service>, stream: Stream, slot: ConnectionSlot) {
    let outbox = Arc::new(Outbox::default());
    let mut phase = service.phase();
    let patience = Duration::from_millis(service.parts.limits.write_ms);
    let mut writing = std::pin::pin!(write_frames(&stream, &outbox, patience));
    let mut session = Session::new(&service, &stream, &outbox, slot.uid);
    let told = {
        let reading = read_frames(&service, &mut session, &stream);
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
    drop(slot);
}

/// How reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Nobody is there any more.
    Gone,
    /// The client is still to get what waits for it.
    Told,
}

async fn read_frames(service: &Arc<Service>, session: &mut Session<'_>, stream: &Stream) -> Ending {
    let limits = &service.parts.limits;
    let mut reader = FrameReader::new(stream, Duration::from_millis(limits.frame_ms));
    let hello_until = Instant::now() + Duration::from_millis(limits.hello_ms);
    loop {
        let until = (!session.greeted()).then_some(hello_until);
        let (kind, payload) = match reader.next(until).await {
            Ok(frame) => frame,
            Err(ReadFault::Gone) => return Ending::Gone,
            Err(ReadFault::Lost(refusal)) => {
                session.reply(refusal.frame()).await;
                return Ending::Told;
            }
        };
        if session.on_frame(kind, reader.bytes(&payload)).await == Flow::Close {
            return Ending::Told;
        }
        session.accepts_requests().await;
    }
}

/// Sends what comes into the outbox, until the client is gone or takes nothing for too long.
async fn write_frames(stream: &Stream, outbox: &Outbox, patience: Duration) {
    loop {
        let frame = outbox.next().await;
        let mut rest = frame.as_slice();
        let mut stream = stream;
        while !rest.is_empty() {
            match timeout(patience, stream.write(rest)).await {
                Ok(Ok(count)) if count > 0 => rest = rest.get(count..).unwrap_or_default(),
                _ => return,
            }
        }
        outbox.sent(frame);
    }
}

/// Sends a frame at once when nothing is in front of it; what the client does not take now goes through the outbox.
pub async fn send(stream: &Stream, outbox: &Outbox, mut frame: Vec<u8>) {
    if !outbox.begin_direct() {
        outbox.push(frame);
        return;
    }
    let sent = std::future::poll_fn(|context| {
        let mut stream = stream;
        match Pin::new(&mut stream).poll_write(context, &frame) {
            Poll::Ready(Ok(count)) => Poll::Ready(count),
            // A fault shows again when the outbox is sent.
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Ready(0),
        }
    })
    .await;
    let rest = (sent < frame.len()).then(|| frame.split_off(sent));
    outbox.end_direct(rest);
}

/// Tells a client that it cannot be served, and closes the connection.
pub async fn refuse(stream: Stream, refusal: Refusal) {
    let frame = refusal.frame();
    let mut stream = &stream;
    let _polite_at_most = timeout(FAREWELL, stream.write_all(&frame)).await;
}
