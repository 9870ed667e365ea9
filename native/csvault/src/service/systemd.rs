//! The service on systems with systemd.

use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cs_contract::{ErrorId, ErrorReport};

use super::unit::{MARK, Unit, is_plain, path_text};
use super::{InstallOptions, PlaceOptions, Step, Told};
use crate::cli::{EXIT_NO_SERVICE, Out};
use crate::{home, private};

const UNIT: &str = "csvault.service";
const UNIT_FILE: &str = "/etc/systemd/system/csvault.service";
const WANTED: &str = "/etc/systemd/system/multi-user.target.wants/csvault.service";
const SYSUSERS_FILE: &str = "/etc/sysusers.d/csvault.conf";
const HOME: &str = "/var/lib/csvault";
const PIPE: &str = "/run/csvault/csvault.sock";

/// There while systemd is the init process of this machine (`sd_booted(3)` looks for it).
const BOOTED: &str = "/run/systemd/system";

/// Folders that the unit keeps out of the service's sight.
const HIDDEN: [&str; 5] = ["/home", "/root", "/run/user", "/tmp", "/var/tmp"];

fn invalid(text: &str) -> ErrorReport {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    let text: String = first.into_iter().chain(chars).collect();
    ErrorReport::new(ErrorId::ParameterInvalid, format!("{text}."))
        .hint("Run `csvault service install --help`.")
}

fn not_written(path: &Path, error: &io::Error) -> ErrorReport {
    let text = format!("{} cannot be written: {error}.", path.display());
    ErrorReport::new(ErrorId::FileWriteFailed, text).on("File", path.display().to_string())
}

/// The system that is installed on: this one, or the one below another root.
struct System {
    root: PathBuf,
    is_this: bool,
    dry_run: bool,
}

impl System {
    fn new(place: &PlaceOptions) -> Result<Self, ErrorReport> {
        let root = match &place.root {
            None => PathBuf::from("/"),
            Some(root) if root.is_dir() => root.clone(),
            Some(root) => {
                return Err(invalid(&format!(
                    "the root {} is no folder",
                    root.display()
                )));
            }
        };
        Ok(Self {
            root,
            is_this: place.root.is_none(),
            dry_run: place.dry_run,
        })
    }

    /// # Errors
    /// `AccessDenied`, when this system is to be changed by somebody who may not.
    fn needs_root(&self, what: &str) -> Result<(), ErrorReport> {
        if !self.is_this || self.dry_run || nix::unistd::geteuid().is_root() {
            return Ok(());
        }
        let text = format!("{what} a service of this machine needs root.");
        Err(ErrorReport::new(ErrorId::AccessDenied, text)
            .hint("Repeat it with sudo, or look at what it does with --dry-run."))
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    fn runs_systemd(&self) -> bool {
        self.is_this && Path::new(BOOTED).is_dir()
    }

    /// What is there of ours: `None` for nothing.
    ///
    /// # Errors
    /// When somebody else wrote it.
    fn own(&self, path: &str) -> Result<Option<String>, ErrorReport> {
        let path = self.at(path);
        match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Ok(text) if text.starts_with(MARK) => Ok(Some(text)),
            _ => {
                let text = format!(
                    "{} is there and was not written by csvault.",
                    path.display()
                );
                Err(ErrorReport::new(ErrorId::FileExists, text)
                    .on("File", path.display().to_string())
                    .hint("Move it away and repeat."))
            }
        }
    }

    fn write(&self, told: &Told, path: &str, text: &str) -> Result<(), ErrorReport> {
        let before = self.own(path)?;
        let path = self.at(path);
        let shown = path.display().to_string();
        match before {
            None => told.done(Step::Wrote, &shown),
            Some(before) if before == text => told.say(&format!("Found as it should be: {shown}")),
            Some(_) => told.done(Step::Replaced, &shown),
        }
        if self.dry_run {
            let _told_at_the_end = Out.write_all(text.as_bytes());
            return Ok(());
        }
        let folder = path.parent().unwrap_or(&path);
        let written = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(folder)
            .and_then(|()| tempfile::NamedTempFile::new_in(folder))
            .and_then(|mut file| {
                file.write_all(text.as_bytes())?;
                file.as_file()
                    .set_permissions(PermissionsExt::from_mode(0o644))?;
                file.as_file().sync_all()?;
                file.persist(&path).map_err(|error| error.error)
            });
        written
            .map(drop)
            .map_err(|error| not_written(&path, &error))
    }

    fn remove(&self, told: &Told, path: &str) -> Result<bool, ErrorReport> {
        if self.own(path)?.is_none() {
            return Ok(false);
        }
        let path = self.at(path);
        if !self.dry_run {
            std::fs::remove_file(&path).map_err(|error| not_written(&path, &error))?;
        }
        told.done(Step::Removed, &path.display().to_string());
        Ok(true)
    }

    /// Runs a tool of the system.
    fn call(&self, told: &mut Told, words: &[&str]) -> bool {
        let line = words.join(" ");
        let Some((program, arguments)) = words.split_first().filter(|_| !self.dry_run) else {
            told.done(Step::Ran, &line);
            return true;
        };
        let outcome = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .output();
        let why = match outcome {
            Ok(output) if output.status.success() => {
                told.done(Step::Ran, &line);
                return true;
            }
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        told.left(format!("{line}\n(it failed: {why})"));
        false
    }
}

/// Checks that nobody but root can change what is to be run.
fn check_executable(path: &Path) -> Result<(), ErrorReport> {
    let refused = |why: &str| {
        let text = format!("{} cannot be run as a service: {why}.", path.display());
        ErrorReport::new(ErrorId::ParameterInvalid, text)
            .on("File", path.display().to_string())
            .hint("Copy the executable to /usr/local/bin as root, and install the service with that copy.")
    };
    if let Some(hidden) = HIDDEN.iter().find(|hidden| path.starts_with(hidden)) {
        return Err(refused(&format!("services do not see {hidden}")));
    }
    let metadata = std::fs::symlink_metadata(path).map_err(|error| refused(&error.to_string()))?;
    if !metadata.is_file() {
        return Err(refused("it is not a regular file"));
    }
    if metadata.uid() != 0 || private::writable_by_others(&metadata) {
        return Err(refused("others than root can change it"));
    }
    let folder = path.parent().unwrap_or(path);
    private::check_way(folder).map_err(|error| refused(&error.to_string()))
}

/// Installs the unit and its account, and starts the service when systemd runs.
pub fn install(options: &InstallOptions) -> Result<(), ErrorReport> {
    let system = System::new(&options.place)?;
    system.needs_root("Installing")?;
    let executable = match &options.executable {
        Some(path) => path.clone(),
        None => std::env::current_exe()
            .map_err(|error| invalid(&format!("this executable cannot be found: {error}")))?,
    };
    let home = options.home.clone().unwrap_or_else(|| HOME.into());
    let pipe = options.pipe.clone().unwrap_or_else(|| PIPE.into());
    let text = |path, what| path_text(path, what).map_err(|fault| invalid(&fault));
    let unit = Unit {
        executable: text(&executable, "executable")?,
        home: text(&home, "data folder")?,
        pipe: text(&pipe, "pipe")?,
        account: &options.account,
    };
    if !is_plain(unit.account) || unit.account == "root" {
        return Err(invalid(&format!(
            "the account {} is none that a service can have",
            unit.account.escape_debug()
        )));
    }
    let unit_text = unit.text().map_err(|fault| invalid(&fault))?;
    let mut told = Told::new(system.dry_run);
    if system.is_this {
        match check_executable(&executable) {
            // Whoever only looks sees all of it, and learns here what would stop it.
            Err(fault) if system.dry_run => {
                told.left(format!("{} It would be refused.", fault.message));
            }
            checked => checked?,
        }
    }
    if let Some(hidden) = HIDDEN.iter().find(|hidden| home.starts_with(hidden)) {
        return Err(invalid(&format!(
            "services do not see {hidden}, where the data folder would be"
        )));
    }
    // All before anything is changed.
    home::check_content(&system.at(unit.home))?;
    system.own(UNIT_FILE)?;
    system.own(SYSUSERS_FILE)?;

    system.write(&told, SYSUSERS_FILE, &unit.sysusers())?;
    let has_account = account(&system, &mut told, &unit);
    if !unit_text.contains("\nStateDirectory=") {
        data_folder(&system, &mut told, &unit, has_account)?;
    }
    system.write(&told, UNIT_FILE, &unit_text)?;
    start(&system, &mut told, has_account);
    told.left(format!(
        "for clients of the service, set\nCSVAULT_PIPE={}\nCSVAULT_PIPE_OWNER={}",
        unit.pipe, unit.account
    ));
    told.left(format!(
        "say in {}/settings.json which groups have which rights (docs/service.md); root may ask for the state and stop it, no more",
        unit.home
    ));
    Ok(())
}

/// Makes the account when there is none. True when there is one in the end.
fn account(system: &System, told: &mut Told, unit: &Unit<'_>) -> bool {
    let name = unit.account;
    if !system.is_this {
        told.left(format!(
            "make the account {name} there: systemd-sysusers does it at the next boot"
        ));
        return false;
    }
    let is_there = || nix::unistd::User::from_name(name).is_ok_and(|user| user.is_some());
    if is_there() {
        told.say(&format!("Found the account {name}"));
        return true;
    }
    let file = SYSUSERS_FILE;
    let useradd = [
        "useradd",
        "--system",
        "--user-group",
        "--no-create-home",
        "--home-dir",
        unit.home,
        "--shell",
        "/usr/sbin/nologin",
        name,
    ];
    let has_sysusers = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join("systemd-sysusers").is_file())
    });
    if has_sysusers {
        system.call(told, &["systemd-sysusers", file])
    } else {
        system.call(told, &useradd)
    }
}

/// A data folder that systemd does not make by itself.
fn data_folder(
    system: &System,
    told: &mut Told,
    unit: &Unit<'_>,
    has_account: bool,
) -> Result<(), ErrorReport> {
    let (path, account) = (system.at(unit.home), unit.account);
    let fail = |error: &io::Error| not_written(&path, error);
    let user = nix::unistd::User::from_name(account).ok().flatten();
    if let Ok(metadata) = std::fs::symlink_metadata(&path) {
        let is_right = user.is_some_and(|user| user.uid.as_raw() == metadata.uid());
        if !is_right {
            told.left(format!("chown -R {account}: {}", path.display()));
        }
        return Ok(());
    }
    told.done(Step::Made, &format!("the folder {}", path.display()));
    if system.dry_run {
        return Ok(());
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o711)
        .create(&path)
        .map_err(|error| fail(&error))?;
    match user.filter(|_| has_account) {
        Some(user) => {
            let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
            chown(&path, Some(uid), Some(gid)).map_err(|error| fail(&error))
        }
        None => {
            told.left(format!("chown {account}: {}", path.display()));
            Ok(())
        }
    }
}

fn start(system: &System, told: &mut Told, has_account: bool) {
    if system.runs_systemd() && has_account {
        let ready = system.call(told, &["systemctl", "daemon-reload"])
            && system.call(told, &["systemctl", "enable", UNIT]);
        // Also when it runs already, perhaps with another executable or home.
        if ready && system.call(told, &["systemctl", "restart", UNIT]) {
            told.say(if system.dry_run {
                "The service would run, and start with the machine"
            } else {
                "The service runs, and starts with the machine"
            });
        }
        return;
    }
    if system.is_this && !Path::new(BOOTED).is_dir() {
        let was = if system.dry_run { "would be" } else { "was" };
        told.say(&format!(
            "Nothing {was} enabled or started: systemd does not run on this machine"
        ));
    }
    let root = if system.is_this {
        String::new()
    } else {
        format!(" --root {}", system.root.display())
    };
    told.left(format!("systemctl{root} enable {UNIT}"));
    told.left(format!(
        "systemctl start {UNIT}, or a restart of the machine"
    ));
}

/// Stops and removes the service. The data folder and the account stay.
pub fn uninstall(place: &PlaceOptions) -> Result<(), ErrorReport> {
    let system = System::new(place)?;
    system.needs_root("Removing")?;
    let unit = system.own(UNIT_FILE)?;
    system.own(SYSUSERS_FILE)?;
    let mut told = Told::new(system.dry_run);
    let Some(unit) = unit else {
        told.say("The service is not installed");
        return Ok(());
    };
    if system.runs_systemd() {
        system.call(&mut told, &["systemctl", "disable", "--now", UNIT]);
    } else if std::fs::symlink_metadata(system.at(WANTED)).is_ok() {
        if !system.dry_run {
            let wanted = system.at(WANTED);
            std::fs::remove_file(&wanted).map_err(|error| not_written(&wanted, &error))?;
        }
        told.done(Step::Removed, &system.at(WANTED).display().to_string());
    }
    system.remove(&told, UNIT_FILE)?;
    system.remove(&told, SYSUSERS_FILE)?;
    if system.runs_systemd() {
        system.call(&mut told, &["systemctl", "daemon-reload"]);
    }
    let account = setting(&unit, "User=").unwrap_or("csvault").to_owned();
    let home = home_of(&unit).unwrap_or_else(|| HOME.to_owned());
    let were = if system.dry_run { "would be" } else { "were" };
    told.say(&format!(
        "The data folder {} and the account {account} {were} left as they are; `rm -r` and `userdel` remove them, and the data with it",
        system.at(&home).display()
    ));
    Ok(())
}

/// Says what is installed, enabled and running. The exit code is 0 when it runs.
pub fn status(place: &PlaceOptions) -> Result<u8, ErrorReport> {
    let system = System::new(place)?;
    let unit = system.own(UNIT_FILE)?;
    let mut lines = Vec::new();
    let file = system.at(UNIT_FILE);
    lines.push(match &unit {
        Some(_) => format!("installed: yes ({})", file.display()),
        None => format!("installed: no (there is no {})", file.display()),
    });
    let asked = |word: &str| {
        let output = Command::new("systemctl").args([word, UNIT]).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (!text.is_empty()).then_some(text)
    };
    let runs;
    if system.runs_systemd() {
        let enabled = asked("is-enabled").unwrap_or_else(|| "unknown".to_owned());
        lines.push(format!("enabled:   {enabled}"));
        let active = asked("is-active").unwrap_or_else(|| "unknown".to_owned());
        runs = active == "active";
        lines.push(format!("running:   {active}"));
    } else {
        let enabled = std::fs::symlink_metadata(system.at(WANTED)).is_ok();
        let enabled = if enabled { "yes" } else { "no" };
        lines.push(format!("enabled:   {enabled} (as the files say)"));
        let pipe = unit.as_deref().and_then(pipe_of);
        let pipe = pipe.unwrap_or_else(|| PIPE.to_owned());
        runs = system.is_this && UnixStream::connect(&pipe).is_ok();
        lines.push(match (system.is_this, runs) {
            (false, _) => "running:   no (it is another system)".to_owned(),
            (true, true) => format!(
                "running:   yes, but not by systemd, which does not run here ({pipe} answers)"
            ),
            (true, false) => "running:   no (systemd does not run here)".to_owned(),
        });
    }
    lines.push(String::new());
    let _told_at_the_end = Out.write_all(lines.join("\n").as_bytes());
    Ok(if runs { 0 } else { EXIT_NO_SERVICE })
}

fn setting<'a>(unit: &'a str, name: &str) -> Option<&'a str> {
    unit.lines().find_map(|line| line.strip_prefix(name))
}

/// The value of an option in the unit's command line.
fn option_of(unit: &str, name: &str) -> Option<String> {
    let rest = setting(unit, "ExecStart=")?
        .split_once(&format!(" {name} \""))?
        .1;
    let mut value = String::new();
    let mut chars = rest.chars();
    loop {
        match chars.next()? {
            '"' => return Some(value),
            '\\' | '%' | '$' => value.push(chars.next()?),
            c => value.push(c),
        }
    }
}

fn home_of(unit: &str) -> Option<String> {
    option_of(unit, "--home")
}

fn pipe_of(unit: &str) -> Option<String> {
    option_of(unit, "--pipe")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_unit_says_is_read_back() {
        let unit = Unit {
            executable: "/opt/a --home \"x\"/csvault",
            home: "/srv/100% \\ $cs",
            pipe: "/run/a/p",
            account: "csvault",
        };
        let text = unit.text().unwrap();
        assert_eq!(pipe_of(&text).as_deref(), Some("/run/a/p"));
        assert_eq!(setting(&text, "User="), Some("csvault"));
        let unit = Unit {
            executable: "/usr/bin/csvault",
            ..unit
        };
        assert_eq!(home_of(&unit.text().unwrap()).as_deref(), Some(unit.home));
    }
}
