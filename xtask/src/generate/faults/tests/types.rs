//! Types and roles.

use std::collections::BTreeSet;
use std::fs;

use serde_json::json;

use super::super::types::TAKEN;
use super::*;
use crate::workspace::root;

#[test]
fn faults_of_types_are_told() {
    let thing = |what: &str| format!("types/Thing.json: {what}");
    let text = |name: &str| json!({ "name": name, "type": "String", "help": "A text." });
    for (place, value, said) in [
        ("description", json!(""), "the description is empty"),
        ("properties/0/help", json!(""), "the help of Name is empty"),
        (
            "properties/-",
            text("Na me"),
            "Na me is no name of a property; write letters",
        ),
        (
            "properties/-",
            text("pstypename"),
            "pstypename is PowerShell's name for the type itself",
        ),
        (
            "properties/-",
            text("name"),
            "the property name is there twice",
        ),
        (
            "properties/0/type",
            json!("String[][]"),
            "Name is a list of lists, String[][]; write one []",
        ),
        (
            "properties/0/type",
            json!("System.Version"),
            "the type System.Version of Name has no manifest; write one in manifests/types, or one of String, ",
        ),
        (
            "shown",
            json!(["Size"]),
            "shown names Size, which is no property; write one of Name, Parts",
        ),
        ("shown", json!(["Name", "Name"]), "shown names Name twice"),
        (
            "text",
            json!("{Size}"),
            "text names Size, which is no property; write one of Name, Parts",
        ),
        (
            "text",
            json!("{name}"),
            "text names name, which is no property",
        ),
        ("text", json!("{Name"), "text has a { that no } closes"),
        (
            "text",
            json!("a\u{1}"),
            "text has a character that XML cannot hold",
        ),
        (
            "bare",
            json!(true),
            "a bare type has one property, the String Name, and a text that ends with {Name}",
        ),
    ] {
        let mut said = thing(said);
        if place == "bare" {
            said = format!("cmdlets/Get-CsThing.json: the output CsVault.Thing is bare\n{said}");
        }
        assert_said(&[(&format!("/types/0/{place}"), value, &said)]);
    }
    let part = |name: &str| json!({ "name": name, "description": "A part.", "properties": [text("Name")] });
    for (name, said) in [
        (
            "CsVault.Lost",
            "types/Lost.json: nothing uses CsVault.Lost; name it as an output",
        ),
        (
            "Other.thing",
            "types/thing.json: the last word of Other.thing is also that of the type in Thing.json\ntypes/thing.json: nothing uses",
        ),
        (
            "CsVault.errors",
            "types/errors.json: the last word of CsVault.errors is taken by a part of the module\ntypes/errors.json: nothing uses",
        ),
        (
            "CsVault.Completions",
            "types/Completions.json: the last word of CsVault.Completions is taken\ntypes/Completions.json: nothing uses",
        ),
        (
            "Lost",
            "types/Lost.json: Lost is no name of a type; write words\ntypes/Lost.json: nothing uses",
        ),
        (
            "CsVault.O'Lost",
            "types/O'Lost.json: CsVault.O'Lost is no name of a type\ntypes/O'Lost.json: nothing uses",
        ),
        (
            "System.Lost",
            "types/Lost.json: System.Lost is a name of .NET\ntypes/Lost.json: nothing uses",
        ),
    ] {
        assert_said(&[("/types/-", part(name), said)]);
    }
}

#[test]
fn faults_of_roles_are_told() {
    let role = |what: &str| format!("roles.json: {what}");
    for (place, value, said) in [
        (
            "identity",
            json!("csone"),
            "the role csone is there twice; keep one",
        ),
        ("identity", json!(""), "the identity of a role is empty"),
        (
            "description",
            json!(""),
            "the description of CSTwo is empty",
        ),
        ("rid", json!(1), "CSOne and CSTwo both have the rid 1; give"),
        (
            "cmdlets/-",
            json!("Get-CsOther"),
            "CSTwo lists Get-CsOther twice",
        ),
        (
            "cmdlets/-",
            json!("Get-CsLost"),
            "CSTwo lists Get-CsLost, which has no manifest and is not in catalog.json; correct",
        ),
    ] {
        assert_said(&[(&format!("/roles/roles/1/{place}"), value, &role(said))]);
    }
    assert_said(&[
        (
            "/catalog/cmdlets/0/groups",
            json!(["Everybody"]),
            "catalog.json: the group Everybody is not known",
        ),
        (
            "/catalog/cmdlets/-",
            json!({ "name": "get-CsOther", "groups": [] }),
            "catalog.json: get-CsOther is there twice",
        ),
    ]);
}

#[test]
fn names_that_the_module_has_are_taken() {
    let mut found: BTreeSet<String> = BTreeSet::new();
    for folder in ["Private", "OnDemand"] {
        let folder = root().join("module/CsVault").join(folder);
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let text = fs::read_to_string(entry.path()).unwrap();
            let names = text.split("function script:ConvertTo-CsVault").skip(1);
            let to_end = names.filter_map(|rest| rest.split(['(', ' ']).next());
            found.extend(to_end.map(ToOwned::to_owned));
        }
    }
    assert!(!found.is_empty());
    for name in found {
        assert!(TAKEN.contains(&name.as_str()), "{name}");
    }
}
