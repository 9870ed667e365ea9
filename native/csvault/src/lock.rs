//! One service for one home: a lock that the system releases when its holder ends, however it ends.

use std::fs::{File, OpenOptions};
use std::io;
#[cfg(unix)]
use std::io::{Read, Seek, Write};
use std::path::Path;

use cs_contract::{ErrorId, ErrorReport};

use crate::private;

/// The lock of a home, held until it is dropped.
#[derive(Debug)]
pub struct HomeLock {
    #[cfg(unix)]
    _file: nix::fcntl::Flock<File>,
    #[cfg(not(unix))]
    _file: File,
}

/// Why there is no lock.
#[derive(Debug)]
pub enum LockFault {
    /// Another service has it.
    Held(ErrorReport),
    /// Anything else.
    Failed(ErrorReport),
}

impl HomeLock {
    /// Takes the lock of a home.
    ///
    /// # Errors
    /// [`LockFault::Held`] at once when another process has it.
    pub fn take(home: &Path) -> Result<Self, LockFault> {
        let path = home.join("lock");
        let failed = |error: io::Error| {
            LockFault::Failed(
                ErrorReport::new(
                    ErrorId::HostUnavailable,
                    format!("The lock {} cannot be taken: {error}.", path.display()),
                )
                .on("File", path.display().to_string()),
            )
        };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        {
            use nix::errno::Errno;
            use nix::fcntl::{Flock, FlockArg};

            let file = private::open(&path, &mut options).map_err(failed)?;
            let mut lock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => lock,
                Err((file, Errno::EWOULDBLOCK)) => return Err(LockFault::Held(held(home, file))),
                Err((_, errno)) => return Err(failed(errno.into())),
            };
            note_holder(&mut lock).map_err(failed)?;
            Ok(Self { _file: lock })
        }
        #[cfg(not(unix))]
        {
            use std::os::windows::fs::OpenOptionsExt;
            // Sharing violation: somebody has it open.
            options.share_mode(0);
            match private::open(&path, &mut options) {
                Ok(file) => Ok(Self { _file: file }),
                Err(error) if error.raw_os_error() == Some(32) => {
                    Err(LockFault::Held(held_by(home, "")))
                }
                Err(error) => Err(failed(error)),
            }
        }
    }
}

/// The holder's process id is for people; the lock itself is what counts.
#[cfg(unix)]
fn note_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(unix)]
fn held(home: &Path, file: File) -> ErrorReport {
    let mut pid = String::new();
    let _unknown_then = file.take(20).read_to_string(&mut pid);
    held_by(home, pid.trim())
}

fn held_by(home: &Path, pid: &str) -> ErrorReport {
    let by = if pid.is_empty() {
        String::new()
    } else {
        format!(" (process {pid})")
    };
    ErrorReport::new(
        ErrorId::HostUnavailable,
        format!(
            "Another service{by} has the data folder {} open.",
            home.display()
        ),
    )
    .on("Folder", home.display().to_string())
    .hint("Use that one, end it with `csvault stop`, or give another folder in CSVAULT_HOME.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_who_has_it() {
        let home = tempfile::tempdir().unwrap();
        let first = HomeLock::take(home.path()).unwrap();
        let Err(LockFault::Held(report)) = HomeLock::take(home.path()) else {
            panic!("two holders");
        };
        assert!(
            report.message.contains(&std::process::id().to_string()),
            "{}",
            report.message
        );
        drop(first);
        HomeLock::take(home.path()).unwrap();
    }
}
