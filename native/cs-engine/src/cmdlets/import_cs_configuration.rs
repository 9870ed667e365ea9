//! `Import-CsConfiguration`: a package becomes the newest version of a store, whole or not at all.

use std::cell::RefCell;

use cs_archive::{PackageEvent, PackageReader, PackageSummary};
use cs_contract::{ErrorId, ErrorReport, InvokeResult, Record};
use cs_model::{ItemKey, StoreKind, shown};
use cs_rbac::Caller;
use cs_store::{Change, ChangeKind, CommitInfo, ImportOutcome, StoreError};

use crate::engine::{Engine, Handler, Running};
use crate::fault::{Fault, from_denial_of_roles, from_read, from_stopped, from_store};
use crate::retry::remembered;
use crate::roles::{ROLES_BYTES, parse_roles, roles_document};
use crate::{CallIo, Stopped};

pub const HANDLER: Handler = Handler {
    inline: false,
    whole_deployment: true,
    run,
};

fn run(call: &mut Running<'_>) -> Result<InvokeResult, Fault> {
    if let Some(result) = remembered(call)? {
        return Ok(result);
    }
    let file = call.io.input()?;
    let reader =
        PackageReader::open(file, call.engine.parts.limits).map_err(|error| from_read(&error))?;
    let commit = (!call.what_if).then(|| CommitInfo {
        time: call.engine.parts.clock.now(),
        message: "Import of a package".to_owned(),
        idempotency_key: call.idempotency_key.map(str::to_owned),
    });
    let import = RefCell::new(Import {
        engine: call.engine,
        caller: call.caller,
        kind: call.kind,
        what_if: call.what_if,
        io: &mut *call.io,
        reader: Some(reader),
        summary: PackageSummary::default(),
        roles: RolesDocument::default(),
        may_write_roles: None,
        bytes: 0,
        told: 0,
        fault: None,
    });
    let outcome = call.engine.store(call.kind).import(
        &call.grant,
        commit.as_ref(),
        &mut || import.borrow_mut().guarded(Import::next),
        &mut |change| import.borrow_mut().guarded(|import| import.change(change)),
    );
    let import = import.into_inner();
    match outcome {
        Ok(outcome) => {
            let (io, summary, roles) = (import.io, import.summary, import.roles);
            let force = call.parameters.switch("Force");
            report(
                io,
                call.kind,
                call.what_if,
                force,
                &summary,
                &roles,
                &outcome,
            )
            .map_err(from_stopped)?;
            let version = (outcome.changed && !call.what_if).then_some(outcome.version.0);
            Ok(InvokeResult {
                version,
                ..InvokeResult::default()
            })
        }
        Err(StoreError::Stopped) => Err(import.fault.unwrap_or_else(|| from_stopped(Stopped))),
        Err(error) => Err(from_store(&error)),
    }
}

/// What stays with the package's reader while the store takes its events.
struct Import<'a> {
    engine: &'a Engine,
    caller: &'a Caller,
    kind: StoreKind,
    what_if: bool,
    io: &'a mut dyn CallIo,
    reader: Option<PackageReader>,
    summary: PackageSummary,
    roles: RolesDocument,
    may_write_roles: Option<bool>,
    bytes: u64,
    told: u64,
    fault: Option<Fault>,
}

/// Bytes read between two progress records.
const STEP: u64 = 8 * 1024 * 1024;

impl Import<'_> {
    /// Keeps the fault of a step, because the store only learns that there was one.
    fn guarded<T>(&mut self, step: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, ()> {
        step(self).map_err(|fault| {
            self.fault.get_or_insert(fault);
        })
    }

    fn next(&mut self) -> Result<Option<PackageEvent>, Fault> {
        if self.io.stopped() {
            return Err(from_stopped(Stopped));
        }
        let Some(reader) = &mut self.reader else {
            return Ok(None);
        };
        let event = reader.next().map_err(|error| from_read(&error))?;
        match &event {
            // Only a package that was read to its very end without a fault is committed.
            None => {
                if let Some(reader) = self.reader.take() {
                    self.summary = reader.finish().map_err(|error| from_read(&error))?;
                }
            }
            Some(event) => {
                self.roles.look_at(event)?;
                if let PackageEvent::ItemChunk(chunk) = event {
                    self.bytes += chunk.len() as u64;
                }
                self.progress()?;
            }
        }
        Ok(event)
    }

    fn progress(&mut self) -> Result<(), Fault> {
        if self.bytes < self.told + STEP {
            return Ok(());
        }
        self.told = self.bytes;
        let record = Record::Progress {
            activity: "Importing the configuration".to_owned(),
            status: format!("{} MB read", self.bytes / 1_000_000),
            percent: None,
        };
        self.io.record(record).map_err(from_stopped)
    }

    /// Role data in a package needs the right to write roles as well: nobody imports more rights than they may give.
    fn change(&mut self, change: &Change) -> Result<(), Fault> {
        if self.kind == StoreKind::Central && change.document == roles_document() {
            let (engine, caller) = (self.engine, self.caller);
            if !*self
                .may_write_roles
                .get_or_insert_with(|| engine.may_write_roles(caller))
            {
                return Err(from_denial_of_roles());
            }
        }
        if self.what_if {
            let record = Record::WhatIf {
                target: target(change),
                action: action(change.kind).to_owned(),
            };
            self.io.record(record).map_err(from_stopped)?;
        }
        Ok(())
    }
}

fn target(change: &Change) -> String {
    let target = match &change.item {
        // The one item of a Global document needs no name of its own.
        Some(item) if *item != ItemKey::global() => format!("{} [{item}]", change.document),
        _ => change.document.to_string(),
    };
    shown(&target)
}

fn action(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Add => "add",
        ChangeKind::Change => "change",
        ChangeKind::Remove => "remove",
    }
}

/// The roles document on its way through: roles that cannot be read must not become the roles in force.
#[derive(Default)]
struct RolesDocument {
    inside: bool,
    seen: bool,
    names: Vec<cs_model::RoleName>,
    item: Vec<u8>,
}

impl RolesDocument {
    fn look_at(&mut self, event: &PackageEvent) -> Result<(), Fault> {
        match event {
            PackageEvent::DocumentStart { id, .. } => {
                self.inside = *id == roles_document();
                self.seen |= self.inside;
            }
            PackageEvent::DocumentEnd { .. } => self.inside = false,
            PackageEvent::ItemChunk(chunk) if self.inside => {
                if (self.item.len() + chunk.len()) as u64 > ROLES_BYTES {
                    let what = format!("The roles document is longer than {ROLES_BYTES} bytes.");
                    return Err(ErrorReport::new(ErrorId::LimitExceeded, what)
                        .on("Document", roles_document().text()));
                }
                self.item.extend_from_slice(chunk);
            }
            PackageEvent::ItemEnd { .. } if self.inside => {
                for role in parse_roles(&std::mem::take(&mut self.item))? {
                    if self.names.contains(&role.identity) {
                        let what = format!(
                            "The roles document is refused: the role {} is in it twice.",
                            role.identity
                        );
                        return Err(ErrorReport::new(ErrorId::XmlInvalid, what)
                            .on("Role", role.identity.as_str()));
                    }
                    self.names.push(role.identity);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn report(
    io: &mut dyn CallIo,
    kind: StoreKind,
    what_if: bool,
    force: bool,
    summary: &PackageSummary,
    roles: &RolesDocument,
    outcome: &ImportOutcome,
) -> Result<(), Stopped> {
    let no_roles = (kind == StoreKind::Central && !roles.seen)
        .then(|| "The package holds no roles; the predefined roles are in force.".to_owned());
    for text in summary.warnings.iter().cloned().chain(no_roles) {
        io.record(if force {
            Record::Verbose { text }
        } else {
            Record::Warning { text }
        })?;
    }
    let name = kind.display_name();
    let (added, altered, removed) = (outcome.added, outcome.altered, outcome.removed);
    let counts = format!("{added} added, {altered} changed, {removed} removed");
    let text = match (what_if, outcome.changed) {
        (_, false) => format!(
            "The {name} holds this configuration already; version {} stays.",
            outcome.version
        ),
        (true, true) => format!("The {name} would get a new version: {counts}."),
        (false, true) => format!("The {name} is at version {}: {counts}.", outcome.version),
    };
    io.record(Record::Verbose { text })
}
