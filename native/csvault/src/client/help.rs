//! The help of a cmdlet at a shell, from its manifest.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use cs_contract::{CmdletManifest, ErrorReport, ParameterManifest, ParameterType};

use super::arguments::find_cmdlet;

/// The longest line, in characters.
const WIDTH: usize = 100;

/// True for a word that asks for the help of a cmdlet. `-h` does not: it may be the beginning of a parameter's name.
pub fn is_asked_by(word: &str) -> bool {
    matches!(word, "--help" | "-?")
}

/// The help of a cmdlet, as it is printed.
///
/// # Errors
/// `CmdletUnknown`.
pub fn help(cmdlet: &str) -> Result<String, ErrorReport> {
    let manifest = find_cmdlet(cmdlet)?;
    let mut text = String::new();
    paragraph(&mut text, "", &manifest.synopsis);
    let name = manifest.name();
    line(
        &mut text,
        &format!("\nUsage: csvault run {name} [-Parameter value]..."),
    );
    for description in &manifest.description {
        text.push('\n');
        paragraph(&mut text, "", description);
    }
    line(&mut text, "\nParameters:");
    for parameter in &manifest.parameters {
        line(&mut text, &format!("  {}", heading(manifest, parameter)));
        paragraph(&mut text, "      ", &parameter.help);
        if !parameter.values.is_empty() {
            let values = format!("One of {}.", parameter.values.join(", "));
            paragraph(&mut text, "      ", &values);
        }
    }
    line(&mut text, "  -Verbose, -Debug");
    paragraph(&mut text, "      ", "Says more about what happens.");
    if manifest.should_process.is_some() {
        line(&mut text, "  -WhatIf");
        paragraph(
            &mut text,
            "      ",
            "Says what would be changed, and changes nothing.",
        );
        line(&mut text, "  -Confirm[:$False]");
        paragraph(
            &mut text,
            "      ",
            "Asks before anything is changed, or with $False does not.",
        );
    }
    notes_and_examples(&mut text, manifest);
    Ok(text)
}

fn notes_and_examples(text: &mut String, manifest: &CmdletManifest) {
    if !manifest.notes.is_empty() {
        line(text, "\nNotes:");
    }
    for note in &manifest.notes {
        paragraph(text, "  ", note);
    }
    // They are those of the module: what follows a | there is the shell's own here.
    line(text, "\nExamples, as at a PowerShell prompt:");
    for example in &manifest.examples {
        for code in example.code.lines() {
            line(text, &format!("  {code}"));
        }
        paragraph(text, "      ", &example.remarks);
    }
}

/// A parameter with its other names, the form of its value, and whether it may be left out.
fn heading(manifest: &CmdletManifest, parameter: &ParameterManifest) -> String {
    let mut text = format!("-{}", parameter.name);
    for alias in &parameter.aliases {
        let _always_room = write!(text, ", -{alias}");
    }
    let value = match parameter.r#type {
        ParameterType::Switch => None,
        ParameterType::String => Some("<text>"),
        ParameterType::StringList => Some("<text>,..."),
        ParameterType::ListModifier => Some("<text>,... | @{Add=...;Remove=...}"),
        ParameterType::Int32 => Some("<number>"),
        ParameterType::DateTime => Some("<time>"),
        ParameterType::PathToWrite | ParameterType::PathToRead => Some("<file>"),
        ParameterType::Bytes | ParameterType::Xml => Some("<file> | -"),
        ParameterType::Instance => Some("<object in JSON>"),
    };
    if let Some(value) = value {
        let _always_room = write!(text, " {value}");
    }
    let sets = &parameter.sets;
    let every: BTreeSet<&str> = manifest
        .parameters
        .iter()
        .flat_map(|parameter| parameter.sets.iter().map(|set| set.set.as_str()))
        .collect();
    if !sets.is_empty() && sets.len() == every.len() && sets.iter().all(|set| set.mandatory) {
        text.push_str("  (needed)");
    }
    if let Some(place) = sets.iter().find_map(|set| set.position) {
        let _always_room = write!(text, "  (place {})", place + 1);
    }
    text
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// Words in lines of a readable length.
fn paragraph(text: &mut String, indent: &str, words: &str) {
    let mut width = 0;
    for word in words.split_whitespace() {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > WIDTH {
            text.push('\n');
            width = 0;
        }
        let before = if width == 0 { indent } else { " " };
        text.push_str(before);
        text.push_str(word);
        width += before.chars().count() + length;
    }
    text.push('\n');
}

/// What to do next, as it is said at a shell: there may be no PowerShell here.
pub fn hint(what: &str, error: &ErrorReport) -> String {
    const IN_POWERSHELL: &str = "Run Get-Help with the cmdlet's name for";
    let cmdlet = find_cmdlet(what).map(CmdletManifest::name);
    let cmdlet = cmdlet.unwrap_or_else(|_| "<Cmdlet>".to_owned());
    error.recommended_action.replace(
        IN_POWERSHELL,
        &format!("Run `csvault run {cmdlet} --help` for"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use cs_contract::{ErrorId, cmdlets};

    #[test]
    fn every_cmdlet_has_a_help_of_readable_lines() {
        for manifest in cmdlets() {
            let text = help(&manifest.name().to_lowercase()).unwrap();
            for parameter in &manifest.parameters {
                let heading = format!("\n  -{}", parameter.name);
                assert!(text.contains(&heading), "{heading} in {text}");
            }
            let changes = manifest.should_process.is_some();
            assert_eq!(text.contains("\n  -WhatIf\n"), changes, "{text}");
            for example in &manifest.examples {
                assert!(text.contains(&example.code), "{text}");
            }
            let is_long = |line: &&str| line.chars().count() > WIDTH;
            let long = text.lines().find(is_long).unwrap_or_default();
            let is_code = |code: &str| !code.is_empty() && long.contains(code);
            let mut codes = manifest.examples.iter().map(|example| &example.code);
            assert!(long.is_empty() || codes.any(|code| is_code(code)), "{long}");
        }
        assert_eq!(
            help("Get-CsNothing").unwrap_err().id,
            ErrorId::CmdletUnknown
        );
    }

    #[test]
    fn hints_are_those_of_a_shell() {
        for id in ErrorId::ALL {
            let report = ErrorReport::new(*id, "x");
            let said = hint("get-csadminrole", &report);
            assert!(!said.contains("Get-Help"), "{said}");
        }
        let report = ErrorReport::new(ErrorId::ParameterInvalid, "x");
        assert_eq!(
            hint("get-csadminrole", &report),
            "Run `csvault run Get-CsAdminRole --help` for its parameters."
        );
        assert!(hint("csvault start", &report).contains("csvault run <Cmdlet> --help"));
    }
}
