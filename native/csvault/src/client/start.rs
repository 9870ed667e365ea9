//! Starting the user's own service, by as many clients at once as there are.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cs_contract::{ErrorId, ErrorReport, StatusResult};

use super::connect::{Connection, Target};
use super::wire::CallFault;
use crate::cli::EXIT_HELD;
use crate::serve::{NotReady, Ready};

/// How long another service may take to end or to become ready.
const PATIENCE: Duration = Duration::from_secs(15);

/// The pause before the next try while another process holds the home.
const PAUSE: Duration = Duration::from_millis(20);

/// The longest line that a service says when it starts.
const LINE_BYTES: u64 = 64 * 1024;

/// A service that can be asked now.
enum Reached {
    /// It ran already.
    Running(Connection),
    /// It was started here.
    Started(Ready),
}

fn reach(target: &Target) -> Result<Reached, ErrorReport> {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(connection) = target.connect()? {
            return Ok(Reached::Running(connection));
        }
        if !target.is_own {
            return Err(target.nobody_there());
        }
        match spawn(target) {
            Ok(ready) => return Ok(Reached::Started(ready)),
            // Another client was quicker, or the last service is ending.
            Err(Spawned::Held(report)) if Instant::now() < until => {
                let _the_last_try_tells_it = report;
                std::thread::sleep(PAUSE);
            }
            Err(Spawned::Held(report) | Spawned::Failed(report)) => return Err(report),
        }
    }
}

/// Connects, after starting the service where it is the user's own and does not run.
///
/// # Errors
/// When it does not run and may not or cannot be started, or is not to be trusted.
pub fn connect_or_start(target: &Target) -> Result<Connection, ErrorReport> {
    loop {
        if let Reached::Running(connection) = reach(target)? {
            return Ok(connection);
        }
    }
}

/// `csvault start`: what the service that runs afterwards says of itself. One that was started here has said it already.
///
/// # Errors
/// As [`connect_or_start`], and the error of the answer.
pub fn started(target: &Target) -> Result<Ready, ErrorReport> {
    let mut may_repeat = true;
    loop {
        let mut connection = match reach(target)? {
            Reached::Started(ready) => return Ok(ready),
            Reached::Running(connection) => connection,
        };
        let status: StatusResult = match connection.ask("status") {
            // A service may end between our connecting and our asking; the next one answers.
            Err(CallFault::NotTaken) if may_repeat => {
                may_repeat = false;
                continue;
            }
            other => other.map_err(CallFault::report)?,
        };
        return Ok(Ready {
            pid: status.pid,
            pipe: status.pipe,
            home: status.home,
            version: status.version,
        });
    }
}

enum Spawned {
    Held(ErrorReport),
    Failed(ErrorReport),
}

fn spawn(target: &Target) -> Result<Ready, Spawned> {
    let failed = |text: String| Spawned::Failed(ErrorReport::new(ErrorId::HostUnavailable, text));
    let program = std::env::current_exe()
        .map_err(|error| failed(format!("The service cannot be started: {error}.")))?;
    let mut child = Command::new(&program)
        .args(["serve", "--detach", "--home"])
        .arg(&target.home)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(format!("{} cannot be started: {error}.", program.display())))?;
    let mut line = String::new();
    if let Some(output) = child.stdout.take() {
        let _empty_then = BufReader::new(output.take(LINE_BYTES)).read_line(&mut line);
    }
    if let Ok(ready) = serde_json::from_str::<Ready>(&line) {
        return Ok(ready);
    }
    let code = child.wait().ok().and_then(|status| status.code());
    match serde_json::from_str::<NotReady>(&line) {
        Ok(NotReady { error }) if code == Some(i32::from(EXIT_HELD)) => Err(Spawned::Held(error)),
        Ok(NotReady { error }) => Err(Spawned::Failed(error)),
        Err(_) => Err(failed("The service ended before it was ready.".to_owned())),
    }
}
