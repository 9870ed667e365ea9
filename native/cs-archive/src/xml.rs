//! Documents that are only checked.

use crate::scan::{Discard, Scanner};
use crate::{ReadError, ReadLimits};

/// Bytes that are looked at at once.
const PIECE_BYTES: usize = 128 * 1024;

/// Checks a document that comes in pieces: it must be well formed, without DOCTYPE, and within the limits. UTF-8 with or without BOM,
/// UTF-16 with BOM. How the bytes are cut changes nothing.
pub struct XmlCheck<'l>(Scanner<'l>);

impl<'l> XmlCheck<'l> {
    /// A check of a document; errors call it `entry`.
    #[must_use]
    pub fn new(entry: &str, limits: &'l ReadLimits) -> Self {
        Self(Scanner::new(entry, limits))
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`ReadError::Xml`] with line and column, or [`ReadError::Limit`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), ReadError> {
        self.0.push(bytes, false, &mut Discard)
    }

    /// The end of the document.
    ///
    /// # Errors
    /// As for [`Self::push`].
    pub fn finish(mut self) -> Result<(), ReadError> {
        self.0.push(&[], true, &mut Discard)
    }
}

/// Checks a whole document as [`XmlCheck`] does.
///
/// # Errors
/// [`ReadError::Xml`] with line and column, or [`ReadError::Limit`].
pub fn check_xml(bytes: &[u8], entry: &str, limits: &ReadLimits) -> Result<(), ReadError> {
    let mut check = XmlCheck::new(entry, limits);
    // Piece by piece, so that no second copy of a long document is made.
    for piece in bytes.chunks(PIECE_BYTES) {
        check.push(piece)?;
    }
    check.finish()
}
