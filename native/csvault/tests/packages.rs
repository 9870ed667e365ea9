//! Packages that are sound and still no configuration, or hold names that are tricks: each is refused with the thing and the next step,
//! nothing is lost, and the service answers on.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use cs_archive::{EntryPlan, PackageWriter, deflate_run};
use cs_model::is_hidden;
use cs_testkit::Home;
use serde_json::{Value, json};

/// A package with one part.
fn package(name: &str, content: &str) -> Vec<u8> {
    let run = deflate_run(content.as_bytes()).unwrap();
    let mut plan = EntryPlan::new(name);
    plan.add(run.crc32, run.length, run.data.len() as u64);
    let (mut out, plans) = (Vec::new(), [plan]);
    let mut writer = PackageWriter::new(&mut out, &plans);
    writer.begin_entry().unwrap();
    writer.run(&run.data).unwrap();
    writer.end_entry().unwrap();
    writer.finish().unwrap();
    out
}

fn set(documents: &str) -> Vec<u8> {
    package(
        "DocItemSet.xml",
        &format!("<DocItemSet>{documents}</DocItemSet>"),
    )
}

#[test]
fn what_is_no_configuration_is_refused_and_nothing_is_lost() {
    let document = |name: &str| format!("<DocItem Name=\"{name}\"><Data><x/></Data></DocItem>");
    let tricky = document("a&#x9b;31m\u{202e}b");
    let cases: Vec<(&str, Vec<u8>, &str, &str, &str)> = vec![
        (
            "no documents",
            set(" "),
            "PackageIncomplete",
            "no document",
            "Export-CsConfiguration",
        ),
        (
            "data of users",
            set(&document("urn:lcd:ken@litwareinc.com")),
            "PackageIncomplete",
            "Export-CsUserData",
            "Export-CsConfiguration",
        ),
        (
            "two folders around it",
            package("a/b/DocItemSet.xml", "<DocItemSet/>"),
            "PackageIncomplete",
            "'a/b/DocItemSet.xml'",
            "Zip the files themselves",
        ),
        (
            "a name that fills a message",
            set(&document(&"n".repeat(600_000)).repeat(2)),
            "LimitExceeded",
            "limit of 1024",
            "limits.nameBytes in settings.json",
        ),
        (
            "too deep",
            set(&"<a>".repeat(100_000)),
            "LimitExceeded",
            "levels of elements",
            "limits.depth in settings.json",
        ),
        (
            "a name with hidden characters, twice",
            set(&tricky.repeat(2)),
            "PackageRefused",
            "a\\u{9b}31m\\u{202e}b",
            "Remove one of the two",
        ),
        (
            "an entry's name with hidden characters",
            package("\u{1b}[31m.xml", "<a/>"),
            "PackageRefused",
            "\\u{1b}[31m.xml",
            "nothing was changed",
        ),
    ];
    let home = Home::new(env!("CARGO_BIN_EXE_csvault"));
    let host = home.start();
    let mut client = host.client();
    let before = client.export();
    for (what, package, id, message, action) in cases {
        for cmdlet in [json!({}), json!({"parameters": {"LocalStore": true}})] {
            let (answer, _) = client.upload("Import-CsConfiguration", cmdlet, &package);
            let report = &answer["error"]["data"];
            assert_eq!(report["id"], id, "{what}: {answer}");
            let text = |member: &Value| member.as_str().unwrap_or_default().to_owned();
            assert!(
                text(&report["message"]).contains(message),
                "{what}: {answer}"
            );
            assert!(
                text(&report["recommendedAction"]).contains(action),
                "{what}: {answer}"
            );
            for shown in [&report["message"], &report["target"]["name"]] {
                assert!(!text(shown).chars().any(is_hidden), "{what}: {answer}");
            }
        }
        assert_eq!(client.export(), before, "{what}");
    }
    assert!(client.is_served());
    assert!(host.stop().success());
}

#[test]
fn a_topology_without_its_frame_is_found() {
    let topology = "<Topology xmlns=\"urn:schema:Microsoft.Rtc.Management.Deploy.Topology.2008\" Signature=\"00000000-0000-0000-0000-000000000000\"><InternalDomains AllowAllDomains=\"false\" DefaultDomain=\"a.com\"/><Sites/><Clusters/><SqlInstances/><Services/></Topology>";
    let home = Home::new(env!("CARGO_BIN_EXE_csvault"));
    let host = home.start();
    let mut client = host.client();
    let package = set(&format!(
        "<DocItem Name=\"t\"><Data>{topology}</Data></DocItem>"
    ));
    let (answer, _) = client.upload("Import-CsConfiguration", json!({}), &package);
    assert!(answer.get("result").is_some(), "{answer}");
    let call = json!({"cmdlet": "Get-CsTopology", "parameters": {"AsXml": true}});
    let id = client.request("invoke", call);
    client.answer(id);
    let found = client.received.remove(&id).unwrap();
    assert_eq!(String::from_utf8(found).unwrap(), topology);
}
