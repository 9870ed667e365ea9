//! The manifests as they are on the disk, checked against each other.

use std::fs;
use std::path::Path;

use cs_contract::{CatalogManifest, CmdletManifest, OutputTypeManifest, RolesManifest};

use super::Generated;
use super::faults::faults;

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
    /// The cmdlets of the original.
    pub catalog: CatalogManifest,
    /// The hash that module and service compare.
    pub hash: String,
}

impl Manifests {
    /// Reads and checks those of the workspace at `root`. What is wrong with them is said at once, a line each.
    pub fn read(root: &Path) -> Result<Self, String> {
        let mut reader = Reader {
            root,
            faults: Vec::new(),
        };
        let (cmdlets, cmdlet_texts) = reader.folder("manifests/cmdlets");
        let (types, type_texts) = reader.folder("manifests/types");
        let roles = reader.file("manifests/roles.json");
        let catalog = reader.file("manifests/catalog.json");
        // What cannot be read would look like something that is missing.
        let (Some((roles, roles_text)), Some((catalog, _)), true) =
            (roles, catalog, reader.faults.is_empty())
        else {
            return Err(reader.faults.join("\n"));
        };
        let hash =
            cs_contract::hash_of(cmdlet_texts.iter().chain(&type_texts).chain([&roles_text]));
        let manifests = Self {
            cmdlets,
            types,
            roles,
            catalog,
            hash,
        };
        let faults = faults(&manifests);
        if faults.is_empty() {
            Ok(manifests)
        } else {
            Err(faults.join("\n"))
        }
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

/// Reads manifests, and keeps what is wrong with those that cannot be read.
struct Reader<'a> {
    root: &'a Path,
    faults: Vec<String>,
}

impl Reader<'_> {
    /// One file, with its text.
    fn file<T: serde::de::DeserializeOwned>(&mut self, path: &str) -> Option<(T, String)> {
        let read = fs::read_to_string(self.root.join(path)).map_err(|error| error.to_string());
        let parsed = read.and_then(|text| {
            let manifest = serde_json::from_str(&text).map_err(|error| error.to_string())?;
            Ok((manifest, text))
        });
        parsed
            .map_err(|error| self.faults.push(format!("{path}: {error}")))
            .ok()
    }

    /// All files of a folder, in the order of their names.
    fn folder<T: serde::de::DeserializeOwned>(&mut self, folder: &str) -> Read<T> {
        let names = match names(self.root, folder) {
            Ok(names) => names,
            Err(error) => {
                self.faults.push(error);
                Vec::new()
            }
        };
        let mut all = (Vec::new(), Vec::new());
        for name in &names {
            let Some(stem) = name.strip_suffix(".json") else {
                continue;
            };
            if let Some((manifest, text)) = self.file(&format!("{folder}/{name}")) {
                all.0.push((stem.to_owned(), manifest));
                all.1.push(text);
            }
        }
        all
    }
}

/// What is in a folder of the workspace, in order, without hidden files and what editors leave behind.
pub(super) fn names(root: &Path, folder: &str) -> Result<Vec<String>, String> {
    let fail = |error: std::io::Error| format!("{folder}: {error}");
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join(folder)).map_err(fail)? {
        let name = entry.map_err(fail)?.file_name();
        let name = name.to_string_lossy().into_owned();
        if !name.starts_with(['.', '#']) && !name.ends_with('~') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
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
