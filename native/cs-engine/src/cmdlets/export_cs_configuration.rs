//! `Export-CsConfiguration`: a whole version of a store as a package.

use std::io::{self, Write};

use cs_contract::{InvokeResult, Record};
use cs_store::StoreError;
use sha2::{Digest, Sha256};

use crate::CallIo;
use crate::engine::{Handler, Running};
use crate::fault::{Fault, from_stopped, from_store};

pub const HANDLER: Handler = Handler { inline: false, run };

fn run(call: &mut Running<'_>) -> Result<InvokeResult, Fault> {
    let snapshot = call
        .store()
        .snapshot(&call.grant)
        .map_err(|error| from_store(&error))?;
    let (version, name) = (snapshot.version(), call.kind.display_name());
    let text = format!("Exporting version {version} of the {name}.");
    call.io
        .record(Record::Verbose { text })
        .map_err(from_stopped)?;

    let total = std::cell::Cell::new(0);
    let mut out = Output {
        io: &mut *call.io,
        hash: Sha256::new(),
        sent: 0,
        told: 0,
        total: &total,
    };
    let outcome = snapshot.export(
        &mut |length| {
            total.set(length);
            Ok(())
        },
        &mut out,
    );
    let (sent, hash) = (out.sent, out.hash);
    match outcome {
        Err(StoreError::Stopped) => Err(from_stopped(crate::Stopped)),
        Err(error) => Err(from_store(&error)),
        Ok(()) => Ok(InvokeResult {
            bytes: sent,
            sha256: Some(
                hash.finalize()
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect(),
            ),
            ..InvokeResult::default()
        }),
    }
}

/// Bytes between two progress records.
const STEP: u64 = 4 * 1024 * 1024;

/// Hands the package's bytes to the client and keeps count.
struct Output<'a> {
    io: &'a mut dyn CallIo,
    hash: Sha256,
    sent: u64,
    told: u64,
    total: &'a std::cell::Cell<u64>,
}

impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let stopped = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.io.output(bytes).map_err(stopped)?;
        self.hash.update(bytes);
        self.sent += bytes.len() as u64;
        if self.sent >= self.told + STEP {
            self.told = self.sent;
            let percent = (self.sent * 100)
                .checked_div(self.total.get())
                .unwrap_or(100)
                .min(100);
            self.io
                .record(Record::Progress {
                    activity: "Exporting the configuration".to_owned(),
                    status: format!(
                        "{} of {} MB",
                        self.sent / 1_000_000,
                        self.total.get() / 1_000_000
                    ),
                    percent: u8::try_from(percent).ok(),
                })
                .map_err(stopped)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
