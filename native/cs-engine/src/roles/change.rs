//! From a call that changes roles to one new version of the store: who may, what changes, what must stay.

use std::cell::RefCell;
use std::sync::PoisonError;

use cs_contract::{ErrorId, ErrorReport, InvokeResult, Record};
use cs_model::{ItemKey, Role};
use cs_rbac::{Caller, Policy, excess, keeps_an_administrator};
use cs_store::{LastCheck, NewItem, StoreError};

use super::diff::{RoleEdit, told};
use super::document::{CMDLETS, ROLES_BYTES, Stored};
use super::{predefined_names, roles_document, sites_for};
use crate::engine::Running;
use crate::fault::{Fault, from_stopped, from_store};

/// How often a change is tried again when an import changes the roles at the same time.
const ATTEMPTS: usize = 4;

/// The roles that a change starts from.
pub struct Current<'a> {
    /// With the sites that scopes may name.
    pub policy: &'a Policy,
}

/// What a call wants.
#[derive(Default)]
pub struct Wanted {
    /// The changes.
    pub edits: Vec<RoleEdit>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// How far a change goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// It is checked, and nothing more.
    Check,
    /// It is checked and told.
    Plan,
    /// It is made.
    Commit,
}

impl Extent {
    /// As the user wants it: -WhatIf is a plan.
    pub fn of(call: &Running<'_>) -> Self {
        if call.what_if {
            Self::Plan
        } else {
            Self::Commit
        }
    }
}

/// Makes a change of the roles: plans it with `make`, checks it, and commits it as one version. An import that changes the roles at the
/// same time only makes it start anew.
pub fn change(
    call: &mut Running<'_>,
    message: &str,
    extent: Extent,
    make: &mut dyn FnMut(&Running<'_>, &Current<'_>) -> Result<Wanted, Fault>,
) -> Result<InvokeResult, Fault> {
    let engine = call.engine;
    let _one_at_a_time = match extent {
        Extent::Commit => Some(
            engine
                .role_changes
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        ),
        Extent::Check | Extent::Plan => None,
    };
    for _ in 1..ATTEMPTS {
        match attempt(call, message, extent, make) {
            Err(fault) if fault.id == ErrorId::DocumentChanged => {}
            done => return done,
        }
    }
    attempt(call, message, extent, make)
}

fn attempt(
    call: &mut Running<'_>,
    message: &str,
    extent: Extent,
    make: &mut dyn FnMut(&Running<'_>, &Current<'_>) -> Result<Wanted, Fault>,
) -> Result<InvokeResult, Fault> {
    let snapshot = call
        .store()
        .snapshot(&call.grant)
        .map_err(|error| from_store(&error))?;
    let stored = Stored::read(snapshot.as_ref())?;
    let policy = Policy::new(stored.roles.clone(), sites_for(snapshot.as_ref())?);
    let base = snapshot.version();
    drop(snapshot);

    let wanted = make(call, &Current { policy: &policy })?;
    check(call, &policy, &wanted.edits)?;
    for text in wanted.warnings {
        call.io
            .record(Record::Warning { text })
            .map_err(from_stopped)?;
    }
    if wanted.edits.is_empty() {
        let text = "The roles are as asked for already; nothing was changed.".to_owned();
        call.io
            .record(Record::Verbose { text })
            .map_err(from_stopped)?;
        return match extent {
            Extent::Commit => call.unchanged(),
            Extent::Check | Extent::Plan => Ok(InvokeResult::default()),
        };
    }
    match extent {
        Extent::Check => return Ok(InvokeResult::default()),
        Extent::Plan => {
            for edit in &wanted.edits {
                call.io.record(edit.plan("")).map_err(from_stopped)?;
            }
            return Ok(InvokeResult::default());
        }
        Extent::Commit => {}
    }
    let signature = call.engine.parts.ids.guid();
    let content = stored.edited(&wanted.edits, signature)?;
    if content.len() as u64 > ROLES_BYTES {
        let text = format!("The roles would be longer than {ROLES_BYTES} bytes.");
        return Err(
            ErrorReport::new(ErrorId::LimitExceeded, text).on("Document", roles_document().text())
        );
    }
    let told = told(&wanted.edits);
    call.intend(&told)?;
    let refused = RefCell::new(None);
    let last_check = || {
        // A version without roles has no signature that would tell that somebody else brought some.
        if stored.item.is_none() && call.store().version() != base {
            refused.replace(Some(changed_meanwhile()));
            return Err(());
        }
        call.may_commit(&refused)
    };
    let commit = call.commit(format!("{message}: {told}").chars().take(500).collect());
    let (key, expected) = match &stored.item {
        Some((key, signature, _)) => (key.clone(), *signature),
        None => (ItemKey::global(), None),
    };
    let outcome = call.store().put_item(
        &call.grant,
        Some(&commit),
        &NewItem {
            document: &roles_document(),
            key: &key,
            signature,
            expected,
            content: content.as_bytes(),
            last_check: LastCheck(&last_check),
        },
    );
    let outcome = outcome.map_err(|error| match error {
        StoreError::Stale { .. } => changed_meanwhile(),
        other => refused.take().unwrap_or_else(|| from_store(&other)),
    })?;
    call.note(told);
    let text = format!(
        "The {} is at version {}.",
        call.kind.display_name(),
        outcome.version
    );
    call.tell_of_change(Record::Verbose { text });
    Ok(InvokeResult {
        version: outcome.changed.then_some(outcome.version.0),
        ..InvokeResult::default()
    })
}

fn changed_meanwhile() -> Fault {
    ErrorReport::new(
        ErrorId::DocumentChanged,
        "The roles were changed by somebody else at the same time.",
    )
    .on("Document", roles_document().text())
}

/// The roles that a change would leave must be roles that the caller may give, and must leave somebody who may change them.
fn check(call: &Running<'_>, policy: &Policy, edits: &[RoleEdit]) -> Result<(), Fault> {
    for edit in edits {
        // A role belongs to where it reaches: who may write roles for one site may not touch one that reaches further.
        for role in edit.before().into_iter().chain(edit.after()) {
            let reach = role
                .config_scopes
                .iter()
                .map(|scope| policy.site_by_id(scope));
            let users = &role.user_scopes;
            let beyond = reach
                .filter(|scope| !call.grant.covers(scope))
                .map(|scope| scope.to_string())
                .chain(
                    users
                        .iter()
                        .filter(|scope| !call.grant.covers_users(scope))
                        .map(ToString::to_string),
                )
                .next();
            if let Some(scope) = beyond {
                let text = format!(
                    "The role {} reaches {scope}, which is outside the scopes in which you may run {}.",
                    role.identity,
                    call.grant.cmdlet()
                );
                return Err(ErrorReport::new(ErrorId::GrantExceeded, text)
                    .on("Role", role.identity.as_str()));
            }
        }
    }
    check_result(call.caller, policy, edits)
}

/// What holds for every change of roles, also for one that an import brings.
pub fn check_result(caller: &Caller, policy: &Policy, edits: &[RoleEdit]) -> Result<(), Fault> {
    let mut after = policy.roles().to_vec();
    for edit in edits {
        edit.apply(&mut after);
        let Some(role) = edit.after() else { continue };
        if role.cmdlets.len() > CMDLETS {
            let text = format!(
                "The role {} would hold more than {CMDLETS} cmdlets.",
                role.identity
            );
            return Err(
                ErrorReport::new(ErrorId::LimitExceeded, text).on("Role", role.identity.as_str())
            );
        }
        if let Some(more) = excess(policy, caller, edit.before(), role) {
            let text = format!(
                "The role {} would give {more}, which you do not hold.",
                role.identity
            );
            return Err(
                ErrorReport::new(ErrorId::GrantExceeded, text).on("Role", role.identity.as_str())
            );
        }
    }
    if !edits.is_empty() && !keeps_an_administrator(&after) {
        return Err(ErrorReport::new(
            ErrorId::LastAdministrator,
            "The roles would leave nobody who may change roles.",
        )
        .on("Role", "CSAdministrator"));
    }
    Ok(())
}

/// Roles that come from elsewhere: predefined ones must say so, and no other one may.
pub fn check_standard(roles: &[Role]) -> Result<(), Fault> {
    for role in roles {
        let known =
            predefined_names().any(|name| name.eq_ignore_ascii_case(role.identity.as_str()));
        if role.is_standard != known {
            let what = if known {
                "is a predefined role and says that it is none"
            } else {
                "says that it is a predefined role and is none"
            };
            let text = format!("The roles document is refused: {} {what}.", role.identity);
            return Err(
                ErrorReport::new(ErrorId::PackageRefused, text).on("Role", role.identity.as_str())
            );
        }
    }
    Ok(())
}
