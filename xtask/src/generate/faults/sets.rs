//! Faults of parameter sets, which PowerShell tells only when the cmdlet is called, if at all.

use std::collections::BTreeMap;

use cs_contract::CmdletManifest;

use super::{Report, repeated};

/// The set that stands for all.
const ALL: &str = "__AllParameterSets";

/// Looks at the sets of a cmdlet.
pub fn check(cmdlet: &CmdletManifest, report: &mut Report<'_>) {
    let names = names(cmdlet, report);
    for parameter in &cmdlet.parameters {
        let name = &parameter.name;
        let sets = || parameter.sets.iter().map(|place| place.set.as_str());
        for set in repeated(sets()) {
            report.fault(format!("-{name} is in the set {set} twice; keep one"));
        }
        if sets().any(|set| set == ALL) && sets().any(|set| set != ALL) {
            report.fault(format!(
                "-{name} is in {ALL} and in another set; write the sets that have it, or {ALL} alone"
            ));
        }
    }
    if let Some(default) = &cmdlet.default_set
        && !names.contains(&default.as_str())
    {
        report.fault(format!(
            "the defaultSet {default} is no set of a parameter; {}",
            match names.is_empty() {
                true => "remove it".to_owned(),
                false => format!("write one of {}", names.join(", ")),
            }
        ));
    }
    positions(cmdlet, &names, report);
}

/// The names of the sets, each as it is written first.
fn names<'a>(cmdlet: &'a CmdletManifest, report: &mut Report<'_>) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    for parameter in &cmdlet.parameters {
        for place in &parameter.sets {
            let set = place.set.as_str();
            let mut known = names.iter().copied().chain([ALL]);
            match known.find(|known| known.eq_ignore_ascii_case(set)) {
                Some(known) if known != set => report.fault(format!(
                    "-{} is in the set {set}, which is {known} elsewhere; write {known}",
                    parameter.name
                )),
                _ if set.trim().is_empty() => report.fault(format!(
                    "-{} is in a set without a name; write one",
                    parameter.name
                )),
                _ if !names.contains(&set) => names.push(set),
                _ => {}
            }
        }
    }
    names
}

/// Two parameters at one place: neither gets the value.
fn positions(cmdlet: &CmdletManifest, sets: &[&str], report: &mut Report<'_>) {
    let mut said = Vec::new();
    for set in sets {
        let mut taken: BTreeMap<u32, &str> = BTreeMap::new();
        for parameter in &cmdlet.parameters {
            let mut places = parameter.sets.iter();
            let place = places.find(|place| place.set == *set || place.set == ALL);
            let Some(position) = place.and_then(|place| place.position) else {
                continue;
            };
            let Some(other) = taken.insert(position, &parameter.name) else {
                continue;
            };
            let pair = (other, &parameter.name);
            if !said.contains(&pair) {
                report.fault(format!(
                    "-{other} and -{} are both at position {position} of the set {set}; give one of them another",
                    parameter.name
                ));
                said.push(pair);
            }
        }
    }
}
