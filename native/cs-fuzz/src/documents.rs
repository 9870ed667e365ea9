//! `DocItemSet.xml`, in a package that is sound otherwise.

use std::io::Cursor;

use cs_archive::{PackageEvent, ReadError};
use roxmltree::{Document, Node};

use crate::package::{LIMITS, events, parts, reads_back, write};

/// The set is split into the documents and items that another reader finds, and is put together again to the letter. The first byte
/// says how the package is cut.
pub fn documents(data: &[u8]) {
    let Some((&seed, set)) = data.split_first() else {
        return;
    };
    let package = write(&[("DocItemSet.xml".to_owned(), set.to_vec())], seed);
    let content = match events(&mut Cursor::new(&package), &LIMITS) {
        Ok(content) => content,
        Err(error) => {
            assert!(
                matches!(
                    error,
                    ReadError::Limit { .. }
                        | ReadError::Xml { .. }
                        | ReadError::Refused { .. }
                        | ReadError::NoConfiguration { .. }
                ),
                "a sound package is {error:?}"
            );
            return;
        }
    };
    let (_, whole) = parts(&content.0).remove(0);
    let text = String::from_utf8(whole).expect("what is read is UTF-8");
    if !set.starts_with(b"\xff\xfe") && !set.starts_with(b"\xfe\xff") {
        assert_eq!(text.as_bytes(), set);
    }
    let theirs = Document::parse(&text).expect("another reader refuses it");
    assert_eq!(ours(&content.0), found(theirs.root_element()));
    assert_eq!(content.1.documents as usize, ours(&content.0).len());
    reads_back(&content, seed);
}

/// Names of the documents, with how many items each has.
fn ours(events: &[PackageEvent]) -> Vec<(Option<String>, usize)> {
    let mut found: Vec<(Option<String>, usize)> = Vec::new();
    for event in events {
        match event {
            PackageEvent::DocumentStart { name, .. } => found.push((name.clone(), 0)),
            PackageEvent::ItemStart { .. } => {
                found.last_mut().expect("an item without a document").1 += 1;
            }
            _ => {}
        }
    }
    found
}

/// The same as another reader sees it.
fn found(set: Node<'_, '_>) -> Vec<(Option<String>, usize)> {
    assert_eq!(set.tag_name().name(), "DocItemSet");
    let documents = children(set, "DocItem");
    documents
        .map(|document| {
            let name = document.attribute("Name").map(str::to_owned);
            let items = children(document, "Data").map(items_of_data).sum();
            (name, items)
        })
        .collect()
}

fn items_of_data(data: Node<'_, '_>) -> usize {
    let anchored = children(data, "AnchoredXml").flat_map(|node| children(node, "Dictionary"));
    let items: usize = anchored.map(|node| children(node, "Item").count()).sum();
    let mut bare = 0;
    let mut in_text = false;
    for child in data.children() {
        if child.is_element() {
            in_text = false;
            bare += usize::from(child.tag_name().name() != "AnchoredXml");
        } else if child.is_text() && !in_text {
            // As it is written: a blank in a CDATA section or as a reference is there on purpose.
            let written = &data.document().input_text()[child.range()];
            in_text = !written
                .trim_matches([' ', '\t', '\r', '\n', '\u{feff}'])
                .is_empty();
            bare += usize::from(in_text);
        }
    }
    items + bare
}

fn children<'a, 'i>(
    node: Node<'a, 'i>,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'i>> + use<'a, 'i> {
    node.children()
        .filter(move |child| child.is_element() && child.tag_name().name() == name)
}
