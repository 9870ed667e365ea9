//! `csvault status` and `csvault stop`.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use cs_contract::{ErrorReport, StatusResult};
use serde::Deserialize;

use crate::cli::{EXIT_FAILED, EXIT_NO_SERVICE, Out, failed};
use crate::client::{CallFault, Target};
use crate::lock::{HomeLock, LockFault};

/// How long an ending service may take.
const PATIENCE: Duration = Duration::from_secs(20);

const PAUSE: Duration = Duration::from_millis(10);

/// Says what runs. Starts nothing.
pub fn status(home: Option<&Path>, json: bool) -> u8 {
    let found =
        Target::find(home).and_then(|target| Ok((ask::<StatusResult>(&target, "status")?, target)));
    match found {
        Err(error) => failed("csvault status", &error),
        Ok((None, target)) => {
            let _unseen = writeln!(
                io::stderr(),
                "No service runs at {}.",
                target.pipe.display()
            );
            EXIT_NO_SERVICE
        }
        Ok((Some(status), _)) => {
            let _told_at_the_end = if json {
                writeln!(
                    Out,
                    "{}",
                    serde_json::to_string(&status).unwrap_or_default()
                )
            } else {
                writeln!(
                    Out,
                    "csvault {} runs as process {}\n  pipe:                     {}\n  data folder:              {}\n  Central Management store: version {}\n  local store:              version {}",
                    status.version,
                    status.pid,
                    status.pipe,
                    status.home,
                    status.store_version,
                    status.local_store_version
                )
            };
            0
        }
    }
}

/// Ends the service and waits until it is gone.
pub fn stop(home: Option<&Path>) -> u8 {
    #[derive(Deserialize)]
    struct Stopping {}

    let asked =
        Target::find(home).and_then(|target| Ok((ask::<Stopping>(&target, "stop")?, target)));
    match asked {
        Err(error) => failed("csvault stop", &error),
        Ok((None, target)) => {
            let _told_at_the_end = writeln!(Out, "No service runs at {}.", target.pipe.display());
            0
        }
        Ok((Some(_), target)) => {
            if target.is_own && !has_ended(&target) {
                let _told_at_the_end = writeln!(
                    Out,
                    "The service is asked to end; calls that run keep it for now."
                );
                return EXIT_FAILED;
            }
            let _told_at_the_end = writeln!(Out, "The service has ended.");
            0
        }
    }
}

/// Waits for the lock, the last thing that a service gives back; false when it has not.
fn has_ended(target: &Target) -> bool {
    let until = Instant::now() + PATIENCE;
    while matches!(HomeLock::take(&target.home), Err(LockFault::Held(_))) {
        if Instant::now() >= until {
            return false;
        }
        std::thread::sleep(PAUSE);
    }
    true
}

/// Asks a service that runs; `None` when none does.
fn ask<T: serde::de::DeserializeOwned>(
    target: &Target,
    method: &str,
) -> Result<Option<T>, ErrorReport> {
    let Some(mut connection) = target.connect()? else {
        return Ok(None);
    };
    match connection.ask(method) {
        Ok(answer) => Ok(Some(answer)),
        // It ended while we asked.
        Err(CallFault::NotTaken) => Ok(None),
        Err(fault) => Err(fault.report()),
    }
}
