//! One set of manifests that is right, changed in one place each.

mod cmdlets;
mod types;

use serde_json::{Value, json};

use super::*;

fn right() -> Value {
    let text = |name: &str| json!({ "name": name, "type": "String", "help": "A text." });
    let all = json!([{ "set": "__AllParameterSets" }]);
    json!({
        "cmdlets": [
            {
                "verb": "Get", "noun": "CsThing", "since": "CsVault",
                "synopsis": "Returns things.", "description": ["It returns things."],
                "defaultSet": "One",
                "parameters": [
                    { "name": "Identity", "type": "String", "help": "The name.", "aliases": ["Id"],
                      "completer": "Get-CsThing.Name", "sets": [{ "set": "One", "position": 0 }] },
                    { "name": "Filter", "type": "String", "help": "A pattern.", "values": ["a", "b"],
                      "completer": "Get-CsVaultCommand.Name", "sets": [{ "set": "Many", "position": 0 }] },
                    { "name": "Place", "type": "String", "help": "A place.",
                      "sets": [{ "set": "__AllParameterSets", "position": 1 }] },
                ],
                "access": { "effect": "Read", "groups": ["RTCUniversalServerAdmins"] },
                "output": ["CsVault.Thing"],
                "examples": [{ "code": "Get-CsThing", "remarks": "Returns all." }],
            },
            {
                "verb": "Set", "noun": "CsThing", "since": "CsVault",
                "synopsis": "Changes a thing.", "description": ["It changes a thing."],
                "shouldProcess": "Medium", "change": { "action": "Change it", "each": "Identity" },
                "parameters": [
                    { "name": "Identity", "type": "String", "help": "The name.", "sets": all },
                    { "name": "Instance", "type": "Instance", "help": "A thing.", "instanceOf": "CsVault.Thing" },
                ],
                "access": { "effect": "Write", "groups": ["RTCUniversalServerAdmins"] },
                "examples": [{ "code": "Set-CsThing a", "remarks": "Changes it." }],
            },
            {
                "verb": "Import", "noun": "CsThing", "since": "CsVault",
                "synopsis": "Reads a thing.", "description": ["It reads a thing."], "transfer": "Upload",
                "parameters": [
                    { "name": "ByteInput", "type": "Bytes", "side": "Client", "help": "The bytes." },
                    { "name": "FileName", "type": "PathToRead", "side": "Client", "help": "The path." },
                ],
                "access": { "effect": "Write", "groups": ["RTCUniversalServerAdmins"], "localStoreAlso": ["RTC Local Config Replicator"] },
                "output": ["System.String", "System.Byte[]"],
                "examples": [{ "code": "Import-CsThing a", "remarks": "Reads it." }],
            },
        ],
        "types": [
            {
                "name": "CsVault.Thing", "description": "A thing.", "text": "a \"thing\" <{Name}>", "shown": ["Name"],
                "properties": [
                    text("Name"),
                    { "name": "Parts", "type": "CsVault.Part[]", "help": "What is in it." },
                ],
            },
            { "name": "CsVault.Part", "description": "A part.", "text": "Part={Name}", "bare": true, "properties": [text("Name")] },
        ],
        "roles": { "roles": [
            { "identity": "CSOne", "rid": 1, "description": "A role.", "cmdlets": ["Get-CsThing", "Get-CsOther"] },
            { "identity": "CSTwo", "rid": 2, "description": "A role.", "cmdlets": ["get-csother"] },
        ] },
        "catalog": { "cmdlets": [{ "name": "Get-CsOther", "groups": [] }] },
    })
}

fn manifests(all: &Value) -> Manifests {
    let read = |value: &Value| value.to_string();
    let list = |name: &str| all[name].as_array().unwrap().iter().map(read);
    Manifests {
        cmdlets: list("cmdlets")
            .map(|text| serde_json::from_str(&text).unwrap())
            .map(|cmdlet: cs_contract::CmdletManifest| (cmdlet.name(), cmdlet))
            .collect(),
        types: list("types")
            .map(|text| serde_json::from_str(&text).unwrap())
            .map(|output: cs_contract::OutputTypeManifest| {
                let short = output.name.rsplit('.').next().unwrap();
                (short.to_owned(), output)
            })
            .collect(),
        roles: serde_json::from_str(&read(&all["roles"])).unwrap(),
        catalog: serde_json::from_str(&read(&all["catalog"])).unwrap(),
        hash: String::new(),
    }
}

/// Each change by the place of the value, the value, and the beginnings of what is said, a line each.
fn assert_said(changes: &[(&str, Value, &str)]) {
    assert_eq!(faults(&manifests(&right())), Vec::<String>::new());
    for (place, value, said) in changes {
        let mut all = right();
        let (parent, key) = place.rsplit_once('/').unwrap();
        match all.pointer_mut(parent).unwrap() {
            Value::Array(list) if key == "-" => list.push(value.clone()),
            Value::Array(list) => list[key.parse::<usize>().unwrap()] = value.clone(),
            parent => parent[key] = value.clone(),
        }
        let found = faults(&manifests(&all));
        let wanted: Vec<&str> = said.lines().collect();
        assert_eq!(found.len(), wanted.len(), "{place}: {found:#?}");
        for (found, wanted) in found.iter().zip(wanted) {
            let found = found.strip_prefix("manifests/").unwrap();
            assert!(found.starts_with(wanted), "{place}:\n{found}\n{wanted}");
            let what_to_do = found.contains("; ");
            assert!(what_to_do, "{found}: what should the reader write?");
        }
    }
}
