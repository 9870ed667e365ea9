//! What real exports, hand edits and re-zipping do is read, and its bytes come out as they are.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests stop at the first surprise"
)]

mod support;

use cs_archive::xml::XmlCheck;
use cs_archive::{PackageEvent, PackageReader, ReadLimits};
use proptest::prelude::*;
use support::{Fake, SET, events, keys, parts, write, zip};

fn set_of(package: &[u8]) -> Vec<u8> {
    let (events, _) = events(package).unwrap();
    parts(&events)
        .into_iter()
        .find(|(name, _)| name == "DocItemSet.xml")
        .unwrap()
        .1
}

#[test]
fn documents_and_items_are_named() {
    let (events, summary) = events(&zip(&[Fake::new("DocItemSet.xml", SET)])).unwrap();
    let host = "Host{00000000-0000-0000-0000-000000000000}";
    assert_eq!(
        keys(&events),
        [
            (
                format!("{{urn:x}}T,{host},Global"),
                vec!["Global".to_owned()]
            ),
            (
                format!("{{urn:y}}P,{host},Tag"),
                vec![
                    "Tag:1:Redmond".to_owned(),
                    "Site:1".to_owned(),
                    "Service:1-Registrar-2".to_owned()
                ]
            ),
            (
                "urn:lcd:kenmyer@litwareinc.com".to_owned(),
                vec!["Global".to_owned()]
            ),
        ]
    );
    assert_eq!((summary.documents, summary.items), (3, 5));
    assert_eq!(summary.warnings, Vec::<String>::new());
}

#[test]
fn every_ordinary_way_of_zipping_is_read() {
    let header = Fake::new("Header.xml", "<Header/>");
    let types = Fake::new("[Content_Types].xml", "<Types/>");
    let set = Fake::new("DocItemSet.xml", SET);
    let ways: Vec<(&str, Vec<Fake>)> = vec![
        ("alone", vec![set.clone()]),
        ("last", vec![types.clone(), header.clone(), set.clone()]),
        ("first", vec![set.clone(), header.clone()]),
        (
            "stored",
            vec![
                set.clone().with(|e| e.deflated = false),
                header.clone().with(|e| e.deflated = false),
            ],
        ),
        (
            "descriptors",
            vec![
                header.clone().with(|e| e.descriptor = true),
                set.clone().with(|e| e.descriptor = true),
            ],
        ),
        (
            "stored with descriptors",
            vec![set.clone().with(|e| {
                e.descriptor = true;
                e.deflated = false;
            })],
        ),
        (
            "wrapping folder",
            vec![
                Fake::new("Export/", "").with(|e| e.deflated = false),
                Fake::new("Export/Header.xml", "<Header/>"),
                Fake::new("Export/DocItemSet.xml", SET),
            ],
        ),
        (
            "backslashes",
            vec![
                Fake::new("Export\\Header.xml", "<Header/>"),
                Fake::new("Export\\DocItemSet.xml", SET),
            ],
        ),
        (
            "unix modes",
            vec![set.clone().with(|e| {
                e.made_by = 0x031e;
                e.attributes = 0o100_644 << 16;
            })],
        ),
        (
            "what macOS adds",
            vec![
                Fake::new("Export/DocItemSet.xml", SET),
                Fake::new("Export/Header.xml", "<Header/>"),
                Fake::new("__MACOSX/Export/._Header.xml", "\0\u{5}\u{16}\u{7}"),
            ],
        ),
        (
            "names at the current folder",
            vec![
                Fake::new("./", "").with(|e| e.deflated = false),
                Fake::new("./Header.xml", "<Header/>"),
                Fake::new("./DocItemSet.xml", SET),
            ],
        ),
        (
            "other parts",
            vec![
                set.clone(),
                Fake::new("_rels/.rels", "<R/>"),
                Fake::new("notes.txt", "any \0 bytes"),
            ],
        ),
    ];
    for (way, entries) in ways {
        assert_eq!(
            String::from_utf8(set_of(&zip(&entries))).unwrap(),
            SET,
            "{way}"
        );
    }
}

#[test]
fn every_encoding_is_read() {
    let declared = format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>{SET}");
    let bom = [b"\xef\xbb\xbf".as_slice(), declared.as_bytes()].concat();
    for bytes in [declared.clone().into_bytes(), bom] {
        assert_eq!(set_of(&zip(&[Fake::new("DocItemSet.xml", &bytes)])), bytes);
    }
    let wide = declared
        .replace("utf-8", "utf-16")
        .replace("text", "t\u{e9}\u{1f600}xt");
    let little: Vec<u8> = [0xfe_ff_u16]
        .into_iter()
        .chain(wide.encode_utf16())
        .flat_map(|unit| {
            if unit == 0xfeff {
                [0xff, 0xfe]
            } else {
                unit.to_le_bytes()
            }
        })
        .collect();
    let big: Vec<u8> = [0xfe_u8, 0xff]
        .into_iter()
        .chain(wide.encode_utf16().flat_map(u16::to_be_bytes))
        .collect();
    let expected = wide.replace("utf-16", "utf-8");
    for bytes in [little, big] {
        let got = set_of(&zip(&[Fake::new("DocItemSet.xml", bytes)]));
        assert_eq!(String::from_utf8(got).unwrap(), expected);
    }
}

#[test]
fn wrapper_may_have_any_namespace_and_layout() {
    let prefixed = SET
        .replace("<DocItemSet", "<x:DocItemSet xmlns:x=\"urn:any\"")
        .replace("</DocItemSet", "</x:DocItemSet")
        .replace("<DocItem ", "<x:DocItem ")
        .replace("</DocItem>", "</x:DocItem>");
    let indented = SET
        .replace("><", ">\r\n  <")
        .replace("<DocItem ", "<!-- a document --><DocItem ");
    let surrounded = format!("<?pi before?>\n<!-- a -->{SET}<!-- b -->\n");
    for set in [prefixed, indented, surrounded] {
        let (events, summary) = events(&zip(&[Fake::new("DocItemSet.xml", &set)])).unwrap();
        assert_eq!(String::from_utf8(parts(&events).remove(0).1).unwrap(), set);
        assert_eq!((summary.documents, summary.items), (3, 5), "{set}");
    }
}

#[test]
fn wrong_count_is_a_warning() {
    let set = SET.replace("Count=\"3\"", "Count=\"4\"");
    let (_, summary) = events(&zip(&[Fake::new("DocItemSet.xml", set)])).unwrap();
    assert_eq!(
        summary.warnings,
        ["The document policies says that it holds 4 items; it holds 3."]
    );
}

fn set_with(documents: &str) -> Vec<u8> {
    let set = format!("<DocItemSet>{documents}</DocItemSet>");
    zip(&[Fake::new("DocItemSet.xml", set)])
}

#[test]
fn what_was_left_out_is_told() {
    let mac = Fake::new("__MACOSX/._DocItemSet.xml", "\0\u{5}");
    let (_, summary) = events(&zip(&[Fake::new("DocItemSet.xml", SET), mac])).unwrap();
    assert_eq!(
        summary.warnings,
        ["The folder __MACOSX, which macOS adds when it zips, was left out; it held 1 entries."]
    );
}

#[test]
fn a_payload_may_be_text() {
    // Longer than what may stand outside of items.
    let long = "&lt;a b='1'/&gt; <![CDATA[<b/>]]>".repeat(50_000);
    let documents = format!(
        "<DocItem Name=\"t\"><Data>\n {long}<!-- end --></Data></DocItem><DocItem Name=\"u\"><Data> </Data></DocItem>"
    );
    let (events, summary) = events(&set_with(&documents)).unwrap();
    assert_eq!(
        keys(&events),
        [
            ("t".to_owned(), vec!["Global".to_owned()]),
            ("u".to_owned(), Vec::new())
        ]
    );
    assert_eq!(summary.items, 1);
    let set = format!("<DocItemSet>{documents}</DocItemSet>");
    assert!(parts(&events).remove(0).1 == set.as_bytes());
}

#[test]
fn a_bare_topology_is_the_topology() {
    let namespace = "urn:schema:Microsoft.Rtc.Management.Deploy.Topology.2008";
    let id = |payload: &str| {
        let documents = format!("<DocItem Name=\"x\"><Data>{payload}</Data></DocItem>");
        let (events, _) = events(&set_with(&documents)).unwrap();
        keys(&events).remove(0).0
    };
    let topology = cs_model::DocumentKey::topology().to_string();
    assert_eq!(id(&format!("<Topology xmlns=\"{namespace}\"/>")), topology);
    assert_eq!(
        id(&format!(
            "<t:Topology A='1' xmlns:t='{namespace}'></t:Topology>"
        )),
        topology
    );
    assert_eq!(id("<Topology xmlns=\"urn:other\"/>"), "x");
    assert_eq!(id("<Topology/>"), "x");
}

#[test]
fn keys_of_items_are_read_in_every_form() {
    let cases = [
        ("<Key/>", "Global"),
        ("<Key><!-- none --> </Key>", "Global"),
        ("<Key TagId=\"1\" Name=\"R &amp; D\"/>", "Tag:1:R & D"),
        (
            "<Key>\n<TagId>1</TagId>\n<Name>R &amp; <![CDATA[D]]></Name></Key>",
            "Tag:1:R & D",
        ),
        (
            "<Key xmlns:x=\"urn:x\"><x:TagId> 1 </x:TagId></Key>",
            "Tag:1",
        ),
        ("<Key SiteId='2'/>", "Site:2"),
        ("<Key><SiteId>2</SiteId></Key>", "Site:2"),
        (
            "<Key><ServiceId SiteId=\"1\" RoleName=\"R\" Instance=\"2\"/></Key>",
            "Service:1-R-2",
        ),
        (
            "<Key><ServiceId><SiteId>1</SiteId><RoleName>R</RoleName><Instance>2</Instance></ServiceId></Key>",
            "Service:1-R-2",
        ),
        // What else a key holds makes it another one.
        ("<Key TagId=\"1\" Tenant=\"a\"/>", "TagId=1;Tenant=a"),
        ("<Key Tenant=\"a\nb\"/>", "Tenant=a b"),
        ("<Key A=\"1\"><m y=\"1\"/></Key>", "Key:A=1<m y=1></>"),
        ("<Key A=\"2\"><m y=\"1\"/></Key>", "Key:A=2<m y=1></>"),
        ("<Key><m><n>1</n></m></Key>", "Key:m=<m><n>1</></>"),
        ("<Key>text</Key>", "Key:text"),
    ];
    for (key, expected) in cases {
        let documents = format!(
            "<DocItem Name=\"d\"><Data><AnchoredXml><Dictionary><Item>{key}<Value/></Item></Dictionary></AnchoredXml></Data></DocItem>"
        );
        let (events, _) = events(&set_with(&documents)).unwrap();
        assert_eq!(keys(&events).remove(0).1, [expected], "{key}");
    }
}

#[test]
fn byte_order_marks_inside_a_document_are_text() {
    let document = "\u{feff}<a>\u{feff}&amp;\u{feff}\u{feff}<b/>\u{feff}\u{feff}text</a>";
    let limits = ReadLimits::default();
    for first in 0..=document.len() {
        for second in first..=document.len() {
            let bytes = document.as_bytes();
            let mut check = XmlCheck::new("a", &limits);
            for piece in [&bytes[..first], &bytes[first..second], &bytes[second..]] {
                check.push(piece).unwrap();
            }
            check.finish().unwrap();
        }
    }
    let twice = "\u{feff}\u{feff}<a/>";
    assert!(cs_archive::xml::check_xml(twice.as_bytes(), "a", &limits).is_err());
}

#[test]
fn large_items_come_in_small_chunks() {
    let row = "<R A=\"some value\">0123456789</R>";
    let big = format!(
        "<DocItemSet><DocItem Name=\"n\"><Data><Big>{}</Big></Data></DocItem></DocItemSet>",
        row.repeat(200_000)
    );
    let file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut &file, &zip(&[Fake::new("DocItemSet.xml", &big)])).unwrap();
    let mut reader = PackageReader::open(file, ReadLimits::default()).unwrap();
    let mut length = 0;
    while let Some(event) = reader.next().unwrap() {
        if let PackageEvent::ItemChunk(chunk) = event {
            assert!(chunk.len() <= 256 * 1024);
            length += chunk.len();
        }
    }
    assert_eq!(length, row.len() * 200_000 + "<Big></Big>".len());
    assert_eq!(reader.finish().unwrap().items, 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// What the writer joins from runs, the reader takes apart again, whatever the cuts.
    #[test]
    fn what_is_written_is_read(texts in prop::collection::vec("[ -~\u{e0}-\u{ff}]{0,40}", 1..20), cut in 1_usize..200, more in "[a-z]{0,20}") {
        let escaped: Vec<String> = texts.iter().map(|text| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")).collect();
        let items: Vec<String> = escaped.iter().enumerate().map(|(at, text)| format!("<DocItem Name=\"{at}\"><Data><V>{text}</V></Data></DocItem>")).collect();
        let set = format!("<DocItemSet>{}</DocItemSet>", items.concat()).into_bytes();
        let runs: Vec<Vec<u8>> = set.chunks(cut).map(<[u8]>::to_vec).collect();
        let package = write(&[("DocItemSet.xml".to_owned(), runs), ("Header.xml".to_owned(), vec![format!("<H>{more}</H>").into_bytes()])]);
        let (events, summary) = events(&package).unwrap();
        prop_assert_eq!(&parts(&events).remove(0).1, &set);
        prop_assert_eq!(summary.documents, texts.len() as u64);
        prop_assert_eq!(keys(&events).len(), texts.len());
    }
}
