//! `cargo xtask test`: Rust tests, wire transcripts and Pester files, closed by one line of counts.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Outcome;
use crate::workspace::{executable, find_pwsh, own_service_only, root};

/// Options of the command.
#[derive(clap::Args)]
pub struct Options {
    /// Only the Rust tests
    #[arg(long)]
    rust_only: bool,
    /// Only the Pester files
    #[arg(long, conflicts_with = "rust_only")]
    pester_only: bool,
}

/// What the tests came to.
#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
    skipped: Vec<String>,
    broken: Vec<String>,
}

/// Runs everything and fails when anything failed. Without PowerShell it says what it left out; in CI that is a failure.
pub fn run(options: &Options) -> Outcome {
    let mut tally = Tally::default();
    if !options.pester_only {
        rust_tests(&mut tally)?;
    }
    if !options.rust_only {
        pester_tests(&mut tally)?;
    }
    for reason in &tally.skipped {
        println!("skipped: {reason}");
    }
    for reason in &tally.broken {
        println!("broken: {reason}");
    }
    println!(
        "{} passed, {} failed, {} skipped",
        tally.passed,
        tally.failed,
        tally.skipped.len()
    );
    if tally.failed == 0 && tally.broken.is_empty() {
        Ok(())
    } else {
        Err("not everything passed".to_owned())
    }
}

fn rust_tests(tally: &mut Tally) -> Outcome {
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["test", "--workspace", "--no-fail-fast", "--color=never"])
        .args(["--", "--show-output"])
        .current_dir(root());
    own_service_only(&mut command);
    let status = read_lines(command, &mut |line| {
        if let Some(counts) = line.strip_prefix("test result: ") {
            tally.passed += number_before(counts, " passed");
            tally.failed += number_before(counts, " failed");
            println!("{line}");
        } else if let Some(reason) = line.strip_prefix("skipped: ") {
            tally.skipped.push(reason.to_owned());
        } else if !line.ends_with("... ok") && !line.is_empty() {
            println!("{line}");
        }
    })?;
    if !status && tally.failed == 0 {
        tally
            .broken
            .push("the Rust tests could not be built or run".to_owned());
    }
    Ok(())
}

fn pester_tests(tally: &mut Tally) -> Outcome {
    let Some(pwsh) = find_pwsh() else {
        let files = count_pester_files(&root().join("tests/pester"));
        let reason = format!("the {files} Pester files of tests/pester: there is no pwsh on PATH");
        if std::env::var_os("CI").is_some_and(|value| value == "true") {
            tally.broken.push(reason);
        } else {
            tally.skipped.push(reason);
        }
        return Ok(());
    };
    // The Pester files start the executable of the build folder.
    let executable = executable("csvault")?;
    let mut command = Command::new(pwsh);
    command
        .args(["-NoProfile", "-NonInteractive", "-File"])
        .arg(root().join("tests/pester/run.ps1"))
        .env("CSVAULT_EXE", executable)
        .current_dir(root());
    own_service_only(&mut command);
    let mut counted = false;
    let status = read_lines(command, &mut |line| {
        if let Some(reason) = line.strip_prefix("skipped: ") {
            tally.skipped.push(reason.to_owned());
        } else if let Some(counts) = line.strip_prefix("pester: ") {
            counted = true;
            tally.passed += number_before(counts, " passed");
            tally.failed += number_before(counts, " failed");
            println!("{line}");
        } else {
            println!("{line}");
        }
    })?;
    if !counted {
        tally
            .broken
            .push("the Pester files did not run to their end".to_owned());
    } else if !status && tally.failed == 0 {
        tally
            .broken
            .push("the Pester run failed without a failed test".to_owned());
    }
    Ok(())
}

/// Runs a command and hands out its lines; true when it ended well.
fn read_lines(mut command: Command, each: &mut dyn FnMut(&str)) -> Result<bool, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let fail = |error: std::io::Error| format!("{name} could not be run: {error}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(fail)?;
    if let Some(output) = child.stdout.take() {
        let mut reader = BufReader::new(output);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).map_err(fail)? > 0 {
            each(String::from_utf8_lossy(&line).trim_end());
            line.clear();
        }
    }
    Ok(child.wait().map_err(fail)?.success())
}

/// The number that stands directly before a word: `12 passed; 0 failed` gives 12 for ` passed`.
fn number_before(text: &str, word: &str) -> u64 {
    text.split(word)
        .next()
        .and_then(|before| before.rsplit(|c: char| !c.is_ascii_digit()).next())
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}

fn count_pester_files(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, |entries| {
        entries
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().ends_with(".Tests.ps1"))
            .count()
    })
}

#[cfg(test)]
mod tests {
    use super::number_before;

    #[test]
    fn counts_are_read_from_summaries() {
        let line = "ok. 12 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(number_before(line, " passed"), 12);
        assert_eq!(number_before(line, " failed"), 3);
        assert_eq!(number_before("nothing", " failed"), 0);
    }
}
