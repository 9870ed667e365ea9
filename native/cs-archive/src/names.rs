//! Names of entries. Nothing is ever extracted to a disk; still, a name that would be a trick elsewhere is refused here.

use crate::ReadError;
use crate::directory::Entry;

/// The longest name, in bytes.
const NAME_BYTES: usize = 512;

/// The part that every package has.
pub const DOC_ITEM_SET: &str = "DocItemSet.xml";

/// The name with slashes, and whether it is a folder.
pub fn clean_name(raw: &[u8], utf8: bool, shown: &str) -> Result<(String, bool), ReadError> {
    let refused = |what: &str| Err(ReadError::refused(shown, what));
    if raw.is_empty() || raw.len() > NAME_BYTES {
        return refused("its name is empty or too long");
    }
    let Ok(text) = std::str::from_utf8(raw) else {
        return refused("its name is not UTF-8");
    };
    if !text.is_ascii() && !utf8 {
        return refused("its name is not ASCII and not marked as UTF-8");
    }
    if text.chars().any(is_deceptive) {
        return refused("its name holds control characters");
    }
    // Old tools write backslashes.
    let text = text.replace('\\', "/");
    let (name, folder) = text
        .strip_suffix('/')
        .map_or((text.as_str(), false), |name| (name, true));
    for component in name.split('/') {
        if component.is_empty() || component == "." || component == ".." {
            return refused("its name leads out of the package");
        }
        if component.contains(':') {
            return refused("its name holds a drive or a stream");
        }
        if component.ends_with([' ', '.']) || component.starts_with(' ') {
            return refused("its name begins or ends with a blank or a dot");
        }
        let stem = component
            .split('.')
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        let numbered = |prefix: &str| {
            stem.strip_prefix(prefix)
                .is_some_and(|n| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit()))
        };
        if matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL")
            || numbered("COM")
            || numbered("LPT")
        {
            return refused("its name is a device's");
        }
    }
    if !folder && name.to_ascii_lowercase().ends_with(".zip") {
        return refused("it is a package inside the package");
    }
    Ok((name.to_owned(), folder))
}

/// Control characters, and those that change how the text around them is shown.
fn is_deceptive(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Takes away one folder that wraps all entries, as re-zipping a folder leaves it.
pub fn strip_folder(entries: &mut [Entry]) {
    let wrapper = match entries.first().and_then(|first| first.name.split_once('/')) {
        Some((folder, _)) => format!("{folder}/"),
        None => return,
    };
    let at_root = |entry: &Entry| {
        entry
            .name
            .strip_prefix(&wrapper)
            .is_some_and(|rest| rest.eq_ignore_ascii_case(DOC_ITEM_SET))
    };
    if entries.iter().all(|entry| entry.name.starts_with(&wrapper)) && entries.iter().any(at_root) {
        for entry in entries {
            entry.name = entry.name.split_off(wrapper.len());
        }
    }
}
