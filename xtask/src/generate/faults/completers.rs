//! Faults of where the values of a parameter come from, which the prompt would hide: it shows no errors while a user types.

use cs_contract::{CmdletManifest, Effect};

use super::super::manifests::Manifests;
use super::Report;

/// Functions of the module that no manifest describes, each with the property that is asked of them.
const OWN: [(&str, &str); 1] = [("Get-CsVaultCommand", "Name")];

/// Looks at the completers of a cmdlet.
pub fn check(manifests: &Manifests, cmdlet: &CmdletManifest, report: &mut Report<'_>) {
    for parameter in &cmdlet.parameters {
        let Some(completer) = &parameter.completer else {
            continue;
        };
        if let Some(wrong) = wrong(manifests, completer) {
            report.fault(format!(
                "the completer {completer} of -{} {wrong}",
                parameter.name
            ));
        }
    }
}

/// What is wrong with it, and what to write.
fn wrong(manifests: &Manifests, completer: &str) -> Option<String> {
    let Some((name, property)) = completer.split_once('.') else {
        return Some(
            "has no dot; write Cmdlet.Property, as in Get-CsAdminRole.Identity".to_owned(),
        );
    };
    if OWN.contains(&(name, property)) {
        return None;
    }
    let mut cmdlets = manifests.cmdlets.iter().map(|(_, cmdlet)| cmdlet);
    let Some(source) = cmdlets.find(|cmdlet| cmdlet.name() == name) else {
        let [(own, of_own)] = OWN;
        return Some(format!(
            "names no cmdlet that has a manifest; write one, or {own}.{of_own}"
        ));
    };
    if source.access.effect != Effect::Read {
        return Some("names a cmdlet that does more than read, and it is run while a user types; write one that reads".to_owned());
    }
    let outputs = source.output.iter();
    let properties: Vec<&str> = outputs
        .filter_map(|output| manifests.output_type(output))
        .flat_map(|output| &output.properties)
        .map(|property| property.name.as_str())
        .collect();
    if properties.contains(&property) {
        None
    } else if properties.is_empty() {
        Some("names a cmdlet whose output has no properties; write another".to_owned())
    } else {
        Some(format!(
            "names no property of what that cmdlet returns; write one of {}",
            properties.join(", ")
        ))
    }
}
