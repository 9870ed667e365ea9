//! What stands around the data of each entry: its local header in front, and behind it a data descriptor if it was written as a stream.

use std::io::{Read, Seek};

use super::extra_field::Wide;
use super::{Central, LOCAL, read_at, structure};
use crate::ReadError;
use crate::bytes::Fields;

const DESCRIPTOR: u32 = 0x0807_4b50;
const LOCAL_LENGTH: u64 = 30;

/// Compares each local header with its record in the directory; returns where the data of each begins.
pub(super) fn local_headers<R: Read + Seek>(
    input: &mut R,
    centrals: &[Central],
    end: u64,
) -> Result<Vec<u64>, ReadError> {
    let mut places = Vec::new();
    let mut expected = 0;
    for (at, central) in centrals.iter().enumerate() {
        let overlap = || {
            ReadError::damaged(
                &central.name,
                "it does not follow the entry before it: overlap or gap",
            )
        };
        if central.local != expected {
            return Err(overlap());
        }
        let next = centrals.get(at + 1).map_or(end, |next| next.local);
        let header_length = local_header(input, central)?;
        let data = central.local + header_length;
        let data_end = data
            .checked_add(central.packed)
            .filter(|&data_end| data_end <= next)
            .ok_or_else(overlap)?;
        if central.flags & 8 == 0 {
            if data_end != next {
                return Err(overlap());
            }
        } else {
            descriptor(input, central, data_end, next)?;
        }
        places.push(data);
        expected = next;
    }
    if expected != end {
        return Err(structure(
            "there are bytes between its entries and its directory",
        ));
    }
    Ok(places)
}

fn local_header<R: Read + Seek>(input: &mut R, central: &Central) -> Result<u64, ReadError> {
    let name = central.name.as_str();
    let bytes = read_at(input, central.local, LOCAL_LENGTH)?;
    let mut fields = Fields(&bytes);
    let differs =
        |what: &str| ReadError::damaged(name, format!("its two headers disagree about its {what}"));
    if fields.u32() != Some(LOCAL) {
        return Err(ReadError::damaged(
            name,
            "its header is not where the directory says",
        ));
    }
    fields.bytes(2);
    if fields.u16() != Some(central.flags) {
        return Err(differs("flags"));
    }
    if fields.u16() != Some(central.method) {
        return Err(differs("method"));
    }
    if fields.bytes(4) != Some(central.time.as_slice()) {
        return Err(differs("time"));
    }
    let (crc32, packed, length) = (fields.u32(), fields.u32(), fields.u32());
    let (name_length, extra_length) = (
        fields.u16().unwrap_or_default(),
        fields.u16().unwrap_or_default(),
    );
    let rest = read_at(
        input,
        central.local + LOCAL_LENGTH,
        u64::from(name_length) + u64::from(extra_length),
    )?;
    let mut fields = Fields(&rest);
    if fields.bytes(usize::from(name_length)) != Some(central.raw_name.as_slice()) {
        return Err(differs("name"));
    }
    let mut wide = Wide::read(fields.0, name, &central.raw_name)?;
    let streamed = central.flags & 8 != 0;
    let agrees =
        |found: Option<u64>, wanted: u64| found == Some(wanted) || (streamed && found == Some(0));
    if !agrees(crc32.map(u64::from), u64::from(central.crc32)) {
        return Err(differs("checksum"));
    }
    let lengths = length
        .zip(packed)
        .and_then(|(length, packed)| wide.lengths(length, packed));
    if !agrees(lengths.map(|(length, _)| length), central.length)
        || !agrees(lengths.map(|(_, packed)| packed), central.packed)
    {
        return Err(differs("length"));
    }
    Ok(LOCAL_LENGTH + u64::from(name_length) + u64::from(extra_length))
}

/// The record behind the data of an entry that was written as a stream: with or without signature, 32 or 64 bits.
fn descriptor<R: Read + Seek>(
    input: &mut R,
    central: &Central,
    from: u64,
    to: u64,
) -> Result<(), ReadError> {
    let bad = |what: &str| ReadError::damaged(&central.name, format!("its data descriptor {what}"));
    let length = to - from;
    if !matches!(length, 12 | 16 | 20 | 24) {
        return Err(bad("is missing, or there are bytes behind it"));
    }
    let bytes = read_at(input, from, length)?;
    let mut fields = Fields(&bytes);
    if matches!(length, 16 | 24) && fields.u32() != Some(DESCRIPTOR) {
        return Err(bad("has no signature"));
    }
    let crc32 = fields.u32();
    let (packed, content) = if length >= 20 {
        (fields.u64(), fields.u64())
    } else {
        (fields.u32().map(u64::from), fields.u32().map(u64::from))
    };
    if crc32 != Some(central.crc32)
        || packed != Some(central.packed)
        || content != Some(central.length)
    {
        return Err(bad("disagrees with the directory"));
    }
    Ok(())
}
