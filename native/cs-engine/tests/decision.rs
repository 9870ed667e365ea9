//! An error while deciding denies, and leaves a line that says so.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests stop at the first surprise"
)]

use std::fs::File;
use std::sync::{Arc, Mutex};

use cs_archive::PackageEvent;
use cs_contract::{ErrorId, ErrorReport, InvokeResult, Record};
use cs_engine::{
    Audit, AuditEntry, Call, CallIo, Clock, Directory, Engine, EngineParts, Ids, Stopped,
    initial_content,
};
use cs_model::{StoreKind, Uuid};
use cs_rbac::Caller;
use cs_store::{CommitInfo, MemoryStore};

struct World;

impl Clock for World {
    fn now(&self) -> String {
        "2026-01-01T00:00:00Z".to_owned()
    }
}

impl Ids for World {
    fn guid(&self) -> Uuid {
        Uuid::from_u128(0x1234)
    }
}

impl Directory for World {
    fn member_of(&self, _: &str) -> Result<Option<Vec<String>>, String> {
        Ok(None)
    }
}

#[derive(Default)]
struct Lines(Mutex<Vec<AuditEntry>>);

impl Audit for Lines {
    fn append(&self, entry: &AuditEntry) -> Result<(), String> {
        self.0.lock().unwrap().push(entry.clone());
        Ok(())
    }
}

/// A client that takes everything and sends nothing.
#[derive(Default)]
struct Client(u64);

impl CallIo for Client {
    fn record(&mut self, _: Record) -> Result<(), Stopped> {
        self.0 += 1;
        Ok(())
    }
    fn stopped(&self) -> bool {
        false
    }
    fn output(&mut self, _: &[u8]) -> Result<(), Stopped> {
        self.0 += 1;
        Ok(())
    }
    fn input(&mut self) -> Result<File, ErrorReport> {
        Err(ErrorReport::new(ErrorId::InternalFault, "no input"))
    }
}

/// An engine whose roles document says what no roles document may.
fn engine_with_damaged_roles() -> (Engine, Arc<Lines>) {
    let mut content = initial_content(&World);
    for event in &mut content {
        if let PackageEvent::ItemChunk(chunk) = event {
            let text = String::from_utf8(chunk.clone()).unwrap();
            *chunk = text
                .replace("IsStandardRole=\"true\"", "IsStandardRole=\"yes!\"")
                .into();
        }
    }
    let store = |kind| {
        let commit = CommitInfo {
            time: World.now(),
            message: String::new(),
            idempotency_key: None,
        };
        Arc::new(MemoryStore::new(kind, &content, &commit).unwrap())
    };
    let audit = Arc::new(Lines::default());
    let parts = EngineParts {
        central: store(StoreKind::Central),
        local: store(StoreKind::Local),
        clock: Arc::new(World),
        ids: Arc::new(World),
        directory: Arc::new(World),
        audit: Arc::clone(&audit) as Arc<dyn Audit>,
        limits: cs_archive::ReadLimits::default(),
    };
    (Engine::new(parts).unwrap(), audit)
}

fn call(engine: &Engine, is_owner: bool, cmdlet: &str) -> (Result<InvokeResult, ErrorReport>, u64) {
    let caller = Caller {
        principal: "kenmyer".to_owned(),
        is_owner,
        is_local_administrator: true,
        member_of: Some(vec!["RTCUniversalServerAdmins".to_owned()]),
    };
    let call = Call {
        cmdlet,
        parameters: None,
        what_if: false,
        idempotency_key: None,
    };
    let mut client = Client::default();
    let outcome = engine.invoke(&caller, call, &mut client);
    (outcome, client.0)
}

#[test]
fn roles_that_cannot_be_read_deny_everybody_but_the_owner() {
    let (engine, audit) = engine_with_damaged_roles();
    for cmdlet in [
        "Export-CsConfiguration",
        "Get-CsTopology",
        "Get-CsAdminRole",
    ] {
        let (outcome, sent) = call(&engine, false, cmdlet);
        assert_eq!(outcome.unwrap_err().id, ErrorId::XmlInvalid, "{cmdlet}");
        assert_eq!(sent, 0, "{cmdlet}");
        let line = audit.0.lock().unwrap().pop().unwrap();
        assert_eq!((line.result, line.cmdlet.as_str()), ("denied", cmdlet));
    }
    let (outcome, sent) = call(&engine, true, "Export-CsConfiguration");
    outcome.unwrap();
    assert!(sent > 0);
}
