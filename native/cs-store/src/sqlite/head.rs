//! The file beside a store that remembers which version was committed last, so that a store that lost its end, or all of it, is not
//! taken for an older or a new one.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cs_model::Version;

use crate::StoreError;

/// The file, and what it remembered when it was read.
pub struct Head {
    path: PathBuf,
    remembered: Version,
}

impl Head {
    /// Reads the file of a store. Where there is none, or one whose making was cut short, nothing is remembered.
    pub fn of(store: &Path) -> Result<Self, StoreError> {
        let path = store.with_extension("head");
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            other => other?,
        };
        // A power cut can leave a file that has its length and not yet its bytes.
        let text = text.trim_matches(['\0', '\n', '\r', ' ']);
        let remembered = match text.parse() {
            Ok(number) => number,
            Err(_) if text.is_empty() => 0,
            Err(_) => {
                return Err(StoreError::Damaged(format!(
                    "{} holds no version; if it is removed, what is in the store counts",
                    path.display()
                )));
            }
        };
        Ok(Self {
            path,
            remembered: Version(remembered),
        })
    }

    /// Refuses a store whose newest version is older than what is remembered.
    pub fn compare(&self, found: Version) -> Result<(), StoreError> {
        if found >= self.remembered {
            return Ok(());
        }
        Err(StoreError::Behind {
            expected: self.remembered,
            found,
            head: self.path.clone(),
        })
    }

    /// Remembers a version that is committed. What cannot be written here is no fault of the commit: the file is behind then, which
    /// it also is after a power cut between the two, and never ahead.
    pub fn remember(&self, version: Version) {
        let _stays_behind = self.write(version);
    }

    fn write(&self, version: Version) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&self.path)?;
        // Always as long, and written over in one piece: it is the old or the new version at any moment.
        file.write_all(format!("{:020}\n", version.0).as_bytes())?;
        file.sync_data()
    }
}
