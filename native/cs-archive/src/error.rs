//! Why a package or a document is refused.

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
    #[error("the package is damaged at '{}': {what}", .entry.escape_debug())]
    Damaged {
        /// The entry, or the structure of the ZIP.
        entry: String,
        /// The contradiction.
        what: String,
    },
    /// The package is sound and holds something that is not accepted.
    #[error("'{}' is not accepted in a package: {what}", .entry.escape_debug())]
    Refused {
        /// The entry.
        entry: String,
        /// Why.
        what: String,
    },
    /// A part that every package has is not there.
    #[error("the package has no {part}")]
    Missing {
        /// Its name.
        part: String,
    },
    /// A limit is exceeded.
    #[error("the package has more {what} than the limit of {limit}")]
    Limit {
        /// What is limited, in the plural.
        what: String,
        /// The limit.
        limit: u64,
    },
    /// A document is not well formed.
    #[error("{entry} is not well formed at line {line}, column {column}: {what}")]
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
            entry: entry.to_owned(),
            what: what.into(),
        }
    }

    pub(crate) fn damaged(entry: &str, what: impl Into<String>) -> Self {
        Self::Damaged {
            entry: entry.to_owned(),
            what: what.into(),
        }
    }

    pub(crate) fn limit(what: &str, limit: u64) -> Self {
        Self::Limit {
            what: what.to_owned(),
            limit,
        }
    }
}
