//! The structure of a ZIP, read strictly: the directory is the truth, every local header must agree with it, and every byte
//! of the file belongs to exactly one record. What two readers could understand differently is refused.
//!
//! The record layouts are those of the ZIP application note. A general ZIP library hides the fields that are compared here.

use std::io::{Read, Seek, SeekFrom};

use crate::bytes::Fields;
use crate::error::shown;
use crate::names::{DOC_ITEM_SET, clean_name, leave_out_attributes, strip_folder};
use crate::{ReadError, ReadLimits};

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END64: u32 = 0x0606_4b50;
const LOCATOR64: u32 = 0x0706_4b50;
const DESCRIPTOR: u32 = 0x0807_4b50;
const END_LENGTH: u64 = 22;
const LOCATOR64_LENGTH: u64 = 20;
const END64_LENGTH: u64 = 56;
const LOCAL_LENGTH: u64 = 30;

/// Where a tar archive has its mark.
const TAR_MARK_AT: u64 = 257;

/// How an entry's bytes are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Stored,
    Deflated,
}

/// An entry that holds a file.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its name without a wrapping folder, with slashes.
    pub name: String,
    pub method: Method,
    pub crc32: u32,
    /// Length in the package.
    pub packed: u64,
    /// Length of the content.
    pub length: u64,
    /// Where its bytes begin in the package.
    pub data: u64,
}

/// A record of the central directory.
struct Central {
    raw_name: Vec<u8>,
    name: String,
    folder: bool,
    flags: u16,
    method: u16,
    time: Vec<u8>,
    crc32: u32,
    packed: u64,
    length: u64,
    local: u64,
}

struct End {
    entries: u64,
    size: u64,
    offset: u64,
    /// Where the directory must end.
    at: u64,
}

/// The files of a package, in the order of their bytes.
pub struct Entries {
    pub files: Vec<Entry>,
    /// How many others were left out.
    pub left_out: usize,
}

/// Reads the structure of a package.
pub fn entries<R: Read + Seek>(input: &mut R, limits: &ReadLimits) -> Result<Entries, ReadError> {
    let length = input.seek(SeekFrom::End(0))?;
    if length > limits.package_bytes {
        return Err(ReadError::limit(
            "bytes",
            limits.package_bytes,
            "packageBytes",
        ));
    }
    looks_like_a_zip(input, length)?;
    let end = end_of_directory(input, length)?;
    let mut centrals = central_directory(input, &end, limits)?;
    centrals.sort_by_key(|central| central.local);
    let data = local_headers(input, &centrals, end.offset)?;
    let mut entries: Vec<Entry> = Vec::new();
    for (central, data) in centrals.into_iter().zip(data) {
        if central.folder {
            continue;
        }
        let method = if central.method == 0 {
            Method::Stored
        } else {
            Method::Deflated
        };
        let (name, crc32, packed, length) =
            (central.name, central.crc32, central.packed, central.length);
        entries.push(Entry {
            name,
            method,
            crc32,
            packed,
            length,
            data,
        });
    }
    let left_out = leave_out_attributes(&mut entries);
    strip_folder(&mut entries);
    let mut names: Vec<String> = entries
        .iter()
        .map(|entry| entry.name.to_lowercase())
        .collect();
    names.sort_unstable();
    if let Some(twice) = names
        .windows(2)
        .find(|pair| pair.first() == pair.last())
        .and_then(<[_]>::first)
    {
        return Err(ReadError::refused(twice, "the name is there twice"));
    }
    Ok(Entries {
        files: entries,
        left_out,
    })
}

fn read_at<R: Read + Seek>(input: &mut R, at: u64, length: u64) -> Result<Vec<u8>, ReadError> {
    input.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    let read = input.by_ref().take(length).read_to_end(&mut bytes)?;
    if read as u64 == length {
        Ok(bytes)
    } else {
        Err(truncated("a record ends too early"))
    }
}

fn truncated(what: &str) -> ReadError {
    ReadError::Truncated {
        what: what.to_owned(),
    }
}

fn structure(what: impl Into<String>) -> ReadError {
    ReadError::damaged("structure", what)
}

fn looks_like_a_zip<R: Read + Seek>(input: &mut R, length: u64) -> Result<(), ReadError> {
    let head = read_at(input, 0, length.min(TAR_MARK_AT + 5))?;
    let is = |what: &str| {
        Err(ReadError::NotAZip {
            what: what.to_owned(),
        })
    };
    match head.as_slice() {
        [] => is("it is empty"),
        [b'P', b'K', 3, 4, ..] => Ok(()),
        [b'P', b'K', 5, 6, ..] => Err(ReadError::Missing {
            part: DOC_ITEM_SET.to_owned(),
            found: None,
        }),
        [b'P'] | [b'P', b'K'] | [b'P', b'K', 3] => Err(truncated("there is only its beginning")),
        [0x1f, 0x8b, ..] => is("it is a gzip file"),
        [b'7', b'z', 0xbc, 0xaf, ..] => is("it is a 7z archive"),
        [b'R', b'a', b'r', b'!', ..] => is("it is a RAR archive"),
        [b'B', b'Z', b'h', ..] => is("it is a bzip2 file"),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => is("it is an xz file"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => is("it is a zstd file"),
        [b'M', b'S', b'C', b'F', ..] => is("it is a cabinet file"),
        bytes if bytes.ends_with(b"ustar") => is("it is a tar archive"),
        [0xef, 0xbb, 0xbf, b'<', ..]
        | [b'<', ..]
        | [0xff, 0xfe, b'<', ..]
        | [0xfe, 0xff, 0, b'<', ..] => is("it is an XML document"),
        bytes
            if bytes
                .iter()
                .all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) =>
        {
            is("it is a text")
        }
        _ => is("it does not begin like one"),
    }
}

fn end_of_directory<R: Read + Seek>(input: &mut R, length: u64) -> Result<End, ReadError> {
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

/// True when a comment holds what another reader could take for a record.
fn hides_records(comment: &[u8]) -> bool {
    let signatures = [LOCAL, CENTRAL, END, END64, LOCATOR64].map(u32::to_le_bytes);
    comment
        .windows(4)
        .any(|bytes| signatures.iter().any(|signature| bytes == signature))
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

fn central_directory<R: Read + Seek>(
    input: &mut R,
    end: &End,
    limits: &ReadLimits,
) -> Result<Vec<Central>, ReadError> {
    if end.entries > limits.entries {
        return Err(ReadError::limit("entries", limits.entries, "entries"));
    }
    // A record is at most 46 bytes and three fields of 64 KiB.
    if end.size > (end.entries + 1) * (46 + 3 * 65_535) {
        return Err(structure("its directory is longer than its entries"));
    }
    let directory = read_at(input, end.offset, end.size)?;
    let mut fields = Fields(&directory);
    let mut centrals = Vec::new();
    for _ in 0..end.entries {
        centrals.push(central(&mut fields)?);
    }
    if !fields.0.is_empty() {
        return Err(structure("its directory holds more entries than it says"));
    }
    Ok(centrals)
}

fn central(fields: &mut Fields<'_>) -> Result<Central, ReadError> {
    let cut = || structure("its directory holds fewer entries than it says");
    if fields.u32().ok_or_else(cut)? != CENTRAL {
        return Err(structure("a record of its directory is malformed"));
    }
    let (made_by, _needed) = (fields.u16().ok_or_else(cut)?, fields.u16().ok_or_else(cut)?);
    let (flags, method) = (fields.u16().ok_or_else(cut)?, fields.u16().ok_or_else(cut)?);
    let time = fields.bytes(4).ok_or_else(cut)?.to_vec();
    let crc32 = fields.u32().ok_or_else(cut)?;
    let (packed, length) = (fields.u32().ok_or_else(cut)?, fields.u32().ok_or_else(cut)?);
    let (name, extra, comment) = (
        fields.u16().ok_or_else(cut)?,
        fields.u16().ok_or_else(cut)?,
        fields.u16().ok_or_else(cut)?,
    );
    let disk = fields.u16().ok_or_else(cut)?;
    fields.bytes(2).ok_or_else(cut)?;
    let attributes = fields.u32().ok_or_else(cut)?;
    let local = fields.u32().ok_or_else(cut)?;
    let raw_name = fields.bytes(usize::from(name)).ok_or_else(cut)?.to_vec();
    let extra = fields.bytes(usize::from(extra)).ok_or_else(cut)?;
    let comment = fields.bytes(usize::from(comment)).ok_or_else(cut)?;

    let shown = shown(&String::from_utf8_lossy(&raw_name));
    let refused = |what: &str| ReadError::refused(&shown, what);
    if flags & 0b10_0000_0100_0001 != 0 {
        return Err(refused(
            "it is encrypted, and encrypted entries are not read",
        ));
    }
    // Level of compression, data descriptor, names in UTF-8.
    if flags & !0b1000_0000_1110 != 0 {
        return Err(refused("it uses features that are not accepted"));
    }
    if !matches!(method, 0 | 8) {
        return Err(refused(&format!(
            "it is compressed with {}, and only stored and deflated entries are read",
            method_name(method)
        )));
    }
    if hides_records(comment) {
        return Err(refused("its comment hides records"));
    }
    if disk != 0 {
        return Err(refused("it is on another disk"));
    }
    let (name, folder) = clean_name(&raw_name, flags & 0x800 != 0, &shown)?;
    regular(made_by, attributes, folder).map_err(|what| refused(&what))?;
    let mut wide = Wide::read(extra, &shown, &raw_name)?;
    // In the order of the application note: content, packed, offset.
    let incomplete = || structure(format!("the 64-bit fields of '{}' are incomplete", shown));
    let length = wide.size(length).ok_or_else(incomplete)?;
    let packed = wide.size(packed).ok_or_else(incomplete)?;
    let local = wide.size(local).ok_or_else(incomplete)?;
    if !wide.used_up() {
        return Err(structure(format!(
            "the 64-bit fields of '{}' are not needed",
            shown
        )));
    }
    if folder && (length != 0 || packed != 0) {
        return Err(refused("it is a folder with content"));
    }
    if method == 0 && length != packed {
        return Err(ReadError::damaged(&shown, "it is stored with two lengths"));
    }
    Ok(Central {
        raw_name,
        name,
        folder,
        flags,
        method,
        time,
        crc32,
        packed,
        length,
        local,
    })
}

/// The name of a compression method, from the ZIP application note.
fn method_name(method: u16) -> String {
    let name = match method {
        1 => "Shrink",
        2..=5 => "Reduce",
        6 => "Implode",
        9 => "Deflate64",
        12 => "bzip2",
        14 => "LZMA",
        93 => "zstd",
        95 => "xz",
        98 => "PPMd",
        99 => "AES encryption",
        _ => return format!("method {method}"),
    };
    name.to_owned()
}

/// Only regular files and folders: links, devices and pipes are refused.
fn regular(made_by: u16, attributes: u32, folder: bool) -> Result<(), String> {
    let unix = matches!(made_by >> 8, 3 | 19);
    if unix && (attributes >> 16) & 0o6000 != 0 && !folder {
        return Err("it would run with the rights of its owner or group".to_owned());
    }
    match (attributes >> 16) & 0o170_000 {
        0o120_000 if unix => Err("it is a link".to_owned()),
        0o040_000 if unix && !folder => Err("it is a folder with the name of a file".to_owned()),
        0 | 0o100_000 | 0o040_000 => Ok(()),
        _ if unix => Err("it is neither a file nor a folder".to_owned()),
        _ => Ok(()),
    }?;
    match attributes & 0x18 {
        8 => Err("it is a volume label".to_owned()),
        0x10 if !folder => Err("it is a folder with the name of a file".to_owned()),
        _ => Ok(()),
    }
}

/// The 64-bit sizes of an extra field.
struct Wide<'a> {
    fields: Fields<'a>,
    present: bool,
}

impl<'a> Wide<'a> {
    /// Looks through the extra fields; one that gives the entry another name is refused.
    fn read(extra: &'a [u8], shown: &str, raw_name: &[u8]) -> Result<Self, ReadError> {
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
    fn size(&mut self, short: u32) -> Option<u64> {
        if short == u32::MAX {
            self.fields.u64()
        } else {
            Some(u64::from(short))
        }
    }

    fn used_up(&self) -> bool {
        self.fields.0.is_empty()
    }
}

/// Compares each local header with its record in the directory; returns where the data of each begins.
fn local_headers<R: Read + Seek>(
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
    // A local header with 64-bit fields always holds both lengths.
    let (found_length, found_packed) = (
        length.and_then(|l| wide.size(l)),
        packed.and_then(|p| wide.size(p)),
    );
    if !agrees(found_length, central.length) || !agrees(found_packed, central.packed) {
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
