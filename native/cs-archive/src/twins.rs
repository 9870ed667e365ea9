//! Names that are told apart here and would be one name elsewhere: file systems differ in what they take for the same.

use std::collections::BTreeMap;

use crate::ReadError;
use crate::error::shown;

/// Whether a character can be written in one way only, whatever stands beside it. With these alone no two names are equal only
/// after Unicode normalization, which needs tables of its own otherwise. Marks that combine and doubles of other letters are left
/// out, and scripts in which nobody has been seen to name files of a configuration.
pub fn has_one_form(letter: char) -> bool {
    matches!(letter, '\0'..='\u{2ff}'
        // Greek and Cyrillic, Hebrew and Arabic letters.
        | '\u{370}'..='\u{373}' | '\u{376}'..='\u{377}' | '\u{37b}'..='\u{37d}' | '\u{37f}' | '\u{386}'
        | '\u{388}'..='\u{482}' | '\u{48a}'..='\u{52f}' | '\u{5d0}'..='\u{5ea}' | '\u{620}'..='\u{64a}'
        // Vietnamese, dashes and quotation marks.
        | '\u{1e00}'..='\u{1eff}' | '\u{2010}'..='\u{2027}'
        // Japanese, Chinese and Korean.
        | '\u{3001}'..='\u{3029}' | '\u{3041}'..='\u{3096}' | '\u{309b}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

/// The same for all spellings of a name. Lower case alone leaves `ß` beside `SS`, upper case alone `ı` beside `i`.
fn folded(name: &str) -> String {
    name.chars()
        .flat_map(char::to_lowercase)
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect()
}

/// Refuses a name that is there twice, in any case, and one that is a file and a folder at once. `names` are clean, with true for
/// folders.
pub fn refuse_twins<'a>(names: impl Iterator<Item = (&'a str, bool)>) -> Result<(), ReadError> {
    let mut entries: BTreeMap<String, (&str, bool)> = BTreeMap::new();
    for (name, folder) in names {
        if let Some((other, _)) = entries.insert(folded(name), (name, folder)) {
            return Err(ReadError::refused(name, twice(name, other)));
        }
    }
    for (key, (name, _)) in &entries {
        for (end, _) in key.match_indices('/') {
            let above = key.get(..end).and_then(|above| entries.get(above));
            if let Some((file, false)) = above {
                let what = format!("it is in '{}', which is a file", shown(file));
                return Err(ReadError::refused(name, what));
            }
        }
    }
    Ok(())
}

fn twice(name: &str, other: &str) -> String {
    if name == other {
        "the name is there twice".to_owned()
    } else {
        format!("the name is there twice, also as '{}'", shown(other))
    }
}
