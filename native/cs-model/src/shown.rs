//! Texts of strangers where people read them.

/// True for characters that are not seen, or that change how what is around them is shown: controls, line separators, marks of
/// direction.
#[must_use]
pub fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// A text as it may be shown anywhere: hidden characters are written as `\u{...}`.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_hidden(letter) {
            out.extend(letter.escape_unicode());
        } else {
            out.push(letter);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hidden_is_left() {
        assert_eq!(
            shown("a\u{9b}31m\u{202e}é\\'\n"),
            "a\\u{9b}31m\\u{202e}é\\'\\u{a}"
        );
    }
}
