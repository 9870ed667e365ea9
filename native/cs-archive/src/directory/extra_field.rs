//! The extra fields of a header: 64-bit sizes, and what would give the entry another name.

use crate::ReadError;
use crate::bytes::Fields;

/// The 64-bit sizes of an extra field. Tools write them also where 32 bits would do: when they do not know the size beforehand, or
/// when they are told to. So each counts exactly where its 32-bit field says that it stands for it, and none may be left over.
pub(super) struct Wide<'a> {
    fields: Fields<'a>,
    present: bool,
    used: bool,
}

impl<'a> Wide<'a> {
    /// Looks through the extra fields; one that gives the entry another name is refused.
    pub(super) fn read(extra: &'a [u8], shown: &str, raw_name: &[u8]) -> Result<Self, ReadError> {
        let mut all = Fields(extra);
        let mut found = Self {
            fields: Fields(&[]),
            present: false,
            used: false,
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
                        used: false,
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
            self.used = true;
            self.fields.u64()
        } else {
            Some(u64::from(short))
        }
    }

    /// The lengths of content and data in a local header. Its 64-bit fields are always both of them, and some tools leave them there
    /// beside 32-bit ones that they filled in later: then they must say the same, or nothing yet.
    pub(super) fn lengths(&mut self, content: u32, data: u32) -> Option<(u64, u64)> {
        if !self.present {
            let narrow = content != u32::MAX && data != u32::MAX;
            return narrow.then(|| (u64::from(content), u64::from(data)));
        }
        let (wide_content, wide_data) = (self.fields.u64()?, self.fields.u64()?);
        let agree = |short: u32, wide: u64| short == u32::MAX || u64::from(short) == wide;
        let agree = agree(content, wide_content) && agree(data, wide_data);
        (agree && self.fields.0.is_empty()).then_some((wide_content, wide_data))
    }

    /// True when nothing is left over, and an empty field is not there at all.
    pub(super) fn used_up(&self) -> bool {
        self.fields.0.is_empty() && self.used == self.present
    }
}
