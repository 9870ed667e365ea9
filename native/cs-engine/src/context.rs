//! The engine's surroundings, as traits that the executable implements.

use std::fs::File;
use std::ops::ControlFlow;
use std::sync::Arc;

use cs_contract::{ErrorReport, Record};
use cs_model::{StoreKind, Uuid};
use cs_rbac::Caller;
use cs_store::Store;
use serde_json::value::RawValue;

/// The call was cancelled, timed out, or its client went away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the call was stopped")]
pub struct Stopped;

/// One running call's connection to its client.
pub trait CallIo {
    /// Sends a record.
    ///
    /// # Errors
    /// [`Stopped`] when nobody waits for it any more.
    fn record(&mut self, record: Record) -> Result<(), Stopped>;

    /// Tells whether to stop. Cheap; long work asks often.
    fn stopped(&self) -> bool;

    /// The point of no return, asked right before a commit: once it is passed the call is not stopped any more, and its outcome is
    /// its result whatever arrives meanwhile.
    ///
    /// # Errors
    /// [`Stopped`] when the call was stopped before; nothing may be committed then.
    fn begin_commit(&self) -> Result<(), Stopped> {
        if self.stopped() { Err(Stopped) } else { Ok(()) }
    }

    /// Sends bytes of the result, in chunks of any length.
    ///
    /// # Errors
    /// [`Stopped`] when nobody waits for them any more.
    fn output(&mut self, bytes: &[u8]) -> Result<(), Stopped>;

    /// The caller with the memberships of this moment, as far as they may differ from those at the start of the call.
    fn caller(&self) -> Option<Arc<Caller>> {
        None
    }

    /// The client's bytes, received whole.
    ///
    /// # Errors
    /// An [`ErrorReport`] when no input was announced, it is too long, or the disk is full.
    fn input(&mut self) -> Result<Received, ErrorReport>;
}

/// The bytes that a client sent.
#[derive(Debug)]
pub struct Received {
    /// A private file, at its start.
    pub file: File,
    /// The SHA-256 of its content.
    pub sha256: [u8; 32],
}

/// One call, as it came over the pipe.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The cmdlet as written by the client.
    pub cmdlet: &'a str,
    /// The parameters, not yet looked at.
    pub parameters: Option<&'a RawValue>,
    /// Plan only.
    pub what_if: bool,
    /// Names the call for retries.
    pub idempotency_key: Option<&'a str>,
    /// Bytes were announced.
    pub input: bool,
}

/// The time.
pub trait Clock: Send + Sync {
    /// Now, UTC, RFC 3339.
    fn now(&self) -> String;
}

/// Fresh guids.
pub trait Ids: Send + Sync {
    /// A new one.
    fn guid(&self) -> Uuid;
}

/// A group, as the operating system or the settings know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupInfo {
    /// Its name, in its own spelling.
    pub name: String,
    /// Its SID in text form, `S-1-22-2-<gid>` for a Unix group; `None` when only the settings know it, which have no ids.
    pub sid: Option<String>,
}

/// The accounts of this machine or domain.
pub trait Directory: Send + Sync {
    /// An account as a caller, with its groups; `Ok(None)` when there is no such account.
    ///
    /// # Errors
    /// A sentence, when the accounts cannot be read.
    fn caller(&self, account: &str) -> Result<Option<Caller>, String>;

    /// The group that a name stands for, `Ok(None)` when there is none. A name that the settings give a group id comes first, so
    /// that one name never stands for two groups; then the system's groups, in any case of the name's ASCII letters as far as the
    /// system can look for that; then the names that the settings give accounts.
    ///
    /// # Errors
    /// A sentence, when the groups cannot be read.
    fn group(&self, name: &str) -> Result<Option<GroupInfo>, String>;
}

/// When an audit line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditPhase {
    /// The decision, and for changing calls the intent: written before the effect.
    Decision,
    /// The outcome: written after it.
    Outcome,
}

/// One line of the audit log, without time, number and chain, which the log adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub phase: AuditPhase,
    /// Who, as the operating system says.
    pub principal: String,
    /// The cmdlet.
    pub cmdlet: String,
    /// The store.
    pub store: StoreKind,
    /// `allowed`, `denied`, `done`, `unchanged`, `planned`, `failed`.
    pub result: &'static str,
    /// Why: door, denial, error id, version.
    pub detail: String,
    /// True when the line must be on disk before the call goes on.
    pub durable: bool,
}

/// One line of the audit log as it was written. Its texts are as they came: whoever shows them uses [`crate::visible`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLine {
    /// Its number in the chain, from 1; `None` for a count that goes on and was not written yet.
    pub number: Option<u64>,
    /// UTC, RFC 3339.
    pub time: String,
    /// `decision`, `outcome`, or `note` for what the log says about itself.
    pub phase: String,
    /// Who.
    pub principal: String,
    /// The cmdlet; empty in notes.
    pub cmdlet: String,
    /// `central`, `local`, or empty.
    pub store: String,
    /// As in [`AuditEntry::result`], or the kind of note.
    pub result: String,
    /// Why.
    pub detail: String,
    /// Present when the line stands for several calls that were alike.
    pub repeats: Option<AuditRepeats>,
    /// Its hash, hexadecimal; empty when it was not written yet.
    pub hash: String,
}

/// How many calls a line stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRepeats {
    /// Their number.
    pub count: u64,
    /// The time of the first, UTC, RFC 3339.
    pub from: String,
    /// The time of the last.
    pub to: String,
}

/// What a check of the whole audit log found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditState {
    /// Lines that were read and are as they were written.
    pub records: u64,
    /// Number of the first of them: more than 1 when older files were dropped and the log says so.
    pub first: u64,
    /// Hash of the last of them, to be kept elsewhere.
    pub last_hash: String,
    /// Files that were read.
    pub files: u64,
    /// Lines that a crash cut off and that the log itself notes.
    pub repaired: u64,
    /// The first thing that is not as it was written.
    pub fault: Option<AuditFault>,
}

/// The first thing in the audit log that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditFault {
    /// Number of the first line that cannot be trusted.
    pub number: u64,
    /// Name of the file.
    pub file: String,
    /// The line in that file, from 1; `None` for the file as a whole.
    pub line: Option<u64>,
    /// What is wrong: the end of a sentence that begins with the place.
    pub what: String,
}

impl std::fmt::Display for AuditFault {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(to, "Line {line} of {} {}.", self.file, self.what),
            None => write!(to, "{} {}.", self.file, self.what),
        }
    }
}

/// Takes lines of the audit log, or what is said in place of one that cannot be read, until it has enough.
pub type TakeLine<'a> = dyn FnMut(Result<AuditLine, String>) -> ControlFlow<()> + 'a;

/// The audit log.
pub trait Audit: Send + Sync {
    /// Appends one line. What is repeated over and over may be counted instead, and written as one line later.
    ///
    /// # Errors
    /// A sentence. The caller refuses a change whose line cannot be written.
    fn append(&self, entry: &AuditEntry) -> Result<(), String>;

    /// Hands out the lines, the newest first and before them the counts that go on, until `take` has enough. Keeps few of them in memory.
    ///
    /// # Errors
    /// A sentence, when the files cannot be read.
    fn read_back(&self, take: &mut TakeLine<'_>) -> Result<(), String>;

    /// Checks the whole log.
    ///
    /// # Errors
    /// A sentence, when the files cannot be read, or `stopped` says so.
    fn verify(&self, stopped: &dyn Fn() -> bool) -> Result<AuditState, String>;
}

/// What an engine is made of.
#[derive(Clone)]
pub struct EngineParts {
    /// The Central Management store.
    pub central: Arc<dyn Store>,
    /// The local store.
    pub local: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Fresh guids.
    pub ids: Arc<dyn Ids>,
    /// The accounts.
    pub directory: Arc<dyn Directory>,
    /// The audit log.
    pub audit: Arc<dyn Audit>,
    /// Limits on what packages and documents may hold.
    pub limits: cs_archive::ReadLimits,
}
