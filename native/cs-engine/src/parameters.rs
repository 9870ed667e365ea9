//! Parameters as the manifest allows them: all faults of a call are reported at once.

use cs_contract::{CmdletManifest, ErrorId, ErrorReport, ParameterManifest, ParameterType, Side};
use cs_model::shown;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::fault::Fault;

/// The longest text parameter, in bytes.
const TEXT_BYTES: usize = 32 * 1024;

/// How a list is to change, as the original's list parameters (PSListModifier) say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListEdit {
    /// These take the place of all others.
    Replace(Vec<String>),
    /// First these go, then those come.
    Edit {
        /// What goes, each once.
        remove: Vec<String>,
        /// What comes, whether it is there or not.
        add: Vec<String>,
    },
}

impl ListEdit {
    /// Reads what stands for it on the wire: an array, or an object of arrays.
    pub fn read(value: &Value) -> Option<Self> {
        // One text is a list of one.
        let texts = |value: &Value| -> Vec<String> {
            let list = value
                .as_array()
                .map_or(std::slice::from_ref(value), Vec::as_slice);
            let texts = list.iter().filter_map(Value::as_str);
            texts.map(str::to_owned).collect()
        };
        let keys = match value {
            Value::Array(_) | Value::String(_) => return Some(Self::Replace(texts(value))),
            Value::Object(keys) => keys,
            _ => return None,
        };
        let of = |wanted: &str| -> Vec<String> {
            let found = keys
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| texts(value)).unwrap_or_default()
        };
        let replace = of("Replace");
        Some(if replace.is_empty() {
            Self::Edit {
                remove: of("Remove"),
                add: of("Add"),
            }
        } else {
            Self::Replace(replace)
        })
    }

    /// The list after the change. `read` makes an element of a text, or says what is wrong with it.
    pub fn apply<T: Clone + PartialEq, E>(
        &self,
        old: &[T],
        mut read: impl FnMut(&str) -> Result<T, E>,
    ) -> Result<Vec<T>, E> {
        let (remove, add) = match self {
            Self::Replace(all) => return all.iter().map(|text| read(text)).collect(),
            Self::Edit { remove, add } => (remove, add),
        };
        let mut list = old.to_vec();
        for text in remove {
            let gone = read(text)?;
            if let Some(place) = list.iter().position(|one| *one == gone) {
                list.remove(place);
            }
        }
        for text in add {
            list.push(read(text)?);
        }
        Ok(list)
    }
}

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

    /// What was given, but for switches that are off: these say nothing.
    pub fn given(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0
            .iter()
            .filter(|(_, value)| **value != Value::Bool(false))
    }

    /// True when a switch is given and on.
    pub fn switch(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A text, when it is given.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// The texts of a list; none when it is not given.
    pub fn texts(&self, name: &str) -> Vec<&str> {
        let list = self.0.get(name).and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }

    /// How a list is to change, when that is given.
    pub fn list(&self, name: &str) -> Option<ListEdit> {
        ListEdit::read(self.0.get(name)?)
    }

    /// The properties of an object, when it is given.
    pub fn instance(&self, name: &str) -> Option<&Map<String, Value>> {
        self.0.get(name).and_then(Value::as_object)
    }

    /// A number, when it is given.
    pub fn number(&self, name: &str) -> Option<i32> {
        let number = self.0.get(name).and_then(Value::as_i64)?;
        i32::try_from(number).ok()
    }

    /// A point in time, when it is given.
    pub fn time(&self, name: &str) -> Option<Timestamp> {
        self.text(name).and_then(point_in_time)
    }
}

/// A time with its zone. The end of the last year, as `[DateTime]::MaxValue` is sent, stands for the last time that there is here.
fn point_in_time(text: &str) -> Option<Timestamp> {
    let last = || {
        let civil: DateTime = text.strip_suffix('Z')?.parse().ok()?;
        (civil >= Offset::UTC.to_datetime(Timestamp::MAX)).then_some(Timestamp::MAX)
    };
    text.parse().ok().or_else(last)
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
            shown(name)
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
        (ParameterType::Int32, Value::Number(number))
            if number.as_i64().is_some_and(|it| i32::try_from(it).is_ok()) =>
        {
            None
        }
        (ParameterType::Int32, _) => {
            Some(format!("{name} must be a whole number of at most 32 bits."))
        }
        (ParameterType::DateTime, Value::String(text)) if point_in_time(text).is_some() => None,
        (ParameterType::DateTime, _) => Some(format!(
            "{name} must be a point in time like 2026-11-24T09:30:00Z."
        )),
        (ParameterType::StringList, Value::Array(texts)) => texts
            .iter()
            .find_map(|text| fault_of_text(parameter, name, text)),
        (ParameterType::StringList, _) => Some(format!("{name} must be a list of texts.")),
        (ParameterType::ListModifier, Value::Array(texts)) => texts
            .iter()
            .find_map(|text| fault_of_text(parameter, name, text)),
        (ParameterType::ListModifier, text @ Value::String(_)) => {
            fault_of_text(parameter, name, text)
        }
        (ParameterType::ListModifier, Value::Object(keys)) => keys
            .iter()
            .find_map(|(key, texts)| fault_of_edit(parameter, name, key, texts)),
        (ParameterType::ListModifier, _) => Some(format!(
            "{name} must be a list of texts, or a hashtable with Add, Remove or Replace."
        )),
        (ParameterType::Instance, Value::Object(_)) => None,
        (ParameterType::Instance, _) => Some(format!("{name} must be an object.")),
        (_, text) => fault_of_text(parameter, name, text),
    }
}

fn fault_of_edit(
    parameter: &ParameterManifest,
    name: &str,
    key: &str,
    texts: &Value,
) -> Option<String> {
    if !["Add", "Remove", "Replace"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(key))
    {
        return Some(format!(
            "{name} takes a hashtable with Add, Remove or Replace, and not '{}'.",
            shown(key)
        ));
    }
    match texts {
        Value::Array(texts) => texts
            .iter()
            .find_map(|text| fault_of_text(parameter, name, text)),
        Value::String(_) => fault_of_text(parameter, name, texts),
        _ => Some(format!("{key} of {name} must be a list of texts.")),
    }
}

fn fault_of_text(parameter: &ParameterManifest, name: &str, value: &Value) -> Option<String> {
    let Value::String(text) = value else {
        return Some(format!("{name} must be a text."));
    };
    if text.len() > TEXT_BYTES {
        return Some(format!("{name} is longer than {TEXT_BYTES} bytes."));
    }
    if text.contains('\0') {
        return Some(format!("{name} contains a NUL character."));
    }
    let allowed = &parameter.values;
    if allowed.is_empty() || allowed.iter().any(|value| value.eq_ignore_ascii_case(text)) {
        return None;
    }
    Some(format!(
        "{name} cannot be '{}'; it is one of {}.",
        shown(text),
        allowed.join(", ")
    ))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(parameters: &Value) -> Result<Parameters, String> {
        let any =
            |name: &str, kind: &str| serde_json::json!({"name": name, "type": kind, "help": ""});
        let mut several = any("Color", "StringList");
        several["values"] = serde_json::json!(["Red", "Blue"]);
        let manifest = serde_json::json!({
            "verb": "Get", "noun": "CsThing", "synopsis": "", "description": [], "since": "CsVault",
            "parameters": [any("Cmdlets", "ListModifier"), any("Instance", "Instance"), any("Count", "Int32"), any("Since", "DateTime"), any("Names", "StringList"), several],
            "access": {"effect": "Read", "groups": []}, "examples": []
        });
        let manifest: CmdletManifest = serde_json::from_value(manifest).unwrap();
        let raw = serde_json::value::to_raw_value(parameters).unwrap();
        Parameters::check(&manifest, Some(&raw)).map_err(|fault| fault.message)
    }

    #[test]
    fn numbers_times_and_lists_are_taken_as_they_are() {
        let good = serde_json::json!({"Count": -3, "Since": "2026-11-24T00:00:00Z", "Names": ["a", "b"], "Color": ["BLUE"]});
        let good = check(&good).unwrap();
        assert_eq!(good.number("Count"), Some(-3));
        assert_eq!(
            good.time("Since").unwrap().to_string(),
            "2026-11-24T00:00:00Z"
        );
        assert_eq!(good.texts("Names"), ["a", "b"]);
        assert_eq!(good.texts("Color"), ["BLUE"]);
        assert!(good.texts("Nothing").is_empty());
    }

    #[test]
    fn lists_change_as_the_original_changes_them() {
        let edited = |edit: Value| {
            let parameters = check(&serde_json::json!({ "Cmdlets": edit })).unwrap();
            let old = ["a".to_owned(), "b".to_owned(), "a".to_owned()];
            let read = |text: &str| Ok::<_, ()>(text.to_owned());
            let list = parameters.list("Cmdlets").unwrap();
            list.apply(&old, read).unwrap().join("")
        };
        for (edit, expected) in [
            (serde_json::json!(["x", "y"]), "xy"),
            (serde_json::json!("x"), "x"),
            (serde_json::json!({"Add": "c"}), "abac"),
            (serde_json::json!([]), ""),
            (serde_json::json!({"Add": ["c"]}), "abac"),
            (serde_json::json!({"add": ["a"], "REMOVE": ["a"]}), "baa"),
            (serde_json::json!({"Remove": ["nothing"]}), "aba"),
            (
                serde_json::json!({"Replace": ["z"], "Add": ["c"], "Remove": ["a"]}),
                "z",
            ),
            (serde_json::json!({"Replace": [], "Add": ["c"]}), "abac"),
            (serde_json::json!({}), "aba"),
        ] {
            assert_eq!(edited(edit.clone()), expected, "{edit}");
        }
    }

    #[test]
    fn other_values_are_named_with_what_is_taken() {
        for (bad, what) in [
            (
                serde_json::json!({"Cmdlets": {"Adds": ["a"]}}),
                "and not 'Adds'",
            ),
            (serde_json::json!({"Cmdlets": {"Add": 1}}), "Add of Cmdlets"),
            (serde_json::json!({"Cmdlets": 1}), "hashtable"),
            (serde_json::json!({"Cmdlets": [1]}), "text"),
            (serde_json::json!({"Instance": []}), "object"),
            (serde_json::json!({"Count": 1.5}), "whole number"),
            (serde_json::json!({"Count": 2_147_483_648_i64}), "32 bits"),
            (serde_json::json!({"Count": "1"}), "whole number"),
            (serde_json::json!({"Since": "yesterday"}), "point in time"),
            (
                serde_json::json!({"Since": "2026-11-24T00:00:00"}),
                "point in time",
            ),
            (serde_json::json!({"Names": "a"}), "list"),
            (serde_json::json!({"Names": [1]}), "text"),
            (
                serde_json::json!({"Color": ["Red", "Green"]}),
                "'Green'; it is one of Red, Blue",
            ),
        ] {
            let fault = check(&bad).unwrap_err();
            assert!(fault.contains(what), "{bad}: {fault}");
        }
    }
}
