//! `csvault audit verify`: reads the log from its first line and names the first one that is not as it was written.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use super::line::{Head, Line, NO_HASH, hex, open};
use super::{HEAD, LOG};
use sha2::{Digest, Sha256};

/// A log without a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Number of lines.
    pub lines: u64,
    /// The last line's hash, to be kept elsewhere.
    pub hash: String,
    /// Lines that a crash cut off and that the log itself notes.
    pub repaired: u64,
}

/// The first fault of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The line of the file, from 1; the one behind the last when lines are missing at the end.
    pub line: u64,
    /// What is wrong with it.
    pub what: String,
}

/// Checks the log of a home.
///
/// # Errors
/// The log cannot be read. What is wrong with its content is the inner error.
pub fn verify(home: &Path) -> io::Result<Result<Verified, Finding>> {
    // First the head, because a service may be writing: lines may come, but none may go.
    let noted = match File::open(home.join(HEAD)) {
        Ok(mut file) => Head::read(&mut file)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    // Whoever may read the log may check it, not only the account that writes it.
    let file = File::open(home.join(LOG))?;
    let mut reader = BufReader::new(file);
    let mut check = Check::default();
    let mut text = Vec::new();
    let mut place = 0;
    loop {
        text.clear();
        if reader.read_until(b'\n', &mut text)? == 0 {
            break;
        }
        place += 1;
        let whole = text.pop_if(|byte| *byte == b'\n').is_some();
        if let Err(what) = check.next(&text, whole, noted.as_ref()) {
            return Ok(Err(Finding {
                line: check.torn_at.unwrap_or(place),
                what,
            }));
        }
        if check.torn.is_some() && check.torn_at.is_none() {
            check.torn_at = Some(place);
        }
    }
    Ok(check.end(place, noted.as_ref()))
}

/// Where the check stands.
struct Check {
    head: Head,
    repaired: u64,
    /// Length and hash of a line that cannot be read; the next line must be the note about it.
    torn: Option<(usize, String)>,
    torn_at: Option<u64>,
}

impl Default for Check {
    fn default() -> Self {
        Self {
            head: Head {
                number: 0,
                hash: NO_HASH.to_owned(),
            },
            repaired: 0,
            torn: None,
            torn_at: None,
        }
    }
}

impl Check {
    fn next(&mut self, text: &[u8], whole: bool, noted: Option<&Head>) -> Result<(), String> {
        let line = match open(text) {
            Ok(line) if whole => line,
            _ if self.torn.is_some() => {
                return Err("cannot be read, nor is the one after it".to_owned());
            }
            Ok(_) => return Err("is cut off".to_owned()),
            Err(_) => {
                self.torn = Some((text.len(), hex(&Sha256::digest(text))));
                // Whether that was a crash or somebody's hand, the next line tells.
                return Ok(());
            }
        };
        self.explain_torn(text, &line)?;
        if line.prev != self.head.hash || line.n != self.head.number + 1 {
            return Err(format!(
                "does not follow the one before: it is number {} and should be {}",
                line.n,
                self.head.number + 1
            ));
        }
        self.head = line.head();
        if line.phase == "note" && line.result == "missing" {
            return Err(format!("notes a loss: {}", line.detail));
        }
        match noted {
            Some(noted) if noted.number == line.n && noted.hash != line.hash => {
                Err(format!("is not the line that {HEAD} names"))
            }
            _ => Ok(()),
        }
    }

    /// A line that cannot be read is accepted when the next one is the service's note about exactly these bytes.
    fn explain_torn(&mut self, text: &[u8], line: &Line) -> Result<(), String> {
        let Some((length, hash)) = self.torn.take() else {
            return Ok(());
        };
        let noted = format!("{length} bytes of a line that was cut off, SHA-256 {hash}");
        if line.phase == "note" && line.result == "repaired" && line.detail == noted {
            self.repaired += 1;
            self.torn_at = None;
            return Ok(());
        }
        let _the_fault_is_the_line_before = text;
        Err("was changed: it does not match its hash, or is not a line of the log".to_owned())
    }

    fn end(self, lines: u64, noted: Option<&Head>) -> Result<Verified, Finding> {
        if self.torn.is_some() {
            let line = self.torn_at.unwrap_or(lines);
            return Err(Finding {
                line,
                what: "was changed or cut off".to_owned(),
            });
        }
        match noted {
            Some(noted) if noted.number > self.head.number => Err(Finding {
                line: lines + 1,
                what: format!(
                    "is missing: {HEAD} names number {} as the last one",
                    noted.number
                ),
            }),
            _ => Ok(Verified {
                lines,
                hash: self.head.hash,
                repaired: self.repaired,
            }),
        }
    }
}
