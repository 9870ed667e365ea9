//! `service.log` in the home: faults of the program itself, which no client may see and nobody else would.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};

use crate::private;

/// The log's name in the home.
pub const LOG: &str = "service.log";

/// The log is begun anew when it is longer than this, in bytes.
const LOG_BYTES: u64 = 1024 * 1024;

/// From now on each panic of this process leaves a line in the log, and goes on to standard error as before.
pub fn keep_panics(home: &Path) {
    let path = home.join(LOG);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic: &PanicHookInfo<'_>| {
        // A fault while telling of a fault has nobody left to tell.
        let _untold = note(&path, &panic.to_string());
        before(panic);
    }));
}

/// Appends one line: time, process, text.
fn note(path: &PathBuf, text: &str) -> io::Result<()> {
    let long = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.len() > LOG_BYTES);
    let mut options = OpenOptions::new();
    if long {
        options.write(true).truncate(true);
    } else {
        options.append(true).create(true);
    }
    let mut file = private::open(path, &mut options)?;
    let (time, process) = (jiff::Timestamp::now(), std::process::id());
    file.write_all(format!("{time} [{process}] {}\n", text.escape_debug()).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_one_line_and_the_log_stays_short() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(LOG);
        note(&path, "one\nfault").unwrap();
        note(&path, "another").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("one\\nfault"), "{text}");
        note(&path, &"x".repeat(2_000_000)).unwrap();
        note(&path, "after").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1);
    }
}
