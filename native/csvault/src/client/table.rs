//! Objects as people read them at a shell: by the views of their types.

use std::io::{self, Write};

use cs_contract::{View, output_types};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use super::run::Output;

/// Elements of a list that are shown, as PowerShell does.
const ELEMENTS: usize = 4;

/// What was received, to be printed at the end.
#[derive(Debug)]
pub struct Shown {
    output: Output,
    values: Vec<(String, Value)>,
}

impl Shown {
    /// Nothing yet.
    pub fn new(output: Output) -> Self {
        Self {
            output,
            values: Vec::new(),
        }
    }

    /// Takes objects of one type.
    pub fn objects(&mut self, name: &str, values: Vec<Value>) {
        self.values
            .extend(values.into_iter().map(|value| (name.to_owned(), value)));
    }

    /// Prints everything.
    pub fn finish(&mut self, to: &mut dyn Write) -> io::Result<()> {
        if self.output == Output::Json {
            if self.values.is_empty() {
                return Ok(());
            }
            let values: Vec<Ordered<'_>> = self
                .values
                .iter()
                .map(|(name, value)| Ordered { name, value })
                .collect();
            serde_json::to_writer_pretty(&mut *to, &values)?;
            return writeln!(to);
        }
        let mut rest = self.values.as_slice();
        while let Some((name, _)) = rest.first() {
            let same = rest.iter().take_while(|(other, _)| other == name).count();
            let (group, later) = rest.split_at_checked(same).unwrap_or((rest, &[]));
            let group: Vec<&Value> = group.iter().map(|(_, value)| value).collect();
            print_group(name, &group, to)?;
            rest = later;
        }
        to.flush()
    }
}

/// A value of a type, with its properties in the order of the type's manifest.
struct Ordered<'a> {
    name: &'a str,
    value: &'a Value,
}

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Value::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, of) in properties(self.name, members) {
                    let value = members.get(name).unwrap_or(&Value::Null);
                    map.serialize_entry(name, &Ordered { name: of, value })?;
                }
                map.end()
            }
            Value::Array(elements) => {
                let name = self.name.strip_suffix("[]").unwrap_or(self.name);
                serializer.collect_seq(elements.iter().map(|value| Ordered { name, value }))
            }
            other => other.serialize(serializer),
        }
    }
}

/// The members of an object with their types: those that the manifest names in its order, then the others.
fn properties<'a>(name: &str, members: &'a Map<String, Value>) -> Vec<(&'a str, &'static str)> {
    let manifest = output_types().iter().find(|output| output.name == name);
    let declared = manifest
        .map(|manifest| manifest.properties.as_slice())
        .unwrap_or_default();
    let mut found: Vec<(&str, &str)> = Vec::with_capacity(members.len());
    for property in declared {
        if let Some((member, _)) = members.get_key_value(&property.name) {
            found.push((member, property.r#type.as_str()));
        }
    }
    for member in members.keys() {
        if !declared.iter().any(|property| property.name == *member) {
            found.push((member, ""));
        }
    }
    found
}

fn print_group(name: &str, values: &[&Value], to: &mut dyn Write) -> io::Result<()> {
    let view = output_types()
        .iter()
        .find(|output| output.name == name)
        .map(|output| &output.view);
    if let Some(View::Table(columns)) = view {
        return print_table(columns, values, to);
    }
    for value in values {
        match value {
            Value::Object(members) => {
                let all: Vec<String>;
                let properties = match view {
                    Some(View::List(properties)) => properties,
                    _ => {
                        all = members.keys().cloned().collect();
                        &all
                    }
                };
                let width = properties
                    .iter()
                    .map(|name| name.chars().count())
                    .max()
                    .unwrap_or(0);
                for name in properties {
                    let text = members.get(name).map(text).unwrap_or_default();
                    writeln!(to, "{name:width$} : {text}")?;
                }
                writeln!(to)?;
            }
            other => writeln!(to, "{}", text(other))?,
        }
    }
    Ok(())
}

fn print_table(columns: &[String], values: &[&Value], to: &mut dyn Write) -> io::Result<()> {
    let cell = |value: &Value, column: &str| value.get(column).map(text).unwrap_or_default();
    let widths: Vec<usize> = columns
        .iter()
        .map(|column| {
            let longest = values
                .iter()
                .map(|value| cell(value, column).chars().count())
                .max();
            longest.unwrap_or(0).max(column.chars().count())
        })
        .collect();
    let mut line = |texts: &mut dyn Iterator<Item = String>| {
        let cells: Vec<String> = texts
            .zip(&widths)
            .map(|(text, &width)| format!("{text:width$}"))
            .collect();
        writeln!(to, "{}", cells.join(" ").trim_end())
    };
    line(&mut columns.iter().cloned())?;
    line(
        &mut columns
            .iter()
            .map(|column| "-".repeat(column.chars().count())),
    )?;
    for value in values {
        line(&mut columns.iter().map(|column| cell(value, column)))?;
    }
    Ok(())
}

/// A value in one line.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(elements) => {
            let mut shown: Vec<String> = elements.iter().take(ELEMENTS).map(text).collect();
            if elements.len() > ELEMENTS {
                shown.push("...".to_owned());
            }
            format!("{{{}}}", shown.join(", "))
        }
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| format!("{name}={}", text(value)));
            members.collect::<Vec<_>>().join(";")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_are_lines_and_objects_are_lists() {
        let mut shown = Shown::new(Output::Table);
        shown.objects("System.String", vec![json!("a"), json!("b")]);
        shown.objects(
            "Unknown",
            vec![json!({"Name": "x", "List": [1, 2, 3, 4, 5], "On": true})],
        );
        let mut out = Vec::new();
        shown.finish(&mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.starts_with("a\nb\n"), "{out}");
        assert!(out.contains("List : {1, 2, 3, 4, ...}\n"), "{out}");
        assert!(out.contains("On   : True\n"), "{out}");
    }
}
