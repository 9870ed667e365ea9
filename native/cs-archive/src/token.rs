//! The next token of a text. Text, references and tags as almost all are found here, in one pass over their bytes; the rest, and
//! whatever is wrong, by quick-xml's tokenizer.

use memchr::memchr2;
use quick_xml::Reader;
use quick_xml::events::Event;

use crate::ReadLimits;
use crate::rules::RawAttribute;
use crate::tag::{Shape, plain, reference};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// A start tag, or that of an empty element; its shape when it is plain.
    Start {
        empty: bool,
        shape: Option<Shape>,
    },
    End,
    Text,
    Reference,
    CData,
    Comment,
    Instruction,
    Declaration,
    DocType,
}

/// What was found at the beginning of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A token of a length.
    Token(Piece, usize),
    /// More text is needed to tell.
    Cut,
    /// Something else.
    Other,
}

/// The token at the beginning of a text that is not empty; `last` when no more comes, `open` the name of the innermost open element.
/// A plain tag's attributes go into `attributes`.
pub fn quick<'t>(
    text: &'t str,
    last: bool,
    open: Option<&str>,
    limits: &ReadLimits,
    attributes: &mut Vec<RawAttribute<'t>>,
) -> Found {
    let bytes = text.as_bytes();
    let found = match bytes {
        [b'<', b'/', ..] => open.and_then(|open| {
            let closed = bytes.get(2..)?.strip_prefix(open.as_bytes())?;
            (closed.first() == Some(&b'>')).then_some((Piece::End, open.len() + 3))
        }),
        [b'<', ..] => text
            .get(1..)
            .and_then(|inside| plain(inside, limits, attributes))
            .map(|shape| {
                let (empty, brackets) = (shape.empty, if shape.empty { 3 } else { 2 });
                let shape = Some(shape);
                let length = shape.map_or(0, |shape| shape.inside) + brackets;
                (Piece::Start { empty, shape }, length)
            }),
        [b'&', ..] => reference(text).map(|length| (Piece::Reference, length)),
        _ => match memchr2(b'<', b'&', bytes) {
            None if !last => return Found::Cut,
            end => Some((Piece::Text, end.unwrap_or(bytes.len()))),
        },
    };
    found.map_or(Found::Other, |(piece, length)| Found::Token(piece, length))
}

/// The token at the beginning of a text that begins with a bracket or an ampersand, as the tokenizer sees it; `None` at the end.
///
/// # Errors
/// What the tokenizer says.
pub fn tokenized(text: &str) -> Result<Option<(Piece, usize)>, quick_xml::Error> {
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.trim_markup_names_in_closing_tags = false;
    let piece = match reader.read_event()? {
        Event::Start(_) => Piece::Start {
            empty: false,
            shape: None,
        },
        Event::Empty(_) => Piece::Start {
            empty: true,
            shape: None,
        },
        Event::End(_) => Piece::End,
        Event::Text(_) => Piece::Text,
        Event::GeneralRef(_) => Piece::Reference,
        Event::CData(_) => Piece::CData,
        Event::Comment(_) => Piece::Comment,
        Event::PI(_) => Piece::Instruction,
        Event::Decl(_) => Piece::Declaration,
        Event::DocType(_) => Piece::DocType,
        Event::Eof => return Ok(None),
    };
    let length = usize::try_from(reader.buffer_position()).unwrap_or(text.len());
    Ok(Some((piece, length)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8192))]

        /// What is found in the quick way is what the tokenizer finds.
        #[test]
        fn tokens_are_those_of_the_tokenizer(
            begin in r#"<a|</a|</b|<|&|x|é|<a b='|<a b=""#,
            middle in r#"[ab:é"'=/<>&;#! \t\u{1}-]{0,8}|amp|#65|#xZ|c d="12345678é0'&lt;""#,
            end in r#"/?>?;?[<>a'" é]{0,4}"#,
            last in any::<bool>(),
        ) {
            let text = format!("{begin}{middle}{end}");
            let (limits, mut attributes) = (ReadLimits::default(), Vec::new());
            match quick(&text, last, Some("a"), &limits, &mut attributes) {
                Found::Token(piece, length) => {
                    let piece = match piece {
                        Piece::Start { empty, .. } => Piece::Start { empty, shape: None },
                        other => other,
                    };
                    prop_assert_eq!(tokenized(&text).ok().flatten(), Some((piece, length)), "{}", text);
                }
                Found::Cut => prop_assert!(!last && !text.contains(['<', '&'])),
                Found::Other => prop_assert!(text.starts_with(['<', '&'])),
            }
        }
    }

    #[test]
    fn common_tokens_are_found_quickly() {
        let limits = ReadLimits::default();
        let found = |text| quick(text, false, Some("a"), &limits, &mut Vec::new());
        assert_eq!(found("</a><b>"), Found::Token(Piece::End, 4));
        assert_eq!(found("text<b>"), Found::Token(Piece::Text, 4));
        assert_eq!(found("&#65;<b>"), Found::Token(Piece::Reference, 5));
        assert!(matches!(
            found("<p:b c='&amp;' xmlns:p=\"é\" />text"),
            Found::Token(Piece::Start { empty: true, .. }, 30)
        ));
        assert_eq!(found("text"), Found::Cut);
        for other in [
            "</b>", "</a", "<b", "<b c='", "<!-- -->", "<?a?>", "&x;", "<b/",
        ] {
            assert_eq!(found(other), Found::Other, "{other}");
        }
    }
}
