//! What was read is written, and what was written is read: equal to the letter, whatever a package is made of.

mod support;

use proptest::prelude::*;
use support::random::{Package, package};
use support::{Fake, events, joined, keys, parts, write, zip};

/// The package as an ordinary tool zips it.
fn zipped(package: &Package, form: usize) -> Vec<u8> {
    let mut entries: Vec<Fake> = package
        .parts
        .iter()
        .map(|(name, bytes)| Fake::new(name, bytes))
        .collect();
    entries.insert(
        form % (entries.len() + 1),
        Fake::new("DocItemSet.xml", &package.bytes),
    );
    for entry in &mut entries {
        entry.deflated = form & 1 == 0;
        entry.descriptor = form & 2 != 0;
        if form & 4 != 0 {
            entry.name = [b"Export/", entry.name.as_slice()].concat();
        }
    }
    zip(&entries)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everything_is_carried_through(package in package(), form in 0_usize..16, cut in 1_usize..300) {
        let (first, summary) = events(&zipped(&package, form)).unwrap();
        let found = parts(&first);
        prop_assert_eq!(found.len(), package.parts.len() + 1);
        for (name, bytes) in &found {
            let expected = match name.as_str() {
                "DocItemSet.xml" => package.set.as_bytes(),
                _ => &package.parts.iter().find(|(other, _)| other == name).unwrap().1,
            };
            prop_assert_eq!(String::from_utf8_lossy(bytes), String::from_utf8_lossy(expected), "{}", name);
        }
        // Written in runs of any length, and read again.
        let runs: Vec<(String, Vec<Vec<u8>>)> = found
            .into_iter()
            .map(|(name, bytes)| (name, bytes.chunks(cut).map(<[u8]>::to_vec).collect()))
            .collect();
        let (second, again) = events(&write(&runs)).unwrap();
        prop_assert_eq!(joined(&first), joined(&second));
        prop_assert_eq!(keys(&first), keys(&second));
        prop_assert_eq!((summary.documents, summary.items, summary.warnings), (again.documents, again.items, again.warnings));
    }
}
