//! The audit log: one JSON line for each decision and outcome, chained by hashes, so that `csvault audit verify` finds the first line
//! that was edited, removed, moved or cut off.
//!
//! `hash` is the SHA-256 of the line's text up to its `,"hash":`, which includes `prev`, the hash of the line before. `audit.head` repeats number
//! and hash of the last line, so that lines missing at the end show as well. Nobody who may write both files is stopped by
//! this; to be safe from them, keep the newest hash elsewhere.

mod line;
mod verify;

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use cs_contract::{ErrorId, ErrorReport};
use cs_engine::{Audit, AuditEntry, Clock};
use sha2::{Digest, Sha256};

pub use verify::verify;

use crate::private;
use line::{Head, NO_HASH, hex, seal};

/// The log's name in the home.
pub const LOG: &str = "audit.log";
/// The name of the file that repeats the last line's number and hash.
pub const HEAD: &str = "audit.head";

/// How much of the log's end is read to go on with its chain; several times the longest line.
const TAIL_BYTES: u64 = 256 * 1024;

/// An open log.
pub struct AuditLog {
    clock: Arc<dyn Clock>,
    path: PathBuf,
    file: Arc<File>,
    state: Mutex<State>,
}

struct State {
    head: Head,
    head_file: File,
    /// Length of the log as far as its lines are whole.
    length: u64,
    /// Room for a line, used again and again.
    text: String,
}

impl AuditLog {
    /// Opens the log of a home, or begins one. What a crash left half written gets a line of its own that says so.
    ///
    /// # Errors
    /// When the files cannot be opened or belong to somebody else.
    pub fn open(home: &Path, clock: Arc<dyn Clock>) -> Result<Self, ErrorReport> {
        let path = home.join(LOG);
        Self::open_files(home, &path, clock).map_err(|error| {
            ErrorReport::new(
                ErrorId::AuditUnavailable,
                format!(
                    "The audit log {} cannot be opened: {error}.",
                    path.display()
                ),
            )
            .on("File", path.display().to_string())
        })
    }

    fn open_files(home: &Path, path: &Path, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let mut file = private::open(
            path,
            OpenOptions::new().read(true).append(true).create(true),
        )?;
        let mut options = OpenOptions::new();
        let mut head_file = private::open(
            &home.join(HEAD),
            options.read(true).write(true).create(true).truncate(false),
        )?;
        let noted = Head::read(&mut head_file)?;
        let end = End::find(&mut file)?;
        let log = Self {
            clock,
            path: path.to_owned(),
            file: Arc::new(file),
            state: Mutex::new(State {
                head: end.head.clone(),
                head_file,
                length: end.length,
                text: String::new(),
            }),
        };
        if end.torn > 0 {
            log.note(
                "repaired",
                &format!(
                    "{} bytes of a line that was cut off, SHA-256 {}",
                    end.torn, end.torn_hash
                ),
            )?;
        }
        if let Some(noted) = noted.filter(|noted| noted.number > end.head.number) {
            let (from, to) = (end.head.number + 1, noted.number);
            log.note(
                "missing",
                &format!(
                    "lines {from} to {to} are gone; the last one had hash {}",
                    noted.hash
                ),
            )?;
        }
        Ok(log)
    }

    fn note(&self, result: &str, detail: &str) -> io::Result<()> {
        let fields = [
            ("phase", "note"),
            ("principal", "csvault"),
            ("cmdlet", ""),
            ("store", ""),
            ("result", result),
            ("detail", detail),
        ];
        self.write(&fields, true)
    }

    fn write(&self, fields: &[(&str, &str)], durable: bool) -> io::Result<()> {
        let time = self.clock.now();
        {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            self.write_line(&mut state, &time, fields)?;
        }
        // Behind the lock: other lines need not wait for the disk.
        if durable {
            self.file.sync_data()?;
            self.still_there()?;
        }
        Ok(())
    }

    fn write_line(&self, state: &mut State, time: &str, fields: &[(&str, &str)]) -> io::Result<()> {
        let number = state.head.number + 1;
        let hash = seal(&mut state.text, number, time, fields, &state.head.hash);
        if let Err(error) = (&*self.file).write_all(state.text.as_bytes()) {
            // Half a line must not stand in front of the next one.
            self.file.set_len(state.length)?;
            return Err(error);
        }
        state.length += state.text.len() as u64;
        state.head = Head { number, hash };
        // Behind the line that it repeats, so that it is never ahead of the log.
        let _shows_as_a_shorter_head = state.head.write(&mut state.head_file);
        Ok(())
    }

    /// A log that somebody removed would take lines that nobody ever reads.
    fn still_there(&self) -> io::Result<()> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            if self.file.metadata()?.nlink() == 0 {
                let text = format!("{} was removed while the service ran", self.path.display());
                return Err(io::Error::new(io::ErrorKind::NotFound, text));
            }
        }
        Ok(())
    }
}

impl Audit for AuditLog {
    fn append(&self, entry: &AuditEntry) -> Result<(), String> {
        let phase = match entry.phase {
            cs_engine::AuditPhase::Decision => "decision",
            cs_engine::AuditPhase::Outcome => "outcome",
        };
        let store = match entry.store {
            cs_model::StoreKind::Central => "central",
            cs_model::StoreKind::Local => "local",
        };
        let fields = [
            ("phase", phase),
            ("principal", entry.principal.as_str()),
            ("cmdlet", entry.cmdlet.as_str()),
            ("store", store),
            ("result", entry.result),
            ("detail", entry.detail.as_str()),
        ];
        self.write(&fields, entry.durable)
            .map_err(|error| error.to_string())
    }
}

/// The end of a log as it was found.
struct End {
    head: Head,
    length: u64,
    torn: u64,
    torn_hash: String,
}

impl End {
    /// Finds the last whole line; what follows it was cut off.
    fn find(file: &mut File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let start = length.saturating_sub(TAIL_BYTES);
        file.seek(SeekFrom::Start(start))?;
        let mut tail = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut tail)?;
        let whole = tail
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |place| place + 1);
        let (lines, torn) = tail.split_at_checked(whole).unwrap_or((&[], &tail));
        let head = lines
            .rsplit(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
            .find_map(|line| line::open(line).ok().map(|line| line.head()))
            .unwrap_or_else(|| Head {
                number: 0,
                hash: NO_HASH.to_owned(),
            });
        if !torn.is_empty() {
            // The next line must start on its own.
            (&*file).write_all(b"\n")?;
        }
        Ok(Self {
            head,
            length: length + u64::from(!torn.is_empty()),
            torn: torn.len() as u64,
            torn_hash: hex(&Sha256::digest(torn)),
        })
    }
}

#[cfg(test)]
use verify::Finding;

#[cfg(test)]
mod tests;
