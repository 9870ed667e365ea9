//! What a user feels at the prompt.

use std::ffi::OsStr;
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
    let seconds = |script: &str, arguments: &[&OsStr]| -> Result<f64, String> {
        let mut command = Command::new(&pwsh);
        command
            .args(["-NoProfile", "-NonInteractive", "-File"])
            .arg(root().join("xtask/bench").join(script))
            .arg("-Module")
            .args(arguments)
            .env("CSVAULT_HOME", &host.home)
            .env("CSVAULT_EXE", &bench.csvault);
        let text = output(own_service_only(&mut command))?;
        text.trim()
            .parse()
            .map_err(|_| format!("no number: {text}"))
    };
    let (module, empty) = (module.as_os_str(), empty.as_os_str());
    let mut above = Vec::new();
    for _ in 0..bench.rounds {
        let first = seconds("first.ps1", &[module, OsStr::new("-Call")])?;
        above.push(first - seconds("first.ps1", &[empty])?);
    }
    let socket = host.socket();
    let later = |what: &str| {
        let what = OsStr::new(what);
        let socket = OsStr::new(&socket);
        seconds(
            "later.ps1",
            &[
                module,
                OsStr::new("-Socket"),
                socket,
                OsStr::new("-What"),
                what,
            ],
        )
    };
    let later = ratio(bench.rounds.min(5), &mut || later("call"), &mut || {
        later("echo")
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
