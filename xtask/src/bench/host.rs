//! A service of its own for a measurement.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Bench;
use super::tools::{on_core, output, run_quietly};
use crate::workspace::own_service_only;

/// A running service; it ends with its value.
pub struct Host {
    csvault: PathBuf,
    pub home: PathBuf,
    child: Child,
}

impl Host {
    /// Starts one in a home of a name, on one core when asked to. Returns it when it is ready.
    pub fn start(bench: &Bench, name: &str, core: Option<&str>) -> Result<Self, String> {
        let home = bench.path(name);
        let mut command = match core {
            Some(core) => on_core(core, &bench.csvault),
            None => Command::new(&bench.csvault),
        };
        command
            .arg("serve")
            .arg("--home")
            .arg(&home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = own_service_only(&mut command)
            .spawn()
            .map_err(|error| format!("csvault serve: {error}"))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout)
                .read_line(&mut line)
                .map_err(|error| error.to_string())?;
        }
        if !line.starts_with('{') {
            return Err("csvault serve did not become ready".to_owned());
        }
        Ok(Self {
            csvault: bench.csvault.clone(),
            home,
            child,
        })
    }

    /// A command of the executable for this service.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.csvault);
        command.args(arguments).env("CSVAULT_HOME", &self.home);
        own_service_only(&mut command);
        command
    }

    pub fn socket(&self) -> PathBuf {
        self.home.join("csvault.sock")
    }

    /// `csvault run Import-CsConfiguration -FileName package -Force`.
    pub fn import(&self, package: &Path) -> Command {
        let mut command = self.command(&["run", "Import-CsConfiguration", "-Force", "-FileName"]);
        command.arg(package);
        command
    }

    /// `csvault run Export-CsConfiguration -FileName out -Force`.
    pub fn export(&self, out: &Path) -> Command {
        let mut command = self.command(&["run", "Export-CsConfiguration", "-Force", "-FileName"]);
        command.arg(out);
        command
    }

    /// Waits until the newest version is kept in deflated form.
    pub fn settle(&self) -> Result<(), String> {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(120) {
            let status = output(&mut self.command(&["status", "--json"]))?;
            let status: serde_json::Value =
                serde_json::from_str(&status).map_err(|error| error.to_string())?;
            if status
                .get("pendingBytes")
                .and_then(serde_json::Value::as_u64)
                == Some(0)
            {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err("the service did not come to rest".to_owned())
    }

    /// The most memory that it ever had, in bytes.
    pub fn peak(&self) -> Result<f64, String> {
        let path = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("the peak of memory is not known here: {error}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes: f64 = line
            .and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
            .unwrap_or(f64::NAN);
        Ok(kilobytes * 1024.0)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let stopped = run_quietly(&mut self.command(&["stop"]));
        if stopped.is_err() {
            let _it_is_ours = self.child.kill();
        }
        let _ended = self.child.wait();
    }
}
