//! The structure of a ZIP, read strictly: the directory is the truth, every local header must agree with it, and every byte
//! of the file belongs to exactly one record. What two readers could understand differently is refused.
//!
//! The record layouts are those of the ZIP application note. A general ZIP library hides the fields that are compared here.

mod end;
mod extra_field;
mod local_header;

use std::io::{Read, Seek, SeekFrom};

use crate::bytes::Fields;
use crate::error::shown;
use crate::inflate::{Content, Total};
use crate::names::{DOC_ITEM_SET, clean_name, leave_out_attributes, strip_folder};
use crate::twins::refuse_twins;
use crate::{ReadError, ReadLimits};
use end::{End, end_of_directory};
use extra_field::Wide;
use local_header::local_headers;

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END64: u32 = 0x0606_4b50;
const LOCATOR64: u32 = 0x0706_4b50;

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
    let names = centrals
        .iter()
        .map(|central| (central.name.as_str(), central.folder));
    refuse_twins(names)?;
    centrals.sort_by_key(|central| central.local);
    let data = local_headers(input, &centrals, end.offset)?;
    let mut entries: Vec<Entry> = Vec::new();
    for (central, data) in centrals.into_iter().zip(data) {
        let folder = central.folder;
        let method = if central.method == 0 {
            Method::Stored
        } else {
            Method::Deflated
        };
        let (name, crc32, packed, length) =
            (central.name, central.crc32, central.packed, central.length);
        let entry = Entry {
            name,
            method,
            crc32,
            packed,
            length,
            data,
        };
        if !folder {
            entries.push(entry);
        } else if entry.packed > 0 {
            is_empty(input, &entry, limits)?;
        }
    }
    let left_out = leave_out_attributes(&mut entries);
    strip_folder(&mut entries);
    Ok(Entries {
        files: entries,
        left_out,
    })
}

/// A folder may be compressed as files are: to a few bytes that stand for none. They are read, so that nothing hides in them.
fn is_empty<R: Read + Seek>(
    input: &mut R,
    folder: &Entry,
    limits: &ReadLimits,
) -> Result<(), ReadError> {
    let mut total = Total::default();
    let read = Content::open(input, folder, limits, &mut total)?.read(&mut [0])?;
    debug_assert_eq!(read, 0, "its header says so, and was believed");
    Ok(())
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

/// True when a comment holds what another reader could take for a record.
fn hides_records(comment: &[u8]) -> bool {
    let signatures = [LOCAL, CENTRAL, END, END64, LOCATOR64].map(u32::to_le_bytes);
    comment
        .windows(4)
        .any(|bytes| signatures.iter().any(|signature| bytes == signature))
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
    let _made_by_and_needed = fields.bytes(4).ok_or_else(cut)?;
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
    regular(attributes, folder).map_err(refused)?;
    let mut wide = Wide::read(extra, &shown, &raw_name)?;
    // In the order of the application note: content, packed, offset.
    let incomplete = || structure(format!("the 64-bit fields of '{}' are incomplete", shown));
    let length = wide.size(length).ok_or_else(incomplete)?;
    let packed = wide.size(packed).ok_or_else(incomplete)?;
    let local = wide.size(local).ok_or_else(incomplete)?;
    if !wide.used_up() {
        return Err(structure(format!(
            "the 64-bit fields of '{shown}' stand for nothing"
        )));
    }
    if folder && length != 0 {
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

/// Only regular files and folders: links, devices and pipes are refused. Whichever system an entry says that it comes from: a reader
/// that does not look at it goes by the mode.
fn regular(attributes: u32, folder: bool) -> Result<(), &'static str> {
    const REPARSE_POINT: u32 = 0x400;
    const VOLUME_LABEL: u32 = 0x08;
    const FOLDER: u32 = 0x10;

    let mode = attributes >> 16;
    if mode & 0o6000 != 0 && !folder {
        return Err("it would run with the rights of its owner or group");
    }
    match mode & 0o170_000 {
        0o120_000 => Err("it is a link"),
        0o040_000 if !folder => Err("it is a folder with the name of a file"),
        0o100_000 if folder => Err("it is a file with the name of a folder"),
        0 | 0o100_000 | 0o040_000 => Ok(()),
        _ => Err("it is neither a file nor a folder"),
    }?;
    if attributes & REPARSE_POINT != 0 {
        return Err("it is a link");
    }
    match attributes & (VOLUME_LABEL | FOLDER) {
        VOLUME_LABEL => Err("it is a volume label"),
        FOLDER if !folder => Err("it is a folder with the name of a file"),
        _ => Ok(()),
    }
}
