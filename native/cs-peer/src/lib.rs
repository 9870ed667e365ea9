//! Who is at the other end of a Windows named pipe, as the system says.
//!
//! The calls that tell it have no safe form. This crate is the only one of the workspace that makes such calls; each has its
//! reason beside it, and nothing but plain values comes out. On other systems the crate holds those values alone.

#[cfg(windows)]
mod account;
#[cfg(windows)]
mod buffer;
mod groups;
#[cfg(windows)]
mod pipe;
#[cfg(windows)]
mod token;

#[cfg(windows)]
pub use account::{Account, AccountKind, account_named, account_of, computer};
pub use groups::{Group, Identity, counts};
#[cfg(windows)]
pub use pipe::{client_of, owner_of};
#[cfg(windows)]
pub use token::own_sid;
