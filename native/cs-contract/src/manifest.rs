//! The shape of the manifests. `manifests/schemas/` is generated from these types.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// A path that the client writes, with the caller's own rights.
    PathToWrite,
    /// A path that the client reads, with the caller's own rights.
    PathToRead,
    /// Bytes that travel as chunks.
    Bytes,
    /// An XML element that travels as chunks.
    Xml,
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

/// Who may run a cmdlet.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Access {
    /// What the cmdlet does to the store.
    pub effect: Effect,
    /// The first door: groups whose members may run it.
    pub groups: Vec<String>,
    /// With `-LocalStore`, one of these groups is needed as well when the caller comes through the first door.
    #[serde(default)]
    pub local_store_also: Vec<String>,
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
    /// `String`, `Boolean`, `Int32`, a type name of these manifests, or one of them with `[]` behind.
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
