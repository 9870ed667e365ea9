//! What attacks and accidents do is refused, each with its own error.

mod support;

use cs_archive::{ReadError, ReadLimits};
use support::{Fake, Frame, SET, events, events_within, kind, parts, zip, zip_in};

fn set() -> Fake {
    Fake::new("DocItemSet.xml", SET)
}

#[test]
fn hostile_packages() {
    let other = |name: &str| Fake::new(name, "<A/>");
    let unicode_path = |name: &[u8]| {
        let mut extra = vec![
            0x75,
            0x70,
            u8::try_from(name.len() + 5).unwrap(),
            0,
            1,
            0,
            0,
            0,
            0,
        ];
        extra.extend(name);
        extra
    };
    let frame = |change: fn(&mut Frame)| {
        let mut frame = Frame::default();
        change(&mut frame);
        zip_in(&[set(), Fake::new("Header.xml", "<H/>")], &frame)
    };
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("an empty file", vec![], "NotAZip"),
        ("a text", b"hello there".to_vec(), "NotAZip"),
        ("an XML document", SET.into(), "NotAZip"),
        (
            "a gzip file",
            b"\x1f\x8b\x08\0\0\0\0\0\0\0".to_vec(),
            "NotAZip",
        ),
        (
            "a package without documents",
            zip(&[other("Header.xml")]),
            "Missing",
        ),
        ("no entries", zip(&[]), "Missing"),
        (
            "documents in a deeper folder",
            zip(&[other("x.xml"), Fake::new("a/DocItemSet.xml", SET)]),
            "Missing",
        ),
        (
            "an encrypted entry",
            zip(&[set().with(|e| e.flags = 1)]),
            "Refused",
        ),
        (
            "a strongly encrypted entry",
            zip(&[set().with(|e| e.flags = 0x41)]),
            "Refused",
        ),
        (
            "another method",
            zip(&[set().with(|e| e.method = Some(12))]),
            "Refused",
        ),
        (
            "a parent folder",
            zip(&[set(), other("../a.xml")]),
            "Refused",
        ),
        (
            "a parent folder with backslashes",
            zip(&[set(), other("..\\a.xml")]),
            "Refused",
        ),
        (
            "an absolute name",
            zip(&[set(), other("/etc/passwd")]),
            "Refused",
        ),
        ("a drive", zip(&[set(), other("C:\\a.xml")]), "Refused"),
        ("a stream", zip(&[set(), other("a.xml:b")]), "Refused"),
        ("a device", zip(&[set(), other("NUL.xml")]), "Refused"),
        (
            "a NUL character",
            zip(&[set(), other("a\0.xml")]),
            "Refused",
        ),
        (
            "a deceptive name",
            zip(&[set(), other("a\u{202e}lmx.xml").with(|e| e.flags = 0x800)]),
            "Refused",
        ),
        (
            "a name in no encoding",
            zip(&[set(), other("a").with(|e| e.name = vec![0xff, 0xfe])]),
            "Refused",
        ),
        (
            "a link",
            zip(&[
                set(),
                other("a.xml").with(|e| {
                    e.made_by = 0x0314;
                    e.attributes = 0o120_777 << 16;
                }),
            ]),
            "Refused",
        ),
        (
            "a device node",
            zip(&[
                set(),
                other("a.xml").with(|e| {
                    e.made_by = 0x0314;
                    e.attributes = 0o020_666 << 16;
                }),
            ]),
            "Refused",
        ),
        ("two of one name", zip(&[set(), set()]), "Refused"),
        (
            "two names that differ in case",
            zip(&[set(), Fake::new("docitemset.XML", SET)]),
            "Refused",
        ),
        (
            "two names that differ in their slash",
            zip(&[set(), other("a/b.xml"), other("a\\b.xml")]),
            "Refused",
        ),
        (
            "a package inside",
            zip(&[set(), Fake::new("inner.zip", "x")]),
            "Refused",
        ),
        (
            "a package inside, in disguise",
            zip(&[set(), Fake::new("inner.dat", "PK\x03\x04 and so on")]),
            "Refused",
        ),
        (
            "another name in an extra field",
            zip(&[set().with(|e| e.extra = unicode_path(b"Other.xml"))]),
            "Refused",
        ),
        (
            "headers with two names",
            zip(&[set().with(|e| e.local_name = Some(b"DocItemSet.xmk".to_vec()))]),
            "Damaged",
        ),
        (
            "headers with two checksums",
            zip(&[set().with(|e| e.local_crc = Some(7))]),
            "Damaged",
        ),
        (
            "headers with other flags",
            zip(&[set().with(|e| e.local_flags = Some(2))]),
            "Damaged",
        ),
        (
            "a wrong checksum",
            zip(&[set().with(|e| e.crc = Some(7))]),
            "Damaged",
        ),
        (
            "a wrong length",
            zip(&[set().with(|e| e.length = Some(7))]),
            "Damaged",
        ),
        (
            "a length too long",
            zip(&[set().with(|e| e.length = Some(1_000_000))]),
            "Damaged",
        ),
        (
            "bytes behind the content",
            zip(&[set().with(|e| e.behind = vec![0; 9])]),
            "Damaged",
        ),
        (
            "bytes that are not deflated",
            zip(&[set().with(|e| {
                e.deflated = false;
                e.method = Some(8);
            })]),
            "Damaged",
        ),
        (
            "bytes in front",
            frame(|f| f.before = b"MZ program".to_vec()),
            "NotAZip",
        ),
        (
            "an entry in front that the directory hides",
            frame(|f| f.before = zip(&[Fake::new("hidden", "x")])),
            "Damaged",
        ),
        (
            "bytes before the directory",
            frame(|f| f.between = vec![1, 2, 3]),
            "Damaged",
        ),
        (
            "bytes at the end",
            frame(|f| f.behind = vec![1, 2, 3]),
            "Damaged",
        ),
        (
            "a second end in the comment",
            frame(|f| f.comment = b"PK\x05\x06 and so on".to_vec()),
            "Damaged",
        ),
        (
            "bytes of a record in the comment of an entry's record",
            {
                // An end that an entry's comment holds: the last 14 bytes of the directory become it.
                let mut package = zip(&[set()]);
                let end = package.len() - 22;
                package.splice(end..end, b"PK\x05\x06 and so on".iter().copied());
                let record = package
                    .windows(4)
                    .rposition(|w| w == b"PK\x01\x02")
                    .unwrap();
                package[record + 32] = 14;
                let size = package.len() - 22 + 12;
                package[size] += 14;
                package
            },
            "Refused",
        ),
        (
            "a comment with two harmless letters",
            frame(|f| f.comment = b"by our PKI".to_vec()),
            "accepted",
        ),
        (
            "a program",
            zip(&[
                set(),
                other("a.sh").with(|e| {
                    e.made_by = 0x0314;
                    e.attributes = 0o104_755 << 16;
                }),
            ]),
            "Refused",
        ),
        (
            "no documents",
            zip(&[Fake::new("DocItemSet.xml", "<DocItemSet> </DocItemSet>")]),
            "NoConfiguration",
        ),
        (
            "data of users alone",
            zip(&[Fake::new(
                "DocItemSet.xml",
                "<DocItemSet><DocItem Name=\"urn:lcd:a@b.c\"><Data><H/></Data></DocItem><DocItem Name=\"urn:hcd:a@b.c\"/></DocItemSet>",
            )]),
            "NoConfiguration",
        ),
        (
            "a document with a very long name",
            zip(&[Fake::new(
                "DocItemSet.xml",
                format!(
                    "<DocItemSet><DocItem Name=\"{}\"/></DocItemSet>",
                    "n".repeat(1025)
                ),
            )]),
            "Limit",
        ),
        (
            "a document with a very long key",
            zip(&[Fake::new(
                "DocItemSet.xml",
                SET.replace("urn:y", &"n".repeat(1025)),
            )]),
            "Limit",
        ),
        (
            "a comment",
            frame(|f| f.comment = b"made by hand".to_vec()),
            "accepted",
        ),
        ("a count too small", frame(|f| f.count = Some(1)), "Damaged"),
        ("a count too large", frame(|f| f.count = Some(3)), "Damaged"),
        (
            "entries that overlap",
            frame(|f| f.overlap = true),
            "Damaged",
        ),
        (
            "another root element",
            zip(&[Fake::new("DocItemSet.xml", "<Other/>")]),
            "Refused",
        ),
        (
            "a header that is not well formed",
            zip(&[set(), Fake::new("Header.xml", "<Header>")]),
            "Xml",
        ),
    ];
    for (what, package, expected) in cases {
        assert_eq!(
            kind(&package),
            expected,
            "{what}: {:?}",
            events(&package).map(|_| ()).err()
        );
    }
}

#[test]
fn a_refusal_says_what_it_is() {
    let mut tar = b"DocItemSet.xml".to_vec();
    tar.resize(257, 0);
    tar.extend(b"ustar\x0000");
    let set_in = |text: &str| zip(&[Fake::new("DocItemSet.xml", text)]);
    let method = |method| zip(&[set().with(|e| e.method = Some(method))]);
    let declared = |encoding: &str, name: &str| {
        set_in(&format!(
            "<?xml version='1.0' encoding='{encoding}'?><DocItemSet><DocItem Name='{name}'/></DocItemSet>"
        ))
    };
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (tar, "a tar archive"),
        (b"\x28\xb5\x2f\xfd and so on".to_vec(), "a zstd file"),
        (b"MSCF\0\0\0\0".to_vec(), "a cabinet file"),
        (
            zip_in(
                &[set()],
                &Frame {
                    behind: vec![0; 3],
                    ..Frame::default()
                },
            ),
            "bytes behind its end",
        ),
        (method(12), "compressed with bzip2"),
        (method(14), "compressed with LZMA"),
        (method(9), "compressed with Deflate64"),
        (method(77), "compressed with method 77"),
        (
            zip(&[set().with(|e| e.flags = 1)]),
            "encrypted entries are not read",
        ),
        (
            zip(&[Fake::new("a/b/DocItemSet.xml", SET)]),
            "at its root; there is one at 'a/b/DocItemSet.xml'",
        ),
        (
            declared("ISO-8859-1", "a"),
            "which is not read: save it as UTF-8",
        ),
        (declared("utf-16", "a"), "which it is not in"),
        (
            declared("us-ascii", "\u{e4}"),
            "declares the encoding 'us-ascii' and is not in it",
        ),
        (
            zip(&[Fake::new("DocItemSet.xml", b"\xff\xfe\0\0<\0\0\0")]),
            "it is UTF-32",
        ),
        (
            zip(&[Fake::new("DocItemSet.xml", b"<\0a\0")]),
            "without a byte order mark",
        ),
    ];
    for (package, expected) in cases {
        let told = events(&package).unwrap_err().to_string();
        assert!(told.contains(expected), "{expected}: {told}");
    }
    assert!(events(&declared("US-ASCII", "a")).is_ok());
}

#[test]
fn names_of_strangers_are_short_and_harmless_in_messages() {
    for name in [
        "\u{1b}[31m\u{9b}31m\u{202e}".repeat(2000),
        "a".repeat(60_000),
    ] {
        let package = zip(&[set(), Fake::new(&name, "").with(|e| e.flags = 0x800)]);
        let error = events(&package).unwrap_err();
        assert!(matches!(&error, ReadError::Refused { entry, .. } if entry.len() < 1000));
        let told = error.to_string();
        assert!(
            told.len() < 1000 && !told.chars().any(cs_model::is_hidden),
            "{told}"
        );
    }
}

#[test]
fn cut_off_anywhere_is_an_error() {
    let package = zip(&[
        Fake::new("Header.xml", "<H/>"),
        set().with(|e| e.descriptor = true),
        Fake::new("[Content_Types].xml", "<T/>"),
    ]);
    assert_eq!(kind(&package), "accepted");
    for length in 0..package.len() {
        assert_ne!(kind(&package[..length]), "accepted", "cut off at {length}");
    }
}

#[test]
fn a_flipped_bit_is_an_error_or_changes_nothing() {
    let package = zip(&[Fake::new("Header.xml", "<H/>"), set()]);
    let (good, _) = events(&package).unwrap();
    for at in 0..package.len() {
        for bit in 0..8 {
            let mut flipped = package.clone();
            flipped[at] ^= 1 << bit;
            if let Ok((found, _)) = events(&flipped) {
                // A name has no checksum; what it names has.
                let contents = |events: &[_]| {
                    parts(events)
                        .into_iter()
                        .map(|(_, bytes)| bytes)
                        .collect::<Vec<_>>()
                };
                assert_eq!(contents(&found), contents(&good), "bit {bit} of byte {at}");
            }
        }
    }
}

#[test]
fn limits_are_kept() {
    let plain = ReadLimits::default();
    let bomb = zip(&[Fake::new(
        "DocItemSet.xml",
        format!("<DocItemSet>{}</DocItemSet>", " ".repeat(40_000_000)),
    )]);
    let cases: Vec<(&str, Vec<u8>, ReadLimits)> = vec![
        (
            "package",
            zip(&[set()]),
            ReadLimits {
                package_bytes: 100,
                ..plain
            },
        ),
        (
            "entries",
            zip(&[set(), Fake::new("a", "")]),
            ReadLimits {
                entries: 1,
                ..plain
            },
        ),
        (
            "one entry",
            zip(&[set()]),
            ReadLimits {
                entry_bytes: 100,
                ..plain
            },
        ),
        (
            "all entries",
            zip(&[set()]),
            ReadLimits {
                total_bytes: 100,
                ..plain
            },
        ),
        ("a bomb", bomb, plain),
        (
            "documents",
            zip(&[set()]),
            ReadLimits {
                documents: 2,
                ..plain
            },
        ),
        ("items", zip(&[set()]), ReadLimits { items: 2, ..plain }),
        ("depth", zip(&[set()]), ReadLimits { depth: 5, ..plain }),
        (
            "elements",
            zip(&[set()]),
            ReadLimits {
                elements: 5,
                ..plain
            },
        ),
        (
            "attributes",
            zip(&[set()]),
            ReadLimits {
                attributes: 1,
                ..plain
            },
        ),
        (
            "names",
            zip(&[set()]),
            ReadLimits {
                name_bytes: 5,
                ..plain
            },
        ),
        (
            "tags",
            zip(&[set()]),
            ReadLimits {
                tag_bytes: 20,
                ..plain
            },
        ),
        (
            "texts",
            zip(&[set()]),
            ReadLimits {
                text_bytes: 2,
                ..plain
            },
        ),
        (
            "frames",
            zip(&[set()]),
            ReadLimits {
                frame_bytes: 50,
                ..plain
            },
        ),
    ];
    for (what, package, limits) in cases {
        let got = events_within(&package, &limits).map(|_| ());
        assert!(
            matches!(got, Err(ReadError::Limit { .. })),
            "{what}: {got:?}"
        );
    }
}

#[test]
fn faults_of_xml_have_a_place() {
    let cases = [
        ("<DocItemSet>\n  <a>\n</DocItemSet>", 3, 1, "does not close"),
        (
            "<DocItemSet>\n é<a b=1/></DocItemSet>",
            2,
            3,
            "not in quotes",
        ),
        ("<DocItemSet><a b='1' b='2'/></DocItemSet>", 1, 13, "twice"),
        (
            "<DocItemSet><a b='1'c='2'/></DocItemSet>",
            1,
            13,
            "white space",
        ),
        ("<DocItemSet><a:b/></DocItemSet>", 1, 13, "not declared"),
        ("<DocItemSet xmlns::a='u'/>", 1, 1, "not a qualified name"),
        ("<DocItemSet xmlns:='u'/>", 1, 1, "not a qualified name"),
        ("<DocItemSet xmlns:1='u'/>", 1, 1, "not a qualified name"),
        ("<DocItemSet>&nbsp;</DocItemSet>", 1, 13, "entity"),
        ("<DocItemSet>&#0;</DocItemSet>", 1, 13, "no character"),
        ("<DocItemSet>a & b</DocItemSet>", 1, 15, ""),
        ("<DocItemSet>\u{1}</DocItemSet>", 1, 13, "does not allow"),
        ("<DocItemSet>]]></DocItemSet>", 1, 13, "]]>"),
        ("<!DOCTYPE a><DocItemSet/>", 1, 1, "DOCTYPE"),
        (
            "<!doctype a [<!ENTITY x 'y'>]><DocItemSet/>",
            1,
            1,
            "DOCTYPE",
        ),
        ("<DocItemSet/><DocItemSet/>", 1, 14, "second root"),
        ("<DocItemSet/>text", 1, 14, "outside"),
        ("<DocItemSet>", 1, 13, "not closed"),
        ("", 1, 1, "no element"),
        ("<DocItemSet><!-- a -- b --></DocItemSet>", 1, 13, ""),
        ("<DocItemSet a='<'/>", 1, 1, "holds <"),
        ("<?xml version='1.1'?><DocItemSet/>", 1, 1, "1.0"),
        (
            "<?xml version='1.0' encoding='latin1'?><DocItemSet/>",
            1,
            1,
            "encoding",
        ),
        (" <?xml version='1.0'?><DocItemSet/>", 1, 2, "declaration"),
        ("<DocItemSet><1/></DocItemSet>", 1, 13, "not a name"),
        ("<DocItemSet", 1, 1, ""),
    ];
    for (text, line, column, what) in cases {
        match events(&zip(&[Fake::new("DocItemSet.xml", text)])) {
            Err(ReadError::Xml {
                line: l,
                column: c,
                what: w,
                ..
            }) => {
                assert_eq!((l, c), (line, column), "{text}: {w}");
                assert!(w.contains(what), "{text}: {w}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
    let not_utf8 = zip(&[Fake::new(
        "DocItemSet.xml",
        b"<DocItemSet>\n\xff</DocItemSet>",
    )]);
    assert!(matches!(
        events(&not_utf8),
        Err(ReadError::Xml {
            line: 2,
            column: 1,
            ..
        })
    ));
}

mod differential {
    use super::*;
    use cs_archive::xml::check_xml;
    use proptest::prelude::*;

    const PIECES: [&str; 28] = [
        "<a>",
        "</a>",
        "<b x='1'>",
        "</b>",
        "<c/>",
        "<p:d xmlns:p='urn:p'>",
        "</p:d>",
        "<p:e/>",
        "text",
        "&amp;",
        "&#65;",
        "&#x1F600;",
        "<!-- c -->",
        "<?pi x?>",
        "<![CDATA[<]]>",
        "<b x='1' x='2'/>",
        "&x;",
        "&",
        "]]>",
        "<",
        ">",
        " ",
        "<a xmlns='urn:q' y=\"z\">",
        "<é/>",
        "\u{fffe}",
        "<b x='&lt;'/>",
        "<f xmlns:q='urn:q' xmlns:r='urn:q' q:a='' r:a=''/>",
        "<!---->",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// What another reader refuses is refused here; what is accepted here, the other reads too.
        #[test]
        fn agrees_with_another_reader(pieces in prop::collection::vec(0_usize..28, 0..12)) {
            let inside: String = pieces.iter().map(|&at| PIECES[at]).collect();
            for text in [format!("<root>{inside}</root>"), inside] {
                let ours = check_xml(text.as_bytes(), "test", &ReadLimits::default()).is_ok();
                let theirs = roxmltree::Document::parse(&text).is_ok();
                prop_assert_eq!(ours, theirs, "{}", text);
            }
        }
    }
}
