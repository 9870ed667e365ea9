//! Objects as people read them at a shell: by the views of their types.

use std::io::{self, Write};

use cs_contract::{View, output_types};
use serde_json::Value;

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
            let values: Vec<&Value> = self.values.iter().map(|(_, value)| value).collect();
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
