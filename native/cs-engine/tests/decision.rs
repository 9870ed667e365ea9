//! An error while deciding denies, and leaves a line that says so.
mod support;

use cs_archive::PackageEvent;
use cs_contract::ErrorId;
use serde_json::json;
use support::{Scene, member_of, owner};

#[test]
fn roles_that_cannot_be_read_deny_everybody_but_the_owner() {
    // A roles document that says what no roles document may.
    let scene = Scene::with(|content| {
        for event in content {
            if let PackageEvent::ItemChunk(chunk) = event {
                let text = String::from_utf8(chunk.clone()).unwrap();
                *chunk = text
                    .replace("IsStandardRole=\"true\"", "IsStandardRole=\"yes!\"")
                    .into();
            }
        }
    });
    let administrator = member_of(&["RTCUniversalServerAdmins"]);
    for cmdlet in [
        "Export-CsConfiguration",
        "Get-CsTopology",
        "Get-CsAdminRole",
    ] {
        let (outcome, heard) = scene.call(&administrator, cmdlet, &json!({}));
        assert_eq!(outcome.unwrap_err().id, ErrorId::XmlInvalid, "{cmdlet}");
        assert!(
            heard.records.is_empty() && heard.bytes.is_empty(),
            "{cmdlet}"
        );
        let line = scene.audit.0.lock().unwrap().pop().unwrap();
        assert_eq!((line.result, line.cmdlet.as_str()), ("denied", cmdlet));
    }
    let (outcome, heard) = scene.call(&owner(), "Export-CsConfiguration", &json!({}));
    outcome.unwrap();
    assert!(!heard.bytes.is_empty());
}
