//! `csvault run`, from the words of a command line to files and exit codes.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Stdio;

use cs_testkit::skipped;
use prompt::{Prompt, text};
use serde_json::Value;

mod prompt;

#[test]
fn roles_are_found_by_every_parameter() {
    let prompt = Prompt::new();
    let all = prompt.json(&["Get-CsAdminRole"]);
    assert_eq!(all.as_array().unwrap().len(), 11);
    let one = prompt.json(&["get-csadminrole", "cshelpdesk"]);
    let sid = one[0]["SID"].as_str().unwrap();
    assert_eq!(prompt.json(&["Get-CsAdminRole", "-Sid", sid]), one);
    assert_eq!(
        prompt.json(&["Get-CsAdminRole", "-Identity:CsHelpDesk", "-LocalStore"])[0]["Identity"],
        one[0]["Identity"]
    );
    let voice = prompt.json(&["Get-CsAdminRole", "-Filter", "*Voice*"]);
    assert_eq!(voice.as_array().unwrap().len(), 1);

    let table = prompt.well(&["Get-CsAdminRole", "CsHelpDesk"]);
    let first = table.lines().next().unwrap();
    assert!(
        first.starts_with("Identity") && first.contains(": CSHelpDesk"),
        "{table}"
    );

    let said = prompt.badly(&["Get-CsAdminRole", "NoSuchRole"], 1);
    assert!(
        said.contains("NoSuchRole")
            && said.contains("RoleNotFound")
            && said.contains("Recommendation"),
        "{said}"
    );
}

#[test]
fn assignments_come_from_the_settings_as_well() {
    let prompt = Prompt::new();
    prompt.0.settings(serde_json::json!({"members": {"kenmyer": ["CsHelpDesk", "CsVoiceAdministrator", "staff"]}}));
    let names = prompt.well(&["Get-CsAdminRoleAssignment", "-Identity", "kenmyer"]);
    assert_eq!(names.to_lowercase(), "csvoiceadministrator\ncshelpdesk\n");
    let said = prompt.badly(&["Get-CsAdminRoleAssignment", "nobody-of-that-name"], 1);
    assert!(said.contains("AccountNotFound"), "{said}");
}

#[test]
fn export_import_export_gives_the_same_bytes() {
    let prompt = Prompt::new();
    prompt.changed_topology("changed.xml");
    prompt.well(&["Publish-CsTopology", "changed.xml"]);
    prompt.well(&["Export-CsConfiguration", "first.zip"]);
    let other = Prompt::new();
    std::fs::copy(prompt.0.beside("first.zip"), other.0.beside("first.zip")).unwrap();
    other.well(&["Import-CsConfiguration", "-FileName", "first.zip"]);
    other.well(&["Export-CsConfiguration", "-FileName", "second.zip"]);
    assert_eq!(prompt.read("first.zip"), other.read("second.zip"));

    let output = other.run(&["Export-CsConfiguration", "-AsBytes"]);
    assert_eq!(output.stdout, other.read("second.zip"));
    // A second import changes nothing, and says so when asked.
    let version = other.version();
    let output = other.run(&["Import-CsConfiguration", "first.zip", "-Verbose"]);
    assert!(text(&output.stderr).contains("VERBOSE: "), "{output:?}");
    assert_eq!(other.version(), version);
    // The local store is another one.
    other.well(&[
        "Import-CsConfiguration",
        "-FileName",
        "first.zip",
        "-LocalStore",
    ]);
    other.well(&[
        "Export-CsConfiguration",
        "-FileName",
        "local.zip",
        "-LocalStore",
    ]);
    assert_eq!(other.read("local.zip"), other.read("first.zip"));
    assert_eq!(other.version(), version);
}

#[test]
fn bytes_come_from_standard_input_too() {
    let prompt = Prompt::new();
    prompt.well(&["Export-CsConfiguration", "a.zip"]);
    let mut command = prompt.command(&["Import-CsConfiguration", "-ByteInput", "-", "-LocalStore"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(&prompt.read("a.zip"))
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_plan_shows_what_would_change_and_changes_nothing() {
    let prompt = Prompt::new();
    prompt.changed_topology("changed.xml");
    let version = prompt.version();
    let plan = prompt.well(&["Publish-CsTopology", "-FileName", "changed.xml", "-WhatIf"]);
    assert!(plan.starts_with("What if: "), "{plan}");
    assert_eq!(prompt.version(), version);

    prompt.well(&["Export-CsConfiguration", "before.zip"]);
    prompt.well(&[
        "Publish-CsTopology",
        "-FileName",
        "changed.xml",
        "-BackupFileName",
        "backup.xml",
        "-Report",
        "report.html",
    ]);
    let report = text(&prompt.read("report.html"));
    assert!(
        report.starts_with("<!DOCTYPE html>") && report.contains("New version"),
        "{report}"
    );
    assert_eq!(prompt.version(), version + 1);
    assert!(text(&prompt.read("backup.xml")).contains("AllowAllDomains=\"false\""));
    let plan = prompt.well(&["Import-CsConfiguration", "before.zip", "-WhatIf"]);
    assert!(plan.contains("What if: change"), "{plan}");
    assert_eq!(prompt.version(), version + 1);
    prompt.well(&["Import-CsConfiguration", "before.zip"]);
    assert_eq!(prompt.version(), version + 2);
    let plan = prompt.well(&["Import-CsConfiguration", "before.zip", "-WhatIf"]);
    assert!(
        plan.starts_with("What if: ") && plan.contains("already"),
        "{plan}"
    );
}

#[test]
fn a_document_is_published_from_a_file_or_standard_input() {
    let prompt = Prompt::new();
    prompt.changed_topology("changed.xml");
    let mut command = prompt.command(&["Publish-CsTopology", "-Document", "-"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(&prompt.read("changed.xml"))
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(
        prompt
            .well(&["Get-CsTopology", "-AsXml"])
            .contains("AllowAllDomains=\"true\"")
    );
}

#[test]
fn existing_files_stay_unless_force_is_given() {
    let prompt = Prompt::new();
    prompt.write("there.zip", b"precious");
    std::fs::set_permissions(
        prompt.0.beside("there.zip"),
        std::fs::Permissions::from_mode(0o640),
    )
    .unwrap();
    let said = prompt.badly(&["Export-CsConfiguration", "there.zip"], 1);
    assert!(
        said.contains("FileExists") && said.contains("-Force"),
        "{said}"
    );
    assert_eq!(prompt.read("there.zip"), b"precious");
    prompt.well(&["Export-CsConfiguration", "there.zip", "-Force"]);
    assert!(prompt.read("there.zip").starts_with(b"PK"));
    let mode = prompt
        .0
        .beside("there.zip")
        .metadata()
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    prompt.write("target", b"untouched");
    symlink("target", prompt.0.beside("link")).unwrap();
    prompt.badly(&["Export-CsConfiguration", "link"], 1);
    prompt.well(&["Export-CsConfiguration", "link", "-Force"]);
    assert_eq!(prompt.read("target"), b"untouched");
}

#[test]
fn places_that_cannot_be_written_are_named() {
    let prompt = Prompt::new();
    std::fs::create_dir(prompt.0.beside("folder")).unwrap();
    for (path, what) in [
        ("folder", "'folder' is a folder.\n"),
        ("/dev/null", "'/dev/null' is a device or a pipe.\n"),
        ("no/such/folder/x.zip", "FileNotFound"),
        (r"C:\Config.zip", "a path of Windows"),
        (r"\\server\share\Config.zip", "a path of Windows"),
        ("folder/", "FileNotRegular"),
        ("/proc/x.zip", "FileWriteFailed"),
    ] {
        let said = prompt.badly(&["Export-CsConfiguration", path, "-Force"], 1);
        assert!(said.contains(what), "{path}: {said}");
    }
    assert!(
        std::fs::read_dir(prompt.0.beside("folder"))
            .unwrap()
            .next()
            .is_none()
    );
}

#[test]
fn inputs_that_are_no_files_are_named() {
    let prompt = Prompt::new();
    std::fs::create_dir(prompt.0.beside("folder")).unwrap();
    prompt.write("empty", b"");
    prompt.write(
        "text",
        b"Not a package at all, but a text that is long enough to be one.",
    );
    nix::unistd::mkfifo(
        &prompt.0.beside("fifo"),
        nix::sys::stat::Mode::from_bits_truncate(0o600),
    )
    .unwrap();
    for (path, what) in [
        ("missing.zip", "FileNotFound"),
        ("folder", "FileNotRegular"),
        ("/dev/zero", "FileNotRegular"),
        ("fifo", "FileNotRegular"),
        ("empty", "PackageDamaged"),
        ("text", "PackageDamaged"),
    ] {
        let said = prompt.badly(&["Import-CsConfiguration", path], 1);
        assert!(said.contains(what), "{path}: {said}");
    }
}

#[test]
fn wrong_words_are_named_and_nothing_is_called() {
    let prompt = Prompt::new();
    for (words, what) in [
        (&["Get-CsNothing"] as &[&str], "CmdletUnknown"),
        (&["Get-CsAdminRole", "-Identify", "x"], "Identify"),
        (&["Get-CsAdminRole", "-Identity"], "needs a value"),
        (&["Get-CsAdminRole", "-WhatIf"], "changes nothing"),
        (&["Export-CsConfiguration"], "-FileName or -AsBytes"),
        (&["Export-CsConfiguration", "x.zip", "-AsBytes"], "either"),
        (&["Import-CsConfiguration"], "-FileName"),
    ] {
        let said = prompt.badly(words, 1);
        assert!(said.contains(what), "{words:?}: {said}");
    }
    assert!(
        !prompt.0.path().exists(),
        "no service was started for a wrong command line"
    );
    let said = prompt.badly(&["Get-CsAdminRole", "--output", "yaml"], 2);
    assert!(said.contains("json or table"), "{said}");
}

#[test]
fn what_the_user_may_not_touch_is_refused_with_the_users_own_rights() {
    if !nix::unistd::geteuid().is_root() {
        skipped(
            "what_the_user_may_not_touch_is_refused_with_the_users_own_rights",
            "needs root to become another user",
        );
        return;
    }
    let prompt = Prompt::new();
    prompt.0.open_the_way();
    let locked = prompt.0.beside("locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::write(locked.join("secret.zip"), "secret").unwrap();
    std::fs::set_permissions(&locked, PermissionsExt::from_mode(0o700)).unwrap();
    prompt.write("closed.zip", b"secret");
    std::fs::set_permissions(
        prompt.0.beside("closed.zip"),
        PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    let own = prompt.0.beside("own");
    std::fs::create_dir(&own).unwrap();
    nix::unistd::chown(&own, Some(4001.into()), Some(4001.into())).unwrap();

    let own_home = own.join("home");
    let as_other = |words: &[&str]| {
        let environment = [
            ("CSVAULT_HOME", own_home.as_os_str()),
            ("HOME", own.as_os_str()),
        ];
        prompt.0.output_as(4001, words, &environment)
    };
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    for (words, what) in [
        (
            [
                "run",
                "Export-CsConfiguration",
                &path(&locked.join("x.zip")),
            ],
            "FileWriteFailed",
        ),
        (
            [
                "run",
                "Import-CsConfiguration",
                &path(&prompt.0.beside("closed.zip")),
            ],
            "may not be read by you",
        ),
        (
            [
                "run",
                "Import-CsConfiguration",
                &path(&locked.join("secret.zip")),
            ],
            "FileReadFailed",
        ),
    ] {
        let output = as_other(&words);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {output:?}");
        assert!(text(&output.stderr).contains(what), "{words:?}: {output:?}");
    }
    let good = as_other(&["run", "Export-CsConfiguration", &path(&own.join("x.zip"))]);
    assert!(good.status.success(), "{good:?}");
    assert!(as_other(&["stop"]).status.success());
}

#[test]
fn a_changing_call_survives_the_loss_of_its_service() {
    let prompt = Prompt::new();
    prompt.changed_topology("changed.xml");
    prompt.well(&["Publish-CsTopology", "changed.xml"]);
    prompt.well(&["Export-CsConfiguration", "package.zip"]);
    let other = Prompt::new();
    let host = other.0.start();
    std::fs::copy(
        prompt.0.beside("package.zip"),
        other.0.beside("package.zip"),
    )
    .unwrap();
    // Stopped, the service takes the connection and never answers; killed, it leaves the client to find another.
    host.signal(nix::sys::signal::Signal::SIGSTOP);
    let mut command = other.command(&["Import-CsConfiguration", "package.zip"]);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    host.kill();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    other.well(&["Export-CsConfiguration", "after.zip"]);
    assert_eq!(other.read("after.zip"), prompt.read("package.zip"));
}

/// A service that is none: it takes connections in the place of one and answers each with the same bytes, whatever is asked.
fn impostor(prompt: &Prompt, connections: usize, frames: &[&[u8]]) -> std::thread::JoinHandle<()> {
    prompt.0.write("x", b"");
    let listener = UnixListener::bind(prompt.0.path().join("csvault.sock")).unwrap();
    let answer = frames.concat();
    std::thread::spawn(move || {
        for _ in 0..connections {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; 16];
            stream.read_exact(&mut asked).unwrap();
            stream.write_all(&answer).unwrap();
            // What was asked is left unread, which the client sees as a reset; so read it.
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let _rest = std::io::copy(&mut stream, &mut std::io::sink());
        }
    })
}

fn json_frame(text: &str) -> Vec<u8> {
    let mut frame = u32::try_from(text.len()).unwrap().to_le_bytes().to_vec();
    frame.push(b'J');
    frame.extend_from_slice(text.as_bytes());
    frame
}

fn bytes_frame(bytes: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(8 + bytes.len())
        .unwrap()
        .to_le_bytes()
        .to_vec();
    frame.push(b'B');
    frame.extend_from_slice(&2_u64.to_le_bytes());
    frame.extend_from_slice(bytes);
    frame
}

#[test]
fn a_service_that_goes_away_or_lies_is_told_and_leaves_no_file() {
    let hello = json_frame(r#"{"jsonrpc":"2.0","id":1,"result":{"protocol":1}}"#);
    let done = json_frame(r#"{"jsonrpc":"2.0","id":2,"result":{"bytes":5,"sha256":"00"}}"#);
    let half = bytes_frame(b"PK");
    let whole = bytes_frame(b"PKabc");
    let short = json_frame(r#"{"jsonrpc":"2.0","id":2,"result":{"bytes":9}}"#);
    let garbage = b"\xff\xff\xff\xffJgarbage".to_vec();
    let nonsense = json_frame(r#"{"jsonrpc":"2.0","id":99,"result":{}}"#);
    for (frames, code, what) in [
        (vec![&hello], 3, "HostLost"),
        (vec![&hello, &half], 3, "HostLost"),
        (vec![&hello, &whole, &done], 3, "HostLost"),
        (vec![&hello, &whole, &short], 3, "HostLost"),
        (vec![&hello, &garbage], 3, "HostLost"),
        (vec![&hello, &nonsense], 1, "FrameMalformed"),
    ] {
        let prompt = Prompt::new();
        let frames: Vec<&[u8]> = frames.into_iter().map(Vec::as_slice).collect();
        let service = impostor(&prompt, 1, &frames);
        let said = prompt.badly(&["Export-CsConfiguration", "x.zip"], code);
        assert!(said.contains(what), "{said}");
        let left: Vec<_> = std::fs::read_dir(prompt.0.beside("."))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["home"], "{said}");
        service.join().unwrap();
        std::fs::remove_file(prompt.0.path().join("csvault.sock")).unwrap();
    }
}

#[test]
fn a_service_that_does_not_answer_is_told_by_every_command() {
    let prompt = Prompt::new();
    prompt.0.write("x", b"");
    // The system takes connections for it; nobody ever reads.
    let _frozen = UnixListener::bind(prompt.0.path().join("csvault.sock")).unwrap();
    let commands = [
        &["run", "Get-CsAdminRole"] as &[&str],
        &["status"],
        &["stop"],
    ];
    let running: Vec<_> = commands
        .iter()
        .map(|words| {
            let mut command = prompt.0.command(words);
            command.stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for child in running {
        let output = child.wait_with_output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains("does not answer"), "{said}");
    }
    std::fs::remove_file(prompt.0.path().join("csvault.sock")).unwrap();
}

#[test]
fn a_changing_call_is_repeated_once_and_not_more() {
    let prompt = Prompt::new();
    prompt.write("x.zip", b"PK, and no more than that");
    let hello = json_frame(r#"{"jsonrpc":"2.0","id":1,"result":{"protocol":1}}"#);
    let service = impostor(&prompt, 2, &[&hello]);
    let said = prompt.badly(&["Import-CsConfiguration", "x.zip"], 3);
    assert!(said.contains("HostLost"), "{said}");
    service.join().unwrap();
    std::fs::remove_file(prompt.0.path().join("csvault.sock")).unwrap();
}

#[test]
fn names_are_told_so_that_a_terminal_only_shows_them() {
    let prompt = Prompt::new();
    let said = prompt.badly(&["Import-CsConfiguration", "a\u{1b}]0;x\u{7}.zip"], 1);
    assert!(said.contains("'a\\u{1b}]0;x\\u{7}.zip'"), "{said}");
    let said = prompt.badly(&["Get-CsAdminRole", "O'Br\"i\\en\u{202e}"], 1);
    assert!(said.contains("'O'Br\"i\\en\\u{202e}'"), "{said}");
}

#[test]
fn a_plan_that_failed_says_why_and_nothing_else() {
    let prompt = Prompt::new();
    let output = prompt.run(&["Set-CsAdminRole", "NoSuchRole", "-WhatIf"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(text(&output.stdout), "");
    assert!(text(&output.stderr).contains("RoleNotFound"), "{output:?}");
}

#[test]
fn the_audit_log_of_a_session_is_unbroken() {
    let prompt = Prompt::new();
    prompt.well(&["Export-CsConfiguration", "a.zip"]);
    prompt.well(&["Import-CsConfiguration", "a.zip"]);
    let _ = prompt.run(&["Get-CsAdminRole", "x\u{1b}[2Jy"]);
    let verified = prompt.0.command(&["audit", "verify"]).output().unwrap();
    assert!(
        verified.status.success() && text(&verified.stdout).contains("unbroken"),
        "{verified:?}"
    );
    let log = std::fs::read_to_string(prompt.0.path().join("audit.log")).unwrap();
    assert!(
        !log.chars()
            .any(|letter| letter.is_control() && letter != '\n'),
        "{log}"
    );
    let edited = log.replacen("Export-CsConfiguration", "Export-CsConfiguratiom", 1);
    prompt.0.write("audit.log", edited.as_bytes());
    let verified = prompt.0.command(&["audit", "verify"]).output().unwrap();
    assert_eq!(verified.status.code(), Some(1), "{verified:?}");
    assert!(
        text(&verified.stdout).starts_with("Line 1 "),
        "{verified:?}"
    );
}

#[test]
fn schemas_and_completions_are_printed() {
    let prompt = Prompt::new();
    for subject in ["cmdlet", "type", "roles", "protocol", "settings"] {
        let output = prompt.0.command(&["schema", subject]).output().unwrap();
        assert!(
            serde_json::from_slice::<Value>(&output.stdout)
                .unwrap()
                .is_object(),
            "{subject}"
        );
    }
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let output = prompt.0.command(&["completions", shell]).output().unwrap();
        assert!(text(&output.stdout).contains("csvault"), "{shell}");
    }
}
