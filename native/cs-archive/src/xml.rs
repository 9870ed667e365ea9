//! Documents that are only checked.

use crate::scan::{Discard, Scanner};
use crate::{ReadError, ReadLimits};

/// Bytes that are looked at at once.
const PIECE_BYTES: usize = 128 * 1024;

/// Checks that a document is well formed, without DOCTYPE, and within the limits. UTF-8 with or without BOM, UTF-16 with BOM.
///
/// # Errors
/// [`ReadError::Xml`] with line and column, or [`ReadError::Limit`].
pub fn check_xml(bytes: &[u8], entry: &str, limits: &ReadLimits) -> Result<(), ReadError> {
    let mut scanner = Scanner::new(entry, limits);
    // Piece by piece, so that no second copy of a long document is made.
    for piece in bytes.chunks(PIECE_BYTES) {
        scanner.push(piece, false, &mut Discard)?;
    }
    scanner.push(&[], true, &mut Discard)
}
