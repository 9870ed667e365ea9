//! The one normaliser of cmdlet names: what roles list and what callers ask for meet here.

use std::fmt;
use std::hash::{Hash, Hasher};

use crate::shown;

/// The name of a cmdlet: `Verb-CsNoun`, ASCII letters and digits with one hyphen.
///
/// Compared without regard to case. Wildcards, module prefixes, look-alike hyphens and control
/// characters are refused, so a name in a grant means one cmdlet.
#[derive(Debug, Clone)]
pub struct CmdletName(String);

/// Why a text is not a cmdlet name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{}' is not a cmdlet name; expected Verb-CsNoun", shown(.text))]
pub struct CmdletNameError {
    /// The text as given.
    pub text: String,
}

impl CmdletName {
    /// The longest name accepted, in characters.
    pub const MAX_LENGTH: usize = 128;

    /// Reads a name.
    ///
    /// # Errors
    /// [`CmdletNameError`] when the text has another form.
    pub fn parse(text: &str) -> Result<Self, CmdletNameError> {
        let bad = || CmdletNameError {
            text: text.chars().take(Self::MAX_LENGTH).collect(),
        };
        if text.len() > Self::MAX_LENGTH {
            return Err(bad());
        }
        let (verb, noun) = text.split_once('-').ok_or_else(bad)?;
        let plain =
            |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric());
        if plain(verb) && plain(noun) {
            Ok(Self(text.to_owned()))
        } else {
            Err(bad())
        }
    }

    /// The name as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for CmdletName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for CmdletName {}

impl Hash for CmdletName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.0.bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
    }
}

impl fmt::Display for CmdletName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_matter() {
        assert_eq!(
            CmdletName::parse("export-csconfiguration"),
            CmdletName::parse("Export-CsConfiguration")
        );
    }

    #[test]
    fn tricks_are_refused() {
        for text in [
            "",
            "Get-",
            "-CsPool",
            "Get-Cs*",
            "CsVault\\Get-CsPool",
            "Get\u{2011}CsPool",
            "Get-CsPool\0",
            "Get-CsPool ",
            "Get-Cs-Pool",
            "Gеt-CsPool",
        ] {
            assert!(CmdletName::parse(text).is_err(), "{text:?}");
        }
    }
}
