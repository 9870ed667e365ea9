//! Every cmdlet as every predefined role and copies of it with smaller scopes, as each group, and as nobody: what the engine decides is
//! what `tests/golden/role-matrix.txt` says, which administrators can read.
mod support;

use std::collections::BTreeSet;

use cs_contract::{Effect, ErrorId};
use cs_rbac::Caller;
use serde_json::json;
use support::{Scene, member_of};

const GROUPS: [&str; 3] = [
    "RTCUniversalServerAdmins",
    "RTCUniversalUserAdmins",
    "RTCUniversalReadOnlyAdmins",
];

/// (cmdlet, principal, scope) of everything that is allowed.
type Matrix = BTreeSet<(String, String, String)>;

/// The golden file, read as an administrator reads it.
fn golden() -> Matrix {
    let text = include_str!("../../../tests/golden/role-matrix.txt");
    let mut matrix = Matrix::new();
    let mut cmdlet = String::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["#", ..] | [] => {}
            ["group", name, ..] => {
                matrix.insert((cmdlet.clone(), (*name).to_owned(), "Global".to_owned()));
            }
            ["role", name, scopes @ ..] => {
                for scope in scopes.iter().filter(|scope| **scope != "-") {
                    matrix.insert((cmdlet.clone(), (*name).to_owned(), (*scope).to_owned()));
                }
            }
            [name, ..] => cmdlet = (*name).to_owned(),
        }
    }
    matrix
}

/// What the engine says when a caller calls a cmdlet without parameters: all but the access is wrong or missing then, on purpose.
fn is_let_in(scene: &Scene, caller: &Caller, cmdlet: &str) -> bool {
    scene.error(caller, cmdlet, &json!({})) != Some(ErrorId::AccessDenied)
}

#[test]
fn the_engine_decides_as_the_golden_matrix_says() {
    let scene = Scene::new();
    let copy = |role: &str, scope: &str| format!("{role}.{scope}");
    let roles: Vec<&str> = cs_contract::roles()
        .roles
        .iter()
        .map(|role| role.identity.as_str())
        .collect();
    for role in &roles {
        scene.role(&copy(role, "site"), role, &[], &["site:1"], &[]);
        scene.role(
            &copy(role, "OU"),
            role,
            &[],
            &[],
            &["OU:dc=litwareinc,dc=com"],
        );
    }
    let mut found = Matrix::new();
    let mut asked = 0;
    for manifest in cs_contract::cmdlets() {
        let name = manifest.name();
        let mut ask = |principal: &str, scope: &str, group: &str| {
            asked += 1;
            if is_let_in(&scene, &member_of(&[group]), &name) {
                found.insert((name.clone(), principal.to_owned(), scope.to_owned()));
            }
        };
        for group in GROUPS {
            ask(group, "Global", group);
        }
        for role in &roles {
            ask(role, "Global", role);
            ask(role, "site", &copy(role, "site"));
            ask(role, "OU", &copy(role, "OU"));
        }
        for nobody in [member_of(&[]), member_of(&["Everyone", "root", ""])] {
            assert!(!is_let_in(&scene, &nobody, &name), "{name} lets nobody in");
        }
        let unknown = Caller {
            member_of: None,
            ..member_of(&[])
        };
        assert!(
            !is_let_in(&scene, &unknown, &name),
            "{name} lets unknown callers in"
        );
    }
    let expected = golden();
    let (extra, missing): (Vec<_>, Vec<_>) = (
        found.difference(&expected).collect(),
        expected.difference(&found).collect(),
    );
    assert!(
        extra.is_empty() && missing.is_empty(),
        "let in and not listed: {extra:?}; listed and denied: {missing:?}"
    );
    assert_eq!(
        asked,
        cs_contract::cmdlets().len() * (GROUPS.len() + 3 * roles.len())
    );
}

#[test]
fn nothing_changed_and_every_refusal_left_a_line() {
    use cs_store::Store;

    let scene = Scene::new();
    let before = scene.central.version();
    for manifest in cs_contract::cmdlets() {
        let name = manifest.name();
        assert!(!is_let_in(&scene, &member_of(&["CsNobody"]), &name));
        let lines = scene.audit.0.lock().unwrap();
        let last = lines.last().unwrap();
        assert_eq!(
            (last.cmdlet.as_str(), last.result),
            (name.as_str(), "denied")
        );
        assert!(
            last.detail.contains(&name) && last.principal.contains("CsNobody"),
            "{last:?}"
        );
    }
    assert_eq!(scene.central.version(), before);
}

#[test]
fn names_that_are_no_cmdlet_are_denied_whoever_asks() {
    let scene = Scene::new();
    for name in [
        "Get-CsNothing",
        "",
        "Get-Cs*",
        "CsVault\\Get-CsAdminRole",
        "Get\u{2011}CsAdminRole",
        "Get-CsAdminRole ",
        "Get-CsAdminRole\0",
        "Set-CsUser",
    ] {
        let error = scene.error(&support::owner(), name, &json!({}));
        assert_eq!(error, Some(ErrorId::CmdletUnknown), "{name:?}");
    }
    // The case of a name is no trick.
    assert_eq!(
        scene.error(&support::owner(), "get-csadminrole", &json!({})),
        None
    );
}

/// Whoever may only look is let into nothing that changes or exports. The list of exceptions may only become shorter.
#[test]
fn groups_and_roles_that_look_change_nothing() {
    const EXCEPTIONS: [&str; 0] = [];
    for (cmdlet, principal, _) in golden() {
        let looks = [
            "RTCUniversalReadOnlyAdmins",
            "CSViewOnlyAdministrator",
            "CSHelpDesk",
        ];
        let manifest = cs_contract::cmdlets()
            .iter()
            .find(|manifest| manifest.name() == cmdlet);
        let effect = manifest.unwrap().access.effect;
        let allowed = !looks.contains(&principal.as_str()) || effect == Effect::Read;
        assert!(
            allowed || EXCEPTIONS.contains(&cmdlet.as_str()),
            "{principal} may run {cmdlet}"
        );
    }
}
