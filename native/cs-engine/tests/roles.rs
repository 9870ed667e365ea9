//! Who may give what to whom: roles made by people who are no server administrators, roles that come with a package, roles that
//! change while a call runs.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::sync::Arc;

use cs_contract::{ErrorId, Record};
use cs_store::Store;
use serde_json::{Value, json};
use support::{Heard, Scene, member_of, owner};

fn export(scene: &Scene) -> Vec<u8> {
    let (outcome, heard) = scene.call(&owner(), "Export-CsConfiguration", &json!({}));
    outcome.unwrap();
    heard.bytes
}

fn import(
    scene: &Scene,
    caller: &cs_rbac::Caller,
    package: &[u8],
) -> (Option<ErrorId>, Vec<Record>) {
    let heard = Heard {
        input: Some(package.to_vec()),
        ..Heard::default()
    };
    let (outcome, heard) = scene.call_with(caller, "Import-CsConfiguration", &json!({}), heard);
    (heard.error(&outcome), heard.records)
}

/// The package with another text in its DocItemSet.xml.
fn edited(package: &[u8], edit: impl Fn(String) -> String) -> Vec<u8> {
    use cs_archive::{PackageEvent, PackageReader, ReadLimits};
    use std::io::{Seek, Write};

    let mut file = tempfile::tempfile().unwrap();
    file.write_all(package).unwrap();
    file.rewind().unwrap();
    // The parts as texts, in order.
    let mut reader = PackageReader::open(file, ReadLimits::default()).unwrap();
    let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
    while let Some(event) = reader.next().unwrap() {
        let mut push = |bytes: &[u8]| parts.last_mut().unwrap().1.extend_from_slice(bytes);
        match event {
            PackageEvent::Part { name, .. } => parts.push((name, Vec::new())),
            PackageEvent::Text(text) | PackageEvent::ItemChunk(text) => push(&text),
            PackageEvent::DocumentStart { head, .. } => push(&head),
            PackageEvent::ItemStart { lead } => push(&lead),
            PackageEvent::DocumentEnd { tail } => push(&tail),
            _ => {}
        }
    }
    stored_zip(
        parts
            .into_iter()
            .map(|(name, bytes)| {
                let text = String::from_utf8(bytes).unwrap();
                let text = if name == "DocItemSet.xml" {
                    edit(text)
                } else {
                    text
                };
                (name, text.into_bytes())
            })
            .collect(),
    )
}

/// A plain ZIP file of stored entries.
fn stored_zip(entries: Vec<(String, Vec<u8>)>) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    let count = u16::try_from(entries.len()).unwrap();
    for (name, bytes) in entries {
        let offset = u32::try_from(out.len()).unwrap();
        let length = u32::try_from(bytes.len()).unwrap();
        let mut head = Vec::new();
        for field in [20_u16, 0, 0, 0, 0x21] {
            head.extend_from_slice(&field.to_le_bytes());
        }
        head.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        head.extend_from_slice(&length.to_le_bytes());
        head.extend_from_slice(&length.to_le_bytes());
        head.extend_from_slice(&u16::try_from(name.len()).unwrap().to_le_bytes());
        head.extend_from_slice(&0_u16.to_le_bytes());
        out.extend_from_slice(b"PK\x03\x04");
        out.extend_from_slice(&head);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(&bytes);
        directory.extend_from_slice(b"PK\x01\x02\x14\x00");
        directory.extend_from_slice(&head);
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
    }
    let (offset, length) = (out.len(), directory.len());
    out.extend_from_slice(&directory);
    out.extend_from_slice(b"PK\x05\x06\x00\x00\x00\x00");
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
    out.extend_from_slice(&u32::try_from(offset).unwrap().to_le_bytes());
    out.extend_from_slice(&0_u16.to_le_bytes());
    out
}

const WRITERS: [&str; 4] = [
    "Get-CsUser",
    "New-CsAdminRole",
    "Set-CsAdminRole",
    "Remove-CsAdminRole",
];

#[test]
fn nobody_gives_more_than_they_hold() {
    let scene = Scene::new();
    scene.role("Delegates", "CSAdministrator", &WRITERS, &[], &[]);
    scene.role(
        "Redmond",
        "CSAdministrator",
        &WRITERS,
        &["site:1"],
        &["OU:dc=litwareinc,dc=com"],
    );
    for group in ["New1", "New2", "New3", "New4", "New5", "New6", "New7"] {
        scene.group(group, None);
    }
    let (delegate, redmond) = (member_of(&["Delegates"]), member_of(&["Redmond"]));
    let mut new = 0;
    let mut make = |caller: &cs_rbac::Caller, template: &str, extra: Value| {
        new += 1;
        let mut parameters =
            json!({"Identity": format!("New{new}"), "Template": template, "Force": true});
        for (name, value) in extra.as_object().unwrap() {
            parameters[name] = value.clone();
        }
        scene.error(caller, "New-CsAdminRole", &parameters)
    };
    let exceeded = Some(ErrorId::GrantExceeded);
    assert_eq!(
        make(&delegate, "CSHelpDesk", json!({})),
        exceeded,
        "more cmdlets"
    );
    assert_eq!(
        make(
            &delegate,
            "CSAdministrator",
            json!({"Cmdlets": ["Get-CsUser"]})
        ),
        None
    );
    assert_eq!(
        make(
            &delegate,
            "CSAdministrator",
            json!({"Cmdlets": ["Get-CsUser"], "ScriptModules": ["x.ps1"]})
        ),
        exceeded,
        "a script"
    );
    assert_eq!(
        make(
            &redmond,
            "CSAdministrator",
            json!({"Cmdlets": ["Get-CsUser"]})
        ),
        exceeded,
        "a wider scope"
    );
    let site = json!({"Cmdlets": ["Get-CsUser"], "ConfigScopes": ["site:1"], "UserScopes": ["OU:ou=a,dc=litwareinc,dc=com"]});
    assert_eq!(
        make(&redmond, "CSAdministrator", site.clone()),
        None,
        "the same site, fewer users"
    );
    let mut other = site.clone();
    other["ConfigScopes"] = json!(["site:2"]);
    assert_eq!(
        make(&redmond, "CSAdministrator", other),
        exceeded,
        "another site"
    );
    let mut other = site;
    other["UserScopes"] = json!(["OU:dc=com"]);
    assert_eq!(
        make(&redmond, "CSAdministrator", other),
        exceeded,
        "more users"
    );

    let set = |caller: &cs_rbac::Caller, role: &str, extra: Value| {
        let mut parameters = json!({"Identity": role, "Force": true});
        for (name, value) in extra.as_object().unwrap() {
            parameters[name] = value.clone();
        }
        scene.error(caller, "Set-CsAdminRole", &parameters)
    };
    // Their own role does not become more than it is, and one for everything is out of reach of a site's people.
    assert_eq!(
        set(
            &delegate,
            "Delegates",
            json!({"Cmdlets": {"Add": ["Import-CsConfiguration"]}})
        ),
        exceeded
    );
    assert_eq!(
        set(&redmond, "Redmond", json!({"ConfigScopes": ["global"]})),
        exceeded
    );
    assert_eq!(
        set(&redmond, "Delegates", json!({"Cmdlets": ["Get-CsUser"]})),
        exceeded
    );
    assert_eq!(
        scene.error(
            &redmond,
            "Remove-CsAdminRole",
            &json!({"Identity": "Delegates"})
        ),
        exceeded
    );
    // To take away, nothing must be held.
    assert_eq!(set(&redmond, "New5", json!({"Cmdlets": []})), None);
    scene.role("Rich", "CSHelpDesk", &[], &[], &[]);
    assert_eq!(
        set(
            &delegate,
            "Rich",
            json!({"Cmdlets": {"Remove": ["Get-CsUser"]}})
        ),
        None
    );
    assert_eq!(
        scene.error(
            &delegate,
            "Remove-CsAdminRole",
            &json!({"Identity": "Rich"})
        ),
        None
    );
    // Nobody outside is let in by what was tried.
    assert_eq!(
        scene.error(&member_of(&["New1"]), "Get-CsAdminRole", &json!({})),
        Some(ErrorId::AccessDenied)
    );
}

#[test]
fn a_role_is_tied_to_its_group_and_a_recycled_name_grants_nothing() {
    let scene = Scene::new();
    scene.group("Operators", Some("S-1-22-2-2001"));
    let parameters = json!({"Identity": "Operators", "Template": "CSHelpDesk"});
    assert_eq!(scene.error(&owner(), "New-CsAdminRole", &parameters), None);
    let in_group = |sid: &str| cs_rbac::Caller {
        member_of: Some(cs_rbac::Membership::new(vec![cs_rbac::Group {
            name: "operators".to_owned(),
            sid: Some(sid.to_owned()),
        }])),
        ..member_of(&[])
    };
    let may = |sid: &str| {
        scene
            .error(&in_group(sid), "Get-CsAdminRole", &json!({}))
            .is_none()
    };
    assert!(may("S-1-22-2-2001") && !may("S-1-22-2-2002"));
    // Whoever ties it to the new group gives its rights to other people, and so must hold them.
    scene.group("Operators", Some("S-1-22-2-2002"));
    scene.role("Delegates", "CSAdministrator", &WRITERS, &[], &[]);
    let tie = json!({"Identity": "Operators"});
    assert_eq!(
        scene.error(&member_of(&["Delegates"]), "Set-CsAdminRole", &tie),
        Some(ErrorId::GrantExceeded)
    );
    assert_eq!(scene.error(&owner(), "Set-CsAdminRole", &tie), None);
    assert!(!may("S-1-22-2-2001") && may("S-1-22-2-2002"));
}

#[test]
fn roles_in_a_package_need_the_right_to_write_roles() {
    let scene = Scene::new();
    scene.role(
        "Importers",
        "CSAdministrator",
        &["Import-CsConfiguration"],
        &[],
        &[],
    );
    let package = export(&scene);
    let importer = member_of(&["Importers"]);
    // The same roles are no change; a package that gives its importer more is refused, and nothing is changed.
    assert_eq!(import(&scene, &importer, &package).0, None);
    let before = scene.central.version();
    let greedy = edited(&package, |text| {
        let role = text.find("<Role Identity=\"Importers\"").unwrap();
        let at = role + text[role..].find("<Cmdlets>").unwrap() + "<Cmdlets>".len();
        format!(
            "{}<Cmdlet Name=\"Export-CsConfiguration\" />{}",
            &text[..at],
            &text[at..]
        )
    });
    assert_eq!(
        import(&scene, &importer, &greedy).0,
        Some(ErrorId::AccessDenied)
    );
    assert_eq!(scene.central.version(), before);
    let log_ends_as = |id: &str| {
        let lines = scene.audit.0.lock().unwrap();
        let last = lines.last().unwrap();
        assert!(
            last.result == "denied" && last.detail.starts_with(id),
            "{last:?}"
        );
    };
    log_ends_as("AccessDenied");
    // With the right to write roles, still nobody gives more than they hold.
    scene.role(
        "Restorers",
        "CSAdministrator",
        &["Import-CsConfiguration", "Set-CsAdminRole"],
        &[],
        &[],
    );
    let package = export(&scene);
    let greedy = edited(&package, |text| {
        text.replacen("<Cmdlet Name=\"Import-CsConfiguration\" /><Cmdlet Name=\"Set-CsAdminRole\" /></Cmdlets>", "<Cmdlet Name=\"Import-CsConfiguration\" /><Cmdlet Name=\"Set-CsAdminRole\" /><Cmdlet Name=\"Export-CsConfiguration\" /></Cmdlets>", 1)
    });
    assert_ne!(greedy, package);
    assert_eq!(
        import(&scene, &member_of(&["Restorers"]), &greedy).0,
        Some(ErrorId::GrantExceeded)
    );
    log_ends_as("GrantExceeded");
    // A server administrator may, and both the plan and the log tell what changes.
    let admin = member_of(&["RTCUniversalServerAdmins"]);
    let (outcome, heard) = {
        let raw = serde_json::value::to_raw_value(&json!({})).unwrap();
        let mut heard = Heard {
            input: Some(greedy.clone()),
            ..Heard::default()
        };
        let call = cs_engine::Call {
            cmdlet: "Import-CsConfiguration",
            parameters: Some(&raw),
            what_if: true,
            idempotency_key: None,
            input: true,
        };
        (scene.engine.invoke(&admin, call, &mut heard), heard)
    };
    outcome.unwrap();
    let plan = |records: &[Record]| {
        records.iter().any(|record| matches!(record, Record::WhatIf { target, action } if target == "role Restorers: Cmdlets +Export-CsConfiguration" && action == "change"))
    };
    assert!(plan(&heard.records), "{:?}", heard.records);
    assert_eq!(import(&scene, &admin, &greedy).0, None);
    let lines = scene.audit.0.lock().unwrap();
    let last = lines.last().unwrap();
    assert!(
        last.result == "done"
            && last
                .detail
                .contains("change role Restorers: Cmdlets +Export-CsConfiguration"),
        "{last:?}"
    );
}

#[test]
fn the_last_administrator_stays_and_standard_is_what_is_shipped() {
    let scene = Scene::new();
    scene.role("Operators", "CSHelpDesk", &["Get-CsUser"], &[], &[]);
    let package = export(&scene);
    let refused = |edit: &dyn Fn(String) -> String, id: ErrorId| {
        let before = scene.central.version();
        let bad = edited(&package, edit);
        assert_ne!(bad, package);
        let (found, _) = import(&scene, &owner(), &bad);
        assert_eq!((found, scene.central.version()), (Some(id), before));
    };
    let without = |text: String, from: &str, to: &str| {
        let start = text.find(from).unwrap();
        let end = start + text[start..].find(to).unwrap() + to.len();
        format!("{}{}", &text[..start], &text[end..])
    };
    refused(
        &|text| without(text, "<Role Identity=\"CSAdministrator\"", "</Role>"),
        ErrorId::LastAdministrator,
    );
    refused(
        &|text| text.replacen("<Cmdlet Name=\"Set-CsAdminRole\" />", "", 1),
        ErrorId::LastAdministrator,
    );
    refused(
        &|text| {
            text.replacen(
                "<ConfigScope Value=\"Global\" />",
                "<ConfigScope Value=\"site:1\" />",
                1,
            )
        },
        ErrorId::LastAdministrator,
    );
    let custom = |text: String| {
        let at = text.find("<Role Identity=\"Operators\"").unwrap();
        format!(
            "{}{}",
            &text[..at],
            text[at..].replacen("IsStandardRole=\"false\"", "IsStandardRole=\"true\"", 1)
        )
    };
    refused(&custom, ErrorId::PackageRefused);
    refused(
        &|text| text.replacen("IsStandardRole=\"true\"", "IsStandardRole=\"false\"", 1),
        ErrorId::PackageRefused,
    );
}

#[test]
fn what_is_unknown_in_the_roles_document_stays_through_changes() {
    let scene = Scene::new();
    scene.role("Operators", "CSHelpDesk", &["Get-CsUser"], &[], &[]);
    scene.role("Others", "CSHelpDesk", &["Get-CsUser"], &[], &[]);
    let strange = |text: String| {
        text.replacen("<Role Identity=\"Operators\"", "<!-- kept --><x:Extra xmlns:x=\"urn:x\" a='1'/><Role Color='red' Identity=\"Operators\"", 1)
            .replacen("</ConfigScopes><UserScopes>", "</ConfigScopes><x:More xmlns:x=\"urn:x\"/><UserScopes>", 12)
    };
    let package = edited(&export(&scene), strange);
    assert_eq!(import(&scene, &owner(), &package).0, None);
    let text = |package: &[u8]| {
        let found = std::cell::RefCell::new(String::new());
        edited(package, |whole| {
            found.replace(whole.clone());
            whole
        });
        found.into_inner()
    };
    let before = text(&export(&scene));
    let change = json!({"Identity": "Operators", "Cmdlets": {"Add": ["Get-CsPool"]}});
    assert_eq!(scene.error(&owner(), "Set-CsAdminRole", &change), None);
    assert_eq!(
        scene.error(
            &owner(),
            "Remove-CsAdminRole",
            &json!({"Identity": "Others"})
        ),
        None
    );
    let after = text(&export(&scene));
    for kept in [
        "<!-- kept --><x:Extra xmlns:x=\"urn:x\" a='1'/><Role Color='red' Identity=\"Operators\"",
        "<Cmdlet Name=\"Get-CsPool\" /></Cmdlets>",
    ] {
        assert!(after.contains(kept), "{kept}");
    }
    let more = |text: &str| text.matches("<x:More").count();
    assert_eq!(more(&after), more(&before));
}

#[test]
fn a_right_that_is_gone_at_the_commit_is_no_right() {
    let scene = Scene::new();
    scene.role(
        "Restorers",
        "CSAdministrator",
        &["Import-CsConfiguration", "Publish-CsTopology"],
        &[],
        &[],
    );
    let package = export(&scene);
    let change = json!({"Identity": "Restorers", "ScriptModules": ["x.ps1"]});
    assert_eq!(scene.error(&owner(), "Set-CsAdminRole", &change), None);
    let newer = edited(&export(&scene), |text| text.replacen("x.ps1", "y.ps1", 1));
    let before = scene.central.version();
    // Removed from the group while the package is on its way.
    for caller in [
        member_of(&["RTCUniversalServerAdmins"]),
        member_of(&["Restorers"]),
    ] {
        for input in [&package, &newer] {
            let heard = Heard {
                input: Some(input.clone()),
                later: Some(Arc::new(member_of(&[]))),
                ..Heard::default()
            };
            let (outcome, heard) =
                scene.call_with(&caller, "Import-CsConfiguration", &json!({}), heard);
            assert_eq!(heard.error(&outcome), Some(ErrorId::AccessDenied));
        }
    }
    let topology = br#"<Topology xmlns="urn:schema:Microsoft.Rtc.Management.Deploy.Topology.2008"><InternalDomains AllowAllDomains="true" /></Topology>"#;
    let heard = Heard {
        input: Some(topology.to_vec()),
        later: Some(Arc::new(member_of(&[]))),
        ..Heard::default()
    };
    let (outcome, heard) = scene.call_with(
        &member_of(&["Restorers"]),
        "Publish-CsTopology",
        &json!({"Force": true}),
        heard,
    );
    assert_eq!(heard.error(&outcome), Some(ErrorId::AccessDenied));
    let heard = Heard {
        later: Some(Arc::new(member_of(&[]))),
        ..Heard::default()
    };
    let change = json!({"Identity": "Restorers", "ScriptModules": []});
    let (outcome, heard) = scene.call_with(
        &member_of(&["RTCUniversalServerAdmins"]),
        "Set-CsAdminRole",
        &change,
        heard,
    );
    assert_eq!(heard.error(&outcome), Some(ErrorId::AccessDenied));
    assert_eq!(scene.central.version(), before);
}

#[test]
fn a_site_s_people_see_the_roles_that_concern_them() {
    let scene = Scene::new();
    scene.role(
        "Redmond",
        "CSHelpDesk",
        &["Get-CsAdminRole", "Get-CsAdminRoleAssignment"],
        &["site:1"],
        &[],
    );
    scene.role(
        "Dublin",
        "CSHelpDesk",
        &["Get-CsAdminRole"],
        &["site:2"],
        &[],
    );
    let shown = |caller: &cs_rbac::Caller| {
        let (outcome, heard) = scene.call(caller, "Get-CsAdminRole", &json!({}));
        outcome.unwrap();
        let names = heard.records.iter().flat_map(|record| match record {
            Record::Object { values, .. } => values.parse(),
            _ => Vec::new(),
        });
        names
            .map(|role| role["Identity"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let (redmond, dublin) = (
        shown(&member_of(&["Redmond"])),
        shown(&member_of(&["Dublin"])),
    );
    assert!(redmond.contains(&"Redmond".to_owned()) && !redmond.contains(&"Dublin".to_owned()));
    assert!(dublin.contains(&"CSHelpDesk".to_owned()) && !dublin.contains(&"Redmond".to_owned()));
    // What is not seen is not there, in the same words.
    let (_, heard) = scene.call(
        &member_of(&["Redmond"]),
        "Get-CsAdminRole",
        &json!({"Identity": "Dublin"}),
    );
    let text = format!("{:?}", heard.records);
    assert!(
        text.contains("There is no role 'Dublin'.") && !text.contains("Did you mean Dublin"),
        "{text}"
    );
    scene.directory.members.lock().unwrap().insert(
        "ken".to_owned(),
        vec![
            cs_rbac::Group {
                name: "Dublin".to_owned(),
                sid: None,
            },
            cs_rbac::Group {
                name: "Redmond".to_owned(),
                sid: None,
            },
        ],
    );
    let (_, heard) = scene.call(
        &member_of(&["Redmond"]),
        "Get-CsAdminRoleAssignment",
        &json!({"Identity": "ken"}),
    );
    let Some(Record::Object { values, .. }) = heard.records.first() else {
        panic!("{:?}", heard.records);
    };
    assert_eq!(values.parse(), [json!("Redmond")]);
}
