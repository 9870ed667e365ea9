//! What real exports, hand edits and re-zipping do is read, and its bytes come out as they are.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests stop at the first surprise"
)]

mod support;

use cs_archive::{
    EntryPlan, PackageReader, PackageWriter, ReadLimits, deflate_run, package_length,
};
use proptest::prelude::*;
use support::{Fake, SET, events, keys, parts, zip};

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
        if let cs_archive::PackageEvent::ItemChunk(chunk) = event {
            assert!(chunk.len() <= 256 * 1024);
            length += chunk.len();
        }
    }
    assert_eq!(length, row.len() * 200_000 + "<Big></Big>".len());
    assert_eq!(reader.finish().unwrap().items, 1);
}

fn write(parts: &[(String, Vec<Vec<u8>>)]) -> Vec<u8> {
    let runs: Vec<Vec<_>> = parts
        .iter()
        .map(|(_, runs)| runs.iter().map(|run| deflate_run(run).unwrap()).collect())
        .collect();
    let plans: Vec<EntryPlan> = parts
        .iter()
        .zip(&runs)
        .map(|((name, _), runs)| {
            let mut plan = EntryPlan::new(name);
            for run in runs {
                plan.add(run.crc32, run.length, run.data.len() as u64);
            }
            plan
        })
        .collect();
    let mut out = Vec::new();
    let mut writer = PackageWriter::new(&mut out, &plans);
    for runs in &runs {
        writer.begin_entry().unwrap();
        for run in runs {
            writer.run(&run.data).unwrap();
        }
        writer.end_entry().unwrap();
    }
    writer.finish().unwrap();
    assert_eq!(out.len() as u64, package_length(&plans).unwrap());
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// What the writer joins from runs, the reader takes apart again, whatever the cuts.
    #[test]
    fn what_is_written_is_read(texts in prop::collection::vec("[ -~\u{e0}-\u{ff}]{0,40}", 0..20), cut in 1_usize..200, more in "[a-z]{0,20}") {
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
