//! A version as a package: deflated runs are copied; those that are missing are deflated first, by two workers into a temporary
//! file, because every length must be known before the first byte goes out.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::sync_channel;

use cs_archive::{EntryPlan, PackageWriter, deflate_run, package_length};
use rusqlite::{Connection, ErrorCode};

use super::layout::{Cached, Part, cached, parts};
use crate::StoreError;

/// Threads that deflate, and runs that wait for them or come from them at most.
const WORKERS: usize = 2;

/// Deflated bytes are handed on in pieces of this length. A longer one would keep a core, here and where it is received, for longer
/// than a short call of somebody else takes.
const PIECE_BYTES: usize = 64 * 1024;

/// Where a deflated run is.
enum Place {
    Kept(Cached),
    Spooled { offset: u64, packed: u64, crc: u32 },
}

/// Writes the package.
pub fn run(
    connection: &Connection,
    folder: &Path,
    begin: &mut dyn FnMut(u64) -> Result<(), ()>,
    to: &mut dyn Write,
) -> Result<(), StoreError> {
    let parts = parts(connection)?;
    let mut spool = Spool {
        folder,
        file: None,
        length: 0,
    };
    let mut plans: Vec<EntryPlan> = Vec::new();
    let mut places: Vec<Vec<Place>> = Vec::new();
    for part in &parts {
        let (plan, place) = plan(connection, part, &mut spool)?;
        plans.push(plan);
        places.push(place);
    }
    let length = package_length(&plans).map_err(|error| StoreError::Failed(error.to_string()))?;
    begin(length).map_err(|()| StoreError::Stopped)?;

    let stopped = |_| StoreError::Stopped;
    let mut writer = PackageWriter::new(to, &plans);
    let mut buffer = vec![0; PIECE_BYTES];
    for place in &places {
        writer.begin_entry().map_err(stopped)?;
        for run in place {
            match run {
                Place::Kept(kept) => copy_kept(connection, kept, &mut buffer, &mut writer)?,
                Place::Spooled {
                    offset,
                    packed,
                    crc,
                } => spool.copy(*offset, *packed, *crc, &mut buffer, &mut writer)?,
            }
        }
        writer.end_entry().map_err(stopped)?;
    }
    writer.finish().map_err(stopped)
}

fn copy_kept(
    connection: &Connection,
    kept: &Cached,
    buffer: &mut [u8],
    writer: &mut PackageWriter<'_>,
) -> Result<(), StoreError> {
    let damaged = || StoreError::Damaged("a deflated run is not what it was".to_owned());
    let opened = connection.blob_open("main", "run_cache", "data", kept.id, true);
    let data = opened.map_err(|error| match error.sqlite_error_code() {
        // The row, which was just there, has no bytes in it.
        Some(ErrorCode::Unknown) => damaged(),
        _ => error.into(),
    })?;
    if data.len() as u64 != kept.packed {
        return Err(damaged());
    }
    let mut at = 0;
    // Not as a reader, whose errors do not tell a damaged file from one that cannot be read.
    let read = |buffer: &mut [u8]| {
        let count = data.read_at(buffer, at)?;
        at += count;
        Ok(count)
    };
    if copy(read, buffer, writer)? != kept.packed_crc {
        return Err(damaged());
    }
    Ok(())
}

/// Copies deflated bytes in pieces; returns their checksum.
fn copy(
    mut read: impl FnMut(&mut [u8]) -> Result<usize, StoreError>,
    buffer: &mut [u8],
    writer: &mut PackageWriter<'_>,
) -> Result<u32, StoreError> {
    let mut crc = crc32fast::Hasher::new();
    loop {
        let count = read(buffer)?;
        let bytes = buffer.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(crc.finalize());
        }
        crc.update(bytes);
        writer.run(bytes).map_err(|_| StoreError::Stopped)?;
    }
}

/// Finds the runs of a part, and deflates those that are not there.
fn plan(
    connection: &Connection,
    part: &Part,
    spool: &mut Spool<'_>,
) -> Result<(EntryPlan, Vec<Place>), StoreError> {
    let mut found: Vec<Option<(u32, Place)>> = Vec::new();
    let mut missing = Vec::new();
    for (number, run) in part.runs.iter().enumerate() {
        match cached(connection, run)? {
            Some(kept) => found.push(Some((kept.crc, Place::Kept(kept)))),
            None => {
                found.push(None);
                missing.push(number);
            }
        }
    }
    if !missing.is_empty() {
        deflate_missing(connection, part, &missing, spool, &mut found)?;
    }
    let mut plan = part.plan();
    let mut places = Vec::new();
    for (run, found) in part.runs.iter().zip(found) {
        let Some((crc, place)) = found else {
            return Err(StoreError::Failed("a run was not deflated".to_owned()));
        };
        let packed = match &place {
            Place::Kept(kept) => kept.packed,
            Place::Spooled { packed, .. } => *packed,
        };
        plan.add(crc, run.length, packed);
        places.push(place);
    }
    Ok((plan, places))
}

fn deflate_missing(
    connection: &Connection,
    part: &Part,
    missing: &[usize],
    spool: &mut Spool<'_>,
    found: &mut [Option<(u32, Place)>],
) -> Result<(), StoreError> {
    let (to_workers, jobs) = sync_channel::<(usize, Vec<u8>)>(WORKERS);
    let (done, results) = sync_channel(2 * WORKERS + 2);
    let jobs = Mutex::new(jobs);
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            let (jobs, done) = (&jobs, done.clone());
            scope.spawn(move || {
                loop {
                    let job = jobs.lock().map(|jobs| jobs.recv());
                    let Ok(Ok((number, bytes))) = job else { return };
                    if done.send((number, deflate_run(&bytes))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        let outcome = (|| {
            let mut take = |(number, run): (usize, std::io::Result<cs_archive::Run>)| -> Result<(), StoreError> {
                let run = run?;
                let place = spool.keep(&run.data)?;
                if let Some(slot) = found.get_mut(number) {
                    *slot = Some((run.crc32, place));
                }
                Ok(())
            };
            let mut running = 0;
            for &number in missing {
                let Some(run) = part.runs.get(number) else {
                    continue;
                };
                let bytes = part.bytes(connection, run)?;
                // No more than the channels hold are on their way, so that nobody waits for somebody who waits.
                if running == 2 * WORKERS {
                    take(results.recv().map_err(|_| lost())?)?;
                    running -= 1;
                }
                to_workers.send((number, bytes)).map_err(|_| lost())?;
                running += 1;
            }
            for _ in 0..running {
                take(results.recv().map_err(|_| lost())?)?;
            }
            Ok(())
        })();
        drop(to_workers);
        drop(results);
        outcome
    })
}

fn lost() -> StoreError {
    StoreError::Failed("a worker ended too early".to_owned())
}

/// Deflated runs in a file without a name: nothing is left behind, whatever happens.
struct Spool<'a> {
    folder: &'a Path,
    file: Option<File>,
    length: u64,
}

impl Spool<'_> {
    fn keep(&mut self, data: &[u8]) -> Result<Place, StoreError> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile_in(self.folder)?),
        };
        file.write_all(data)?;
        let offset = self.length;
        self.length += data.len() as u64;
        Ok(Place::Spooled {
            offset,
            packed: data.len() as u64,
            crc: crc32fast::hash(data),
        })
    }

    fn copy(
        &mut self,
        offset: u64,
        packed: u64,
        crc: u32,
        buffer: &mut [u8],
        writer: &mut PackageWriter<'_>,
    ) -> Result<(), StoreError> {
        let Some(file) = &mut self.file else {
            return Err(lost());
        };
        file.seek(SeekFrom::Start(offset))?;
        let mut rest = file.take(packed);
        if copy(|buffer| Ok(rest.read(buffer)?), buffer, writer)? == crc {
            return Ok(());
        }
        Err(StoreError::Damaged(
            "what was deflated is not what was written to its temporary file".to_owned(),
        ))
    }
}
