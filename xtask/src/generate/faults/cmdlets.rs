//! Faults of a cmdlet as a whole: its name, its texts, its access, its output, its change.

use cs_contract::{CmdletManifest, ParameterType, Side};

use super::super::manifests::{Manifests, VERBS};
use super::{Report, completers, is_identifier, parameters, repeated, roles, sets};

/// What a cmdlet may return beside the types that have a manifest.
const OUTPUTS: [&str; 3] = ["System.String", "System.Byte[]", "System.Xml.Linq.XElement"];

/// Looks at all cmdlets.
pub fn check(manifests: &Manifests, faults: &mut Vec<String>) {
    for (file, cmdlet) in &manifests.cmdlets {
        let report = &mut Report {
            file: format!("manifests/cmdlets/{file}.json"),
            faults,
        };
        names(file, cmdlet, report);
        texts(cmdlet, report);
        access(cmdlet, report);
        output(manifests, cmdlet, report);
        change(cmdlet, report);
        carried(cmdlet, report);
        parameters::check(manifests, cmdlet, report);
        sets::check(cmdlet, report);
        completers::check(manifests, cmdlet, report);
    }
    let files = manifests.cmdlets.iter().map(|(file, _)| file.as_str());
    for file in repeated(files) {
        faults.push(format!(
            "manifests/cmdlets/{file}.json: another file has this name in another case; keep one of them"
        ));
    }
}

fn names(file: &str, cmdlet: &CmdletManifest, report: &mut Report<'_>) {
    let name = cmdlet.name();
    if file != name {
        report.fault(format!("the cmdlet is {name}; name the file {name}.json"));
    }
    if !VERBS.contains(&cmdlet.verb.as_str()) {
        let verb = &cmdlet.verb;
        report.fault(format!(
            "the verb {verb} is not an approved one; write one of {}",
            VERBS.join(", ")
        ));
    }
    let rest = cmdlet.noun.strip_prefix("Cs").unwrap_or_default();
    if !is_identifier(rest) || !rest.starts_with(|letter: char| letter.is_ascii_uppercase()) {
        report.fault(format!(
            "the noun {} is not Cs and a word with a capital letter; write it as in CsThing",
            cmdlet.noun
        ));
    }
}

fn texts(cmdlet: &CmdletManifest, report: &mut Report<'_>) {
    report.not_empty("the synopsis", &cmdlet.synopsis);
    report.not_empty("the description", &cmdlet.description.concat());
    report.not_empty("since", &cmdlet.since);
    if cmdlet.examples.is_empty() {
        report.fault("there is no example; write one at least");
    }
    for example in &cmdlet.examples {
        report.not_empty("the code of an example", &example.code);
        report.not_empty("the remarks of an example", &example.remarks);
    }
}

fn access(cmdlet: &CmdletManifest, report: &mut Report<'_>) {
    let access = &cmdlet.access;
    if access.groups.is_empty() {
        report.fault("access has no groups; name those whose members may run the cmdlet, for example RTCUniversalServerAdmins");
    }
    for group in access.groups.iter().chain(&access.local_store_also) {
        roles::known_group(group, report);
    }
}

fn output(manifests: &Manifests, cmdlet: &CmdletManifest, report: &mut Report<'_>) {
    for output in &cmdlet.output {
        if OUTPUTS.contains(&output.as_str()) {
            continue;
        }
        let single = output.trim_end_matches("[]");
        match manifests.output_type(single) {
            Some(_) if single != output => report.fault(format!(
                "the output {output} is a list; write {single}, for objects come one by one"
            )),
            Some(found) if found.bare => report.fault(format!(
                "the output {output} is bare, which only a property can be; write System.String, or an output type with such a property"
            )),
            Some(_) => {}
            None => report.fault(format!(
                "the output {output} has no manifest; write one in manifests/types, or one of {}",
                OUTPUTS.join(", ")
            )),
        }
    }
    for output in repeated(cmdlet.output.iter().map(String::as_str)) {
        report.fault(format!("the output {output} is there twice; keep one"));
    }
}

fn change(cmdlet: &CmdletManifest, report: &mut Report<'_>) {
    let asks = cmdlet.should_process.is_some();
    let Some(change) = &cmdlet.change else {
        if asks && cmdlet.transfer.is_none() {
            report.fault("shouldProcess needs a change, which says what the user is asked; write change, or remove shouldProcess");
        }
        return;
    };
    if !asks || cmdlet.transfer.is_some() {
        report.fault("a change needs shouldProcess and no transfer; write the one and remove the other, or remove change");
    }
    report.not_empty("the action of the change", &change.action);
    let named = |each: &String| cmdlet.parameters.iter().any(|known| known.name == *each);
    if let Some(each) = change.each.as_ref().filter(|each| !named(each)) {
        report.fault(format!(
            "each of the change names {each}, which is no parameter; write one as it is written there"
        ));
    }
}

/// Bytes, and paths to them.
fn carried(cmdlet: &CmdletManifest, report: &mut Report<'_>) {
    for parameter in &cmdlet.parameters {
        let name = &parameter.name;
        let bytes = matches!(parameter.r#type, ParameterType::Bytes | ParameterType::Xml);
        let path = matches!(
            parameter.r#type,
            ParameterType::PathToRead | ParameterType::PathToWrite
        );
        if (bytes || path) && parameter.side != Side::Client {
            report.fault(format!(
                "-{name} is a path or bytes, which the service never sees; write \"side\": \"Client\""
            ));
        }
        if bytes && cmdlet.transfer.is_none() {
            report.fault(format!(
                "-{name} holds bytes, and there is no transfer; write which way they go"
            ));
        }
    }
}
