//! Objects of the module: for each output type a file with the function that makes its objects, and with the types of the values in them.
//! Such a file is read when an object of its type comes for the first time.

use std::fmt::Write;

use cs_contract::{OutputTypeManifest, PropertyManifest};

use super::Generated;
use super::manifests::Manifests;
use super::module::{GENERATED, MARK};

/// A file for each type of object that a cmdlet returns, with the types of which it consists.
pub fn files(manifests: &Manifests) -> Vec<Generated> {
    returned(manifests)
        .map(|output| {
            let mut text = format!("{MARK}\n\n");
            let parts = parts(manifests, output);
            let mut inner: Vec<&OutputTypeManifest> = parts
                .iter()
                .flat_map(|part| values(manifests, part))
                .collect();
            inner.sort_by_key(|output| &output.name);
            inner.dedup_by_key(|output| &output.name);
            text.push_str(&value_types(&inner));
            for part in parts {
                text.push_str(&converter(manifests, part));
            }
            let name = short(output);
            let _infallible = writeln!(
                text,
                "\n$script:CsVaultConverters['{}'] = ${{function:ConvertTo-CsVault{name}}}",
                output.name
            );
            (format!("{GENERATED}/{name}.ps1"), text)
        })
        .collect()
}

/// What the module itself holds of the types.
pub fn script(manifests: &Manifests) -> String {
    let mut text = String::new();
    text.push_str("# What makes the objects of a type; before the first one its file, which puts the function here.\n$script:CsVaultConverters = @{\n");
    for output in returned(manifests) {
        let _infallible = writeln!(text, "    '{}' = '{}'", output.name, short(output));
    }
    text.push_str("}\n");
    text
}

/// Types of objects that come over the pipe: those of cmdlets, without values that are more than a text.
fn returned(manifests: &Manifests) -> impl Iterator<Item = &OutputTypeManifest> {
    let by_a_cmdlet = |output: &OutputTypeManifest| {
        manifests
            .cmdlets
            .iter()
            .any(|(_, cmdlet)| cmdlet.output.contains(&output.name))
    };
    manifests
        .types
        .iter()
        .map(|(_, output)| output)
        .filter(move |output| !output.bare && by_a_cmdlet(output))
}

/// The type itself and the types of objects in it, each once.
fn parts<'a>(
    manifests: &'a Manifests,
    output: &'a OutputTypeManifest,
) -> Vec<&'a OutputTypeManifest> {
    let mut parts = vec![output];
    let mut next = 0;
    while let Some(part) = parts.get(next).copied() {
        for property in &part.properties {
            let kind = property.r#type.trim_end_matches("[]");
            match manifests.output_type(kind) {
                Some(inner)
                    if !inner.bare && !parts.iter().any(|known| known.name == inner.name) =>
                {
                    parts.push(inner);
                }
                _ => {}
            }
        }
        next += 1;
    }
    parts
}

/// The types of values that are more than a text: they have a name, and print and compare as the original's do. Each object is one of its
/// own, since scripts add members to it.
fn value_types(outputs: &[&OutputTypeManifest]) -> String {
    let mut text = String::new();
    for output in outputs {
        let shown = output.text.as_deref().unwrap_or_default();
        let before = shown.strip_suffix("{Name}").unwrap_or(shown);
        let quoted = |words: &str| format!("'{}'", words.replace('\'', "''"));
        let _infallible = writeln!(
            text,
            "$script:CsVault{} = New-CsVaultValueType {} {}",
            short(output),
            quoted(&output.name),
            quoted(before)
        );
    }
    if !outputs.is_empty() {
        text.push('\n');
    }
    text
}

/// The types of values that objects of a type have in them.
fn values<'a>(
    manifests: &'a Manifests,
    output: &'a OutputTypeManifest,
) -> impl Iterator<Item = &'a OutputTypeManifest> {
    manifests
        .types
        .iter()
        .map(|(_, inner)| inner)
        .filter(|inner| {
            let kind =
                |property: &PropertyManifest| property.r#type.trim_end_matches("[]") == inner.name;
            inner.bare && output.properties.iter().any(kind)
        })
}

fn short(output: &OutputTypeManifest) -> &str {
    output.name.rsplit('.').next().unwrap_or(&output.name)
}

/// What makes the object of `$text`. It stands in the loop itself: a call of a function for each text takes ten times as long.
fn bare(output: &OutputTypeManifest) -> String {
    format!(
        "$new = [Activator]::CreateInstance($type{}); $new.Name = $text; $new",
        short(output)
    )
}

/// A function that makes objects of a type out of what came over the pipe.
fn converter(manifests: &Manifests, output: &OutputTypeManifest) -> String {
    let name = short(output);
    let types: String = values(manifests, output)
        .map(|inner| format!("    $type{0} = $script:CsVault{0}\n", short(inner)))
        .collect();
    let mut text = format!(
        "function script:ConvertTo-CsVault{name}($values) {{\n{types}    foreach ($value in $values) {{\n        [pscustomobject]@{{\n            PSTypeName = '{}'\n",
        output.name
    );
    for property in &output.properties {
        let value = format!("$value['{}']", property.name);
        let (kind, list) = property
            .r#type
            .strip_suffix("[]")
            .map_or((property.r#type.as_str(), false), |kind| (kind, true));
        let made = match (manifests.output_type(kind), list) {
            (Some(inner), true) if inner.bare => {
                format!(
                    "[object[]]@(foreach ($text in {value}) {{ {} }})",
                    bare(inner)
                )
            }
            (Some(inner), false) if inner.bare => {
                format!(
                    "$($text = {value}; if ($null -ne $text) {{ {} }})",
                    bare(inner)
                )
            }
            (Some(inner), true) => {
                format!("[object[]]@(ConvertTo-CsVault{} {value})", short(inner))
            }
            (Some(inner), false) => format!(
                "$(if ($null -ne {value}) {{ ConvertTo-CsVault{} {value} }})",
                short(inner)
            ),
            (None, true) => format!("[object[]]@({value})"),
            (None, false) if kind == "Int32" => {
                format!("$(if ($null -ne {value}) {{ [int] {value} }})")
            }
            (None, false) if kind == "Int64" => {
                format!("$(if ($null -ne {value}) {{ [long] {value} }})")
            }
            // The reader's own time, as everywhere at the prompt.
            (None, false) if kind == "DateTime" => {
                format!("$(if ($null -ne {value}) {{ ([datetime] {value}).ToLocalTime() }})")
            }
            (None, false) => value,
        };
        let _infallible = writeln!(text, "            {} = {made}", property.name);
    }
    text.push_str("        }\n    }\n}\n");
    text
}
