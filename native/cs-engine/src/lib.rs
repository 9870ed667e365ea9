//! What each cmdlet means. The engine prints nothing, exits nowhere and knows no clock, environment or folder:
//! what it needs comes in through [`EngineParts`] and [`CallIo`], what it has to say goes to the latter.

mod context;

pub use context::{
    Audit, AuditEntry, AuditPhase, Call, CallIo, Clock, Directory, EngineParts, Ids, Stopped,
};
