//! Files that belong to the service alone: opened without following links, made with mode 0600, refused when others could have
//! written them.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

/// The user id of this process, as far as the system has such a thing.
#[must_use]
pub fn own_uid() -> Option<u32> {
    #[cfg(unix)]
    {
        Some(nix::unistd::geteuid().as_raw())
    }
    #[cfg(not(unix))]
    {
        None
    }
}

/// The user id of a file's owner, as far as the system has such a thing.
#[must_use]
pub fn owner(metadata: &Metadata) -> Option<u32> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Some(metadata.uid())
    }
    #[cfg(not(unix))]
    {
        let _no_user_ids = metadata;
        None
    }
}

/// True when the group or everybody may write.
#[must_use]
pub fn writable_by_others(metadata: &Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        metadata.mode() & 0o022 != 0
    }
    #[cfg(not(unix))]
    {
        let _access_lists_decide = metadata;
        false
    }
}

/// Checks the way to a folder, from the root: whoever could put another folder or link into the place of one of its parts could
/// let others talk to a service of their own. Parts belong to root or this account, and nobody else can change them but in a
/// sticky folder, where each can only touch what is theirs. Nobody else can make anything in the last part at all.
///
/// # Errors
/// A sentence that names the part, and its owner and mode.
#[cfg(unix)]
pub fn check_way(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;

    const STICKY: u32 = 0o1000;
    let refused = |part: &Path, metadata: &Metadata, what: &str| {
        let (mode, uid) = (metadata.mode() & 0o7777, metadata.uid());
        let text = format!(
            "{what} {} (which belongs to user id {uid} and has mode {mode:04o})",
            part.display()
        );
        Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
    };
    let is_foreign = |metadata: &Metadata| metadata.uid() != 0 && Some(metadata.uid()) != own_uid();
    // As it is written, for its links, and as it is.
    for way in [folder, &folder.canonicalize()?] {
        for part in way.ancestors().filter(|part| part.has_root()) {
            let metadata = std::fs::symlink_metadata(part)?;
            if metadata.is_symlink() {
                if is_foreign(&metadata) {
                    return refused(part, &metadata, "it leads through the symbolic link");
                }
                continue;
            }
            if is_foreign(&metadata) {
                return refused(part, &metadata, "another account owns the folder");
            }
            let is_last = part == way;
            if writable_by_others(&metadata) && (is_last || metadata.mode() & STICKY == 0) {
                return refused(part, &metadata, "other accounts can write in the folder");
            }
        }
    }
    Ok(())
}

/// Makes everything that this process creates from now on private, whatever it was started with.
pub fn keep_new_files_private() {
    #[cfg(unix)]
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
}

/// Opens a file of the service: a regular file of this account that nobody else can write, never a link.
///
/// # Errors
/// `PermissionDenied` with a sentence when it is not such a file; anything that opening says.
pub fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // Without O_NONBLOCK a fifo that somebody put there would keep us waiting.
        let flags = nix::fcntl::OFlag::O_NOFOLLOW | nix::fcntl::OFlag::O_NONBLOCK;
        options.mode(0o600).custom_flags(flags.bits());
    }
    let refused = |what: &str| {
        let text = format!("{} {what}", path.display());
        io::Error::new(io::ErrorKind::PermissionDenied, text)
    };
    let file = options.open(path).map_err(|error| {
        if std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink()) {
            refused("is a symbolic link")
        } else {
            error
        }
    })?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(refused("is not a regular file"));
    }
    if owner(&metadata) != own_uid() {
        return Err(refused("belongs to another account"));
    }
    if writable_by_others(&metadata) {
        return Err(refused("can be written by other accounts"));
    }
    Ok(file)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn links_folders_and_shared_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("plain");
        open(&plain, OpenOptions::new().write(true).create(true)).unwrap();
        assert_eq!(
            plain.metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
        open(&plain, OpenOptions::new().read(true)).unwrap();

        let link = folder.path().join("link");
        symlink(&plain, &link).unwrap();
        assert!(open(&link, OpenOptions::new().read(true)).is_err());
        let error = open(folder.path(), OpenOptions::new().read(true)).unwrap_err();
        assert!(error.to_string().contains("not a regular file"), "{error}");
        std::fs::set_permissions(&plain, PermissionsExt::from_mode(0o620)).unwrap();
        let error = open(&plain, OpenOptions::new().read(true)).unwrap_err();
        assert!(error.to_string().contains("other accounts"), "{error}");
    }
}
