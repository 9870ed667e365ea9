//! `cargo xtask new-cmdlet`.

use crate::Outcome;

/// Options of the command.
#[derive(clap::Args)]
pub struct Options {}

/// Runs it.
pub fn run(_options: &Options) -> Outcome {
    Err("not written yet".to_owned())
}
