//! Power cuts and full disks: the store is exactly old or exactly new, and the client learns what happened.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use cs_testkit::{Frame, Home, Host, RawClient, skipped};
use serde_json::{Value, json};

fn home() -> Home {
    Home::new(env!("CARGO_BIN_EXE_csvault"))
}

/// Two packages that differ, from a service of their own.
fn two_packages() -> (Vec<u8>, Vec<u8>) {
    let home = home();
    let host = home.start();
    let mut client = host.client();
    let old = client.export();
    let id = client.request(
        "invoke",
        json!({"cmdlet": "Get-CsTopology", "parameters": {"AsXml": true}}),
    );
    client.answer(id);
    let xml = String::from_utf8(client.received.remove(&id).unwrap()).unwrap();
    let changed = xml.replace("AllowAllDomains=\"false\"", "AllowAllDomains=\"true\"");
    let (answer, _) = client.upload("Publish-CsTopology", json!({}), changed.as_bytes());
    assert!(answer["result"]["version"].is_u64(), "{answer}");
    (old, client.export())
}

fn import(client: &mut RawClient, package: &[u8]) -> Value {
    client
        .upload("Import-CsConfiguration", json!({}), package)
        .0
}

#[test]
fn a_service_killed_during_an_import_leaves_old_or_new() {
    let (old, new) = two_packages();
    let home = home();
    {
        let host = home.start();
        let mut client = host.client();
        assert!(import(&mut client, &old).get("result").is_some());
        assert!(host.stop().success());
    }
    let mut killed_before = 0;
    for round in 0..12 {
        let package = if round % 2 == 0 { &new } else { &old };
        let host = home.start();
        let mut client = host.client();
        let call = client.begin_upload("Import-CsConfiguration", json!({}));
        client.send_chunk(call, package);
        client.notify("endInput", call);
        // Killed at another moment each time: at once, or behind so many answers to a ping.
        for _ in 0..round {
            let ping = client.request("ping", Value::Null);
            while client.message()["id"] != json!(ping) {}
        }
        let before_answer = {
            host.kill();
            loop {
                match client.read() {
                    Frame::Json(message) if message["id"] == json!(call) => break false,
                    Frame::Closed => break true,
                    _ => {}
                }
            }
        };
        killed_before += usize::from(before_answer);
        let host = home.start();
        let found = host.client().export();
        assert!(
            found == old || found == new,
            "round {round}: neither old nor new"
        );
        if !before_answer {
            assert!(
                found == *package,
                "round {round}: what was acknowledged is gone"
            );
        }
        assert!(host.stop().success());
    }
    assert!(
        killed_before > 0,
        "the service was never killed in mid-call"
    );
}

#[test]
fn a_store_that_was_lost_stops_the_start_until_that_is_accepted() {
    let (_, new) = two_packages();
    let home = home();
    let host = home.start();
    assert!(import(&mut host.client(), &new).get("result").is_some());
    // Everything is in the log, and the log is lost.
    host.kill();
    std::fs::remove_file(home.path().join("central.db-wal")).unwrap();
    let head = home.path().join("central.head");
    for damage in 0..3 {
        let database = home.path().join("central.db");
        match damage {
            0 => {}
            1 => std::fs::write(&database, []).unwrap(),
            _ => std::fs::remove_file(&database).unwrap(),
        }
        let text = home.try_start(&[]).unwrap_err();
        assert!(
            text.contains("version 2 was committed last")
                && text.contains("backup")
                && text.contains(head.to_str().unwrap()),
            "{text}"
        );
    }
    std::fs::remove_file(&head).unwrap();
    let host = home.start();
    assert!(host.client().export() != new);
    assert!(host.stop().success());
}

#[test]
fn a_known_package_is_read_again_when_the_store_is_not_what_it_was() {
    let (_, new) = two_packages();
    for damage in [
        "UPDATE document SET digest = zeroblob(32) WHERE id = (SELECT max(id) FROM document)",
        "DELETE FROM document WHERE id = (SELECT min(id) FROM document WHERE last IS NULL)",
    ] {
        let home = home();
        let host = home.start();
        let mut client = host.client();
        assert_eq!(import(&mut client, &new)["result"]["version"], json!(2));
        assert!(import(&mut client, &new)["result"]["version"].is_null());
        let file = rusqlite::Connection::open(home.path().join("central.db")).unwrap();
        assert_eq!(file.execute(damage, []).unwrap(), 1);
        drop(file);
        assert_eq!(
            import(&mut client, &new)["result"]["version"],
            json!(3),
            "{damage}"
        );
        assert!(client.export() == new, "{damage}");
        assert!(host.stop().success());
    }
}

/// Imports under a tracer that kills the service at its n-th call of a kind, in any of its threads. True when the import was
/// answered before.
fn import_until_killed(home: &Home, call: &str, at: u32, package: &[u8]) -> bool {
    let serve = home.command(&["serve"]);
    let mut command = Command::new("strace");
    command
        .args([
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            &format!("trace={call}"),
        ])
        .args(["-e", &format!("inject={call}:signal=KILL:when={at}")])
        .arg(serve.get_program())
        .arg("serve")
        .env("CSVAULT_HOME", home.path());
    // It may be killed before it is ready.
    let Ok(host) = Host::spawn(command) else {
        return false;
    };
    // The client stops at the first surprise, which here is the death that was asked for.
    let answered = std::panic::catch_unwind(|| {
        let mut client = host.client();
        import(&mut client, package)
    });
    let answered = answered.is_ok_and(|answer| answer.get("result").is_some());
    let pid = i32::try_from(host.ready["pid"].as_u64().unwrap()).unwrap();
    // Gone already, unless the import was answered.
    let _gone = nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(pid),
        nix::sys::signal::Signal::SIGKILL,
    );
    host.wait();
    answered
}

#[test]
fn a_service_killed_at_any_write_leaves_old_or_new() {
    let home = home();
    let traced = Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "true"])
        .status();
    if !traced.is_ok_and(|status| status.success()) {
        skipped(
            "a_service_killed_at_any_write_leaves_old_or_new",
            "needs strace, and the right to trace",
        );
        return;
    }
    let (old, new) = two_packages();
    {
        let host = home.start();
        assert!(import(&mut host.client(), &old).get("result").is_some());
        assert!(host.stop().success());
    }
    let mut found = old.clone();
    let mut killed = 0;
    for (call, moments) in [
        ("pwrite64", &[1, 2, 3, 5, 8, 13, 21, 34, 55][..]),
        ("fsync", &[1, 2, 3, 4]),
        ("write", &[1, 2, 3, 4, 5, 6, 8]),
    ] {
        for &at in moments {
            let package = if found == old { &new } else { &old };
            let answered = import_until_killed(&home, call, at, package);
            killed += usize::from(!answered);
            let host = home.start();
            found = host.client().export();
            assert!(
                found == old || found == new,
                "{call} {at}: neither old nor new"
            );
            assert!(
                !answered || found == *package,
                "{call} {at}: what was acknowledged is gone"
            );
            assert_eq!(
                std::fs::read_dir(home.path().join("tmp")).unwrap().count(),
                0
            );
            assert!(host.stop().success());
        }
    }
    assert!(killed >= 8, "the service was killed only {killed} times");
    let verified = home.command(&["audit", "verify"]).output().unwrap();
    assert!(verified.status.success(), "{verified:?}");
}

#[test]
fn a_retry_after_a_kill_happens_once() {
    let (old, new) = two_packages();
    let home = home();
    let host = home.start();
    assert!(import(&mut host.client(), &old).get("result").is_some());
    let key = json!({"idempotencyKey": "7c9e6679-7425-40de-944b-e07fc1f90ae7"});
    let (first, _) = host
        .client()
        .upload("Import-CsConfiguration", key.clone(), &new);
    host.kill();
    let host = home.start();
    let (again, _) = host.client().upload("Import-CsConfiguration", key, &new);
    assert_eq!(again["result"]["version"], first["result"]["version"]);
    assert_eq!(again["result"]["repeated"], json!(true));
}

#[test]
fn what_a_killed_service_was_receiving_leaves_nothing_behind() {
    let home = home();
    let host = home.start();
    let mut client = host.client();
    let call = client.begin_upload("Import-CsConfiguration", json!({}));
    for _ in 0..8 {
        client.send_chunk(call, &[0; 256 * 1024]);
    }
    assert!(client.is_served_during_calls());
    host.kill();
    let _host = home.start();
    assert_eq!(
        std::fs::read_dir(home.path().join("tmp")).unwrap().count(),
        0
    );
}

/// A small file system of its own, for as long as it lives.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(place: &Path, bytes: u64) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            return None;
        }
        std::fs::create_dir_all(place).unwrap();
        let options = format!("size={bytes},mode=0700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(place)
            .output()
            .ok()?;
        mounted.status.success().then(|| Self(place.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_told_and_loses_nothing() {
    let home = home();
    let Some(_disk) = SmallDisk::mount(&home.path(), 8 * 1024 * 1024) else {
        skipped(
            "a_full_disk_is_told_and_loses_nothing",
            "needs root to mount a small file system",
        );
        return;
    };
    let host = home.start();
    let mut client = host.client();
    let before = client.export();
    let filler = home.path().join("filler");
    // The input does not fit.
    let call = client.begin_upload("Import-CsConfiguration", json!({}));
    for _ in 0..16 {
        client.send_chunk(call, &[0; 256 * 1024]);
    }
    std::fs::write(&filler, vec![0; 8 * 1024 * 1024]).unwrap_err();
    client.notify("endInput", call);
    let (answer, _) = loop {
        let message = client.message();
        if message["id"] == json!(call) {
            break (message, ());
        }
    };
    let report = &answer["error"]["data"];
    assert!(
        ["StoreFailed", "PackageDamaged"].contains(&report["id"].as_str().unwrap()),
        "{answer}"
    );

    // What the input took is free again: take that too.
    std::fs::write(home.path().join("filler2"), vec![0; 8 * 1024 * 1024]).unwrap_err();
    // Nothing fits any more, not even a line of the audit log: changes and exports are refused, looking is not.
    let (answer, _) = client.upload("Import-CsConfiguration", json!({}), &before);
    let id = answer["error"]["data"]["id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(
        ["AuditUnavailable", "StoreFailed"].contains(&id.as_str()),
        "{answer}"
    );
    assert!(
        client
            .invoke("Get-CsAdminRole", json!({"Identity": "CsHelpDesk"}))
            .0
            .get("result")
            .is_some()
    );

    std::fs::remove_file(&filler).unwrap();
    std::fs::remove_file(home.path().join("filler2")).unwrap();
    assert_eq!(client.export(), before);
    assert!(import(&mut client, &before).get("result").is_some());
    assert!(host.stop().success());
    let verified = home.command(&["audit", "verify"]).output().unwrap();
    assert!(verified.status.success(), "{verified:?}");
}

#[test]
fn an_export_onto_a_full_disk_leaves_nothing_behind() {
    let home = home();
    let target = home.beside("small");
    let Some(_disk) = SmallDisk::mount(&target, 4096) else {
        skipped(
            "an_export_onto_a_full_disk_leaves_nothing_behind",
            "needs root to mount a small file system",
        );
        return;
    };
    let host = home.start();
    std::fs::write(target.join("filler"), [0; 4096]).unwrap();
    let path = target.join("x.zip");
    let output = home
        .command(&["run", "Export-CsConfiguration", path.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("FileWriteFailed"),
        "{output:?}"
    );
    assert_eq!(std::fs::read_dir(&target).unwrap().count(), 1);
    assert!(host.client().is_served());
}

#[test]
fn a_limit_to_files_is_told_and_leaves_nothing_behind() {
    let home = home();
    let host = home.start();
    let folder = home.beside("out");
    std::fs::create_dir(&folder).unwrap();
    let export = |limit: &str| {
        let run = home.command(&["run"]);
        // Its unit is a kilobyte or half of one; the package is larger, and what the client needs besides it is not.
        let script =
            format!("ulimit -f {limit}; exec \"$0\" run Export-CsConfiguration x.zip -Force");
        let mut command = Command::new("sh");
        command.args(["-c", &script]).arg(run.get_program());
        command.envs(
            run.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        command.current_dir(&folder).output().unwrap()
    };
    for before in [None, Some(b"theirs")] {
        if let Some(before) = before {
            std::fs::write(folder.join("x.zip"), before).unwrap();
        }
        let output = export("4");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("FileWriteFailed"), "{said}");
        assert!(!said.contains(".tmp"), "{said}");
        let left = std::fs::read_dir(&folder).unwrap().count();
        assert_eq!(left, usize::from(before.is_some()), "{said}");
    }
    assert_eq!(std::fs::read(folder.join("x.zip")).unwrap(), b"theirs");
    assert_eq!(export("unlimited").status.code(), Some(0));
    assert!(host.client().is_served());
}

/// A service that dies: it answers `hello` on one connection, and the system takes as many more for it as it says.
fn dying(home: &Home, more: usize) -> std::thread::JoinHandle<()> {
    use std::io::{Read, Write};

    let pipe = home.path().join("csvault.sock");
    let listener = std::os::unix::net::UnixListener::bind(&pipe).unwrap();
    std::thread::spawn(move || {
        let hello = br#"{"jsonrpc":"2.0","id":1,"result":{"protocol":1}}"#;
        for connection in 0..=more {
            let (mut stream, _) = listener.accept().unwrap();
            if connection == 0 {
                stream.read_exact(&mut [0; 16]).unwrap();
                let length = u32::try_from(hello.len()).unwrap().to_le_bytes();
                stream.write_all(&length).unwrap();
                stream.write_all(b"J").unwrap();
                stream.write_all(hello).unwrap();
            }
            // What was asked is left unread: a reset.
        }
    })
}

#[test]
fn a_dying_service_does_not_use_up_the_repeat() {
    let (old, _) = two_packages();
    let home = home();
    std::fs::create_dir(home.path()).unwrap();
    std::fs::set_permissions(home.path(), PermissionsExt::from_mode(0o700)).unwrap();
    let path = home.beside("old.zip");
    std::fs::write(&path, &old).unwrap();
    for more in [0, 1, 5] {
        let service = dying(&home, more);
        let output = home
            .command(&["run", "Import-CsConfiguration"])
            .arg(&path)
            .output()
            .unwrap();
        let stopped = home.command(&["stop"]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{more}: {output:?}");
        assert!(stopped.status.success(), "{stopped:?}");
        service.join().unwrap();
    }
}

#[test]
fn an_interrupted_export_leaves_nothing_behind() {
    let home = home();
    let host = home.start();
    // The service takes the connection and does not answer.
    host.signal(nix::sys::signal::Signal::SIGSTOP);
    let folder = home.beside("out");
    std::fs::create_dir(&folder).unwrap();
    let mut command = home.command(&["run", "Export-CsConfiguration"]);
    let mut child = command.arg(folder.join("x.zip")).spawn().unwrap();
    while std::fs::read_dir(&folder).unwrap().count() == 0 {
        std::thread::yield_now();
    }
    // The file is there a moment before the client listens for signals.
    while !catches_interrupt(child.id()) {
        std::thread::yield_now();
    }
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    host.signal(nix::sys::signal::Signal::SIGCONT);
}

/// True when a process has a handler for Ctrl+C.
fn catches_interrupt(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigCgt:"))
        .unwrap()
        .trim();
    u64::from_str_radix(mask, 16).unwrap() & (1 << (nix::sys::signal::Signal::SIGINT as u64 - 1))
        != 0
}
