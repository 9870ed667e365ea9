//! Objects as people read them at a shell: by what their types show.

use std::io::{self, Write};

use cs_contract::output_types;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use super::run::Output;

/// Elements of a list that are shown, as PowerShell does.
const ELEMENTS: usize = 4;

/// Objects with more properties than these are lists, as PowerShell does.
const TABLE_COLUMNS: usize = 4;

/// Objects that are kept before they are printed: a long list need not fit into memory, and a table has one width for so many.
const KEPT: usize = 1000;

/// What was received and not printed yet.
#[derive(Debug)]
pub struct Shown {
    output: Output,
    values: Vec<(String, Value)>,
    /// An array without elements is printed as well.
    always: bool,
    /// The JSON array was begun.
    begun: bool,
}

impl Shown {
    /// Nothing yet. `always` is for calls whose answer is objects, even if there are none: whoever reads the JSON gets some.
    pub fn new(output: Output, always: bool) -> Self {
        Self {
            output,
            values: Vec::new(),
            always,
            begun: false,
        }
    }

    /// Takes objects of one type, and prints when there are many.
    pub fn objects(
        &mut self,
        name: &str,
        values: Vec<Value>,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        self.values
            .extend(values.into_iter().map(|value| (name.to_owned(), value)));
        if self.values.len() < KEPT {
            return Ok(());
        }
        self.print(to)
    }

    /// Prints the rest.
    pub fn finish(&mut self, to: &mut dyn Write) -> io::Result<()> {
        self.print(to)?;
        if std::mem::take(&mut self.begun) {
            writeln!(to, "\n]")?;
        } else if self.output == Output::Json && self.always {
            writeln!(to, "[]")?;
        }
        to.flush()
    }

    fn print(&mut self, to: &mut dyn Write) -> io::Result<()> {
        let values = std::mem::take(&mut self.values);
        if self.output == Output::Json {
            for (name, value) in &values {
                let text = serde_json::to_string_pretty(&Ordered { name, value })?;
                let before = if self.begun { "," } else { "[" };
                self.begun = true;
                // A line end is never inside a JSON text.
                let text = text.replace('\n', "\n  ");
                write!(to, "{before}\n  {text}")?;
            }
            return Ok(());
        }
        let mut rest = values.as_slice();
        while let Some((name, _)) = rest.first() {
            let same = rest.iter().take_while(|(other, _)| other == name).count();
            let (group, later) = rest.split_at_checked(same).unwrap_or((rest, &[]));
            let group: Vec<&Value> = group.iter().map(|(_, value)| value).collect();
            print_group(name, &group, to)?;
            rest = later;
        }
        Ok(())
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

/// A list, or a table of at most four columns: as PowerShell chooses.
fn print_group(name: &str, values: &[&Value], to: &mut dyn Write) -> io::Result<()> {
    let mut objects = Vec::new();
    for value in values {
        match value {
            Value::Object(members) => objects.push(members),
            other => writeln!(to, "{}", text(name, other))?,
        }
    }
    let Some(first) = objects.first() else {
        return Ok(());
    };
    let shown = output_types()
        .iter()
        .find(|output| output.name == name)
        .map_or(&[][..], |output| output.shown.as_slice());
    let columns: Vec<(&str, &str)> = properties(name, first)
        .into_iter()
        .filter(|(column, _)| shown.is_empty() || shown.iter().any(|name| name == column))
        .collect();
    if columns.len() <= TABLE_COLUMNS {
        return print_table(&columns, &objects, to);
    }
    let width = columns
        .iter()
        .map(|(column, _)| column.chars().count())
        .max();
    let width = width.unwrap_or(0);
    for members in objects {
        for (column, of) in &columns {
            let line = format!("{column:width$} : {}", cell(of, members.get(*column)));
            writeln!(to, "{}", line.trim_end())?;
        }
        writeln!(to)?;
    }
    Ok(())
}

fn cell(of: &str, value: Option<&Value>) -> String {
    value.map(|value| text(of, value)).unwrap_or_default()
}

fn print_table(
    columns: &[(&str, &str)],
    objects: &[&Map<String, Value>],
    to: &mut dyn Write,
) -> io::Result<()> {
    let mut lines: Vec<Vec<String>> = vec![
        columns
            .iter()
            .map(|(column, _)| (*column).to_owned())
            .collect(),
        columns
            .iter()
            .map(|(column, _)| "-".repeat(column.chars().count()))
            .collect(),
    ];
    lines.extend(objects.iter().map(|members| {
        columns
            .iter()
            .map(|(column, of)| cell(of, members.get(*column)))
            .collect()
    }));
    let widths: Vec<usize> = (0..columns.len())
        .map(|column| {
            lines
                .iter()
                .filter_map(|line| line.get(column))
                .map(|text| text.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    for line in lines {
        let cells: Vec<String> = line
            .iter()
            .zip(&widths)
            .map(|(text, &width)| format!("{text:width$}"))
            .collect();
        writeln!(to, "{}", cells.join(" ").trim_end())?;
    }
    Ok(())
}

/// A value in one line: of a list its first elements, of an object inside another the text of its type, or its first property.
fn text(of: &str, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => output_types()
            .iter()
            .find(|output| output.bare && output.name == of)
            .and_then(|output| Some((output.text.as_ref()?, output.properties.first()?)))
            .map_or_else(
                || text.clone(),
                |(pattern, property)| pattern.replace(&format!("{{{}}}", property.name), text),
            ),
        Value::Array(elements) => {
            let of = of.strip_suffix("[]").unwrap_or(of);
            let mut shown: Vec<String> = elements
                .iter()
                .take(ELEMENTS)
                .map(|element| text(of, element))
                .collect();
            if elements.len() > ELEMENTS {
                shown.push("...".to_owned());
            }
            format!("{{{}}}", shown.join(", "))
        }
        Value::Object(members) => {
            let of_type = output_types().iter().find(|output| output.name == of);
            let properties = properties(of, members);
            if let Some(pattern) = of_type.and_then(|output| output.text.as_ref()) {
                return properties
                    .iter()
                    .fold(pattern.clone(), |shown, (name, of)| {
                        shown.replace(&format!("{{{name}}}"), &cell(of, members.get(*name)))
                    });
            }
            properties
                .first()
                .map(|(name, of)| cell(of, members.get(*name)))
                .unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn printed(name: &str, values: Vec<Value>) -> String {
        let mut shown = Shown::new(Output::Table, true);
        let mut out = Vec::new();
        shown.objects(name, values, &mut out).unwrap();
        shown.finish(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_long_list_is_printed_piece_by_piece() {
        for output in [Output::Json, Output::Table] {
            let mut shown = Shown::new(output, true);
            let mut out = Vec::new();
            for number in 0..2 * KEPT {
                let value = json!({"Fqdn": format!("fe{number}\n"), "MachineId": "1"});
                let name = "Microsoft.Rtc.Management.Deploy.Internal.Machine";
                shown.objects(name, vec![value], &mut out).unwrap();
                assert!(shown.values.len() < KEPT);
            }
            assert!(!out.is_empty());
            shown.finish(&mut out).unwrap();
            if output == Output::Json {
                let values: Vec<Value> = serde_json::from_slice(&out).unwrap();
                let whole = serde_json::to_vec_pretty(&values).unwrap().len() + 1;
                assert_eq!((values.len(), out.len()), (2 * KEPT, whole));
            }
        }
    }

    #[test]
    fn no_object_is_an_empty_array_where_objects_are_the_answer() {
        for (output, always, expected) in [
            (Output::Json, true, "[]\n"),
            (Output::Json, false, ""),
            (Output::Table, true, ""),
        ] {
            let mut out = Vec::new();
            Shown::new(output, always).finish(&mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn texts_are_lines() {
        let out = printed("System.String", vec![json!("a"), json!("b")]);
        assert_eq!(out, "a\nb\n");
    }

    #[test]
    fn few_properties_make_a_table() {
        let out = printed(
            "Unknown",
            vec![
                json!({"Name": "long name", "On": true}),
                json!({"Name": "x", "On": false, "More": 1}),
            ],
        );
        assert_eq!(
            out,
            "Name      On\n----      --\nlong name True\nx         False\n"
        );
    }

    #[test]
    fn many_properties_make_a_list_and_objects_inside_are_named() {
        let machine = |id: &str| json!({"Fqdn": format!("fe{id}.litware.com"), "MachineId": id});
        let out = printed(
            "Microsoft.Rtc.Management.Deploy.Internal.Cluster",
            vec![json!({
                "Machines": [machine("1"), machine("2"), machine("3"), machine("4"), machine("5")],
                "ClusterId": "1:1", "Fqdn": null, "SiteId": 1, "IsOnEdge": false, "RequiresSetup": true
            })],
        );
        assert_eq!(
            out,
            "ClusterId     : 1:1\nFqdn          :\nSiteId        : 1\nIsOnEdge      : False\nRequiresSetup : True\nMachines      : {fe1.litware.com, fe2.litware.com, fe3.litware.com, fe4.litware.com, ...}\n\n"
        );
    }
}
