//! A package as a stream of events.

use std::io::{Read, Seek};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use crate::directory::{Entries, Entry, entries};
use crate::error::shown;
use crate::inflate::{Content, Total};
use crate::names::DOC_ITEM_SET;
use crate::scan::{Discard, Scanner};
use crate::split::Splitter;
use crate::{PackageEvent, PackageSummary, PartRole, ReadError, ReadLimits};

/// Bytes that are inflated at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// Buffers that are on their way between the two threads. Memory is bounded by them.
const BUFFERS: usize = 4;

/// Reads a package to its end and hands its events to `each`, in the order of its bytes. What was handed out counts only when this
/// returns without an error. A second thread inflates ahead.
///
/// # Errors
/// Any [`ReadError`]: the first fault found, an error of `each`, or [`ReadError::Stopped`] when `stop` says so.
pub fn read<R: Read + Seek + Send>(
    input: &mut R,
    limits: &ReadLimits,
    stop: &dyn Fn() -> bool,
    each: &mut dyn FnMut(PackageEvent) -> Result<(), ReadError>,
) -> Result<PackageSummary, ReadError> {
    let Entries {
        files: entries,
        left_out,
    } = entries(input, limits)?;
    if !entries
        .iter()
        .any(|entry| role(entry) == PartRole::DocItemSet)
    {
        let in_a_folder = |entry: &&Entry| {
            let (_, name) = entry.name.rsplit_once('/').unwrap_or_default();
            name.eq_ignore_ascii_case(DOC_ITEM_SET)
        };
        return Err(ReadError::Missing {
            part: DOC_ITEM_SET.to_owned(),
            found: entries
                .iter()
                .find(in_a_folder)
                .map(|entry| shown(&entry.name)),
        });
    }
    let (filled, pieces) = sync_channel(BUFFERS);
    let (emptied, empty) = channel();
    for _ in 0..BUFFERS {
        let _there_is_room = emptied.send(vec![0; BUFFER_BYTES]);
    }
    std::thread::scope(|scope| {
        let all = &entries;
        let inflater = scope.spawn(move || inflate(input, all, limits, empty, filled));
        let mut pieces = Pieces { pieces, emptied };
        let outcome = parts(&entries, limits, &mut pieces, stop, each);
        // Without its channels the other thread ends, wherever it is.
        drop(pieces);
        let total = inflater.join().unwrap_or(Err(ReadError::Stopped));
        // Its own error came over the channel already, in its place among the bytes.
        let mut summary = outcome?;
        summary.bytes = total?;
        // An import makes the store equal to the package, so one without a configuration would empty it.
        if summary.documents == 0 {
            let what = "there is no document in its DocItemSet.xml";
            return Err(ReadError::NoConfiguration { what });
        }
        if summary.documents == summary.user_data {
            let what = "all its documents are data of users, as Export-CsUserData writes them";
            return Err(ReadError::NoConfiguration { what });
        }
        if left_out > 0 {
            summary.warnings.push(format!(
                "The folder __MACOSX, which macOS adds when it zips, was left out; it held {left_out} entries."
            ));
        }
        Ok(summary)
    })
}

/// A buffer with so many bytes in it, none at the end of an entry; or the fault that ends the reading.
type Piece = Result<(Vec<u8>, usize), ReadError>;

/// The first thread: the content of all entries, one after the other. Returns how many bytes there were.
fn inflate<R: Read + Seek>(
    input: &mut R,
    entries: &[Entry],
    limits: &ReadLimits,
    empty: Receiver<Vec<u8>>,
    filled: SyncSender<Piece>,
) -> Result<u64, ReadError> {
    let mut total = Total::default();
    for entry in entries {
        let mut content = match Content::open(input, entry, limits, &mut total) {
            Ok(content) => content,
            Err(error) => {
                let _nobody_listens = filled.send(Err(error));
                return Err(ReadError::Stopped);
            }
        };
        loop {
            let mut buffer = empty.recv().map_err(|_| ReadError::Stopped)?;
            let piece = content.read(&mut buffer).map(|length| (buffer, length));
            let last = !matches!(&piece, Ok((_, length)) if *length > 0);
            let failed = piece.is_err();
            filled.send(piece).map_err(|_| ReadError::Stopped)?;
            if failed {
                return Err(ReadError::Stopped);
            }
            if last {
                break;
            }
        }
    }
    Ok(total.0)
}

/// The receiving end of the other thread.
struct Pieces {
    pieces: Receiver<Piece>,
    emptied: Sender<Vec<u8>>,
}

impl Pieces {
    /// Hands the next bytes to `take`; false at the end of the entry.
    fn next(
        &mut self,
        stop: &dyn Fn() -> bool,
        take: &mut dyn FnMut(&[u8]) -> Result<(), ReadError>,
    ) -> Result<bool, ReadError> {
        if stop() {
            return Err(ReadError::Stopped);
        }
        let (buffer, length) = self.pieces.recv().unwrap_or(Err(ReadError::Stopped))?;
        take(buffer.get(..length).unwrap_or_default())?;
        let _it_may_be_done = self.emptied.send(buffer);
        Ok(length > 0)
    }
}

/// The second thread: what the bytes mean.
fn parts(
    entries: &[Entry],
    limits: &ReadLimits,
    pieces: &mut Pieces,
    stop: &dyn Fn() -> bool,
    each: &mut dyn FnMut(PackageEvent) -> Result<(), ReadError>,
) -> Result<PackageSummary, ReadError> {
    let mut summary = PackageSummary::default();
    for entry in entries {
        each(PackageEvent::Part {
            name: entry.name.clone(),
            role: role(entry),
        })?;
        match role(entry) {
            PartRole::DocItemSet => {
                let mut scanner = Scanner::new(&entry.name, limits);
                let mut splitter = Splitter::new(&entry.name, limits, &mut summary, each);
                while pieces.next(stop, &mut |bytes| {
                    scanner.push(bytes, bytes.is_empty(), &mut splitter)
                })? {}
                splitter.finish()?;
            }
            PartRole::Opaque => opaque(entry, limits, pieces, stop, each)?,
        }
        each(PackageEvent::PartEnd)?;
    }
    Ok(summary)
}

/// Checks a package as [`read`] does, and keeps nothing.
///
/// # Errors
/// Any [`ReadError`].
pub fn check<R: Read + Seek + Send>(
    input: &mut R,
    limits: &ReadLimits,
) -> Result<PackageSummary, ReadError> {
    read(input, limits, &|| false, &mut |_| Ok(()))
}

fn role(entry: &Entry) -> PartRole {
    if entry.name.eq_ignore_ascii_case(DOC_ITEM_SET) {
        PartRole::DocItemSet
    } else {
        PartRole::Opaque
    }
}

fn opaque(
    entry: &Entry,
    limits: &ReadLimits,
    pieces: &mut Pieces,
    stop: &dyn Fn() -> bool,
    each: &mut dyn FnMut(PackageEvent) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let is_xml = entry.name.to_ascii_lowercase().ends_with(".xml");
    let mut scanner = is_xml.then(|| Scanner::new(&entry.name, limits));
    let mut first = true;
    let mut take = |bytes: &[u8]| {
        if first && bytes.starts_with(b"PK\x03\x04") {
            return Err(ReadError::refused(
                &entry.name,
                "it is a package inside the package",
            ));
        }
        first = false;
        if let Some(scanner) = &mut scanner {
            scanner.push(bytes, bytes.is_empty(), &mut Discard)?;
        }
        if bytes.is_empty() {
            Ok(())
        } else {
            each(PackageEvent::Text(bytes.to_vec()))
        }
    };
    while pieces.next(stop, &mut take)? {}
    Ok(())
}
