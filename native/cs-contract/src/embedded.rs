//! The manifests, embedded in the executable.

use std::sync::OnceLock;

use crate::{
    CatalogEntry, CatalogManifest, CmdletManifest, OutputTypeManifest, RolesManifest, hash_of,
};

include!("generated/manifests.rs");

/// The cmdlets, in the order of their names.
pub fn cmdlets() -> &'static [CmdletManifest] {
    static PARSED: OnceLock<Vec<CmdletManifest>> = OnceLock::new();
    PARSED.get_or_init(|| parse_all(CMDLETS))
}

/// The output types, in the order of their names.
pub fn output_types() -> &'static [OutputTypeManifest] {
    static PARSED: OnceLock<Vec<OutputTypeManifest>> = OnceLock::new();
    PARSED.get_or_init(|| parse_all(TYPES))
}

/// The predefined roles.
pub fn roles() -> &'static RolesManifest {
    static PARSED: OnceLock<RolesManifest> = OnceLock::new();
    PARSED.get_or_init(|| {
        serde_json::from_str(ROLES).unwrap_or(RolesManifest {
            schema: None,
            roles: Vec::new(),
        })
    })
}

/// The cmdlets of the original, in the order of their names.
pub fn catalog() -> &'static [CatalogEntry] {
    static PARSED: OnceLock<Vec<CatalogEntry>> = OnceLock::new();
    PARSED.get_or_init(|| {
        serde_json::from_str::<CatalogManifest>(CATALOG)
            .map(|catalog| catalog.cmdlets)
            .unwrap_or_default()
    })
}

/// A manifest that does not parse is left out; the tests below and `cargo xtask generate` refuse it.
fn parse_all<T: serde::de::DeserializeOwned>(texts: &[&str]) -> Vec<T> {
    texts
        .iter()
        .filter_map(|text| serde_json::from_str(text).ok())
        .collect()
}

/// SHA-256 over all manifests, in hexadecimal: module and service compare it in `hello`.
pub fn manifest_hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| hash_of(CMDLETS.iter().chain(TYPES).chain([&ROLES])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_manifest_parses() {
        for text in CMDLETS {
            serde_json::from_str::<CmdletManifest>(text).unwrap();
        }
        for text in TYPES {
            serde_json::from_str::<OutputTypeManifest>(text).unwrap();
        }
        serde_json::from_str::<RolesManifest>(ROLES).unwrap();
        serde_json::from_str::<CatalogManifest>(CATALOG).unwrap();
    }

    #[test]
    fn paths_and_bytes_stay_with_the_client() {
        use crate::{ParameterType, Side};
        for cmdlet in cmdlets() {
            for parameter in &cmdlet.parameters {
                let carried = matches!(
                    parameter.r#type,
                    ParameterType::PathToRead
                        | ParameterType::PathToWrite
                        | ParameterType::Bytes
                        | ParameterType::Xml
                );
                let name = format!("{} -{}", cmdlet.name(), parameter.name);
                assert!(!carried || parameter.side == Side::Client, "{name}");
            }
        }
    }
}
