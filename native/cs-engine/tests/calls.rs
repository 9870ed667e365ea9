//! How calls end: stopped before their commit or not at all, repeated with their key, and refused for what the protocol does not allow.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests stop at the first surprise"
)]

mod support;

use cs_contract::ErrorId;
use cs_store::Store;
use serde_json::{Value, json};
use support::{Goes, Heard, Scene, owner};

/// The topology of the sample deployment with a site of another name.
fn topology(site: &str) -> Vec<u8> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/litware/topology.xml"
    );
    let text = std::fs::read_to_string(path).unwrap();
    text.replacen("<Name>Redmond</Name>", &format!("<Name>{site}</Name>"), 1)
        .into_bytes()
}

fn package() -> Vec<u8> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/litware/config.zip"
    );
    std::fs::read(path).unwrap()
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
