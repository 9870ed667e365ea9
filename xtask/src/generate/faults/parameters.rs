//! Faults of a parameter itself: its names, its help, its type.

use cs_contract::{CmdletManifest, ParameterManifest, ParameterType};

use super::super::manifests::Manifests;
use super::{Report, is_identifier, names, repeated};

/// Looks at the parameters of a cmdlet.
pub fn check(manifests: &Manifests, cmdlet: &CmdletManifest, report: &mut Report<'_>) {
    for parameter in &cmdlet.parameters {
        own_names(parameter, report);
        report.not_empty(&format!("the help of -{}", parameter.name), &parameter.help);
        let text = matches!(
            parameter.r#type,
            ParameterType::String | ParameterType::StringList
        );
        if !parameter.values.is_empty() && !text {
            report.fault(format!(
                "-{} has values and is no text; make it a String or a StringList, or remove the values",
                parameter.name
            ));
        }
        instance(manifests, parameter, report);
    }
    let all = cmdlet.parameters.iter().flat_map(|parameter| {
        let aliases = parameter.aliases.iter();
        aliases.chain([&parameter.name]).map(String::as_str)
    });
    for name in repeated(all) {
        report.fault(format!(
            "-{name} is there twice, as the name or the alias of a parameter; name one of them otherwise"
        ));
    }
}

fn own_names(parameter: &ParameterManifest, report: &mut Report<'_>) {
    let name = &parameter.name;
    let owner = |name: &str| names::common(name).or_else(|| names::variable(name));
    if !is_identifier(name) {
        report.fault(format!(
            "-{name} is no name of a parameter; write letters and digits, a letter first"
        ));
    } else if let Some(owner) = owner(name) {
        report.fault(format!("-{name} is {owner}; choose another name"));
    }
    for alias in &parameter.aliases {
        if !is_identifier(alias) {
            report.fault(format!(
                "the alias {alias} of -{name} is no name; write letters and digits, a letter first"
            ));
        } else if let Some(owner) = names::common(alias) {
            report.fault(format!(
                "the alias {alias} of -{name} is {owner}; choose another name"
            ));
        }
    }
}

fn instance(manifests: &Manifests, parameter: &ParameterManifest, report: &mut Report<'_>) {
    let name = &parameter.name;
    match &parameter.instance_of {
        Some(_) if parameter.r#type != ParameterType::Instance => report.fault(format!(
            "-{name} has an instanceOf and is no Instance; make it one, or remove instanceOf"
        )),
        Some(of) if manifests.output_type(of).is_none() => report.fault(format!(
            "-{name} is an instance of {of}, which has no manifest; write the name of an output type"
        )),
        None if parameter.r#type == ParameterType::Instance => report.fault(format!(
            "-{name} does not say what it is an instance of; write instanceOf with the name of an output type"
        )),
        _ => {}
    }
}
