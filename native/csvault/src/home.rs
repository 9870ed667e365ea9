//! The data folder: where it is, and that it belongs to us alone.

use std::ffi::{OsStr, OsString};
use std::fs::DirBuilder;
use std::io;
use std::path::{Path, PathBuf};

use cs_contract::{ErrorId, ErrorReport};

use crate::private;

/// Who the service works for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One user, who started it.
    Embedded,
    /// All accounts of the machine.
    System,
}

/// Where the data folder is: the option, `CSVAULT_HOME`, or the platform's own place.
///
/// # Errors
/// When none of them is there.
pub fn locate(option: Option<&Path>, mode: Mode) -> Result<PathBuf, ErrorReport> {
    locate_from(option, mode, &|name| std::env::var_os(name))
}

fn locate_from(
    option: Option<&Path>,
    mode: Mode,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<PathBuf, ErrorReport> {
    let set = |name: &str| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let chosen = option.map(Path::to_owned).or_else(|| set("CSVAULT_HOME"));
    let path = match chosen {
        Some(path) => path,
        None if cfg!(windows) => {
            let folder = match mode {
                Mode::Embedded => "LOCALAPPDATA",
                Mode::System => "ProgramData",
            };
            set(folder).ok_or_else(no_home)?.join("csvault")
        }
        None if mode == Mode::System => PathBuf::from("/var/lib/csvault"),
        None => set("XDG_DATA_HOME")
            .filter(|path| path.is_absolute())
            .or_else(|| {
                // A relative one would lead to another place from each folder.
                let home = set("HOME").filter(|path| path.is_absolute());
                home.map(|home| home.join(".local/share"))
            })
            .ok_or_else(no_home)?
            .join("csvault"),
    };
    std::path::absolute(&path).map_err(|error| unusable(&path, &error.to_string()))
}

fn no_home() -> ErrorReport {
    ErrorReport::new(
        ErrorId::HostUnavailable,
        "There is no data folder: CSVAULT_HOME is not set, and the home folder of this account is not known by a rooted path.",
    )
    .hint("Set CSVAULT_HOME to a folder of your own.")
}

/// The report of a data folder that cannot be used.
fn unusable(path: &Path, why: &str) -> ErrorReport {
    ErrorReport::new(
        ErrorId::HostUnavailable,
        format!("The data folder {} cannot be used: {why}.", path.display()),
    )
    .on("Folder", path.display().to_string())
    .hint("Give a folder that belongs to you alone (mode 0700) in CSVAULT_HOME, or mend this one.")
}

/// Makes the data folder if it is not there, and refuses one that others could have filled or that holds something else. What is
/// refused stays as it was.
///
/// # Errors
/// A link, another owner, rights of others, files that are not ours, or anything the disk says.
pub fn prepare(path: &Path, mode: Mode) -> Result<(), ErrorReport> {
    let fail = |error: io::Error| unusable(path, &error.to_string());
    let is_new = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(fail)?;
            }
            match make(path) {
                // Another process was quicker; what it made is looked at below.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
                other => other.map(|()| true).map_err(fail)?,
            }
        }
        Err(error) => return Err(fail(error)),
        Ok(_) => false,
    };
    if let Err(refused) = check_place(path, mode) {
        if is_new {
            let _somebody_uses_it = std::fs::remove_dir(path);
        }
        return Err(refused);
    }
    tighten(path, mode).map_err(fail)?;
    let temporary = path.join("tmp");
    match make(&temporary) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            check(&temporary, private::own_uid())
        }
        other => other.map_err(fail),
    }
}

/// Checks everything about a folder that is to be the home, before anything in it or about it is changed.
fn check_place(path: &Path, mode: Mode) -> Result<(), ErrorReport> {
    check(path, private::own_uid())?;
    #[cfg(unix)]
    if mode == Mode::System {
        private::check_way(path).map_err(|error| unusable(path, &error.to_string()))?;
    }
    match holds(path).map_err(|error| unusable(path, &error.to_string()))? {
        Content::Nothing => Ok(()),
        Content::Home => check_closed(path, mode),
        Content::Others(name) => Err(foreign(path, &name)),
    }
}

fn foreign(path: &Path, name: &OsStr) -> ErrorReport {
    let why = format!(
        "it holds other files than those of a data folder, such as '{}'",
        name.to_string_lossy().escape_debug()
    );
    unusable(path, &why).hint("Give an empty folder, or one that is not there yet.")
}

/// Refuses a folder that holds other files than those of a home, as far as this account can see into it.
///
/// # Errors
/// Such a folder.
pub fn check_content(path: &Path) -> Result<(), ErrorReport> {
    match holds(path) {
        Ok(Content::Others(name)) => Err(foreign(path, &name)),
        _ => Ok(()),
    }
}

/// What is in a folder that is to be the home.
#[derive(Debug, PartialEq, Eq)]
enum Content {
    Nothing,
    /// Stores, settings or the log, or what a start that was cut short leaves.
    Home,
    /// Something that is not ours, by its name.
    Others(OsString),
}

/// The files that make a folder a home, whatever else somebody put beside them.
const OF_A_HOME: [&str; 4] = ["central.db", "local.db", "audit.log", "audit.head"];

/// What may be there before them: settings that somebody prepared, and what is left of a first start that another process is
/// just making, or that was cut short. Other programs have such names too, so beside other files they say nothing.
const OF_A_START: [&str; 5] = [
    "settings.json",
    "lock",
    "tmp",
    "csvault.sock",
    "service.log",
];

/// The names that `tempfile` gives, under which the first settings are written.
const UNDER_WAY: &[u8] = b".tmp";

/// At the top of some file systems, which makes nothing of a folder.
const OF_THE_DISK: &str = "lost+found";

fn holds(path: &Path) -> io::Result<Content> {
    let mut found = Content::Nothing;
    for entry in std::fs::read_dir(path)? {
        let name = entry?.file_name();
        if OF_A_HOME.iter().any(|own| name == *own) {
            return Ok(Content::Home);
        }
        let ours = OF_A_START.iter().any(|own| name == *own)
            || name.as_encoded_bytes().starts_with(UNDER_WAY);
        match found {
            _ if name == OF_THE_DISK => {}
            Content::Others(_) => {}
            _ if ours => found = Content::Home,
            _ => found = Content::Others(name),
        }
    }
    Ok(found)
}

/// A home that others can look into was opened by somebody since it was made, who should know that it was.
fn check_closed(path: &Path, mode: Mode) -> Result<(), ErrorReport> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let metadata =
            std::fs::symlink_metadata(path).map_err(|error| unusable(path, &error.to_string()))?;
        let found = metadata.permissions().mode() & 0o7777;
        if found & 0o066 != 0 {
            let why = format!("other accounts can look into it (mode {found:04o})");
            return Err(unusable(path, &why).hint(mending(path, mode)));
        }
    }
    #[cfg(not(unix))]
    let _access_lists_decide = (path, mode);
    Ok(())
}

/// How somebody makes a home private again.
#[cfg(unix)]
fn mending(path: &Path, mode: Mode) -> String {
    format!(
        "See who could use it since when, and close it: chmod {:o} {}",
        bits(mode),
        path.display()
    )
}

/// In system mode others must reach the socket inside; they still cannot list the folder nor open its files.
#[cfg(unix)]
fn bits(mode: Mode) -> u32 {
    if mode == Mode::System { 0o711 } else { 0o700 }
}

/// Removes what a service that was killed was receiving. The caller holds the lock of the home.
pub fn sweep(home: &Path) {
    for entry in std::fs::read_dir(home.join("tmp"))
        .into_iter()
        .flatten()
        .flatten()
    {
        // What cannot be removed is in nobody's way.
        let _left_behind = std::fs::remove_file(entry.path());
    }
}

fn make(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        DirBuilder::new().mode(0o700).create(path)
    }
    #[cfg(not(unix))]
    DirBuilder::new().create(path)
}

/// Gives the folder its mode.
fn tighten(path: &Path, mode: Mode) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let bits = bits(mode);
        if std::fs::symlink_metadata(path)?.permissions().mode() & 0o777 != bits {
            std::fs::set_permissions(path, PermissionsExt::from_mode(bits))?;
        }
    }
    #[cfg(not(unix))]
    let _inherited = (path, mode);
    Ok(())
}

/// Checks that a folder is a folder, belongs to an account, and that nobody else may write in it.
///
/// # Errors
/// What is wrong with it.
pub fn check(path: &Path, expected_owner: Option<u32>) -> Result<(), ErrorReport> {
    let metadata =
        std::fs::symlink_metadata(path).map_err(|error| unusable(path, &error.to_string()))?;
    if metadata.is_symlink() {
        return Err(unusable(path, "it is a symbolic link"));
    }
    if !metadata.is_dir() {
        return Err(unusable(path, "it is not a folder"));
    }
    let owner = private::owner(&metadata);
    if owner != expected_owner {
        let named = owner.map_or_else(
            || "another account".to_owned(),
            |uid| format!("user id {uid}"),
        );
        return Err(unusable(path, &format!("it belongs to {named}")));
    }
    if private::writable_by_others(&metadata) {
        return Err(unusable(path, "other accounts can write in it"));
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn at(variables: &[(&str, &str)], mode: Mode) -> Option<PathBuf> {
        let find = |name: &str| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| OsString::from(value))
        };
        locate_from(None, mode, &find).ok()
    }

    #[test]
    fn the_folder_is_found_by_the_documented_order() {
        let expect = |path: &str| Some(PathBuf::from(path));
        assert_eq!(
            at(&[("CSVAULT_HOME", "/a"), ("HOME", "/h")], Mode::Embedded),
            expect("/a")
        );
        let xdg = [("XDG_DATA_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(at(&xdg, Mode::Embedded), expect("/x/csvault"));
        let relative = [("XDG_DATA_HOME", "x"), ("HOME", "/h")];
        assert_eq!(
            at(&relative, Mode::Embedded),
            expect("/h/.local/share/csvault")
        );
        let empty = [("CSVAULT_HOME", ""), ("HOME", "/h")];
        assert_eq!(
            at(&empty, Mode::Embedded),
            expect("/h/.local/share/csvault")
        );
        assert_eq!(
            at(&[("HOME", "/h")], Mode::System),
            expect("/var/lib/csvault")
        );
        assert_eq!(at(&[], Mode::Embedded), None);
        assert_eq!(at(&[("HOME", "h")], Mode::Embedded), None);
    }

    #[test]
    fn a_new_folder_is_private_and_an_open_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("deep/home");
        prepare(&home, Mode::Embedded).unwrap();
        assert_eq!(home.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        prepare(&home, Mode::System).unwrap();
        assert_eq!(home.metadata().unwrap().permissions().mode() & 0o777, 0o711);
        assert_eq!(
            home.join("tmp").metadata().unwrap().permissions().mode() & 0o777,
            0o700
        );

        std::fs::set_permissions(&home, PermissionsExt::from_mode(0o770)).unwrap();
        let fault = prepare(&home, Mode::Embedded).unwrap_err();
        assert!(
            fault.message.contains("other accounts can write"),
            "{}",
            fault.message
        );

        let link = folder.path().join("link");
        symlink(folder.path(), &link).unwrap();
        let fault = prepare(&link, Mode::Embedded).unwrap_err();
        assert!(fault.message.contains("symbolic link"), "{}", fault.message);
    }

    fn mode_of(path: &Path) -> u32 {
        path.metadata()
            .map_or(0, |metadata| metadata.permissions().mode() & 0o7777)
    }

    #[test]
    fn a_folder_of_other_files_is_refused_and_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("documents");
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("letter.txt"), "precious").unwrap();
        // A name that a home has as well does not make it one.
        std::fs::create_dir(path.join("tmp")).unwrap();
        std::fs::write(path.join("settings.json"), "{}").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        for mode in [Mode::Embedded, Mode::System] {
            let fault = prepare(&path, mode).unwrap_err();
            assert!(
                fault.message.contains("documents") && fault.message.contains("'letter.txt'"),
                "{}",
                fault.message
            );
            assert!(
                fault.recommended_action.contains("empty folder"),
                "{}",
                fault.recommended_action
            );
            assert_eq!(mode_of(&path), 0o755);
            assert_eq!(std::fs::read_dir(&path).unwrap().count(), 3);
        }
    }

    #[test]
    fn an_empty_folder_is_used_and_a_start_that_was_cut_short_is_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("home");
        std::fs::create_dir(&path).unwrap();
        std::fs::create_dir(path.join("lost+found")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        prepare(&path, Mode::Embedded).unwrap();
        assert_eq!(mode_of(&path), 0o700);
        for name in ["lock", "settings.json", ".tmpAbC123"] {
            std::fs::write(path.join(name), "").unwrap();
        }
        prepare(&path, Mode::Embedded).unwrap();
        // Of a home anything else may be a part.
        std::fs::write(path.join("central.db"), "").unwrap();
        std::fs::write(path.join("notes.txt"), "").unwrap();
        prepare(&path, Mode::Embedded).unwrap();
    }

    #[test]
    fn a_home_that_others_can_look_into_is_refused_and_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        prepare(&home, Mode::Embedded).unwrap();
        for (mode, hint) in [(Mode::Embedded, "chmod 700 "), (Mode::System, "chmod 711 ")] {
            for open in [0o755, 0o750, 0o704] {
                std::fs::set_permissions(&home, PermissionsExt::from_mode(open)).unwrap();
                let fault = prepare(&home, mode).unwrap_err();
                assert!(
                    fault.message.contains(&format!("mode {open:04o}")),
                    "{}",
                    fault.message
                );
                assert!(
                    fault.recommended_action.contains(hint),
                    "{}",
                    fault.recommended_action
                );
                assert_eq!(mode_of(&home), open);
            }
        }
    }
}
