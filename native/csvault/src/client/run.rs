//! `csvault run`: any cmdlet at any shell, through the same pipe and the same rules as in PowerShell.

use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cs_contract::{
    CmdletManifest, ErrorId, ErrorReport, InvokeResult, ParameterType, Record, Transfer, WriteRisk,
};
use cs_model::shown;

use super::Target;
use super::arguments::{Arguments, find_cmdlet};
use super::files::{OutputFile, Tally, file_limits_are_errors};
use super::help::hint;
use super::input::{Input, UPLOADED, refuse_dash};
use super::report::Page;
use super::start::connect_or_start;
use super::table::Shown;
use super::wire::{CallFault, Receiver, Request};
use crate::cli::{Out, output_failed};

/// How objects are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// One JSON array
    Json,
    /// As lists or tables, to be read by people
    #[default]
    Table,
}

/// A call from the command line.
#[derive(Debug)]
pub struct RunOptions {
    /// The data folder.
    pub home: Option<PathBuf>,
    /// The cmdlet.
    pub cmdlet: String,
    /// What follows it.
    pub words: Vec<String>,
    /// How objects are printed.
    pub output: Output,
}

/// How a run ended that did not fail as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ran {
    /// Without a fault.
    Well,
    /// With errors for some of the things that were asked for.
    WithErrors,
}

/// Runs one cmdlet.
///
/// # Errors
/// The error that ended it.
pub fn run(options: &RunOptions) -> Result<Ran, ErrorReport> {
    let manifest = find_cmdlet(&options.cmdlet)?;
    let arguments = Arguments::parse(manifest, &options.words)?;
    refuse_dash(manifest, &arguments)?;
    let input = Input::open(manifest, &arguments)?;
    let force = arguments.switch("Force");
    let mut sink = Sink::open(manifest, &arguments, force)?;
    let target = Target::find(options.home.as_deref())?;
    let risky = manifest.should_process == Some(WriteRisk::High) && !arguments.what_if;
    if arguments.confirm.unwrap_or(risky) {
        confirm(manifest)?;
    }
    let mut page = None;
    if manifest.transfer == Some(Transfer::Upload) && !arguments.what_if {
        if let Some(path) = arguments.text("BackupFileName") {
            save_topology(&target, Path::new(path), force)?;
        }
        if let Some(path) = arguments.text("Report") {
            let from = arguments.of_type(manifest, &UPLOADED).next();
            let from = from.map(|(_, path)| path.to_owned()).unwrap_or_default();
            page = Some(Page::begin(Path::new(path), force, manifest.name(), from)?);
        }
    }
    let changes = manifest.should_process.is_some() && !arguments.what_if;
    let request = Request {
        cmdlet: manifest.name(),
        parameters: arguments.sent.clone(),
        what_if: arguments.what_if,
        idempotency_key: changes.then(|| uuid::Uuid::new_v4().to_string()),
        input: input.is_some(),
    };
    let mut screen = Screen::new(manifest, &arguments, options.output);
    let result = call(
        &target,
        &request,
        input,
        &mut Receiving {
            screen: &mut screen,
            sink: &mut sink,
        },
    )?;
    sink.finish(&result)?;
    screen.finish(&request, &result);
    if let Some(page) = page {
        page.finish(&result, &screen.said)?;
    }
    Ok(if screen.errors {
        Ran::WithErrors
    } else {
        Ran::Well
    })
}

/// How long a service that does not take a call up may take to be gone, or to give way to the next one.
const PATIENCE: Duration = Duration::from_secs(2);

/// The pause before it is asked again.
const PAUSE: Duration = Duration::from_millis(20);

/// Calls, and where it can do no harm calls again when the connection is lost.
fn call(
    target: &Target,
    request: &Request,
    mut input: Option<Input>,
    receiver: &mut Receiving<'_>,
) -> Result<InvokeResult, ErrorReport> {
    let mut lost = false;
    let mut until: Option<Instant> = None;
    loop {
        let mut connection = match connect_or_start(target) {
            Ok(connection) => connection,
            // Whoever runs it starts it anew.
            Err(report)
                if report.id == ErrorId::HostUnavailable
                    && until.is_some_and(|until| Instant::now() < until) =>
            {
                std::thread::sleep(PAUSE);
                continue;
            }
            Err(report) => return Err(report),
        };
        let source = input.as_mut().map(|input| input as &mut dyn Read);
        match connection.invoke(request, source, receiver) {
            Ok(result) => return Ok(result),
            // The system takes connections for a service that is dying until it is dead. Nothing happened, so that this is no call.
            Err(CallFault::NotTaken)
                if Instant::now() < *until.get_or_insert_with(|| Instant::now() + PATIENCE) =>
            {
                std::thread::sleep(PAUSE);
            }
            Err(CallFault::Lost)
                if !lost
                    && request.idempotency_key.is_some()
                    && input.as_mut().is_none_or(Input::rewind) =>
            {
                lost = true;
                until = Some(Instant::now() + PATIENCE);
            }
            Err(fault) => return Err(fault.report()),
        }
    }
}

/// The topology that is in the store before another one is published.
fn save_topology(target: &Target, path: &Path, force: bool) -> Result<(), ErrorReport> {
    let manifest = find_cmdlet("Get-CsTopology")?;
    let arguments = Arguments::parse(manifest, &["-AsXml".to_owned()])?;
    let mut sink = Sink {
        to: To::File(OutputFile::begin(path, force)?),
        tally: Tally::default(),
    };
    let request = Request {
        cmdlet: manifest.name(),
        parameters: arguments.sent.clone(),
        what_if: false,
        idempotency_key: None,
        input: false,
    };
    let mut screen = Screen::new(manifest, &arguments, Output::Table);
    let result = call(
        target,
        &request,
        None,
        &mut Receiving {
            screen: &mut screen,
            sink: &mut sink,
        },
    )?;
    sink.finish(&result)
}

fn confirm(manifest: &CmdletManifest) -> Result<(), ErrorReport> {
    let stopped = |text: &str| Err(ErrorReport::new(ErrorId::CallCancelled, text));
    if !io::stdin().is_terminal() {
        return Err(ErrorReport::new(
            ErrorId::CallCancelled,
            "The confirmation needs a terminal to ask at.",
        )
        .hint("Give -Confirm:$False to run it unasked; nothing was changed."));
    }
    let mut answer = String::new();
    let asked = write!(io::stderr(), "Run {}? [y/N] ", manifest.name());
    if asked.is_err() || io::stdin().read_line(&mut answer).is_err() {
        return stopped("-Confirm could not ask.");
    }
    if answer.trim().eq_ignore_ascii_case("y") {
        Ok(())
    } else {
        stopped("It was not confirmed.")
    }
}

/// Where a call's bytes go.
struct Sink {
    to: To,
    tally: Tally,
}

enum To {
    Nowhere,
    File(OutputFile),
    Standard,
}

impl Sink {
    fn open(
        manifest: &CmdletManifest,
        arguments: &Arguments,
        force: bool,
    ) -> Result<Self, ErrorReport> {
        let to = match manifest.transfer {
            None | Some(Transfer::Upload) => To::Nowhere,
            Some(Transfer::DownloadWhenAsXml) => To::Standard,
            Some(Transfer::Download) => {
                let path = arguments
                    .of_type(manifest, &[ParameterType::PathToWrite])
                    .next();
                let as_bytes = arguments.switch("AsBytes");
                match path {
                    Some(_) if as_bytes => {
                        let text = format!("{} takes either a file or -AsBytes.", manifest.name());
                        return Err(ErrorReport::new(ErrorId::ParameterSetConflict, text));
                    }
                    Some((_, path)) => To::File(OutputFile::begin(Path::new(path), force)?),
                    None if as_bytes && io::stdout().is_terminal() => {
                        let text = "-AsBytes writes bytes that a terminal cannot show.";
                        return Err(ErrorReport::new(ErrorId::ParameterInvalid, text)
                            .hint("Send them into a file or another program with > or |."));
                    }
                    None if as_bytes => To::Standard,
                    None => {
                        let text = format!("{} needs -FileName or -AsBytes.", manifest.name());
                        return Err(ErrorReport::new(ErrorId::ParameterInvalid, text));
                    }
                }
            }
        };
        if matches!(to, To::Standard) {
            file_limits_are_errors();
        }
        Ok(Self {
            to,
            tally: Tally::default(),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), ErrorReport> {
        self.tally.add(bytes);
        match &mut self.to {
            To::Nowhere => Ok(()),
            To::File(file) => file.write(bytes),
            To::Standard => Out.write_all(bytes).map_err(|error| output_failed(&error)),
        }
    }

    fn finish(self, result: &InvokeResult) -> Result<(), ErrorReport> {
        if !self.tally.agrees(result) {
            return Err(ErrorReport::new(
                ErrorId::HostLost,
                "The bytes that came are not those that the service sent.",
            ));
        }
        match self.to {
            To::File(file) => file.commit(),
            To::Standard => {
                // The prompt of a shell wants a line of its own; a file or program wants the bytes alone.
                if result.bytes > 0 && io::stdout().is_terminal() {
                    let _told_at_the_end = writeln!(Out);
                }
                Ok(())
            }
            To::Nowhere => Ok(()),
        }
    }
}

struct Receiving<'a> {
    screen: &'a mut Screen,
    sink: &'a mut Sink,
}

impl Receiver for Receiving<'_> {
    fn record(&mut self, record: Record) {
        self.screen.record(record);
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), ErrorReport> {
        self.sink.write(bytes)
    }
}

/// What goes to standard output as it is, and is no object there.
const BYTES: [&str; 2] = ["System.Byte[]", "System.Xml.Linq.XElement"];

/// True for a call whose answer is objects, however many there are. A plan has lines instead.
fn answers_with_objects(manifest: &CmdletManifest, arguments: &Arguments) -> bool {
    let as_bytes = match manifest.transfer {
        Some(Transfer::DownloadWhenAsXml) => arguments.switch("AsXml"),
        Some(Transfer::Download | Transfer::Upload) => true,
        None => false,
    };
    let has_objects = manifest
        .output
        .iter()
        .any(|name| !BYTES.contains(&name.as_str()));
    has_objects && !as_bytes && !arguments.what_if
}

/// What the user sees.
struct Screen {
    shown: Shown,
    cmdlet: String,
    verbose: bool,
    debug: bool,
    progress: bool,
    line: bool,
    errors: bool,
    /// True when a line of a plan was shown.
    planned: bool,
    /// What the service said of its work, shown or not.
    said: Vec<String>,
}

impl Screen {
    fn new(manifest: &CmdletManifest, arguments: &Arguments, output: Output) -> Self {
        Self {
            shown: Shown::new(output, answers_with_objects(manifest, arguments)),
            cmdlet: manifest.name(),
            verbose: arguments.verbose,
            debug: arguments.debug,
            progress: io::stderr().is_terminal(),
            line: false,
            errors: false,
            planned: false,
            said: Vec::new(),
        }
    }

    fn record(&mut self, record: Record) {
        match record {
            Record::Object { r#type, values } => {
                let _told_at_the_end = self.shown.objects(&r#type, values.parse(), &mut Out);
            }
            Record::Verbose { text } => {
                if self.verbose {
                    self.say(&format!("VERBOSE: {text}"));
                }
                self.said.push(text);
            }
            Record::Debug { text } if self.debug => self.say(&format!("DEBUG: {text}")),
            Record::Debug { .. } => {}
            Record::Warning { text } => self.say(&format!("WARNING: {text}")),
            Record::Progress {
                activity,
                status,
                percent,
            } if self.progress => {
                let percent = percent
                    .map(|percent| format!(" {percent}%"))
                    .unwrap_or_default();
                self.line = true;
                let _unseen = write!(io::stderr(), "\r\x1b[K{activity}: {status}{percent}");
            }
            Record::Progress { .. } => {}
            Record::WhatIf { target, action } => {
                self.planned = true;
                let _told_at_the_end = writeln!(Out, "What if: {action} {target}");
            }
            Record::Error { error } => {
                self.errors = true;
                self.say(&told(&self.cmdlet, &error));
            }
        }
    }

    /// A line beside the output; a line of progress makes room for it.
    fn say(&mut self, text: &str) {
        self.clear_progress();
        let _unseen = writeln!(io::stderr(), "{text}");
    }

    fn clear_progress(&mut self) {
        if std::mem::take(&mut self.line) {
            let _unseen = write!(io::stderr(), "\r\x1b[K");
        }
    }

    fn finish(&mut self, request: &Request, result: &InvokeResult) {
        self.clear_progress();
        let _told_at_the_end = self.shown.finish(&mut Out);
        let last = self.said.last();
        if request.what_if && !self.planned && (last.is_some() || !self.errors) {
            // A plan that changes nothing; one that failed has said why.
            let text = last.map_or("nothing would change.", String::as_str);
            let _told_at_the_end = writeln!(Out, "What if: {text}");
        } else if self.verbose
            && last.is_none()
            && request.idempotency_key.is_some()
            && result.version.is_none()
        {
            self.say("VERBOSE: Nothing was changed.");
        }
    }
}

/// An error as it is printed.
#[must_use]
pub fn told(what: &str, error: &ErrorReport) -> String {
    format!(
        "{what}: {}\n  Error id: {}\n  Recommendation: {}",
        shown(&error.message),
        error.id.as_str(),
        hint(what, error)
    )
}
