//! What administrators write about roles: names, cmdlets, scripts, scopes, each read once and refused with the next step.

use cs_contract::{ErrorId, ErrorReport};
use cs_model::{CmdletName, ConfigScope, Role, RoleName, UserScope, shown};
use cs_rbac::{Policy, Site};

use crate::fault::{Fault, sentence};
use crate::nearest::nearest;
use crate::parameters::{ListEdit, Parameters};

/// The longest script entry, in bytes.
const SCRIPT_BYTES: usize = 256;

/// Reads what a call says about a role, and collects what is odd about it.
pub struct Reading<'a> {
    policy: &'a Policy,
    force: bool,
    /// What was taken all the same.
    pub warnings: Vec<String>,
}

impl<'a> Reading<'a> {
    /// With `force`, cmdlets and sites that are not known are taken with a warning.
    pub fn new(policy: &'a Policy, force: bool) -> Self {
        Self {
            policy,
            force,
            warnings: Vec::new(),
        }
    }

    /// A cmdlet, in the spelling of the catalog.
    pub fn cmdlet(&mut self, text: &str) -> Result<CmdletName, Fault> {
        let name = CmdletName::parse(text.trim()).map_err(|error| {
            ErrorReport::new(ErrorId::ParameterInvalid, sentence(&error.to_string()))
                .on("Parameter", "Cmdlets")
        })?;
        if let Some(known) = known_cmdlet(&name) {
            return Ok(known);
        }
        if self.force {
            self.warnings.push(format!(
                "There is no cmdlet '{name}'; it is in the role all the same."
            ));
            return Ok(name);
        }
        let unknown = unknown_cmdlet(name.as_str());
        let hint = format!(
            "{} Use -Force to take the name as it is; nothing was changed.",
            unknown.recommended_action
        );
        Err(unknown.hint(hint))
    }

    /// A scope of the configuration.
    pub fn config_scope(&mut self, text: &str) -> Result<ConfigScope, Fault> {
        let scope = ConfigScope::parse(text).ok_or_else(|| {
            scope_fault(
                text,
                format!("'{}' is no scope of the configuration.", shown(text)),
            )
            .hint("Use global, or site:<SiteId>, for example site:1; nothing was changed.")
        })?;
        let ConfigScope::Site(site) = &scope else {
            return Ok(scope);
        };
        let sites = self.policy.sites();
        let known = |text: &str| {
            sites.iter().any(|site| {
                site.id.eq_ignore_ascii_case(text) || site.name.eq_ignore_ascii_case(text)
            })
        };
        if known(site) {
            return Ok(scope);
        }
        if sites.is_empty() || self.force {
            self.warnings.push(format!(
                "The topology has no site '{}'; the role reaches nothing there until it has one.",
                shown(site)
            ));
            return Ok(scope);
        }
        Err(
            scope_fault(text, format!("There is no site '{}'.", shown(site))).hint(format!(
                "{} Use -Force to name one that is to come; nothing was changed.",
                the_sites(sites)
            )),
        )
    }

    /// A scope of users.
    pub fn user_scope(&mut self, text: &str) -> Result<UserScope, Fault> {
        UserScope::parse(text).ok_or_else(|| {
            scope_fault(text, format!("'{}' is no scope of users.", shown(text)))
                .hint("Use global, or OU:<distinguished name>, for example OU:ou=Redmond,dc=litwareinc,dc=com; nothing was changed.")
        })
    }

    /// A script: a file name, or a file name and a function in it. Folders are never part of it.
    pub fn script(&mut self, text: &str) -> Result<String, Fault> {
        let (file, function) = match text.split_once(':') {
            Some((file, function)) => (file, Some(function)),
            None => (text, None),
        };
        let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ' ');
        let stem = file.get(..file.len().saturating_sub(4)).unwrap_or_default();
        let is_script = file
            .get(stem.len()..)
            .is_some_and(|end| end.eq_ignore_ascii_case(".ps1"));
        let good = text.len() <= SCRIPT_BYTES
            && is_script
            && !stem.is_empty()
            && !stem.starts_with(['.', ' ', '-'])
            && !stem.contains("..")
            && file.chars().all(letter)
            && function.is_none_or(|name| {
                !name.is_empty()
                    && name
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
            });
        if good {
            return Ok(text.to_owned());
        }
        Err(ErrorReport::new(
            ErrorId::ParameterInvalid,
            format!("'{}' is no script of a role.", shown(text)),
        )
        .on("Parameter", "ScriptModules")
        .hint("Use the name of a script without its folder, script.ps1, or script.ps1:Function; nothing was changed."))
    }
}

fn scope_fault(text: &str, message: String) -> Fault {
    ErrorReport::new(ErrorId::ScopeInvalid, message).on("Scope", text)
}

/// A list of scopes must not become empty.
fn some_scope<T>(parameter: &str, identity: &RoleName, list: Vec<T>) -> Result<Vec<T>, Fault> {
    if list.is_empty() {
        let text = format!("The role {identity} would have no {parameter}.");
        return Err(ErrorReport::new(ErrorId::ScopeInvalid, text)
            .on("Role", identity.as_str())
            .hint(format!(
                "A role has at least one. Use -{parameter} @{{Replace=\"global\"}} for everything; nothing was changed."
            )));
    }
    Ok(list)
}

/// A cmdlet of the original or of this release, in its own spelling.
pub fn known_cmdlet(name: &CmdletName) -> Option<CmdletName> {
    known_names()
        .find(|known| known.eq_ignore_ascii_case(name.as_str()))
        .and_then(|known| CmdletName::parse(known).ok())
}

fn known_names() -> impl Iterator<Item = &'static str> {
    let catalog = cs_contract::catalog()
        .iter()
        .map(|entry| entry.name.as_str());
    catalog.chain(crate::cmdlets::names())
}

/// A sentence with the sites of the topology.
pub fn the_sites(sites: &[Site]) -> String {
    let list: Vec<String> = sites
        .iter()
        .map(|site| format!("site:{} ({})", site.id, site.name))
        .collect();
    format!("The sites are {}.", list.join(", "))
}

/// The error of a cmdlet that neither the original nor this release has.
pub fn unknown_cmdlet(text: &str) -> Fault {
    let name: String = shown(text).chars().take(CmdletName::MAX_LENGTH).collect();
    let error = ErrorReport::new(
        ErrorId::CmdletUnknown,
        format!("There is no cmdlet '{name}'."),
    )
    .on("Cmdlet", name);
    match nearest(text, known_names()) {
        Some(near) => error.hint(format!("Did you mean {near}?")),
        None => error.hint(
            "Look for its name with Get-CsAdminRole | Select-Object -ExpandProperty Cmdlets.",
        ),
    }
}

/// The parameters that change lists of a role.
pub const LISTS: [&str; 4] = ["Cmdlets", "ScriptModules", "ConfigScopes", "UserScopes"];

/// Changes the lists of a role as the parameters of a call say.
pub fn edit_lists(
    parameters: &Parameters,
    role: &mut Role,
    reading: &mut Reading<'_>,
) -> Result<(), Fault> {
    let edits: Vec<(&str, ListEdit)> = LISTS
        .iter()
        .filter_map(|&list| Some((list, parameters.list(list)?)))
        .collect();
    set_lists(&edits, role, reading)
}

/// Changes the lists of a role.
pub fn set_lists(
    edits: &[(&str, ListEdit)],
    role: &mut Role,
    reading: &mut Reading<'_>,
) -> Result<(), Fault> {
    for (list, edit) in edits {
        match *list {
            "Cmdlets" => {
                role.cmdlets = edit.apply(&role.cmdlets, |text| reading.cmdlet(text))?;
            }
            "ScriptModules" => {
                role.script_modules =
                    edit.apply(&role.script_modules, |text| reading.script(text))?;
            }
            "ConfigScopes" => {
                let scopes = edit.apply(&role.config_scopes, |text| reading.config_scope(text))?;
                role.config_scopes = some_scope("ConfigScopes", &role.identity, scopes)?;
            }
            _ => {
                let scopes = edit.apply(&role.user_scopes, |text| reading.user_scope(text))?;
                role.user_scopes = some_scope("UserScopes", &role.identity, scopes)?;
            }
        }
    }
    Ok(())
}

/// The name of a role that is to be made.
pub fn new_name(text: &str) -> Result<RoleName, Fault> {
    RoleName::parse(text).map_err(|error| {
        ErrorReport::new(ErrorId::ParameterInvalid, sentence(&error.to_string()))
            .on("Parameter", "Identity")
    })
}

/// A role by its name.
pub fn find<'a>(roles: &'a [Role], name: &str) -> Result<&'a Role, Fault> {
    roles
        .iter()
        .find(|role| role.identity.as_str().eq_ignore_ascii_case(name))
        .ok_or_else(|| no_such_identity(name, roles))
}

/// The error of a name that no role has.
pub fn no_such_identity(name: &str, roles: &[Role]) -> Fault {
    let asked = shown(name);
    let error = ErrorReport::new(
        ErrorId::RoleNotFound,
        format!("There is no role '{asked}'."),
    )
    .on("Role", name);
    if name.contains(['*', '?', '[']) {
        return error.hint("Identity takes no wildcards; use -Filter for a pattern.");
    }
    match nearest(name, roles.iter().map(|role| role.identity.as_str())) {
        Some(role) => error.hint(format!(
            "Did you mean {role}? Run Get-CsAdminRole to see all roles."
        )),
        None => error,
    }
}

/// The error of a SID that no role has.
pub fn no_such_sid(sid: &str) -> Fault {
    ErrorReport::new(
        ErrorId::RoleNotFound,
        format!("No role has the SID '{}'.", shown(sid)),
    )
    .on("Role", sid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named_with_the_next_step() {
        let site = Site {
            id: "1".to_owned(),
            name: "Redmond".to_owned(),
        };
        let policy = Policy::new(Vec::new(), vec![site]);
        let mut reading = Reading::new(&policy, false);
        assert_eq!(
            reading.cmdlet("export-csconfiguration").unwrap().as_str(),
            "Export-CsConfiguration"
        );
        let fault = reading.cmdlet("Export-CsConfigurations").unwrap_err();
        assert!(
            fault
                .recommended_action
                .contains("Did you mean Export-CsConfiguration?"),
            "{fault:?}"
        );
        assert_eq!(
            reading.cmdlet("Get-Cs*").unwrap_err().id,
            ErrorId::ParameterInvalid
        );
        for good in ["global", "site:1", "SITE:redmond"] {
            reading.config_scope(good).unwrap();
        }
        let fault = reading.config_scope("site:Nowhere").unwrap_err();
        assert!(
            fault.recommended_action.contains("site:1 (Redmond)"),
            "{fault:?}"
        );
        for bad in ["", "sites:1", "site:", "OU:ou=a", "1"] {
            assert_eq!(
                reading.config_scope(bad).unwrap_err().id,
                ErrorId::ScopeInvalid,
                "{bad}"
            );
        }
        for bad in ["", "OU:", "OU:Redmond", "site:1", "ou=Redmond"] {
            assert_eq!(
                reading.user_scope(bad).unwrap_err().id,
                ErrorId::ScopeInvalid,
                "{bad}"
            );
        }
        assert!(reading.warnings.is_empty());
        let mut forced = Reading::new(&policy, true);
        forced.config_scope("site:Nowhere").unwrap();
        forced.cmdlet("Get-CsNothingOfThatKind").unwrap();
        assert_eq!(forced.warnings.len(), 2);
    }

    #[test]
    fn scripts_are_file_names_and_nothing_else() {
        let policy = Policy::default();
        let mut reading = Reading::new(&policy, true);
        for good in [
            "UpdateDatabase.ps1",
            "UpdateDatabase.ps1:Reset",
            "a b-1.PS1",
        ] {
            reading.script(good).unwrap();
        }
        for bad in [
            "",
            ".ps1",
            "x",
            "x.psm1",
            "../x.ps1",
            "a..b.ps1",
            "/x.ps1",
            "C:\\x.ps1",
            "\\\\host\\x.ps1",
            "x.ps1:",
            "x.ps1:a b",
            "x.ps1\n",
            "x.ps1\0",
            "..\\x.ps1",
            "x.ps1:a:b",
        ] {
            assert!(reading.script(bad).is_err(), "{bad:?}");
        }
    }
}
