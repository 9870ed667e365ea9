//! What administrators use today, on the same documents.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::host::Host;
use super::tools::{need, output, ratio, run_quietly, time};
use super::transfer::{csv, files};
use super::{Bench, Row};

/// Rounds of measurements that take many seconds.
const ROUNDS: usize = 3;

fn loaded(bench: &Bench) -> Result<Host, String> {
    let host = Host::start(bench, "peers", None)?;
    run_quietly(&mut host.import(&bench.sample("S20k")))?;
    host.settle()?;
    Ok(host)
}

/// Imports into a new service.
fn import(bench: &Bench) -> Result<f64, String> {
    let host = Host::start(bench, "peers-import", None)?;
    settle_disk()?;
    let seconds = time(&mut host.import(&bench.sample("S20k")))?;
    let home = host.home.clone();
    drop(host);
    let _temporary = fs::remove_dir_all(home);
    Ok(seconds)
}

/// What was written before is on the disk. An import is durable when it ends, so it would wait for the files that the program beside it
/// left unwritten.
fn settle_disk() -> Result<(), String> {
    run_quietly(&mut Command::new("sync"))
}

/// `zip -r -6` of the documents as files.
pub fn zip(bench: &Bench) -> Result<Vec<Row>, String> {
    let zip = need("zip", "zip")?;
    let (folder, out, host) = (files(bench, "S20k")?, bench.path("zip.zip"), loaded(bench)?);
    let mut peer = || {
        let _absent = fs::remove_file(&out);
        time(
            Command::new(&zip)
                .args(["-q", "-r", "-6"])
                .arg(&out)
                .arg(".")
                .current_dir(&folder),
        )
    };
    let found = ratio(
        ROUNDS,
        &mut || time(&mut host.export(&bench.path("out.zip"))),
        &mut peer,
    )?;
    Ok(vec![Row::new("P9 export S20k / zip -r -6", found, 0.35)])
}

/// restic: a backup into a new repository, and a restore.
pub fn restic(bench: &Bench) -> Result<Vec<Row>, String> {
    let restic = need("restic", "restic")?;
    let (folder, host) = (files(bench, "S20k")?, loaded(bench)?);
    let repository = bench.path("restic");
    let command = |arguments: &[&str]| {
        let mut command = Command::new(&restic);
        command
            .arg("--repo")
            .arg(&repository)
            .args(["--no-cache", "--quiet"])
            .args(arguments)
            .env("RESTIC_PASSWORD", "bench");
        command
    };
    let mut backup = || {
        let _absent = fs::remove_dir_all(&repository);
        run_quietly(&mut command(&["init"]))?;
        time(command(&["backup"]).arg(&folder))
    };
    let export = ratio(
        ROUNDS,
        &mut || time(&mut host.export(&bench.path("out.zip"))),
        &mut backup,
    )?;
    drop(host);
    let mut restore = || {
        let target = bench.path("restored");
        let _absent = fs::remove_dir_all(&target);
        settle_disk()?;
        time(command(&["restore", "latest", "--target"]).arg(&target))
    };
    let back = ratio(ROUNDS, &mut || import(bench), &mut restore)?;
    Ok(vec![
        Row::new(
            "P9 export S20k / restic backup, new repository",
            export,
            0.25,
        ),
        Row::new("P9 import S20k / restic restore", back, 0.35),
    ])
}

/// A PostgreSQL of its own, on a socket in the temporary folder.
struct Postgres {
    programs: PathBuf,
    folder: PathBuf,
    /// PostgreSQL refuses to run as root; then it runs as the account of its package.
    account: Option<&'static str>,
}

impl Postgres {
    fn start(bench: &Bench) -> Result<Self, String> {
        need("pg_dump", "postgresql")?;
        let versions = fs::read_dir("/usr/lib/postgresql")
            .map_err(|error| format!("/usr/lib/postgresql: {error}"))?;
        let programs = versions
            .flatten()
            .map(|entry| entry.path().join("bin"))
            .find(|path| path.join("initdb").exists());
        let programs = programs.ok_or("no initdb below /usr/lib/postgresql")?;
        let root = output(Command::new("id").arg("-u"))?.trim() == "0";
        let postgres = Self {
            programs,
            folder: bench.path("pg"),
            account: root.then_some("postgres"),
        };
        fs::create_dir(&postgres.folder).map_err(|error| error.to_string())?;
        if let Some(account) = postgres.account {
            run_quietly(Command::new("chmod").arg("755").arg(bench.folder.path()))?;
            run_quietly(Command::new("chown").arg(account).arg(&postgres.folder))?;
        }
        let data = postgres.folder.join("data");
        run_quietly(
            postgres
                .command("initdb")
                .args(["-A", "trust", "-D"])
                .arg(&data),
        )?;
        let options = format!("-c listen_addresses= -k {}", postgres.folder.display());
        run_quietly(
            postgres
                .command("pg_ctl")
                .args(["-w", "-s", "-l"])
                .arg(postgres.folder.join("log"))
                .arg("-D")
                .arg(&data)
                .arg("-o")
                .arg(options)
                .arg("start"),
        )?;
        Ok(postgres)
    }

    fn command(&self, program: &str) -> Command {
        let path = self.programs.join(program);
        match self.account {
            Some(account) => {
                let mut command = Command::new("setpriv");
                command
                    .args(["--reuid", account, "--regid", account, "--clear-groups"])
                    .arg(path)
                    .current_dir(&self.folder);
                command
            }
            None => Command::new(path),
        }
    }

    fn client(&self, program: &str) -> Command {
        let mut command = self.command(program);
        command.arg("-h").arg(&self.folder);
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _stopped = run_quietly(
            self.command("pg_ctl")
                .args(["-s", "-m", "immediate", "-D"])
                .arg(self.folder.join("data"))
                .arg("stop"),
        );
    }
}

/// `pg_dump -Fc` and `pg_restore` of the same documents in one table.
pub fn postgres(bench: &Bench) -> Result<Vec<Row>, String> {
    let postgres = Postgres::start(bench)?;
    let host = loaded(bench)?;
    let source = csv(bench, "S20k")?;
    readable(&source)?;
    run_quietly(postgres.client("createdb").arg("bench"))?;
    let load = format!("\\copy document from '{}' csv", source.display());
    run_quietly(
        postgres
            .client("psql")
            .args([
                "-q",
                "-d",
                "bench",
                "-c",
                "create table document (name text primary key, data text)",
                "-c",
            ])
            .arg(load),
    )?;
    let dump = postgres.folder.join("dump");
    let mut peer = || {
        time(
            postgres
                .client("pg_dump")
                .args(["-Fc", "-f"])
                .arg(&dump)
                .arg("bench"),
        )
    };
    let export = ratio(
        ROUNDS,
        &mut || time(&mut host.export(&bench.path("out.zip"))),
        &mut peer,
    )?;
    drop(host);
    let mut number = 0;
    let mut restore = || {
        number += 1;
        let name = format!("restored{number}");
        run_quietly(postgres.client("createdb").arg(&name))?;
        time(postgres.client("pg_restore").args(["-d", &name]).arg(&dump))
    };
    let back = ratio(ROUNDS, &mut || import(bench), &mut restore)?;
    Ok(vec![
        Row::new("P9 export S20k / pg_dump -Fc", export, 0.40),
        Row::new("P9 import S20k / pg_restore", back, 0.70),
    ])
}

fn readable(path: &Path) -> Result<(), String> {
    run_quietly(Command::new("chmod").arg("644").arg(path))
}
