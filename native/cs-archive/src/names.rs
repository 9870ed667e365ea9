//! Names of entries. Nothing is ever extracted to a disk; still, a name that would be a trick elsewhere is refused here.

use cs_model::is_hidden;

use crate::ReadError;
use crate::directory::Entry;
use crate::twins::has_one_form;

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
    if text.chars().any(is_hidden) {
        return refused("its name holds control characters");
    }
    if !text.chars().all(has_one_form) {
        return refused("its name holds characters that can be written in several ways");
    }
    // Old tools write backslashes; others begin each name at the current folder, and have an entry for that folder too.
    let text = text.replace('\\', "/");
    if text == "./" {
        return Ok((".".to_owned(), true));
    }
    let text = text.strip_prefix("./").unwrap_or(&text);
    let (name, folder) = text
        .strip_suffix('/')
        .map_or((text, false), |name| (name, true));
    for component in name.split('/') {
        if component.is_empty() || component == "." || component == ".." {
            return refused("its name leads out of the package, or is no plain path");
        }
        if component.contains(':') {
            return refused("its name holds a drive or a stream");
        }
        if component.ends_with([' ', '.']) || component.starts_with(' ') {
            return refused("its name begins or ends with a blank or a dot");
        }
        if is_device(component) {
            return refused("its name is a device's");
        }
    }
    if !folder && name.to_ascii_lowercase().ends_with(".zip") {
        return refused("it is a package inside the package");
    }
    Ok((name.to_owned(), folder))
}

/// True for the devices of Windows, which are there in every folder and with every extension.
fn is_device(component: &str) -> bool {
    let stem = component.split('.').next().unwrap_or_default();
    let stem = stem.trim_end().to_ascii_uppercase();
    // Superscript digits count as digits there.
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix).is_some_and(|number| {
            let mut digits = number.chars();
            matches!(
                (digits.next(), digits.next()),
                (Some('0'..='9' | '\u{b9}' | '\u{b2}' | '\u{b3}'), None)
            )
        })
    };
    matches!(
        stem.as_str(),
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$"
    ) || numbered("COM")
        || numbered("LPT")
}

/// What macOS adds beside the files of a folder.
const MAC_FOLDER: &str = "__MACOSX/";

/// Leaves out what macOS adds when it zips a folder: attributes of the files, which are no part of a package. Returns how many
/// entries they were.
pub fn leave_out_attributes(entries: &mut Vec<Entry>) -> usize {
    let before = entries.len();
    entries.retain(|entry| !entry.name.starts_with(MAC_FOLDER));
    before - entries.len()
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
