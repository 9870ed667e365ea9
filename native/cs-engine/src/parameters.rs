//! Parameters as the manifest allows them: all faults of a call are reported at once.

use cs_contract::{CmdletManifest, ErrorId, ErrorReport, ParameterManifest, ParameterType, Side};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::fault::Fault;

/// The longest text parameter, in bytes.
const TEXT_BYTES: usize = 32 * 1024;

/// Checked parameters of one call.
#[derive(Debug, Default)]
pub struct Parameters(Map<String, Value>);

impl Parameters {
    /// Checks what a client sent against the manifest.
    pub fn check(manifest: &CmdletManifest, raw: Option<&RawValue>) -> Result<Self, Fault> {
        let cmdlet = manifest.name();
        let given: Map<String, Value> = match raw {
            None => Map::new(),
            Some(raw) => serde_json::from_str(raw.get()).map_err(|_| {
                ErrorReport::new(
                    ErrorId::ParameterInvalid,
                    format!("The parameters of {cmdlet} are not a JSON object."),
                )
                .on("Cmdlet", cmdlet.as_str())
            })?,
        };
        let faults: Vec<String> = given
            .iter()
            .filter_map(|(name, value)| fault_of(manifest, name, value))
            .collect();
        if !faults.is_empty() {
            let named = given.keys().next().cloned().unwrap_or_default();
            return Err(
                ErrorReport::new(ErrorId::ParameterInvalid, faults.join(" "))
                    .on("Parameter", if given.len() == 1 { named } else { cmdlet }),
            );
        }
        check_sets(manifest, &given)?;
        Ok(Self(given))
    }

    /// True when a switch is given and on.
    pub fn switch(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A text, when it is given.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }
}

fn fault_of(manifest: &CmdletManifest, name: &str, value: &Value) -> Option<String> {
    let cmdlet = manifest.name();
    let sent = |parameter: &&ParameterManifest| parameter.side != Side::Client;
    let Some(parameter) = manifest
        .parameters
        .iter()
        .find(|parameter| parameter.name == name)
    else {
        let known: Vec<&str> = manifest
            .parameters
            .iter()
            .filter(sent)
            .map(|parameter| parameter.name.as_str())
            .collect();
        let known = if known.is_empty() {
            "none".to_owned()
        } else {
            known.join(", ")
        };
        return Some(format!(
            "{cmdlet} has no parameter '{}'; the service takes {known}.",
            name.escape_debug()
        ));
    };
    if parameter.side == Side::Client {
        return Some(format!(
            "The parameter {name} of {cmdlet} belongs to the client: the service opens no path and takes bytes as chunks."
        ));
    }
    match (parameter.r#type, value) {
        (ParameterType::Switch, Value::Bool(_)) => None,
        (ParameterType::Switch, _) => Some(format!("{name} must be true or false.")),
        (_, Value::String(text)) if text.len() > TEXT_BYTES => {
            Some(format!("{name} is longer than {TEXT_BYTES} bytes."))
        }
        (_, Value::String(text)) if text.contains('\0') => {
            Some(format!("{name} contains a NUL character."))
        }
        (_, Value::String(_)) => None,
        (_, _) => Some(format!("{name} must be a text.")),
    }
}

/// All given parameters must belong to one set, and that set's mandatory ones must be there.
fn check_sets(manifest: &CmdletManifest, given: &Map<String, Value>) -> Result<(), Fault> {
    let mut sets: Vec<&str> = manifest
        .parameters
        .iter()
        .flat_map(|parameter| parameter.sets.iter().map(|place| place.set.as_str()))
        .collect();
    sets.sort_unstable();
    sets.dedup();
    let in_set = |parameter: &ParameterManifest, set: &str| {
        parameter.sets.is_empty() || parameter.sets.iter().any(|place| place.set == set)
    };
    let chosen = |parameter: &ParameterManifest| {
        given
            .get(&parameter.name)
            .is_some_and(|value| *value != Value::Bool(false))
    };
    let possible: Vec<&str> = sets
        .iter()
        .copied()
        .filter(|set| {
            manifest
                .parameters
                .iter()
                .all(|parameter| !chosen(parameter) || in_set(parameter, set))
        })
        .collect();
    if sets.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = given.keys().map(String::as_str).collect();
    if possible.is_empty() {
        return Err(ErrorReport::new(
            ErrorId::ParameterSetConflict,
            format!(
                "{} does not take {} together.",
                manifest.name(),
                names.join(", ")
            ),
        )
        .on("Parameter", names.join(", ")));
    }
    let missing = |set: &str| {
        manifest.parameters.iter().find(|parameter| {
            parameter.side != Side::Client
                && !given.contains_key(&parameter.name)
                && parameter
                    .sets
                    .iter()
                    .any(|place| place.set == set && place.mandatory)
        })
    };
    let complete = possible.iter().any(|set| missing(set).is_none());
    match possible.first().and_then(|set| missing(set)) {
        Some(parameter) if !complete => Err(ErrorReport::new(
            ErrorId::ParameterInvalid,
            format!(
                "{} needs the parameter {}.",
                manifest.name(),
                parameter.name
            ),
        )
        .on("Parameter", parameter.name.as_str())),
        _ => Ok(()),
    }
}
