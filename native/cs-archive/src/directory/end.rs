//! The records at the end of a package: the end of the directory, and the 64-bit one in front of it.

use std::io::{Read, Seek};

use super::{END, END64, LOCATOR64, hides_records, read_at, structure, truncated};
use crate::ReadError;
use crate::bytes::Fields;

const END_LENGTH: u64 = 22;
const LOCATOR64_LENGTH: u64 = 20;
const END64_LENGTH: u64 = 56;

/// What they say about the directory.
pub(super) struct End {
    pub(super) entries: u64,
    pub(super) size: u64,
    pub(super) offset: u64,
    /// Where the directory must end.
    at: u64,
}

/// Finds where the directory is.
pub(super) fn end_of_directory<R: Read + Seek>(
    input: &mut R,
    length: u64,
) -> Result<End, ReadError> {
    let tail_length = length.min(END_LENGTH + u64::from(u16::MAX));
    let tail_start = length - tail_length;
    let tail = read_at(input, tail_start, tail_length)?;
    // The last signature whose comment ends with the file; a second one inside its comment would be a second directory.
    let found = tail
        .windows(4)
        .enumerate()
        .rev()
        .filter(|(_, bytes)| *bytes == END.to_le_bytes())
        .find(|(at, _)| {
            let comment = tail
                .get(at + 20..at + 22)
                .and_then(|b| <[u8; 2]>::try_from(b).ok());
            comment.is_some_and(|comment| {
                at + 22 + usize::from(u16::from_le_bytes(comment)) == tail.len()
            })
        });
    let Some((at, _)) = found else {
        // An end whose comment would end before the file does.
        let followed = tail.windows(22).enumerate().any(|(at, bytes)| match bytes {
            [b'P', b'K', 5, 6, .., low, high] => {
                at + 22 + usize::from(u16::from_le_bytes([*low, *high])) < tail.len()
            }
            _ => false,
        });
        return Err(if followed {
            structure("there are bytes behind its end")
        } else {
            truncated("the end of its directory is not there")
        });
    };
    if hides_records(tail.get(at + 22..).unwrap_or_default()) {
        return Err(structure("its comment hides records"));
    }
    let position = tail_start + at as u64;
    let mut fields = Fields(tail.get(at + 4..).unwrap_or_default());
    let mut next = || {
        fields
            .u16()
            .map(u64::from)
            .ok_or_else(|| truncated("the end of its directory is cut off"))
    };
    let (disk, start_disk, here, all) = (next()?, next()?, next()?, next()?);
    let mut next = || {
        fields
            .u32()
            .map(u64::from)
            .ok_or_else(|| truncated("the end of its directory is cut off"))
    };
    let (size, offset) = (next()?, next()?);
    if disk != 0 || start_disk != 0 || here != all {
        return Err(ReadError::refused("structure", "it is one part of several"));
    }
    let end = match end64(input, position)? {
        None => End {
            entries: all,
            size,
            offset,
            at: position,
        },
        Some(end) => {
            let agrees = |short: u64, mask: u64, long: u64| short == mask || short == long;
            if !agrees(all, 0xffff, end.entries)
                || !agrees(size, 0xffff_ffff, end.size)
                || !agrees(offset, 0xffff_ffff, end.offset)
            {
                return Err(structure("the two ends of its directory disagree"));
            }
            end
        }
    };
    if end.offset.checked_add(end.size) != Some(end.at) {
        return Err(structure("its directory is not where its end says"));
    }
    Ok(end)
}

/// The 64-bit end of the directory, when there is one in front of the other.
fn end64<R: Read + Seek>(input: &mut R, end: u64) -> Result<Option<End>, ReadError> {
    let Some(locator_at) = end.checked_sub(LOCATOR64_LENGTH) else {
        return Ok(None);
    };
    let locator = read_at(input, locator_at, LOCATOR64_LENGTH)?;
    let mut fields = Fields(&locator);
    if fields.u32() != Some(LOCATOR64) {
        return Ok(None);
    }
    let bad = || structure("its 64-bit end contradicts itself");
    let (disk, at, disks) = (fields.u32(), fields.u64().ok_or_else(bad)?, fields.u32());
    if disk != Some(0) || disks != Some(1) || at.checked_add(END64_LENGTH) != Some(locator_at) {
        return Err(bad());
    }
    let record = read_at(input, at, END64_LENGTH)?;
    let mut fields = Fields(&record);
    let (signature, length) = (fields.u32(), fields.u64());
    fields.bytes(4);
    let (disk, start) = (fields.u32(), fields.u32());
    let (here, all) = (fields.u64().ok_or_else(bad)?, fields.u64().ok_or_else(bad)?);
    let (size, offset) = (fields.u64().ok_or_else(bad)?, fields.u64().ok_or_else(bad)?);
    if signature != Some(END64)
        || length != Some(END64_LENGTH - 12)
        || disk != Some(0)
        || start != Some(0)
        || here != all
    {
        return Err(bad());
    }
    Ok(Some(End {
        entries: all,
        size,
        offset,
        at,
    }))
}
