//! The audit log: one JSON line for each decision and outcome, chained by hashes over all its files, so that the check finds the first
//! line that was edited, removed, moved or cut off. `docs/audit.md` has the format.
//!
//! `hash` is the SHA-256 of the line's text up to its `,"hash":`, which includes `prev`, the hash of the line before. `audit.head` repeats number
//! and hash of the last line, so that lines missing at the end show as well. Nobody who may write both is stopped by
//! this; to be safe from them, keep the newest hash elsewhere.

mod files;
mod flood;
mod line;
mod read;
mod verify;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cs_contract::{ErrorId, ErrorReport};
use cs_engine::{
    Audit, AuditEntry, AuditLine, AuditPhase, AuditRepeats, AuditState, Clock, TakeLine,
};
use cs_model::StoreKind;

pub use files::LOG;
pub use flood::FloodRules;
pub use verify::{told, verify};

use crate::private;
use files::{End, HEAD, Rotation};
use flood::{Counted, Floods};
use line::{Head, NO_HASH, seal};

/// How often [`AuditLog::settle`] is to be called.
pub const SETTLE: Duration = Duration::from_secs(10);

/// How the log is kept.
#[derive(Debug, Clone, Copy)]
pub struct AuditRules {
    /// Bytes of a file before the next one is begun.
    pub file_bytes: u64,
    /// Full files that are kept; `None` for all.
    pub keep_files: Option<usize>,
    /// When calls are counted instead of written.
    pub floods: FloodRules,
}

impl Default for AuditRules {
    fn default() -> Self {
        Self {
            file_bytes: 16 * 1024 * 1024,
            keep_files: None,
            floods: FloodRules::default(),
        }
    }
}

/// An open log.
pub struct AuditLog {
    clock: Arc<dyn Clock>,
    home: PathBuf,
    path: PathBuf,
    rules: AuditRules,
    state: Mutex<State>,
}

struct State {
    head: Head,
    head_file: File,
    file: Arc<File>,
    /// Number of the first line in the file.
    first: u64,
    /// Length of the file as far as its lines are whole.
    length: u64,
    /// The length from which the next file is begun.
    full: u64,
    floods: Floods,
    /// Room for a line, used again and again.
    text: String,
}

/// A line's place in its file.
struct Written {
    file: Arc<File>,
    length: u64,
}

/// The words for phase and store.
fn words(entry: &AuditEntry) -> (&'static str, &'static str) {
    let phase = match entry.phase {
        AuditPhase::Decision => "decision",
        AuditPhase::Outcome => "outcome",
    };
    let store = match entry.store {
        StoreKind::Central => "central",
        StoreKind::Local => "local",
    };
    (phase, store)
}

impl AuditLog {
    /// Opens the log of a home, or begins one. What a crash left half written, and lines that are not there any more, get a line that says so.
    ///
    /// # Errors
    /// When the files cannot be opened or belong to somebody else.
    pub fn open(
        home: &Path,
        clock: Arc<dyn Clock>,
        rules: AuditRules,
    ) -> Result<Self, ErrorReport> {
        let path = home.join(LOG);
        Self::open_files(home, &path, clock, rules).map_err(|error| {
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

    fn open_files(
        home: &Path,
        path: &Path,
        clock: Arc<dyn Clock>,
        rules: AuditRules,
    ) -> io::Result<Self> {
        files::sweep(home)?;
        let mut file = files::open_log(home)?;
        let mut options = OpenOptions::new();
        let mut head_file = private::open(
            &home.join(HEAD),
            options.read(true).write(true).create(true).truncate(false),
        )?;
        let noted = Head::read(&mut head_file)?;
        let mut end = End::find(&mut file, noted.as_ref())?;
        let torn = end.mend(&file)?;
        if end.last.is_none() {
            // A new file, or nothing in it can be read: the chain goes on from the one before.
            for (_, full) in files::full_files(home)?.iter().rev() {
                let mut full = private::open(full, OpenOptions::new().read(true))?;
                let before = End::find(&mut full, noted.as_ref())?;
                if before.last.is_some() {
                    (end.last, end.noted) = (before.last, before.noted);
                    break;
                }
            }
        }
        let head = end.last.take().unwrap_or_else(|| Head {
            number: 0,
            hash: NO_HASH.to_owned(),
        });
        let first = files::first_line(&file)?.map_or(head.number + 1, |line| line.n);
        let log = Self {
            clock,
            home: home.to_owned(),
            path: path.to_owned(),
            rules,
            state: Mutex::new(State {
                head: head.clone(),
                head_file,
                file: Arc::new(file),
                first,
                length: end.length,
                full: rules.file_bytes,
                floods: Floods::new(rules.floods),
                text: String::new(),
            }),
        };
        if let Some(about) = torn {
            log.note("repaired", &about)?;
        }
        if let Some((what, about)) = about_head(noted, &head, end.noted.as_deref()) {
            log.note(what, &about)?;
        }
        Ok(log)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, result: &str, detail: &str) -> io::Result<()> {
        let mut state = self.state();
        self.put_note(&mut state, result, detail)?;
        state.file.sync_data()
    }

    fn put_note(&self, state: &mut State, result: &str, detail: &str) -> io::Result<()> {
        let fields = [
            ("phase", "note"),
            ("principal", "csvault"),
            ("cmdlet", ""),
            ("store", ""),
            ("result", result),
            ("detail", detail),
        ];
        put(state, &self.clock.now(), &fields, None)
    }

    fn write(
        &self,
        state: &mut State,
        time: &str,
        entry: &AuditEntry,
        repeats: Option<&AuditRepeats>,
    ) -> io::Result<Written> {
        if state.length >= state.full {
            self.begin_next_file(state);
        }
        let (phase, store) = words(entry);
        let fields = [
            ("phase", phase),
            ("principal", entry.principal.as_str()),
            ("cmdlet", entry.cmdlet.as_str()),
            ("store", store),
            ("result", entry.result),
            ("detail", entry.detail.as_str()),
        ];
        put(state, time, &fields, repeats)?;
        Ok(Written {
            file: Arc::clone(&state.file),
            length: state.length,
        })
    }

    /// Sets the full file aside. When that cannot be done the log goes on in the same one, and tries again an eighth later.
    fn begin_next_file(&self, state: &mut State) {
        match Rotation::new(&self.home, state.first, Arc::clone(&state.file)).run() {
            Ok(next) => {
                state.file = Arc::new(next);
                state.first = state.head.number + 1;
                state.length = 0;
                state.full = self.rules.file_bytes;
                // What cannot be dropped now stays until the next time.
                let _kept = self.drop_old_files(state);
            }
            Err(_) => state.full = state.length + self.rules.file_bytes / 8,
        }
    }

    /// Removes full files beyond those that are kept, behind a line that says so. One that is not as it was written stays, as evidence.
    fn drop_old_files(&self, state: &mut State) -> io::Result<()> {
        let Some(keep) = self.rules.keep_files else {
            return Ok(());
        };
        let full = files::full_files(&self.home)?;
        for pair in full.windows(2).take(full.len().saturating_sub(keep.max(1))) {
            let [(first, oldest), (_, next)] = pair else {
                break;
            };
            let end = End::find(&mut File::open(oldest)?, None)?;
            let follows = files::first_line(&File::open(next)?)?;
            let (Some(last), Some(follows)) = (end.last, follows) else {
                break;
            };
            if !end.torn.is_empty() || follows.n != last.number + 1 || follows.prev != last.hash {
                break;
            }
            let about = format!(
                "{} with the lines from {first} on, because auditKeepFiles is {keep}; {}",
                files::full_name(*first),
                files::about_dropped(&last)
            );
            self.put_note(state, "dropped", &about)?;
            state.file.sync_data()?;
            fs::remove_file(oldest)?;
            files::sync_folder(&self.home)?;
        }
        Ok(())
    }

    /// Writes what was counted in windows that are over; in all of them when the service ends. What cannot be written stays counted.
    pub fn settle(&self, all: bool) {
        let now = Instant::now();
        let mut state = self.state();
        let counted = state.floods.close(now, all);
        self.write_counted(&mut state, counted, now);
    }

    fn write_counted(&self, state: &mut State, counted: Vec<Counted>, now: Instant) {
        let time = self.clock.now();
        for counted in counted {
            let Counted { entry, repeats } = &counted;
            if self.write(state, &time, entry, Some(repeats)).is_err() {
                state.floods.put_back(counted, now);
            }
        }
    }

    /// A log that somebody removed, replaced or cut would take lines that nobody ever reads.
    fn is_in_place(&self, written: &Written) -> io::Result<()> {
        let state = self.state();
        let what = if written.file.metadata()?.len() < written.length {
            "was cut"
        } else if Arc::ptr_eq(&state.file, &written.file)
            && !files::leads_to(&self.path, &written.file)?
        {
            "was removed or replaced"
        } else {
            return Ok(());
        };
        let text = format!("{} {what} while the service ran", self.path.display());
        Err(io::Error::new(io::ErrorKind::NotFound, text))
    }

    fn append_entry(&self, entry: &AuditEntry) -> io::Result<()> {
        let time = self.clock.now();
        // What changed or left the store is never summed up, nor is the end of a call that began to.
        let denied = entry.phase == AuditPhase::Decision && entry.result == "denied";
        let may_be_counted = !entry.durable || denied;
        let written = {
            let mut state = self.state();
            let now = Instant::now();
            if may_be_counted && !state.floods.admits(entry, now, &time) {
                return Ok(());
            }
            match self.write(&mut state, &time, entry, None) {
                Ok(written) => written,
                Err(error) => {
                    if may_be_counted {
                        state.floods.unwritten(entry, now, &time);
                    }
                    return Err(error);
                }
            }
        };
        // Behind the lock: other lines need not wait for the disk.
        if entry.durable {
            written.file.sync_data()?;
            self.is_in_place(&written)?;
        }
        Ok(())
    }
}

/// A line that will be written when its window is over.
fn not_written_yet(counted: Counted, time: &str) -> AuditLine {
    let (phase, store) = words(&counted.entry);
    AuditLine {
        number: None,
        time: time.to_owned(),
        phase: phase.to_owned(),
        store: store.to_owned(),
        principal: counted.entry.principal,
        cmdlet: counted.entry.cmdlet,
        result: counted.entry.result.to_owned(),
        detail: counted.entry.detail,
        repeats: Some(counted.repeats),
        hash: String::new(),
    }
}

/// What a note says when `audit.head` and the end of the log do not agree.
fn about_head(
    noted: Option<Head>,
    last: &Head,
    hash: Option<&str>,
) -> Option<(&'static str, String)> {
    let Some(noted) = noted else {
        let text = format!(
            "{HEAD} could not be read; the log ends with line {}",
            last.number
        );
        return (last.number > 0).then_some(("head", text));
    };
    if noted.number > last.number {
        let (from, to) = (last.number + 1, noted.number);
        let text = format!(
            "lines {from} to {to} are gone; the last one had hash {}",
            noted.hash
        );
        return Some(("missing", text));
    }
    if hash.is_some_and(|hash| hash != noted.hash) {
        let text = format!(
            "line {} is not the one that {HEAD} named; that one had hash {}",
            noted.number, noted.hash
        );
        return Some(("replaced", text));
    }
    (noted.number + 1 < last.number).then(|| {
        let text = format!(
            "{HEAD} named line {}; the log ends with line {}",
            noted.number, last.number
        );
        ("head", text)
    })
}

/// Adds a line to the file that is written.
fn put(
    state: &mut State,
    time: &str,
    fields: &[(&str, &str)],
    repeats: Option<&AuditRepeats>,
) -> io::Result<()> {
    let number = state.head.number + 1;
    let hash = seal(
        &mut state.text,
        number,
        time,
        fields,
        repeats,
        &state.head.hash,
    );
    if let Err(error) = (&*state.file).write_all(state.text.as_bytes()) {
        // Half a line must not stand in front of the next one.
        state.file.set_len(state.length)?;
        return Err(error);
    }
    state.length += state.text.len() as u64;
    state.head = Head { number, hash };
    // Behind the line that it repeats, so that it is never ahead of the log.
    let _shows_as_an_older_head = state.head.write(&mut state.head_file);
    Ok(())
}

impl Audit for AuditLog {
    fn append(&self, entry: &AuditEntry) -> Result<(), String> {
        self.append_entry(entry).map_err(|error| error.to_string())
    }

    fn read_back(&self, take: &mut TakeLine<'_>) -> Result<(), String> {
        let counted = self.state().floods.so_far();
        let time = self.clock.now();
        for counted in counted {
            if take(Ok(not_written_yet(counted, &time))).is_break() {
                return Ok(());
            }
        }
        read::read_back(&self.home, take).map_err(|error| error.to_string())
    }

    fn verify(&self, stopped: &dyn Fn() -> bool) -> Result<AuditState, String> {
        verify(&self.home, stopped).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests;
