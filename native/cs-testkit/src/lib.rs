//! For tests only: a service in a home of its own, clients that can misbehave, and a player for the transcripts of `tests/wire/`.
//!
//! Everything here panics when something is not as a test needs it: that is how tests fail.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this crate is part of tests; a panic is how a test fails"
)]

mod client;
mod host;
mod other;
mod pattern;
mod transcript;
mod users;

pub use client::{Frame, RawClient};
pub use host::{Home, Host};
pub use other::{ClientAs, client_as, relay};
pub use pattern::{Saved, matches};
pub use transcript::{Transcript, play, transcripts};
pub use users::Accounts;

/// Says that a test was left out, and why; `cargo xtask test` counts these lines.
pub fn skipped(what: &str, why: &str) {
    println!("skipped: {what}: {why}");
}
