//! What a user feels at the prompt.

use std::process::Command;

use super::host::Host;
use super::tools::{output, ratio};
use super::{Bench, Row};
use crate::workspace::{find_pwsh, own_service_only, root};

/// The import with the first call above the import of an empty module, as a part of 250 ms; a later call against the least that a
/// script can do for the same answer.
pub fn rows(bench: &Bench) -> Result<Vec<Row>, String> {
    let pwsh = find_pwsh().ok_or("there is no pwsh on PATH")?;
    let host = Host::start(bench, "prompt", None)?;
    let empty = bench.path("Empty.psm1");
    std::fs::write(&empty, "function Get-Nothing { }\n").map_err(|error| error.to_string())?;
    let module = root().join("module/CsVault/CsVault.psd1");
    let seconds = |what: &str| -> Result<f64, String> {
        let mut command = Command::new(&pwsh);
        command
            .args(["-NoProfile", "-NonInteractive", "-File"])
            .arg(root().join("xtask/bench/prompt.ps1"))
            .args(["-What", what, "-Module"])
            .arg(if what == "empty" { &empty } else { &module })
            .arg("-Socket")
            .arg(host.socket())
            .env("CSVAULT_HOME", &host.home)
            .env("CSVAULT_EXE", &bench.csvault);
        let text = output(own_service_only(&mut command))?;
        text.trim()
            .parse()
            .map_err(|_| format!("no number: {text}"))
    };
    let mut above = Vec::new();
    for _ in 0..bench.rounds {
        above.push(seconds("first")? - seconds("empty")?);
    }
    let later = ratio(bench.rounds.min(5), &mut || seconds("call"), &mut || {
        seconds("echo")
    })?;
    Ok(vec![
        Row::new(
            "prompt: import and first call above an empty module / 250 ms",
            super::tools::median(above) / 0.250,
            1.0,
        ),
        Row::new(
            "prompt: a later call / the same answer by a bare script",
            later,
            1.5,
        ),
    ])
}
