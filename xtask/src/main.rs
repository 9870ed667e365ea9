//! The project's own commands: `cargo xtask demo`, `cargo xtask test`, and what developers need besides.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[cfg(test)]
mod architecture;
mod bench;
mod demo;
mod generate;
mod new_cmdlet;
mod sample;
mod test;
mod workspace;

/// How a command ends: well, or with one sentence.
type Outcome = Result<(), String>;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own commands")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build, start a host in a temporary home and show the main job at a prompt
    Demo(demo::Options),
    /// Run every test: Rust, wire transcripts, Pester
    Test(test::Options),
    /// Write everything that is generated from the manifests
    Generate(generate::Options),
    /// Start a new cmdlet: manifest, handler, test
    NewCmdlet(new_cmdlet::Options),
    /// Write a sample package for benchmarks
    Sample(sample::Options),
    /// Measure against the goals of docs/performance.md
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Demo(options) => demo::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Generate(options) => generate::run(&options),
        Command::NewCmdlet(options) => new_cmdlet::run(&options),
        Command::Sample(options) => sample::run(&options),
        Command::Bench(options) => bench::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("xtask: {sentence}");
            ExitCode::FAILURE
        }
    }
}
