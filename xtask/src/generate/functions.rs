//! The functions of the module: param block and comment help of each cmdlet, and one call of the runtime.

use std::collections::BTreeMap;
use std::fmt::Write;

use cs_contract::{
    CmdletManifest, ParameterManifest, ParameterType, PipelineInput, Side, Transfer,
};

use super::manifests::Manifests;

/// One function.
pub fn function(cmdlet: &CmdletManifest) -> String {
    let mut text = format!("function {} {{\n{}", cmdlet.name(), help(cmdlet));
    let mut binding = Vec::new();
    if let Some(default) = &cmdlet.default_set {
        binding.push(format!("DefaultParameterSetName = {}", quoted(default)));
    }
    if let Some(risk) = cmdlet.should_process {
        binding.push(format!("SupportsShouldProcess, ConfirmImpact = '{risk:?}'"));
    }
    let _infallible = writeln!(text, "    [CmdletBinding({})]", binding.join(", "));
    for output in &cmdlet.output {
        let _infallible = writeln!(text, "    [OutputType({})]", quoted(output));
    }
    let parameters: Vec<String> = cmdlet.parameters.iter().map(parameter).collect();
    let _infallible = write!(
        text,
        "    param(\n{}\n    )\n{}}}\n",
        parameters.join(",\n"),
        body(cmdlet)
    );
    text
}

/// PowerShell ends such a string at the quotes of a typesetter too; two of a kind are one in it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("'");
    for letter in text.chars() {
        if matches!(letter, '\'' | '\u{2018}'..='\u{201B}') {
            quoted.push(letter);
        }
        quoted.push(letter);
    }
    quoted + "'"
}

fn help(cmdlet: &CmdletManifest) -> String {
    let mut help = String::from("    <#\n");
    let mut section = |title: &str, body: &str| {
        let body = body.replace("#>", "# >").replace('\n', "\n    ");
        let _infallible = write!(help, "    {title}\n    {body}\n\n");
    };
    section(".SYNOPSIS", &cmdlet.synopsis);
    section(".DESCRIPTION", &cmdlet.description.join("\n\n"));
    for parameter in &cmdlet.parameters {
        section(&format!(".PARAMETER {}", parameter.name), &parameter.help);
    }
    for example in &cmdlet.examples {
        section(
            ".EXAMPLE",
            // With the prompt: Get-Help would take what is before the first `>` for it.
            &format!("PS> {}\n\n{}", example.code, example.remarks),
        );
    }
    let inputs = inputs(cmdlet);
    if !inputs.is_empty() {
        section(".INPUTS", &inputs.join("\n"));
    }
    if !cmdlet.output.is_empty() {
        section(".OUTPUTS", &cmdlet.output.join("\n"));
    }
    if !cmdlet.notes.is_empty() {
        section(".NOTES", &cmdlet.notes.join("\n"));
    }
    help.push_str("    #>\n");
    help
}

/// What comes through the pipeline, a line each.
fn inputs(cmdlet: &CmdletManifest) -> Vec<String> {
    let mut lines = Vec::new();
    for parameter in &cmdlet.parameters {
        let kind = kind(parameter.r#type);
        let name = &parameter.name;
        let ways = parameter.sets.iter().map(|place| place.pipeline);
        for way in ways {
            let line = match way {
                PipelineInput::None => continue,
                PipelineInput::ByValue => format!("{kind} for -{name}"),
                PipelineInput::ByPropertyName => format!("An object with the property {name}"),
                PipelineInput::Both => {
                    format!("{kind} for -{name}, or an object with the property {name}")
                }
            };
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    lines
}

fn kind(kind: ParameterType) -> &'static str {
    match kind {
        ParameterType::Switch => "switch",
        ParameterType::StringList => "string[]",
        ParameterType::Int32 => "int",
        ParameterType::DateTime => "datetime",
        ParameterType::ListModifier | ParameterType::Instance => "object",
        ParameterType::Bytes => "byte[]",
        ParameterType::Xml => "System.Xml.Linq.XElement",
        ParameterType::String | ParameterType::PathToWrite | ParameterType::PathToRead => "string",
    }
}

fn parameter(parameter: &ParameterManifest) -> String {
    let mut text = String::new();
    for place in &parameter.sets {
        let mut options = Vec::new();
        if place.set != "__AllParameterSets" {
            options.push(format!("ParameterSetName = {}", quoted(&place.set)));
        }
        if place.mandatory {
            options.push("Mandatory".to_owned());
        }
        if let Some(position) = place.position {
            options.push(format!("Position = {position}"));
        }
        match place.pipeline {
            PipelineInput::None => {}
            PipelineInput::ByValue => options.push("ValueFromPipeline".to_owned()),
            PipelineInput::ByPropertyName => {
                options.push("ValueFromPipelineByPropertyName".to_owned())
            }
            PipelineInput::Both => {
                options.push("ValueFromPipeline, ValueFromPipelineByPropertyName".to_owned())
            }
        }
        let _infallible = writeln!(text, "        [Parameter({})]", options.join(", "));
    }
    if !parameter.aliases.is_empty() {
        let aliases: Vec<String> = parameter
            .aliases
            .iter()
            .map(|alias| quoted(alias))
            .collect();
        let _infallible = writeln!(text, "        [Alias({})]", aliases.join(", "));
    }
    match parameter.r#type {
        ParameterType::Bytes => text.push_str("        [AllowEmptyCollection()]\n"),
        ParameterType::ListModifier => {
            text.push_str("        [AllowNull()] [AllowEmptyCollection()]\n");
        }
        _ => {}
    }
    if let Some(of) = &parameter.instance_of {
        let _infallible = writeln!(text, "        [PSTypeName({})]", quoted(of));
    }
    if !parameter.values.is_empty() {
        let values: Vec<String> = parameter.values.iter().map(|value| quoted(value)).collect();
        let _infallible = writeln!(text, "        [ValidateSet({})]", values.join(", "));
    }
    let kind = kind(parameter.r#type);
    let _infallible = write!(text, "        [{kind}] ${}", parameter.name);
    text
}

/// Names of the parameters that go to the service.
fn sent(cmdlet: &CmdletManifest) -> String {
    let names: Vec<String> = cmdlet
        .parameters
        .iter()
        .filter(|parameter| parameter.side != Side::Client)
        .map(|parameter| quoted(&parameter.name))
        .collect();
    format!("@({})", names.join(", "))
}

/// The first thing that a function does which only reads.
const QUERY_PREFERENCES: &str = "    begin { if (-not $PSBoundParameters.ContainsKey('ErrorAction')) { $ErrorActionPreference = $PSCmdlet.GetVariableValue('ErrorActionPreference') } }\n";

/// The first thing that another function does.
const PREFERENCES: &str =
    "    begin { . $script:CsVaultCallersPreferences $PSCmdlet $PSBoundParameters }\n";

fn body(cmdlet: &CmdletManifest) -> String {
    // By its own name: at the prompt a function may have the prefix of Import-Module -Prefix.
    let name = quoted(&cmdlet.name());
    let sent = sent(cmdlet);
    if let Some(change) = &cmdlet.change {
        let each = change.each.as_deref().unwrap_or_default();
        return format!(
            "{PREFERENCES}    process {{ Invoke-CsVaultChange $PSCmdlet {name} $PSBoundParameters {sent} {} {} }}\n",
            quoted(&change.action),
            quoted(each)
        );
    }
    match cmdlet.transfer {
        None => {
            format!(
                "{QUERY_PREFERENCES}    process {{ $null = Invoke-CsVaultCall $PSCmdlet {name} $PSBoundParameters {sent} $false $false $null $null }}\n"
            )
        }
        Some(Transfer::Download) => format!(
            "{PREFERENCES}    process {{ Invoke-CsVaultDownload $PSCmdlet {name} $PSBoundParameters {sent} }}\n"
        ),
        Some(Transfer::DownloadWhenAsXml) => format!(
            "{PREFERENCES}    process {{ Invoke-CsVaultXmlQuery $PSCmdlet {name} $PSBoundParameters {sent} }}\n"
        ),
        Some(Transfer::Upload) => match cmdlet
            .parameters
            .iter()
            .find(|parameter| parameter.r#type == ParameterType::Bytes)
        {
            // Bytes may come from the pipeline in one piece or one by one.
            Some(bytes) => format!(
                "    begin {{\n        . $script:CsVaultCallersPreferences $PSCmdlet $PSBoundParameters\n        $bytes = [System.IO.MemoryStream]::new()\n    }}\n    process {{ if ($PSBoundParameters.ContainsKey({0})) {{ $bytes.Write(${1}, 0, ${1}.Length) }} }}\n    end {{ Invoke-CsVaultUpload $PSCmdlet {name} $PSBoundParameters {sent} $bytes }}\n",
                quoted(&bytes.name),
                bytes.name
            ),
            None => format!(
                "{PREFERENCES}    end {{ Invoke-CsVaultUpload $PSCmdlet {name} $PSBoundParameters {sent} $null }}\n"
            ),
        },
    }
}

/// Completers of parameters whose values a cmdlet returns. Parameters of one name are registered together.
pub fn completers(manifests: &Manifests) -> String {
    let mut shared: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (cmdlet, parameter, _) in completed(manifests) {
        shared.entry(parameter).or_default().push(quoted(&cmdlet));
    }
    let mut text = String::from(
        "$script:CsVaultComplete = { param($command, $parameter, $word) Complete-CsVault $command $parameter $word }\n",
    );
    for (parameter, cmdlets) in shared {
        let _infallible = writeln!(
            text,
            "Register-ArgumentCompleter -CommandName {} -ParameterName {} -ScriptBlock $script:CsVaultComplete",
            cmdlets.join(", "),
            quoted(parameter)
        );
    }
    text
}

/// Where the values of a parameter come from: a cmdlet, and a property of what it returns.
pub fn completions(manifests: &Manifests) -> String {
    let mut text = String::from("$script:CsVaultCompletions = @{\n");
    for (cmdlet, parameter, (source, property)) in completed(manifests) {
        let _infallible = writeln!(
            text,
            "    {} = @({}, {})",
            quoted(&format!("{cmdlet} {parameter}")),
            quoted(source),
            quoted(property)
        );
    }
    text.push_str("}\n");
    text
}

/// Cmdlet, parameter, and the source of its values with the property.
fn completed(manifests: &Manifests) -> impl Iterator<Item = (String, &str, (&str, &str))> {
    manifests.cmdlets.iter().flat_map(|(_, cmdlet)| {
        cmdlet.parameters.iter().filter_map(|parameter| {
            let source = parameter.completer.as_deref()?.split_once('.')?;
            Some((cmdlet.name(), parameter.name.as_str(), source))
        })
    })
}
