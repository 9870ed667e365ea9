//! Start tags as almost all are: plain names, and attributes with white space in front. Every byte is looked at once, and values
//! eight at a time. Whatever is different is left to [`crate::rules`], which knows all rules and says what is wrong.

use crate::ReadLimits;
use crate::rules::{RawAttribute, is_reference};

/// The most bytes of a reference with its brackets; with more zeros in front, numbers are longer.
pub const REFERENCE_BYTES: usize = 16;

/// Letters, digits and signs of ASCII that names consist of, without the colon.
const NAME: u8 = 1;
/// Letters of ASCII, with which names begin.
const LETTER: u8 = 2;
/// What stands in a value without being looked at again: no quotes, no markup, no control characters, and not the byte that the two
/// characters begin with that XML forbids.
const PLAIN: u8 = 4;
const SPACE: u8 = 8;

const CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < classes.len() {
        #[expect(clippy::cast_possible_truncation, reason = "it is below 256")]
        let letter = byte as u8;
        let mut class = 0;
        if letter.is_ascii_alphabetic() {
            class |= LETTER;
        }
        if letter.is_ascii_alphanumeric() || matches!(letter, b'_' | b'-' | b'.') {
            class |= NAME;
        }
        if letter >= 0x20 && !matches!(letter, b'<' | b'&' | b'"' | b'\'' | 0xef) {
            class |= PLAIN;
        }
        if matches!(letter, b' ' | b'\t' | b'\r' | b'\n') {
            class |= SPACE;
        }
        #[expect(
            clippy::indexing_slicing,
            reason = "a constant, computed by the compiler"
        )]
        {
            classes[byte] = class;
        }
        byte += 1;
    }
    classes
}

fn is(byte: u8, class: u8) -> bool {
    CLASSES
        .get(usize::from(byte))
        .is_some_and(|known| known & class != 0)
}

/// How many bytes at the beginning are of a class.
fn span(bytes: &[u8], class: u8) -> usize {
    bytes
        .iter()
        .position(|&byte| !is(byte, class))
        .unwrap_or(bytes.len())
}

/// Eight times the same byte.
const fn eight(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// How many bytes at the beginning of a value are neither its quote nor to be looked at again. Eight are compared at a time, in one
/// number: the highest bit of a byte of `odd` is set where the byte is odd. A carry may set bits behind the first odd byte, never
/// before it.
fn span_of_value(bytes: &[u8], quote: u8) -> usize {
    let quotes = eight(quote);
    let zero = |word: u64| word.wrapping_sub(eight(1)) & !word;
    let mut at = 0;
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let word = u64::from_le_bytes(*word);
        let odd = zero(word ^ quotes) | zero(word ^ eight(b'<')) | zero(word ^ eight(b'&'));
        // Control characters, and what is not ASCII.
        let odd = (odd | word.wrapping_sub(eight(b' ')) | word) & eight(0x80);
        if odd != 0 {
            return at + odd.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at + span(bytes.get(at..).unwrap_or_default(), PLAIN)
}

/// Length of the reference at the beginning, with its brackets, if it is one that XML knows and not unusually long.
pub fn reference(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let end = bytes
        .iter()
        .take(REFERENCE_BYTES)
        .position(|&byte| byte == b';')?;
    is_reference(text.get(1..end)?).then_some(end + 1)
}

/// What was found in a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Length of the element's name.
    pub name: usize,
    /// Length of what stands between the brackets, without a closing slash.
    pub inside: usize,
    /// There is a closing slash.
    pub empty: bool,
    /// A name has a prefix, or a namespace is declared.
    pub namespaces: bool,
}

/// Reads a tag; `text` begins behind its bracket and may hold more. `None` when it is not plain, or wrong, or not whole, or beyond a
/// limit; `attributes` are of no use then.
pub fn plain<'t>(
    text: &'t str,
    limits: &ReadLimits,
    attributes: &mut Vec<RawAttribute<'t>>,
) -> Option<Shape> {
    attributes.clear();
    let bytes = text.as_bytes();
    let mut namespaces = false;
    let end_of_name = |at: usize, namespaces: &mut bool| {
        let rest = bytes.get(at..)?;
        if !is(*rest.first()?, LETTER) {
            return None;
        }
        let mut length = span(rest, NAME);
        if rest.get(length) == Some(&b':') {
            *namespaces = true;
            let local = rest.get(length + 1..)?;
            if !is(*local.first()?, LETTER) {
                return None;
            }
            length += 1 + span(local, NAME);
        }
        (length <= limits.name_bytes).then_some(at + length)
    };
    let name = end_of_name(0, &mut namespaces)?;
    let mut at = name;
    loop {
        let blank = span(bytes.get(at..)?, SPACE);
        at += blank;
        let empty = match bytes.get(at..)? {
            [b'>', ..] => Some(false),
            [b'/', b'>', ..] => Some(true),
            _ => None,
        };
        if let Some(empty) = empty {
            return Some(Shape {
                name,
                inside: at,
                empty,
                namespaces,
            });
        }
        if blank == 0 || attributes.len() == limits.attributes {
            return None;
        }
        let end = end_of_name(at, &mut namespaces)?;
        let name = text.get(at..end)?;
        namespaces |= name == "xmlns";
        let quote = match bytes.get(end..end + 2)? {
            [b'=', quote @ (b'"' | b'\'')] => *quote,
            _ => return None,
        };
        let start = end + 2;
        let end = end_of_value(text, start, quote)?;
        attributes.push(RawAttribute {
            name,
            value: text.get(start..end)?,
        });
        at = end + 1;
    }
}

/// Where the value that starts at a place ends.
fn end_of_value(text: &str, start: usize, quote: u8) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = start;
    loop {
        at += span_of_value(bytes.get(at..)?, quote);
        match bytes.get(at)? {
            byte if *byte == quote => return Some(at),
            b'"' | b'\'' => at += 1,
            b'&' => at += reference(text.get(at..)?)?,
            byte if is(*byte, PLAIN) => at += span(bytes.get(at..)?, PLAIN),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rules::Rules;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        /// What is read in the quick way is what all rules say.
        #[test]
        fn plain_tags_are_read_as_the_rules_read_them(
            tag in r#"[ab:]{1,3}( {1,2}[ab:é-]{1,2}="([ab>'"é\x01\u{ffff}\t]{0,3}|[a-z]{6,10}[<é'"]?[a-z]{0,9}|&(amp|x|#9|#0);)["']){0,3} {0,1}"#,
        ) {
            let limits = ReadLimits::default();
            let mut quick = Vec::new();
            let text = format!("{tag}/>");
            if let Some(shape) = plain(&text, &limits, &mut quick) {
                let tag = &text[..shape.inside];
                let mut slow = Vec::new();
                let mut rules = Rules::new(&limits);
                let name = rules.slow_start(tag, &mut slow).ok();
                let quickly = rules.quick_start(tag, &shape, &quick).ok();
                prop_assert_eq!(name, quickly);
                if name.is_some() {
                    prop_assert_eq!(name, Some(&tag[..shape.name]));
                    prop_assert_eq!(quick, slow);
                }
            }
        }

        /// Eight bytes at a time, or one.
        #[test]
        fn the_span_of_a_value_is_what_is_plain_in_ascii(value in r#"[ -~]{0,20}[\x00-\xff"'<&]?[ -~\xa0-\xff]{0,20}"#) {
            for quote in [b'"', b'\''] {
                let found = span_of_value(value.as_bytes(), quote);
                let odd = |&byte: &u8| byte == quote || matches!(byte, b'<' | b'&' | ..0x20 | 0x80..);
                let first = value.bytes().position(|byte| odd(&byte)).unwrap_or(value.len());
                // The last bytes, fewer than eight, stop at either quote and go on behind other letters.
                prop_assert!(found == first || first - first % 8 <= found, "{} {}", found, first);
                prop_assert!(value.bytes().take(found).all(|byte| byte >= 0x20 && byte != quote && !matches!(byte, b'<' | b'&' | 0xef)));
            }
        }
    }

    #[test]
    fn a_plain_tag_is_plain() {
        let mut attributes = Vec::new();
        let shape = plain(
            r#"Rule Name="a &lt; b and so on" Pattern='^1"$' /> <more/>"#,
            &ReadLimits::default(),
            &mut attributes,
        );
        assert_eq!(
            shape,
            Some(Shape {
                name: 4,
                inside: 46,
                empty: true,
                namespaces: false
            })
        );
        assert_eq!(attributes.len(), 2);
        assert_eq!(attributes[1].value, "^1\"$");
    }

    #[test]
    fn references_are_known_or_left_alone() {
        assert_eq!(reference("&amp;amp;"), Some(5));
        assert_eq!(reference("&#x1F600;"), Some(9));
        for other in [
            "&",
            "&;",
            "&x;",
            "&amp",
            "&#0;",
            "&a<b;",
            "&#x00000000000041;",
        ] {
            assert_eq!(reference(other), None, "{other}");
        }
    }
}
