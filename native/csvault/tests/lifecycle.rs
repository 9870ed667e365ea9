//! How a service comes and goes: one for a home, what it leaves behind, what it refuses to start on.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Output;

use cs_testkit::{Home, Host, RawClient, skipped};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

fn home() -> Home {
    Home::new(env!("CARGO_BIN_EXE_csvault"))
}

fn run(home: &Home, arguments: &[&str]) -> Output {
    home.command(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn ready_is_one_line_and_tells_where() {
    let home = home();
    let host = home.start();
    assert_eq!(host.ready["pid"], json!(host.pid()));
    assert_eq!(host.ready["home"], json!(home.path()));
    assert_eq!(host.ready["pipe"], json!(home.path().join("csvault.sock")));
    assert!(host.ready["version"].is_string());
}

/// What the settings do is measured: P5 of docs/performance.md.
#[test]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn a_service_tells_its_allocator_to_keep_little_and_leaves_what_somebody_chose() {
    let environment = |pid: u32| {
        let bytes = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
        text(&bytes).replace('\0', "\n")
    };
    let home = home();
    let host = home.start();
    assert!(environment(host.pid()).contains("\nMALLOC_ARENA_MAX=1\n"));
    assert!(host.stop().success());
    let mut command = home.command(&["serve"]);
    command.env("MALLOC_ARENA_MAX", "7");
    let host = Host::spawn(command).unwrap();
    let chosen = environment(host.pid());
    assert!(chosen.contains("MALLOC_ARENA_MAX=7") && !chosen.contains("MALLOC_TRIM"));
    assert!(host.stop().success());
}

#[test]
fn everything_in_a_home_is_private_whatever_the_umask() {
    for umask in ["000", "022", "077", "777"] {
        let home = home();
        let mut command = std::process::Command::new("sh");
        command.args([
            "-c",
            &format!("umask {umask}; exec \"$0\" serve"),
            env!("CARGO_BIN_EXE_csvault"),
        ]);
        command.env("CSVAULT_HOME", home.path());
        let host = Host::spawn(command).unwrap();
        let _ = host.client().ask("ping", Value::Null);
        assert_eq!(
            home.path().metadata().unwrap().mode() & 0o777,
            0o700,
            "{umask}"
        );
        for entry in std::fs::read_dir(home.path()).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().mode() & 0o777;
            let expected = if entry.file_type().unwrap().is_dir() {
                0o700
            } else {
                0o600
            };
            assert_eq!(mode, expected, "{umask}: {:?}", entry.path());
        }
    }
}

#[test]
fn a_second_service_on_one_home_is_refused_by_name() {
    let home = home();
    let host = home.start();
    let second = home.try_start(&[]).unwrap_err();
    assert!(
        second.contains(&host.pid().to_string()) && second.contains("exit status: 4"),
        "{second}"
    );
    assert!(host.client().is_served());
    // Another pipe makes no difference: the home is taken.
    let pipe = home.beside("other.sock");
    let second = home
        .try_start(&["--pipe", pipe.to_str().unwrap()])
        .unwrap_err();
    assert!(
        second.contains("exit status: 4") && !pipe.exists(),
        "{second}"
    );
}

#[test]
fn a_graceful_end_leaves_no_socket_and_closes_connections() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let home = home();
        let host = home.start();
        let mut client = host.client();
        assert!(client.is_served());
        host.signal(signal);
        assert_eq!(client.read(), cs_testkit::Frame::Closed);
        assert!(host.wait().success(), "{signal}");
        assert!(!home.path().join("csvault.sock").exists());
    }
}

#[test]
fn stop_is_answered_before_the_end() {
    let home = home();
    let host = home.start();
    let mut client = host.client();
    let answer = client.ask("stop", Value::Null);
    assert_eq!(answer["result"], json!({}));
    assert_eq!(client.read(), cs_testkit::Frame::Closed);
    assert!(host.wait().success());

    let stopped = run(&home, &["stop"]);
    assert!(
        stopped.status.success() && text(&stopped.stdout).contains("No service"),
        "{stopped:?}"
    );
    let host = home.start();
    assert!(run(&home, &["stop"]).status.success());
    assert!(host.wait().success());
}

#[test]
fn an_end_lets_running_calls_go_and_tells_them() {
    let home = home();
    let host = home.start();
    let mut client = host.client();
    let call = client.begin_upload("Import-CsConfiguration", json!({}));
    client.send_chunk(call, b"PK");
    assert!(client.is_served());
    host.signal(Signal::SIGTERM);
    let (answer, _) = client.answer(call);
    assert_eq!(answer["error"]["data"]["id"], "CallCancelled", "{answer}");
    assert!(host.wait().success());
}

#[test]
fn a_killed_service_leaves_nothing_that_hinders_the_next() {
    let home = home();
    for _ in 0..5 {
        let host = home.start();
        assert!(host.client().is_served());
        host.kill();
        assert!(home.path().join("csvault.sock").exists());
    }
    assert!(home.start().stop().success());
}

#[test]
fn what_is_not_our_dead_socket_stays() {
    let home = home();
    home.write("csvault.sock", b"precious");
    let said = home.try_start(&[]).unwrap_err();
    assert!(
        said.contains("not a socket") && said.contains("exit status: 3"),
        "{said}"
    );
    assert_eq!(
        std::fs::read(home.path().join("csvault.sock")).unwrap(),
        b"precious"
    );

    std::fs::remove_file(home.path().join("csvault.sock")).unwrap();
    symlink("/dev/null", home.path().join("csvault.sock")).unwrap();
    let said = home.try_start(&[]).unwrap_err();
    assert!(said.contains("not a socket"), "{said}");

    let pipe = home.beside("live.sock");
    let _listener = UnixListener::bind(&pipe).unwrap();
    let said = home
        .try_start(&["--pipe", pipe.to_str().unwrap()])
        .unwrap_err();
    assert!(said.contains("another program listens"), "{said}");
    assert!(pipe.metadata().unwrap().file_type().is_socket());
}

#[test]
fn a_path_that_no_socket_can_have_is_refused_with_advice() {
    let home = home();
    let pipe = home.beside(&"long".repeat(30));
    let said = home
        .try_start(&["--pipe", pipe.to_str().unwrap()])
        .unwrap_err();
    assert!(
        said.contains("bytes long") && said.contains("shorter"),
        "{said}"
    );
    let said = home.try_start(&["--pipe", "relative.sock"]).unwrap_err();
    assert!(said.contains("rooted"), "{said}");
}

#[test]
fn a_pipe_in_a_folder_that_others_can_change_is_refused() {
    let home = home();
    let folder = home.beside("shared");
    std::fs::create_dir(&folder).unwrap();
    let pipe = folder.join("p.sock");
    set_mode(&folder, 0o777);
    let said = home
        .try_start(&["--pipe", pipe.to_str().unwrap()])
        .unwrap_err();
    assert!(
        said.contains("other accounts can write") && said.contains("0777"),
        "{said}"
    );
    // As in the system's folder for temporary files, where only the owner of a file may remove it.
    set_mode(&folder, 0o1777);
    drop(home.start_with(&["--pipe", pipe.to_str().unwrap()]));
    let none = folder.join("none/p.sock");
    let said = home
        .try_start(&["--pipe", none.to_str().unwrap()])
        .unwrap_err();
    assert!(said.contains("its folder cannot be used"), "{said}");
}

#[test]
fn homes_that_others_could_have_filled_are_refused() {
    let home = home();
    drop(home.start());
    set_mode(&home.path(), 0o770);
    let said = home.try_start(&[]).unwrap_err();
    assert!(said.contains("other accounts can write"), "{said}");
    set_mode(&home.path(), 0o755);
    let said = home.try_start(&[]).unwrap_err();
    assert!(
        said.contains("can look into it (mode 0755)") && said.contains("chmod 700 "),
        "{said}"
    );
    assert_eq!(home.path().metadata().unwrap().mode() & 0o777, 0o755);
    set_mode(&home.path(), 0o700);
    drop(home.start());

    let link = home.beside("link");
    symlink(home.path(), &link).unwrap();
    let said = home
        .try_start(&["--home", link.to_str().unwrap()])
        .unwrap_err();
    assert!(said.contains("symbolic link"), "{said}");
    let file = home.beside("file");
    std::fs::write(&file, "").unwrap();
    let said = home
        .try_start(&["--home", file.to_str().unwrap()])
        .unwrap_err();
    assert!(said.contains("not a folder"), "{said}");
}

#[test]
fn a_folder_of_other_files_is_no_home_and_stays_as_it_was() {
    let home = home();
    let folder = home.path();
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("letter.txt"), "precious").unwrap();
    set_mode(&folder, 0o755);
    let place = folder.to_str().unwrap();
    for words in [
        &["start", "--home", place] as &[&str],
        &["serve", "--home", place],
        &["serve", "--system", "--home", place],
        &["run", "Get-CsAdminRole", "--home", place],
    ] {
        let output = run(&home, words);
        assert_eq!(output.status.code(), Some(3), "{words:?}: {output:?}");
        let said = text(&output.stderr);
        assert!(
            said.contains(place) && said.contains("empty folder"),
            "{words:?}: {said}"
        );
        assert_eq!(folder.metadata().unwrap().mode() & 0o7777, 0o755);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    }
    // A pipe that cannot be: not even a new folder is made.
    let new = home.beside("new");
    let options = ["--home", new.to_str().unwrap(), "--pipe", "relative"];
    let said = home.try_start(&options).unwrap_err();
    assert!(said.contains("rooted") && !new.exists(), "{said}");
}

#[test]
fn a_home_folder_that_is_no_rooted_path_is_no_place_for_stores() {
    let home = home();
    let mut command = home.command(&["start"]);
    command
        .env_remove("CSVAULT_HOME")
        .env_remove("XDG_DATA_HOME");
    let output = command.env("HOME", "rel").output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(text(&output.stderr).contains("rooted path"), "{output:?}");
    assert!(!home.beside("rel").exists());
}

#[test]
fn files_that_others_could_have_written_are_refused() {
    for name in ["settings.json", "audit.log", "audit.head", "lock"] {
        let home = home();
        drop(home.start());
        let path = home.path().join(name);
        set_mode(&path, 0o666);
        let said = home.try_start(&[]).unwrap_err();
        assert!(said.contains("other accounts"), "{name}: {said}");

        std::fs::remove_file(&path).unwrap();
        symlink("/etc/hostname", &path).unwrap();
        let said = home.try_start(&[]).unwrap_err();
        assert!(said.contains(name), "{name}: {said}");
    }
}

#[test]
fn bad_settings_are_named_with_their_line() {
    for (settings, what) in [
        ("{\n\"idle\": 1\n}", "line 2"),
        ("{\"idleMinutes\": -1}", "idleMinutes"),
        ("{\"owner\": {\"uid\": \"root\"}}", "line 1"),
        (
            "{\"owner\": {\"uid\": 0}, \"owner\": {\"uid\": 1}}",
            "twice",
        ),
        ("not json", "line 1"),
        ("", "line 1"),
    ] {
        let home = home();
        home.write("settings.json", settings.as_bytes());
        let said = home.try_start(&[]).unwrap_err();
        assert!(
            said.contains("settings.json") && (said.contains(what) || what == "idleMinutes"),
            "{settings}: {said}"
        );
        assert_eq!(
            std::fs::read_to_string(home.path().join("settings.json")).unwrap(),
            settings
        );
    }
}

#[test]
fn an_embedded_service_ends_when_nobody_uses_it() {
    let home = home();
    let host = home.start_with(&["--idle-minutes", "0.005"]);
    // A connection that asks nothing does not count as use.
    let mut client = host.client();
    assert_eq!(client.read(), cs_testkit::Frame::Closed);
    assert!(host.wait().success());
    assert!(!home.path().join("csvault.sock").exists());
}

#[test]
fn what_is_no_time_is_refused_with_the_range() {
    let home = home();
    for minutes in ["-1", "nan", "inf", "1e300", "4294967296", "soon", ""] {
        let option = format!("--idle-minutes={minutes}");
        let said = home.try_start(&[&option]).unwrap_err();
        assert!(
            said.contains("from 0 to 4294967295") && said.contains("exit status: 2"),
            "{minutes}: {said}"
        );
        assert!(!home.path().exists(), "{minutes}");
    }
    for minutes in ["0", "0.5", "4294967295"] {
        drop(home.start_with(&["--idle-minutes", minutes]));
    }
}

#[test]
fn a_service_that_nobody_can_find_any_more_ends() {
    let home = home();
    let host = home.start();
    assert!(host.client().is_served());
    std::fs::remove_dir_all(home.path()).unwrap();
    assert!(host.wait().success());
}

#[test]
fn many_clients_at_once_start_one_service() {
    let home = home();
    let children: Vec<_> = (0..6)
        .map(|_| {
            let mut command = home.command(&["start"]);
            command
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let lines: Vec<Value> = children
        .into_iter()
        .map(|child| {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{output:?}");
            serde_json::from_slice(&output.stdout).unwrap()
        })
        .collect();
    assert!(lines.iter().all(|line| line == &lines[0]), "{lines:?}");
    let status = run(&home, &["status", "--json"]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["pid"], lines[0]["pid"]);
    assert!(run(&home, &["stop"]).status.success());
    let none = run(&home, &["status", "--json"]);
    assert_eq!(none.status.code(), Some(3));
    assert!(none.stdout.is_empty());
}

#[test]
fn a_service_that_cannot_be_started_says_why_to_its_client() {
    let home = home();
    home.write("settings.json", b"{\"nonsense\": 1}");
    let output = run(&home, &["start"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(line["error"]["id"], "HostUnavailable");
    assert!(
        line["error"]["message"]
            .as_str()
            .unwrap()
            .contains("nonsense"),
        "{line}"
    );
}

#[test]
fn a_service_that_takes_no_more_connections_is_not_taken_for_none() {
    let home = home();
    home.settings(json!({"limits": {"connectionsPerAccount": 1}}));
    let host = home.start();
    let mut held = host.client();
    // Often enough to meet the moments before and after the service closed its end.
    for _ in 0..20 {
        for words in [
            &["stop"] as &[&str],
            &["status"],
            &["start"],
            &["run", "Get-CsAdminRole"],
        ] {
            let output = run(&home, words);
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{words:?}: {output:?}");
            assert!(said.contains("TooManyCalls"), "{words:?}: {said}");
        }
    }
    assert!(held.is_served());
}

#[test]
fn the_service_survives_the_session_that_started_it() {
    let home = home();
    // A shell that ends, and a process group that gets Ctrl+C.
    let mut command = std::process::Command::new("sh");
    command.args([
        "-c",
        "\"$0\" start >/dev/null && kill -INT 0",
        env!("CARGO_BIN_EXE_csvault"),
    ]);
    command.env("CSVAULT_HOME", home.path());
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let _interrupted = command.status().unwrap();
    assert!(
        RawClient::connect(&home.path().join("csvault.sock"))
            .stream()
            .peer_addr()
            .is_ok()
    );
    assert!(run(&home, &["status"]).status.success());
    assert!(run(&home, &["stop"]).status.success());
}

#[test]
fn no_port_and_no_abstract_socket_is_opened() {
    let home = home();
    let host = home.start();
    let inodes: Vec<String> = std::fs::read_dir(format!("/proc/{}/fd", host.pid()))
        .into_iter()
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| {
            link.to_str()?
                .strip_prefix("socket:[")?
                .strip_suffix(']')
                .map(str::to_owned)
        })
        .collect();
    if inodes.is_empty() {
        skipped(
            "no_port_and_no_abstract_socket_is_opened",
            "there is no /proc to look at",
        );
        return;
    }
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        let table = std::fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default();
        assert!(
            !table
                .split_whitespace()
                .any(|word| inodes.iter().any(|inode| inode == word))
        );
    }
    let unix = std::fs::read_to_string("/proc/net/unix").unwrap();
    let ours = unix.lines().filter(|line| {
        line.split_whitespace()
            .nth(6)
            .is_some_and(|inode| inodes.iter().any(|own| own == inode))
    });
    assert!(
        !ours.map(str::to_owned).any(|line| line.contains(" @")),
        "{unix}"
    );
}
