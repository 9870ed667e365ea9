//! What an entry may be and how it may be named, whichever tool wrote it.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests stop at the first surprise"
)]

mod support;

use support::{Fake, Frame, SET, events, kind, zip, zip_in};

fn set() -> Fake {
    Fake::new("DocItemSet.xml", SET)
}

#[test]
fn what_is_no_file_is_refused_whatever_system_its_entry_names() {
    let other = |made_by: u16, attributes: u32| {
        let other = Fake::new("a.xml", "<A/>").with(|e| {
            e.made_by = made_by << 8 | 20;
            e.attributes = attributes;
        });
        kind(&zip(&[set(), other]))
    };
    let folder = |attributes: u32| {
        let folder = Fake::new("a/", "").with(|e| {
            e.deflated = false;
            e.attributes = attributes;
        });
        kind(&zip(&[set(), folder]))
    };
    for made_by in [0, 3, 7, 10, 11, 14, 19, 255] {
        for mode in [
            0o120_777, 0o040_755, 0o020_666, 0o060_660, 0o010_644, 0o140_777, 0o104_755, 0o102_755,
        ] {
            let found = other(made_by, mode << 16);
            assert_eq!(found, "Refused", "{mode:o} of {made_by}");
        }
        assert_eq!(other(made_by, 0x400), "Refused", "{made_by}");
        assert_eq!(other(made_by, 0x420 | 0o100_644 << 16), "Refused");
        for attributes in [
            0,
            0x20,
            0o644 << 16,
            0o100_644 << 16,
            0x20 | 0o100_755 << 16,
        ] {
            assert_eq!(other(made_by, attributes), "accepted", "{made_by}");
        }
    }
    for attributes in [0, 0x10, 0x10 | 0o040_755 << 16, 0o755 << 16] {
        assert_eq!(folder(attributes), "accepted", "{attributes:x}");
    }
    for attributes in [0o120_777 << 16, 0o100_644 << 16, 0x410] {
        assert_eq!(folder(attributes), "Refused", "{attributes:x}");
    }
}

/// An entry whose name may be outside of ASCII.
fn named(name: &str) -> Fake {
    let folder = name.ends_with('/');
    Fake::new(name, if folder { "" } else { "x" }).with(|e| {
        e.flags = 0x800;
        e.deflated = !folder;
    })
}

#[test]
fn names_that_are_one_elsewhere_are_refused() {
    for (one, other) in [
        ("\u{e9}.txt", "e\u{301}.txt"),
        ("\u{c5}.txt", "\u{212b}.txt"),
        ("a\u{323}\u{307}.txt", "b.txt"),
        ("\u{ac00}.txt", "\u{1100}\u{1161}.txt"),
        ("\u{df}.txt", "SS.txt"),
        ("\u{1e9e}.txt", "\u{df}.txt"),
        ("\u{131}.txt", "I.txt"),
        ("\u{17f}.txt", "S.txt"),
        ("\u{3c3}.txt", "\u{3c2}.txt"),
        ("\u{149}.txt", "\u{2bc}N.txt"),
        ("\u{416}.txt", "\u{436}.txt"),
        ("a", "a/b"),
        ("a/b/c", "A/B"),
        ("a", "A/"),
        ("a/", "A/"),
        ("__MACOSX/a", "__MACOSX/A"),
    ] {
        for names in [[one, other], [other, one]] {
            let [first, second] = names.map(named);
            let found = kind(&zip(&[set(), first, second]));
            assert_eq!(found, "Refused", "{names:?}");
        }
    }
    let harmless = [
        "\u{e9}",
        "e",
        "\u{df}",
        "s",
        "\u{416}",
        "\u{417}",
        "\u{4e2d}\u{6587}",
        "\u{3042}",
        "a/",
        "a/b",
        "ab",
        "a/c/d",
        "A-b",
    ];
    let harmless = harmless.into_iter().map(named);
    let package: Vec<_> = std::iter::once(set()).chain(harmless).collect();
    assert_eq!(kind(&zip(&package)), "accepted");
}

#[test]
fn names_of_devices_are_refused() {
    for name in [
        "CON",
        "nul.txt",
        "a/aux.b.c",
        "COM1",
        "lpt9.xml",
        "CONIN$",
        "conout$.txt",
        "COM\u{b9}",
        "com\u{b2}.txt",
        "LPT\u{b3}",
        "CON .txt",
    ] {
        assert_eq!(kind(&zip(&[set(), named(name)])), "Refused", "{name}");
    }
    for name in ["CONSOLE", "COM", "COM10", "COMa", "CONIN", "LPT\u{e9}"] {
        assert_eq!(kind(&zip(&[set(), named(name)])), "accepted", "{name}");
    }
}

#[test]
fn an_empty_folder_may_be_compressed() {
    let folder = |change: fn(&mut Fake)| {
        let folder = Fake::new("META/", "").with(change);
        kind(&zip(&[set(), folder]))
    };
    assert_eq!(folder(|_| {}), "accepted");
    assert_eq!(folder(|e| e.descriptor = true), "accepted");
    assert_eq!(folder(|e| e.behind = vec![0; 9]), "Damaged");
    assert_eq!(folder(|e| e.crc = Some(7)), "Damaged");
    assert_eq!(folder(|e| e.length = Some(1)), "Refused");
    assert_eq!(folder(|e| e.content = b"x".to_vec()), "Refused");
    let hidden = |e: &mut Fake| {
        e.content = b"x".to_vec();
        e.length = Some(0);
    };
    assert_eq!(folder(hidden), "Damaged");
}

/// 64-bit fields.
fn wide(values: &[u64]) -> Vec<u8> {
    let mut extra = vec![1, 0, u8::try_from(8 * values.len()).unwrap(), 0];
    extra.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    extra
}

const MASKED: Option<[u32; 2]> = Some([u32::MAX; 2]);

#[test]
fn lengths_in_64_bits_are_read_where_they_agree() {
    let content = "x".repeat(500);
    let plain = zip(&[Fake::new("a", &content)]);
    let packed = u64::from(u32::from_le_bytes(plain[18..22].try_into().unwrap()));
    let small = u32::try_from(packed).unwrap();
    let local = |lengths: Option<[u32; 2]>, values: &[u64], streamed: bool| {
        let entry = Fake::new("a", &content).with(|e| {
            e.local_lengths = lengths;
            e.local_extra = wide(values);
            e.descriptor = streamed;
        });
        kind(&zip(&[set(), entry]))
    };
    // Python with force_zip64, Info-ZIP from standard input, and what others keep room for and fill in.
    assert_eq!(local(MASKED, &[500, packed], false), "accepted");
    assert_eq!(local(None, &[500, packed], false), "accepted");
    assert_eq!(local(MASKED, &[0, 0], true), "accepted");
    assert_eq!(local(MASKED, &[500, packed], true), "accepted");
    for (lengths, values, streamed) in [
        (MASKED, &[501, packed] as &[u64], false),
        (MASKED, &[packed, 500], false),
        (MASKED, &[0, 0], false),
        (MASKED, &[500], false),
        (MASKED, &[], false),
        (MASKED, &[500, packed, 0], false),
        (MASKED, &[7, 7], true),
        (None, &[501, packed], false),
        (None, &[], false),
        (Some([small, u32::MAX]), &[500], false),
        (Some([0, 0]), &[500, packed], true),
    ] {
        let found = local(lengths, values, streamed);
        assert_eq!(found, "Damaged", "{lengths:?} {values:?} {streamed}");
    }
    let central = |lengths: Option<[u32; 2]>, extra: Vec<u8>| {
        let entry = Fake::new("a", &content).with(|e| {
            e.central_lengths = lengths;
            e.extra = extra;
        });
        kind(&zip(&[set(), entry]))
    };
    // Info-ZIP, when it is told to.
    let content_only = Some([small, u32::MAX]);
    assert_eq!(central(MASKED, wide(&[500, packed])), "accepted");
    assert_eq!(central(content_only, wide(&[500])), "accepted");
    for (lengths, extra) in [
        (MASKED, wide(&[501, packed])),
        (MASKED, wide(&[500])),
        (MASKED, wide(&[500, packed, 0])),
        (MASKED, Vec::new()),
        (content_only, wide(&[500, packed])),
        (None, wide(&[500, packed])),
        (None, wide(&[])),
    ] {
        let found = central(lengths, extra.clone());
        assert_eq!(found, "Damaged", "{lengths:?} {extra:?}");
    }
}

#[test]
fn an_end_in_64_bits_is_read_where_it_agrees() {
    let end = |said: [Option<u64>; 3], masked: bool| {
        let frame = Frame {
            wide_end: Some(said),
            masked,
            ..Frame::default()
        };
        kind(&zip_in(&[set(), named("a")], &frame))
    };
    for masked in [false, true] {
        assert_eq!(end([None; 3], masked), "accepted");
        assert_eq!(end([Some(1), None, None], masked), "Damaged");
        assert_eq!(end([None, Some(9), None], masked), "Damaged");
        assert_eq!(end([None, None, Some(9)], masked), "Damaged");
    }
}

#[test]
fn names_are_told_as_they_are() {
    let cases = [
        (
            zip(&[set(), Fake::new("sub/foo.xml", "<A>")]),
            "'sub/foo.xml' is not well formed at line 1, column 4: the element 'A' is not closed",
        ),
        (
            zip(&[set(), named("Aa.TXT"), named("aA.txt")]),
            "'aA.txt' is not accepted in a package: the name is there twice, also as 'Aa.TXT'",
        ),
        (
            zip(&[set(), named("Aa.TXT"), named("Aa.TXT")]),
            "'Aa.TXT' is not accepted in a package: the name is there twice",
        ),
        (
            zip(&[set(), named("A/B"), named("a")]),
            "'A/B' is not accepted in a package: it is in 'a', which is a file",
        ),
    ];
    for (package, expected) in cases {
        assert_eq!(events(&package).unwrap_err().to_string(), expected);
    }
}
