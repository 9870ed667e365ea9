//! Files of the user, opened with the user's own rights: read as they are, written whole or not at all.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once, PoisonError};

use cs_contract::{ErrorId, ErrorReport};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

/// Opens a file to be sent.
///
/// # Errors
/// Missing, a folder, a device or pipe, or unreadable: each by name.
pub fn open_input(path: &Path) -> Result<File, ErrorReport> {
    // A socket cannot even be opened, nor can a terminal that is not there.
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return Err(not_regular(path));
    }
    let shown = path.display().to_string();
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // A pipe without a writer must not keep us waiting.
        options.custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits());
    }
    let failed = |error: io::Error| {
        let (id, what) = match error.kind() {
            io::ErrorKind::NotFound => (ErrorId::FileNotFound, "does not exist".to_owned()),
            io::ErrorKind::PermissionDenied => {
                (ErrorId::FileReadFailed, "may not be read by you".to_owned())
            }
            _ => (ErrorId::FileReadFailed, format!("cannot be read: {error}")),
        };
        ErrorReport::new(id, format!("The file '{shown}' {what}.")).on("File", shown.clone())
    };
    let file = options.open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(not_regular(path));
    }
    Ok(file)
}

fn not_regular(path: &Path) -> ErrorReport {
    let what = if path.is_dir() {
        "a folder"
    } else {
        "a device or a pipe"
    };
    ErrorReport::new(
        ErrorId::FileNotRegular,
        format!("'{}' is {what}.", path.display()),
    )
    .on("File", path.display().to_string())
}

/// A file under way: it takes its name when it is whole. It is its owner's alone, also where another file was that others could read.
#[derive(Debug)]
pub struct OutputFile {
    target: PathBuf,
    replace: bool,
    file: NamedTempFile,
}

impl OutputFile {
    /// Begins a file beside its target.
    ///
    /// # Errors
    /// The target exists and is not to be replaced, is not a file, or its folder cannot be written in.
    pub fn begin(target: &Path, replace: bool) -> Result<Self, ErrorReport> {
        if cfg!(unix) && is_windows_path(target) {
            let text = format!(
                "'{}' is a path of Windows, which this system does not have.",
                target.display()
            );
            return Err(ErrorReport::new(ErrorId::FileNotFound, text)
                .on("File", target.display().to_string())
                .hint("Give a path of this system. In PowerShell, New-PSDrive maps a drive."));
        }
        match std::fs::symlink_metadata(target) {
            // A link counts as what is there: it is replaced itself, never followed.
            Ok(metadata) if metadata.is_file() || metadata.is_symlink() => {
                if !replace {
                    return Err(exists(target));
                }
            }
            Ok(_) => return Err(not_regular(target)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(write_failed(target, &error)),
        }
        if target.file_name().is_none() || target.as_os_str().as_encoded_bytes().ends_with(b"/") {
            return Err(write_failed(
                target,
                &io::Error::other("it is not the name of a file"),
            ));
        }
        file_limits_are_errors();
        let folder = folder_of(target);
        let file = tempfile::Builder::new()
            .prefix(".csvault-")
            .suffix(".tmp")
            .tempfile_in(folder)
            .map_err(|error| folder_failed(target, folder, &error))?;
        clean_up_when_interrupted(file.path());
        Ok(Self {
            target: target.to_owned(),
            replace,
            file,
        })
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ErrorReport> {
        // The file itself: an error of the other one names the half-written file.
        self.file
            .as_file_mut()
            .write_all(bytes)
            .map_err(|error| write_failed(&self.target, &error))
    }

    /// Gives the file its name, once it is on the disk.
    ///
    /// # Errors
    /// When the disk refuses, or a file of that name came meanwhile.
    pub fn commit(self) -> Result<(), ErrorReport> {
        let Self {
            target,
            replace,
            file,
        } = self;
        file.as_file()
            .sync_all()
            .map_err(|error| write_failed(&target, &error))?;
        let named = if replace {
            file.persist(&target)
        } else {
            file.persist_noclobber(&target)
        };
        named.map_err(|error| {
            if error.error.kind() == io::ErrorKind::AlreadyExists {
                exists(&target)
            } else {
                write_failed(&target, &error.error)
            }
        })?;
        nothing_to_clean_up();
        #[cfg(unix)]
        if let Ok(folder) = File::open(folder_of(&target)) {
            // Folders of some file systems cannot be flushed; the name is there all the same.
            let _not_supported = folder.sync_all();
        }
        Ok(())
    }
}

/// `C:\...` or `\\server\...`: elsewhere a file would get that as its name.
fn is_windows_path(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    matches!(bytes, [drive, b':', b'\\', ..] if drive.is_ascii_alphabetic())
        || bytes.starts_with(br"\\")
}

fn folder_of(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn exists(target: &Path) -> ErrorReport {
    ErrorReport::new(
        ErrorId::FileExists,
        format!("The file '{}' exists already.", target.display()),
    )
    .on("File", target.display().to_string())
}

fn folder_failed(target: &Path, folder: &Path, error: &io::Error) -> ErrorReport {
    let missing = !folder.exists();
    let folder = folder.display();
    let mut id = ErrorId::FileWriteFailed;
    let text = match error.kind() {
        io::ErrorKind::NotFound if missing => {
            id = ErrorId::FileNotFound;
            format!("The folder '{folder}' does not exist.")
        }
        io::ErrorKind::NotADirectory => format!("'{folder}' is not a folder."),
        io::ErrorKind::PermissionDenied => format!("You may not write in the folder '{folder}'."),
        _ => format!(
            "The file '{}' cannot be written: {error}.",
            target.display()
        ),
    };
    ErrorReport::new(id, text).on("File", target.display().to_string())
}

fn write_failed(target: &Path, error: &io::Error) -> ErrorReport {
    let text = format!(
        "The file '{}' cannot be written: {error}.",
        target.display()
    );
    ErrorReport::new(ErrorId::FileWriteFailed, text).on("File", target.display().to_string())
}

/// Makes a limit to the size of files (`ulimit -f`) an error of the write that meets it. Otherwise it ends the process at once, and
/// what was written stays.
pub fn file_limits_are_errors() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        static ONCE: Once = Once::new();

        ONCE.call_once(|| {
            // The handler stays when this is gone.
            if let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
                .enable_io()
                .build()
            {
                let _inside = runtime.enter();
                let _ignored = signal(SignalKind::from_raw(nix::libc::SIGXFSZ));
            }
        });
    }
}

/// The half-written file that must not be left behind when the user presses Ctrl+C.
static HALF_WRITTEN: Mutex<Option<PathBuf>> = Mutex::new(None);

fn clean_up_when_interrupted(path: &Path) {
    static LISTENING: Once = Once::new();

    *HALF_WRITTEN.lock().unwrap_or_else(PoisonError::into_inner) = Some(path.to_owned());
    LISTENING.call_once(|| {
        let _ends_with_the_process = std::thread::Builder::new().spawn(|| {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
            else {
                return;
            };
            if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
                let half_written = HALF_WRITTEN
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .take();
                if let Some(path) = half_written {
                    let _gone_already = std::fs::remove_file(path);
                }
                std::process::exit(crate::cli::EXIT_INTERRUPTED.into());
            }
        });
    });
}

fn nothing_to_clean_up() {
    *HALF_WRITTEN.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// Counts and hashes what a call sends, to compare with what the service says it sent.
#[derive(Debug, Default)]
pub struct Tally {
    bytes: u64,
    hash: Sha256,
}

impl Tally {
    /// Counts bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.hash.update(bytes);
    }

    /// True when these were exactly the bytes that the service sent.
    pub fn agrees(self, result: &cs_contract::InvokeResult) -> bool {
        let hash: String = self
            .hash
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        self.bytes == result.bytes && result.sha256.as_ref().is_none_or(|theirs| *theirs == hash)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn only_regular_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let id = |path: &Path| open_input(path).unwrap_err().id;
        assert_eq!(id(&folder.path().join("none")), ErrorId::FileNotFound);
        assert_eq!(id(folder.path()), ErrorId::FileNotRegular);
        assert_eq!(id(Path::new("/dev/zero")), ErrorId::FileNotRegular);
        let fifo = folder.path().join("fifo");
        let mode = nix::sys::stat::Mode::from_bits_truncate(0o600);
        nix::unistd::mkfifo(&fifo, mode).unwrap();
        assert_eq!(id(&fifo), ErrorId::FileNotRegular);
        let socket = folder.path().join("socket");
        let _listens = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert_eq!(id(&socket), ErrorId::FileNotRegular);
        // Also without a terminal.
        assert_eq!(id(Path::new("/dev/tty")), ErrorId::FileNotRegular);
    }

    #[test]
    fn a_file_appears_whole_private_and_only_where_it_may() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.zip");
        let mut file = OutputFile::begin(&path, false).unwrap();
        file.write(b"one").unwrap();
        assert!(!path.exists());
        file.commit().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);

        assert_eq!(
            OutputFile::begin(&path, false).unwrap_err().id,
            ErrorId::FileExists
        );
        let mut file = OutputFile::begin(&path, true).unwrap();
        file.write(b"two").unwrap();
        drop(file);
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        let mut file = OutputFile::begin(&path, true).unwrap();
        file.write(b"two").unwrap();
        file.commit().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");

        let late = folder.path().join("late");
        let file = OutputFile::begin(&late, false).unwrap();
        std::fs::write(&late, "theirs").unwrap();
        assert_eq!(file.commit().unwrap_err().id, ErrorId::FileExists);
        assert_eq!(std::fs::read(&late).unwrap(), b"theirs");

        let link = folder.path().join("link");
        symlink(&path, &link).unwrap();
        assert_eq!(
            OutputFile::begin(&link, false).unwrap_err().id,
            ErrorId::FileExists
        );
        OutputFile::begin(&link, true).unwrap().commit().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");

        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();
        OutputFile::begin(&path, true).unwrap().commit().unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);

        for windows in [r"C:\Config.zip", r"\\server\share\Config.zip"] {
            let refused = OutputFile::begin(&folder.path().join(windows), false);
            assert!(refused.is_ok(), "a name in a folder is a name");
            assert_eq!(
                OutputFile::begin(Path::new(windows), false).unwrap_err().id,
                ErrorId::FileNotFound
            );
        }

        assert_eq!(
            OutputFile::begin(folder.path(), true).unwrap_err().id,
            ErrorId::FileNotRegular
        );
        let missing = OutputFile::begin(&folder.path().join("no/out.zip"), false).unwrap_err();
        assert_eq!(missing.id, ErrorId::FileNotFound);
        assert!(
            missing.message.contains("does not exist"),
            "{}",
            missing.message
        );
        assert_eq!(
            OutputFile::begin(Path::new("/dev/null"), true)
                .unwrap_err()
                .id,
            ErrorId::FileNotRegular
        );
        let names: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .flatten()
            .map(|entry| entry.file_name())
            .collect();
        assert_eq!(names.len(), 3, "{names:?}");
    }
}
