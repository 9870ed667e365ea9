//! What the commands print: objects, help, and what comes of output that nobody takes.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use prompt::{Prompt, text};

mod prompt;

#[test]
fn no_object_is_an_empty_array() {
    let prompt = Prompt::new();
    let printed = |words: &[&str]| prompt.well(&[&["--output", "json"], words].concat());
    assert_eq!(printed(&["Get-CsAdminRole", "-Filter", "zzz*"]), "[]\n");
    let early = ["Get-CsAuditRecord", "-EndTime", "2001-01-01"];
    assert_eq!(printed(&early), "[]\n");
    let table = prompt.well(&["Get-CsAdminRole", "-Filter", "zzz*", "--output", "table"]);
    assert_eq!(table, "");
    // Where bytes, lines or nothing at all is the answer, no array is.
    assert!(printed(&["Get-CsTopology", "-AsXml"]).ends_with('>'));
    assert_eq!(printed(&["Export-CsConfiguration", "a.zip"]), "");
    assert_eq!(printed(&["Import-CsConfiguration", "a.zip"]), "");
    let plan = printed(&["Import-CsConfiguration", "a.zip", "-WhatIf"]);
    assert!(
        plan.starts_with("What if: ") && !plan.contains('['),
        "{plan}"
    );
    let update = ["Update-CsAdminRole", "-Confirm:$False"];
    assert_eq!(printed(&update), "");
    // What was not found is an error, and no object.
    let output = prompt.run(&["Get-CsAdminRole", "NoSuchRole", "--output", "json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(text(&output.stdout), "[]\n");
}

#[test]
fn output_that_could_not_be_written_is_an_error() {
    let prompt = Prompt::new();
    prompt.well(&["Get-CsAdminRole"]);
    let role = &["run", "Get-CsAdminRole", "--output"];
    let json = [role as &[&str], &["json"]].concat();
    let table = [role as &[&str], &["table"]].concat();
    for words in [
        &json as &[&str],
        &table,
        &["run", "Get-CsTopology", "-AsXml"],
        &["run", "Export-CsConfiguration", "-AsBytes"],
        &["status"],
        &["status", "--json"],
        &["start"],
        &["schema", "settings"],
        &["completions", "bash"],
        &["audit", "verify"],
        &["service", "install", "--dry-run"],
        &["--help"],
        &["run", "--help"],
        &["--version"],
    ] {
        let full = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let output = prompt.0.command(words).stdout(full).output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {said}");
        let told = said.matches("Standard output cannot be written").count();
        assert_eq!(told, 1, "{words:?}: {said}");

        // Whoever reads no further has what it wanted.
        let (read, closed) = nix::unistd::pipe().unwrap();
        drop(read);
        let output = prompt.0.command(words).stdout(closed).output().unwrap();
        if !words.contains(&"-AsBytes") && !words.contains(&"-AsXml") {
            assert_eq!(output.status.code(), Some(0), "{words:?}: {output:?}");
            assert_eq!(text(&output.stderr), "", "{words:?}");
        }
    }
}

#[test]
fn a_cmdlet_has_its_help_at_a_shell() {
    let prompt = Prompt::new();
    let help = prompt.well(&["Get-CsAdminRole", "--help"]);
    for part in [
        "Returns the roles of role-based access control",
        "-Identity <text>",
        "-LocalStore",
        "Examples",
        "Get-CsAdminRole -Filter \"*Voice*\"",
    ] {
        assert!(help.contains(part), "{part} in {help}");
    }
    assert!(!help.contains("-WhatIf"), "{help}");
    assert_eq!(prompt.well(&["get-csadminrole", "-?"]), help);
    assert_eq!(
        prompt.well(&["get-csadminrole", "-Filter", "x", "--help"]),
        help
    );
    let help = prompt.well(&["Import-CsConfiguration", "-?"]);
    assert!(
        help.contains("-WhatIf") && help.contains("-ByteInput <file> | -"),
        "{help}"
    );
    let unknown = prompt.run(&["Get-CsNothing", "--help"]);
    assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");
    assert!(
        text(&unknown.stderr).contains("CmdletUnknown"),
        "{unknown:?}"
    );
    assert!(!prompt.0.path().exists(), "nothing was called");

    // And hints lead to it, not to a PowerShell that may not be there.
    let output = prompt.run(&["get-csadminrole", "-Filter", "["]);
    let said = text(&output.stderr);
    assert!(
        said.contains("csvault run Get-CsAdminRole --help"),
        "{said}"
    );
    let output = prompt.run(&["Export-CsConfiguration"]);
    let said = text(&output.stderr);
    assert!(
        said.contains("csvault run Export-CsConfiguration --help"),
        "{said}"
    );
}

#[test]
fn the_commands_that_take_a_home_are_those_of_the_document() {
    let prompt = Prompt::new();
    for (words, takes) in [
        (&["serve"] as &[&str], true),
        (&["start"], true),
        (&["run"], true),
        (&["status"], true),
        (&["stop"], true),
        (&["audit", "verify"], true),
        (&["service", "install"], true),
        (&["service", "uninstall"], false),
        (&["service", "status"], false),
        (&["schema"], false),
        (&["completions"], false),
    ] {
        let asked = [words, &["--help"]].concat();
        let help = prompt.0.command(&asked).output().unwrap();
        let told = text(&help.stdout).contains("--home <DIR>");
        assert_eq!(told, takes, "{words:?}: {help:?}");
    }
    let document = include_str!("../../../docs/command-line.md");
    let sentence = "`serve`, `start`, `run`, `status`, `stop`, `audit verify` and `service install` take the option";
    assert!(document.contains(sentence));
}
