//! The classes of characters of XML 1.0: white space, what text may hold, and what names consist of.

use super::{Broken, rule};

/// Skips white space, of which there is mostly one blank.
pub(super) fn skip_space(text: &str) -> &str {
    let skipped = text
        .bytes()
        .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
        .count();
    text.get(skipped..).unwrap_or_default()
}

pub(super) fn check_letters(text: &str) -> Result<(), Broken> {
    if is_plain(text) || text.chars().all(is_letter) {
        return Ok(());
    }
    rule("there is a character that XML does not allow")
}

/// Almost all text has no control characters, no bracket, and not the byte that the two exceptions of Unicode begin with.
pub(super) fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| {
        (byte >= 0x20 || matches!(byte, b'\t' | b'\n' | b'\r')) & !matches!(byte, b']' | 0xef)
    };
    text.bytes().fold(true, |all, byte| all & plain(byte))
}

pub(super) fn is_letter(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

pub(super) fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\r' | '\n')
}

pub(super) fn is_name_start(letter: char) -> bool {
    letter.is_ascii_alphabetic()
        || matches!(letter, ':' | '_' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}'
            | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}'
            | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}')
}

pub(super) fn is_name(letter: char) -> bool {
    is_name_start(letter)
        || letter.is_ascii_digit()
        || matches!(letter, '-' | '.' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}
