//! An engine over stores in memory, a directory that knows what it is told, and a call's records.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests stop at the first surprise"
)]
#![allow(dead_code, reason = "each test file uses some of it")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use cs_archive::PackageEvent;
use cs_contract::{ErrorId, ErrorReport, InvokeResult, Record};
use cs_engine::{
    Audit, AuditEntry, AuditLine, AuditState, Call, CallIo, Clock, Directory, Engine, EngineParts,
    GroupInfo, Ids, Received, Stopped, TakeLine, initial_content,
};
use cs_model::{StoreKind, Uuid};
use cs_rbac::{Caller, Group, Membership};
use cs_store::{CommitInfo, MemoryStore, Store};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// An engine, and what a test says about its surroundings.
pub struct Scene {
    pub engine: Engine,
    pub central: Arc<MemoryStore>,
    pub local: Arc<MemoryStore>,
    pub audit: Arc<Lines>,
    pub directory: Arc<People>,
}

/// Accounts and groups.
#[derive(Default)]
pub struct People {
    pub groups: Mutex<BTreeMap<String, Option<String>>>,
    pub members: Mutex<BTreeMap<String, Vec<Group>>>,
}

impl Directory for People {
    fn caller(&self, account: &str) -> Result<Option<Caller>, String> {
        let members = self.members.lock().unwrap();
        Ok(members.get(account).map(|groups| Caller {
            principal: account.to_owned(),
            is_owner: false,
            is_local_administrator: false,
            member_of: Some(Membership::new(groups.clone())),
        }))
    }

    fn group(&self, name: &str) -> Result<Option<GroupInfo>, String> {
        let groups = self.groups.lock().unwrap();
        let found = groups
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        Ok(found.map(|(name, sid)| GroupInfo {
            name: name.clone(),
            sid: sid.clone(),
        }))
    }
}

/// The audit log in memory.
#[derive(Default)]
pub struct Lines(pub Mutex<Vec<AuditEntry>>);

impl Audit for Lines {
    fn append(&self, entry: &AuditEntry) -> Result<(), String> {
        self.0.lock().unwrap().push(entry.clone());
        Ok(())
    }

    fn read_back(&self, take: &mut TakeLine<'_>) -> Result<(), String> {
        let lines = self.0.lock().unwrap();
        for (place, entry) in lines.iter().enumerate().rev() {
            let line = AuditLine {
                number: Some(place as u64 + 1),
                time: Fixed.now(),
                phase: "decision".to_owned(),
                principal: entry.principal.clone(),
                cmdlet: entry.cmdlet.clone(),
                store: "central".to_owned(),
                result: entry.result.to_owned(),
                detail: entry.detail.clone(),
                repeats: None,
                hash: String::new(),
            };
            if take(Ok(line)).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn verify(&self, _: &dyn Fn() -> bool) -> Result<AuditState, String> {
        Ok(AuditState {
            records: self.0.lock().unwrap().len() as u64,
            first: 1,
            last_hash: String::new(),
            files: 0,
            repaired: 0,
            fault: None,
        })
    }
}

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> String {
        "2026-01-02T03:04:05Z".to_owned()
    }
}

#[derive(Default)]
struct Counting(AtomicU64);

impl Ids for Counting {
    fn guid(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::Relaxed)) + 1)
    }
}

/// What a call said.
#[derive(Default)]
pub struct Heard {
    pub records: Vec<Record>,
    pub bytes: Vec<u8>,
    pub input: Option<Vec<u8>>,
    /// Says that the input has this hash.
    pub hash: Option<[u8; 32]>,
    pub key: Option<&'static str>,
    pub what_if: bool,
    /// The caller as it is when the call is asked again at its end.
    pub later: Option<Arc<Caller>>,
    /// The client is gone once a commit is asked for: before it, or behind it.
    pub goes: Option<Goes>,
    pub gone: Cell<bool>,
}

/// When a client goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goes {
    BeforeTheCommit,
    AfterIt,
}

impl CallIo for Heard {
    fn record(&mut self, record: Record) -> Result<(), Stopped> {
        if self.gone.get() {
            return Err(Stopped);
        }
        self.records.push(record);
        Ok(())
    }

    fn stopped(&self) -> bool {
        false
    }

    fn begin_commit(&self) -> Result<(), Stopped> {
        self.gone.set(self.goes.is_some());
        if self.goes == Some(Goes::BeforeTheCommit) {
            return Err(Stopped);
        }
        Ok(())
    }

    fn output(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn input(&mut self) -> Result<Received, ErrorReport> {
        use std::io::{Seek, Write};
        let bytes = self
            .input
            .take()
            .ok_or_else(|| ErrorReport::new(ErrorId::ParameterInvalid, "The call has no input."))?;
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        file.rewind().unwrap();
        Ok(Received {
            file,
            sha256: self.hash.unwrap_or_else(|| Sha256::digest(&bytes).into()),
        })
    }

    fn caller(&self) -> Option<Arc<Caller>> {
        self.later.clone()
    }
}

impl Heard {
    /// The id of the error that a call came to, ended by it or not.
    pub fn error(&self, outcome: &Result<InvokeResult, ErrorReport>) -> Option<ErrorId> {
        match outcome {
            Err(report) => Some(report.id),
            Ok(_) => self.records.iter().find_map(|record| match record {
                Record::Error { error } => Some(error.id),
                _ => None,
            }),
        }
    }
}

impl Scene {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// A scene whose stores begin otherwise than a fresh one.
    pub fn with(edit: impl FnOnce(&mut Vec<PackageEvent>)) -> Self {
        let ids = Counting::default();
        let mut initial = initial_content(&ids);
        edit(&mut initial);
        let commit = CommitInfo {
            time: "2026-01-01T00:00:00Z".to_owned(),
            message: "A new store".to_owned(),
            idempotency_key: None,
        };
        let store = |kind| Arc::new(MemoryStore::new(kind, &initial, &commit).unwrap());
        let (central, local) = (store(StoreKind::Central), store(StoreKind::Local));
        let (audit, directory) = (Arc::new(Lines::default()), Arc::new(People::default()));
        let engine = Engine::new(EngineParts {
            central: Arc::clone(&central) as Arc<dyn Store>,
            local: Arc::clone(&local) as Arc<dyn Store>,
            clock: Arc::new(Fixed),
            ids: Arc::new(ids),
            directory: Arc::clone(&directory) as _,
            audit: Arc::clone(&audit) as _,
            limits: cs_archive::ReadLimits::default(),
        })
        .unwrap();
        Self {
            engine,
            central,
            local,
            audit,
            directory,
        }
    }

    /// A group of the machine.
    pub fn group(&self, name: &str, sid: Option<&str>) {
        let mut groups = self.directory.groups.lock().unwrap();
        groups.insert(name.to_owned(), sid.map(str::to_owned));
    }

    /// Runs a call, and returns what came of it.
    pub fn call(
        &self,
        caller: &Caller,
        cmdlet: &str,
        parameters: &Value,
    ) -> (Result<InvokeResult, ErrorReport>, Heard) {
        self.call_with(caller, cmdlet, parameters, Heard::default())
    }

    pub fn call_with(
        &self,
        caller: &Caller,
        cmdlet: &str,
        parameters: &Value,
        mut heard: Heard,
    ) -> (Result<InvokeResult, ErrorReport>, Heard) {
        let parameters = serde_json::value::to_raw_value(parameters).unwrap();
        let call = Call {
            cmdlet,
            parameters: Some(&parameters),
            what_if: heard.what_if,
            idempotency_key: heard.key,
            input: heard.input.is_some(),
        };
        let outcome = self.engine.invoke(caller, call, &mut heard);
        (outcome, heard)
    }

    /// The id of the error of a call, if it had one.
    pub fn error(&self, caller: &Caller, cmdlet: &str, parameters: &Value) -> Option<ErrorId> {
        let (outcome, heard) = self.call(caller, cmdlet, parameters);
        heard.error(&outcome)
    }

    /// A custom role of its own group, made by the owner.
    pub fn role(
        &self,
        name: &str,
        template: &str,
        cmdlets: &[&str],
        config: &[&str],
        users: &[&str],
    ) {
        self.group(name, None);
        let mut parameters = json!({"Identity": name, "Template": template, "Force": true});
        if !cmdlets.is_empty() {
            parameters["Cmdlets"] = json!(cmdlets);
        }
        if !config.is_empty() {
            parameters["ConfigScopes"] = json!(config);
        }
        if !users.is_empty() {
            parameters["UserScopes"] = json!(users);
        }
        assert_eq!(
            self.error(&owner(), "New-CsAdminRole", &parameters),
            None,
            "{name}"
        );
    }
}

pub fn owner() -> Caller {
    Caller {
        is_owner: true,
        ..member_of(&[])
    }
}

pub fn member_of(names: &[&str]) -> Caller {
    Caller {
        principal: format!("someone in {}", names.join(", ")),
        is_owner: false,
        is_local_administrator: false,
        member_of: Some(Membership::of_names(names.iter().copied())),
    }
}
