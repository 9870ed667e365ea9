//! Why a package or a document is refused.

use cs_model::shown as escaped;

/// An error of reading. Nothing that was read may be used when one is returned.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file is something else.
    #[error("this is not a ZIP package: {what}")]
    NotAZip {
        /// What it looks like.
        what: String,
    },
    /// The end is missing.
    #[error("the package is cut off: {what}")]
    Truncated {
        /// What is missing.
        what: String,
    },
    /// The package contradicts itself.
    #[error("the package is damaged at '{entry}': {what}")]
    Damaged {
        /// The entry, or the structure of the ZIP; fit to be shown.
        entry: String,
        /// The contradiction.
        what: String,
    },
    /// The package is sound and holds something that is not accepted.
    #[error("'{entry}' is not accepted in a package: {what}")]
    Refused {
        /// The entry; fit to be shown.
        entry: String,
        /// Why.
        what: String,
    },
    /// A part that every package has is not there.
    #[error("the package has no {part}{}", elsewhere(.found.as_deref()))]
    Missing {
        /// Its name.
        part: String,
        /// A part of that name in a place where it does not count; fit to be shown.
        found: Option<String>,
    },
    /// It is a package, and not one of a configuration.
    #[error("the package holds no configuration: {what}")]
    NoConfiguration {
        /// What it holds.
        what: &'static str,
    },
    /// A limit is exceeded.
    #[error("the package has more {what} than the limit of {limit}")]
    Limit {
        /// What is limited, in the plural.
        what: String,
        /// The limit.
        limit: u64,
        /// Its name in `settings.json`.
        setting: &'static str,
    },
    /// A document is not well formed.
    #[error("'{entry}' is not well formed at line {line}, column {column}: {what}")]
    Xml {
        /// The entry.
        entry: String,
        /// From 1.
        line: u64,
        /// From 1, in characters.
        column: u64,
        /// What is wrong.
        what: String,
    },
    /// The file could not be read.
    #[error("the package cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// The caller gave up.
    #[error("the reading was stopped")]
    Stopped,
}

impl ReadError {
    pub(crate) fn refused(entry: &str, what: impl Into<String>) -> Self {
        Self::Refused {
            entry: shown(entry),
            what: what.into(),
        }
    }

    pub(crate) fn damaged(entry: &str, what: impl Into<String>) -> Self {
        Self::Damaged {
            entry: shown(entry),
            what: what.into(),
        }
    }

    pub(crate) fn limit(what: &str, limit: u64, setting: &'static str) -> Self {
        Self::Limit {
            what: what.to_owned(),
            limit,
            setting,
        }
    }
}

fn elsewhere(found: Option<&str>) -> String {
    found.map_or_else(String::new, |found| {
        format!(" at its root; there is one at '{found}'")
    })
}

/// The longest name that is shown whole, in characters.
const SHOWN: usize = 80;

/// A name as it may be shown anywhere: short, and without hidden characters.
pub(crate) fn shown(name: &str) -> String {
    match name.char_indices().nth(SHOWN) {
        None => escaped(name),
        Some((end, _)) => format!("{}...", escaped(name.get(..end).unwrap_or_default())),
    }
}
