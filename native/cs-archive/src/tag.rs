//! Start tags as almost all are: plain names, and attributes with one blank in front. Every byte is looked at once. Whatever is
//! different is left to [`crate::rules`], which knows all rules and says what is wrong.

use crate::ReadLimits;
use crate::rules::RawAttribute;

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

/// What was found in a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Length of the element's name.
    pub name: usize,
    /// A name has a prefix, or a namespace is declared.
    pub namespaces: bool,
}

/// Reads the inside of a tag. `None` when it is not plain, or wrong, or beyond a limit; `attributes` are of no use then.
pub fn plain<'t>(
    tag: &'t str,
    limits: &ReadLimits,
    attributes: &mut Vec<RawAttribute<'t>>,
) -> Option<Shape> {
    let bytes = tag.as_bytes();
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
        if at == bytes.len() {
            return Some(Shape { name, namespaces });
        }
        if blank == 0 || attributes.len() == limits.attributes {
            return None;
        }
        let end = end_of_name(at, &mut namespaces)?;
        let name = tag.get(at..end)?;
        namespaces |= name == "xmlns";
        let quote = match bytes.get(end..end + 2)? {
            [b'=', quote @ (b'"' | b'\'')] => *quote,
            _ => return None,
        };
        let start = end + 2;
        at = start;
        loop {
            at += span(bytes.get(at..)?, PLAIN);
            match bytes.get(at)? {
                byte if *byte == quote => break,
                b'"' | b'\'' => at += 1,
                _ => return None,
            }
        }
        attributes.push(RawAttribute {
            name,
            value: tag.get(start..at)?,
        });
        at += 1;
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
            tag in r#"[ab:]{1,3}( {1,2}[ab:é-]{1,2}="[ab <&'"é\x01\u{ffff}\t]{0,3}["']){0,3}[ /]{0,1}"#,
        ) {
            let limits = ReadLimits::default();
            let mut quick = Vec::new();
            if let Some(shape) = plain(&tag, &limits, &mut quick) {
                let mut slow = Vec::new();
                let name = Rules::new(&limits).slow_start(&tag, &mut slow);
                let twins = quick.iter().enumerate().any(|(at, one)| quick[..at].iter().any(|other| other.name == one.name));
                if shape.namespaces || twins {
                    prop_assert!(twins <= name.is_err());
                } else {
                    prop_assert_eq!(name.ok(), Some(&tag[..shape.name]));
                    prop_assert_eq!(quick, slow);
                }
            }
        }
    }

    #[test]
    fn a_plain_tag_is_plain() {
        let mut attributes = Vec::new();
        let shape = plain(
            r#"Rule Name="a" Pattern='^1"$' /"#.trim_end_matches('/'),
            &ReadLimits::default(),
            &mut attributes,
        );
        assert_eq!(
            shape,
            Some(Shape {
                name: 4,
                namespaces: false
            })
        );
        assert_eq!(attributes.len(), 2);
        assert_eq!(attributes[1].value, "^1\"$");
    }
}
