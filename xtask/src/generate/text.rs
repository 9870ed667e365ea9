//! The text of an object, as its manifest has it: words, and properties in braces.

/// A piece of such a text.
#[derive(Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// What stands there as it is.
    Words(&'a str),
    /// What stood in braces.
    Property(&'a str),
}

/// The pieces, in their order. A brace that is not closed stays among the words.
pub fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((words, after)) = rest.split_once('{') {
        let Some((property, after)) = after.split_once('}') else {
            break;
        };
        parts.extend([Part::Words(words), Part::Property(property)]);
        rest = after;
    }
    parts.push(Part::Words(rest));
    parts
}

/// The inside of a string of PowerShell, in double quotes, that says it about `$this`.
pub fn script(text: &str) -> String {
    parts(text)
        .iter()
        .map(|part| match part {
            Part::Words(words) => escaped(words),
            Part::Property(property) => format!("$($this.{property})"),
        })
        .collect()
}

/// PowerShell ends such a string at the quotes of a typesetter too.
fn escaped(words: &str) -> String {
    let mut text = String::new();
    for letter in words.chars() {
        if matches!(
            letter,
            '"' | '\u{201C}' | '\u{201D}' | '\u{201E}' | '$' | '`'
        ) {
            text.push('`');
        }
        text.push(letter);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_words_and_properties_are_read() {
        assert_eq!(script("Name={Name}"), "Name=$($this.Name)");
        assert_eq!(
            script("5$ \"`{A}\u{201D}{B}"),
            "5`$ `\"``$($this.A)`\u{201D}$($this.B)"
        );
        assert_eq!(parts("{A"), [Part::Words("{A")]);
    }
}
