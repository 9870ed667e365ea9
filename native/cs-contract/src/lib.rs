//! What crosses the border between PowerShell and Rust. Types only: nothing here reads, writes or decides.
//!
//! `docs/protocol.md` is the contract in words. The manifests are embedded, so that both sides of
//! the pipe can compare one hash; `cargo xtask`, which writes the list of them, does without.

#[cfg(feature = "embedded")]
mod embedded;
mod error_id;
mod frame;
mod manifest;
mod message;

#[cfg(feature = "embedded")]
pub use embedded::{catalog, cmdlets, manifest_hash, output_types, roles};
pub use error_id::{ErrorCategory, ErrorId, ErrorReport, ErrorTarget};
pub use frame::{FrameHeader, FrameHeaderError, FrameKind, Limits};
pub use manifest::{
    Access, CatalogEntry, CatalogManifest, Change, CmdletManifest, Effect, Example, InSet,
    OutputTypeManifest, ParameterManifest, ParameterType, PipelineInput, PropertyManifest, Reach,
    RoleManifest, RolesManifest, Side, Transfer, WriteRisk, hash_of,
};
pub use message::{
    CallId, HelloParams, HelloResult, InvokeParams, InvokeResult, Method, Notification,
    PROTOCOL_VERSION, Record, RpcError, StatusResult, Values,
};
