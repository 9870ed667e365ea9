//! A package as a stream of events.

use std::io::{Read, Seek};

use crate::directory::{Entry, entries};
use crate::inflate::{Content, Total};
use crate::names::DOC_ITEM_SET;
use crate::scan::{Discard, Scanner};
use crate::split::Splitter;
use crate::{PackageEvent, PackageSummary, PartRole, ReadError, ReadLimits};

/// Bytes that are inflated at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// Reads a package to its end and hands its events to `each`, in the order of its bytes. What was handed out counts only when this
/// returns without an error.
///
/// # Errors
/// Any [`ReadError`]: the first fault found, an error of `each`, or [`ReadError::Stopped`] when `stop` says so.
pub fn read<R: Read + Seek>(
    input: &mut R,
    limits: &ReadLimits,
    stop: &dyn Fn() -> bool,
    each: &mut dyn FnMut(PackageEvent) -> Result<(), ReadError>,
) -> Result<PackageSummary, ReadError> {
    let entries = entries(input, limits)?;
    if !entries
        .iter()
        .any(|entry| role(entry) == PartRole::DocItemSet)
    {
        return Err(ReadError::Missing {
            part: DOC_ITEM_SET.to_owned(),
        });
    }
    let mut summary = PackageSummary::default();
    let mut total = Total::default();
    let mut buffer = vec![0; BUFFER_BYTES];
    for entry in &entries {
        each(PackageEvent::Part {
            name: entry.name.clone(),
            role: role(entry),
        })?;
        let mut content = Content::open(input, entry, limits, &mut total)?;
        let mut fill = |buffer: &mut [u8]| {
            if stop() {
                Err(ReadError::Stopped)
            } else {
                content.read(buffer)
            }
        };
        match role(entry) {
            PartRole::DocItemSet => {
                documents(entry, limits, &mut buffer, &mut fill, &mut summary, each)?
            }
            PartRole::Opaque => opaque(entry, limits, &mut buffer, &mut fill, each)?,
        }
        each(PackageEvent::PartEnd)?;
    }
    summary.bytes = total.0;
    Ok(summary)
}

/// Checks a package as [`read`] does, and keeps nothing.
///
/// # Errors
/// Any [`ReadError`].
pub fn check<R: Read + Seek>(
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

type Fill<'f> = dyn FnMut(&mut [u8]) -> Result<usize, ReadError> + 'f;

fn documents(
    entry: &Entry,
    limits: &ReadLimits,
    buffer: &mut [u8],
    fill: &mut Fill<'_>,
    summary: &mut PackageSummary,
    each: &mut dyn FnMut(PackageEvent) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let mut scanner = Scanner::new(&entry.name, limits);
    let mut splitter = Splitter::new(&entry.name, limits, summary, each);
    loop {
        let length = fill(buffer)?;
        let bytes = buffer.get(..length).unwrap_or_default();
        scanner.push(bytes, length == 0, &mut splitter)?;
        if length == 0 {
            return splitter.finish();
        }
    }
}

fn opaque(
    entry: &Entry,
    limits: &ReadLimits,
    buffer: &mut [u8],
    fill: &mut Fill<'_>,
    each: &mut dyn FnMut(PackageEvent) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let is_xml = entry.name.to_ascii_lowercase().ends_with(".xml");
    let mut scanner = is_xml.then(|| Scanner::new(&entry.name, limits));
    let mut first = true;
    loop {
        let length = fill(buffer)?;
        let bytes = buffer.get(..length).unwrap_or_default();
        if first && bytes.starts_with(b"PK\x03\x04") {
            return Err(ReadError::refused(
                &entry.name,
                "it is a package inside the package",
            ));
        }
        first = false;
        if let Some(scanner) = &mut scanner {
            scanner.push(bytes, length == 0, &mut Discard)?;
        }
        if length == 0 {
            return Ok(());
        }
        each(PackageEvent::Text(bytes.to_vec()))?;
    }
}
