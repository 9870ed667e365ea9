//! The roles that a package brings.

use cs_archive::PackageEvent;
use cs_contract::{ErrorId, ErrorReport};
use cs_model::Role;

use super::{ROLES_BYTES, parse_roles, roles_document};
use crate::Directory;
use crate::fault::Fault;

/// The roles document on its way through: roles that cannot be read must not become the roles in force.
#[derive(Default)]
pub struct RolesInPackage {
    inside: bool,
    /// The roles that were found; `None` without a document of roles.
    pub found: Option<Vec<Role>>,
    item: Vec<u8>,
}

impl RolesInPackage {
    /// Looks at an event of the package that holds them.
    ///
    /// # Errors
    /// When the document is too long, holds no roles or more than one item.
    pub fn look_at(&mut self, event: &PackageEvent) -> Result<(), Fault> {
        match event {
            PackageEvent::DocumentStart { id, .. } => self.inside = *id == roles_document(),
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

    /// What an administrator should know about the roles of a package.
    pub fn remark(&self, directory: &dyn Directory) -> Option<String> {
        let Some(found) = &self.found else {
            return Some(
                "The package holds no roles; the predefined roles are in force.".to_owned(),
            );
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
}
