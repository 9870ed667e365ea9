//! `csvault service`: what it writes, says, refuses and leaves; and a service that runs as an account of its own.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use cs_testkit::{Accounts, Home, Host, skipped};

const EXECUTABLE: &str = env!("CARGO_BIN_EXE_csvault");

fn service(root: Option<&Path>, words: &[&str]) -> Output {
    let mut command = Command::new(EXECUTABLE);
    command.arg("service").args(words).stdin(Stdio::null());
    if let Some(root) = root {
        command.arg("--root").arg(root);
    }
    command.output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_service_is_installed_looked_at_and_removed_below_another_root() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    let install = ["install", "--executable", "/usr/local/bin/csvault"];
    let output = service(Some(root), &["status"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(out(&output).contains("installed: no"), "{output:?}");

    let output = service(Some(root), &install);
    assert!(output.status.success(), "{output:?}");
    let text = out(&output);
    for part in [
        "Left to do:",
        "enable csvault.service",
        "CSVAULT_PIPE=/run/csvault/csvault.sock",
        "CSVAULT_PIPE_OWNER=csvault",
        "settings.json",
        "systemd-sysusers",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let unit = root.join("etc/systemd/system/csvault.service");
    let sysusers = root.join("etc/sysusers.d/csvault.conf");
    for file in [&unit, &sysusers] {
        assert_eq!(file.metadata().unwrap().mode() & 0o7777, 0o644);
    }
    let text = std::fs::read_to_string(&unit).unwrap();
    for line in [
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "PrivateTmp=yes",
        "RestrictAddressFamilies=AF_UNIX",
        "CapabilityBoundingSet=",
        "SystemCallFilter=@system-service",
        "UMask=0077",
        "Restart=on-failure",
        "Type=notify",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    let output = service(Some(root), &["status"]);
    assert!(out(&output).contains("installed: yes"), "{output:?}");
    assert!(out(&output).contains("enabled:   no"), "{output:?}");
    // Again, with something else.
    let mut other = install.to_vec();
    other.extend(["--home", "/srv/cs", "--account", "other"]);
    let output = service(Some(root), &other);
    assert!(out(&output).contains("Replaced"), "{output:?}");
    assert!(
        std::fs::read_to_string(&unit)
            .unwrap()
            .contains("User=other")
    );
    let data = root.join("srv/cs");
    assert_eq!(data.metadata().unwrap().mode() & 0o7777, 0o711);
    std::fs::write(data.join("central.db"), "precious").unwrap();
    // As an administrator enabled it.
    let wanted = root.join("etc/systemd/system/multi-user.target.wants");
    std::fs::create_dir(&wanted).unwrap();
    std::os::unix::fs::symlink("../csvault.service", wanted.join("csvault.service")).unwrap();
    let output = service(Some(root), &["status"]);
    assert!(out(&output).contains("enabled:   yes"), "{output:?}");

    let output = service(Some(root), &["uninstall", "--dry-run"]);
    let text = out(&output);
    for part in [
        format!("Would remove {}\n", unit.display()),
        format!("Would remove {}\n", sysusers.display()),
        "account other would be left as they are".to_owned(),
    ] {
        assert!(text.contains(&part), "{part} in {text}");
    }
    assert!(unit.exists() && !text.contains("not done"), "{text}");
    let output = service(Some(root), &["uninstall"]);
    assert!(output.status.success(), "{output:?}");
    let text = out(&output);
    assert!(
        text.contains("srv/cs") && text.contains("left as they are"),
        "{text}"
    );
    assert!(text.contains("account other"), "{text}");
    assert!(!unit.exists() && !sysusers.exists());
    assert!(wanted.join("csvault.service").symlink_metadata().is_err());
    assert_eq!(std::fs::read(data.join("central.db")).unwrap(), b"precious");
    for words in [&["uninstall"] as &[&str], &["uninstall", "--dry-run"]] {
        let output = service(Some(root), words);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(out(&output), "The service is not installed\n", "{words:?}");
    }
}

#[test]
fn a_look_at_an_installation_tells_what_would_be_refused() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("csvault");
    let copy = copy.to_str().unwrap();
    let words = ["install", "--dry-run", "--executable", copy];
    let output = service(None, &words);
    assert!(output.status.success(), "{output:?}");
    let text = out(&output);
    assert!(
        text.contains(&format!("{copy} cannot be run as a service: ")),
        "{text}"
    );
    assert!(text.contains("It would be refused."), "{text}");
}

#[test]
fn a_dry_run_shows_all_and_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let output = service(Some(root.path()), &["install", "--dry-run"]);
    assert!(output.status.success(), "{output:?}");
    let text = out(&output);
    assert!(
        text.contains("Would write ") && text.contains("[Service]"),
        "{text}"
    );
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
    // This machine, also for those who may not change it.
    let output = service(None, &["install", "--dry-run"]);
    assert!(output.status.success(), "{output:?}");
    let text = out(&output);
    for done in ["Wrote", "Ran", "Made", "Replaced", "not done"] {
        assert!(!text.contains(done), "{done} in {text}");
    }
}

#[test]
fn what_is_wrong_is_refused_before_anything_is_changed() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path();
    for (words, expected) in [
        (["--home", "relative"], "rooted path"),
        (["--home", "/home/ken/cs"], "do not see /home"),
        (["--pipe", "/tmp/csvault.sock"], "/run/NAME/FILE"),
        (["--account", "root"], "none that a service can have"),
        (["--account", "a b"], "none that a service can have"),
        (["--executable", "csvault"], "rooted path"),
    ] {
        let mut all = vec!["install"];
        all.extend(words);
        let output = service(Some(root), &all);
        assert!(!output.status.success(), "{words:?}: {output:?}");
        assert!(said(&output).contains(expected), "{words:?}: {output:?}");
        assert_eq!(std::fs::read_dir(root).unwrap().count(), 0, "{words:?}");
    }
    // A folder of somebody else's files is no data folder.
    let folder = root.join("srv/documents");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("letter.txt"), "precious").unwrap();
    let output = service(Some(root), &["install", "--home", "/srv/documents"]);
    assert!(said(&output).contains("'letter.txt'"), "{output:?}");
    assert!(!root.join("etc").exists());
    let output = service(Some(&root.join("nowhere")), &["install"]);
    assert!(said(&output).contains("is no folder"), "{output:?}");
    // Somebody else's unit of that name.
    let unit = root.join("etc/systemd/system/csvault.service");
    std::fs::create_dir_all(unit.parent().unwrap()).unwrap();
    std::fs::write(&unit, "[Service]\nExecStart=/bin/true\n").unwrap();
    for word in ["install", "uninstall", "status"] {
        let output = service(Some(root), &[word]);
        assert!(
            said(&output).contains("not written by csvault"),
            "{word}: {output:?}"
        );
    }
    assert!(
        std::fs::read_to_string(&unit)
            .unwrap()
            .contains("/bin/true")
    );
    assert!(!root.join("etc/sysusers.d").exists());
}

#[test]
fn systemd_understands_the_unit() {
    let test = "systemd_understands_the_unit";
    if Command::new("systemd-analyze")
        .arg("--version")
        .output()
        .is_err()
    {
        skipped(test, "there is no systemd-analyze");
        return;
    }
    let root = tempfile::tempdir().unwrap();
    // It looks for the program too.
    for home in ["/var/lib/csvault", "/srv/100% $cs"] {
        let output = service(
            Some(root.path()),
            &["install", "--executable", EXECUTABLE, "--home", home],
        );
        assert!(output.status.success(), "{output:?}");
        let unit = root.path().join("etc/systemd/system/csvault.service");
        let output = Command::new("systemd-analyze")
            .args(["verify", "--man=no", "--recursive-errors=no"])
            .arg(&unit)
            .output()
            .unwrap();
        let text = said(&output);
        assert!(
            output.status.success() && !text.contains("csvault"),
            "{home}: {text}"
        );
    }
}

#[test]
fn installing_needs_root_and_a_safe_executable() {
    let test = "installing_needs_root_and_a_safe_executable";
    let Some(mut accounts) = Accounts::new(test) else {
        return;
    };
    accounts.group("others");
    let uid = accounts.user("ken", "others", &[]);
    let home = Home::new(EXECUTABLE);
    home.open_the_way();
    for word in ["install", "uninstall"] {
        let output = home.output_as(uid, &["service", word], &[]);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(
            text.contains("needs root") && text.contains("sudo"),
            "{text}"
        );
    }
    assert!(
        home.output_as(uid, &["service", "install", "--dry-run"], &[])
            .status
            .success()
    );
    assert!(
        home.output_as(uid, &["service", "status"], &[])
            .status
            .code()
            .is_some()
    );
    // Root, with a program that somebody else can replace.
    let copy = home.beside("csvault");
    let asks = |path: &Path| {
        let output = service(None, &["install", "--executable", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        said(&output)
    };
    assert!(asks(&copy).contains("do not see /tmp"));
    let folder = tempfile::tempdir_in("/var/lib").unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let program = folder.path().join("csvault");
    assert!(asks(&program).contains("No such file"));
    std::fs::copy(EXECUTABLE, &program).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o775)).unwrap();
    assert!(asks(&program).contains("others than root can change it"));
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    chown(folder.path(), Some(uid), None).unwrap();
    assert!(asks(&program).contains(&format!("user id {uid}")));
    assert!(!Path::new("/etc/systemd/system/csvault.service").exists());
}

#[test]
fn a_service_has_an_account_of_its_own_and_clients_expect_that_one() {
    let test = "a_service_has_an_account_of_its_own_and_clients_expect_that_one";
    let Some(mut accounts) = Accounts::new(test) else {
        return;
    };
    let own_group = accounts.group("svc");
    let lookers = accounts.group("lookers");
    let service = accounts.user("svc", "svc", &[]);
    let user = accounts.user("ken", "lookers", &[]);
    let home = Home::new(EXECUTABLE);
    home.open_the_way();
    home.settings(
        serde_json::json!({"owner": null, "groups": {"RTCUniversalReadOnlyAdmins": lookers}}),
    );
    for path in [home.path(), home.path().join("settings.json")] {
        chown(path, Some(service), Some(own_group)).unwrap();
    }
    let run = home.beside("run");
    std::fs::create_dir(&run).unwrap();
    chown(&run, Some(service), Some(own_group)).unwrap();
    let pipe = run.join("csvault.sock");
    let program = home.beside("csvault");
    std::fs::copy(EXECUTABLE, &program).unwrap();
    // As systemd starts it, as far as that can be had without.
    let mut command = Command::new("setpriv");
    let (uid, gid) = (service.to_string(), own_group.to_string());
    command.args([
        "--reuid",
        &uid,
        "--regid",
        &gid,
        "--clear-groups",
        "--no-new-privs",
    ]);
    command.args(["--bounding-set", "-all", "--inh-caps", "-all"]);
    command.arg(&program).args(["serve", "--system"]);
    command
        .arg("--pipe")
        .arg(&pipe)
        .arg("--home")
        .arg(home.path());
    command
        .env_remove("CSVAULT_HOME")
        .env_remove("CSVAULT_PIPE")
        .current_dir("/");
    let host = Host::spawn(command).unwrap_or_else(|said| panic!("{said}"));
    assert_eq!(pipe.metadata().unwrap().uid(), service);

    let name = accounts.name("svc");
    let asks = |owner: Option<&str>| {
        let mut environment = vec![("CSVAULT_PIPE", pipe.as_os_str())];
        environment.extend(owner.map(|owner| ("CSVAULT_PIPE_OWNER", owner.as_ref())));
        home.output_as(
            user,
            &["run", "Get-CsAdminRole", "-Identity", "CsHelpDesk"],
            &environment,
        )
    };
    for owner in [name.as_str(), &uid] {
        let output = asks(Some(owner));
        assert!(output.status.success(), "{owner}: {output:?}");
        assert!(out(&output).contains("CSHelpDesk"), "{output:?}");
    }
    for owner in [None, Some("root"), Some("no such account")] {
        let output = asks(owner);
        assert_eq!(output.status.code(), Some(3), "{owner:?}: {output:?}");
        assert!(
            said(&output).contains("HostNotTrusted"),
            "{owner:?}: {output:?}"
        );
    }
    assert!(host.stop().success());
    assert!(!pipe.exists());
}
