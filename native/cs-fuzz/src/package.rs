//! The package: a ZIP with `DocItemSet.xml`.

use std::io::{Cursor, Read, Seek, SeekFrom};

use cs_archive::{
    EntryPlan, PackageEvent, PackageSummary, PackageWriter, ReadError, ReadLimits, Run,
    deflate_run, package_length, read,
};

use crate::cuts::{Lengths, pieces};

/// Small, so that the fuzzer is not slowed down by what the limits refuse anyway.
pub const LIMITS: ReadLimits = ReadLimits {
    package_bytes: 1024 * 1024,
    entries: 64,
    entry_bytes: 1024 * 1024,
    total_bytes: 2 * 1024 * 1024,
    ratio: 200,
    documents: 1000,
    items: 1000,
    depth: 64,
    elements: 100_000,
    attributes: 256,
    name_bytes: 1024,
    tag_bytes: 64 * 1024,
    text_bytes: 256 * 1024,
    frame_bytes: 256 * 1024,
};

/// A package is refused, or it is read the same however its bytes arrive, and what was read is written and read back the same.
pub fn package(data: &[u8]) {
    let whole = events(&mut Cursor::new(data), &LIMITS);
    let seed = data.last().copied().unwrap_or_default();
    let mut short = ShortReads {
        bytes: Cursor::new(data),
        lengths: Lengths::new(seed),
    };
    match (whole, events(&mut short, &LIMITS)) {
        (Ok(whole), Ok(short)) => {
            assert_eq!(whole, short, "short reads change what is read");
            reads_back(&whole, seed);
        }
        (Err(_), Err(_)) => {}
        (whole, short) => panic!("short reads decide: {whole:?} {short:?}"),
    }
}

/// What was read of a package: neighbouring pieces are joined.
pub type Content = (Vec<PackageEvent>, PackageSummary);

/// Reads a package.
pub fn events<R: Read + Seek + Send>(
    input: &mut R,
    limits: &ReadLimits,
) -> Result<Content, ReadError> {
    let mut events: Vec<PackageEvent> = Vec::new();
    let summary = read(input, limits, &|| false, &mut |event| {
        match (events.last_mut(), event) {
            (Some(PackageEvent::Text(before)), PackageEvent::Text(more))
            | (Some(PackageEvent::ItemChunk(before)), PackageEvent::ItemChunk(more)) => {
                before.extend(more);
            }
            (_, event) => events.push(event),
        }
        Ok(())
    })?;
    Ok((events, summary))
}

/// The parts of a package, put together from their events.
pub fn parts(events: &[PackageEvent]) -> Vec<(String, Vec<u8>)> {
    let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
    for event in events {
        let bytes = match event {
            PackageEvent::Part { name, .. } => {
                parts.push((name.clone(), Vec::new()));
                continue;
            }
            PackageEvent::Text(bytes) | PackageEvent::ItemChunk(bytes) => bytes,
            PackageEvent::DocumentStart { head, .. } => head,
            PackageEvent::ItemStart { lead } => lead,
            PackageEvent::DocumentEnd { tail } => tail,
            PackageEvent::ItemEnd { .. } | PackageEvent::PartEnd => continue,
        };
        parts
            .last_mut()
            .expect("bytes before the first part")
            .1
            .extend(bytes);
    }
    parts
}

/// Writes the parts as a package, each cut into runs somewhere.
pub fn write(parts: &[(String, Vec<u8>)], seed: u8) -> Vec<u8> {
    let mut plans = Vec::new();
    let mut all: Vec<Vec<Run>> = Vec::new();
    for (name, bytes) in parts {
        let mut plan = EntryPlan::new(name);
        // Deflating is the slow part, so a few runs must do.
        let cuts = pieces(bytes, seed)
            .len()
            .div_ceil(usize::from(seed % 4) + 1);
        let runs: Vec<Run> = bytes
            .chunks(bytes.len().div_ceil(cuts.clamp(1, 4)).max(1))
            .map(|piece| deflate_run(piece).unwrap())
            .collect();
        for run in &runs {
            plan.add(run.crc32, run.length, run.data.len() as u64);
        }
        plans.push(plan);
        all.push(runs);
    }
    let mut out = Vec::new();
    let mut writer = PackageWriter::new(&mut out, &plans);
    for runs in &all {
        writer.begin_entry().unwrap();
        for run in runs {
            writer.run(&run.data).unwrap();
        }
        writer.end_entry().unwrap();
    }
    writer.finish().unwrap();
    assert_eq!(out.len() as u64, package_length(&plans).unwrap());
    out
}

/// What was read is written and read back the same.
pub fn reads_back((events, summary): &Content, seed: u8) {
    let package = write(&parts(events), seed);
    // UTF-16 became UTF-8, which may be longer.
    let limits = ReadLimits {
        package_bytes: 2 * LIMITS.package_bytes,
        entry_bytes: 2 * LIMITS.entry_bytes,
        total_bytes: 2 * LIMITS.total_bytes,
        ..LIMITS
    };
    let (again, summary_again) =
        self::events(&mut Cursor::new(&package), &limits).expect("what was written is refused");
    assert_eq!(*events, again);
    assert_eq!(
        (summary.documents, summary.items, &summary.warnings),
        (
            summary_again.documents,
            summary_again.items,
            &summary_again.warnings
        )
    );
}

/// A file that hands out less than was asked for.
struct ShortReads<'a> {
    bytes: Cursor<&'a [u8]>,
    lengths: Lengths,
}

impl Read for ShortReads<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let room = self.lengths.next().min(buffer.len());
        self.bytes.read(&mut buffer[..room])
    }
}

impl Seek for ShortReads<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.bytes.seek(to)
    }
}
