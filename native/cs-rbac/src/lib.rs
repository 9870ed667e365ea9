//! The access decision. Pure: policy and caller come in as values, a [`Grant`] or a [`Denial`] goes out.
//!
//! Two doors lead in, as in the original: membership of a group that the cmdlet names, or a role that
//! holds the cmdlet. Everything else is denied. Nothing outside this crate can make a [`Grant`].

mod decide;
mod delegate;
mod grant;
mod membership;

pub use decide::{Caller, Door, Object, Policy, Question, Site, decide};
pub use delegate::{excess, keeps_an_administrator};
pub use grant::{Denial, DenialReason, Grant, Rights, policy_grant};
pub use membership::{Group, Membership};
