//! The pipe server: one thread receives and answers, calls that may take time have their own.

mod call;
mod call_io;
mod connection;
mod frames;
mod invoke;
mod message;
mod outbox;
mod pipe;
mod service;
mod session;
mod words;

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cs_contract::{ErrorId, ErrorReport};
use interprocess::local_socket::tokio::{Listener, Stream};
use interprocess::local_socket::traits::tokio::Listener as _;
use tokio::time::timeout;

pub use frames::{FrameReader, Payload, ReadFault};
pub use message::{Message, Refusal, params, parse};
pub use service::{Parts, Phase, Service};

use crate::peer;
use crate::socket::SocketName;
use message::FAILED;

/// How long running calls may go on when the service ends.
const GRACE: Duration = Duration::from_secs(2);

/// How long stopped calls may take to notice.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often the service looks whether its socket is still there.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Quiet time before exports are prepared.
const QUIET: Duration = Duration::from_millis(100);

/// How often quiet time is looked for.
const QUIET_TRIES: u32 = 50;

/// The pause after a connection that could not be accepted, for want of file descriptors mostly.
const PAUSE: Duration = Duration::from_millis(50);

/// Takes connections until the service is to end, then ends it: `listener` and the socket's name go at once, calls after a grace.
pub async fn serve(
    service: Arc<Service>,
    listener: Listener,
    name: SocketName,
    idle: Option<Duration>,
) {
    let accepting = accept(&service, &listener);
    let preparing = prepare_exports(Arc::clone(&service));
    tokio::select! {
        () = accepting => {}
        () = preparing => {}
        () = service.stop_wanted.notified() => {}
        () = unused(&service, idle) => {}
        () = unreachable(&name) => {}
    }
    // The name first: a client that finds none starts the next service, which waits for our lock.
    drop(name);
    drop(listener);
    service.enter(Phase::Ending);
    if timeout(GRACE, service.is_quiet()).await.is_err() {
        service.stop_calls();
        let _left_behind = timeout(PATIENCE, service.is_quiet()).await;
    }
    service.enter(Phase::Closing);
    let _left_behind = timeout(PATIENCE, service.is_deserted()).await;
}

async fn accept(service: &Arc<Service>, listener: &Listener) {
    let mut reserve = Reserve::new(service);
    loop {
        match listener.accept().await {
            Ok(stream) => admit(service, stream),
            Err(_) => {
                reserve.tell(listener).await;
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// A file descriptor that is kept for the moment when no other is left: a client can then be told, instead of waiting for an answer.
struct Reserve {
    file: Option<File>,
    path: PathBuf,
}

impl Reserve {
    fn new(service: &Service) -> Self {
        // Any file that is always there will do.
        let path = service.parts.home.join("settings.json");
        let file = File::open(&path).ok();
        Self { file, path }
    }

    /// Tells one client that waits, and keeps a descriptor again.
    async fn tell(&mut self, listener: &Listener) {
        if self.file.take().is_some()
            && let Ok(Ok(stream)) = timeout(PAUSE, listener.accept()).await
        {
            let text = "The service has no file descriptors left for another connection.";
            let report = ErrorReport::new(ErrorId::TooManyCalls, text);
            connection::refuse(stream, Refusal::new(None, FAILED, report)).await;
        }
        self.file = File::open(&self.path).ok();
    }
}

fn admit(service: &Arc<Service>, stream: Stream) {
    let slot = match peer::at_connect(&stream) {
        Some(peer) => service.admit(peer),
        None => Err(ErrorReport::new(
            ErrorId::CallerUnidentified,
            "The operating system does not tell who you are, so nothing is allowed.",
        )),
    };
    match slot {
        Ok(slot) => {
            tokio::spawn(connection::run(Arc::clone(service), stream, slot));
        }
        Err(report) => {
            let refusal = Refusal::new(None, FAILED, report);
            tokio::spawn(connection::refuse(stream, refusal));
        }
    }
}

/// Ends when the socket lost its name, so that no client can come any more: its folder was removed, mostly.
async fn unreachable(name: &SocketName) {
    while name.is_there() {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Ends when nobody used the service for so long, or at most a quarter longer.
async fn unused(service: &Service, idle: Option<Duration>) {
    let Some(idle) = idle else {
        return std::future::pending().await;
    };
    let mut before = service.requests();
    let mut quiet_quarters = 0;
    while quiet_quarters < 4 {
        tokio::time::sleep(idle / 4).await;
        let now = service.requests();
        if now == before && !service.is_busy() {
            quiet_quarters += 1;
        } else {
            quiet_quarters = 0;
            before = now;
        }
    }
}

/// Prepares the next export in small steps, while no call runs. Never ends.
async fn prepare_exports(service: Arc<Service>) {
    service.changed.notify_one();
    loop {
        service.changed.notified().await;
        loop {
            wait_for_quiet(&service).await;
            let working = Arc::clone(&service);
            let left = tokio::task::spawn_blocking(move || working.parts.engine.idle()).await;
            // A store that cannot be read or written shows in the calls that need it.
            if !matches!(left, Ok(Ok(left)) if left > 0) {
                break;
            }
        }
    }
}

/// Waits for a moment without requests; if there is none for long, for one without long calls.
async fn wait_for_quiet(service: &Service) {
    for _ in 0..QUIET_TRIES {
        service.is_quiet().await;
        let before = service.requests();
        tokio::time::sleep(QUIET).await;
        if service.requests() == before {
            break;
        }
    }
    service.is_quiet().await;
}
