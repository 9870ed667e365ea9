//! Commands, clocks and medians.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::Outcome;
use crate::workspace::root;

/// Builds a package for release.
pub fn build(package: &str) -> Outcome {
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["build", "--quiet", "--release", "--package", package])
        .current_dir(root());
    run_quietly(&mut command)
}

/// Runs a command; its output shows only when it fails.
pub fn run_quietly(command: &mut Command) -> Outcome {
    output(command).map(drop)
}

/// What a command prints.
pub fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{name} could not be run: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!(
            "{name} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        ))
    }
}

/// How long a command takes, in seconds.
pub fn time(command: &mut Command) -> Result<f64, String> {
    let start = Instant::now();
    run_quietly(command)?;
    Ok(start.elapsed().as_secs_f64())
}

/// A command on one core, where that can be asked for.
pub fn on_core(core: &str, program: &Path) -> Command {
    if find("taskset").is_some() {
        let mut command = Command::new("taskset");
        command.args(["-c", core]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

/// A program on PATH.
pub fn find(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// A program, installed as a Debian package when it is missing and that is possible.
pub fn need(name: &str, package: &str) -> Result<PathBuf, String> {
    if let Some(path) = find(name) {
        return Ok(path);
    }
    let mut install = Command::new("apt-get");
    install
        .args([
            "install",
            "--yes",
            "--quiet",
            "--no-install-recommends",
            package,
        ])
        .env("DEBIAN_FRONTEND", "noninteractive");
    run_quietly(&mut install).map_err(|error| {
        format!("{name} is not installed, and installing {package} failed: {error}")
    })?;
    find(name).ok_or_else(|| format!("{package} does not bring {name}"))
}

/// The median.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// One thing to measure.
pub type Measure<'a> = &'a mut dyn FnMut() -> Result<f64, String>;

/// Measures one thing against another in interleaved rounds, after one round to warm up: the median of the rounds' ratios.
pub fn ratio(rounds: usize, product: Measure<'_>, reference: Measure<'_>) -> Result<f64, String> {
    let mut ratios = Vec::new();
    for round in 0..=rounds {
        let (ours, theirs) = (product()?, reference()?);
        if round > 0 {
            ratios.push(ours / theirs);
        }
    }
    Ok(median(ratios))
}
