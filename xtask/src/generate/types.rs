//! Objects of the module: the classes of values that are more than a text, and for each output type a file with the function that
//! makes its objects. Such a file is read when an object of its type comes for the first time.

use std::collections::BTreeSet;
use std::fmt::Write;

use cs_contract::{OutputTypeManifest, PropertyManifest};

use super::Generated;
use super::manifests::Manifests;
use super::module::{GENERATED, MARK};
use super::text;

/// A file for each type of object that a cmdlet returns, with the types of which it consists.
pub fn files(manifests: &Manifests) -> Vec<Generated> {
    returned(manifests)
        .map(|output| {
            let mut text = format!("{MARK}\n\n");
            for part in parts(manifests, output) {
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
    let bare = || {
        manifests
            .types
            .iter()
            .map(|(_, output)| output)
            .filter(|output| output.bare)
    };
    let classes: BTreeSet<String> = bare().map(class).collect();
    let mut text: String = classes.into_iter().collect();
    text.push_str("# One object for each text: roles share most of their cmdlets.\n");
    for output in bare() {
        let _infallible = writeln!(
            text,
            "$script:CsVaultKnown{} = [hashtable]::new([System.StringComparer]::Ordinal)",
            short(output)
        );
    }
    text.push_str("\n# What makes the objects of a type; before the first one its file, which puts the function here.\n$script:CsVaultConverters = @{\n");
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

/// A value that is more than a text: it has a name, and prints and compares as the original's does.
fn class(output: &OutputTypeManifest) -> String {
    let property = only_property(output);
    let shown = text::script(output.text.as_deref().unwrap_or_default());
    let class = class_name(output);
    format!(
        "class {class} {{\n    [string] ${property}\n    [string] ToString() {{ return \"{shown}\" }}\n    [bool] Equals([object] $other) {{ return $null -ne $other -and ($this.{property} -eq \"$other\" -or $this.ToString() -eq \"$other\") }}\n    [int] GetHashCode() {{ return $this.{property}.ToLowerInvariant().GetHashCode() }}\n}}\n\n"
    )
}

/// What such a value consists of.
fn only_property(output: &OutputTypeManifest) -> &str {
    output
        .properties
        .first()
        .map_or("Name", |property| property.name.as_str())
}

fn short(output: &OutputTypeManifest) -> &str {
    output.name.rsplit('.').next().unwrap_or(&output.name)
}

/// Types that print as their name alone share a class: each class costs at the prompt's first call.
fn class_name(output: &OutputTypeManifest) -> String {
    match output.text.as_deref() {
        Some("{Name}") => "CsVaultName".to_owned(),
        _ => format!("CsVault{}", short(output)),
    }
}

/// What makes the object of `$text`, or takes the one that there is. It stands in the loop itself: a call of a function for each text
/// takes ten times as long.
fn bare(output: &OutputTypeManifest) -> String {
    format!(
        "$known = $known{short}[$text]; if ($null -eq $known) {{ $known = [psobject]::AsPSObject([{class}]::new()); $known.{property} = $text; $known.pstypenames.Insert(0, '{full}'); $known{short}[$text] = $known }}; $known",
        short = short(output),
        class = class_name(output),
        property = only_property(output),
        full = output.name
    )
}

/// A function that makes objects of a type out of what came over the pipe.
fn converter(manifests: &Manifests, output: &OutputTypeManifest) -> String {
    let name = short(output);
    // The tables of texts that are known, once: they are asked for each text of a list, without a call.
    let mut tables = String::new();
    for (_, inner) in manifests.types.iter().filter(|(_, inner)| inner.bare) {
        let listed = format!("{}[]", inner.name);
        let uses = |property: &PropertyManifest| {
            property.r#type == listed || property.r#type == inner.name
        };
        if output.properties.iter().any(uses) {
            let inner = short(inner);
            let _infallible = writeln!(tables, "    $known{inner} = $script:CsVaultKnown{inner}");
        }
    }
    let mut text = format!(
        "function script:ConvertTo-CsVault{name}($values) {{\n{tables}    foreach ($value in $values) {{\n        [pscustomobject]@{{\n            PSTypeName = '{}'\n",
        output.name
    );
    for property in &output.properties {
        let value = format!("$value.{}", property.name);
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
