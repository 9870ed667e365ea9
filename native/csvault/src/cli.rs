//! The command line.

mod out;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use cs_contract::{ErrorId, ErrorReport};

use crate::client::{self, Output, Ran, RunOptions, Target};
use crate::home::{self, Mode};
use crate::serve::{self, NotReady};
use crate::service::{self, ServiceCommand};
use crate::{audit, schema, status};

pub use out::{Out, noted, report as output_failed};

/// The cmdlet failed, or some of what was asked for.
pub const EXIT_FAILED: u8 = 1;
/// The command line is wrong.
pub const EXIT_USAGE: u8 = 2;
/// No service runs, can be started, or is to be trusted.
pub const EXIT_NO_SERVICE: u8 = 3;
/// Another service has the data folder open.
pub const EXIT_HELD: u8 = 4;
/// Ctrl+C.
pub const EXIT_INTERRUPTED: u8 = 130;

/// The Central Management store of Lync Server and Skype for Business Server, on any machine.
#[derive(Debug, Parser)]
#[command(
    name = "csvault",
    version,
    disable_help_subcommand = true,
    after_help = "\
Exit codes: 0 success; 1 the cmdlet failed, or some of what was asked for; 2 the command line is wrong; 3 no service runs, can be \
started or is to be trusted; 4 another service has the data folder open; 130 interrupted.

CSVAULT_HOME names the data folder, CSVAULT_PIPE another pipe than the one in it, CSVAULT_PIPE_OWNER the account that must be behind that pipe."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service in the foreground; says one line of JSON when it is ready
    Serve {
        /// The data folder
        #[arg(long, value_name = "DIR")]
        home: Option<PathBuf>,
        /// The pipe, when it is not in the data folder
        #[arg(long, value_name = "PATH")]
        pipe: Option<PathBuf>,
        /// Serve all accounts of this machine; roles and groups decide what they may do
        #[arg(long)]
        system: bool,
        /// End after so many minutes without a request, also parts of one; 0 means never
        #[arg(long, value_name = "N", value_parser = minutes)]
        idle_minutes: Option<f64>,
        /// Leave the session of the caller; for clients that start their own service
        #[arg(long, hide = true)]
        detach: bool,
        /// The service manager of Windows started it
        #[cfg(windows)]
        #[arg(long, hide = true)]
        as_service: bool,
    },
    /// Install the service for all accounts of this machine, remove it, or say how it is
    Service {
        #[command(subcommand)]
        command: ServiceCommand,
    },
    /// Start the service of this user in the background, if it does not run; says the same line
    Start {
        /// The data folder
        #[arg(long, value_name = "DIR")]
        home: Option<PathBuf>,
    },
    /// Run a cmdlet: csvault run Get-CsAdminRole -Identity CsHelpDesk; with --help behind its name, say what it takes
    Run {
        /// The data folder
        #[arg(long, value_name = "DIR")]
        home: Option<PathBuf>,
        /// How objects are printed
        #[arg(long, value_enum, default_value_t)]
        output: Output,
        /// The cmdlet and its parameters, as at a PowerShell prompt
        #[arg(
            value_name = "CMDLET [-PARAMETER VALUE]",
            required = true,
            trailing_var_arg = true,
            allow_hyphen_values = true
        )]
        words: Vec<String>,
    },
    /// Say whether the service runs, and what it has
    Status {
        /// The data folder
        #[arg(long, value_name = "DIR")]
        home: Option<PathBuf>,
        /// As one line of JSON
        #[arg(long)]
        json: bool,
    },
    /// End the service; running calls get a moment
    Stop {
        /// The data folder
        #[arg(long, value_name = "DIR")]
        home: Option<PathBuf>,
    },
    /// Print the JSON Schema of a file or of the protocol
    Schema {
        /// Of what
        #[arg(value_enum)]
        of: schema::Subject,
    },
    /// Print the completion script of a shell
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Look after the audit log
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Check every line; names the first one that was edited, removed, moved or cut off
    Verify {
        /// The data folder
        #[arg(long, value_name = "DIR")]
        home: Option<PathBuf>,
    },
}

/// Minutes as far as the settings have them too, also parts of one.
fn minutes(text: &str) -> Result<f64, String> {
    const MOST: u32 = u32::MAX;
    let is_time = |minutes: &f64| (0.0..=f64::from(MOST)).contains(minutes);
    text.parse()
        .ok()
        .filter(is_time)
        .ok_or_else(|| format!("it takes a number of minutes from 0 to {MOST}"))
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse_from(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => {
            let printed = error.print();
            let mut code = u8::try_from(error.exit_code()).unwrap_or(EXIT_USAGE);
            if !error.use_stderr() {
                let _told_at_the_end = noted(printed);
                code = out::finish(code);
            }
            return ExitCode::from(code);
        }
    };
    // A service says that it is ready to whoever listens; nobody has to.
    let is_service = matches!(cli.command, Command::Serve { .. });
    let code = dispatch(cli.command);
    ExitCode::from(if is_service { code } else { out::finish(code) })
}

fn dispatch(command: Command) -> u8 {
    match command {
        Command::Serve {
            home,
            pipe,
            system,
            idle_minutes,
            detach,
            #[cfg(windows)]
            as_service,
        } => {
            #[cfg(all(target_os = "linux", target_env = "gnu"))]
            crate::allocator::settle();
            let mode = if system { Mode::System } else { Mode::Embedded };
            let options = home::locate(home.as_deref(), mode).map(|home| serve::Options {
                home,
                pipe,
                mode,
                idle_minutes,
                detach,
            });
            #[cfg(windows)]
            if as_service {
                return match options.and_then(service::run_dispatched) {
                    Ok(()) => 0,
                    Err(error) => failed("csvault serve", &error),
                };
            }
            serve_command(options)
        }
        Command::Service { command } => service::run(&command),
        Command::Start { home } => {
            match Target::find(home.as_deref()).and_then(|target| client::started(&target)) {
                Ok(ready) => print_json(&ready),
                Err(error) => {
                    print_json(&NotReady {
                        error: error.clone(),
                    });
                    failed("csvault start", &error)
                }
            }
        }
        Command::Run {
            home,
            output,
            words,
        } => run_command(home, output, words),
        Command::Status { home, json } => status::status(home.as_deref(), json),
        Command::Stop { home } => status::stop(home.as_deref()),
        Command::Schema { of } => print_json(&schema::of(of)),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            let mut command = <Cli as clap::CommandFactory>::command();
            clap_complete::generate(shell, &mut command, "csvault", &mut script);
            let _told_at_the_end = Out.write_all(&script);
            0
        }
        Command::Audit {
            command: AuditCommand::Verify { home },
        } => verify_audit(home),
    }
}

fn serve_command(options: Result<serve::Options, ErrorReport>) -> u8 {
    let detach = options.as_ref().is_ok_and(|options| options.detach);
    let Err((error, code)) =
        options
            .map_err(|error| (error, EXIT_NO_SERVICE))
            .and_then(|options| {
                serve::run(&options).map_err(|fault| match fault {
                    serve::Fault::Held(error) => (error, EXIT_HELD),
                    serve::Fault::Failed(error) => (error, EXIT_NO_SERVICE),
                })
            })
    else {
        return 0;
    };
    if detach {
        print_json(&NotReady { error });
    } else {
        tell("csvault serve", &error);
    }
    code
}

fn run_command(mut home: Option<PathBuf>, mut output: Output, words: Vec<String>) -> u8 {
    let mut words = words.into_iter();
    let cmdlet = words.next().unwrap_or_default();
    let mut rest = Vec::new();
    // Our own options may also come last; no parameter of a cmdlet begins with two dashes.
    while let Some(word) = words.next() {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        match name {
            // Also with one dash, as the cmdlet's own are written; none of them has this name.
            "--output" | "-Output" | "-output" => match value
                .or_else(|| words.next())
                .map(|value| Output::from_str(&value, true))
            {
                Some(Ok(chosen)) => output = chosen,
                _ => return usage("--output takes json or table."),
            },
            "--home" => match value.or_else(|| words.next()) {
                Some(folder) => home = Some(OsString::from(folder).into()),
                None => return usage("--home takes a folder."),
            },
            _ => rest.push(word),
        }
    }
    if rest.iter().any(|word| client::asks_for_help(word)) {
        return match client::help(&cmdlet) {
            Ok(text) => {
                let _told_at_the_end = Out.write_all(text.as_bytes());
                0
            }
            Err(error) => failed(&cmdlet, &error),
        };
    }
    match client::run(&RunOptions {
        home,
        cmdlet: cmdlet.clone(),
        words: rest,
        output,
    }) {
        Ok(Ran::Well) => 0,
        Ok(Ran::WithErrors) => EXIT_FAILED,
        Err(error) => failed(&cmdlet, &error),
    }
}

fn usage(text: &str) -> u8 {
    let _unseen = writeln!(io::stderr(), "csvault run: {text}");
    EXIT_USAGE
}

fn verify_audit(home: Option<PathBuf>) -> u8 {
    let home = match home::locate(home.as_deref(), Mode::Embedded) {
        Ok(home) => home,
        Err(error) => return failed("csvault audit verify", &error),
    };
    match audit::verify(&home, &|| false) {
        Ok(state) => {
            let _told_at_the_end = writeln!(Out, "{}", audit::told(&state));
            if state.fault.is_none() {
                0
            } else {
                EXIT_FAILED
            }
        }
        Err(error) => {
            let text = format!(
                "The audit log in {} cannot be read: {error}.",
                home.display()
            );
            failed(
                "csvault audit verify",
                &ErrorReport::new(ErrorId::AuditUnavailable, text).hint(
                    "Run it as the account that owns the data folder, or as the machine's administrator; Test-CsAuditLog asks the service instead.",
                ),
            )
        }
    }
}

fn print_json<T: serde::Serialize>(value: &T) -> u8 {
    let mut text = serde_json::to_vec(value).unwrap_or_default();
    text.push(b'\n');
    let _told_at_the_end = Out.write_all(&text);
    0
}

fn tell(what: &str, error: &ErrorReport) {
    let _unseen = writeln!(io::stderr(), "{}", client::told(what, error));
}

/// Tells an error and gives its exit code.
pub fn failed(what: &str, error: &ErrorReport) -> u8 {
    tell(what, error);
    match error.id {
        ErrorId::HostUnavailable
        | ErrorId::HostNotTrusted
        | ErrorId::HostLost
        | ErrorId::ProtocolMismatch => EXIT_NO_SERVICE,
        _ => EXIT_FAILED,
    }
}
