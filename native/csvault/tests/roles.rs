//! Several people of one machine share one service; each can do what their groups and roles allow, as they are at that moment.
#![cfg(unix)]
#![expect(clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::time::{Duration, Instant};

use cs_testkit::{Accounts, ClientAs, Home, Host, RawClient, client_as};
use serde_json::{Value, json};

/// See `identity.rs`.
const WITHIN: Duration = Duration::from_secs(6);

#[test]
#[ignore = "another account's end of a connection"]
fn relay() {
    cs_testkit::relay();
}

/// A service for all accounts, whose server administrators are the members of one group.
struct Scene {
    home: Home,
    host: Host,
}

impl Scene {
    fn new(admins: u32) -> Self {
        let home = Home::new(env!("CARGO_BIN_EXE_csvault"));
        home.open_the_way();
        home.settings(json!({"owner": null, "groups": {"RTCUniversalServerAdmins": admins}}));
        let host = home.start_with(&["--system"]);
        Self { home, host }
    }

    fn client(&self, uid: u32) -> ClientAs {
        let mut client = client_as(self.host.pipe(), uid);
        client.hello();
        client
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("audit.log")).unwrap_or_default()
    }
}

/// The id of the error that a call came to, ended by it or not.
fn error(client: &mut RawClient, cmdlet: &str, parameters: Value) -> Option<String> {
    let (answer, records) = client.invoke(cmdlet, parameters);
    let in_records = records.iter().find_map(|record| {
        let error = &record["error"]["id"];
        error.as_str().map(str::to_owned)
    });
    let ended = answer["error"]["data"]["id"].as_str().map(str::to_owned);
    ended.or(in_records)
}

fn until(client: &mut RawClient, cmdlet: &str, expected: Option<&str>) {
    let start = Instant::now();
    while error(client, cmdlet, json!({})).as_deref() != expected {
        assert!(
            start.elapsed() < WITHIN,
            "{cmdlet} is not {expected:?} within {WITHIN:?}"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_custom_role_lets_its_group_in_until_it_is_taken_away() {
    let Some(mut accounts) =
        Accounts::new("a_custom_role_lets_its_group_in_until_it_is_taken_away")
    else {
        return;
    };
    let admins = accounts.group("Admins");
    accounts.group("Operators");
    accounts.group("Others");
    let admin = accounts.user("ann", "Admins", &[]);
    let operator = accounts.user("olaf", "Others", &["Operators"]);
    let other = accounts.user("otto", "Others", &[]);
    let scene = Scene::new(admins);
    let role = accounts.name("Operators");
    let (mut ann, mut olaf, mut otto) = (
        scene.client(admin),
        scene.client(operator),
        scene.client(other),
    );

    let denied = Some("AccessDenied".to_owned());
    let make = json!({"Identity": role, "Template": "CSHelpDesk", "Cmdlets": ["Get-CsTopology"]});
    assert_eq!(error(&mut olaf, "New-CsAdminRole", make.clone()), denied);
    assert_eq!(error(&mut olaf, "Get-CsTopology", json!({})), denied);
    assert_eq!(error(&mut ann, "New-CsAdminRole", make), None);
    // At once, on the connection that is open: the next call finds the new roles.
    assert_eq!(error(&mut olaf, "Get-CsTopology", json!({})), None);
    assert_eq!(error(&mut otto, "Get-CsTopology", json!({})), denied);
    assert_eq!(
        error(&mut olaf, "Export-CsConfiguration", json!({})),
        denied
    );
    let edit = json!({"Identity": role, "Cmdlets": {"Add": ["Export-CsConfiguration"]}});
    assert_eq!(error(&mut ann, "Set-CsAdminRole", edit), None);
    assert_eq!(error(&mut olaf, "Export-CsConfiguration", json!({})), None);
    // A role for one site is not enough for the whole.
    let edit = json!({"Identity": role, "ConfigScopes": ["site:1"]});
    assert_eq!(error(&mut ann, "Set-CsAdminRole", edit), None);
    assert_eq!(
        error(&mut olaf, "Export-CsConfiguration", json!({})),
        denied
    );
    let edit = json!({"Identity": role, "ConfigScopes": ["global"]});
    assert_eq!(error(&mut ann, "Set-CsAdminRole", edit), None);
    assert_eq!(error(&mut olaf, "Export-CsConfiguration", json!({})), None);

    accounts.leave("olaf", "Operators");
    until(&mut olaf, "Export-CsConfiguration", Some("AccessDenied"));
    accounts.join("olaf", "Operators");
    until(&mut olaf, "Export-CsConfiguration", None);
    assert_eq!(
        error(&mut ann, "Remove-CsAdminRole", json!({"Identity": role})),
        None
    );
    assert_eq!(
        error(&mut olaf, "Export-CsConfiguration", json!({})),
        denied
    );
    // The same words without a member of the group are nobody's.
    let (answer, _) = ann.invoke(
        "Test-CsAdminAccess",
        json!({"Cmdlet": "Export-CsConfiguration", "User": accounts.name("olaf")}),
    );
    assert!(answer["result"].is_object(), "{answer}");
    let log = scene.log();
    for line in [
        format!("add role {role}: from the template CSHelpDesk; 1 cmdlet"),
        format!("change role {role}: Cmdlets +Export-CsConfiguration"),
        format!("remove role {role}"),
    ] {
        assert!(
            log.matches(&line).count() >= 2,
            "before and after the change: {line}"
        );
    }
    assert!(log.contains(&format!("{} (uid {admin})", accounts.name("ann"))));
}

#[test]
fn a_group_that_is_made_anew_or_renamed_is_no_member() {
    let Some(mut accounts) = Accounts::new("a_group_that_is_made_anew_or_renamed_is_no_member")
    else {
        return;
    };
    let admins = accounts.group("Admins");
    let first = accounts.group("Operators");
    accounts.group("Others");
    let admin = accounts.user("ann", "Admins", &[]);
    let operator = accounts.user("olaf", "Others", &["Operators"]);
    let scene = Scene::new(admins);
    let role = accounts.name("Operators");
    let (mut ann, mut olaf) = (scene.client(admin), scene.client(operator));
    let make = json!({"Identity": role, "Template": "CSHelpDesk", "Cmdlets": ["Get-CsTopology"]});
    assert_eq!(error(&mut ann, "New-CsAdminRole", make), None);
    until(&mut olaf, "Get-CsTopology", None);
    accounts.rename_group("Operators", "Elsewhere");
    until(&mut olaf, "Get-CsTopology", Some("AccessDenied"));
    accounts.rename_group("Elsewhere", "Operators");
    until(&mut olaf, "Get-CsTopology", None);

    accounts.remove_group("Operators");
    accounts.group_with_id("Operators", first + 100_000);
    accounts.join("olaf", "Operators");
    until(&mut olaf, "Get-CsTopology", Some("AccessDenied"));
    // It stays so, until an administrator says that this is the group.
    std::thread::sleep(Duration::from_millis(2_500));
    until(&mut olaf, "Get-CsTopology", Some("AccessDenied"));
    let (answer, records) = ann.invoke(
        "Test-CsAdminAccess",
        json!({"Cmdlet": "Get-CsTopology", "User": accounts.name("olaf")}),
    );
    assert!(answer["result"].is_object(), "{answer}");
    let mut values = records.iter().map(|record| &record["values"][0]);
    let found = values.find(|value| value.is_object());
    assert_eq!(
        found.map(|value| &value["IsAllowed"]),
        Some(&json!(false)),
        "{records:?}"
    );
    assert_eq!(
        error(&mut ann, "Set-CsAdminRole", json!({"Identity": role})),
        None
    );
    until(&mut olaf, "Get-CsTopology", None);
}

#[test]
fn names_that_look_like_a_role_s_make_nobody_a_member() {
    let Some(mut accounts) = Accounts::new("names_that_look_like_a_role_s_make_nobody_a_member")
    else {
        return;
    };
    let admins = accounts.group("Admins");
    accounts.group("Operators");
    accounts.group("Operators2");
    accounts.group("perators");
    let admin = accounts.user("ann", "Admins", &[]);
    // A user whose name is the role's, and users of groups whose names are nearly so.
    let named = accounts.user("Operators", "perators", &[]);
    let near = accounts.user("nina", "Operators2", &["perators"]);
    let scene = Scene::new(admins);
    let role = accounts.name("Operators");
    let make = json!({"Identity": role, "Template": "CSHelpDesk", "Cmdlets": ["Get-CsTopology"]});
    assert_eq!(
        error(&mut scene.client(admin), "New-CsAdminRole", make),
        None
    );
    for uid in [named, near] {
        assert_eq!(
            error(&mut scene.client(uid), "Get-CsTopology", json!({})),
            Some("AccessDenied".to_owned())
        );
    }
}

#[test]
fn two_who_change_roles_at_once_both_succeed_or_are_told() {
    let Some(mut accounts) = Accounts::new("two_who_change_roles_at_once_both_succeed_or_are_told")
    else {
        return;
    };
    let admins = accounts.group("Admins");
    for name in ["One", "Two", "Three", "Four"] {
        accounts.group(name);
    }
    let people = [
        accounts.user("ann", "Admins", &[]),
        accounts.user("bob", "Admins", &[]),
    ];
    let scene = Scene::new(admins);
    let names = ["One", "Two", "Three", "Four"].map(|name| accounts.name(name));
    std::thread::scope(|threads| {
        for (place, uid) in people.into_iter().enumerate() {
            let (scene, mine) = (
                &scene,
                [names[place * 2].clone(), names[place * 2 + 1].clone()],
            );
            threads.spawn(move || {
                let mut client = scene.client(uid);
                for round in 0..8 {
                    for name in &mine {
                        let make = json!({"Identity": name, "Template": "CSHelpDesk", "Cmdlets": ["Get-CsUser"]});
                        assert_eq!(error(&mut client, "New-CsAdminRole", make), None, "{name} in round {round}");
                    }
                    if round < 7 {
                        for name in &mine {
                            assert_eq!(error(&mut client, "Remove-CsAdminRole", json!({"Identity": name})), None);
                        }
                    }
                }
            });
        }
    });
    let (_, records) = scene.client(people[0]).invoke("Get-CsAdminRole", json!({}));
    let text = Value::Array(records).to_string();
    for name in &names {
        assert!(text.contains(name.as_str()), "{name} is lost");
    }
}
