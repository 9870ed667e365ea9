//! Faults of the predefined roles, and of the list of the original's cmdlets.

use std::collections::{BTreeMap, BTreeSet};

use super::super::manifests::Manifests;
use super::{Report, repeated};

/// The groups that the original knows.
const GROUPS: [&str; 6] = [
    "RTCUniversalServerAdmins",
    "RTCUniversalUserAdmins",
    "RTCUniversalReadOnlyAdmins",
    "RTC Local Config Replicator",
    "Domain Admins",
    "local Administrators",
];

/// Looks at roles.json and catalog.json.
pub fn check(manifests: &Manifests, faults: &mut Vec<String>) {
    let catalog = &manifests.catalog.cmdlets;
    let known: BTreeSet<String> = manifests
        .cmdlets
        .iter()
        .map(|(_, cmdlet)| cmdlet.name())
        .chain(catalog.iter().map(|entry| entry.name.clone()))
        .map(|name| name.to_lowercase())
        .collect();
    roles(manifests, &known, faults);
    let report = &mut Report {
        file: "manifests/catalog.json".to_owned(),
        faults,
    };
    for entry in catalog {
        for group in &entry.groups {
            known_group(group, report);
        }
    }
    for name in repeated(catalog.iter().map(|entry| entry.name.as_str())) {
        report.fault(format!("{name} is there twice; keep one"));
    }
}

fn roles(manifests: &Manifests, known: &BTreeSet<String>, faults: &mut Vec<String>) {
    let report = &mut Report {
        file: "manifests/roles.json".to_owned(),
        faults,
    };
    let roles = &manifests.roles.roles;
    let mut rids = BTreeMap::new();
    for role in roles {
        let name = &role.identity;
        report.not_empty("the identity of a role", name);
        report.not_empty(&format!("the description of {name}"), &role.description);
        if let Some(other) = rids.insert(role.rid, name) {
            report.fault(format!(
                "{other} and {name} both have the rid {}; give one of them another",
                role.rid
            ));
        }
        for cmdlet in repeated(role.cmdlets.iter().map(String::as_str)) {
            report.fault(format!("{name} lists {cmdlet} twice; keep one"));
        }
        for cmdlet in &role.cmdlets {
            if !known.contains(&cmdlet.to_lowercase()) {
                report.fault(format!(
                    "{name} lists {cmdlet}, which has no manifest and is not in catalog.json; correct the name, or remove it"
                ));
            }
        }
    }
    for name in repeated(roles.iter().map(|role| role.identity.as_str())) {
        report.fault(format!("the role {name} is there twice; keep one"));
    }
}

/// A group that nobody can be a member of lets nobody in, or is a slip of the pen.
pub fn known_group(group: &str, report: &mut Report<'_>) {
    if !GROUPS.contains(&group) {
        report.fault(format!(
            "the group {group} is not known; write one of {}",
            GROUPS.join(", ")
        ));
    }
}
