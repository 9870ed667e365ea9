//! The audit log through the pipe: what it says, that it cannot be filled by repeating a call, and that nothing changes without it.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use cs_testkit::{Home, RawClient, skipped};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn home() -> Home {
    Home::new(env!("CARGO_BIN_EXE_csvault"))
}

/// The records that fit, the newest first.
fn records(client: &mut RawClient, parameters: Value) -> Vec<Value> {
    let (answer, records) = client.invoke("Get-CsAuditRecord", parameters);
    assert!(answer.get("result").is_some(), "{answer}");
    let values = |record: Value| record["values"].as_array().unwrap().clone();
    records.into_iter().flat_map(values).collect()
}

/// How many calls records stand for.
fn calls(records: &[Value]) -> u64 {
    records
        .iter()
        .map(|record| record["Count"].as_u64().unwrap())
        .sum()
}

fn state(client: &mut RawClient) -> Value {
    let (answer, records) = client.invoke("Test-CsAuditLog", json!({}));
    assert!(answer.get("result").is_some(), "{answer}");
    records[0]["values"][0].clone()
}

fn error_id(answer: &Value) -> &str {
    answer["error"]["data"]["id"].as_str().unwrap_or("none")
}

/// The lines of all files of the log, the oldest first.
fn lines(home: &Path) -> Vec<Value> {
    let mut names: Vec<PathBuf> = std::fs::read_dir(home)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with("audit-") && name.ends_with(".log")
        })
        .collect();
    names.sort();
    names.push(home.join("audit.log"));
    let text: String = names
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let parse = |line| serde_json::from_str(line).unwrap();
    text.lines().map(parse).collect()
}

fn verified(home: &Home) -> (bool, String) {
    let output = home.command(&["audit", "verify"]).output().unwrap();
    (
        output.status.success(),
        String::from_utf8(output.stdout).unwrap(),
    )
}

#[test]
fn thousands_of_denied_calls_leave_a_few_lines_and_the_whole_count() {
    let home = home();
    home.settings(json!({"owner": null}));
    let host = home.start();
    let mut client = host.client();
    for _ in 0..3000 {
        // An export as well: what was denied did not happen.
        for cmdlet in ["Get-CsTopology", "Export-CsConfiguration"] {
            let (answer, _) = client.invoke(cmdlet, json!({}));
            assert_eq!(error_id(&answer), "AccessDenied");
        }
    }
    for number in 0..2000 {
        let (answer, _) = client.invoke(&format!("Get-Cs{number}"), json!({}));
        assert_eq!(error_id(&answer), "CmdletUnknown");
    }
    // Less than that in any case, however slow the machine is: a minute passes at most once or twice.
    assert!(host.stop().success());
    let lines = lines(&home.path());
    assert!(lines.len() < 2000, "{}", lines.len());
    let of = |cmdlet: &str| -> u64 {
        let lines = lines.iter().filter(|line| line["cmdlet"] == json!(cmdlet));
        lines.map(|line| line["count"].as_u64().unwrap_or(1)).sum()
    };
    assert_eq!(of("Get-CsTopology"), 3000);
    assert_eq!(of("Export-CsConfiguration"), 3000);
    let counted = |line: &Value| line["count"].as_u64().unwrap_or(1);
    let all: u64 = lines.iter().map(counted).sum();
    assert_eq!(all, 8000);
    assert!(verified(&home).0, "{:?}", verified(&home));
}

#[test]
fn repeated_reads_are_counted_and_a_kill_loses_only_what_was_not_written_yet() {
    let home = home();
    let host = home.start();
    let mut client = host.client();
    let query = |client: &mut RawClient| {
        let (answer, _) = client.invoke("Get-CsAdminRole", json!({"Identity": "CsHelpDesk"}));
        assert!(answer.get("result").is_some(), "{answer}");
    };
    for _ in 0..2000 {
        query(&mut client);
    }
    let seen = records(&mut client, json!({"Cmdlet": "Get-CsAdminRole"}));
    assert_eq!(calls(&seen), 2000);
    assert!(seen.len() < 200, "{}", seen.len());
    let many = seen
        .iter()
        .find(|record| record["Count"] != json!(1))
        .unwrap();
    let detail = many["Detail"].as_str().unwrap();
    assert!(
        detail.starts_with("and ") && detail.contains(" more of the same from 2"),
        "{detail}"
    );
    host.kill();
    assert!(verified(&home).0, "{:?}", verified(&home));
    let host = home.start();
    let seen = records(&mut host.client(), json!({"Cmdlet": "Get-CsAdminRole"}));
    assert!((20..=2000).contains(&calls(&seen)), "{}", calls(&seen));
    // An end that is not a kill loses nothing.
    let before = calls(&seen);
    let mut client = host.client();
    for _ in 0..500 {
        query(&mut client);
    }
    assert!(host.stop().success());
    let host = home.start();
    let seen = records(&mut host.client(), json!({"Cmdlet": "Get-CsAdminRole"}));
    assert_eq!(calls(&seen), before + 500);
}

#[test]
fn changes_and_exports_keep_their_lines_across_files() {
    let home = home();
    home.settings(json!({"auditFileBytes": 4096, "auditKeepFiles": 2}));
    let host = home.start();
    let mut client = host.client();
    for _ in 0..40 {
        client.export();
    }
    let state = state(&mut client);
    assert_eq!(state["IsValid"], json!(true), "{state}");
    assert_eq!(state["Files"], json!(3));
    assert!(state["FirstRecord"].as_u64().unwrap() > 20, "{state}");
    let seen = records(
        &mut client,
        json!({"Cmdlet": "Export-*", "Outcome": ["Done"], "Newest": 5}),
    );
    assert_eq!(seen.len(), 5);
    let dropped = records(&mut client, json!({"Principal": "csvault"}));
    assert!(
        dropped
            .iter()
            .all(|record| record["Outcome"] == json!("Done")
                && record["Detail"]
                    .as_str()
                    .unwrap()
                    .starts_with("dropped: audit-")),
        "{dropped:?}"
    );
    // By hand it is another matter.
    let name = lines_file(&home.path(), 0);
    std::fs::remove_file(&name).unwrap();
    let found = state_of(&mut client);
    assert_eq!(found["IsValid"], json!(false));
    assert_eq!(found["FirstInvalid"], json!(1));
    let (good, said) = verified(&home);
    assert!(!good);
    assert_eq!(said.trim_end(), found["Reason"].as_str().unwrap());
}

fn state_of(client: &mut RawClient) -> Value {
    state(client)
}

/// A full file, by its place.
fn lines_file(home: &Path, place: usize) -> PathBuf {
    let mut names: Vec<PathBuf> = std::fs::read_dir(home)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().contains("/audit-0"))
        .collect();
    names.sort();
    names.swap_remove(place)
}

#[test]
fn asking_for_the_state_and_ending_leave_lines_with_the_door() {
    for (settings, door) in [
        (json!({}), "owner of the store"),
        (json!({"owner": {"uid": 4711}}), "account of the service"),
    ] {
        let home = home();
        home.settings(settings);
        let host = home.start();
        let mut client = host.client();
        for method in ["status", "stop"] {
            assert!(client.ask(method, Value::Null).get("result").is_some());
        }
        assert!(host.wait().success());
        let found: Vec<_> = lines(&home.path())
            .into_iter()
            .map(|line| [&line["cmdlet"], &line["result"], &line["detail"]].map(Value::to_string))
            .collect();
        let line = |method: &str| [method, "allowed", door].map(|text| json!(text).to_string());
        assert_eq!(found, ["status", "stop"].map(line));
    }
}

#[test]
fn a_service_that_was_just_started_need_not_be_asked() {
    let home = home();
    let start = || home.command(&["start"]).output().unwrap();
    let (first, second) = (start(), start());
    assert!(first.status.success(), "{first:?}");
    assert_eq!(first.stdout, second.stdout);
    let stopped = home.command(&["stop"]).output().unwrap();
    assert!(stopped.status.success(), "{stopped:?}");
    let found: Vec<Value> = lines(&home.path())
        .into_iter()
        .map(|line| line["cmdlet"].clone())
        .collect();
    assert_eq!(
        found,
        ["status", "stop"],
        "of the second start, and the end"
    );
}

#[test]
fn nothing_is_changed_or_exported_when_the_log_is_not_in_its_place() {
    for replaced in [false, true] {
        let home = home();
        let host = home.start();
        let mut client = host.client();
        let package = client.export();
        std::fs::remove_file(home.path().join("audit.log")).unwrap();
        if replaced {
            home.write("audit.log", b"");
        }
        let (answer, _) = client.invoke("Export-CsConfiguration", json!({}));
        assert_eq!(error_id(&answer), "AuditUnavailable", "{answer}");
        let (answer, _) = client.upload("Import-CsConfiguration", json!({}), &package);
        assert_eq!(error_id(&answer), "AuditUnavailable", "{answer}");
        assert_eq!(
            client.ask("status", Value::Null)["result"]["storeVersion"],
            json!(1)
        );
        let (answer, _) = client.invoke("Get-CsAdminRole", json!({}));
        assert!(answer.get("result").is_some(), "{answer}");
        assert_eq!(state(&mut client)["IsValid"], json!(false));
        assert!(host.stop().success());

        let host = home.start();
        let mut client = host.client();
        client.export();
        let found = state(&mut client);
        assert_eq!(found["IsValid"], json!(false));
        assert!(
            found["Reason"].as_str().unwrap().contains("are gone"),
            "{found}"
        );
    }
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
fn a_full_disk_refuses_exports_also_where_a_file_ends_and_reads_go_on() {
    let home = home();
    let name = "a_full_disk_refuses_exports_also_where_a_file_ends_and_reads_go_on";
    let Some(_disk) = SmallDisk::mount(&home.path(), 4 * 1024 * 1024) else {
        skipped(name, "needs root to mount a small file system");
        return;
    };
    home.settings(json!({"auditFileBytes": 4096}));
    let host = home.start();
    let mut client = host.client();
    client.export();
    let filler = home.path().join("filler");
    // The file may have some room left in its last page; once that is taken there is no room for a line or a new file.
    let mut refused = 0;
    std::fs::write(&filler, vec![0; 4 * 1024 * 1024]).unwrap_err();
    for _ in 0..60 {
        let (answer, _) = client.invoke("Export-CsConfiguration", json!({}));
        match error_id(&answer) {
            // The line may still have fitted, and the store's own files not.
            "none" | "StoreFailed" => {}
            "AuditUnavailable" => refused += 1,
            other => panic!("{other}: {answer}"),
        }
        let (answer, _) = client.invoke("Get-CsAdminRole", json!({"Identity": "CsHelpDesk"}));
        assert!(answer.get("result").is_some(), "{answer}");
    }
    assert!(refused > 20, "{refused}");
    assert_eq!(state(&mut client)["IsValid"], json!(true));

    std::fs::remove_file(&filler).unwrap();
    client.export();
    assert_eq!(state(&mut client)["IsValid"], json!(true));
    // Reads whose lines did not fit were counted.
    assert!(host.stop().success());
    let reads = lines(&home.path())
        .iter()
        .filter(|line| line["cmdlet"] == json!("Get-CsAdminRole"))
        .map(|line| line["count"].as_u64().unwrap_or(1))
        .sum::<u64>();
    assert_eq!(reads, 60);
    assert!(verified(&home).0, "{:?}", verified(&home));
}

#[test]
fn a_log_in_the_documented_format_is_read_and_shown_without_its_controls() {
    let home = home();
    let none = "0".repeat(64);
    let sealed = format!(
        "{{\"n\":1,\"time\":\"2026-11-24T10:00:00Z\",\"phase\":\"decision\",\"principal\":\"ken\\u001b[2J (uid 7)\",\"cmdlet\":\"Get-CsTopology\",\"store\":\"central\",\"result\":\"denied\",\"detail\":\"a\\u009b31m\\u202eb\\u000a\",\"prev\":\"{none}\""
    );
    let digest = Sha256::digest(sealed.as_bytes());
    let hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    home.write(
        "audit.log",
        format!("{sealed},\"hash\":\"{hash}\"}}\n").as_bytes(),
    );
    home.write("audit.head", format!("{:020} {hash}\n", 1).as_bytes());
    assert!(verified(&home).1.contains(&hash));

    let host = home.start();
    let seen = records(&mut host.client(), json!({"Outcome": ["Denied"]}));
    assert_eq!(
        seen,
        [json!({
            "Number": 1, "Time": "2026-11-24T10:00:00Z", "Principal": "ken\\u001b[2J (uid 7)", "Cmdlet": "Get-CsTopology",
            "Outcome": "Denied", "Detail": "a\\u009b31m\\u202eb\\u000a", "Store": "Central", "Count": 1, "Hash": hash
        })]
    );
    for output in ["table", "json"] {
        let shown = home
            .command(&[
                "run",
                "Get-CsAuditRecord",
                "-Outcome",
                "Denied",
                "--output",
                output,
            ])
            .output()
            .unwrap();
        let text = String::from_utf8(shown.stdout).unwrap();
        assert!(text.contains("u001b[2J (uid 7)"), "{text}");
        assert!(
            !text
                .chars()
                .any(|letter| (letter.is_control() && letter != '\n') || letter == '\u{202e}'),
            "{text:?}"
        );
    }
}

#[test]
fn the_audit_log_is_for_administrators() {
    let name = nix::unistd::User::from_uid(nix::unistd::geteuid());
    let name = name.unwrap().unwrap().name;
    for (held, allowed) in [
        ("CSAdministrator", true),
        ("RTCUniversalServerAdmins", true),
        ("CSServerAdministrator", false),
        ("CSViewOnlyAdministrator", false),
        ("RTCUniversalReadOnlyAdmins", false),
    ] {
        let home = home();
        home.settings(json!({"owner": null, "members": {name.as_str(): [held]}}));
        let host = home.start();
        for cmdlet in ["Get-CsAuditRecord", "Test-CsAuditLog"] {
            let (answer, _) = host.client().invoke(cmdlet, json!({}));
            let expected = if allowed { "none" } else { "AccessDenied" };
            assert_eq!(error_id(&answer), expected, "{cmdlet} as {held}");
        }
    }
}
