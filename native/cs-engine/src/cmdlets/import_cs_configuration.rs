//! `Import-CsConfiguration`: a package becomes the newest version of a store, whole or not at all.

use std::cell::RefCell;

use cs_archive::{PackageEvent, PackageReader, PackageSummary};
use cs_contract::{InvokeResult, Record};
use cs_model::{ItemKey, StoreKind, shown};
use cs_rbac::{Caller, Question};
use cs_store::{Change, ChangeKind, ImportOutcome, LastCheck, StoreError};

use crate::audit::CallLog;
use crate::engine::{Engine, Handler, Running};
use crate::fault::{Fault, from_denial_of_roles, from_read, from_stopped, from_store};
use crate::known::KnownPackage;
use crate::retry::remembered;
use crate::roles::change::{check_result, check_standard};
use crate::roles::diff::{RoleEdit, told};
use crate::roles::document::NO_DOMAIN;
use crate::roles::{RolesInPackage, predefined};
use crate::{CallIo, Received, Stopped};

pub const HANDLER: Handler = Handler { inline: false, run };

fn run(call: &mut Running<'_>) -> Result<InvokeResult, Fault> {
    if let Some(result) = remembered(call)? {
        return Ok(result);
    }
    let Received { file, sha256 } = call.input()?;
    // A plan reads its package whatever is known: it is how a package is checked.
    if !call.what_if
        && let Some(known) =
            call.engine
                .known
                .newest(call.kind, &sha256, call.store(), &call.grant, &*call.io)
    {
        return again(call, &known);
    }
    let reader =
        PackageReader::open(file, call.engine.parts.limits).map_err(|error| from_read(&error))?;
    let commit = (!call.what_if).then(|| call.commit("Import of a package".to_owned()));
    let import = RefCell::new(Import {
        engine: call.engine,
        caller: call.caller,
        kind: call.kind,
        what_if: call.what_if,
        io: &mut *call.io,
        reader: Some(reader),
        question: &call.question,
        log: call.log,
        notes: &call.notes,
        summary: PackageSummary::default(),
        roles: RolesInPackage::default(),
        bytes: 0,
        told: 0,
        fault: None,
    });
    let outcome = call.engine.store(call.kind).import(
        &call.grant,
        commit.as_ref(),
        &mut || import.borrow_mut().guarded(Import::next),
        &mut |change| import.borrow_mut().guarded(|import| import.change(change)),
        LastCheck(&|| import.borrow_mut().guarded(Import::begin_commit)),
    );
    let import = import.into_inner();
    match outcome {
        Ok(outcome) => {
            let package = KnownPackage {
                sha256,
                version: outcome.version,
                warnings: import.summary.warnings,
                roles: import.roles,
            };
            let version = (outcome.changed && !call.what_if).then_some(outcome.version.0);
            let heard = report(call, &package, &outcome);
            if !call.what_if {
                call.engine.known.keep(call.kind, package);
            }
            // A client that does not hear of a change that is made changes nothing about the outcome.
            if version.is_none() {
                heard.map_err(from_stopped)?;
            }
            Ok(InvokeResult {
                version,
                ..InvokeResult::default()
            })
        }
        Err(StoreError::Stopped) => Err(import.fault.unwrap_or_else(|| from_stopped(Stopped))),
        Err(error) => Err(from_store(&error)),
    }
}

/// The package that the newest version equals already: its second import says and decides what one that reads it would.
fn again(call: &mut Running<'_>, package: &KnownPackage) -> Result<InvokeResult, Fault> {
    call.engine
        .still_allowed(call.caller, &*call.io, &call.question, call.log)?;
    let result = call.unchanged()?;
    let outcome = ImportOutcome {
        version: package.version,
        ..ImportOutcome::default()
    };
    report(call, package, &outcome).map_err(from_stopped)?;
    Ok(result)
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
    roles: RolesInPackage,
    question: &'a Question<'a>,
    log: &'a CallLog<'a>,
    notes: &'a RefCell<Vec<String>>,
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
                self.check_roles()?;
                // No other commit comes between this and the import's own.
                self.engine
                    .still_allowed(self.caller, &*self.io, self.question, self.log)?;
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

    fn begin_commit(&mut self) -> Result<(), Fault> {
        self.io.begin_commit().map_err(from_stopped)
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
    fn check_roles(&mut self) -> Result<(), Fault> {
        if self.kind != StoreKind::Central {
            return Ok(());
        }
        let new = match &self.roles.found {
            Some(roles) => roles.clone(),
            None => predefined(NO_DOMAIN),
        };
        let current = match self.engine.roles(StoreKind::Central) {
            Ok(current) => current,
            // Whoever restores a store whose roles are damaged is its owner; nobody else came this far.
            Err(_) => return Ok(()),
        };
        let edits = RoleEdit::between(current.policy.roles(), &new);
        if edits.is_empty() {
            return Ok(());
        }
        if !self.engine.may_write_roles(self.caller) {
            return Err(from_denial_of_roles());
        }
        check_standard(&new)?;
        check_result(self.caller, &current.policy, &edits)?;
        let told = told(&edits);
        if self.what_if {
            for edit in &edits {
                self.io.record(edit.plan("role ")).map_err(from_stopped)?;
            }
        } else {
            self.log.allowed(&told)?;
            self.notes.borrow_mut().push(told);
        }
        Ok(())
    }

    fn change(&mut self, change: &Change) -> Result<(), Fault> {
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

fn report(
    call: &mut Running<'_>,
    package: &KnownPackage,
    outcome: &ImportOutcome,
) -> Result<(), Stopped> {
    let force = call.parameters.switch("Force");
    let about_roles = match call.kind {
        StoreKind::Central => package.roles.remark(call.engine.parts.directory.as_ref()),
        StoreKind::Local => None,
    };
    for text in package.warnings.iter().cloned().chain(about_roles) {
        call.io.record(if force {
            Record::Verbose { text }
        } else {
            Record::Warning { text }
        })?;
    }
    let name = call.kind.display_name();
    let (added, altered, removed) = (outcome.added, outcome.altered, outcome.removed);
    let counts = format!("{added} added, {altered} changed, {removed} removed");
    let text = match (call.what_if, outcome.changed) {
        (_, false) => format!(
            "The {name} holds this configuration already; version {} stays.",
            outcome.version
        ),
        (true, true) => format!("The {name} would get a new version: {counts}."),
        (false, true) => format!("The {name} is at version {}: {counts}.", outcome.version),
    };
    call.io.record(Record::Verbose { text })
}
