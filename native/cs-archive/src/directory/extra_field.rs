//! The extra fields of a header: 64-bit sizes, and what would give the entry another name.

use crate::ReadError;
use crate::bytes::Fields;

/// The 64-bit sizes of an extra field.
pub(super) struct Wide<'a> {
    fields: Fields<'a>,
    present: bool,
}

impl<'a> Wide<'a> {
    /// Looks through the extra fields; one that gives the entry another name is refused.
    pub(super) fn read(extra: &'a [u8], shown: &str, raw_name: &[u8]) -> Result<Self, ReadError> {
        let mut all = Fields(extra);
        let mut found = Self {
            fields: Fields(&[]),
            present: false,
        };
        while all.0.len() >= 4 {
            let (id, length) = (all.u16(), all.u16().unwrap_or_default());
            let Some(body) = all.bytes(usize::from(length)) else {
                return Err(ReadError::damaged(shown, "an extra field is cut off"));
            };
            match id {
                Some(1) if found.present => {
                    return Err(ReadError::damaged(shown, "it has 64-bit fields twice"));
                }
                Some(1) => {
                    found = Self {
                        fields: Fields(body),
                        present: true,
                    }
                }
                // The version and a checksum come before the name.
                Some(0x7075) if body.get(5..) != Some(raw_name) => {
                    return Err(ReadError::refused(
                        shown,
                        "an extra field gives it another name",
                    ));
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// A 32-bit field, or the 64-bit one that stands for it.
    pub(super) fn size(&mut self, short: u32) -> Option<u64> {
        if short == u32::MAX {
            self.fields.u64()
        } else {
            Some(u64::from(short))
        }
    }

    pub(super) fn used_up(&self) -> bool {
        self.fields.0.is_empty()
    }
}
