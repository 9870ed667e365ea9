//! Exports, imports, sizes and memory.

use std::fs;
use std::path::Path;
use std::process::Command;

use cs_archive::{PackageEvent, ReadLimits};

use super::host::Host;
use super::tools::{build, median, need, on_core, output, ratio, run_quietly, time};
use super::{Bench, Row};
use crate::workspace::own_service_only;

const MIB: f64 = 1024.0 * 1024.0;

/// The documents of a package, one after the other, as one file.
pub fn concatenated(bench: &Bench, sample: &str) -> Result<std::path::PathBuf, String> {
    let path = bench.path(&format!("{sample}.xml"));
    if !path.exists() {
        let mut text = Vec::new();
        documents(&bench.sample(sample), &mut |_, document| {
            text.extend_from_slice(document)
        })?;
        fs::write(&path, text).map_err(|error| error.to_string())?;
    }
    Ok(path)
}

/// Hands out the documents of a package.
pub fn documents(package: &Path, each: &mut dyn FnMut(&str, &[u8])) -> Result<(), String> {
    let mut file = fs::File::open(package).map_err(|error| error.to_string())?;
    let mut document: (String, Vec<u8>) = Default::default();
    cs_archive::read(&mut file, &ReadLimits::default(), &|| false, &mut |event| {
        match event {
            PackageEvent::DocumentStart { id, head, .. } => document = (id.text(), head),
            PackageEvent::ItemStart { lead } => document.1.extend(lead),
            PackageEvent::ItemChunk(chunk) => document.1.extend(chunk),
            PackageEvent::DocumentEnd { tail } => {
                document.1.extend(tail);
                each(&document.0, &document.1);
            }
            _ => {}
        }
        Ok(())
    })
    .map(drop)
    .map_err(|error| error.to_string())
}

/// A service that holds a sample, warm.
fn loaded(bench: &Bench, sample: &str, core: Option<&str>) -> Result<Host, String> {
    let host = Host::start(bench, &format!("h{sample}{}", core.unwrap_or("")), core)?;
    run_quietly(&mut host.import(&bench.sample(sample)))?;
    host.settle()?;
    Ok(host)
}

fn gzip(core: Option<&str>, input: &Path) -> Result<Command, String> {
    let gzip = need("libdeflate-gzip", "libdeflate-tools")?;
    let mut command = match core {
        Some(core) => on_core(core, &gzip),
        None => Command::new(gzip),
    };
    command.args(["-6", "-k", "-f"]).arg(input);
    Ok(command)
}

/// P1 and P2, and the copy of the database.
pub fn exports(bench: &Bench) -> Result<Vec<Row>, String> {
    let out = bench.path("out.zip");
    let input = concatenated(bench, "S20k")?;
    let mut rows = Vec::new();
    {
        let host = loaded(bench, "S20k", Some("0"))?;
        let mut export = || {
            let mut command = on_core("0", &bench.csvault);
            command
                .args(["run", "Export-CsConfiguration", "-Force", "-FileName"])
                .arg(&out)
                .env("CSVAULT_HOME", &host.home);
            time(own_service_only(&mut command))
        };
        let found = ratio(bench.rounds, &mut export, &mut || {
            time(&mut gzip(Some("0"), &input)?)
        })?;
        rows.push(Row::new(
            "P1 export S20k, one core / libdeflate-gzip -6",
            found,
            1.15,
        ));
    }
    let host = loaded(bench, "S20k", None)?;
    let bytes = fs::read(&input).map_err(|error| error.to_string())?;
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let halves = [bench.path("half1.xml"), bench.path("half2.xml")];
    for (path, half) in halves.iter().zip([first, second]) {
        fs::write(path, half).map_err(|error| error.to_string())?;
    }
    let mut both = || {
        let start = std::time::Instant::now();
        let mut children = Vec::new();
        for half in &halves {
            children.push(
                gzip(None, half)?
                    .spawn()
                    .map_err(|error| error.to_string())?,
            );
        }
        for mut child in children {
            child.wait().map_err(|error| error.to_string())?;
        }
        Ok(start.elapsed().as_secs_f64())
    };
    let found = ratio(
        bench.rounds,
        &mut || time(&mut host.export(&out)),
        &mut both,
    )?;
    rows.push(Row::new(
        "P2 export S20k, two cores / two libdeflate-gzip -6",
        found,
        1.20,
    ));

    let sqlite = need("sqlite3", "sqlite3")?;
    let database = bench.path("plain.db");
    plain_database(bench, "S20k", &sqlite, &database)?;
    let mut backup = || {
        let copy = bench.path("copy.db");
        let _absent = fs::remove_file(&copy);
        time(
            Command::new(&sqlite)
                .arg(&database)
                .arg(format!(".backup {}", copy.display())),
        )
    };
    let found = ratio(
        bench.rounds,
        &mut || time(&mut host.export(&out)),
        &mut backup,
    )?;
    rows.push(Row::new(
        "export S20k / sqlite3 .backup of the same content",
        found,
        1.00,
    ));
    rows.push(Row::new("P9 export sqlite3 .backup", found, 2.50));
    Ok(rows)
}

/// The same content as one table of names and documents.
fn plain_database(
    bench: &Bench,
    sample: &str,
    sqlite: &Path,
    database: &Path,
) -> Result<(), String> {
    let _absent = fs::remove_file(database);
    let csv = csv(bench, sample)?;
    let script = format!(
        "CREATE TABLE document (name TEXT PRIMARY KEY, data TEXT);\n.mode csv\n.import {} document\n",
        csv.display()
    );
    let path = bench.path("load.sql");
    fs::write(&path, script).map_err(|error| error.to_string())?;
    run_quietly(
        Command::new(sqlite)
            .arg(database)
            .arg(format!(".read {}", path.display())),
    )
}

/// Names and documents as CSV.
pub fn csv(bench: &Bench, sample: &str) -> Result<std::path::PathBuf, String> {
    let path = bench.path(&format!("{sample}.csv"));
    if !path.exists() {
        let mut text = Vec::new();
        documents(&bench.sample(sample), &mut |name, document| {
            text.extend_from_slice(format!("\"{name}\",\"").as_bytes());
            for &byte in document {
                if byte == b'"' {
                    text.push(b'"');
                }
                text.push(byte);
            }
            text.extend_from_slice(b"\"\n");
        })?;
        fs::write(&path, text).map_err(|error| error.to_string())?;
    }
    Ok(path)
}

/// P3.
pub fn big_export(bench: &Bench) -> Result<Vec<Row>, String> {
    let host = loaded(bench, "BIG", None)?;
    let (input, out) = (concatenated(bench, "BIG")?, bench.path("out.zip"));
    let found = ratio(
        bench.rounds,
        &mut || time(&mut host.export(&out)),
        &mut || time(&mut gzip(None, &input)?),
    )?;
    Ok(vec![Row::new(
        "P3 export BIG / libdeflate-gzip -6",
        found,
        1.20,
    )])
}

/// P4.
pub fn size(bench: &Bench) -> Result<Vec<Row>, String> {
    let zip = need("zip", "zip")?;
    let host = loaded(bench, "S1k", None)?;
    let (out, folder, other) = (
        bench.path("out.zip"),
        files(bench, "S1k")?,
        bench.path("other.zip"),
    );
    run_quietly(&mut host.export(&out))?;
    let _absent = fs::remove_file(&other);
    run_quietly(
        Command::new(zip)
            .args(["-q", "-r", "-6"])
            .arg(&other)
            .arg(".")
            .current_dir(folder),
    )?;
    let length = |path: &Path| {
        fs::metadata(path)
            .map(|meta| meta.len() as f64)
            .map_err(|error| error.to_string())
    };
    Ok(vec![Row::new(
        "P4 size of S1k / zip -6 of the same documents",
        length(&out)? / length(&other)?,
        1.00,
    )])
}

/// The documents as files.
pub fn files(bench: &Bench, sample: &str) -> Result<std::path::PathBuf, String> {
    let folder = bench.path(&format!("{sample}.files"));
    if !folder.exists() {
        fs::create_dir(&folder).map_err(|error| error.to_string())?;
        let mut number = 0;
        let mut fault = None;
        documents(&bench.sample(sample), &mut |_, document| {
            number += 1;
            if let Err(error) = fs::write(folder.join(format!("{number:06}.xml")), document) {
                fault = Some(error.to_string());
            }
        })?;
        if let Some(fault) = fault {
            return Err(fault);
        }
    }
    Ok(folder)
}

/// P5: the peak of a fresh service above the peak of an idle one, as a part of 24 MiB: after an import, after an export, and of one that
/// imports, prepares, exports and plans again and again.
pub fn memory(bench: &Bench) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for sample in ["S1k", "S20k", "BIG"] {
        let home = format!("m{sample}");
        let after_import = {
            let host = Host::start(bench, &home, None)?;
            let idle = host.peak()?;
            run_quietly(&mut host.import(&bench.sample(sample)))?;
            host.peak()? - idle
        };
        let after_export = {
            let host = Host::start(bench, &home, None)?;
            let idle = host.peak()?;
            run_quietly(&mut host.export(&bench.path("out.zip")))?;
            host.peak()? - idle
        };
        let after_all = {
            let host = Host::start(bench, &format!("a{sample}"), None)?;
            let idle = host.peak()?;
            for _ in 0..3 {
                run_quietly(&mut host.import(&bench.sample(sample)))?;
                host.settle()?;
                run_quietly(&mut host.export(&bench.path("out.zip")))?;
                run_quietly(host.import(&bench.sample(sample)).arg("-WhatIf"))?;
            }
            host.peak()? - idle
        };
        for (what, above) in [
            ("import", after_import),
            ("export", after_export),
            ("three rounds", after_all),
        ] {
            rows.push(Row::new(
                &format!("P5 memory after {what} of {sample} above idle / 24 MiB"),
                above / MIB / 24.0,
                1.0,
            ));
        }
    }
    Ok(rows)
}

/// P6 and P7.
pub fn imports(bench: &Bench) -> Result<Vec<Row>, String> {
    let sample = bench.sample("S20k");
    let mut number = 0;
    let mut fresh = 0.0;
    let mut again = Vec::new();
    let mut import = || {
        number += 1;
        let host = Host::start(bench, &format!("i{number}"), None)?;
        fresh = time(&mut host.import(&sample))?;
        again.push(time(&mut host.import(&sample))? / fresh);
        let home = host.home.clone();
        drop(host);
        let _temporary = fs::remove_dir_all(home);
        Ok(fresh)
    };
    let mut bulk = || {
        let database = bench.path("bulk.db");
        for end in ["", "-wal", "-shm"] {
            let _absent = fs::remove_file(bench.path(&format!("bulk.db{end}")));
        }
        let seconds = output(
            Command::new(&bench.reference)
                .arg("bulk-insert")
                .arg(&sample)
                .arg(&database),
        )?;
        seconds
            .trim()
            .parse()
            .map_err(|_| format!("no number: {seconds}"))
    };
    let found = ratio(bench.rounds.min(5), &mut import, &mut bulk)?;
    Ok(vec![
        Row::new(
            "P6 import S20k / bare bulk insert of the same rows",
            found,
            1.25,
        ),
        Row::new(
            "P7 import S20k again / first import",
            super::tools::median(again),
            0.50,
        ),
    ])
}

/// P8.
pub fn dry_run(bench: &Bench) -> Result<Vec<Row>, String> {
    let unzip = need("unzip", "unzip")?;
    let sample = bench.sample("S20k");
    let host = loaded(bench, "S20k", None)?;
    let mut plan = || time(host.import(&sample).arg("-WhatIf"));
    let found = ratio(bench.rounds, &mut plan, &mut || {
        time(Command::new(&unzip).arg("-tq").arg(&sample))
    })?;
    Ok(vec![Row::new("P8 dry run of S20k / unzip -t", found, 1.0)])
}

/// P16.
pub fn xml(bench: &Bench) -> Result<Vec<Row>, String> {
    build("cs-bench")?;
    let sample = bench.sample("S20k");
    let seconds = |what: &str| -> Result<f64, String> {
        let text = output(
            Command::new(&bench.reference)
                .arg("xml")
                .arg(&sample)
                .arg(what),
        )?;
        text.trim()
            .parse()
            .map_err(|_| format!("no number: {text}"))
    };
    let found = ratio(bench.rounds, &mut || seconds("check"), &mut || {
        seconds("events")
    })?;
    Ok(vec![Row::new(
        "P16 checks of XML / bare events of the tokenizer",
        found,
        1.0 / 0.6,
    )])
}

/// What one access decision costs. No tool to compare with: the goal is a time.
pub fn decision(bench: &Bench) -> Result<Vec<Row>, String> {
    const GOAL_SECONDS: f64 = 2e-6;
    build("cs-bench")?;
    let mut seconds = Vec::new();
    for _ in 0..bench.rounds {
        let text = output(Command::new(&bench.reference).arg("decide"))?;
        let each: f64 = text
            .trim()
            .parse()
            .map_err(|_| format!("no number: {text}"))?;
        seconds.push(each);
    }
    Ok(vec![Row::new(
        "decision, 11 roles of 500 cmdlets / 2 microseconds",
        median(seconds) / GOAL_SECONDS,
        1.0,
    )])
}
