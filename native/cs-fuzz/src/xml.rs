//! XML of a document.

use cs_archive::xml::XmlCheck;
use cs_archive::{ReadError, ReadLimits};

use crate::cuts::pieces;
use crate::package::LIMITS;

/// A document is judged the same however its bytes are cut, and as another reader judges it. The first byte says how it is cut.
pub fn xml(data: &[u8]) {
    let Some((&seed, document)) = data.split_first() else {
        return;
    };
    let whole = check(&[document], &LIMITS);
    let cut = check(&pieces(document, seed), &LIMITS);
    match (&whole, &cut) {
        (Ok(()), Ok(())) => {}
        // What is beyond one limit may be beyond another or wrong as well, which is seen earlier or later.
        (Err(ReadError::Limit { .. }), Err(_)) | (Err(_), Err(ReadError::Limit { .. })) => return,
        (Err(whole), Err(cut)) => assert_eq!(whole.to_string(), cut.to_string()),
        _ => panic!("where the bytes are cut decides: {whole:?} {cut:?}"),
    }
    let Ok(text) = std::str::from_utf8(document) else {
        if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] = document {
            return;
        }
        assert!(whole.is_err(), "it is in no encoding");
        return;
    };
    let theirs = roxmltree::Document::parse(text);
    match (whole, theirs) {
        (Ok(()), Err(error)) => panic!("another reader refuses it: {error}"),
        (Err(error), Ok(_)) => assert!(
            other_is_lenient(text, &error.to_string()),
            "another reader takes it: {error}"
        ),
        _ => {}
    }
}

/// The other reader does not look at what a declaration says, nor at what follows the target of an instruction, and does not know two
/// rules of namespaces.
fn other_is_lenient(text: &str, error: &str) -> bool {
    text.trim_start_matches('\u{feff}').starts_with("<?xml")
        || error.ends_with("is bound to nothing")
        || error.ends_with("is not a qualified name")
        || (text.contains("<?") && error.ends_with("is not a name"))
}

fn check(pieces: &[&[u8]], limits: &ReadLimits) -> Result<(), ReadError> {
    let mut check = XmlCheck::new("a document", limits);
    for piece in pieces {
        check.push(piece)?;
    }
    check.finish()
}
