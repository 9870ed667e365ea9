//! What each cmdlet means. The engine prints nothing, exits nowhere and knows no clock, environment or folder:
//! what it needs comes in through [`EngineParts`] and [`CallIo`], what it has to say goes to the latter.

mod audit;
mod cmdlets;
mod context;
mod engine;
mod fault;
mod initial;
mod item;
mod known;
mod nearest;
mod parameters;
mod retry;
mod roles;
/// What `cargo xtask new-cmdlet` copies; compiled here so that it stays true.
#[cfg(test)]
mod skeleton;
mod topology;
mod wildcard;
mod xml;

pub use audit::{push_escape, visible};
pub use context::{
    Audit, AuditEntry, AuditFault, AuditLine, AuditPhase, AuditRepeats, AuditState, Call, CallIo,
    Clock, Directory, EngineParts, GroupInfo, Ids, Received, Stopped, TakeLine,
};
pub use engine::Engine;
pub use initial::initial_content;

#[cfg(test)]
mod tests {
    #[test]
    fn a_new_handler_is_the_careful_kind() {
        let handler = &crate::skeleton::HANDLER;
        assert!(!handler.inline);
    }
}
