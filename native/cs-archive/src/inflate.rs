//! The content of an entry, checked against length, checksum and limits while it streams.

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Take};

use crc32fast::Hasher;
use flate2::bufread::DeflateDecoder;

use crate::directory::{Entry, Method};
use crate::{ReadError, ReadLimits};

/// Inflated bytes from which on the ratio is looked at.
const RATIO_FROM: u64 = 16 * 1024 * 1024;

/// How many bytes were inflated so far, over all entries.
#[derive(Default)]
pub struct Total(pub u64);

enum Source<'a, R: Read> {
    Stored(BufReader<Take<&'a mut R>>),
    Deflated(DeflateDecoder<BufReader<Take<&'a mut R>>>),
}

/// Reads one entry.
pub struct Content<'a, R: Read> {
    source: Source<'a, R>,
    entry: &'a Entry,
    limits: &'a ReadLimits,
    total: &'a mut Total,
    crc: Hasher,
    read: u64,
}

impl<'a, R: Read + Seek> Content<'a, R> {
    /// Starts at the entry's data.
    pub fn open(
        input: &'a mut R,
        entry: &'a Entry,
        limits: &'a ReadLimits,
        total: &'a mut Total,
    ) -> Result<Self, ReadError> {
        input.seek(SeekFrom::Start(entry.data))?;
        let packed = BufReader::with_capacity(128 * 1024, input.take(entry.packed));
        let source = match entry.method {
            Method::Stored => Source::Stored(packed),
            Method::Deflated => Source::Deflated(DeflateDecoder::new(packed)),
        };
        Ok(Self {
            source,
            entry,
            limits,
            total,
            crc: Hasher::new(),
            read: 0,
        })
    }

    /// Fills some of the buffer; 0 at the end, which is reached only when everything agreed.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ReadError> {
        let name = self.entry.name.as_str();
        let read = match &mut self.source {
            Source::Stored(source) => source.read(buffer)?,
            Source::Deflated(source) => {
                source.read(buffer).map_err(|error| match error.kind() {
                    std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData => {
                        ReadError::damaged(name, "its compressed bytes are malformed")
                    }
                    std::io::ErrorKind::UnexpectedEof => {
                        ReadError::damaged(name, "its compressed bytes end too early")
                    }
                    _ => ReadError::Io(error),
                })?
            }
        };
        let bytes = buffer.get(..read).unwrap_or_default();
        self.crc.update(bytes);
        self.read += read as u64;
        self.total.0 += read as u64;
        if self.read > self.entry.length {
            return Err(ReadError::damaged(
                name,
                "it is longer than its header says",
            ));
        }
        if self.read > self.limits.entry_bytes {
            return Err(ReadError::limit(
                "bytes in one entry",
                self.limits.entry_bytes,
                "entryBytes",
            ));
        }
        if self.total.0 > self.limits.total_bytes {
            return Err(ReadError::limit(
                "bytes in all entries",
                self.limits.total_bytes,
                "totalBytes",
            ));
        }
        if self.read > RATIO_FROM && self.read / self.entry.packed.max(1) > self.limits.ratio {
            return Err(ReadError::limit(
                "bytes for each compressed byte",
                self.limits.ratio,
                "ratio",
            ));
        }
        if read == 0 && !buffer.is_empty() {
            self.finish()?;
        }
        Ok(read)
    }

    fn finish(&mut self) -> Result<(), ReadError> {
        let name = self.entry.name.as_str();
        if self.read != self.entry.length {
            return Err(ReadError::damaged(
                name,
                "it is shorter than its header says",
            ));
        }
        if self.crc.clone().finalize() != self.entry.crc32 {
            return Err(ReadError::damaged(name, "its checksum is wrong"));
        }
        let rest = match &mut self.source {
            Source::Stored(_) => 0,
            Source::Deflated(source) => source.get_mut().fill_buf()?.len(),
        };
        if rest > 0 {
            return Err(ReadError::damaged(
                name,
                "there are bytes behind its compressed content",
            ));
        }
        Ok(())
    }
}
