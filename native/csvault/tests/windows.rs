//! The service on Windows: callers are who their token says.
#![cfg(windows)]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

struct Service {
    process: Child,
    home: tempfile::TempDir,
    pipe: String,
}

impl Service {
    fn start(name: &str, settings: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("settings.json"), settings).unwrap();
        let pipe = format!(r"\\.\pipe\csvault-test-{}-{name}", std::process::id());
        let mut process = Command::new(env!("CARGO_BIN_EXE_csvault"))
            .args(["serve", "--system", "--pipe", &pipe, "--home"])
            .arg(home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let output = process.stdout.as_mut().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        assert!(line.contains("\"pid\""), "{line}");
        Self {
            process,
            home,
            pipe,
        }
    }

    fn run(&self, words: &[&str], owner: Option<&str>) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_csvault"));
        command.args(words).env("CSVAULT_PIPE", &self.pipe);
        command.env("CSVAULT_HOME", self.home.path());
        match owner {
            Some(owner) => command.env("CSVAULT_PIPE_OWNER", owner),
            None => command.env_remove("CSVAULT_PIPE_OWNER"),
        };
        command.output().unwrap()
    }

    fn log(&self) -> String {
        let path: &Path = self.home.path();
        std::fs::read_to_string(path.join("audit.log")).unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _ended = self.process.wait();
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_caller_is_who_the_token_says() {
    let own = cs_peer::own_sid().unwrap();
    // Everybody who has an account is in Users (S-1-5-32-545).
    let settings = r#"{"groups": {"RTCUniversalReadOnlyAdmins": "S-1-5-32-545", "RTCUniversalServerAdmins": "S-1-5-21-9-9-9-9"}}"#;
    let service = Service::start("token", settings);
    let output = service.run(&["run", "Get-CsAdminRole"], None);
    assert!(output.status.success(), "{output:?}");
    let output = service.run(
        &["run", "Export-CsConfiguration", "-FileName", "x.zip"],
        None,
    );
    assert!(said(&output).contains("AccessDenied"), "{output:?}");
    let log = service.log();
    assert!(log.contains(&format!("({own})")), "{log}");
    assert!(
        log.contains("member of RTCUniversalReadOnlyAdmins"),
        "{log}"
    );
}

#[test]
fn a_client_says_nothing_to_a_pipe_of_another_account() {
    let service = Service::start("owner", "{}");
    for (owner, expected) in [
        ("S-1-5-18", "and not S-1-5-18"),
        ("no such account", "no such account"),
    ] {
        let output = service.run(&["run", "Get-CsAdminRole"], Some(owner));
        let said = said(&output);
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        assert!(
            said.contains("HostNotTrusted") && said.contains(expected),
            "{said}"
        );
    }
    assert!(
        !service.log().contains("Get-CsAdminRole"),
        "{}",
        service.log()
    );
}
