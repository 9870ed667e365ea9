//! The access decision. Pure: policy and caller come in as values, a [`Grant`] or a [`Denial`] goes out.
//!
//! Two doors lead in, as in the original: membership of a group that the cmdlet names, or a role that
//! holds the cmdlet. Everything else is denied. Nothing outside this crate can make a [`Grant`].

mod decide;
mod grant;

pub use decide::{Caller, Door, Membership, Policy, Question, decide};
pub use grant::{Denial, DenialReason, Grant, Rights, policy_grant};
