//! From a call to its handler: name, decision, parameters, audit.

use std::cell::RefCell;
use std::sync::{Arc, Mutex};

use cs_contract::{CmdletManifest, Effect, ErrorId, ErrorReport, InvokeResult, Reach, Record};
use cs_model::{CmdletName, StoreKind, shown};
use cs_rbac::{Caller, Grant, Object, Policy, Question, Rights, decide};
use cs_store::{CommitInfo, RequestKey, Store, StoreError};

use crate::audit::CallLog;
use crate::cmdlets;
use crate::fault::{Fault, from_denial, from_stopped, from_store, is_about_one_thing, sentence};
use crate::known::KnownPackages;
use crate::parameters::Parameters;
use crate::retry::{Turns, check_call, fingerprint};
use crate::roles::{RoleCache, RoleSet};
use crate::{AuditEntry, AuditPhase, Call, CallIo, EngineParts, Received};

/// Bytes that one step of [`Engine::idle`] deflates.
const IDLE_STEP: u64 = 8 * 1024 * 1024;

/// What a cmdlet's own file provides.
pub struct Handler {
    /// True when the cmdlet is quick enough to run where calls are received.
    pub inline: bool,
    /// What it does.
    pub run: fn(&mut Running<'_>) -> Result<InvokeResult, Fault>,
}

/// A call that was let in, as its handler sees it.
pub struct Running<'a> {
    pub engine: &'a Engine,
    pub caller: &'a Caller,
    pub parameters: Parameters,
    /// What was decided.
    pub question: Question<'a>,
    /// The call's lines in the audit log.
    pub log: &'a CallLog<'a>,
    /// What the line of the outcome says beside the version.
    pub notes: RefCell<Vec<String>>,
    /// The permission, for `kind`.
    pub grant: Grant,
    pub kind: StoreKind,
    pub what_if: bool,
    /// The call's key, when it is to be remembered.
    pub request: Option<RequestKey>,
    /// Input that was received already.
    received: Option<Received>,
    pub io: &'a mut dyn CallIo,
}

impl Running<'_> {
    /// The store that the call works on.
    pub fn store(&self) -> &dyn Store {
        self.engine.store(self.kind)
    }

    /// Writes down what is about to change. A change that cannot be written down is refused.
    pub fn intend(&self, what: &str) -> Result<(), Fault> {
        self.log.allowed(what)
    }

    /// Adds something to the line of the outcome.
    pub fn note(&self, what: String) {
        self.notes.borrow_mut().push(what);
    }

    /// The bytes that the client sent.
    pub fn input(&mut self) -> Result<Received, Fault> {
        match self.received.take() {
            Some(received) => Ok(received),
            None => self.io.input(),
        }
    }

    /// What a commit of this call says of itself.
    pub fn commit(&self, message: String) -> CommitInfo {
        CommitInfo {
            time: self.engine.parts.clock.now(),
            message,
            idempotency_key: self.request.clone(),
        }
    }

    /// The result of a call that found nothing to change, which its repetitions get as well.
    pub fn unchanged(&self) -> Result<InvokeResult, Fault> {
        if self.request.is_some() {
            self.store()
                .remember(&self.grant, &self.commit(String::new()))
                .map_err(|error| from_store(&error))?;
        }
        Ok(InvokeResult::default())
    }

    /// Says something of a change that is made. A client that does not hear it changes nothing about the outcome.
    pub fn tell_of_change(&mut self, record: Record) {
        let _the_change_is_made = self.io.record(record);
    }

    /// The last check before a commit: decides once more, with the roles and the memberships of this moment, and passes the point of
    /// no return. The fault of a refusal is left in `refused`.
    pub fn may_commit(&self, refused: &RefCell<Option<Fault>>) -> Result<(), ()> {
        self.engine
            .still_allowed(self.caller, &*self.io, &self.question, self.log)
            .and_then(|()| self.io.begin_commit().map_err(from_stopped))
            .map_err(|fault| {
                refused.replace(Some(fault));
            })
    }
}

/// The engine of one home: both stores, one policy.
pub struct Engine {
    pub(crate) parts: EngineParts,
    central_roles: RoleCache,
    local_roles: RoleCache,
    /// Held by whoever changes roles, so that two who do it at once need not try again and again.
    pub(crate) role_changes: Mutex<()>,
    turns: Turns,
    pub(crate) known: KnownPackages,
}

impl Engine {
    /// An engine over two open stores.
    ///
    /// # Errors
    /// None today; a store that cannot be read shows in the calls that need it.
    pub fn new(parts: EngineParts) -> Result<Self, StoreError> {
        Ok(Self {
            parts,
            central_roles: RoleCache::new(StoreKind::Central),
            local_roles: RoleCache::new(StoreKind::Local),
            role_changes: Mutex::default(),
            turns: Turns::default(),
            known: KnownPackages::default(),
        })
    }

    /// True when a call of this cmdlet may run on the thread that receives calls.
    #[must_use]
    pub fn runs_inline(&self, cmdlet: &str) -> bool {
        cmdlets::handler(cmdlet).is_some_and(|handler| handler.inline)
    }

    /// Runs one call: records and bytes go to `io`, what stays is the result.
    ///
    /// # Errors
    /// An [`ErrorReport`] that names the thing and the next step; nothing was changed then.
    pub fn invoke(
        &self,
        caller: &Caller,
        call: Call<'_>,
        io: &mut dyn CallIo,
    ) -> Result<InvokeResult, ErrorReport> {
        let unknown = || self.unknown(caller, call.cmdlet);
        let name = CmdletName::parse(call.cmdlet).map_err(|_| unknown())?;
        let manifest = manifest(name.as_str()).ok_or_else(unknown)?;
        let canonical = manifest.name();
        let handler = cmdlets::handler(&canonical).ok_or_else(unknown)?;
        let mut log = CallLog::new(
            self.parts.audit.as_ref(),
            &caller.principal,
            manifest,
            &canonical,
            call.what_if,
        );

        let mut question = Question {
            cmdlet: &name,
            store: StoreKind::Central,
            rights: rights(manifest.access.effect),
            groups: &manifest.access.groups,
            local_store_also: &manifest.access.local_store_also,
            object: match manifest.access.reach {
                Reach::Deployment => Object::Deployment,
                Reach::Objects => Object::Some,
            },
        };
        // First without a look at the parameters: who may not run the cmdlet learns nothing about them.
        let central = self.decide(caller, &question, &log)?;
        let parameters = Parameters::check(manifest, call.parameters)
            .and_then(|parameters| check_call(manifest, &call).map(|()| parameters))
            .inspect_err(|fault| {
                log.ended(&Err(fault.clone()), call.what_if, false, &[]);
            })?;
        let grant = if parameters.switch("LocalStore") {
            question.store = StoreKind::Local;
            log.store = StoreKind::Local;
            self.decide(caller, &question, &log)?
        } else {
            central
        };
        log.allowed(&grant.reason())?;

        let mut running = Running {
            engine: self,
            caller,
            parameters,
            question,
            log: &log,
            notes: RefCell::default(),
            kind: grant.store(),
            grant,
            what_if: call.what_if,
            request: None,
            received: None,
            io,
        };
        let changes = matches!(manifest.access.effect, Effect::Write | Effect::WriteRoles);
        let outcome = match call.idempotency_key {
            Some(key) if changes => self.in_turn(handler, &mut running, key, call.input),
            _ => (handler.run)(&mut running),
        };
        let (io, notes) = (running.io, running.notes.take());
        log.ended(&outcome, call.what_if, changes, &notes);
        match outcome {
            // Of several things that a pipeline hands over, one that fails does not keep the others from their turn.
            Err(fault) if is_about_one_thing(fault.id) => {
                let error = Box::new(fault);
                io.record(Record::Error { error }).map_err(from_stopped)?;
                Ok(InvokeResult::default())
            }
            outcome => outcome,
        }
    }

    /// Runs a call with a key, behind others with the same one.
    fn in_turn(
        &self,
        handler: &Handler,
        running: &mut Running<'_>,
        key: &str,
        has_input: bool,
    ) -> Result<InvokeResult, Fault> {
        // Received before its turn, so that a client that sends slowly keeps nobody waiting.
        if has_input {
            running.received = Some(running.io.input()?);
        }
        let input = running.received.as_ref().map(|received| &received.sha256);
        let fingerprint = fingerprint(&running.grant, &running.parameters, input);
        running.request = Some(RequestKey {
            key: key.to_owned(),
            fingerprint,
        });
        let _until_the_end = self
            .turns
            .take(&running.caller.principal, key, &*running.io)?;
        (handler.run)(running)
    }

    /// Prepares a little of the next export. Returns how many bytes are left to do, over both stores.
    ///
    /// # Errors
    /// When a store cannot be read or written.
    pub fn idle(&self) -> Result<u64, StoreError> {
        let central = self.parts.central.prepare_exports(IDLE_STEP)?;
        if central > 0 {
            return Ok(central);
        }
        self.parts.local.prepare_exports(IDLE_STEP)
    }

    /// One of the two stores.
    pub(crate) fn store(&self, kind: StoreKind) -> &dyn Store {
        match kind {
            StoreKind::Central => self.parts.central.as_ref(),
            StoreKind::Local => self.parts.local.as_ref(),
        }
    }

    /// The roles of one of the two stores.
    pub(crate) fn roles(&self, kind: StoreKind) -> Result<Arc<RoleSet>, Fault> {
        match kind {
            StoreKind::Central => self.central_roles.get(self.parts.central.as_ref()),
            StoreKind::Local => self.local_roles.get(self.parts.local.as_ref()),
        }
    }

    /// True when the caller may change roles: the right to run `Set-CsAdminRole` for the whole deployment.
    pub(crate) fn may_write_roles(&self, caller: &Caller) -> bool {
        let (Ok(name), Some(manifest)) = (
            CmdletName::parse("Set-CsAdminRole"),
            manifest("Set-CsAdminRole"),
        ) else {
            return false;
        };
        let question = Question {
            cmdlet: &name,
            store: StoreKind::Central,
            rights: Rights::WriteRoles,
            groups: &manifest.access.groups,
            local_store_also: &[],
            object: Object::Deployment,
        };
        let roles = self.roles(StoreKind::Central).ok();
        let policy = roles.as_ref().map(|roles| &roles.policy);
        decide(policy.unwrap_or(&Policy::default()), caller, &question).is_ok()
    }

    /// Decides once more, with the roles and the memberships of this moment.
    pub(crate) fn still_allowed(
        &self,
        caller: &Caller,
        io: &dyn CallIo,
        question: &Question<'_>,
        log: &CallLog<'_>,
    ) -> Result<(), Fault> {
        let now = io.caller();
        let caller = now.as_deref().unwrap_or(caller);
        self.decide(caller, question, log).map(drop)
    }

    /// The policy is the Central Management store's, whatever store the call works on.
    pub(crate) fn decide(
        &self,
        caller: &Caller,
        question: &Question<'_>,
        log: &CallLog<'_>,
    ) -> Result<Grant, Fault> {
        let roles = match self.roles(StoreKind::Central) {
            Ok(roles) => Some(roles),
            // Who can restore the store must not be locked out by the damage.
            Err(_) if caller.is_owner => None,
            Err(fault) => {
                log.denied("the roles could not be read");
                return Err(fault);
            }
        };
        let policy = roles.as_ref().map(|roles| &roles.policy);
        decide(policy.unwrap_or(&Policy::default()), caller, question).map_err(|denial| {
            log.denied(&denial.message);
            from_denial(&denial, log.cmdlet)
        })
    }

    fn unknown(&self, caller: &Caller, cmdlet: &str) -> Fault {
        let name: String = shown(cmdlet).chars().take(CmdletName::MAX_LENGTH).collect();
        let entry = AuditEntry {
            phase: AuditPhase::Decision,
            principal: caller.principal.clone(),
            cmdlet: name.clone(),
            store: StoreKind::Central,
            result: "denied",
            detail: "no such cmdlet".to_owned(),
            durable: false,
        };
        let _already_denied = self.parts.audit.append(&entry);
        ErrorReport::new(
            ErrorId::CmdletUnknown,
            sentence(&format!("there is no cmdlet '{name}'")),
        )
        .on("Cmdlet", name)
    }
}

/// The manifest of a cmdlet, by its name in any case.
pub(crate) fn manifest(cmdlet: &str) -> Option<&'static CmdletManifest> {
    cs_contract::cmdlets()
        .iter()
        .find(|manifest| manifest.name().eq_ignore_ascii_case(cmdlet))
}

/// What a cmdlet may do to a store.
pub(crate) fn rights(effect: Effect) -> Rights {
    match effect {
        Effect::Read => Rights::Read,
        Effect::Export => Rights::Export,
        Effect::Write => Rights::Write,
        Effect::WriteRoles => Rights::WriteRoles,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cs_contract::Transfer;

    #[test]
    fn what_runs_where_calls_are_received_only_reads() {
        let mut inline = 0;
        for name in cmdlets::names() {
            let (Some(handler), Some(manifest)) = (cmdlets::handler(name), manifest(name)) else {
                panic!("{name} has no handler or no manifest");
            };
            if handler.inline {
                inline += 1;
                // No commit, nothing to wait for, and nobody to cancel it.
                assert_eq!(manifest.access.effect, Effect::Read, "{name}");
                assert!(manifest.should_process.is_none(), "{name}");
                assert!(manifest.transfer != Some(Transfer::Upload), "{name}");
            }
        }
        assert!(inline > 0);
    }
}
