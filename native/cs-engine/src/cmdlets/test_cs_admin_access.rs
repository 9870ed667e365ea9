//! `Test-CsAdminAccess`: may an account run a cmdlet, and why.

use std::collections::HashSet;

use cs_contract::{ErrorId, ErrorReport, InvokeResult, Reach, Record, Values};
use cs_model::{CmdletName, ConfigScope, DistinguishedName, StoreKind, UserScope, shown};
use cs_rbac::{Door, Grant, Object, Question, Rights, decide};
use serde_json::json;

use super::get_cs_admin_role_assignment::account_of;
use crate::engine::{Handler, Running, manifest, rights};
use crate::fault::{Fault, from_stopped, sentence};
use crate::roles::input::{Reading, known_cmdlet, the_sites, unknown_cmdlet};

pub const HANDLER: Handler = Handler {
    // The system may take its time to tell an account's groups.
    inline: false,
    run,
};

fn run(call: &mut Running<'_>) -> Result<InvokeResult, Fault> {
    let asked = call.parameters.text("Cmdlet").unwrap_or_default();
    let name = CmdletName::parse(asked.trim())
        .ok()
        .and_then(|name| known_cmdlet(&name))
        .ok_or_else(|| unknown_cmdlet(asked))?;
    let roles = call.engine.roles(StoreKind::Central)?;
    let other = match call.parameters.text("User") {
        Some(account) => Some(account_of(call, account)?),
        None => None,
    };
    let caller = other.as_ref().unwrap_or(call.caller);

    // What this release has is decided as for a call; for the rest the catalog of the original says which groups may.
    let own = manifest(name.as_str());
    let catalog = cs_contract::catalog().iter();
    let listed = catalog
        .filter(|entry| entry.name == name.as_str())
        .map(|entry| entry.groups.as_slice())
        .next();
    let whole = own.is_some_and(|manifest| manifest.access.reach == Reach::Deployment);
    let scope = scope(call, &roles.policy)?;
    let object = match &scope {
        // An import or export of everything is not made smaller by a question about one site.
        _ if whole => Object::Deployment,
        Some(Scope::Config(scope)) => Object::Config(scope),
        Some(Scope::Users(name)) => Object::Users(name),
        None => Object::Some,
    };
    let question = Question {
        cmdlet: &name,
        store: call.kind,
        rights: own.map_or(Rights::Read, |manifest| rights(manifest.access.effect)),
        groups: own
            .map(|manifest| manifest.access.groups.as_slice())
            .or(listed)
            .unwrap_or_default(),
        local_store_also: own
            .map(|manifest| manifest.access.local_store_also.as_slice())
            .unwrap_or_default(),
        object,
    };
    let answer = decide(&roles.policy, caller, &question);
    let (door, through, scopes, reason) = match &answer {
        Ok(grant) => allowed(grant),
        Err(denial) => (
            "",
            Vec::new(),
            Vec::new(),
            about(&denial.message, other.is_some()),
        ),
    };
    let values = json!({
        "Cmdlet": name.as_str(),
        "User": caller.principal,
        "Scope": call.parameters.text("Scope"),
        "IsAllowed": answer.is_ok(),
        "Door": if door.is_empty() { None } else { Some(door) },
        "Through": through,
        "Scopes": scopes,
        "Reason": sentence(&reason),
    });
    let record = Record::Object {
        r#type: "CsVault.AdminAccess".to_owned(),
        values: Values::new(&[values]),
    };
    call.io.record(record).map_err(from_stopped)?;
    Ok(InvokeResult::default())
}

enum Scope {
    Config(ConfigScope),
    Users(DistinguishedName),
}

fn scope(call: &Running<'_>, policy: &cs_rbac::Policy) -> Result<Option<Scope>, Fault> {
    let Some(text) = call.parameters.text("Scope") else {
        return Ok(None);
    };
    if let Some(UserScope::Ou(name)) = UserScope::parse(text) {
        return Ok(Some(Scope::Users(name)));
    }
    if ConfigScope::parse(text).is_none() {
        let message = format!("'{}' is no scope.", shown(text));
        return Err(ErrorReport::new(ErrorId::ScopeInvalid, message).on("Scope", text));
    }
    let scope = Reading::new(policy, false)
        .config_scope(text)
        .map_err(|fault| fault.hint(the_sites(policy.sites())))?;
    Ok(Some(Scope::Config(scope)))
}

fn allowed(grant: &Grant) -> (&'static str, Vec<String>, Vec<String>, String) {
    let (door, through) = match grant.door() {
        Door::Owner => ("Owner", Vec::new()),
        Door::Group(name) => ("Group", vec![name.clone()]),
        Door::Roles(names) => ("Role", names.clone()),
    };
    let config = grant.scopes().iter().map(ToString::to_string);
    let users = grant.user_scopes().iter().map(ToString::to_string);
    let mut seen = HashSet::new();
    let scopes: Vec<String> = config
        .chain(users)
        .filter(|scope| seen.insert(scope.clone()))
        .collect();
    let reason = format!("allowed as {}, for {}", grant.reason(), scopes.join(", "));
    (door, through, scopes, reason)
}

/// The sentence of a denial, when it is about somebody else.
fn about(message: &str, other: bool) -> String {
    if !other {
        return message.to_owned();
    }
    message
        .replacen("you may not run", "may not run", 1)
        .replacen("your group memberships", "the group memberships", 1)
}
