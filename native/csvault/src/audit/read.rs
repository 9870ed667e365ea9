//! Reading the log from its newest line to its oldest, a little at a time.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use cs_engine::TakeLine;

use super::files::{LINE_BYTES, LOG, full_files};
use super::line;

/// Bytes that are read at a time.
const BLOCK: usize = 64 * 1024;

/// How often the files are looked at anew when one was set aside at that very moment.
const TRIES: usize = 10;

/// Hands out the lines of a home's log, the newest first, until `take` has enough.
pub fn read_back(home: &Path, take: &mut TakeLine<'_>) -> io::Result<()> {
    let (log, full) = snapshot(home)?;
    if let Some(log) = log
        && !read_file(log, LOG, true, take)?
    {
        return Ok(());
    }
    for path in full.iter().rev() {
        let file = match File::open(path) {
            Ok(file) => file,
            // Dropped meanwhile, and the log says so.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !read_file(file, &name, false, take)? {
            return Ok(());
        }
    }
    Ok(())
}

/// The file that is written, and the full ones as they are at the same time.
fn snapshot(home: &Path) -> io::Result<(Option<File>, Vec<PathBuf>)> {
    let names = || -> io::Result<Vec<PathBuf>> {
        Ok(full_files(home)?
            .into_iter()
            .map(|(_, path)| path)
            .collect())
    };
    let mut before = names()?;
    for _ in 0..TRIES {
        let log = match File::open(home.join(LOG)) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let after = names()?;
        if before.last() == after.last() {
            return Ok((log, after));
        }
        before = after;
    }
    Err(io::Error::other("its files change too quickly"))
}

/// Hands out the lines of one file; false when there were enough.
fn read_file(file: File, name: &str, written: bool, take: &mut TakeLine<'_>) -> io::Result<bool> {
    let mut lines = Backwards::new(file)?;
    // What has no end yet is being written at this moment.
    let unfinished = lines.unfinished()?;
    if !written && !unfinished.is_empty() {
        let cut = Err(format!("a line of {name} is cut off"));
        if take(cut).is_break() {
            return Ok(false);
        }
    }
    while let Some(text) = lines.previous()? {
        let line = line::open(&text)
            .map(line::Line::into_record)
            .map_err(|what| format!("a line of {name} {what}"));
        if take(line).is_break() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The lines of a file from its end.
struct Backwards {
    file: File,
    /// Where the buffer begins in the file.
    start: u64,
    /// What was read and not handed out.
    buffer: Vec<u8>,
}

impl Backwards {
    fn new(file: File) -> io::Result<Self> {
        let start = file.metadata()?.len();
        Ok(Self {
            file,
            start,
            buffer: Vec::new(),
        })
    }

    /// What stands behind the last line end.
    fn unfinished(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(place) = self.buffer.iter().rposition(|&byte| byte == b'\n') {
                return Ok(self.buffer.split_off(place + 1));
            }
            if self.start == 0 || self.buffer.len() > LINE_BYTES {
                return Ok(std::mem::take(&mut self.buffer));
            }
            self.read_more()?;
        }
    }

    /// The line before those that were handed out, without its end. One that is too long comes in pieces.
    fn previous(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.buffer.is_empty() {
            if self.start == 0 {
                return Ok(None);
            }
            self.read_more()?;
        }
        self.buffer.pop_if(|byte| *byte == b'\n');
        self.unfinished().map(Some)
    }

    fn read_more(&mut self) -> io::Result<()> {
        let length = self.start.min(BLOCK as u64);
        self.start -= length;
        self.file.seek(SeekFrom::Start(self.start))?;
        let mut block = Vec::with_capacity(BLOCK + self.buffer.len());
        (&self.file).take(length).read_to_end(&mut block)?;
        block.append(&mut self.buffer);
        self.buffer = block;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn lines_come_from_the_end_over_block_borders() {
        let mut file = tempfile::tempfile().unwrap();
        let lines: Vec<String> = (0..3000)
            .map(|number| "x".repeat(number % 97) + &number.to_string())
            .collect();
        for line in &lines {
            writeln!(file, "{line}").unwrap();
        }
        file.write_all(b"half").unwrap();
        let mut back = Backwards::new(file).unwrap();
        assert_eq!(back.unfinished().unwrap(), b"half");
        for line in lines.iter().rev() {
            assert_eq!(back.previous().unwrap().unwrap(), line.as_bytes());
        }
        assert_eq!(back.previous().unwrap(), None);
    }
}
