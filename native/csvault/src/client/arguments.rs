//! `Verb-CsNoun -Parameter value ...` as it is typed at a PowerShell prompt, read by the cmdlet's manifest.

use std::collections::BTreeMap;

use cs_contract::{
    CmdletManifest, ErrorId, ErrorReport, ParameterManifest, ParameterType, Side, cmdlets,
};
use serde_json::{Map, Value};

/// Parameters that every cmdlet has, handled by the client.
const COMMON: &[(&str, &[&str])] = &[
    ("Verbose", &["vb"]),
    ("Debug", &["db"]),
    ("WhatIf", &["wi"]),
    ("Confirm", &["cf"]),
];

/// A command line that was understood.
#[derive(Debug, Default)]
pub struct Arguments {
    /// Parameters for the service.
    pub sent: Map<String, Value>,
    /// All parameters that were given, by their name in the manifest: texts, and `true` for switches that are on.
    pub given: BTreeMap<String, String>,
    /// -Verbose
    pub verbose: bool,
    /// -Debug
    pub debug: bool,
    /// -WhatIf
    pub what_if: bool,
    /// -Confirm
    pub confirm: bool,
}

/// The manifest of a cmdlet, by its name in any case.
///
/// # Errors
/// `CmdletUnknown`.
pub fn find_cmdlet(name: &str) -> Result<&'static CmdletManifest, ErrorReport> {
    cmdlets()
        .iter()
        .find(|manifest| manifest.name().eq_ignore_ascii_case(name))
        .ok_or_else(|| {
            let known: Vec<String> = cmdlets().iter().map(CmdletManifest::name).collect();
            ErrorReport::new(
                ErrorId::CmdletUnknown,
                format!("There is no cmdlet '{}'.", name.escape_debug()),
            )
            .on("Cmdlet", name)
            .hint(format!("Use one of {}.", known.join(", ")))
        })
}

/// What a name on the command line means.
enum Meaning<'a> {
    Own(&'a ParameterManifest),
    Common(&'static str),
}

impl Arguments {
    /// Reads the words behind the cmdlet's name.
    ///
    /// # Errors
    /// `ParameterInvalid`, which names the parameter.
    pub fn parse(manifest: &CmdletManifest, words: &[String]) -> Result<Self, ErrorReport> {
        let mut found = Self::default();
        let mut place = 0;
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let Some((name, mut value)) = split_name(word) else {
                let parameter = positional(manifest, place)
                    .ok_or_else(|| invalid(manifest, word, "is not expected here"))?;
                place += 1;
                found.take(manifest, parameter, word)?;
                continue;
            };
            match meaning(manifest, name)? {
                Meaning::Common(common) => {
                    let on = switch(manifest, common, value)?;
                    match common {
                        "Verbose" => found.verbose = on,
                        "Debug" => found.debug = on,
                        "WhatIf" => found.what_if = on,
                        _ => found.confirm = on,
                    }
                }
                Meaning::Own(parameter) if parameter.r#type == ParameterType::Switch => {
                    let on = switch(manifest, &parameter.name, value)?;
                    found.take(manifest, parameter, if on { "true" } else { "false" })?;
                }
                Meaning::Own(parameter) => {
                    if value.is_none() {
                        value = words.next().map(String::as_str);
                    }
                    let value =
                        value.ok_or_else(|| invalid(manifest, &parameter.name, "needs a value"))?;
                    found.take(manifest, parameter, value)?;
                }
            }
        }
        if (found.what_if || found.confirm) && manifest.should_process.is_none() {
            return Err(invalid(
                manifest,
                "WhatIf",
                "is not a parameter of it, because it changes nothing",
            ));
        }
        Ok(found)
    }

    fn take(
        &mut self,
        manifest: &CmdletManifest,
        parameter: &ParameterManifest,
        value: &str,
    ) -> Result<(), ErrorReport> {
        if self.given.contains_key(&parameter.name) {
            return Err(invalid(manifest, &parameter.name, "is given twice"));
        }
        self.given.insert(parameter.name.clone(), value.to_owned());
        if parameter.side != Side::Client {
            let value = match parameter.r#type {
                ParameterType::Switch => Value::Bool(value == "true"),
                _ => Value::String(value.to_owned()),
            };
            self.sent.insert(parameter.name.clone(), value);
        }
        Ok(())
    }

    /// The value of a text or path parameter.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.given.get(name).map(String::as_str)
    }

    /// True when a switch is on.
    pub fn switch(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    /// The first given parameter of a type, with its value.
    pub fn of_type<'a>(
        &'a self,
        manifest: &'a CmdletManifest,
        types: &'a [ParameterType],
    ) -> impl Iterator<Item = (&'a ParameterManifest, &'a str)> {
        manifest
            .parameters
            .iter()
            .filter(|parameter| types.contains(&parameter.r#type))
            .filter_map(|parameter| self.text(&parameter.name).map(|value| (parameter, value)))
    }
}

/// The name in `-Name` or `-Name:value`; a pasted dash may be a typographic one.
fn split_name(word: &str) -> Option<(&str, Option<&str>)> {
    let name = word.strip_prefix(['-', '\u{2013}', '\u{2014}', '\u{2015}'])?;
    if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return None;
    }
    match name.split_once(':') {
        Some((name, value)) => Some((name, Some(value))),
        None => Some((name, None)),
    }
}

/// A name, an alias, or as much of a name as tells it from the others.
fn meaning<'a>(manifest: &'a CmdletManifest, name: &str) -> Result<Meaning<'a>, ErrorReport> {
    let is = |other: &str| other.eq_ignore_ascii_case(name);
    for parameter in &manifest.parameters {
        if is(&parameter.name) || parameter.aliases.iter().any(|alias| is(alias)) {
            return Ok(Meaning::Own(parameter));
        }
    }
    for (common, aliases) in COMMON {
        if is(common) || aliases.iter().any(|alias| is(alias)) {
            return Ok(Meaning::Common(common));
        }
    }
    let begins = |other: &str| {
        other
            .get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    let own = manifest
        .parameters
        .iter()
        .filter(|parameter| begins(&parameter.name))
        .map(Meaning::Own);
    let common = COMMON
        .iter()
        .filter(|(common, _)| begins(common))
        .map(|(common, _)| Meaning::Common(common));
    let mut found: Vec<Meaning<'_>> = own.chain(common).collect();
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => Err(invalid(
            manifest,
            name,
            "could be several parameters; write more of it",
        )),
        (None, _) => Err(invalid(manifest, name, "is not a parameter of it")),
    }
}

fn switch(manifest: &CmdletManifest, name: &str, value: Option<&str>) -> Result<bool, ErrorReport> {
    match value
        .map(|value| value.trim_start_matches('$').to_ascii_lowercase())
        .as_deref()
    {
        None | Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(_) => Err(invalid(manifest, name, "is a switch: $true or $false")),
    }
}

/// The parameter at a place, of the default set first.
fn positional(manifest: &CmdletManifest, place: usize) -> Option<&ParameterManifest> {
    let at = |default_only: bool| {
        manifest.parameters.iter().find(|parameter| {
            parameter.sets.iter().any(|set| {
                set.position
                    .and_then(|position| usize::try_from(position).ok())
                    == Some(place)
                    && (!default_only || manifest.default_set.as_deref() == Some(set.set.as_str()))
            })
        })
    };
    at(true).or_else(|| at(false))
}

fn invalid(manifest: &CmdletManifest, name: &str, what: &str) -> ErrorReport {
    let names: Vec<&str> = manifest
        .parameters
        .iter()
        .map(|parameter| parameter.name.as_str())
        .collect();
    let text = format!("'{}' {what}.", name.escape_debug());
    ErrorReport::new(ErrorId::ParameterInvalid, text)
        .on("Parameter", name)
        .hint(format!("Its parameters are -{}.", names.join(", -")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> CmdletManifest {
        let set = |set: &str, position: Option<u32>| serde_json::json!([{"set": set, "position": position}]);
        let value = serde_json::json!({
            "verb": "Publish", "noun": "CsThing", "synopsis": "", "description": [], "since": "CsVault",
            "defaultSet": "File", "shouldProcess": "High",
            "parameters": [
                {"name": "Document", "type": "Xml", "help": "", "side": "Client", "sets": set("Document", Some(0))},
                {"name": "FileName", "type": "PathToRead", "help": "", "side": "Client", "sets": set("File", Some(0))},
                {"name": "Force", "type": "Switch", "help": "", "side": "Both"},
                {"name": "Filter", "type": "String", "help": "", "aliases": ["Pattern"]},
                {"name": "LocalStore", "type": "Switch", "help": ""}
            ],
            "access": {"effect": "Write", "groups": []}, "examples": []
        });
        serde_json::from_value(value).unwrap()
    }

    fn parse(words: &[&str]) -> Result<Arguments, String> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        Arguments::parse(&manifest(), &words).map_err(|fault| fault.message)
    }

    #[test]
    fn names_are_found_as_powershell_finds_them() {
        let found = parse(&[
            "config.xml",
            "-FORCE",
            "-pattern",
            "*x*",
            "\u{2013}Local:$false",
            "-WhatIf",
        ])
        .unwrap();
        assert_eq!(found.text("FileName"), Some("config.xml"));
        assert!(found.switch("Force") && !found.switch("LocalStore") && found.what_if);
        let sent = serde_json::json!({"Force": true, "Filter": "*x*", "LocalStore": false});
        assert_eq!(Value::Object(found.sent), sent);
        assert_eq!(parse(&["-Filter:a:b"]).unwrap().text("Filter"), Some("a:b"));
        assert_eq!(
            parse(&["-Filter", "-1"]).unwrap().text("Filter"),
            Some("-1")
        );
    }

    #[test]
    fn faults_name_the_parameter() {
        for (words, what) in [
            (&["-F"] as &[&str], "several"),
            (&["-Nothing"], "not a parameter"),
            (&["-Filter"], "needs a value"),
            (&["-Force", "-Force"], "twice"),
            (&["-Force:maybe"], "switch"),
            (&["a", "b"], "not expected"),
        ] {
            let fault = parse(words).unwrap_err();
            assert!(fault.contains(what), "{words:?}: {fault}");
        }
    }
}
