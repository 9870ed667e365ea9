//! Distinguished names of directories, compared part by part and never as texts.

use std::fmt;

use crate::shown;

/// A distinguished name such as `ou=Redmond,dc=litwareinc,dc=com`, in the text form of RFC 4514.
///
/// Two names are equal when their parts are: types and values without regard to case, blanks at the ends of values and
/// repeated ones inside left out, as directories compare them. `ou=Red,dc=x` is no part of `ou=Redmond,dc=x`.
#[derive(Debug, Clone)]
pub struct DistinguishedName {
    text: String,
    parts: Vec<Part>,
}

/// One relative name: one or more types with their values, in the order of their types.
type Part = Vec<(String, String)>;

/// Why a text is not a distinguished name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{}' is not a distinguished name: {why}", shown(.text))]
pub struct DistinguishedNameError {
    /// The text as given, shortened.
    pub text: String,
    /// What is wrong.
    pub why: &'static str,
}

impl DistinguishedName {
    /// The longest name accepted, in bytes.
    pub const MAX_LENGTH: usize = 4_096;

    /// Reads a name. Blanks around `=`, `,` and `+` do not count.
    ///
    /// # Errors
    /// [`DistinguishedNameError`] when it is empty, too long, a part has no type or no value, or an escape is broken.
    pub fn parse(text: &str) -> Result<Self, DistinguishedNameError> {
        let refuse = |why| DistinguishedNameError {
            text: text.chars().take(128).collect(),
            why,
        };
        if text.len() > Self::MAX_LENGTH {
            return Err(refuse("it is longer than 4096 bytes"));
        }
        if text.chars().any(char::is_control) {
            return Err(refuse("it holds a control character"));
        }
        let mut parts: Vec<Part> = Vec::new();
        for part in split(text, &[',', ';']) {
            let mut pairs = Part::new();
            for pair in split(part, &['+']) {
                let (name, value) = pair
                    .split_once('=')
                    .ok_or_else(|| refuse("a part has no `=`"))?;
                let name = name.trim().to_ascii_lowercase();
                let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
                if name.is_empty() || !name.chars().all(plain) {
                    return Err(refuse("a part has no type in front of its `=`"));
                }
                let value = unescape(value).map_err(refuse)?;
                if value.is_empty() {
                    return Err(refuse("a part has no value"));
                }
                pairs.push((name, value));
            }
            pairs.sort_unstable();
            parts.push(pairs);
        }
        Ok(Self {
            text: text.trim().to_owned(),
            parts,
        })
    }

    /// The name as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True when `other` is this name, or something below it.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        other.parts.ends_with(&self.parts)
    }
}

impl PartialEq for DistinguishedName {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

impl Eq for DistinguishedName {}

impl std::hash::Hash for DistinguishedName {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.parts.hash(state);
    }
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Splits at letters that are neither escaped nor inside quotes. (Older texts have semicolons between the parts.)
fn split<'a>(text: &'a str, at: &[char]) -> Vec<&'a str> {
    let (mut pieces, mut start) = (Vec::new(), 0);
    let (mut escaped, mut quoted) = (false, false);
    for (place, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            _ if at.contains(&letter) && !quoted => {
                pieces.push(text.get(start..place).unwrap_or_default());
                start = place + letter.len_utf8();
            }
            _ => {}
        }
    }
    pieces.push(text.get(start..).unwrap_or_default());
    pieces
}

/// A value without its escapes and quotes, folded for comparison.
fn unescape(value: &str) -> Result<String, &'static str> {
    let value = value.trim_start();
    let mut bytes = Vec::new();
    let mut letters = value.chars().peekable();
    let (mut quoted, mut kept) = (false, 0);
    while let Some(letter) = letters.next() {
        match letter {
            '"' => quoted = !quoted,
            '\\' => {
                let next = letters.next().ok_or("it ends in a backslash")?;
                match (
                    next.to_digit(16),
                    letters.peek().and_then(|c| c.to_digit(16)),
                ) {
                    (Some(high), Some(low)) => {
                        letters.next();
                        bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
                    }
                    _ if next.is_ascii_alphanumeric() => {
                        return Err("a backslash stands before something that needs none");
                    }
                    _ => push(&mut bytes, next),
                }
                kept = bytes.len();
            }
            _ => {
                push(&mut bytes, letter);
                if letter != ' ' || quoted {
                    kept = bytes.len();
                }
            }
        }
    }
    if quoted {
        return Err("a quotation mark is not closed");
    }
    // Blanks at the end are no part of a value unless they were escaped.
    bytes.truncate(kept);
    let text = String::from_utf8(bytes).map_err(|_| "its escapes are not UTF-8")?;
    if text.chars().any(char::is_control) {
        return Err("it holds a control character");
    }
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    Ok(words.join(" ").to_lowercase())
}

fn push(bytes: &mut Vec<u8>, letter: char) {
    bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> DistinguishedName {
        DistinguishedName::parse(text).unwrap()
    }

    #[test]
    fn names_are_compared_by_their_parts() {
        let redmond = name("ou=Redmond,dc=litwareinc,dc=com");
        for same in [
            "OU=redmond, DC=LitwareInc , dc = com",
            "ou=Red\\6dond,dc=litwareinc,dc=com",
            "ou=\"Redmond\";dc=litwareinc;dc=com",
        ] {
            assert_eq!(redmond, name(same), "{same}");
        }
        assert!(redmond.contains(&name(
            "cn=Ken Myer,ou=Voice,ou=Redmond,dc=litwareinc,dc=com"
        )));
        assert!(redmond.contains(&redmond));
        for other in [
            "ou=Red,dc=litwareinc,dc=com",
            "ou=NotRedmond,dc=litwareinc,dc=com",
            "cn=x\\,ou=Redmond,dc=litwareinc,dc=com",
            "dc=litwareinc,dc=com",
            "ou=Redmond,dc=litwareinc,dc=com,dc=evil",
            "cn=\"a,ou=Redmond\",dc=litwareinc,dc=com",
        ] {
            assert!(!redmond.contains(&name(other)), "{other}");
        }
        assert_eq!(name("cn=a+ou=b,dc=x"), name("ou=b + cn=A,dc=x"));
        assert_eq!(name("ou=Two  Words,dc=x"), name("ou= two words ,dc=x"));
        assert_ne!(name("ou=a\\,b,dc=x"), name("ou=a,dc=x"));
    }

    #[test]
    fn what_is_no_name_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "no `=`"),
            ("Redmond", "no `=`"),
            ("ou=", "no value"),
            ("=Redmond", "no type"),
            ("ou=a,,dc=b", "no `=`"),
            ("ou=a\\", "backslash"),
            ("ou=a\\zb", "backslash"),
            ("ou=\"a", "not closed"),
            ("ou=a\nb", "control"),
            ("ou=a\\0ab", "control"),
            ("ou=\\ff\\fe", "UTF-8"),
        ] {
            let fault = DistinguishedName::parse(text).unwrap_err();
            assert!(fault.to_string().contains(why), "{text:?}: {fault}");
        }
        let long = format!("ou={}", "a".repeat(5_000));
        assert!(DistinguishedName::parse(&long).is_err());
    }
}
