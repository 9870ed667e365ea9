//! The shape of the manifests. `manifests/schemas/` is generated from these types.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ErrorId;

/// All facts about one cmdlet, in `manifests/cmdlets/<Verb>-<Noun>.json`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CmdletManifest {
    /// For editors.
    #[serde(rename = "$schema", default, skip_serializing)]
    pub schema: Option<String>,
    /// An approved PowerShell verb.
    pub verb: String,
    /// `Cs` and a singular noun.
    pub noun: String,
    /// One sentence.
    pub synopsis: String,
    /// What it does, paragraph by paragraph.
    pub description: Vec<String>,
    /// Things to know.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The first version of the original that has the cmdlet, or `CsVault`.
    pub since: String,
    /// The parameter set that applies when none can be told apart.
    #[serde(default)]
    pub default_set: Option<String>,
    /// Present when the cmdlet changes something: gives -WhatIf and -Confirm.
    #[serde(default)]
    pub should_process: Option<WriteRisk>,
    /// The parameters, in the order of the help.
    pub parameters: Vec<ParameterManifest>,
    /// Present when bytes cross the pipe.
    #[serde(default)]
    pub transfer: Option<Transfer>,
    /// How the user is asked before the cmdlet changes something, when no bytes cross the pipe.
    #[serde(default)]
    pub change: Option<Change>,
    /// Who may run it.
    pub access: Access,
    /// Names of output types: keys of `manifests/types`, `System.String`, `System.Byte[]`, `System.Xml.Linq.XElement`.
    #[serde(default)]
    pub output: Vec<String>,
    /// The errors that the cmdlet raises beyond those that every call can have.
    #[serde(default)]
    pub errors: Vec<ErrorId>,
    /// At least one.
    pub examples: Vec<Example>,
}

impl CmdletManifest {
    /// `Verb-Noun`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}-{}", self.verb, self.noun)
    }
}

/// How much a changing cmdlet asks before it acts (PowerShell's ConfirmImpact).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub enum WriteRisk {
    /// Asks only when told to.
    Low,
    /// Asks when the user's preference says so.
    Medium,
    /// Asks unless told not to.
    High,
}

/// One parameter.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ParameterManifest {
    /// PascalCase.
    pub name: String,
    /// Its type.
    pub r#type: ParameterType,
    /// One or more sentences.
    pub help: String,
    /// Other names.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// The sets that have it; empty: all sets, optional, by name.
    #[serde(default)]
    pub sets: Vec<InSet>,
    /// Who acts on it.
    #[serde(default)]
    pub side: Side,
    /// A cmdlet whose output completes the value, as `Cmdlet.Property`.
    #[serde(default)]
    pub completer: Option<String>,
    /// True when the value may have wildcards.
    #[serde(default)]
    pub wildcards: bool,
    /// For an `Instance`: the name of its output type. Other objects do not bind.
    #[serde(default)]
    pub instance_of: Option<String>,
    /// The values that it takes, without regard to case; empty: any.
    #[serde(default)]
    pub values: Vec<String>,
}

/// A parameter's place in one parameter set.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InSet {
    /// Name of the set.
    pub set: String,
    /// True when the set cannot do without it.
    #[serde(default)]
    pub mandatory: bool,
    /// Index among the positional parameters.
    #[serde(default)]
    pub position: Option<u32>,
    /// How it takes pipeline input.
    #[serde(default)]
    pub pipeline: PipelineInput,
}

/// How a parameter takes pipeline input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PipelineInput {
    /// Not at all.
    #[default]
    None,
    /// The object itself.
    ByValue,
    /// A property of the same name.
    ByPropertyName,
    /// Either.
    Both,
}

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ParameterType {
    /// A text.
    String,
    /// A switch.
    Switch,
    /// A list of texts.
    StringList,
    /// A whole number of 32 bits.
    Int32,
    /// A point in time; RFC 3339 with the offset `Z` on the wire.
    DateTime,
    /// A path that the client writes, with the caller's own rights.
    PathToWrite,
    /// A path that the client reads, with the caller's own rights.
    PathToRead,
    /// Bytes that travel as chunks.
    Bytes,
    /// An XML element that travels as chunks.
    Xml,
    /// One or more texts: a value that replaces the whole list, or a hashtable with `Add`, `Remove` or `Replace`, as the
    /// original's list parameters (PSListModifier) take them. On the wire an array, or an object of arrays; `$null` is an empty array.
    ListModifier,
    /// An object of an output type (`instanceOf`) that the pipeline hands over.
    Instance,
}

/// Which side of the pipe acts on a parameter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Side {
    /// Sent to the service.
    #[default]
    Service,
    /// Kept by the client: paths, bytes. The service refuses it.
    Client,
    /// Both.
    Both,
}

/// Which way bytes cross the pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Transfer {
    /// From the service to the caller.
    Download,
    /// From the caller to the service.
    Upload,
    /// From the service, when the named switch is given (see the manifest's output).
    DownloadWhenAsXml,
}

/// What the user reads before a change, and what is asked one by one.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Change {
    /// What is about to be done, for example `Remove the role`.
    pub action: String,
    /// The parameter that names one thing. The service plans first, the user is asked about each thing of the plan, and each
    /// one that is wanted is a call of its own with this parameter. Without it the user is asked once about the call.
    #[serde(default)]
    pub each: Option<String>,
}

/// Who may run a cmdlet.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Access {
    /// What the cmdlet does to the store.
    pub effect: Effect,
    /// What it works on.
    #[serde(default)]
    pub reach: Reach,
    /// The first door: groups whose members may run it.
    pub groups: Vec<String>,
    /// With `-LocalStore`, one of these groups is needed as well when the caller comes through the first door.
    #[serde(default)]
    pub local_store_also: Vec<String>,
}

/// What a cmdlet works on, which decides whether a role for a part of the deployment is enough.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Reach {
    /// The deployment as a whole: only a role with the scope Global is enough.
    #[default]
    Deployment,
    /// Objects, each of which is checked against the scopes of the caller's roles.
    Objects,
}

/// What a cmdlet does to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Effect {
    /// Reads.
    Read,
    /// Reads everything: an export.
    Export,
    /// Writes the configuration.
    Write,
    /// Writes roles.
    WriteRoles,
}

/// One example of the help.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Example {
    /// What a user types.
    pub code: String,
    /// What happens.
    pub remarks: String,
}

/// An output type, in `manifests/types/<short name>.json`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutputTypeManifest {
    /// For editors.
    #[serde(rename = "$schema", default, skip_serializing)]
    pub schema: Option<String>,
    /// The original's type name, first of the object's type names.
    pub name: String,
    /// One sentence.
    pub description: String,
    /// The properties, in their fixed order. For a text type, exactly one.
    pub properties: Vec<PropertyManifest>,
    /// The text of an object, with `{Property}` in it: what it prints as inside another object or a string.
    #[serde(default)]
    pub text: Option<String>,
    /// True when the object crosses the wire as the bare value of its only property and prints as `text`.
    #[serde(default)]
    pub bare: bool,
    /// The properties that show by default, all when it is empty: up to four as a table, more as a list.
    #[serde(default)]
    pub shown: Vec<String>,
}

/// A property of an output type.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PropertyManifest {
    /// PascalCase.
    pub name: String,
    /// `String`, `Boolean`, `Int32`, `Int64`, `DateTime`, a type name of these manifests, or one of them with `[]` behind.
    pub r#type: String,
    /// One sentence.
    pub help: String,
}

/// `manifests/roles.json`: the predefined roles in the order of the original's output.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RolesManifest {
    /// For editors.
    #[serde(rename = "$schema", default, skip_serializing)]
    pub schema: Option<String>,
    /// The roles.
    pub roles: Vec<RoleManifest>,
}

/// One predefined role.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleManifest {
    /// The name, in the casing of the original's output.
    pub identity: String,
    /// The last part of its group's SID in a fresh store.
    pub rid: u32,
    /// What it may do, in one sentence.
    pub description: String,
    /// The cmdlets, in the order they are shown.
    pub cmdlets: Vec<String>,
}

/// `manifests/catalog.json`: every cmdlet of the original.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CatalogManifest {
    /// For editors.
    #[serde(rename = "$schema", default, skip_serializing)]
    pub schema: Option<String>,
    /// The cmdlets, by name.
    pub cmdlets: Vec<CatalogEntry>,
}

/// One cmdlet of the original, whether this release has it or not.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CatalogEntry {
    /// `Verb-CsNoun`.
    pub name: String,
    /// The groups whose members may run it on a server, as its reference page says; empty when it says nothing.
    pub groups: Vec<String>,
}

/// The hash of these texts, cmdlets first, then types, then roles, each in the order of their names.
pub fn hash_of<T: AsRef<str>>(texts: impl Iterator<Item = T>) -> String {
    let mut hasher = Sha256::new();
    for text in texts {
        hasher.update((text.as_ref().len() as u64).to_le_bytes());
        hasher.update(text.as_ref().as_bytes());
    }
    hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
