// Generated from manifests/cmdlets by `cargo xtask generate`; do not edit.
//! One file a cmdlet.

mod export_cs_configuration;
mod get_cs_admin_role;
mod get_cs_admin_role_assignment;
mod get_cs_topology;
mod import_cs_configuration;
mod publish_cs_topology;

use crate::engine::Handler;

/// The handler of a cmdlet, by its name in any case.
pub fn handler(cmdlet: &str) -> Option<&'static Handler> {
    HANDLERS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(cmdlet))
        .map(|(_, handler)| *handler)
}

/// Every cmdlet.
const HANDLERS: &[(&str, &Handler)] = &[
    ("Export-CsConfiguration", &export_cs_configuration::HANDLER),
    ("Get-CsAdminRole", &get_cs_admin_role::HANDLER),
    (
        "Get-CsAdminRoleAssignment",
        &get_cs_admin_role_assignment::HANDLER,
    ),
    ("Get-CsTopology", &get_cs_topology::HANDLER),
    ("Import-CsConfiguration", &import_cs_configuration::HANDLER),
    ("Publish-CsTopology", &publish_cs_topology::HANDLER),
];
