//! Roles as data: the roles document, the roles in force, and their form as objects.

use std::sync::{Arc, Mutex};

use cs_contract::{ErrorId, ErrorReport, Values};
use cs_model::{
    CmdletName, ConfigScope, DocumentId, DocumentKey, Role, RoleName, ScopeClass, StoreKind,
    UserScope, Version,
};
use cs_rbac::{Grant, Policy, policy_grant};
use cs_store::{Store, StoreError};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::fault::{Fault, from_store};
use crate::xml::{self, Element, escape};

/// The namespace of the roles document. The original's is not known; this one is ours.
pub const ROLES_NAMESPACE: &str = "urn:schema:CsVault.Settings.Roles.2026";

/// The original's name of the type.
pub const ROLE_TYPE: &str = "Microsoft.Rtc.Management.WritableConfig.Settings.Roles.Role";

/// The longest roles document, in bytes.
pub const ROLES_BYTES: u64 = 16 * 1024 * 1024;

/// The most cmdlets of one role, so that a role fits in one message.
const CMDLETS: usize = 5_000;

/// The key of the roles document.
pub fn roles_document() -> DocumentId {
    DocumentId::Keyed(DocumentKey::host(
        ROLES_NAMESPACE,
        "Roles",
        ScopeClass::Global,
    ))
}

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
    fn new(version: Version, roles: Vec<Role>) -> Self {
        let texts = roles
            .iter()
            .map(|role| Values::raw(&object(role)))
            .collect();
        Self {
            version,
            policy: Policy::new(roles),
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
        let (version, roles) = read_roles(store, &grant)?;
        let set = Arc::new(RoleSet::new(version, roles));
        *newest = Some(Arc::clone(&set));
        Ok(set)
    }
}

fn read_roles(store: &dyn Store, grant: &Grant) -> Result<(Version, Vec<Role>), Fault> {
    let fault = |error: StoreError| from_store(&error);
    let snapshot = store.snapshot(grant).map_err(fault)?;
    let version = snapshot.version();
    let Some(document) = snapshot.document(&roles_document()).map_err(fault)? else {
        return Ok((version, predefined("S-1-5-21-0-0-0")));
    };
    let mut roles = Vec::new();
    for item in &document.items {
        if item.length > ROLES_BYTES {
            return Err(ErrorReport::new(
                ErrorId::StoreDamaged,
                "The roles document is too long.",
            ));
        }
        let mut bytes = Vec::new();
        snapshot.content(&item.hash, &mut bytes).map_err(fault)?;
        roles.extend(parse_roles(&bytes)?);
    }
    Ok((version, roles))
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
                config_scopes: vec![ConfigScope::Global],
                user_scopes: vec![UserScope::Global],
                template: None,
            })
        })
        .collect()
}

/// Reads the roles out of an item of the roles document.
pub fn parse_roles(item: &[u8]) -> Result<Vec<Role>, Fault> {
    let refuse = |what: String| {
        ErrorReport::new(
            ErrorId::XmlInvalid,
            format!("The roles document is refused: {what}."),
        )
        .on("Document", roles_document().text())
    };
    let text = std::str::from_utf8(item).map_err(|error| refuse(error.to_string()))?;
    let root = xml::parse(text).map_err(|error| refuse(error.to_string()))?;
    let Some(list) = root.find("Roles") else {
        return Err(refuse("it holds no Roles element".to_owned()));
    };
    let mut roles: Vec<Role> = Vec::new();
    for element in list.children_named("Role") {
        let role = parse_role(element).map_err(refuse)?;
        if roles.iter().any(|other| other.identity == role.identity) {
            return Err(refuse(format!("the role {} is in it twice", role.identity)));
        }
        roles.push(role);
    }
    Ok(roles)
}

fn parse_role(element: &Element) -> Result<Role, String> {
    let identity = RoleName::parse(element.value("Identity")).map_err(|error| error.to_string())?;
    let members = |list: &str, child: &str, attribute: &str| -> Vec<String> {
        element
            .child(list)
            .map(|list| {
                list.children_named(child)
                    .map(|e| e.value(attribute).to_owned())
                    .collect()
            })
            .unwrap_or_default()
    };
    let cmdlets = members("Cmdlets", "Cmdlet", "Name");
    if cmdlets.len() > CMDLETS {
        return Err(format!(
            "the role {identity} holds more than {CMDLETS} cmdlets"
        ));
    }
    let is_standard = match element.value("IsStandardRole") {
        "true" => true,
        "false" => false,
        other => {
            return Err(format!(
                "IsStandardRole of {identity} is '{}'",
                other.escape_debug()
            ));
        }
    };
    let role = Role {
        sid: element.value("SID").to_owned(),
        is_standard,
        cmdlets: cmdlets
            .iter()
            .map(|name| {
                CmdletName::parse(name).map_err(|error| format!("role {identity}: {error}"))
            })
            .collect::<Result<_, _>>()?,
        script_modules: members("ScriptModules", "ScriptModule", "Name"),
        config_scopes: members("ConfigScopes", "ConfigScope", "Value")
            .iter()
            .map(|scope| {
                ConfigScope::parse(scope).ok_or_else(|| {
                    format!("'{}' is no ConfigScope of {identity}", scope.escape_debug())
                })
            })
            .collect::<Result<_, _>>()?,
        user_scopes: members("UserScopes", "UserScope", "Value")
            .iter()
            .map(|scope| {
                UserScope::parse(scope).ok_or_else(|| {
                    format!("'{}' is no UserScope of {identity}", scope.escape_debug())
                })
            })
            .collect::<Result<_, _>>()?,
        template: element.attribute("Template").map(str::to_owned),
        identity,
    };
    let sid_parts = role.sid.split('-').count();
    let sid_letters = role
        .sid
        .bytes()
        .all(|b| b.is_ascii_digit() || b == b'-' || b == b'S');
    if !role.sid.starts_with("S-1-") || sid_parts < 4 || !sid_letters || role.sid.len() > 184 {
        return Err(format!(
            "the SID '{}' of {} is malformed",
            role.sid.escape_debug(),
            role.identity
        ));
    }
    if role.config_scopes.is_empty() || role.user_scopes.is_empty() {
        return Err(format!("the role {} has no scope", role.identity));
    }
    Ok(role)
}

/// The payload of the roles document.
pub fn roles_payload(roles: &[Role]) -> String {
    let mut out = format!("<Roles xmlns=\"{ROLES_NAMESPACE}\">");
    for role in roles {
        let template = role
            .template
            .as_ref()
            .map(|template| format!(" Template=\"{}\"", escape(template)))
            .unwrap_or_default();
        out.push_str(&format!(
            "<Role Identity=\"{}\" SID=\"{}\" IsStandardRole=\"{}\"{template}>",
            escape(role.identity.as_str()),
            escape(&role.sid),
            role.is_standard
        ));
        let cmdlets = role
            .cmdlets
            .iter()
            .map(CmdletName::as_str)
            .map(str::to_owned);
        list(&mut out, "Cmdlets", "Cmdlet", "Name", cmdlets);
        list(
            &mut out,
            "ScriptModules",
            "ScriptModule",
            "Name",
            role.script_modules.iter().cloned(),
        );
        let scopes = role.config_scopes.iter().map(ConfigScope::to_string);
        list(&mut out, "ConfigScopes", "ConfigScope", "Value", scopes);
        let scopes = role.user_scopes.iter().map(UserScope::to_string);
        list(&mut out, "UserScopes", "UserScope", "Value", scopes);
        out.push_str("</Role>");
    }
    out.push_str("</Roles>");
    out
}

fn list(
    out: &mut String,
    name: &str,
    child: &str,
    attribute: &str,
    values: impl Iterator<Item = String>,
) {
    let mut values = values.peekable();
    if values.peek().is_none() {
        out.push_str(&format!("<{name} />"));
        return;
    }
    out.push_str(&format!("<{name}>"));
    for value in values {
        out.push_str(&format!("<{child} {attribute}=\"{}\" />", escape(&value)));
    }
    out.push_str(&format!("</{name}>"));
}

/// A role as an object, properties in the order of the original's output.
fn object(role: &Role) -> Value {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::global_item;
    use cs_model::Uuid;

    #[test]
    fn predefined_roles_survive_their_document() {
        let roles = predefined("S-1-5-21-1-2-3");
        assert_eq!(roles.len(), 11);
        let item = global_item(Uuid::nil(), &roles_payload(&roles));
        assert_eq!(parse_roles(item.as_bytes()).unwrap(), roles);
    }

    #[test]
    fn roles_that_would_open_doors_are_refused() {
        let role = |inside: &str, sid: &str| {
            format!(
                "<Item><Key/><Value><Roles><Role Identity=\"X\" SID=\"{sid}\" IsStandardRole=\"false\">{inside}</Role></Roles></Value></Item>"
            )
        };
        let scopes = "<ConfigScopes><ConfigScope Value=\"Global\"/></ConfigScopes><UserScopes><UserScope Value=\"Global\"/></UserScopes>";
        let good = role(scopes, "S-1-5-21-1-2-3-4");
        assert_eq!(parse_roles(good.as_bytes()).unwrap().len(), 1);
        for bad in [
            role(&format!("<Cmdlets><Cmdlet Name=\"Get-Cs*\"/></Cmdlets>{scopes}"), "S-1-5-21-1-2-3-4"),
            role("", "S-1-5-21-1-2-3-4"),
            role(scopes, "nobody"),
            "<Item/>".to_owned(),
            "<Roles><Role Identity=\"A\u{430}\" SID=\"S-1-5-1-1\" IsStandardRole=\"true\"/></Roles>".to_owned(),
        ] {
            assert_eq!(parse_roles(bad.as_bytes()).unwrap_err().id, ErrorId::XmlInvalid, "{bad}");
        }
    }
}
