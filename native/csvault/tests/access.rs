//! Other accounts of the machine: what they may do follows from who they are, whatever they say.
//!
//! Another account is another process: this test binary runs itself again under another user id and plays one client there.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::LazyLock;

use cs_contract::{CmdletManifest, Method};
use cs_testkit::{Home, Host, RawClient, skipped};
use serde_json::{Value, json};

/// An account that exists nowhere, and its group.
const STRANGER: u32 = 4001;

/// Every cmdlet.
static CMDLETS: LazyLock<Vec<String>> = LazyLock::new(|| {
    cs_contract::cmdlets()
        .iter()
        .map(CmdletManifest::name)
        .collect()
});

fn is_root(test: &str) -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        skipped(test, "needs root to become another user");
    }
    root
}

/// A home whose folder others may pass through, with a service for all accounts.
fn system(settings: Value) -> (Home, Host) {
    let home = Home::new(env!("CARGO_BIN_EXE_csvault"));
    home.open_the_way();
    home.settings(settings);
    let host = home.start_with(&["--system"]);
    (home, host)
}

fn error_id(answer: &Value) -> &str {
    answer["error"]["data"]["id"].as_str().unwrap_or("none")
}

/// Asks every method and cmdlet as the account that this process is, and prints the error ids as one line of JSON.
#[test]
#[ignore = "run by other tests under another user id"]
fn ask_everything() {
    let id = |name: &str| std::env::var(name).unwrap().parse::<u32>().unwrap();
    let pipe = std::env::var("CSVAULT_TEST_PIPE").unwrap();
    // Here and not at the start of the process: the build folder may be closed to other accounts.
    nix::unistd::setgroups(&[]).unwrap();
    nix::unistd::setresgid(
        id("CSVAULT_TEST_GID").into(),
        id("CSVAULT_TEST_GID").into(),
        id("CSVAULT_TEST_GID").into(),
    )
    .unwrap();
    nix::unistd::setresuid(
        id("CSVAULT_TEST_UID").into(),
        id("CSVAULT_TEST_UID").into(),
        id("CSVAULT_TEST_UID").into(),
    )
    .unwrap();
    let mut client = RawClient::connect(Path::new(&pipe));
    client.hello();
    let mut found = serde_json::Map::new();
    for method in ["status", "ping"] {
        found.insert(
            method.to_owned(),
            json!(error_id(&client.ask(method, Value::Null))),
        );
    }
    for cmdlet in CMDLETS.iter() {
        let parameters = match cmdlet.as_str() {
            "Get-CsAdminRoleAssignment" => json!({"Identity": "root"}),
            _ => json!({}),
        };
        let answer = if cmdlet.starts_with("Import") || cmdlet.starts_with("Publish") {
            client
                .upload(
                    cmdlet,
                    json!({"parameters": parameters}),
                    b"neither package nor document",
                )
                .0
        } else {
            client.invoke(cmdlet, parameters).0
        };
        found.insert(cmdlet.to_owned(), json!(error_id(&answer)));
    }
    let local = client
        .upload(
            "Import-CsConfiguration",
            json!({"parameters": {"LocalStore": true}}),
            b"no package",
        )
        .0;
    found.insert("LocalStore".to_owned(), json!(error_id(&local)));
    // Last, since whoever may do it does.
    let stop = client.ask("stop", Value::Null);
    found.insert("stop".to_owned(), json!(error_id(&stop)));
    println!("\nFOUND {}", Value::Object(found));
}

fn versions(host: &Host) -> (Value, Value) {
    let status = host.client().ask("status", Value::Null);
    (
        status["result"]["storeVersion"].clone(),
        status["result"]["localStoreVersion"].clone(),
    )
}

/// What `ask_everything` finds under a user and a group id.
fn everything_as(host: &Host, uid: u32, gid: u32) -> Value {
    let output = Command::new(std::env::current_exe().unwrap())
        .env("CSVAULT_TEST_PIPE", host.pipe())
        .env("CSVAULT_TEST_UID", uid.to_string())
        .env("CSVAULT_TEST_GID", gid.to_string())
        .args(["--ignored", "--exact", "ask_everything", "--nocapture"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("FOUND "));
    assert!(line.is_some(), "{output:?}");
    serde_json::from_str(line.unwrap()).unwrap()
}

fn expect(found: &Value, denied: &[impl AsRef<str>], allowed: &[&str]) {
    for name in denied.iter().map(AsRef::as_ref) {
        assert_eq!(found[name], "AccessDenied", "{name} in {found}");
    }
    for name in allowed {
        assert_ne!(found[name], "AccessDenied", "{name} in {found}");
        assert_ne!(found[name], Value::Null, "{name} in {found}");
    }
}

#[test]
fn a_stranger_is_denied_everything_and_leaves_a_trace() {
    if !is_root("a_stranger_is_denied_everything_and_leaves_a_trace") {
        return;
    }
    let (home, host) = system(json!({"owner": null}));
    let before = versions(&host);
    let found = everything_as(&host, STRANGER, STRANGER);
    expect(&found, CMDLETS.as_slice(), &["ping"]);
    expect(&found, &["status", "stop", "LocalStore"], &[]);
    assert_eq!(versions(&host), before);
    let log = std::fs::read_to_string(home.path().join("audit.log")).unwrap();
    let methods = ["status", "stop"];
    for name in CMDLETS.iter().map(String::as_str).chain(methods) {
        let line = log.lines().find(|line| {
            line.contains(&format!("\"cmdlet\":\"{name}\""))
                && line.contains(&format!("uid {STRANGER}"))
                && line.contains("\"result\":\"denied\"")
                && line.contains("\"detail\":\"you may not ")
        });
        assert!(line.is_some(), "{name} left no line: {log}");
    }
}

/// A method without an entry here is denied to strangers, as `a_stranger_is_denied_everything_and_leaves_a_trace` asks of each.
#[test]
fn methods_without_a_decision_are_few() {
    let open: Vec<&str> = Method::ALL
        .into_iter()
        .filter(|method| method.is_open())
        .map(Method::as_str)
        .collect();
    assert_eq!(open, ["hello", "ping"]);
    for decided in ["status", "invoke", "stop"] {
        assert!(Method::parse(decided).is_some_and(|method| !method.is_open()));
    }
    assert_eq!(
        Method::ALL.len(),
        5,
        "a stranger must be denied the new one"
    );
}

#[test]
fn a_group_of_the_settings_lets_its_members_in_as_far_as_it_goes() {
    if !is_root("a_group_of_the_settings_lets_its_members_in_as_far_as_it_goes") {
        return;
    }
    // An account of the machine is needed, for its groups are looked up; this one is on every system.
    let Some(user) = nix::unistd::User::from_name("daemon").unwrap() else {
        skipped(
            "a_group_of_the_settings_lets_its_members_in_as_far_as_it_goes",
            "there is no account 'daemon'",
        );
        return;
    };
    let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
    let (_home, host) =
        system(json!({"owner": null, "groups": {"RTCUniversalReadOnlyAdmins": gid}}));
    let found = everything_as(&host, uid, gid);
    expect(
        &found,
        &[
            "Export-CsConfiguration",
            "Import-CsConfiguration",
            "Publish-CsTopology",
            "LocalStore",
            "status",
        ],
        &["Get-CsAdminRole", "Get-CsAdminRoleAssignment"],
    );
    // The group id of the process says nothing; the account's membership does.
    let found = everything_as(&host, STRANGER, gid);
    expect(&found, CMDLETS.as_slice(), &["ping"]);
    drop(host);

    let (_home, host) = system(json!({"owner": null, "members": {"daemon": ["CsHelpDesk"]}}));
    let found = everything_as(&host, uid, gid);
    expect(
        &found,
        &[
            "Export-CsConfiguration",
            "Import-CsConfiguration",
            "LocalStore",
        ],
        &["Get-CsAdminRole"],
    );
    drop(host);

    let (_home, host) =
        system(json!({"owner": null, "members": {"daemon": ["RTCUniversalServerAdmins"]}}));
    let found = everything_as(&host, uid, gid);
    // The local store needs a right on the machine as well.
    expect(
        &found,
        &["LocalStore"],
        &["Export-CsConfiguration", "Import-CsConfiguration", "status"],
    );
}

#[test]
fn nobody_is_nobody_even_as_a_member_or_owner() {
    if !is_root("nobody_is_nobody_even_as_a_member_or_owner") {
        return;
    }
    let settings = json!({"owner": {"uid": 65534}, "groups": {"RTCUniversalServerAdmins": 65534}, "members": {"nobody": ["CSAdministrator"]}});
    let (_home, host) = system(settings);
    let found = everything_as(&host, 65534, 65534);
    expect(&found, CMDLETS.as_slice(), &["ping"]);
}

#[test]
fn another_account_cannot_even_reach_an_embedded_service() {
    if !is_root("another_account_cannot_even_reach_an_embedded_service") {
        return;
    }
    let home = Home::new(env!("CARGO_BIN_EXE_csvault"));
    home.open_the_way();
    let pipe = home.beside("p.sock");
    let host = home.start_with(&["--pipe", pipe.to_str().unwrap()]);
    assert_eq!(pipe.metadata().unwrap().mode() & 0o777, 0o600);
    let environment = [
        ("CSVAULT_PIPE", pipe.as_os_str()),
        ("CSVAULT_PIPE_OWNER", "root".as_ref()),
    ];
    let output = home.output_as(STRANGER, &["status"], &environment);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(said(&output).contains("Permission denied"), "{output:?}");
    assert!(host.client().is_served());
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_client_says_nothing_to_a_service_of_another_account() {
    if !is_root("a_client_says_nothing_to_a_service_of_another_account") {
        return;
    }
    let home = Home::new(env!("CARGO_BIN_EXE_csvault"));
    home.open_the_way();
    let pipe = home.beside("fake.sock");
    let listener = UnixListener::bind(&pipe).unwrap();
    std::fs::set_permissions(&pipe, PermissionsExt::from_mode(0o666)).unwrap();
    let asks = |pipe: &Path, owner: Option<&str>| {
        let mut environment = vec![("CSVAULT_PIPE", pipe.as_os_str())];
        environment.extend(owner.map(|owner| ("CSVAULT_PIPE_OWNER", owner.as_ref())));
        let output = home.output_as(STRANGER, &["run", "Get-CsAdminRole"], &environment);
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        said(&output)
    };
    // A socket file of root, where the client expects its own account.
    let text = asks(&pipe, None);
    assert!(
        text.contains("HostNotTrusted") && text.contains("uid 0"),
        "{text}"
    );
    // The file has the right owner, and who listens there has not.
    chown(&pipe, Some(STRANGER), Some(STRANGER)).unwrap();
    let text = asks(&pipe, None);
    assert!(
        text.contains("HostNotTrusted") && text.contains("who listens there"),
        "{text}"
    );
    // Whoever connected sent nothing.
    listener.set_nonblocking(true).unwrap();
    while let Ok((mut stream, _)) = listener.accept() {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut stream, &mut bytes).unwrap();
        assert!(bytes.is_empty(), "{bytes:?}");
    }
    let text = asks(&home.beside("none.sock"), None);
    assert!(text.contains("HostUnavailable"), "{text}");
    let text = asks(&pipe, Some("no such account"));
    assert!(text.contains("no such account"), "{text}");
}

#[test]
fn homes_and_sockets_of_other_accounts_are_refused() {
    if !is_root("homes_and_sockets_of_other_accounts_are_refused") {
        return;
    }
    let home = Home::new(env!("CARGO_BIN_EXE_csvault"));
    home.settings(json!({}));
    chown(home.path(), Some(STRANGER), Some(STRANGER)).unwrap();
    let text = home.try_start(&[]).unwrap_err();
    assert!(text.contains(&format!("user id {STRANGER}")), "{text}");
    let client = home.command(&["run", "Get-CsAdminRole"]).output().unwrap();
    assert_eq!(client.status.code(), Some(3));
    assert!(said(&client).contains("HostNotTrusted"), "{client:?}");

    chown(home.path(), Some(0), Some(0)).unwrap();
    let pipe = home.beside("theirs.sock");
    drop(UnixListener::bind(&pipe).unwrap());
    chown(&pipe, Some(STRANGER), Some(STRANGER)).unwrap();
    let text = home
        .try_start(&["--pipe", pipe.to_str().unwrap()])
        .unwrap_err();
    assert!(text.contains("another account") && pipe.exists(), "{text}");
    let folder = home.beside("their folder");
    std::fs::create_dir(&folder).unwrap();
    chown(&folder, Some(STRANGER), None).unwrap();
    let inside = folder.join("p.sock");
    let text = home
        .try_start(&["--pipe", inside.to_str().unwrap()])
        .unwrap_err();
    assert!(text.contains(&format!("user id {STRANGER}")), "{text}");
    for name in ["settings.json", "audit.log", "lock"] {
        let home = Home::new(env!("CARGO_BIN_EXE_csvault"));
        drop(home.start());
        chown(home.path().join(name), Some(STRANGER), None).unwrap();
        let text = home.try_start(&[]).unwrap_err();
        assert!(text.contains("another account"), "{name}: {text}");
    }
}

#[test]
fn membership_counts_as_it_is_now_on_open_connections_too() {
    if !is_root("membership_counts_as_it_is_now_on_open_connections_too") {
        return;
    }
    // Root stands in for a member by its own primary group; the settings are read at the start, the machine's groups at each call.
    let gid = nix::unistd::User::from_uid(0.into())
        .unwrap()
        .unwrap()
        .gid
        .as_raw();
    let (_home, host) =
        system(json!({"owner": null, "groups": {"RTCUniversalReadOnlyAdmins": gid}}));
    let mut client = host.client();
    assert!(
        client
            .invoke("Get-CsAdminRole", json!({}))
            .0
            .get("result")
            .is_some()
    );
    assert_eq!(
        error_id(&client.invoke("Export-CsConfiguration", json!({})).0),
        "AccessDenied"
    );
}
