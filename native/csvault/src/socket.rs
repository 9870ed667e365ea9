//! The pipe's name in the file system: made when that is safe, removed when it is ours.

use std::io;
use std::path::{Path, PathBuf};

use cs_contract::{ErrorId, ErrorReport};
use interprocess::local_socket::tokio::Listener;
use interprocess::local_socket::{GenericFilePath, ListenerOptions, ToFsName};

use crate::home::Mode;

/// The longest path of a socket, in bytes, without the closing NUL.
pub const PATH_BYTES: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// A pipe that listens. Dropping it removes the name, if it still is the one that was made.
#[derive(Debug)]
pub struct Pipe {
    /// Where connections come in.
    pub listener: Listener,
    name: SocketName,
}

/// The name of a socket in the file system.
#[derive(Debug)]
pub struct SocketName {
    path: PathBuf,
    /// Device and inode, to know it again.
    #[cfg(unix)]
    identity: Option<(u64, u64)>,
}

/// Where the pipe of a home is: the option, `CSVAULT_PIPE`, or a socket in the home.
///
/// # Errors
/// A path that is relative or too long.
pub fn locate(option: Option<&Path>, home: &Path, mode: Mode) -> Result<PathBuf, ErrorReport> {
    let variable = std::env::var_os("CSVAULT_PIPE").filter(|value| !value.is_empty());
    let path = match option
        .map(Path::to_owned)
        .or_else(|| variable.map(PathBuf::from))
    {
        Some(path) => path,
        None if cfg!(windows) && mode == Mode::System => PathBuf::from(r"\\.\pipe\csvault"),
        None if cfg!(windows) => {
            let user = std::env::var("USERNAME").unwrap_or_default();
            PathBuf::from(format!(r"\\.\pipe\csvault-{user}"))
        }
        None => home.join("csvault.sock"),
    };
    check_name(&path)?;
    Ok(path)
}

fn check_name(path: &Path) -> Result<(), ErrorReport> {
    if !path.is_absolute() {
        return Err(refused(path, "a rooted path is needed"));
    }
    let length = path.as_os_str().as_encoded_bytes().len();
    if cfg!(unix) && length > PATH_BYTES {
        return Err(refused(
            path,
            &format!("it is {length} bytes long and a socket's path holds {PATH_BYTES}"),
        )
        .hint("Give a shorter path in CSVAULT_HOME or CSVAULT_PIPE."));
    }
    Ok(())
}

fn refused(path: &Path, why: &str) -> ErrorReport {
    ErrorReport::new(
        ErrorId::HostUnavailable,
        format!("The pipe {} cannot be made: {why}.", path.display()),
    )
    .on("Pipe", path.display().to_string())
    .hint("Move away what is there, or give another path in CSVAULT_PIPE.")
}

/// Makes the pipe. The caller holds the lock of the home.
///
/// # Errors
/// Something else is at that path, somebody answers there, or the system refuses.
pub fn listen(path: &Path, mode: Mode) -> Result<Pipe, ErrorReport> {
    let fail = |error: io::Error| refused(path, &error.to_string());
    #[cfg(unix)]
    {
        check_folder(path, mode)?;
        clear(path)?;
    }
    let name = path.to_fs_name::<GenericFilePath>().map_err(fail)?;
    // Created under the private umask: mode 0600 from its first moment.
    let options = ListenerOptions::new().name(name).reclaim_name(false);
    #[cfg(windows)]
    let options = {
        use interprocess::os::windows::local_socket::ListenerOptionsExt;
        options.security_descriptor(descriptor(mode).map_err(fail)?)
    };
    let listener = options.create_tokio().map_err(fail)?;
    #[cfg(unix)]
    let name = {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let metadata = std::fs::symlink_metadata(path).map_err(fail)?;
        let bits = if mode == Mode::System { 0o666 } else { 0o600 };
        std::fs::set_permissions(path, PermissionsExt::from_mode(bits)).map_err(fail)?;
        SocketName {
            path: path.to_owned(),
            identity: Some((metadata.dev(), metadata.ino())),
        }
    };
    #[cfg(not(unix))]
    let name = SocketName {
        path: path.to_owned(),
    };
    Ok(Pipe { listener, name })
}

/// Who may do what with a pipe on Windows. This account owns it, which is how clients know it, and alone may make further instances
/// of it; nobody comes over the network. In system mode everybody with an account may read and write, and no more.
#[cfg(windows)]
fn descriptor(
    mode: Mode,
) -> io::Result<interprocess::os::windows::security_descriptor::SecurityDescriptor> {
    /// Reading and writing of data and attributes: `FILE_GENERIC_READ | FILE_GENERIC_WRITE` without the right to make instances.
    const USE: &str = "0x12019b";
    let own = cs_peer::own_sid()?;
    let everybody = match mode {
        Mode::System => format!("(A;;{USE};;;AU)"),
        Mode::Embedded => String::new(),
    };
    let text = format!("O:{own}D:P(D;;GA;;;NU)(A;;GA;;;{own}){everybody}");
    let text = widestring::U16CString::from_str(text)
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    interprocess::os::windows::security_descriptor::SecurityDescriptor::deserialize(&text)
}

/// In a folder that others can change, they could put their own socket into the place of ours. In a sticky one they could only
/// be there first, which matters for a service that many look for.
#[cfg(unix)]
fn check_folder(path: &Path, mode: Mode) -> Result<(), ErrorReport> {
    use std::os::unix::fs::MetadataExt;

    const STICKY: u32 = 0o1000;
    let folder = path.parent().unwrap_or(path);
    if mode == Mode::System {
        return crate::private::check_way(folder)
            .map_err(|error| refused(path, &format!("its folder cannot be used: {error}")));
    }
    let metadata = std::fs::metadata(folder)
        .map_err(|error| refused(path, &format!("its folder cannot be used: {error}")))?;
    let owner = metadata.uid();
    if owner != 0 && Some(owner) != crate::private::own_uid() {
        return Err(refused(
            path,
            &format!("its folder belongs to user id {owner}"),
        ));
    }
    if crate::private::writable_by_others(&metadata) && metadata.mode() & STICKY == 0 {
        let mode = metadata.mode() & 0o7777;
        return Err(refused(
            path,
            &format!("other accounts can write in its folder (mode {mode:04o})"),
        ));
    }
    Ok(())
}

/// Removes a socket that an ended service left behind; refuses everything else.
#[cfg(unix)]
fn clear(path: &Path) -> Result<(), ErrorReport> {
    use std::os::unix::fs::FileTypeExt;
    use std::os::unix::net::UnixStream;

    let metadata = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(|error| refused(path, &error.to_string()))?,
    };
    if !metadata.file_type().is_socket() {
        return Err(refused(
            path,
            "something that is not a socket is in its place",
        ));
    }
    if crate::private::owner(&metadata) != crate::private::own_uid() {
        return Err(refused(path, "a socket of another account is in its place"));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
        Ok(_) => return Err(refused(path, "another program listens there")),
        Err(error) => return Err(refused(path, &error.to_string())),
    }
    std::fs::remove_file(path).map_err(|error| refused(path, &error.to_string()))
}

impl Pipe {
    /// Takes the listener apart from the name, which goes when it is dropped.
    #[must_use]
    pub fn split(self) -> (Listener, SocketName) {
        (self.listener, self.name)
    }
}

impl SocketName {
    /// True while clients find this socket under its name.
    #[must_use]
    pub fn is_there(&self) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let found = std::fs::symlink_metadata(&self.path).ok();
            let identity = found.map(|metadata| (metadata.dev(), metadata.ino()));
            identity.is_some() && identity == self.identity
        }
        #[cfg(not(unix))]
        {
            true
        }
    }
}

impl Drop for SocketName {
    fn drop(&mut self) {
        if cfg!(unix) && self.is_there() {
            let _gone_already = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn names_are_rooted_and_fit() {
        check_name(Path::new("/run/csvault.sock")).unwrap();
        assert!(check_name(Path::new("csvault.sock")).is_err());
        let fault = check_name(Path::new(&format!("/{}", "a".repeat(107)))).unwrap_err();
        assert!(fault.message.contains("108 bytes"), "{}", fault.message);
        assert!(
            fault.recommended_action.contains("shorter"),
            "{}",
            fault.recommended_action
        );
    }

    #[test]
    fn only_a_dead_socket_of_ours_is_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        clear(&path).unwrap();

        let listener = UnixListener::bind(&path).unwrap();
        assert!(
            clear(&path)
                .unwrap_err()
                .message
                .contains("another program listens")
        );
        drop(listener);
        clear(&path).unwrap();
        assert!(!path.exists());

        std::fs::write(&path, "precious").unwrap();
        assert!(clear(&path).unwrap_err().message.contains("not a socket"));
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");

        let link = folder.path().join("l");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(clear(&link).unwrap_err().message.contains("not a socket"));
    }
}
