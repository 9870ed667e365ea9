//! PowerShell's wildcards: `*`, `?`, `[a-c]`, and the backtick that takes their meaning away. Without regard to case.

use crate::audit::visible;

/// One element of a pattern.
#[derive(Debug, PartialEq)]
enum Token {
    Any,
    One,
    Literal(char),
    Set(Vec<(char, char)>),
}

/// A pattern, ready to match.
#[derive(Debug)]
pub struct Wildcard(Vec<Token>);

impl Wildcard {
    /// Reads a pattern. An opening bracket without its closing one is an error, as in PowerShell.
    pub fn parse(pattern: &str) -> Result<Self, String> {
        let mut tokens = Vec::new();
        let mut letters = pattern.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '*' => {
                    if tokens.last() != Some(&Token::Any) {
                        tokens.push(Token::Any);
                    }
                }
                '?' => tokens.push(Token::One),
                '`' => tokens.push(Token::Literal(fold(letters.next().unwrap_or('`')))),
                '[' => tokens.push(Token::Set(set(&mut letters).ok_or_else(|| {
                    format!(
                        "The wildcard pattern '{}' has no closing bracket.",
                        visible(pattern)
                    )
                })?)),
                other => tokens.push(Token::Literal(fold(other))),
            }
        }
        Ok(Self(tokens))
    }

    /// True when the whole text fits.
    pub fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().map(fold).collect();
        // Greedy with one step back to the last `*`: linear in practice, never exponential.
        let (mut at, mut token) = (0, 0);
        let mut back: Option<(usize, usize)> = None;
        loop {
            let step = match (self.0.get(token), text.get(at)) {
                (None, None) => return true,
                (Some(Token::Any), _) => {
                    back = Some((token + 1, at));
                    token += 1;
                    continue;
                }
                (Some(Token::One), Some(_)) => true,
                (Some(Token::Literal(wanted)), Some(found)) => wanted == found,
                (Some(Token::Set(ranges)), Some(found)) => ranges
                    .iter()
                    .any(|(low, high)| low <= found && found <= high),
                _ => false,
            };
            if step {
                at += 1;
                token += 1;
            } else if let Some((after, from)) = back {
                if from >= text.len() {
                    return false;
                }
                back = Some((after, from + 1));
                at = from + 1;
                token = after;
            } else {
                return false;
            }
        }
    }
}

fn set(letters: &mut std::str::Chars<'_>) -> Option<Vec<(char, char)>> {
    let inside: Vec<char> = {
        let text = letters.as_str();
        let end = text.find(']').filter(|&end| end > 0)?;
        let inside = text.get(..end)?.chars().map(fold).collect();
        *letters = text.get(end + 1..)?.chars();
        inside
    };
    let mut ranges = Vec::new();
    let mut rest = inside.as_slice();
    loop {
        rest = match rest {
            [] => return Some(ranges),
            [low, '-', high, tail @ ..] => {
                ranges.push((*low, *high));
                tail
            }
            [one, tail @ ..] => {
                ranges.push((*one, *one));
                tail
            }
        };
    }
}

fn fold(letter: char) -> char {
    letter.to_lowercase().next().unwrap_or(letter)
}

#[cfg(test)]
mod tests {
    use super::Wildcard;

    #[test]
    fn patterns_match_as_in_powershell() {
        for (pattern, text, fits) in [
            ("*Voice*", "CSVoiceAdministrator", true),
            ("*voice*", "CSHelpDesk", false),
            ("CsH?lpDesk", "CSHelpDesk", true),
            ("Cs[f-h]elp*", "CSHelpDesk", true),
            ("Cs[a-c]elp*", "CSHelpDesk", false),
            ("*", "", true),
            ("", "x", false),
            ("`*", "*", true),
            ("`*", "x", false),
            ("a*b*c", "aXXbYYc", true),
            ("a*b*c", "aXXbYY", false),
        ] {
            assert_eq!(
                Wildcard::parse(pattern).unwrap().matches(text),
                fits,
                "{pattern} {text}"
            );
        }
        assert!(Wildcard::parse("[abc").is_err());
    }

    #[test]
    fn many_stars_stay_fast() {
        let pattern = "*a".repeat(40);
        assert!(!Wildcard::parse(&pattern).unwrap().matches(&"a".repeat(39)));
    }
}
