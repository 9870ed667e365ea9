//! `Import-CsConfiguration`: a package becomes the newest version of a store, whole or not at all.

use std::cell::RefCell;

use cs_archive::{PackageEvent, PackageReader, PackageSummary};
use cs_contract::{ErrorId, ErrorReport, InvokeResult, Record};
use cs_model::{ItemKey, Role, StoreKind, shown};
use cs_rbac::{Caller, Question};
use cs_store::{Change, ChangeKind, ImportOutcome, LastCheck, StoreError};

use crate::audit::CallLog;
use crate::engine::{Engine, Handler, Running};
use crate::fault::{Fault, from_denial_of_roles, from_read, from_stopped, from_store};
use crate::retry::remembered;
use crate::roles::change::{check_result, check_standard};
use crate::roles::diff::{RoleEdit, told};
use crate::roles::document::NO_DOMAIN;
use crate::roles::{ROLES_BYTES, parse_roles, predefined, roles_document};
use crate::{CallIo, Directory, Stopped};

pub const HANDLER: Handler = Handler { inline: false, run };

fn run(call: &mut Running<'_>) -> Result<InvokeResult, Fault> {
    if let Some(result) = remembered(call)? {
        return Ok(result);
    }
    let file = call.input()?;
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
        roles: RolesDocument::default(),
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
            let (io, summary, roles) = (import.io, import.summary, import.roles);
            let force = call.parameters.switch("Force");
            let mut warnings = summary.warnings;
            if call.kind == StoreKind::Central {
                warnings.extend(about_roles(call.engine.parts.directory.as_ref(), &roles));
            }
            let version = (outcome.changed && !call.what_if).then_some(outcome.version.0);
            let heard = report(io, call.kind, call.what_if, force, warnings, &outcome);
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

/// The roles document on its way through: roles that cannot be read must not become the roles in force.
#[derive(Default)]
struct RolesDocument {
    inside: bool,
    seen: bool,
    found: Option<Vec<Role>>,
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
                let roles = parse_roles(&std::mem::take(&mut self.item))?;
                if self.found.replace(roles).is_some() {
                    let what = "The roles document is refused: it holds several items.";
                    return Err(ErrorReport::new(ErrorId::PackageRefused, what)
                        .on("Document", roles_document().text()));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// What an administrator should know about the roles of a package.
fn about_roles(directory: &dyn Directory, roles: &RolesDocument) -> Option<String> {
    let Some(found) = roles.found.as_ref().filter(|_| roles.seen) else {
        return Some("The package holds no roles; the predefined roles are in force.".to_owned());
    };
    // Groups of another machine have other identifiers, and names alone make nobody a member.
    let elsewhere: Vec<&str> = found
        .iter()
        .filter(|role| role.bound)
        .filter(|role| {
            let group = directory.group(role.identity.as_str()).ok().flatten();
            group.and_then(|group| group.sid).as_deref() != Some(role.sid.as_str())
        })
        .map(|role| role.identity.as_str())
        .collect();
    (!elsewhere.is_empty()).then(|| {
        format!(
            "Roles that are tied to groups of another machine have no members here: {}. Tie predefined roles with Update-CsAdminRole and others with Set-CsAdminRole -Identity.",
            elsewhere.join(", ")
        )
    })
}

fn report(
    io: &mut dyn CallIo,
    kind: StoreKind,
    what_if: bool,
    force: bool,
    warnings: Vec<String>,
    outcome: &ImportOutcome,
) -> Result<(), Stopped> {
    for text in warnings {
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
