//! `csvault service install|uninstall|status`: the service as one of the machine's own, for all of its accounts.

#[cfg(unix)]
mod systemd;
#[cfg(unix)]
mod unit;
#[cfg(windows)]
mod windows;

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use cs_contract::ErrorReport;

use crate::cli::{Out, failed};

#[cfg(unix)]
use systemd as platform;
#[cfg(windows)]
use windows as platform;

#[cfg(windows)]
pub use windows::run_dispatched;

/// What to do with the service.
#[derive(Debug, Subcommand)]
pub enum ServiceCommand {
    /// Install it, and start it where that is possible now
    Install(InstallOptions),
    /// Stop and remove it; the data folder stays
    Uninstall(PlaceOptions),
    /// Say whether it is installed, starts with the machine, and runs
    Status(PlaceOptions),
}

/// Where the service is installed.
#[derive(Debug, Clone, Default, Args)]
pub struct PlaceOptions {
    /// Another system's root folder, such as that of an image; nothing is started there
    #[cfg(unix)]
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,
}

/// How the service is installed.
#[derive(Debug, Clone, Args)]
pub struct InstallOptions {
    /// The data folder
    #[arg(long, value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// The pipe
    #[arg(long, value_name = "PATH")]
    pub pipe: Option<PathBuf>,
    /// The account that it runs as; made when there is none
    #[cfg(unix)]
    #[arg(long, value_name = "NAME", default_value = "csvault")]
    pub account: String,
    /// The executable, when the service is to run another one than this
    #[arg(long, value_name = "PATH")]
    pub executable: Option<PathBuf>,
    #[command(flatten)]
    pub place: PlaceOptions,
}

/// What the commands do.
#[derive(Debug, Clone, Copy)]
enum Step {
    #[cfg(unix)]
    Wrote,
    #[cfg(unix)]
    Replaced,
    #[cfg(unix)]
    Removed,
    #[cfg(unix)]
    Ran,
    Made,
    #[cfg(windows)]
    Installed,
    #[cfg(windows)]
    StoppedAndRemoved,
}

impl Step {
    /// The words for what was done, and for what would be.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            #[cfg(unix)]
            Self::Wrote => ("Wrote", "Would write"),
            #[cfg(unix)]
            Self::Replaced => ("Replaced", "Would replace"),
            #[cfg(unix)]
            Self::Removed => ("Removed", "Would remove"),
            #[cfg(unix)]
            Self::Ran => ("Ran", "Would run"),
            Self::Made => ("Made", "Would make"),
            #[cfg(windows)]
            Self::Installed => ("Installed", "Would install"),
            #[cfg(windows)]
            Self::StoppedAndRemoved => ("Stopped and removed", "Would stop and remove"),
        }
    }
}

/// What was done, line by line as it was done, and what is left to do.
#[derive(Debug, Default)]
pub struct Told {
    /// What the administrator has to do now.
    left: Vec<String>,
    /// Nothing is changed.
    dry_run: bool,
}

impl Told {
    fn new(dry_run: bool) -> Self {
        Self {
            left: Vec::new(),
            dry_run,
        }
    }

    /// One thing that was done, or that would be.
    fn done(&self, step: Step, what: &str) {
        let (was, would_be) = step.words();
        let verb = if self.dry_run { would_be } else { was };
        self.say(&format!("{verb} {what}"));
    }

    /// How something is, whoever only looks.
    fn say(&self, what: &str) {
        let _told_at_the_end = writeln!(Out, "{what}");
    }

    /// One thing that is left to do.
    fn left(&mut self, what: impl Into<String>) {
        self.left.push(what.into());
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if self.left.is_empty() {
            return;
        }
        let mut text = "Left to do:\n".to_owned();
        for what in &self.left {
            text.push_str("  - ");
            text.push_str(&what.replace('\n', "\n    "));
            text.push('\n');
        }
        let _told_at_the_end = Out.write_all(text.as_bytes());
    }
}

/// Runs one of the commands and gives its exit code.
pub fn run(command: &ServiceCommand) -> u8 {
    let (name, outcome): (_, Result<u8, ErrorReport>) = match command {
        ServiceCommand::Install(options) => ("install", platform::install(options).map(|()| 0)),
        ServiceCommand::Uninstall(place) => ("uninstall", platform::uninstall(place).map(|()| 0)),
        ServiceCommand::Status(place) => ("status", platform::status(place)),
    };
    outcome.unwrap_or_else(|error| failed(&format!("csvault service {name}"), &error))
}
