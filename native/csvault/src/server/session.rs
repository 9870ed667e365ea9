//! What the messages of one connection mean.

use std::borrow::Cow;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use cs_contract::{
    CallId, ErrorId, ErrorReport, FrameKind, HelloParams, HelloResult, InvokeParams, Limits,
    Method, PROTOCOL_VERSION, manifest_hash,
};
use serde::Deserialize;

use super::call::{CallState, StopReason, Taken};
use super::call_io::PipeIo;
use super::connection::send;
use super::invoke::{Calling, Calls, fault_of_ours, run_inline, run_on_thread};
use super::message::{
    self, FAILED, Message, NOT_A_REQUEST, NOT_JSON, Refusal, UNKNOWN_METHOD, UsedIds, error_frame,
    result_frame,
};
use super::outbox::Outbox;
use super::pipe::Writing;
use super::service::{ConnectionSlot, Phase, Service, ending};
#[cfg(windows)]
use crate::peer::{Peer, PrincipalId};

/// The longest deadline, in milliseconds: a day.
const LONGEST_DEADLINE: u64 = 86_400_000;

/// What happens to the connection after a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// It goes on.
    GoOn,
    /// It is closed once everything was sent.
    Close,
}

/// A refused message, and what happens then.
struct Refused(Refusal, Flow);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal, Flow::GoOn)
    }
}

/// The state of one connection.
pub struct Session<'a> {
    service: &'a Arc<Service>,
    writing: &'a Writing<'a>,
    outbox: &'a Arc<Outbox>,
    slot: ConnectionSlot,
    greeted: bool,
    ids: UsedIds,
    calls: Calls,
}

impl<'a> Session<'a> {
    /// The session of a connection that was just made.
    pub fn new(
        service: &'a Arc<Service>,
        writing: &'a Writing<'a>,
        outbox: &'a Arc<Outbox>,
        slot: ConnectionSlot,
    ) -> Self {
        Self {
            service,
            writing,
            outbox,
            slot,
            greeted: false,
            ids: UsedIds::default(),
            calls: Calls::default(),
        }
    }

    /// True after `hello`.
    pub fn greeted(&self) -> bool {
        self.greeted
    }

    /// Sends a frame.
    pub fn reply(&self, frame: Vec<u8>) {
        send(self.writing, self.outbox, frame);
    }

    /// Waits until the client took enough of what it was sent.
    pub async fn accepts_requests(&self) {
        self.outbox.accepts_requests().await;
    }

    /// Stops what still runs for this connection.
    pub fn stop_calls(&self) {
        for call in self
            .calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
        {
            call.stop(StopReason::Cancelled);
        }
        self.outbox.wake();
    }

    /// Acts on one frame.
    pub async fn on_frame(&mut self, kind: FrameKind, payload: Cow<'_, [u8]>) -> Flow {
        let outcome = match kind {
            FrameKind::Json => self.on_json(&payload).await,
            FrameKind::Bytes => self.on_chunk(payload),
        };
        match outcome {
            Ok(flow) => flow,
            Err(Refused(refusal, flow)) => {
                self.reply(refusal.frame());
                flow
            }
        }
    }

    async fn on_json(&mut self, payload: &[u8]) -> Result<Flow, Refused> {
        let message = message::parse(payload)?;
        self.service.used();
        let Some(id) = message.id else {
            return self.on_notification(&message);
        };
        if !self.ids.insert(id) {
            let text = format!("The id {id} was used before in this connection.");
            return Err(Refusal::malformed(None, NOT_A_REQUEST, text).into());
        }
        if !self.greeted && message.method != "hello" {
            return Err(no_hello(Some(id)));
        }
        match Method::parse(&message.method) {
            Some(Method::Hello) => self.hello(id, &message).await,
            Some(Method::Ping) => {
                message::no_params(id, message.params)?;
                self.reply(result_frame(id, &Nothing {}));
                Ok(Flow::GoOn)
            }
            Some(Method::Status) => self.status(id, &message).await,
            Some(Method::Invoke) => self.invoke(id, &message).await,
            Some(Method::Stop) => self.stop(id, &message).await,
            None if is_notification(&message.method) => {
                let text = format!("{} is a notification and has no id.", message.method);
                Err(Refusal::malformed(Some(id), NOT_A_REQUEST, text).into())
            }
            None => {
                let text = format!("There is no method '{}'.", message.method.escape_debug());
                Err(Refusal::malformed(Some(id), UNKNOWN_METHOD, text).into())
            }
        }
    }

    async fn hello(&mut self, id: u64, message: &Message<'_>) -> Result<Flow, Refused> {
        if self.greeted {
            return Err(
                Refusal::malformed(Some(id), NOT_A_REQUEST, "hello was said before.").into(),
            );
        }
        let params: HelloParams =
            message::params(id, message.params).map_err(|refusal| Refused(refusal, Flow::Close))?;
        let own = manifest_hash();
        let mismatch = if params.protocol == PROTOCOL_VERSION {
            params
                .manifests
                .as_deref()
                .filter(|theirs| *theirs != own)
                .map(|theirs| {
                    format!(
                        "The client and the service are of different builds: their manifests are {} and {}.",
                        theirs.escape_debug(),
                        own
                    )
                })
        } else {
            let theirs = params.protocol;
            Some(format!(
                "The client speaks protocol {theirs} and the service speaks protocol {PROTOCOL_VERSION}."
            ))
        };
        if let Some(text) = mismatch {
            let report = ErrorReport::new(ErrorId::ProtocolMismatch, text);
            return Err(Refused(Refusal::new(Some(id), FAILED, report), Flow::Close));
        }
        #[cfg(windows)]
        self.identify()
            .await
            .map_err(|report| Refused(Refusal::new(Some(id), FAILED, report), Flow::Close))?;
        self.greeted = true;
        let result = HelloResult {
            protocol: PROTOCOL_VERSION,
            server: concat!("csvault ", env!("CARGO_PKG_VERSION")).to_owned(),
            features: Vec::new(),
            manifests: own.to_owned(),
            pid: std::process::id(),
        };
        self.reply(result_frame(id, &result));
        Ok(Flow::GoOn)
    }

    /// Asks the system who said hello: on Windows it knows once something was read from the pipe.
    #[cfg(windows)]
    async fn identify(&mut self) -> Result<(), ErrorReport> {
        let unidentified = |what: &str| {
            let text = format!("The operating system does not tell who you are: {what}.");
            ErrorReport::new(ErrorId::CallerUnidentified, text)
        };
        let identity = self
            .writing
            .client()
            .map_err(|error| unidentified(&error.to_string()))?;
        let id = PrincipalId::Sid(identity.sid.as_str().into());
        let accounts = Arc::clone(&self.service.parts.accounts);
        let asked = tokio::task::spawn_blocking(move || accounts.of_token(&identity));
        let caller = asked
            .await
            .map_err(|_| unidentified("its accounts could not be read"))?;
        self.slot.identify(Peer {
            id,
            caller: Some(Arc::new(caller)),
        })
    }

    async fn status(&self, id: u64, message: &Message<'_>) -> Result<Flow, Refused> {
        message::no_params(id, message.params)?;
        self.manage(id, "status").await?;
        let service = Arc::clone(self.service);
        let frame = match tokio::task::spawn_blocking(move || service.status()).await {
            Ok(status) => result_frame(id, &status),
            Err(_) => error_frame(Some(id), FAILED, &fault_of_ours(id)),
        };
        self.reply(frame);
        Ok(Flow::GoOn)
    }

    async fn stop(&self, id: u64, message: &Message<'_>) -> Result<Flow, Refused> {
        message::no_params(id, message.params)?;
        self.manage(id, "stop").await?;
        self.reply(result_frame(id, &Nothing {}));
        self.service.stop_wanted.notify_one();
        Ok(Flow::GoOn)
    }

    async fn manage(&self, id: u64, method: &str) -> Result<(), Refused> {
        let caller = self.service.caller(&self.slot.peer).await;
        self.service
            .manage(&self.slot.peer.id, &caller, method)
            .map_err(|report| Refusal::new(Some(id), FAILED, report).into())
    }

    async fn invoke(&self, id: u64, message: &Message<'_>) -> Result<Flow, Refused> {
        let params: InvokeParams = message::params(id, message.params)?;
        if params
            .deadline_ms
            .is_some_and(|deadline| !(1..=LONGEST_DEADLINE).contains(&deadline))
        {
            let text =
                format!("The params are refused: deadlineMs must be 1 to {LONGEST_DEADLINE}.");
            return Err(Refusal::malformed(Some(id), message::WRONG_PARAMS, text).into());
        }
        let refused = |report| Refused::from(Refusal::new(Some(id), FAILED, report));
        if *self.service.phase().borrow() != Phase::Serving {
            return Err(refused(ending()));
        }
        let caller = self.service.caller(&self.slot.peer).await;
        if !params.input && self.service.parts.engine.runs_inline(&params.cmdlet) {
            self.reply(run_inline(self.service, &caller, id, &params));
            return Ok(Flow::GoOn);
        }
        let call = CallState::new(id);
        {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            let most = self.service.parts.limits.calls_per_connection;
            if calls.len() >= most {
                let text = format!(
                    "This connection has {most} calls under way, which is all it may have."
                );
                return Err(refused(ErrorReport::new(ErrorId::TooManyCalls, text)));
            }
            calls.insert(id, Arc::clone(&call));
        }
        let calls = Calling {
            calls: Arc::clone(&self.calls),
            id,
        };
        let slot = self
            .service
            .begin_call(&self.slot.peer.id, &call, self.outbox)
            .map_err(refused)?;
        let deadline = params.deadline_ms.map(Duration::from_millis);
        let (service, outbox) = (Arc::clone(self.service), Arc::clone(self.outbox));
        let work = tokio::task::spawn_blocking({
            let (outbox, call) = (Arc::clone(&outbox), Arc::clone(&call));
            let peer = self.slot.peer.clone();
            move || {
                let who = || service.caller_now(&peer);
                let io = PipeIo::new(&call, &outbox, &service.input, params.input, &who);
                run_on_thread(&service, &caller, &params, io, calls, slot)
            }
        });
        if let Some(deadline) = deadline {
            tokio::spawn(async move {
                if tokio::time::timeout(deadline, work).await.is_err() {
                    call.stop(StopReason::TimedOut);
                    outbox.wake();
                }
            });
        }
        Ok(Flow::GoOn)
    }

    fn on_notification(&self, message: &Message<'_>) -> Result<Flow, Refused> {
        if !self.greeted {
            return Err(no_hello(None));
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct OfCall {
            call: CallId,
        }
        let refused = |code, text: String| Refused::from(Refusal::malformed(None, code, text));
        if !is_notification(&message.method) {
            if Method::parse(&message.method).is_some() {
                return Err(refused(
                    NOT_A_REQUEST,
                    format!("{} needs an id.", message.method),
                ));
            }
            let text = format!("There is no method '{}'.", message.method.escape_debug());
            return Err(refused(UNKNOWN_METHOD, text));
        }
        let params: OfCall = message::params(0, message.params).map_err(|refusal| {
            Refused::from(Refusal {
                id: None,
                ..refusal
            })
        })?;
        let call = self.call(params.call);
        match (message.method.as_ref(), call) {
            ("cancel", Some(call)) => {
                call.stop(StopReason::Cancelled);
                self.outbox.wake();
            }
            ("endInput", Some(call)) => {
                if !call.end_input() {
                    return Err(refused(
                        NOT_A_REQUEST,
                        format!("The input of call {} was ended before.", params.call),
                    ));
                }
            }
            // Answered already; the two messages crossed.
            _ if self.ids.contains(params.call) => {}
            _ => {
                return Err(refused(
                    NOT_A_REQUEST,
                    format!("There is no call {}.", params.call),
                ));
            }
        }
        Ok(Flow::GoOn)
    }

    fn on_chunk(&self, payload: Cow<'_, [u8]>) -> Result<Flow, Refused> {
        if !self.greeted {
            return Err(no_hello(None));
        }
        self.service.used();
        let Some(id) = payload.first_chunk::<{ Limits::CALL_ID_BYTES }>() else {
            return Ok(Flow::Close);
        };
        let id = u64::from_le_bytes(*id);
        let Some(call) = self.call(id) else {
            if self.ids.contains(id) {
                return Ok(Flow::GoOn);
            }
            return Err(
                Refusal::malformed(None, NOT_A_REQUEST, format!("There is no call {id}.")).into(),
            );
        };
        match call.chunk(payload.into_owned()) {
            Taken::Yes => Ok(Flow::GoOn),
            Taken::Ended => Err(Refusal::malformed(
                None,
                NOT_A_REQUEST,
                format!("The input of call {id} was ended before."),
            )
            .into()),
            Taken::TooMany => {
                let text = format!(
                    "More than {} chunks of call {id} came before they were acknowledged.",
                    Limits::WINDOW_CHUNKS
                );
                Err(Refused(
                    Refusal::malformed(None, NOT_JSON, text),
                    Flow::Close,
                ))
            }
        }
    }

    fn call(&self, id: CallId) -> Option<Arc<CallState>> {
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .cloned()
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.stop_calls();
        self.outbox.close();
    }
}

/// An empty object.
#[derive(serde::Serialize)]
struct Nothing {}

fn no_hello(id: Option<u64>) -> Refused {
    let text = "The first message of a connection must be hello.";
    Refused(Refusal::malformed(id, NOT_A_REQUEST, text), Flow::Close)
}

/// True for what a client may say without an id.
fn is_notification(method: &str) -> bool {
    matches!(method, "cancel" | "endInput")
}
