//! Writing a package: deflated runs joined into entries. The same content gives the same bytes on every machine: no time stamps,
//! exact lengths in every header, no data descriptors, no 64-bit records.

use std::io::{self, Write};

use crc32fast::Hasher;
use flate2::{Compress, Compression, FlushCompress, Status};

/// The compression level. Measured: higher ones gain two percent and cost twice the time.
const LEVEL: u32 = 6;

/// The last block of every entry: empty, and marked as final.
const FINAL_BLOCK: [u8; 2] = [0x03, 0x00];

/// 1 January 1980, the first day that a ZIP can name.
const DATE: u16 = 0x0021;

/// Some content, deflated so that it can be joined with what comes before and after: it ends on a byte boundary, refers to nothing
/// outside itself and is not final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Raw DEFLATE.
    pub data: Vec<u8>,
    /// CRC-32 of the content.
    pub crc32: u32,
    /// Length of the content in bytes.
    pub length: u64,
}

/// Deflates some content. It is compressed in one go, because the bytes could otherwise depend on how it was cut. The compressor's
/// use of the processor's vector instructions changes its speed alone: they compare and move bytes and choose nothing.
///
/// # Errors
/// Only when the compressor breaks its own contract.
pub fn deflate_run(content: &[u8]) -> io::Result<Run> {
    let mut compress = Compress::new(Compression::new(LEVEL), false);
    // The bound of the format: 5 bytes for each block of incompressible content, and the flush.
    let mut data = Vec::with_capacity(content.len() + content.len() / 1000 + 128);
    loop {
        let before = usize::try_from(compress.total_in()).unwrap_or(content.len());
        let rest = content.get(before..).unwrap_or_default();
        let status = compress.compress_vec(rest, &mut data, FlushCompress::Full)?;
        let consumed = compress.total_in() == content.len() as u64;
        if status == Status::Ok && consumed && data.len() < data.capacity() {
            break;
        }
        if status == Status::StreamEnd {
            return Err(io::Error::other("the compressor ended a run by itself"));
        }
        data.reserve(content.len() / 8 + 1024);
    }
    let mut crc = Hasher::new();
    crc.update(content);
    Ok(Run {
        data,
        crc32: crc.finalize(),
        length: content.len() as u64,
    })
}

/// What is known of an entry before its bytes are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryPlan {
    /// Its name.
    pub name: String,
    /// CRC-32 of its content.
    pub crc32: u32,
    /// Length of its runs and its final block.
    packed: u64,
    /// Length of its content.
    length: u64,
}

impl EntryPlan {
    /// An entry without content.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            crc32: 0,
            packed: FINAL_BLOCK.len() as u64,
            length: 0,
        }
    }

    /// Adds a run, by its checksum, the length of its content and its own length.
    pub fn add(&mut self, crc32: u32, length: u64, packed: u64) {
        let mut crc = Hasher::new_with_initial_len(self.crc32, self.length);
        crc.combine(&Hasher::new_with_initial_len(crc32, length));
        self.crc32 = crc.finalize();
        self.length += length;
        self.packed += packed;
    }
}

/// The package would need 64-bit records, which not every reader takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the configuration is too large for one package: 4 GiB, or 65,535 parts, is the most")]
pub struct TooLarge;

const LOCAL_BYTES: u64 = 30;
const CENTRAL_BYTES: u64 = 46;
const END_BYTES: u64 = 22;

/// The exact length of the package in bytes.
///
/// # Errors
/// [`TooLarge`].
pub fn package_length(entries: &[EntryPlan]) -> Result<u64, TooLarge> {
    let mut length = END_BYTES;
    for entry in entries {
        let name = u16::try_from(entry.name.len()).map_err(|_| TooLarge)?;
        u32::try_from(entry.length).map_err(|_| TooLarge)?;
        length += LOCAL_BYTES + CENTRAL_BYTES + 2 * u64::from(name) + entry.packed;
    }
    u16::try_from(entries.len()).map_err(|_| TooLarge)?;
    u32::try_from(length).map_err(|_| TooLarge)?;
    Ok(length)
}

/// Writes a package, entry after entry.
pub struct PackageWriter<'a> {
    out: &'a mut dyn Write,
    entries: &'a [EntryPlan],
    next: usize,
    position: u64,
    offsets: Vec<u64>,
}

impl<'a> PackageWriter<'a> {
    /// A writer for these entries.
    pub fn new(out: &'a mut dyn Write, entries: &'a [EntryPlan]) -> Self {
        Self {
            out,
            entries,
            next: 0,
            position: 0,
            offsets: Vec::new(),
        }
    }

    /// Begins the next entry.
    ///
    /// # Errors
    /// When the output fails.
    pub fn begin_entry(&mut self) -> io::Result<()> {
        let Some(entry) = self.entries.get(self.next) else {
            return Err(io::Error::other("an entry that was not announced"));
        };
        self.offsets.push(self.position);
        let mut header = Vec::new();
        header.extend(0x0403_4b50_u32.to_le_bytes());
        header.extend(common(entry)?);
        header.extend(0_u16.to_le_bytes());
        header.extend(entry.name.as_bytes());
        self.write(&header)
    }

    /// Writes the data of a run, whole or in pieces.
    ///
    /// # Errors
    /// When the output fails.
    pub fn run(&mut self, data: &[u8]) -> io::Result<()> {
        self.write(data)
    }

    /// Ends the entry.
    ///
    /// # Errors
    /// When the output fails, or when more or less was written than announced.
    pub fn end_entry(&mut self) -> io::Result<()> {
        self.write(&FINAL_BLOCK)?;
        let entry = self.entries.get(self.next);
        self.next += 1;
        let wanted = entry.map(|entry| LOCAL_BYTES + entry.name.len() as u64 + entry.packed);
        let written = self.offsets.last().map(|start| self.position - start);
        if wanted == written {
            Ok(())
        } else {
            Err(io::Error::other("an entry's length is not as announced"))
        }
    }

    /// Writes the directory.
    ///
    /// # Errors
    /// When the output fails, or when entries are missing.
    pub fn finish(mut self) -> io::Result<()> {
        if self.offsets.len() != self.entries.len() {
            return Err(io::Error::other("an announced entry is missing"));
        }
        let start = self.position;
        for (entry, offset) in self.entries.iter().zip(std::mem::take(&mut self.offsets)) {
            let mut record = Vec::new();
            record.extend(0x0201_4b50_u32.to_le_bytes());
            record.extend(20_u16.to_le_bytes());
            record.extend(common(entry)?);
            // No extra field, no comment, first disk, no attributes.
            record.extend([0; 2 + 2 + 2 + 2 + 4]);
            record.extend(short(offset)?.to_le_bytes());
            record.extend(entry.name.as_bytes());
            self.write(&record)?;
        }
        let count = u16::try_from(self.entries.len()).map_err(io::Error::other)?;
        let mut end = Vec::new();
        end.extend(0x0605_4b50_u32.to_le_bytes());
        end.extend([0; 4]);
        end.extend(count.to_le_bytes());
        end.extend(count.to_le_bytes());
        end.extend(short(self.position - start)?.to_le_bytes());
        end.extend(short(start)?.to_le_bytes());
        end.extend([0; 2]);
        self.write(&end)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.position += bytes.len() as u64;
        Ok(())
    }
}

fn short(value: u64) -> io::Result<u32> {
    u32::try_from(value).map_err(|_| io::Error::other(TooLarge))
}

/// The fields that both headers of an entry share, from the version needed to the length of the name.
fn common(entry: &EntryPlan) -> io::Result<Vec<u8>> {
    let utf8: u16 = if entry.name.is_ascii() { 0 } else { 0x800 };
    let name = u16::try_from(entry.name.len()).map_err(io::Error::other)?;
    let mut fields = Vec::new();
    for field in [20, utf8, 8, 0, DATE] {
        fields.extend(field.to_le_bytes());
    }
    fields.extend(entry.crc32.to_le_bytes());
    fields.extend(short(entry.packed)?.to_le_bytes());
    fields.extend(short(entry.length)?.to_le_bytes());
    fields.extend(name.to_le_bytes());
    Ok(fields)
}
