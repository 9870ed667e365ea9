//! The files and sockets of a service: whose they are, who may use them, and what stops the start.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use cs_testkit::{Accounts, Home, Host};
use serde_json::json;

fn new_home() -> Home {
    Home::new(env!("CARGO_BIN_EXE_csvault"))
}

/// The kind and mode of everything below a folder, by name.
fn modes(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let metadata = next.symlink_metadata().unwrap();
        let name = next.strip_prefix(folder).unwrap().to_owned();
        found.insert(name, format!("{:06o}", metadata.mode()));
        if metadata.is_dir() {
            let entries = std::fs::read_dir(&next).unwrap();
            folders.extend(entries.map(|entry| entry.unwrap().path()));
        }
    }
    found
}

/// Starts a service with a umask, has a call change something, and says what is in its home then.
fn modes_under(umask: &str, options: &[&str]) -> BTreeMap<PathBuf, String> {
    let home = new_home();
    let plain = home.command(&["serve"]);
    let mut command = Command::new("sh");
    let script = format!("umask {umask}; exec \"$0\" serve \"$@\"");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_csvault")]);
    command.args(options);
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let host = Host::spawn(command).unwrap_or_else(|said| panic!("umask {umask}: {said}"));
    let answer = host.client().ask("status", json!({}));
    assert!(answer.get("result").is_some(), "umask {umask}: {answer}");
    modes(&home.path())
}

#[test]
fn modes_do_not_depend_on_the_umask() {
    for options in [&[][..], &["--system"]] {
        let usual = modes_under("022", options);
        for umask in ["000", "027", "077", "777"] {
            assert_eq!(
                modes_under(umask, options),
                usual,
                "umask {umask} {options:?}"
            );
        }
        let others = |mode: &str| u32::from_str_radix(mode, 8).unwrap() & 0o077;
        for (name, mode) in &usual {
            let expected = match (options.is_empty(), name.to_str().unwrap()) {
                // Others pass through the folder to the socket, and see nothing else.
                (false, "") => 0o011,
                (false, "csvault.sock") => 0o066,
                _ => 0,
            };
            assert_eq!(others(mode), expected, "{name:?} {mode} {options:?}");
        }
        assert!(usual.len() > 5, "{usual:?}");
    }
}

#[test]
fn files_that_others_could_have_written_stop_the_start() {
    for name in [
        "settings.json",
        "audit.log",
        "lock",
        "central.db",
        "local.db",
        "central.head",
    ] {
        let home = new_home();
        drop(home.start());
        let path = home.path().join(name);
        assert!(path.exists(), "{name}: {:?}", modes(&home.path()));
        for mode in [0o602, 0o620, 0o666] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            let text = home.try_start(&[]).unwrap_err();
            assert!(
                text.contains(name) && text.contains("can be written by other accounts"),
                "{name} {mode:o}: {text}"
            );
        }
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        let moved = home.beside("moved");
        std::fs::rename(&path, &moved).unwrap();
        symlink(&moved, &path).unwrap();
        let text = home.try_start(&[]).unwrap_err();
        assert!(text.contains("symbolic link"), "{name}: {text}");
    }
}

#[test]
fn settings_that_cannot_be_understood_let_nobody_in() {
    for (text, said) in [
        ("", "settings.json"),
        ("{", "settings.json"),
        ("[]", "settings.json"),
        (
            "{\"groups\": {\"RTCUniversalServerAdmins\": \"\"}}",
            "and a group is its number here",
        ),
        (
            "{\"groups\": {\"RTCUniversalServerAdmins\": \"daemon\"}}",
            "and a group is its number here",
        ),
        (
            "{\"groups\": {\"RTCUniversalServerAdmins\": 1.5}}",
            "a group is its id",
        ),
        (
            "{\"groups\": {\"CSHelpDesk\": \"S-1-5-32-544\"}}",
            "'CSHelpDesk' is 'S-1-5-32-544', and a group is its number here",
        ),
        (
            "{\"owner\": {\"sid\": \"S-1-5-18\"}}",
            "the owner is a uid here",
        ),
        ("{\"owner\": {}}", "owner"),
        ("{\"owner\": {\"uid\": 1, \"sid\": \"S-1-5-18\"}}", "owner"),
    ] {
        let home = new_home();
        home.write("settings.json", text.as_bytes());
        let error = home.try_start(&["--system"]).unwrap_err();
        assert!(error.contains(said), "{text}: {error}");
        assert!(!home.path().join("csvault.sock").exists(), "{text}");
    }
}

#[test]
fn a_socket_folder_of_somebody_else_stops_the_start() {
    let Some(mut accounts) = Accounts::new("a_socket_folder_of_somebody_else_stops_the_start")
    else {
        return;
    };
    accounts.group("others");
    let uid = accounts.user("mallory", "others", &[]);
    let home = new_home();
    home.open_the_way();
    let refused = |pipe: &Path, said: &[&str]| {
        let options = ["--system", "--pipe", pipe.to_str().unwrap()];
        let text = home.try_start(&options).unwrap_err();
        for said in said {
            assert!(text.contains(said), "{}: {text}", pipe.display());
        }
    };
    let owner = format!("user id {uid}");

    // The attacker made the folder first.
    let folder = home.beside("run");
    std::fs::create_dir(&folder).unwrap();
    chown(&folder, Some(uid), None).unwrap();
    refused(&folder.join("s"), &[&owner, "0755"]);
    // Others may write in it.
    chown(&folder, Some(0), None).unwrap();
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o777)).unwrap();
    refused(&folder.join("s"), &["other accounts can write", "0777"]);
    // A sticky one is everybody's too: the name could be taken before the service comes back.
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o1777)).unwrap();
    refused(&folder.join("s"), &["other accounts can write", "1777"]);
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).unwrap();
    // The folder above it is the attacker's, who could put another one in its place.
    let above = home.beside("above");
    std::fs::create_dir_all(above.join("run")).unwrap();
    chown(&above, Some(uid), None).unwrap();
    refused(&above.join("run/s"), &[&owner, "above"]);
    // A link in place of the folder.
    let link = home.beside("link");
    symlink(&folder, &link).unwrap();
    std::os::unix::fs::lchown(&link, Some(uid), None).unwrap();
    refused(&link.join("s"), &["symbolic link"]);
    // The attacker's socket, alive and dead, a link, and a file.
    let pipe = folder.join("s");
    let listener = UnixListener::bind(&pipe).unwrap();
    chown(&pipe, Some(uid), None).unwrap();
    refused(&pipe, &["another account"]);
    drop(listener);
    refused(&pipe, &["another account"]);
    std::fs::remove_file(&pipe).unwrap();
    symlink("/nowhere", &pipe).unwrap();
    refused(&pipe, &["not a socket"]);
    std::fs::remove_file(&pipe).unwrap();
    std::fs::write(&pipe, "precious").unwrap();
    refused(&pipe, &["not a socket"]);
    assert_eq!(std::fs::read(&pipe).unwrap(), b"precious");
    std::fs::remove_file(&pipe).unwrap();
    // And when all is well it starts.
    let host = home.start_with(&["--system", "--pipe", pipe.to_str().unwrap()]);
    assert!(host.client().is_served());
}

#[test]
fn nothing_listens_but_the_socket() {
    let home = new_home();
    let host = home.start();
    let mut own = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{}/fd", host.pid())).unwrap() {
        let target = std::fs::read_link(entry.unwrap().path()).unwrap_or_default();
        let target = target.to_string_lossy().into_owned();
        own.extend(
            target
                .strip_prefix("socket:[")
                .and_then(|rest| rest.strip_suffix(']'))
                .map(str::to_owned),
        );
    }
    assert!(!own.is_empty());
    for table in ["tcp", "tcp6", "udp", "udp6", "raw", "packet"] {
        let text = std::fs::read_to_string(format!("/proc/{}/net/{table}", host.pid()));
        for line in text.unwrap_or_default().lines() {
            assert!(
                !line
                    .split_whitespace()
                    .any(|word| own.iter().any(|id| id == word)),
                "{table}: {line}"
            );
        }
    }
    // 01 in the sixth column: it listens. Names in the abstract namespace begin with @.
    let text = std::fs::read_to_string(format!("/proc/{}/net/unix", host.pid())).unwrap();
    let listening: Vec<_> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|words| {
            words
                .get(6)
                .is_some_and(|id| own.iter().any(|own| own == id))
        })
        .filter(|words| words.get(3) == Some(&"00010000"))
        .map(|words| words.get(7).copied().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(listening, [host.pipe().to_str().unwrap()]);
}
