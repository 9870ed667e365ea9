//! The pipe: round trips, many clients, whole processes, a busy service.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use super::host::Host;
use super::tools::{on_core, output, ratio, run_quietly, time};
use super::{Bench, Row};

/// The bare echo; it ends with its value.
struct Echo {
    child: Child,
    socket: std::path::PathBuf,
}

impl Echo {
    fn start(bench: &Bench) -> Result<Self, String> {
        let socket = bench.path("echo.sock");
        let _absent = std::fs::remove_file(&socket);
        let mut child = on_core("0", &bench.reference)
            .arg("echo")
            .arg(&socket)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the echo: {error}"))?;
        if let Some(stdout) = child.stdout.take() {
            let mut line = String::new();
            std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line)
                .map_err(|error| error.to_string())?;
        }
        Ok(Self { child, socket })
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _it_is_ours = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// What the load program printed.
struct Load(serde_json::Value);

impl Load {
    fn run(
        bench: &Bench,
        core: &str,
        socket: &std::path::Path,
        arguments: &[&str],
    ) -> Result<Self, String> {
        let text = output(
            on_core(core, &bench.reference)
                .arg("load")
                .arg(socket)
                .args(arguments),
        )?;
        serde_json::from_str(&text)
            .map(Self)
            .map_err(|error| error.to_string())
    }

    fn get(&self, name: &str) -> f64 {
        self.0
            .get(name)
            .and_then(serde_json::Value::as_f64)
            .unwrap_or(f64::NAN)
    }
}

/// P10 to P14.
pub fn rows(bench: &Bench) -> Result<Vec<Row>, String> {
    let host = Host::start(bench, "latency", Some("0"))?;
    let echo = Echo::start(bench)?;
    let mut rows = Vec::new();
    let socket = host.socket();
    let pair = |core: &str, ours: &[&str], theirs: &[&str], name: &str| -> Result<f64, String> {
        ratio(
            bench.rounds.min(7),
            &mut || Ok(Load::run(bench, core, &socket, ours)?.get(name)),
            &mut || Ok(Load::run(bench, core, &echo.socket, theirs)?.get(name)),
        )
    };
    let (ping, plain) = (["--to", "ping"], ["--to", "echo"]);
    rows.push(Row::new(
        "P10 ping p50 / raw echo",
        pair("0", &ping, &plain, "p50")?,
        1.30,
    ));
    rows.push(Row::new(
        "P10 ping p99 / raw echo",
        pair("0", &ping, &plain, "p99")?,
        2.00,
    ));
    let role = [
        "--to",
        "role",
        "--parameters",
        r#"{"Identity":"CSResponseGroupManager"}"#,
    ];
    rows.push(Row::new(
        "P11 Get-CsAdminRole -Identity p50 / raw echo",
        pair("0", &role, &plain, "p50")?,
        2.50,
    ));
    // The roles that together make about 64 KB.
    let large = [
        "--to",
        "role",
        "--count",
        "4000",
        "--parameters",
        r#"{"Filter":"CS[ASV]*"}"#,
    ];
    let records = [&large[..], &["--clients", "1"]].concat();
    let bytes = reply_bytes(&host, r#"CS[ASV]*"#)?;
    let size = bytes.to_string();
    let same = ["--to", "echo", "--count", "4000", "--size", size.as_str()];
    rows.push(Row::new(
        "P11 reply of 64 KB p50 / raw echo of the same size",
        pair("0", &records, &same, "p50")?,
        1.60,
    ));
    let many = ["--clients", "64", "--count", "500"];
    let (ours, theirs) = ([&ping[..], &many].concat(), [&plain[..], &many].concat());
    rows.push(Row::new(
        "P12 raw echo's messages a second / ours, 64 clients",
        1.0 / pair("1", &ours, &theirs, "rate")?,
        1.0 / 0.75,
    ));
    let slowest = Load::run(bench, "1", &socket, &ours)?.get("slowest");
    rows.push(Row::new(
        "P12 half the median client / the slowest of 64",
        0.5 / slowest,
        1.0,
    ));

    let mut once = Command::new(&bench.reference);
    once.arg("once").arg(&echo.socket);
    let mut get =
        || time(&mut host.command(&["run", "Get-CsAdminRole", "-Identity", "CsHelpDesk"]));
    let found = ratio(60, &mut get, &mut || time(&mut once))?;
    rows.push(Row::new(
        "P13 csvault run Get-CsAdminRole / minimal client, whole processes",
        found,
        2.0,
    ));
    drop(host);
    rows.extend(busy(bench)?);
    Ok(rows)
}

fn reply_bytes(host: &Host, filter: &str) -> Result<usize, String> {
    let text = output(&mut host.command(&[
        "run",
        "Get-CsAdminRole",
        "-Filter",
        filter,
        "-Output",
        "json",
    ]))
    .or_else(|_| {
        output(&mut host.command(&[
            "run",
            "--output",
            "json",
            "Get-CsAdminRole",
            "-Filter",
            filter,
        ]))
    })?;
    let value: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| error.to_string())?;
    Ok(value.to_string().len())
}

/// P14: round trips while exports run, on two cores.
fn busy(bench: &Bench) -> Result<Vec<Row>, String> {
    let host = Host::start(bench, "busy", None)?;
    run_quietly(&mut host.import(&bench.sample("S20k")))?;
    host.settle()?;
    let load = |name: &str| -> Result<f64, String> {
        let arguments = ["--to", "ping", "--count", "5000"];
        let text = output(
            Command::new(&bench.reference)
                .arg("load")
                .arg(host.socket())
                .args(arguments),
        )?;
        let value: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| error.to_string())?;
        Ok(value
            .get(name)
            .and_then(serde_json::Value::as_f64)
            .unwrap_or(f64::NAN))
    };
    let exporting = |name: &str| -> Result<f64, String> {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let exports = scope.spawn(|| -> Result<(), String> {
                while !stop.load(Ordering::Relaxed) {
                    run_quietly(&mut host.export(&bench.path("busy.zip")))?;
                }
                Ok(())
            });
            let found = load(name);
            stop.store(true, Ordering::Relaxed);
            exports
                .join()
                .unwrap_or_else(|_| Err("the exports ended".to_owned()))?;
            found
        })
    };
    let p50 = ratio(bench.rounds.min(7), &mut || exporting("p50"), &mut || {
        load("p50")
    })?;
    let p99 = ratio(bench.rounds.min(7), &mut || exporting("p99"), &mut || {
        load("p99")
    })?;
    Ok(vec![
        Row::new("P14 ping p50 while S20k is exported / idle", p50, 2.0),
        Row::new("P14 ping p99 while S20k is exported / idle", p99, 4.0),
    ])
}

/// P15: from the start of the process to readiness, with 20,000 documents and with none.
pub fn ready(bench: &Bench) -> Result<Vec<Row>, String> {
    {
        let host = Host::start(bench, "ready20k", None)?;
        run_quietly(&mut host.import(&bench.sample("S20k")))?;
        host.settle()?;
        drop(Host::start(bench, "ready0", None)?);
    }
    let start = |name: &str| -> Result<f64, String> {
        let begin = std::time::Instant::now();
        let host = Host::start(bench, name, None)?;
        let seconds = begin.elapsed().as_secs_f64();
        drop(host);
        Ok(seconds)
    };
    let found = ratio(bench.rounds, &mut || start("ready20k"), &mut || {
        start("ready0")
    })?;
    Ok(vec![Row::new(
        "P15 ready with S20k / ready with an empty store",
        found,
        1.5,
    )])
}
