//! The manifests as they are on the disk, checked against each other.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use cs_contract::{
    CatalogManifest, CmdletManifest, OutputTypeManifest, ParameterType, RolesManifest, Side,
};

use super::Generated;

/// Approved verbs of PowerShell that the original uses.
pub(crate) const VERBS: [&str; 37] = [
    "Add",
    "Approve",
    "Backup",
    "Clear",
    "Compare",
    "Convert",
    "Copy",
    "Debug",
    "Disable",
    "Enable",
    "Export",
    "Get",
    "Grant",
    "Import",
    "Install",
    "Invoke",
    "Lock",
    "Merge",
    "Move",
    "New",
    "Publish",
    "Remove",
    "Request",
    "Reset",
    "Restore",
    "Revoke",
    "Search",
    "Set",
    "Show",
    "Start",
    "Stop",
    "Sync",
    "Test",
    "Uninstall",
    "Unlock",
    "Unpublish",
    "Update",
];

/// All manifests, in the order of their file names.
pub struct Manifests {
    /// The cmdlets, each with the name of its file.
    pub cmdlets: Vec<(String, CmdletManifest)>,
    /// The output types, likewise.
    pub types: Vec<(String, OutputTypeManifest)>,
    /// The predefined roles.
    pub roles: RolesManifest,
    /// The hash that module and service compare.
    pub hash: String,
}

impl Manifests {
    /// Reads and checks those of the workspace at `root`.
    pub fn read(root: &Path) -> Result<Self, String> {
        let folder = root.join("manifests");
        let (cmdlets, cmdlet_texts) = read_all(&folder.join("cmdlets"))?;
        let (types, type_texts) = read_all(&folder.join("types"))?;
        let roles_path = folder.join("roles.json");
        let roles_text = fs::read_to_string(&roles_path)
            .map_err(|error| format!("{}: {error}", roles_path.display()))?;
        let roles = serde_json::from_str(&roles_text)
            .map_err(|error| format!("{}: {error}", roles_path.display()))?;
        let hash =
            cs_contract::hash_of(cmdlet_texts.iter().chain(&type_texts).chain([&roles_text]));
        let manifests = Self {
            cmdlets,
            types,
            roles,
            hash,
        };
        let faults = manifests.faults();
        if faults.is_empty() {
            Ok(manifests)
        } else {
            Err(faults.join("\n"))
        }
    }

    /// What contradicts itself, one sentence each.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let types: BTreeSet<&str> = self
            .types
            .iter()
            .map(|(_, manifest)| manifest.name.as_str())
            .collect();
        let known = |name: &str| {
            let name = name.trim_end_matches("[]");
            matches!(name, "String" | "Boolean" | "Int32" | "Int64" | "DateTime")
                || name.starts_with("System.")
                || types.contains(name)
        };
        for (file, cmdlet) in &self.cmdlets {
            let mut fault = |what: String| faults.push(format!("{file}: {what}"));
            if *file != cmdlet.name() {
                fault(format!(
                    "the file is named otherwise than its cmdlet {}",
                    cmdlet.name()
                ));
            }
            if !VERBS.contains(&cmdlet.verb.as_str()) {
                fault(format!("{} is not an approved verb", cmdlet.verb));
            }
            if !cmdlet.noun.starts_with("Cs") {
                fault("the noun does not begin with Cs".to_owned());
            }
            if cmdlet.examples.is_empty() || cmdlet.description.is_empty() {
                fault("there is no description or no example".to_owned());
            }
            for output in cmdlet.output.iter().filter(|output| !known(output)) {
                fault(format!("the output type {output} has no manifest"));
            }
            let names: BTreeSet<String> = cmdlet
                .parameters
                .iter()
                .map(|parameter| parameter.name.to_lowercase())
                .collect();
            if names.len() != cmdlet.parameters.len() {
                fault("a parameter is there twice".to_owned());
            }
            let text = |kind| matches!(kind, ParameterType::String | ParameterType::StringList);
            for parameter in &cmdlet.parameters {
                if !parameter.values.is_empty() && !text(parameter.r#type) {
                    fault(format!("{} has values and is no text", parameter.name));
                }
            }
            let bytes = |kind| matches!(kind, ParameterType::Bytes | ParameterType::Xml);
            let path =
                |kind| matches!(kind, ParameterType::PathToRead | ParameterType::PathToWrite);
            if cmdlet
                .parameters
                .iter()
                .any(|p| (bytes(p.r#type) || path(p.r#type)) && p.side != Side::Client)
            {
                fault("a path or bytes are not on the client's side".to_owned());
            }
            if cmdlet.parameters.iter().any(|p| bytes(p.r#type)) && cmdlet.transfer.is_none() {
                fault("a parameter holds bytes, and there is no transfer".to_owned());
            }
            if cmdlet.change.is_some()
                && (cmdlet.should_process.is_none() || cmdlet.transfer.is_some())
            {
                fault("a change needs shouldProcess, and no bytes".to_owned());
            }
            for parameter in &cmdlet.parameters {
                let instance = parameter.r#type == ParameterType::Instance;
                match &parameter.instance_of {
                    Some(of) if !instance || !types.contains(of.as_str()) => {
                        fault(format!("{} is no instance of {of}", parameter.name));
                    }
                    None if instance => {
                        fault(format!(
                            "{} does not say what it is an instance of",
                            parameter.name
                        ));
                    }
                    _ => {}
                }
            }
        }
        for (file, output) in &self.types {
            for property in output
                .properties
                .iter()
                .filter(|property| !known(&property.r#type))
            {
                faults.push(format!(
                    "{file}: the type {} of {} has no manifest",
                    property.r#type, property.name
                ));
            }
            if output.bare && (output.properties.len() != 1 || output.text.is_none()) {
                faults.push(format!("{file}: a bare type has one property and a text"));
            }
        }
        for role in &self.roles.roles {
            let unique: BTreeSet<String> = role
                .cmdlets
                .iter()
                .map(|name| name.to_lowercase())
                .collect();
            if unique.len() != role.cmdlets.len() {
                faults.push(format!(
                    "roles.json: {} lists a cmdlet twice",
                    role.identity
                ));
            }
        }
        faults
    }

    /// An output type by its name.
    pub fn output_type(&self, name: &str) -> Option<&OutputTypeManifest> {
        self.types
            .iter()
            .map(|(_, manifest)| manifest)
            .find(|manifest| manifest.name == name)
    }
}

type Read<T> = (Vec<(String, T)>, Vec<String>);

fn read_all<T: serde::de::DeserializeOwned>(folder: &Path) -> Result<Read<T>, String> {
    let fail = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut paths: Vec<_> = fs::read_dir(folder)
        .map_err(fail)?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    paths.sort();
    let mut all = (Vec::new(), Vec::new());
    for path in paths {
        let text =
            fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let manifest =
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        all.0.push((name, manifest));
        all.1.push(text);
    }
    Ok(all)
}

/// The schemas that editors check manifests against.
pub fn schemas() -> Result<Vec<Generated>, String> {
    let schema = |name: &str, schema: schemars::Schema| -> Result<Generated, String> {
        let text = serde_json::to_string_pretty(&schema).map_err(|error| error.to_string())?;
        Ok((
            format!("manifests/schemas/{name}.schema.json"),
            format!("{text}\n"),
        ))
    };
    Ok(vec![
        schema("cmdlet", schemars::schema_for!(CmdletManifest))?,
        schema("type", schemars::schema_for!(OutputTypeManifest))?,
        schema("roles", schemars::schema_for!(RolesManifest))?,
        schema("catalog", schemars::schema_for!(CatalogManifest))?,
    ])
}
