//! References: only to characters that XML allows, and to the five entities that it predefines.

use super::characters::is_letter;
use super::{Broken, rule, shown};

pub(super) fn check_reference(name: &str) -> Result<(), Broken> {
    if is_reference(name) {
        Ok(())
    } else if name.starts_with('#') {
        rule(format!("the reference {} is no character", shown(name)))
    } else {
        rule(format!("the entity {} is not known", shown(name)))
    }
}

/// True for what names a predefined entity or a character.
pub(crate) fn is_reference(name: &str) -> bool {
    let Some(digits) = name.strip_prefix('#') else {
        return matches!(name, "lt" | "gt" | "amp" | "quot" | "apos");
    };
    let number = match digits.strip_prefix('x') {
        Some(hex) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => {
            u32::from_str_radix(hex, 16).ok()
        }
        None if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok(),
        _ => None,
    };
    number.and_then(char::from_u32).is_some_and(is_letter)
}
