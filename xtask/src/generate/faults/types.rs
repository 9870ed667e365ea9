//! Faults of output types.

use std::collections::BTreeMap;

use cs_contract::OutputTypeManifest;

use super::super::manifests::Manifests;
use super::super::text::{Part, parts};
use super::{Report, is_identifier, repeated};

/// Types of properties that need no manifest.
const PLAIN: [&str; 5] = ["String", "Boolean", "Int32", "Int64", "DateTime"];

/// Last words of names that generated files, or the module's functions `ConvertTo-CsVault...` and classes have already.
pub const TAKEN: [&str; 6] = [
    "Completions",
    "ErrorRecord",
    "Errors",
    "Json",
    "JsonList",
    "Name",
];

/// Looks at all types.
pub fn check(manifests: &Manifests, faults: &mut Vec<String>) {
    let used = used(manifests);
    let mut shorts: BTreeMap<String, &str> = BTreeMap::new();
    for (file, output) in &manifests.types {
        let report = &mut Report {
            file: format!("manifests/types/{file}.json"),
            faults,
        };
        names(output, report);
        let short = output.name.rsplit('.').next().unwrap_or_default();
        if let Some(other) = shorts.insert(short.to_lowercase(), file) {
            report.fault(format!(
                "the last word of {} is also that of the type in {other}.json, and both would be one file of the module; choose another",
                output.name
            ));
        }
        report.not_empty("the description", &output.description);
        properties(manifests, output, report);
        shown(output, report);
        text(output, report);
        if !used.contains(&output.name.as_str()) {
            report.fault(format!(
                "nothing uses {}; name it as an output of a cmdlet or in a property, or remove the file",
                output.name
            ));
        }
    }
}

fn names(output: &OutputTypeManifest, report: &mut Report<'_>) {
    let name = &output.name;
    let words: Vec<&str> = name.split('.').collect();
    if words.len() < 2 || !words.iter().all(|word| is_identifier(word)) {
        report.fault(format!(
            "{name} is no name of a type; write words of letters and digits with dots between, as in CsVault.Thing"
        ));
    } else if name.starts_with("System.") {
        report.fault(format!(
            "{name} is a name of .NET; choose another, as in CsVault.Thing"
        ));
    }
    let last = words.last().copied().unwrap_or_default();
    if TAKEN.iter().any(|taken| taken.eq_ignore_ascii_case(last)) {
        report.fault(format!(
            "the last word of {name} is taken by a part of the module; choose another"
        ));
    }
}

fn properties(manifests: &Manifests, output: &OutputTypeManifest, report: &mut Report<'_>) {
    for property in &output.properties {
        let name = &property.name;
        if !is_identifier(name) {
            report.fault(format!(
                "{name} is no name of a property; write letters and digits, a letter first"
            ));
        } else if name.eq_ignore_ascii_case("PSTypeName") {
            report.fault(format!(
                "{name} is PowerShell's name for the type itself; choose another name"
            ));
        }
        report.not_empty(&format!("the help of {name}"), &property.help);
        let kind = &property.r#type;
        let single = kind.strip_suffix("[]").unwrap_or(kind);
        if single.ends_with("[]") {
            report.fault(format!(
                "{name} is a list of lists, {kind}; write one [], or a type of its own for what is in it"
            ));
        } else if !PLAIN.contains(&single) && manifests.output_type(single).is_none() {
            report.fault(format!(
                "the type {single} of {name} has no manifest; write one in manifests/types, or one of {}",
                PLAIN.join(", ")
            ));
        }
    }
    for name in repeated(names_of(output)) {
        report.fault(format!("the property {name} is there twice; keep one"));
    }
    if output.bare {
        let name = matches!(output.properties.as_slice(), [one] if one.name == "Name" && one.r#type == "String");
        let text = output.text.as_deref().unwrap_or_default();
        if !name || !text.ends_with("{Name}") || text.matches("{Name}").count() != 1 {
            report.fault("a bare type has one property, the String Name, and a text that ends with {Name}; write these, or remove bare");
        }
    }
}

fn names_of(output: &OutputTypeManifest) -> impl Iterator<Item = &str> {
    let properties = output.properties.iter();
    properties.map(|property| property.name.as_str())
}

/// Names that are no property, for the reader to choose from those that are.
fn unknown(what: &str, name: &str, output: &OutputTypeManifest, report: &mut Report<'_>) {
    let known: Vec<&str> = names_of(output).collect();
    report.fault(format!(
        "{what} names {name}, which is no property; write one of {}",
        known.join(", ")
    ));
}

fn shown(output: &OutputTypeManifest, report: &mut Report<'_>) {
    for name in &output.shown {
        if !names_of(output).any(|known| known == name) {
            unknown("shown", name, output, report);
        }
    }
    for name in repeated(output.shown.iter().map(String::as_str)) {
        report.fault(format!("shown names {name} twice; keep one"));
    }
}

fn text(output: &OutputTypeManifest, report: &mut Report<'_>) {
    let Some(text) = &output.text else { return };
    for part in parts(text) {
        match part {
            Part::Property(name) if !names_of(output).any(|known| known == name) => {
                unknown("text", name, output, report);
            }
            Part::Words(words) if words.contains('{') => {
                report.fault("text has a { that no } closes; write a property in both");
            }
            Part::Words(words) if words.contains(unprintable) => {
                report.fault("text has a character that XML cannot hold; remove it");
            }
            _ => {}
        }
    }
}

/// Line ends as well: who reads the XML would not get back what was written.
fn unprintable(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{FFFE}' | '\u{FFFF}')
}

/// The names of the types that cmdlets return or take, and of those they consist of.
fn used(manifests: &Manifests) -> Vec<&str> {
    let cmdlets = manifests.cmdlets.iter().map(|(_, cmdlet)| cmdlet);
    let mut used: Vec<&str> = cmdlets
        .flat_map(|cmdlet| {
            let taken = cmdlet.parameters.iter();
            let taken = taken.filter_map(|parameter| parameter.instance_of.as_ref());
            cmdlet.output.iter().chain(taken)
        })
        .map(String::as_str)
        .collect();
    let mut next = 0;
    while let Some(name) = used.get(next).copied() {
        let inner = manifests.output_type(name);
        for property in inner.iter().flat_map(|output| &output.properties) {
            let kind = property.r#type.trim_end_matches("[]");
            if !used.contains(&kind) {
                used.push(kind);
            }
        }
        next += 1;
    }
    used
}
