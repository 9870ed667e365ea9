//! The roles document: how it is read, written, and changed without touching what is not changed in it.

use std::ops::Range;

use cs_contract::{ErrorId, ErrorReport};
use cs_model::{
    CmdletName, ConfigScope, DocumentId, DocumentKey, ItemKey, Role, RoleName, ScopeClass,
    UserScope, Uuid, shown,
};
use cs_store::{Snapshot, StoreError};

use super::diff::RoleEdit;
use super::predefined;
use crate::fault::{Fault, from_store};
use crate::item;
use crate::xml::{self, Element, escape};

/// The namespace of the roles document. The original's is not known; this one is ours.
pub const ROLES_NAMESPACE: &str = "urn:schema:CsVault.Settings.Roles.2026";

/// The longest roles document, in bytes.
pub const ROLES_BYTES: u64 = 16 * 1024 * 1024;

/// The most cmdlets of one role, so that a role fits in one message.
pub const CMDLETS: usize = 5_000;

/// The attribute of a role whose SID was read from its group.
const BOUND: &str = "GroupBound";

/// SIDs of a store without roles of its own.
pub const NO_DOMAIN: &str = "S-1-5-21-0-0-0";

/// The key of the roles document.
pub fn roles_document() -> DocumentId {
    DocumentId::Keyed(DocumentKey::host(
        ROLES_NAMESPACE,
        "Roles",
        ScopeClass::Global,
    ))
}

/// The roles document of one version.
pub struct Stored {
    /// Its only item, with its key and its concurrency token; `None` when the version has no such document.
    pub item: Option<(ItemKey, Option<Uuid>, String)>,
    /// The roles in it; the predefined ones when there is none.
    pub roles: Vec<Role>,
}

impl Stored {
    /// Reads it.
    pub fn read(snapshot: &dyn Snapshot) -> Result<Self, Fault> {
        let fault = |error: StoreError| from_store(&error);
        let damaged = |what: &str| {
            ErrorReport::new(ErrorId::StoreDamaged, format!("The roles document {what}."))
                .on("Document", roles_document().text())
        };
        let found = snapshot.document(&roles_document()).map_err(fault)?;
        let Some(document) = found.filter(|document| !document.items.is_empty()) else {
            return Ok(Self {
                item: None,
                roles: predefined(NO_DOMAIN),
            });
        };
        let [only] = document.items.as_slice() else {
            return Err(damaged("holds several items"));
        };
        if only.length > ROLES_BYTES {
            return Err(damaged("is too long"));
        }
        let mut bytes = Vec::new();
        snapshot.content(&only.hash, &mut bytes).map_err(fault)?;
        let roles = parse_roles(&bytes)?;
        let text = String::from_utf8(bytes).map_err(|_| damaged("is not UTF-8"))?;
        Ok(Self {
            item: Some((only.key.clone(), only.signature, text)),
            roles,
        })
    }

    /// The item after some edits, under a new concurrency token. What the edits do not name stays as it is, to the byte.
    pub fn edited(&self, edits: &[RoleEdit], signature: Uuid) -> Result<String, Fault> {
        let unreadable = |fault: xml::XmlFault| {
            ErrorReport::new(
                ErrorId::StoreDamaged,
                format!("The roles document cannot be changed: {fault}."),
            )
            .on("Document", roles_document().text())
        };
        let mut text = match &self.item {
            Some((_, _, text)) => text.clone(),
            None => item::global_item(signature, &roles_payload(&self.roles)),
        };
        for edit in edits {
            text = edited_item(&text, edit).map_err(unreadable)?;
        }
        item::with_signature(&text, signature).map_err(unreadable)
    }
}

/// The item with one edit.
fn edited_item(item: &str, edit: &RoleEdit) -> Result<String, xml::XmlFault> {
    let root = xml::parse(item)?;
    let Some(list) = root.find("Roles") else {
        return Ok(item.to_owned());
    };
    let name = edit.identity();
    let old = list.children_named("Role").find(|role| {
        RoleName::parse(role.value("Identity")).is_ok_and(|identity| identity == *name)
    });
    let mut splices: Vec<(Range<usize>, String)> = Vec::new();
    match (edit, old) {
        (RoleEdit::Remove(_), None) => {}
        (RoleEdit::Remove(_), Some(old)) => splices.push((old.range.clone(), String::new())),
        (RoleEdit::Change { before, after }, Some(old)) => {
            change_role(item, old, before, after, &mut splices);
        }
        (RoleEdit::Add(role) | RoleEdit::Change { after: role, .. }, _) => {
            add_child(item, list, &role_element(role), &mut splices);
        }
    }
    // From the end, so that the places in front stay where they are.
    splices.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    let mut text = item.to_owned();
    for (range, with) in splices {
        text.replace_range(range, &with);
    }
    Ok(text)
}

/// Puts text behind the last child of an element.
fn add_child(item: &str, to: &Element, text: &str, splices: &mut Vec<(Range<usize>, String)>) {
    if !to.inner.is_empty() {
        splices.push((to.inner.end..to.inner.end, text.to_owned()));
        return;
    }
    // An empty element has no inside to put it into.
    let whole = item.get(to.range.clone()).unwrap_or_default();
    let tag = whole.split_once('>').map_or(whole, |(first, _)| first);
    let tag = tag.trim_end_matches('/').trim_end();
    let name: String = tag
        .chars()
        .skip(1)
        .take_while(|letter| !letter.is_whitespace())
        .collect();
    splices.push((to.range.clone(), format!("{tag}>{text}</{name}>")));
}

/// Other lists and another group in a role; everything else in it stays.
fn change_role(
    item: &str,
    element: &Element,
    before: &Role,
    after: &Role,
    splices: &mut Vec<(Range<usize>, String)>,
) {
    let mut missing = String::new();
    for (old, new) in lists(before).into_iter().zip(lists(after)) {
        if old.values == new.values {
            continue;
        }
        match element.child(new.name) {
            Some(child) => splices.push((child.range.clone(), new.text())),
            None => missing.push_str(&new.text()),
        }
    }
    if !missing.is_empty() {
        add_child(item, element, &missing, splices);
    }
    if (&before.sid, before.bound) != (&after.sid, after.bound) {
        let end = match element.children.first() {
            _ if !element.inner.is_empty() => element.inner.start,
            _ => element.range.end,
        };
        let tag = item.get(element.range.start..end).unwrap_or_default();
        let tag = xml::with_attribute(tag, "SID", &after.sid);
        let tag = xml::with_attribute(&tag, BOUND, if after.bound { "true" } else { "false" });
        splices.push((element.range.start..end, tag));
    }
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
                shown(other)
            ));
        }
    };
    let role = Role {
        sid: element.value("SID").to_owned(),
        bound: element.value(BOUND) == "true",
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
                ConfigScope::parse(scope)
                    .ok_or_else(|| format!("'{}' is no ConfigScope of {identity}", shown(scope)))
            })
            .collect::<Result<_, _>>()?,
        user_scopes: members("UserScopes", "UserScope", "Value")
            .iter()
            .map(|scope| {
                UserScope::parse(scope)
                    .ok_or_else(|| format!("'{}' is no UserScope of {identity}", shown(scope)))
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
            shown(&role.sid),
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
    let roles: String = roles.iter().map(role_element).collect();
    format!("<Roles xmlns=\"{ROLES_NAMESPACE}\">{roles}</Roles>")
}

/// One role as an element.
fn role_element(role: &Role) -> String {
    let template = role
        .template
        .as_ref()
        .map(|template| format!(" Template=\"{}\"", escape(template)))
        .unwrap_or_default();
    let bound = if role.bound {
        format!(" {BOUND}=\"true\"")
    } else {
        String::new()
    };
    let lists: String = lists(role).iter().map(List::text).collect();
    format!(
        "<Role Identity=\"{}\" SID=\"{}\"{bound} IsStandardRole=\"{}\"{template}>{lists}</Role>",
        escape(role.identity.as_str()),
        escape(&role.sid),
        role.is_standard
    )
}

/// One list of a role in the document.
struct List {
    name: &'static str,
    child: &'static str,
    attribute: &'static str,
    values: Vec<String>,
}

impl List {
    fn text(&self) -> String {
        let Self {
            name,
            child,
            attribute,
            values,
        } = self;
        if values.is_empty() {
            return format!("<{name} />");
        }
        let inside: String = values
            .iter()
            .map(|value| format!("<{child} {attribute}=\"{}\" />", escape(value)))
            .collect();
        format!("<{name}>{inside}</{name}>")
    }
}

/// The lists of a role, in the order of the document.
fn lists(role: &Role) -> [List; 4] {
    let list = |name, child, attribute, values| List {
        name,
        child,
        attribute,
        values,
    };
    let texts = |values: &[CmdletName]| values.iter().map(ToString::to_string).collect();
    let config = role.config_scopes.iter().map(ConfigScope::to_string);
    let users = role.user_scopes.iter().map(UserScope::to_string);
    [
        list("Cmdlets", "Cmdlet", "Name", texts(&role.cmdlets)),
        list(
            "ScriptModules",
            "ScriptModule",
            "Name",
            role.script_modules.clone(),
        ),
        list("ConfigScopes", "ConfigScope", "Value", config.collect()),
        list("UserScopes", "UserScope", "Value", users.collect()),
    ]
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
