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
    /// All parameters that were given, by their name in the manifest: as they were written, and `true` for switches that are on.
    pub given: BTreeMap<String, String>,
    /// -Verbose
    pub verbose: bool,
    /// -Debug
    pub debug: bool,
    /// -WhatIf
    pub what_if: bool,
    /// -Confirm, when it is given.
    pub confirm: Option<bool>,
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
                        _ => found.confirm = Some(on),
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
                    let mut value = value
                        .ok_or_else(|| invalid(manifest, &parameter.name, "needs a value"))?
                        .to_owned();
                    // `-Name one, two`: a shell makes several words of a list.
                    while is_list(parameter) && value.ends_with(',') {
                        let more = words.next();
                        value.push_str(more.ok_or_else(|| {
                            invalid(manifest, &parameter.name, "needs a value behind the comma")
                        })?);
                    }
                    found.take(manifest, parameter, &value)?;
                }
            }
        }
        if (found.what_if || found.confirm.is_some()) && manifest.should_process.is_none() {
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
                ParameterType::StringList => value.split(',').map(str::trim).collect(),
                ParameterType::ListModifier => list_edit(value)
                    .ok_or_else(|| invalid(manifest, &parameter.name, LIST_FORM))?,
                ParameterType::Instance => serde_json::from_str(value)
                    .map_err(|_| invalid(manifest, &parameter.name, "takes an object in JSON"))?,
                ParameterType::Int32 => Value::from(value.parse::<i32>().map_err(|_| {
                    invalid(manifest, &parameter.name, "must be a whole number")
                })?),
                ParameterType::DateTime => {
                    Value::String(point_in_time(value).ok_or_else(|| {
                        let what = "must be a time like 2026-11-24, \"2026-11-24 09:30\" or 2026-11-24T09:30:00Z";
                        invalid(manifest, &parameter.name, what)
                    })?)
                }
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

const LIST_FORM: &str =
    "takes values with commas between them, $null, or @{Add=...;Remove=...;Replace=...}";

fn is_list(parameter: &ParameterManifest) -> bool {
    matches!(
        parameter.r#type,
        ParameterType::StringList | ParameterType::ListModifier
    )
}

/// `a,b` replaces a list, `$null` empties it, `@{Add=a,b;Remove=c}` edits it, as at a PowerShell prompt. A distinguished name has commas
/// of its own, so `OU:ou=a,dc=b` goes on until the next scope.
fn list_edit(text: &str) -> Option<Value> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("$null") {
        return Some(Value::Array(Vec::new()));
    }
    let Some(inside) = text.strip_prefix("@{") else {
        return Some(values(text));
    };
    let mut edit = Map::new();
    for pair in inside
        .strip_suffix('}')?
        .split(';')
        .filter(|pair| !pair.trim().is_empty())
    {
        let (key, list) = pair.split_once('=')?;
        edit.insert(key.trim().to_owned(), values(list));
    }
    Some(Value::Object(edit))
}

fn values(text: &str) -> Value {
    let mut values: Vec<String> = Vec::new();
    for piece in text.split(',') {
        let piece = piece.trim().trim_matches(['"', '\'']);
        let begins = |prefix: &str| {
            piece
                .get(..prefix.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        let part_of_a_name = piece.contains('=') && !begins("OU:");
        match values.last_mut() {
            Some(last) if part_of_a_name => {
                last.push(',');
                last.push_str(piece);
            }
            _ => values.push(piece.to_owned()),
        }
    }
    values.retain(|value| !value.is_empty());
    values.into()
}

/// A time as the wire has it. Without an offset it is the local time of this machine, as at a PowerShell prompt.
fn point_in_time(text: &str) -> Option<String> {
    let time = text.parse::<jiff::Timestamp>().or_else(|_| {
        let civil: jiff::civil::DateTime = text.parse()?;
        Ok::<_, jiff::Error>(civil.to_zoned(jiff::tz::TimeZone::system())?.timestamp())
    });
    Some(time.ok()?.to_string())
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
                {"name": "LocalStore", "type": "Switch", "help": ""},
                {"name": "Newest", "type": "Int32", "help": ""},
                {"name": "Since", "type": "DateTime", "help": ""},
                {"name": "Outcome", "type": "StringList", "help": ""}
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
    fn lists_numbers_and_times_are_sent_as_what_they_are() {
        let found = parse(&["-Outcome", "Denied,", "Failed", "-Newest", "7"]).unwrap();
        let sent = serde_json::json!({"Outcome": ["Denied", "Failed"], "Newest": 7});
        assert_eq!(Value::Object(found.sent), sent);
        let time = |text: &str| point_in_time(text).unwrap();
        assert_eq!(time("2026-11-24T09:30:00+01:00"), "2026-11-24T08:30:00Z");
        let noon: jiff::civil::DateTime = "2026-11-24T12:00:00".parse().unwrap();
        let noon = noon.to_zoned(jiff::tz::TimeZone::system()).unwrap();
        assert_eq!(time("2026-11-24 12:00"), noon.timestamp().to_string());
        assert!(point_in_time("2026-11-24").is_some());
    }

    #[test]
    fn lists_are_written_as_at_a_prompt() {
        for (text, expected) in [
            (
                "Get-CsUser, 'Set-CsUser'",
                serde_json::json!(["Get-CsUser", "Set-CsUser"]),
            ),
            ("$null", serde_json::json!([])),
            (
                "@{Add=Get-CsUser;remove=A-CsB,C-CsD}",
                serde_json::json!({"Add": ["Get-CsUser"], "remove": ["A-CsB", "C-CsD"]}),
            ),
            (
                "OU:ou=a,dc=b,OU:dc=c,global",
                serde_json::json!(["OU:ou=a,dc=b", "OU:dc=c", "global"]),
            ),
            (
                "@{Replace=OU:ou=a,dc=b}",
                serde_json::json!({"Replace": ["OU:ou=a,dc=b"]}),
            ),
        ] {
            assert_eq!(list_edit(text), Some(expected), "{text}");
        }
        assert_eq!(list_edit("@{Add=x"), None);
        assert_eq!(list_edit("@{Add}"), None);
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
            (&["-Newest", "many"], "whole number"),
            (&["-Since", "yesterday"], "2026-11-24"),
            (&["-Outcome", "Denied,"], "behind the comma"),
        ] {
            let fault = parse(words).unwrap_err();
            assert!(fault.contains(what), "{words:?}: {fault}");
        }
    }
}
