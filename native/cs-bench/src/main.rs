//! Reference programs: what a bare tool does for the same work. They decide nothing, check nothing and log nothing.

mod bulk_insert;
mod decide;
#[cfg(unix)]
mod echo;
#[cfg(unix)]
mod load;
mod xml;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// How a program ends: well, or with one sentence.
type Outcome = Result<(), Box<dyn std::error::Error>>;

#[derive(Parser)]
#[command(name = "cs-bench")]
struct Arguments {
    #[command(subcommand)]
    program: Program,
}

#[derive(Subcommand)]
enum Program {
    /// Insert the documents of a package, read before the clock starts, into a new database in one durable transaction
    BulkInsert { package: PathBuf, database: PathBuf },
    /// Read a package's documents as bare XML events, or check them as an import does
    Xml { package: PathBuf, what: xml::What },
    /// Decide who may run a cmdlet, with 11 roles of 500 cmdlets, and print the seconds of one decision
    Decide,
    /// Answer every frame with itself, on one thread
    #[cfg(unix)]
    Echo { socket: PathBuf },
    /// Send requests one after the other on some connections and print how long they took
    #[cfg(unix)]
    Load(load::Options),
    /// Connect, send one frame, receive one, end
    #[cfg(unix)]
    Once { socket: PathBuf },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().program {
        Program::BulkInsert { package, database } => bulk_insert::run(&package, &database),
        Program::Xml { package, what } => xml::run(&package, what),
        Program::Decide => decide::run(),
        #[cfg(unix)]
        Program::Echo { socket } => echo::run(&socket),
        #[cfg(unix)]
        Program::Load(options) => load::run(&options),
        #[cfg(unix)]
        Program::Once { socket } => load::once(&socket),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cs-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
