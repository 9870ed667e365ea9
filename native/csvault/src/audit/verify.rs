//! The check of the whole log, for `Test-CsAuditLog` and `csvault audit verify`: reads it from its first line and names the first
//! one that is not as it was written.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};

use cs_engine::{AuditFault, AuditState, visible};

use super::files::{self, HEAD, LINE_BYTES, LOG, about_dropped, about_torn, full_files, read_line};
use super::line::{Head, Line, NO_HASH, open};

/// How long the log is read again when it changed at that very moment: lines come while it is read, and old files may go.
const LONGEST: Duration = Duration::from_secs(10);

/// The pause before that.
const PAUSE: Duration = Duration::from_millis(5);

/// How long half a line must stay as it is before it is a fault: the system may stop a writer in the middle of one while it writes to the disk.
const SETTLED: Duration = Duration::from_millis(500);

/// How many lines are read between two looks whether to stop.
const LINES_AT_A_TIME: u64 = 1024;

/// Checks the log of a home.
///
/// # Errors
/// The log cannot be read, or `stopped` says so. What is wrong with its content is in the result.
pub fn verify(home: &Path, stopped: &dyn Fn() -> bool) -> io::Result<AuditState> {
    verify_settled(home, SETTLED, stopped)
}

/// [`verify`] with another time for half a line to stay as it is.
pub(super) fn verify_settled(
    home: &Path,
    settled: Duration,
    stopped: &dyn Fn() -> bool,
) -> io::Result<AuditState> {
    let begun = Instant::now();
    let mut before: Option<(AuditState, Instant)> = None;
    while before.is_none() || begun.elapsed() < LONGEST {
        match attempt(home, stopped)? {
            Attempt::Sure(state) => return Ok(state),
            Attempt::Unsure(state) => {
                let since = match before.take() {
                    Some((earlier, since)) if earlier == state => since,
                    _ => Instant::now(),
                };
                // It looks the same after a while, so nobody is just writing it.
                if since.elapsed() >= settled {
                    return Ok(state);
                }
                before = Some((state, since));
            }
            Attempt::Gone if begun.elapsed() >= LONGEST => break,
            Attempt::Gone => {}
        }
        std::thread::sleep(PAUSE);
    }
    before
        .map(|(state, _)| state)
        .ok_or_else(|| io::Error::other("its files change too quickly"))
}

/// What came of reading the log once.
enum Attempt {
    Sure(AuditState),
    /// There is a fault, and it is one that a line being written at that moment looks like.
    Unsure(AuditState),
    /// A file was there and is not any more.
    Gone,
}

fn attempt(home: &Path, stopped: &dyn Fn() -> bool) -> io::Result<Attempt> {
    // First the head, because a service may be writing: lines may come, but none may go.
    let noted = read_head(home)?;
    let mut check = Check::new(noted);
    let mut seen = 0;
    let log = loop {
        for (number, path) in full_files(home)? {
            if number <= seen {
                continue;
            }
            seen = number;
            let file = match File::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Ok(Attempt::Gone);
                }
                other => other?,
            };
            if let Err(fault) = check.file(file, files::full_name(number), Some(number), stopped)? {
                return Ok(Attempt::Sure(check.state(Some(fault))));
            }
        }
        // Whoever may read the log may check it, not only the account that writes it.
        let log = match File::open(home.join(LOG)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            other => Some(other?),
        };
        // If it was set aside in between, it is among the full files now.
        if full_files(home)?
            .last()
            .is_none_or(|(number, _)| *number <= seen)
        {
            break log;
        }
    };
    let found = match log {
        Some(file) => check.file(file, LOG.to_owned(), None, stopped)?,
        None if seen == 0 && check.noted == Noted::Missing => {
            return Err(io::Error::new(io::ErrorKind::NotFound, "there is no log"));
        }
        // Between two files there is none for a moment, also after a crash; whether lines are missing the head tells.
        None => Ok(()),
    };
    let now = read_head(home)?;
    let found = found.and_then(|()| check.end(&now));
    Ok(match found {
        Ok(()) => Attempt::Sure(check.state(None)),
        Err(fault) if check.at_the_end => Attempt::Unsure(check.state(Some(fault))),
        Err(fault) => Attempt::Sure(check.state(Some(fault))),
    })
}

/// What `audit.head` says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Noted {
    Missing,
    Unreadable,
    Line(Head),
}

fn read_head(home: &Path) -> io::Result<Noted> {
    match File::open(home.join(HEAD)) {
        Ok(mut file) => Ok(Head::read(&mut file)?.map_or(Noted::Unreadable, Noted::Line)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Noted::Missing),
        Err(error) => Err(error),
    }
}

/// A line that cannot be read; the next one must be the note about it.
struct Torn {
    about: String,
    line: u64,
    what: String,
}

/// Where the check stands.
struct Check {
    noted: Noted,
    head: Head,
    /// The hash before `head`.
    before: String,
    records: u64,
    first: u64,
    files: u64,
    repaired: u64,
    /// The last of the lines before the first one, until a note says that they were dropped.
    dropped: Option<Head>,
    first_file: String,
    file: String,
    line: u64,
    torn: Option<Torn>,
    /// The fault may be that of a line that is being written.
    at_the_end: bool,
}

type Found = Result<(), AuditFault>;

impl Check {
    fn new(noted: Noted) -> Self {
        Self {
            noted,
            head: Head {
                number: 0,
                hash: NO_HASH.to_owned(),
            },
            before: String::new(),
            records: 0,
            first: 1,
            files: 0,
            repaired: 0,
            dropped: None,
            first_file: String::new(),
            file: String::new(),
            line: 0,
            torn: None,
            at_the_end: false,
        }
    }

    /// Reads one file. `named` is the number in its name.
    fn file(
        &mut self,
        file: File,
        name: String,
        named: Option<u64>,
        stopped: &dyn Fn() -> bool,
    ) -> io::Result<Found> {
        if self.files == 0 {
            self.first_file.clone_from(&name);
        }
        self.files += 1;
        self.file = name;
        self.line = 0;
        let mut named = named;
        let (full, empty) = (named.is_some(), self.records);
        let mut reader = BufReader::new(file);
        let mut text = Vec::new();
        while let Some(whole) = read_line(&mut reader, &mut text)? {
            self.line += 1;
            if self.line.is_multiple_of(LINES_AT_A_TIME) && stopped() {
                return Err(io::Error::new(
                    io::ErrorKind::Interrupted,
                    "the check was stopped",
                ));
            }
            let cut_off = !whole && text.len() <= LINE_BYTES;
            self.at_the_end = !full && cut_off;
            if let Err(fault) = self.next(&text, whole, &mut named) {
                return Ok(Err(fault));
            }
            // What comes now, if it is being written, is the rest of that line.
            if cut_off {
                break;
            }
        }
        if let Some(torn) = &self.torn {
            return Ok(Err(self.fault(Some(torn.line), torn.what.clone())));
        }
        if full && self.records == empty {
            return Ok(Err(self.fault(None, "is empty")));
        }
        Ok(Ok(()))
    }

    fn fault(&self, line: Option<u64>, what: impl Into<String>) -> AuditFault {
        AuditFault {
            number: self.head.number + 1,
            file: self.file.clone(),
            line,
            what: what.into(),
        }
    }

    fn next(&mut self, text: &[u8], whole: bool, named: &mut Option<u64>) -> Found {
        let line = match open(text) {
            Ok(line) if whole => line,
            read => {
                let what = read.err().unwrap_or_else(|| "is cut off".to_owned());
                if let Some(torn) = &self.torn {
                    return Err(self.fault(Some(torn.line), torn.what.clone()));
                }
                // Whether that was a crash or somebody's hand, the next line tells.
                self.torn = Some(Torn {
                    about: about_torn(text),
                    line: self.line,
                    what,
                });
                return Ok(());
            }
        };
        if let Some(torn) = self.torn.take() {
            if line.phase != "note" || line.result != "repaired" || line.detail != torn.about {
                return Err(self.fault(Some(torn.line), torn.what));
            }
            self.repaired += 1;
        }
        let begin = named.unwrap_or(line.n);
        if self.records == 0 && begin > 1 {
            self.first = begin;
            self.head = Head {
                number: begin - 1,
                hash: line.prev.clone(),
            };
            self.dropped = Some(self.head.clone());
        }
        self.follows(&line, named.take())?;
        if line.phase == "note" {
            self.note(&line)?;
        }
        if let Noted::Line(noted) = &self.noted
            && noted.number == line.n
            && noted.hash != line.hash
        {
            self.at_the_end = true;
            let what = format!("is not the line that {HEAD} names");
            return Err(self.fault(Some(self.line), what));
        }
        self.before = std::mem::replace(&mut self.head, line.head()).hash;
        self.records += 1;
        Ok(())
    }

    fn follows(&self, line: &Line, named: Option<u64>) -> Found {
        let expected = self.head.number + 1;
        let fault = |what: String| Err(self.fault(Some(self.line), what));
        if line.n == expected && line.prev == self.head.hash {
            return match named {
                Some(named) if named != line.n => {
                    let what = format!(
                        "does not belong into a file of this name: it is number {} and should be {named}",
                        line.n
                    );
                    fault(what)
                }
                _ => Ok(()),
            };
        }
        if line.n > expected {
            let gone = numbers(expected, line.n - 1);
            return fault(format!("does not follow the one before: {gone} missing"));
        }
        let what = if line.n == expected {
            "its hash of the one before is another".to_owned()
        } else {
            format!("it is number {} and should be {expected}", line.n)
        };
        fault(format!("does not follow the one before: {what}"))
    }

    fn note(&mut self, line: &Line) -> Found {
        let loss = matches!(line.result.as_str(), "missing" | "replaced");
        if loss {
            let what = format!("notes a loss: {}", visible(&line.detail));
            return Err(self.fault(Some(self.line), what));
        }
        let explained = self
            .dropped
            .as_ref()
            .is_some_and(|last| line.detail.contains(&about_dropped(last)));
        if line.result == "dropped" && explained {
            self.dropped = None;
        }
        Ok(())
    }

    /// What shows only when all was read. `now` is the head as it is behind that.
    fn end(&mut self, now: &Noted) -> Found {
        let last = self.head.number;
        if let Some(dropped) = &self.dropped {
            let what = format!(
                "begins with number {}, and no line notes that the ones before were dropped",
                dropped.number + 1
            );
            return Err(AuditFault {
                number: 1,
                file: self.first_file.clone(),
                line: Some(1),
                what,
            });
        }
        if let Noted::Line(noted) = &self.noted
            && noted.number > last
        {
            if self.file != LOG {
                LOG.clone_into(&mut self.file);
                self.line = 0;
            }
            let what = format!(
                "is missing: {HEAD} names number {} as the last one",
                noted.number
            );
            return Err(self.fault(Some(self.line + 1), what));
        }
        let what = match now {
            _ if last == 0 => return Ok(()),
            Noted::Missing => "is missing".to_owned(),
            Noted::Unreadable => "was changed: it cannot be read".to_owned(),
            Noted::Line(noted) if noted.number + 1 < last => format!(
                "names number {} as the last one, and the log goes on to {last}: it is an old copy, or the machine lost its power",
                noted.number
            ),
            Noted::Line(noted)
                if (noted.number == last && noted.hash != self.head.hash)
                    || (noted.number + 1 == last && noted.hash != self.before) =>
            {
                format!("names another hash for number {}", noted.number)
            }
            Noted::Line(_) => return Ok(()),
        };
        self.at_the_end = true;
        HEAD.clone_into(&mut self.file);
        self.head.number -= 1;
        Err(self.fault(None, what))
    }

    fn state(&self, fault: Option<AuditFault>) -> AuditState {
        AuditState {
            records: self.records,
            first: self.first,
            last_hash: self.head.hash.clone(),
            files: self.files,
            repaired: self.repaired,
            fault,
        }
    }
}

/// `line 7 is`, `lines 7 to 9 are`.
fn numbers(from: u64, to: u64) -> String {
    if from == to {
        format!("number {from} is")
    } else {
        format!("numbers {from} to {to} are")
    }
}

/// The result of a check in words.
pub fn told(state: &AuditState) -> String {
    if let Some(fault) = &state.fault {
        return fault.to_string();
    }
    let dropped = match state.first {
        1 => String::new(),
        first => format!(" from number {first} on, as the ones before were dropped"),
    };
    let repaired = match state.repaired {
        0 => String::new(),
        count => format!(", {count} cut off by a crash and noted"),
    };
    let counted = |count: u64, what: &str| match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    };
    format!(
        "{} in {}{dropped}, unbroken{repaired}. The last one's hash: {}",
        counted(state.records, "line"),
        counted(state.files, "file"),
        state.last_hash
    )
}
