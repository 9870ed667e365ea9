//! Roles as data: the roles in force, and their form as objects.

pub mod change;
pub mod diff;
pub mod document;
pub mod group;
mod in_package;
pub mod input;

use std::sync::{Arc, Mutex};

use cs_contract::{ErrorId, ErrorReport, Values};
use cs_model::{CmdletName, ConfigScope, Role, RoleName, StoreKind, UserScope, Version};
use cs_rbac::{Grant, Policy, Site, policy_grant};
use cs_store::{Snapshot, Store};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::fault::{Fault, from_store};
use crate::topology;

pub use document::{ROLES_BYTES, parse_roles, roles_document, roles_payload};
pub use in_package::RolesInPackage;

/// The original's name of the type.
pub const ROLE_TYPE: &str = "Microsoft.Rtc.Management.WritableConfig.Settings.Roles.Role";

/// The roles of a store at one version.
#[derive(Debug)]
pub struct RoleSet {
    version: Version,
    /// In the order of the document.
    pub policy: Policy,
    /// The same as objects, in JSON.
    texts: Vec<Arc<RawValue>>,
}

impl RoleSet {
    fn new(version: Version, policy: Policy) -> Self {
        let texts = policy
            .roles()
            .iter()
            .map(|role| Values::raw(&object(role)))
            .collect();
        Self {
            version,
            policy,
            texts,
        }
    }

    /// Each role with its object in JSON.
    pub fn iter(&self) -> impl Iterator<Item = (&Role, &Arc<RawValue>)> {
        self.policy.roles().iter().zip(&self.texts)
    }
}

/// The roles of a store, read again when its version moved on.
pub struct RoleCache {
    kind: StoreKind,
    newest: Mutex<Option<Arc<RoleSet>>>,
}

impl RoleCache {
    /// An empty cache for a store of a kind.
    pub fn new(kind: StoreKind) -> Self {
        Self {
            kind,
            newest: Mutex::new(None),
        }
    }

    /// The roles in force.
    pub fn get(&self, store: &dyn Store) -> Result<Arc<RoleSet>, Fault> {
        let version = store.version();
        let mut newest = match self.newest.lock() {
            Ok(guard) => guard,
            Err(poisoned) => poisoned.into_inner(),
        };
        if let Some(set) = newest.as_ref().filter(|set| set.version == version) {
            return Ok(Arc::clone(set));
        }
        let name = CmdletName::parse("Get-CsAdminRole")
            .map_err(|error| ErrorReport::new(ErrorId::InternalFault, error.to_string()))?;
        let grant = policy_grant(self.kind, name);
        let snapshot = store.snapshot(&grant).map_err(|error| from_store(&error))?;
        let stored = document::Stored::read(snapshot.as_ref())?;
        let policy = Policy::new(stored.roles, sites_for(snapshot.as_ref())?);
        let set = Arc::new(RoleSet::new(snapshot.version(), policy));
        *newest = Some(Arc::clone(&set));
        Ok(set)
    }
}

/// The sites that scopes may name. A topology that cannot be read has none, so that scopes of sites reach nothing.
pub fn sites_for(snapshot: &dyn Snapshot) -> Result<Vec<Site>, Fault> {
    Ok(topology::stored(snapshot)?
        .map(|topology| topology::sites(&topology))
        .unwrap_or_default())
}

/// The predefined roles, with SIDs of a domain.
pub fn predefined(domain: &str) -> Vec<Role> {
    cs_contract::roles()
        .roles
        .iter()
        .filter_map(|role| {
            Some(Role {
                identity: RoleName::parse(&role.identity).ok()?,
                sid: format!("{domain}-{}", role.rid),
                is_standard: true,
                cmdlets: role
                    .cmdlets
                    .iter()
                    .filter_map(|name| CmdletName::parse(name).ok())
                    .collect(),
                script_modules: Vec::new(),
                bound: false,
                config_scopes: vec![ConfigScope::Global],
                user_scopes: vec![UserScope::Global],
                template: None,
            })
        })
        .collect()
}

/// A role as an object, properties in the order of the original's output.
pub fn object(role: &Role) -> Value {
    let names: Vec<&str> = role.cmdlets.iter().map(CmdletName::as_str).collect();
    json!({
        "Identity": role.identity.as_str(),
        "SID": role.sid,
        "IsStandardRole": role.is_standard,
        "Cmdlets": names,
        "ScriptModules": role.script_modules,
        "ConfigScopes": role.config_scopes.iter().map(ConfigScope::to_string).collect::<Vec<_>>(),
        "UserScopes": role.user_scopes.iter().map(UserScope::to_string).collect::<Vec<_>>(),
        "ScriptCmdlets": [],
        "TemplateName": role.template,
        "TenantWellKnownGroup": null,
    })
}

/// True when a role is of concern to whoever holds a grant: its scopes and theirs overlap. Who administers one site does not see the
/// roles of another.
pub fn is_visible(grant: &Grant, policy: &Policy, role: &Role) -> bool {
    let config = |scope: &ConfigScope| {
        *scope == ConfigScope::Global
            || grant.covers(&ConfigScope::Global)
            || grant.covers(&policy.site_by_id(scope))
    };
    let users = |scope: &UserScope| {
        grant
            .user_scopes()
            .iter()
            .any(|held| held.covers(scope) || scope.covers(held))
    };
    role.config_scopes.iter().any(config) && role.user_scopes.iter().any(users)
}

/// The names of the predefined roles.
pub fn predefined_names() -> impl Iterator<Item = &'static str> {
    cs_contract::roles()
        .roles
        .iter()
        .map(|role| role.identity.as_str())
}
