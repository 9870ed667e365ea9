//! Standard output. What it did not take is remembered, and told when the command ends: a script that reads half an answer must not
//! take it for a whole one.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use cs_contract::{ErrorId, ErrorReport};

use super::{EXIT_FAILED, tell};

/// The first fault, and whether somebody was told of it.
#[derive(Debug)]
struct Fault {
    error: io::Error,
    is_told: bool,
}

static FAULT: Mutex<Option<Fault>> = Mutex::new(None);

/// Standard output, for what a command has to say. Its errors need no look: [`finish`] tells them.
#[derive(Debug, Clone, Copy)]
pub struct Out;

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        noted(io::stdout().write(bytes))
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        noted(io::stdout().write_all(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        noted(io::stdout().flush())
    }
}

/// Remembers what went wrong.
pub fn noted<T>(outcome: io::Result<T>) -> io::Result<T> {
    if let Err(error) = &outcome
        && error.kind() != io::ErrorKind::Interrupted
    {
        let error = error
            .raw_os_error()
            .map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
        let mut fault = FAULT.lock().unwrap_or_else(PoisonError::into_inner);
        fault.get_or_insert(Fault {
            error,
            is_told: false,
        });
    }
    outcome
}

/// The report of an error, for a command that cannot go on after it and tells it itself.
pub fn report(error: &io::Error) -> ErrorReport {
    let mut fault = FAULT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(fault) = fault.as_mut() {
        fault.is_told = true;
    }
    ErrorReport::new(
        ErrorId::FileWriteFailed,
        format!("Standard output cannot be written: {error}."),
    )
}

/// Sends what is still here, and gives the exit code of a command that had `code` until now. Whoever reads no further, as
/// `head` does, closes the pipe and has what it wanted.
pub fn finish(code: u8) -> u8 {
    let _noted = Out.flush();
    let fault = FAULT
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()
        .filter(|fault| fault.error.kind() != io::ErrorKind::BrokenPipe);
    let Some(fault) = fault else {
        return code;
    };
    if !fault.is_told {
        tell("csvault", &report(&fault.error));
    }
    if code == 0 { EXIT_FAILED } else { code }
}
