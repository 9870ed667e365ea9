//! `cargo xtask bench`: the goals of docs/performance.md, as ratios of medians in interleaved rounds of one run.

mod host;
mod latency;
mod peers;
mod prompt;
mod tools;
mod transfer;

use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::workspace::{root, target};
use tools::{build, run_quietly};

/// Options of the command.
#[derive(clap::Args)]
pub struct Options {
    /// One line of JSON a row instead of the table
    #[arg(long)]
    json: bool,
    /// Only rows whose name begins with one of these, for example P1,P10
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Rounds of each measurement
    #[arg(long, default_value_t = 9)]
    rounds: usize,
}

/// One measured goal: lower is better.
pub struct Row {
    name: String,
    ratio: f64,
    goal: f64,
}

impl Row {
    fn new(name: &str, ratio: f64, goal: f64) -> Self {
        Self {
            name: name.to_owned(),
            ratio,
            goal,
        }
    }
}

/// What all measurements share.
pub struct Bench {
    /// A temporary folder.
    folder: tempfile::TempDir,
    /// The product, built for release.
    csvault: PathBuf,
    /// The reference programs.
    reference: PathBuf,
    rounds: usize,
}

impl Bench {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The path of a sample package: `S1k`, `S20k` or `BIG`.
    fn sample(&self, name: &str) -> PathBuf {
        self.path(&format!("{name}.zip"))
    }
}

type Group = (
    &'static [&'static str],
    fn(&Bench) -> Result<Vec<Row>, String>,
);

/// The measurements, each with the beginnings of the names of its rows.
const GROUPS: [Group; 14] = [
    (
        &["P1", "P2", "export", "P9 export sqlite3"],
        transfer::exports,
    ),
    (&["P3"], transfer::big_export),
    (&["P4"], transfer::size),
    (&["P5"], transfer::memory),
    (&["P6", "P7"], transfer::imports),
    (&["P8"], transfer::dry_run),
    (&["P9 zip"], peers::zip),
    (&["P9 restic"], peers::restic),
    (&["P9 pg"], peers::postgres),
    (&["P10", "P11", "P12", "P13", "P14"], latency::rows),
    (&["P15"], latency::ready),
    (&["P16"], transfer::xml),
    (&["decision"], transfer::decision),
    (&["prompt"], prompt::rows),
];

/// Runs it. A goal that is missed is told and is no failure; a measurement that cannot run is named.
pub fn run(options: &Options) -> Outcome {
    let bench = prepare(options.rounds)?;
    let mut rows: Vec<Row> = Vec::new();
    for (names, measure) in GROUPS {
        let wanted = |only: &String| {
            names
                .iter()
                .any(|name| name.starts_with(only.as_str()) || only.starts_with(name))
        };
        if !options.only.is_empty() && !options.only.iter().any(wanted) {
            continue;
        }
        match measure(&bench) {
            Ok(found) => {
                for row in found {
                    if options.json {
                        println!(
                            "{}",
                            serde_json::json!({"name": row.name, "ratio": rounded(row.ratio), "goal": row.goal})
                        );
                    } else {
                        eprintln!("  {}: {:.2}", row.name, row.ratio);
                    }
                    rows.push(row);
                }
            }
            Err(reason) => eprintln!("skipped: {}: {reason}", names.join(", ")),
        }
    }
    if !options.json {
        println!(
            "{:58} {:>7} {:>7}",
            "measurement (lower is better)", "ratio", "goal"
        );
        for row in &rows {
            let mark = if row.ratio <= row.goal {
                ""
            } else {
                "  missed"
            };
            println!("{:58} {:>7.2} {:>7.2}{mark}", row.name, row.ratio, row.goal);
        }
    }
    Ok(())
}

fn rounded(ratio: f64) -> f64 {
    (ratio * 1000.0).round() / 1000.0
}

fn prepare(rounds: usize) -> Result<Bench, String> {
    build("csvault")?;
    build("cs-bench")?;
    let folder = tempfile::Builder::new()
        .prefix("cvb")
        .tempdir()
        .map_err(|error| format!("no temporary folder: {error}"))?;
    let exe = |name: &str| {
        target()
            .join("release")
            .join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    };
    let bench = Bench {
        csvault: exe("csvault"),
        reference: exe("cs-bench"),
        folder,
        rounds,
    };
    for (name, arguments) in [
        ("S1k", ["--documents", "1000"]),
        ("S20k", ["--documents", "20000"]),
        ("BIG", ["--big", "200000000"]),
    ] {
        sample(&bench.sample(name), &arguments)?;
    }
    Ok(bench)
}

/// The generator in a process of its own, built for release: it compresses 400 MB.
fn sample(out: &Path, arguments: &[&str]) -> Outcome {
    let mut command = std::process::Command::new(env!("CARGO"));
    command
        .args([
            "run",
            "--quiet",
            "--release",
            "--package",
            "xtask",
            "--",
            "sample",
            "--out",
        ])
        .arg(out)
        .args(arguments)
        .current_dir(root());
    run_quietly(&mut command)
}
