//! `csvault schema`: the shapes of the files and messages, as JSON Schema.

use clap::ValueEnum;
use cs_contract::{
    CmdletManifest, ErrorReport, HelloParams, HelloResult, InvokeParams, InvokeResult,
    Notification, OutputTypeManifest, RolesManifest, RpcError, StatusResult,
};
use schemars::{Schema, SchemaGenerator, schema_for};
use serde_json::{Value, json};

use crate::settings::Settings;

/// What a schema is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Subject {
    /// A cmdlet's manifest, manifests/cmdlets/*.json
    Cmdlet,
    /// An output type's manifest, manifests/types/*.json
    Type,
    /// The predefined roles, manifests/roles.json
    Roles,
    /// The messages on the pipe, by their names
    Protocol,
    /// settings.json
    Settings,
}

/// The schema.
#[must_use]
pub fn of(subject: Subject) -> Value {
    match subject {
        Subject::Cmdlet => schema_for!(CmdletManifest).to_value(),
        Subject::Type => schema_for!(OutputTypeManifest).to_value(),
        Subject::Roles => schema_for!(RolesManifest).to_value(),
        Subject::Settings => schema_for!(Settings).to_value(),
        Subject::Protocol => protocol(),
    }
}

fn protocol() -> Value {
    let mut generator = SchemaGenerator::default();
    let messages: Vec<(&str, Schema)> = vec![
        ("HelloParams", generator.subschema_for::<HelloParams>()),
        ("HelloResult", generator.subschema_for::<HelloResult>()),
        ("StatusResult", generator.subschema_for::<StatusResult>()),
        ("InvokeParams", generator.subschema_for::<InvokeParams>()),
        ("InvokeResult", generator.subschema_for::<InvokeResult>()),
        ("Notification", generator.subschema_for::<Notification>()),
        ("RpcError", generator.subschema_for::<RpcError>()),
        ("ErrorReport", generator.subschema_for::<ErrorReport>()),
    ];
    let any_of: Vec<Value> = messages
        .into_iter()
        .map(|(_, schema)| schema.to_value())
        .collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The messages on the pipe; docs/protocol.md says when each is sent",
        "anyOf": any_of,
        "$defs": generator.take_definitions(true),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_subject_has_a_schema() {
        for subject in Subject::value_variants() {
            assert!(of(*subject).is_object(), "{subject:?}");
        }
        let protocol = of(Subject::Protocol);
        assert!(
            protocol.pointer("/$defs/InvokeParams").is_some(),
            "{protocol}"
        );
    }
}
