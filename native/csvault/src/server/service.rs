//! What all connections share: the engine, who is connected, what runs, and when it all ends.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cs_contract::{ErrorId, ErrorReport, StatusResult};
use cs_engine::{Audit, AuditEntry, AuditPhase, Engine};
use cs_model::StoreKind;
use cs_rbac::Caller;
use cs_store::Store;
use tokio::sync::{Notify, watch};

use super::call::{CallState, StopReason};
use super::call_io::InputRules;
use super::outbox::Outbox;
use crate::directory::Accounts;
use crate::peer::{Peer, PrincipalId};
use crate::settings::ServerLimits;

/// Members may ask for the state and end the service.
const MANAGERS: &str = "RTCUniversalServerAdmins";

/// Bytes that [`Store::prepare_exports`] may deflate when it is only asked what is left.
const ONLY_ASK: u64 = 0;

/// How far the service is on its way to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It serves.
    Serving,
    /// Calls that run may end; no new ones.
    Ending,
    /// Connections send what they have, and close.
    Closing,
}

/// Everything that a service consists of.
pub struct Parts {
    /// The engine over both stores.
    pub engine: Engine,
    /// The Central Management store.
    pub central: Arc<dyn Store>,
    /// The local store.
    pub local: Arc<dyn Store>,
    /// The accounts.
    pub accounts: Arc<Accounts>,
    /// The audit log.
    pub audit: Arc<dyn Audit>,
    /// Limits.
    pub limits: ServerLimits,
    /// The data folder.
    pub home: PathBuf,
    /// The pipe.
    pub pipe: PathBuf,
}

/// One running service.
pub struct Service {
    /// What it consists of.
    pub parts: Parts,
    /// For the input of calls.
    pub input: InputRules,
    usage: Mutex<Usage>,
    requests: AtomicU64,
    phase: watch::Sender<Phase>,
    /// Somebody wants the service to end.
    pub stop_wanted: Notify,
    /// There may be exports to prepare.
    pub changed: Notify,
    /// The last running call ended.
    quiet: Notify,
}

#[derive(Default)]
struct Usage {
    connections: usize,
    accounts: HashMap<PrincipalId, AccountUsage>,
    running: HashMap<u64, (Arc<CallState>, Arc<Outbox>)>,
    next: u64,
}

#[derive(Default)]
struct AccountUsage {
    connections: usize,
    calls: usize,
}

impl Service {
    /// A service that is ready to take connections.
    #[must_use]
    pub fn new(parts: Parts) -> Arc<Self> {
        let input = InputRules {
            folder: parts.home.join("tmp"),
            bytes: parts.limits.upload_bytes,
            patience: Duration::from_millis(parts.limits.input_ms),
        };
        Arc::new(Self {
            parts,
            input,
            usage: Mutex::default(),
            requests: AtomicU64::new(0),
            phase: watch::Sender::new(Phase::Serving),
            stop_wanted: Notify::new(),
            changed: Notify::new(),
            quiet: Notify::new(),
        })
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The phase, to wait for changes of it.
    pub fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// Goes on to a later phase.
    pub fn enter(&self, phase: Phase) {
        self.phase.send_if_modified(|now| {
            let later = phase > *now;
            *now = phase.max(*now);
            later
        });
    }

    /// Remembers that somebody used the service.
    pub fn used(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// A number that changes when somebody uses the service.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// True while a call runs.
    pub fn is_busy(&self) -> bool {
        !self.usage().running.is_empty()
    }

    /// Admits a connection.
    ///
    /// # Errors
    /// When there are too many, in all or of this account.
    pub fn admit(self: &Arc<Self>, peer: Peer) -> Result<ConnectionSlot, ErrorReport> {
        let limits = &self.parts.limits;
        let mut usage = self.usage();
        if usage.connections >= limits.connections {
            let most = limits.connections;
            return Err(full(format!(
                "The service has {most} connections, which is all it takes."
            )));
        }
        usage.admit(&peer.id, limits.connections_per_account)?;
        usage.connections += 1;
        Ok(ConnectionSlot {
            service: Arc::clone(self),
            peer,
        })
    }

    /// Admits a call that runs on its own thread.
    ///
    /// # Errors
    /// When the account has too many, or the service ends.
    pub fn begin_call(
        self: &Arc<Self>,
        id: &PrincipalId,
        call: &Arc<CallState>,
        outbox: &Arc<Outbox>,
    ) -> Result<CallSlot, ErrorReport> {
        let mut usage = self.usage();
        // With the lock in hand: a call that is counted after those that run were stopped would delay the end.
        if *self.phase.borrow() != Phase::Serving {
            return Err(ending());
        }
        let account = usage.accounts.entry(id.clone()).or_default();
        let most = self.parts.limits.calls_per_account;
        if account.calls >= most {
            let text =
                format!("Your account has {most} calls under way, which is all it may have.");
            return Err(ErrorReport::new(ErrorId::TooManyCalls, text));
        }
        account.calls += 1;
        let number = usage.next;
        usage.next += 1;
        usage
            .running
            .insert(number, (Arc::clone(call), Arc::clone(outbox)));
        Ok(CallSlot {
            service: Arc::clone(self),
            id: id.clone(),
            number,
        })
    }

    /// Waits until no call runs.
    pub async fn is_quiet(&self) {
        loop {
            let mut quiet = std::pin::pin!(self.quiet.notified());
            quiet.as_mut().enable();
            if self.usage().running.is_empty() {
                return;
            }
            quiet.await;
        }
    }

    /// Stops all calls.
    pub fn stop_calls(&self) {
        for (call, outbox) in self.usage().running.values() {
            call.stop(StopReason::Ending);
            outbox.wake();
        }
    }

    /// Waits until all connections are closed.
    pub async fn is_deserted(&self) {
        loop {
            let mut quiet = std::pin::pin!(self.quiet.notified());
            quiet.as_mut().enable();
            if self.usage().connections == 0 {
                return;
            }
            quiet.await;
        }
    }

    /// The caller as it is now, asked of the system: for a thread that may wait.
    #[must_use]
    pub fn caller_now(&self, peer: &Peer) -> Arc<Caller> {
        match &peer.caller {
            Some(caller) => Arc::clone(caller),
            None => self.parts.accounts.caller_now(&peer.id),
        }
    }

    /// The caller at the other end of a connection, as it is now or was at most two seconds ago.
    pub async fn caller(self: &Arc<Self>, peer: &Peer) -> Arc<Caller> {
        if let Some(caller) = &peer.caller {
            return Arc::clone(caller);
        }
        self.parts.accounts.caller(&peer.id).await
    }

    /// Lets those in who may ask for the state of the service or end it. Either way it leaves a line; those of somebody who asks
    /// again and again are counted, as for every call.
    ///
    /// # Errors
    /// `AccessDenied`.
    pub fn manage(
        &self,
        id: &PrincipalId,
        caller: &Caller,
        method: &str,
    ) -> Result<(), ErrorReport> {
        let groups = caller.member_of.as_ref();
        let door = if caller.is_owner {
            Some("owner of the store".to_owned())
        } else if PrincipalId::own().as_ref() == Some(id) {
            Some("account of the service".to_owned())
        } else if caller.is_local_administrator {
            Some("administrator of the machine".to_owned())
        } else {
            let member = groups.is_some_and(|groups| groups.has(MANAGERS));
            member.then(|| format!("member of {MANAGERS}"))
        };
        let why = match groups {
            None => ": your group memberships could not be read",
            Some(_) => "",
        };
        let denial = format!(
            "may not use {method}{why}; the owner of the store, the account that the service runs as, root and members of {MANAGERS} may"
        );
        let entry = AuditEntry {
            phase: AuditPhase::Decision,
            principal: caller.principal.clone(),
            cmdlet: method.to_owned(),
            store: StoreKind::Central,
            result: if door.is_some() { "allowed" } else { "denied" },
            detail: door.clone().unwrap_or_else(|| format!("you {denial}")),
            durable: false,
        };
        let _never_in_the_way_of_ending = self.parts.audit.append(&entry);
        if door.is_some() {
            return Ok(());
        }
        let text = format!("You {denial}.");
        Err(ErrorReport::new(ErrorId::AccessDenied, text).on("Method", method))
    }

    /// The state of the service. Asks the stores, so not for the thread of the pipe.
    pub fn status(&self) -> StatusResult {
        StatusResult {
            pid: std::process::id(),
            pipe: self.parts.pipe.display().to_string(),
            home: self.parts.home.display().to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            store_version: self.parts.central.version().0,
            local_store_version: self.parts.local.version().0,
            pending_bytes: self
                .parts
                .central
                .prepare_exports(ONLY_ASK)
                .unwrap_or_default(),
        }
    }
}

/// A connection's place; given back when it is dropped.
pub struct ConnectionSlot {
    service: Arc<Service>,
    /// Who is at the other end.
    pub peer: Peer,
}

#[cfg(windows)]
impl ConnectionSlot {
    /// Puts a name to a connection that had none yet.
    ///
    /// # Errors
    /// When that account has too many.
    pub fn identify(&mut self, peer: Peer) -> Result<(), ErrorReport> {
        let mut usage = self.service.usage();
        let most = self.service.parts.limits.connections_per_account;
        usage.admit(&peer.id, most)?;
        usage.release(&self.peer.id, |account| account.connections -= 1);
        self.peer = peer;
        Ok(())
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut usage = self.service.usage();
        usage.connections -= 1;
        usage.release(&self.peer.id, |account| account.connections -= 1);
        drop(usage);
        self.service.quiet.notify_waiters();
    }
}

/// A call's place; given back when it is dropped.
pub struct CallSlot {
    service: Arc<Service>,
    id: PrincipalId,
    number: u64,
}

impl Drop for CallSlot {
    fn drop(&mut self) {
        self.service.used();
        let mut usage = self.service.usage();
        usage.running.remove(&self.number);
        usage.release(&self.id, |account| account.calls -= 1);
        drop(usage);
        self.service.quiet.notify_waiters();
    }
}

impl Usage {
    /// Counts one more connection of an account. Those that are not known yet have no limit but that of all connections: it would
    /// let strangers keep everybody else out.
    fn admit(&mut self, id: &PrincipalId, most: usize) -> Result<(), ErrorReport> {
        let account = self.accounts.entry(id.clone()).or_default();
        if account.connections >= most && *id != PrincipalId::NotYetKnown {
            return Err(full(format!(
                "Your account has {most} connections to the service, which is all it may have."
            )));
        }
        account.connections += 1;
        Ok(())
    }

    fn release(&mut self, id: &PrincipalId, give_back: impl FnOnce(&mut AccountUsage)) {
        if let Some(account) = self.accounts.get_mut(id) {
            give_back(account);
            if account.connections == 0 && account.calls == 0 {
                self.accounts.remove(id);
            }
        }
    }
}

/// The report of a call that comes when the service ends.
pub fn ending() -> ErrorReport {
    ErrorReport::new(ErrorId::HostUnavailable, "The service is ending.")
        .hint("Repeat the command; nothing was changed.")
}

fn full(text: String) -> ErrorReport {
    ErrorReport::new(ErrorId::TooManyCalls, text).hint("Close other connections and repeat.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::AuditLog;
    use crate::serve::{RandomIds, SystemClock};
    use crate::settings::Settings;
    use crate::stores;
    use cs_engine::EngineParts;

    fn service(home: &std::path::Path) -> Arc<Service> {
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(RandomIds));
        let settings = Arc::new(Settings::default());
        let limits = settings.limits.resolve();
        let audit = AuditLog::open(home, Arc::clone(&clock) as _, settings.audit_rules()).unwrap();
        let audit: Arc<dyn Audit> = Arc::new(audit);
        let stores = stores::open(home, clock.as_ref(), ids.as_ref()).unwrap();
        let accounts = Arc::new(Accounts::new(settings));
        let engine = Engine::new(EngineParts {
            central: Arc::clone(&stores.central),
            local: Arc::clone(&stores.local),
            clock,
            ids,
            directory: Arc::clone(&accounts) as _,
            audit: Arc::clone(&audit),
            limits: limits.packages,
        });
        Service::new(Parts {
            engine: engine.unwrap(),
            central: stores.central,
            local: stores.local,
            accounts,
            audit,
            limits,
            home: home.to_owned(),
            pipe: home.join("pipe"),
        })
    }

    #[test]
    fn no_call_begins_when_the_service_ends() {
        let home = tempfile::tempdir().unwrap();
        let service = service(home.path());
        let begin = |number| {
            let (call, outbox) = (CallState::new(number), Arc::new(Outbox::default()));
            let slot = service.begin_call(&PrincipalId::Uid(1), &call, &outbox);
            (slot, call)
        };
        let (slot, call) = begin(1);
        assert!(slot.is_ok() && service.is_busy());
        for phase in [Phase::Ending, Phase::Closing] {
            service.enter(phase);
            service.stop_calls();
            let (late, _) = begin(2);
            assert_eq!(
                late.err().map(|report| report.id),
                Some(ErrorId::HostUnavailable)
            );
        }
        assert!(call.is_stopped());
        drop(slot);
        assert!(
            !service.is_busy(),
            "nothing is counted of calls that were refused"
        );
        assert!(service.usage().accounts.is_empty());
    }
}
