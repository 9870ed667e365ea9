//! The package that a store was made equal to last is known by its hash, and not read again.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use cs_contract::{ErrorId, Record};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use support::{Heard, Scene, member_of, owner};

fn package() -> Vec<u8> {
    include_bytes!("../../../tests/fixtures/litware/config.zip").to_vec()
}

/// An import of bytes that are said to be the package: a fault when they are read, and the records when they are not.
fn said_to_be_known(
    scene: &Scene,
    parameters: &Value,
    what_if: bool,
) -> Result<Vec<Record>, ErrorId> {
    let heard = Heard {
        input: Some(b"no package".to_vec()),
        hash: Some(Sha256::digest(package()).into()),
        what_if,
        ..Heard::default()
    };
    let (outcome, heard) = scene.call_with(&owner(), "Import-CsConfiguration", parameters, heard);
    match heard.error(&outcome) {
        Some(id) => Err(id),
        None => {
            assert_eq!(outcome.unwrap().version, None);
            Ok(heard.records)
        }
    }
}

fn imported(scene: &Scene, parameters: &Value) -> (Option<u64>, Vec<Record>) {
    let heard = Heard {
        input: Some(package()),
        ..Heard::default()
    };
    let (outcome, heard) = scene.call_with(&owner(), "Import-CsConfiguration", parameters, heard);
    (outcome.unwrap().version, heard.records)
}

const NOT_READ_BEFORE: Result<Vec<Record>, ErrorId> = Err(ErrorId::PackageDamaged);

#[test]
fn a_known_package_is_not_read_again_and_says_what_it_said() {
    for parameters in [
        json!({}),
        json!({"LocalStore": true}),
        json!({"Force": true}),
    ] {
        let scene = Scene::new();
        assert_eq!(
            said_to_be_known(&scene, &parameters, false),
            NOT_READ_BEFORE
        );
        let (version, first) = imported(&scene, &parameters);
        assert_eq!(version, Some(2));
        let again = said_to_be_known(&scene, &parameters, false).unwrap();
        assert_eq!(again.len(), first.len(), "{parameters}");
        let (last, warnings) = again.split_last().unwrap();
        assert_eq!(warnings, first.split_last().unwrap().1, "{parameters}");
        assert!(
            matches!(last, Record::Verbose { text } if text.ends_with("already; version 2 stays.")),
            "{last:?}"
        );
        // A plan is how a package is checked, and the other store knows nothing of it.
        assert_eq!(said_to_be_known(&scene, &parameters, true), NOT_READ_BEFORE);
        let other = json!({"LocalStore": parameters.get("LocalStore").is_none()});
        assert_eq!(said_to_be_known(&scene, &other, false), NOT_READ_BEFORE);
    }
}

#[test]
fn after_another_change_a_known_package_is_read_and_comes_back() {
    let scene = Scene::new();
    imported(&scene, &json!({}));
    scene.group("Operators", None);
    let role = json!({"Identity": "Operators", "Template": "CSHelpDesk", "Force": true});
    let (made, _) = scene.call(&owner(), "New-CsAdminRole", &role);
    assert_eq!(made.unwrap().version, Some(3));
    assert_eq!(said_to_be_known(&scene, &json!({}), false), NOT_READ_BEFORE);
    assert_eq!(imported(&scene, &json!({})).0, Some(4));
    assert!(said_to_be_known(&scene, &json!({}), false).is_ok());
}

#[test]
fn whoever_lost_the_right_meanwhile_does_not_import_a_known_package() {
    let scene = Scene::new();
    imported(&scene, &json!({}));
    let heard = Heard {
        input: Some(package()),
        later: Some(Arc::new(member_of(&[]))),
        ..Heard::default()
    };
    let (outcome, heard) = scene.call_with(&owner(), "Import-CsConfiguration", &json!({}), heard);
    assert_eq!(heard.error(&outcome), Some(ErrorId::AccessDenied));
}
