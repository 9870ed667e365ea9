//! The files of the log: `audit.log`, which is written, and the full ones before it, each named by the number of its first line.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::line::{self, Head, Line, hex};
use crate::private;

/// The file that is written.
pub const LOG: &str = "audit.log";

/// The name of the file that repeats the last line's number and hash.
pub const HEAD: &str = "audit.head";

/// The next file while it has no name of its own yet.
const NEXT: &str = "audit.next";

/// The longest line, in bytes, with much room to spare.
pub const LINE_BYTES: usize = 256 * 1024;

/// The name of a full file.
pub fn full_name(first: u64) -> String {
    format!("audit-{first:020}.log")
}

/// The full files with the number in their name, the oldest first.
pub fn full_files(home: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(home)? {
        let name = entry?.file_name();
        let number = name
            .to_str()
            .and_then(|name| name.strip_prefix("audit-")?.strip_suffix(".log"))
            .and_then(|digits| digits.parse().ok());
        // A name of another form is not one of ours, and the lines inside are missed where they belong.
        if let Some(number) = number.filter(|number| *name == *full_name(*number)) {
            found.push((number, home.join(name)));
        }
    }
    found.sort();
    Ok(found)
}

/// Reads one line into `text` without its end. Returns `None` at the end of the file, and else whether the line had an end.
/// A line that is too long comes in pieces.
pub fn read_line(reader: &mut impl BufRead, text: &mut Vec<u8>) -> io::Result<Option<bool>> {
    text.clear();
    let mut reader = reader.take(LINE_BYTES as u64 + 1);
    if reader.read_until(b'\n', text)? == 0 {
        return Ok(None);
    }
    Ok(Some(text.pop_if(|byte| *byte == b'\n').is_some()))
}

/// The first line of a file that can be read, if it is near the beginning.
pub fn first_line(file: &File) -> io::Result<Option<Line>> {
    let mut file = file;
    file.rewind()?;
    let mut beginning = Vec::new();
    file.take(2 * LINE_BYTES as u64)
        .read_to_end(&mut beginning)?;
    let mut lines = beginning.split(|&byte| byte == b'\n');
    Ok(lines.find_map(|text| line::open(text).ok()))
}

/// The end of a file as it was found.
#[derive(Debug, Default)]
pub struct End {
    /// The last line that can be read.
    pub last: Option<Head>,
    /// The hash of the line that the head names, when it is near the end.
    pub noted: Option<String>,
    /// What follows the last line end.
    pub torn: Vec<u8>,
    /// Length of the file.
    pub length: u64,
}

impl End {
    /// Looks at the end of a file.
    pub fn find(file: &mut File, noted: Option<&Head>) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let reach = 2 * LINE_BYTES as u64;
        file.seek(SeekFrom::Start(length.saturating_sub(reach)))?;
        let mut tail = Vec::new();
        file.take(reach).read_to_end(&mut tail)?;
        let whole = tail
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |place| place + 1);
        let torn = tail.split_off(whole);
        let mut end = Self {
            length,
            torn,
            ..Self::default()
        };
        for text in tail.rsplit(|&byte| byte == b'\n') {
            let Ok(line) = line::open(text) else { continue };
            if noted.is_some_and(|noted| noted.number == line.n) {
                end.noted = Some(line.hash.clone());
            }
            end.last.get_or_insert_with(|| line.head());
            if noted.is_none_or(|noted| noted.number >= line.n) {
                break;
            }
        }
        Ok(end)
    }

    /// Makes sure that the next line starts on its own. Returns what a note is to say about what was cut off.
    pub fn mend(&mut self, mut file: &File) -> io::Result<Option<String>> {
        if self.torn.is_empty() {
            return Ok(None);
        }
        file.write_all(b"\n")?;
        self.length += 1;
        // Nothing but its end was missing.
        if let Ok(line) = line::open(&self.torn) {
            self.last = Some(line.head());
            return Ok(None);
        }
        Ok(Some(about_torn(&self.torn)))
    }
}

/// What the note about a line that was cut off says.
pub fn about_torn(torn: &[u8]) -> String {
    let (length, hash) = (torn.len(), hex(&Sha256::digest(torn)));
    format!("{length} bytes of a line that was cut off, SHA-256 {hash}")
}

/// What the note about a dropped file says of its last line. The check looks for exactly this.
pub fn about_dropped(last: &Head) -> String {
    format!(
        "the last line is {} with the hash {}",
        last.number, last.hash
    )
}

/// Opens the file that is written, or makes it.
pub fn open_log(home: &Path) -> io::Result<File> {
    private::open(
        &home.join(LOG),
        OpenOptions::new().read(true).append(true).create(true),
    )
}

/// Removes what a rotation left behind that did not come to its end.
pub fn sweep(home: &Path) -> io::Result<()> {
    match fs::remove_file(home.join(NEXT)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Makes what happened to names in the folder durable.
pub fn sync_folder(home: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(home)?.sync_all()?;
    }
    Ok(())
}

/// True when a name still leads to an open file. Where the system has no numbers for files it is taken for granted.
pub fn leads_to(path: &Path, file: &File) -> io::Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let ours = file.metadata()?;
        match fs::symlink_metadata(path) {
            Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
    #[cfg(not(unix))]
    {
        let _no_numbers = (path, file);
        Ok(true)
    }
}

/// The way from a full file to the next one, step by step. A crash after any step leaves files that [`super::AuditLog::open`] goes on with.
pub struct Rotation<'a> {
    home: &'a Path,
    full: PathBuf,
    log: Arc<File>,
    next: Option<File>,
    step: usize,
}

impl<'a> Rotation<'a> {
    /// Nothing done yet. `first` is the number of the first line in the full file.
    pub fn new(home: &'a Path, first: u64, log: Arc<File>) -> Self {
        Self {
            home,
            full: home.join(full_name(first)),
            log,
            next: None,
            step: 0,
        }
    }

    /// Does all steps. On an error everything is as before.
    pub fn run(mut self) -> io::Result<File> {
        loop {
            match self.next_step() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    self.undo();
                    return Err(error);
                }
            }
        }
        self.next
            .ok_or_else(|| io::Error::other("the next file was not made"))
    }

    /// Does the next step; false when all were done.
    pub fn next_step(&mut self) -> io::Result<bool> {
        let (log, next) = (self.home.join(LOG), self.home.join(NEXT));
        match self.step {
            0 => self.log.sync_all()?,
            1 => {
                sweep(self.home)?;
                let mut options = OpenOptions::new();
                options.read(true).append(true).create_new(true);
                self.next = Some(private::open(&next, &mut options)?);
            }
            2 => {
                if !leads_to(&log, &self.log)? {
                    return Err(io::Error::other("the log is not in its place"));
                }
                if fs::symlink_metadata(&self.full).is_ok() {
                    let text = format!("{} is there already", self.full.display());
                    return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
                }
                fs::rename(&log, &self.full)?;
            }
            3 => fs::rename(&next, &log)?,
            4 => sync_folder(self.home)?,
            _ => return Ok(false),
        }
        self.step += 1;
        Ok(true)
    }

    fn undo(&self) {
        if self.step >= 4 {
            let _back = fs::rename(self.home.join(LOG), self.home.join(NEXT));
        }
        if self.step >= 3 {
            let _back = fs::rename(&self.full, self.home.join(LOG));
        }
        let _left_for_the_next_start = sweep(self.home);
    }
}
