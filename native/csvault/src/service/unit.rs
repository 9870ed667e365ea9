//! The files that make the service one of systemd's.

use std::fmt::Write;
use std::path::Path;

/// The first line of what we write, by which it is known again.
pub const MARK: &str = "# Written by `csvault service install`, and replaced by it.";

/// What a unit says.
#[derive(Debug, Clone)]
pub struct Unit<'a> {
    /// The executable.
    pub executable: &'a str,
    /// The data folder.
    pub home: &'a str,
    /// The pipe, in a folder below `/run` that systemd makes for the service.
    pub pipe: &'a str,
    /// The account.
    pub account: &'a str,
}

impl Unit<'_> {
    /// The folder below `/run` that the pipe is in, without `/run/`.
    ///
    /// # Errors
    /// A sentence, when the pipe is elsewhere: systemd makes such folders only there, anew at each start and for the service alone.
    pub fn run_folder(&self) -> Result<&str, String> {
        let inside = self.pipe.strip_prefix("/run/");
        let folder = inside.and_then(|rest| rest.split_once('/'));
        match folder {
            Some((folder, file)) if is_plain(folder) && is_plain(file) => Ok(folder),
            _ => Err(format!(
                "the pipe of an installed service is /run/NAME/FILE, and not {}",
                self.pipe.escape_debug()
            )),
        }
    }

    /// The unit file.
    ///
    /// # Errors
    /// A sentence, when the pipe is not where systemd can have a folder for it.
    pub fn text(&self) -> Result<String, String> {
        let run_folder = self.run_folder()?;
        let (executable, home, pipe) = (
            quoted(self.executable),
            quoted(self.home),
            quoted(self.pipe),
        );
        // A folder right below /var/lib is made by systemd, with the right owner; another one is there already.
        let home_folder = match self.home.strip_prefix("/var/lib/") {
            Some(name) if is_plain(name) => {
                format!("StateDirectory={name}\nStateDirectoryMode=0711")
            }
            _ => format!("ReadWritePaths={home}"),
        };
        let mut text = String::new();
        let account = self.account;
        // Writing into a String cannot fail.
        let _written = write!(
            text,
            "\
{MARK}
# Own settings go into a drop-in (systemctl edit csvault), which stays.

[Unit]
Description=CsVault: the Central Management store
After=nss-user-lookup.target
Wants=nss-user-lookup.target

[Service]
Type=notify
ExecStart={executable} serve --system --home {home} --pipe {pipe}
User={account}
Group={account}
Restart=on-failure
RestartSec=2
# What the service refuses to start with does not get better by itself: settings, rights, a data folder in use.
RestartPreventExitStatus=1 2 3 4
TimeoutStopSec=30

# Others reach the pipe in here and change nothing.
RuntimeDirectory={run_folder}
RuntimeDirectoryMode=0755
{home_folder}
UMask=0077

# It needs its two folders, the accounts of this machine, and its pipe.
# (PrivateUsers= must stay off: callers are known by their user ids.)
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateNetwork=yes
IPAddressDeny=any
RestrictAddressFamilies=AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
KeyringMode=private
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
LimitCORE=0
LimitNOFILE=4096

[Install]
WantedBy=multi-user.target
"
        );
        Ok(text)
    }

    /// The entry that has systemd-sysusers make the account.
    pub fn sysusers(&self) -> String {
        let (account, home) = (self.account, self.home);
        format!("{MARK}\nu {account} - \"CsVault service\" \"{home}\"\n")
    }
}

/// True for a name that needs no quoting anywhere.
pub fn is_plain(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && !name.starts_with(['.', '-']) && name.chars().all(allowed)
}

/// A path as a unit takes it: in quotes, with `%` and `$` standing for themselves.
fn quoted(path: &str) -> String {
    let mut text = String::from("\"");
    for c in path.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '%' | '$' => text.extend([c, c]),
            _ => text.push(c),
        }
    }
    text.push('"');
    text
}

/// A path as text that a unit can hold.
///
/// # Errors
/// A sentence, for relative paths, and for those with control characters or bytes that are no UTF-8.
pub fn path_text<'a>(path: &'a Path, what: &str) -> Result<&'a str, String> {
    let text = path
        .to_str()
        .filter(|text| !text.contains(char::is_control));
    match text {
        Some(text) if path.is_absolute() => Ok(text),
        _ => Err(format!(
            "the {what} {} is not a rooted path of ordinary characters",
            path.display().to_string().escape_debug()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit<'a>(home: &'a str, pipe: &'a str) -> Unit<'a> {
        Unit {
            executable: "/usr/local/bin/csvault",
            home,
            pipe,
            account: "csvault",
        }
    }

    #[test]
    fn the_unit_names_what_was_asked_for() {
        let text = unit("/var/lib/csvault", "/run/csvault/csvault.sock")
            .text()
            .unwrap();
        for line in [
            "ExecStart=\"/usr/local/bin/csvault\" serve --system --home \"/var/lib/csvault\" --pipe \"/run/csvault/csvault.sock\"",
            "User=csvault",
            "RuntimeDirectory=csvault",
            "StateDirectory=csvault",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        assert!(!text.contains("ReadWritePaths"), "{text}");
        let text = unit("/srv/100% \"cs\"", "/run/other/p").text().unwrap();
        assert!(text.contains("--home \"/srv/100%% \\\"cs\\\"\""), "{text}");
        assert!(
            text.contains("\nReadWritePaths=\"/srv/100%% \\\"cs\\\"\"\n"),
            "{text}"
        );
        assert!(text.contains("\nRuntimeDirectory=other\n"), "{text}");
    }

    #[test]
    fn a_pipe_elsewhere_is_refused() {
        for pipe in [
            "/run/p",
            "/tmp/a/p",
            "/run/a/b/p",
            "/run/../p",
            "/run/a/",
            "/run/a b/p",
            "p",
        ] {
            let fault = unit("/var/lib/csvault", pipe).text().unwrap_err();
            assert!(fault.contains("/run/NAME/FILE"), "{fault}");
        }
        assert!(path_text(Path::new("relative"), "home").is_err());
        assert!(path_text(Path::new("/a\nUser=root"), "home").is_err());
    }
}
