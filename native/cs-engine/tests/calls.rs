//! How calls end: stopped before their commit or not at all, repeated with their key, and refused for what the protocol does not allow.
#![expect(
    clippy::indexing_slicing,
    reason = "helpers of tests stop at the first surprise"
)]

mod support;

use cs_contract::{ErrorId, ErrorReport, InvokeResult};
use cs_store::Store;
use serde_json::{Value, json};
use support::{Goes, Heard, Scene, owner};

/// The topology of the sample deployment with a site of another name.
fn topology(site: &str) -> Vec<u8> {
    let text = include_str!("../../../tests/fixtures/litware/topology.xml");
    text.replacen("<Name>Redmond</Name>", &format!("<Name>{site}</Name>"), 1)
        .into_bytes()
}

fn package() -> Vec<u8> {
    include_bytes!("../../../tests/fixtures/litware/config.zip").to_vec()
}

/// A call of each way to change something: cmdlet, parameters, input.
fn changes() -> Vec<(&'static str, Value, Option<Vec<u8>>)> {
    vec![
        (
            "New-CsAdminRole",
            json!({"Identity": "Operators", "Template": "CSHelpDesk", "Force": true}),
            None,
        ),
        (
            "Set-CsAdminRole",
            json!({"Identity": "Operators", "Cmdlets": {"Remove": ["Get-CsUser"]}, "Force": true}),
            None,
        ),
        ("Publish-CsTopology", json!({}), Some(topology("Redmond"))),
        ("Remove-CsAdminRole", json!({"Identity": "Operators"}), None),
        ("Import-CsConfiguration", json!({}), Some(package())),
    ]
}

#[test]
fn a_call_is_stopped_before_its_commit_or_not_at_all() {
    let scene = Scene::new();
    scene.group("Operators", None);
    for (cmdlet, parameters, input) in changes() {
        let before = scene.central.version();
        for goes in [Goes::BeforeTheCommit, Goes::AfterIt] {
            let heard = Heard {
                input: input.clone(),
                goes: Some(goes),
                ..Heard::default()
            };
            let (outcome, heard) = scene.call_with(&owner(), cmdlet, &parameters, heard);
            let lines = scene.audit.0.lock().unwrap();
            let said = lines.last().unwrap().result;
            if goes == Goes::BeforeTheCommit {
                assert_eq!(heard.error(&outcome), Some(ErrorId::CallCancelled));
                assert_eq!((scene.central.version(), said), (before, "failed"));
            } else {
                assert_eq!(outcome.unwrap().version, Some(before.0 + 1), "{cmdlet}");
                assert_eq!((scene.central.version().0, said), (before.0 + 1, "done"));
            }
        }
    }
}

type Outcome = Result<InvokeResult, ErrorReport>;

fn keyed(
    scene: &Scene,
    cmdlet: &str,
    parameters: &Value,
    input: Option<&[u8]>,
    key: &'static str,
) -> (Outcome, Heard) {
    let heard = Heard {
        input: input.map(<[u8]>::to_vec),
        key: Some(key),
        ..Heard::default()
    };
    scene.call_with(&owner(), cmdlet, parameters, heard)
}

#[test]
fn a_key_stands_for_one_call_and_all_that_it_was_asked_for_with() {
    const KEYS: [&str; 5] = ["key-0001", "key-0002", "key-0003", "key-0004", "key-0005"];
    let scene = Scene::new();
    scene.group("Operators", None);
    let versions = || {
        let local = &scene.local;
        (scene.central.version(), local.version())
    };
    for ((cmdlet, parameters, input), key) in changes().into_iter().zip(KEYS) {
        let (first, _) = keyed(&scene, cmdlet, &parameters, input.as_deref(), key);
        let first = first.unwrap();
        assert!(first.version.is_some() && !first.repeated, "{cmdlet}");
        let before = versions();
        // A switch that is off says nothing.
        let mut said_otherwise = parameters.clone();
        match cmdlet {
            "New-CsAdminRole" => said_otherwise["InMemory"] = json!(false),
            "Publish-CsTopology" | "Import-CsConfiguration" => {
                said_otherwise["Force"] = json!(false)
            }
            _ => {}
        }
        for parameters in [&parameters, &said_otherwise] {
            let (again, heard) = keyed(&scene, cmdlet, parameters, input.as_deref(), key);
            assert_eq!(heard.error(&again), None, "{cmdlet} {parameters}");
            let again = again.unwrap();
            assert_eq!((again.version, again.repeated), (first.version, true));
        }
        let mut others = vec![(cmdlet, changed(cmdlet, &parameters), input.clone())];
        match &input {
            Some(bytes) => {
                let more = [bytes.as_slice(), b" "].concat();
                others.push((cmdlet, parameters.clone(), Some(more)));
            }
            None => others.push(("Update-CsAdminRole", json!({}), None)),
        }
        if cmdlet == "Import-CsConfiguration" {
            others.push((cmdlet, json!({"LocalStore": true}), input.clone()));
        }
        for (cmdlet, parameters, input) in others {
            let (outcome, _) = keyed(&scene, cmdlet, &parameters, input.as_deref(), key);
            let id = outcome.map_err(|report| report.id);
            assert_eq!(id, Err(ErrorId::KeyReused), "{cmdlet} {parameters}");
        }
        assert_eq!(versions(), before, "{cmdlet}");
    }
}

/// The parameters of another call of the same cmdlet.
fn changed(cmdlet: &str, parameters: &Value) -> Value {
    let mut changed = parameters.clone();
    match cmdlet {
        "New-CsAdminRole" => changed["Template"] = json!("CSAdministrator"),
        "Set-CsAdminRole" => changed["Cmdlets"] = json!({"Add": ["Get-CsUser"]}),
        "Remove-CsAdminRole" => changed["Identity"] = json!("Others"),
        _ => changed["Force"] = json!(true),
    }
    changed
}

#[test]
fn a_call_that_found_nothing_to_change_is_remembered_as_well() {
    let scene = Scene::new();
    let (first, _) = keyed(
        &scene,
        "Import-CsConfiguration",
        &json!({}),
        Some(&package()),
        "key-0001",
    );
    assert!(first.unwrap().version.is_some());
    scene.group("Operators", None);
    scene.role("Operators", "CSHelpDesk", &["Get-CsUser"], &[], &[]);
    let before = scene.central.version();
    let calls = [
        (
            "Publish-CsTopology",
            json!({}),
            Some(topology("Redmond")),
            "key-0002",
        ),
        (
            "Set-CsAdminRole",
            json!({"Identity": "Operators", "Cmdlets": ["Get-CsUser"]}),
            None,
            "key-0003",
        ),
    ];
    for (cmdlet, parameters, input, key) in &calls {
        for repeated in [false, true] {
            let (outcome, _) = keyed(&scene, cmdlet, parameters, input.as_deref(), key);
            let outcome = outcome.unwrap();
            assert_eq!(
                (outcome.version, outcome.repeated),
                (None, repeated),
                "{cmdlet}"
            );
        }
        let other = changed(cmdlet, parameters);
        let (outcome, _) = keyed(&scene, cmdlet, &other, input.as_deref(), key);
        assert_eq!(outcome.unwrap_err().id, ErrorId::KeyReused);
    }
    assert_eq!(scene.central.version(), before);
}

#[test]
fn calls_with_one_key_run_one_after_the_other() {
    let scene = Scene::new();
    scene.group("Operators", None);
    let (cmdlet, parameters, _) = changes().remove(0);
    let before = scene.central.version().0;
    let outcomes: Vec<InvokeResult> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let (outcome, heard) = keyed(&scene, cmdlet, &parameters, None, "key-0001");
                    assert_eq!(heard.error(&outcome), None);
                    outcome.unwrap()
                })
            })
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert!(
        outcomes
            .iter()
            .all(|result| result.version == Some(before + 1))
    );
    assert_eq!(outcomes.iter().filter(|result| !result.repeated).count(), 1);
}

#[test]
fn what_a_call_cannot_use_is_refused() {
    let scene = Scene::new();
    let (new, import) = ("New-CsAdminRole", "Import-CsConfiguration");
    let role = json!({"Identity": "Operators", "Template": "CSHelpDesk", "Force": true});
    let long: &'static str = "x".repeat(65).leak();
    let none = || json!({});
    let cases = [
        ("Get-CsAdminRole", none(), Some("short"), None, false),
        ("Get-CsAdminRole", none(), Some(long), None, false),
        ("Get-CsAdminRole", none(), Some("with blanks"), None, false),
        ("Get-CsAdminRole", none(), None, Some(Vec::new()), false),
        ("Get-CsAdminRole", Value::Null, None, None, false),
        (new, role.clone(), Some("short"), None, false),
        (new, role.clone(), None, Some(Vec::new()), false),
        (new, role, Some("key-0001"), None, true),
        (import, none(), Some("key-0001"), Some(package()), true),
    ];
    let before = scene.central.version();
    for (cmdlet, parameters, key, input, what_if) in cases {
        let what = format!("{cmdlet} {parameters} {key:?}");
        let heard = Heard {
            key,
            input,
            what_if,
            ..Heard::default()
        };
        let (outcome, _) = scene.call_with(&owner(), cmdlet, &parameters, heard);
        assert_eq!(outcome.unwrap_err().id, ErrorId::ParameterInvalid, "{what}");
    }
    let good = Heard {
        key: Some("key-0001"),
        ..Heard::default()
    };
    assert!(
        scene
            .call_with(&owner(), "Get-CsAdminRole", &json!({}), good)
            .0
            .is_ok()
    );
    assert_eq!(scene.central.version(), before);
}
