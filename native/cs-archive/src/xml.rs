//! Documents that are only checked.

use crate::scan::{Discard, Scanner};
use crate::{ReadError, ReadLimits};

/// Checks that a document is well formed, without DOCTYPE, and within the limits. UTF-8 with or without BOM, UTF-16 with BOM.
///
/// # Errors
/// [`ReadError::Xml`] with line and column, or [`ReadError::Limit`].
pub fn check_xml(bytes: &[u8], entry: &str, limits: &ReadLimits) -> Result<(), ReadError> {
    let mut scanner = Scanner::new(entry, limits);
    scanner.push(bytes, true, &mut Discard)
}
