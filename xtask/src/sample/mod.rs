//! `cargo xtask sample`: the sample deployment, and large packages for measurements. The same arguments give the same bytes on every
//! machine.

mod bulk;
mod litware;
mod package;
mod random;
mod topology;

use std::fs;
use std::path::PathBuf;

use crate::Outcome;

/// Options of the command.
#[derive(clap::Args)]
pub struct Options {
    /// The sample deployment of Litware, Inc.: topology.xml and config.zip
    #[arg(long, conflicts_with_all = ["documents", "big"])]
    litware: bool,
    /// A package with so many documents, of the sizes and the entropy of docs/performance.md
    #[arg(long, value_name = "N")]
    documents: Option<u64>,
    /// One more document of about so many bytes
    #[arg(long, value_name = "BYTES")]
    big: Option<u64>,
    /// Other numbers give other content of the same kind
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The file to write; with --litware the folder
    #[arg(long)]
    out: PathBuf,
}

/// Runs it.
pub fn run(options: &Options) -> Outcome {
    if options.litware {
        return litware(&options.out);
    }
    if options.documents.is_none() && options.big.is_none() {
        return Err("give --litware, --documents or --big".to_owned());
    }
    let bytes = bulk::package(options.documents.unwrap_or(0), options.big, options.seed)?;
    fs::write(&options.out, bytes)
        .map_err(|error| format!("{}: {error}", options.out.display()))?;
    println!("wrote {}", options.out.display());
    Ok(())
}

fn litware(folder: &std::path::Path) -> Outcome {
    let fail = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(fail)?;
    for (name, bytes) in litware::files()? {
        fs::write(folder.join(name), bytes).map_err(fail)?;
        println!("wrote {}", folder.join(name).display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_sample_is_what_the_generator_writes() {
        let folder = crate::workspace::root().join("tests/fixtures/litware");
        for (name, bytes) in litware::files().unwrap() {
            let committed = fs::read(folder.join(name)).unwrap();
            assert!(
                committed == bytes,
                "{name}: run `cargo xtask sample --litware --out tests/fixtures/litware`"
            );
        }
    }

    #[test]
    fn large_packages_are_read_and_have_the_entropy_of_real_ones() {
        let package = bulk::package(500, None, 1).unwrap();
        let limits = cs_archive::ReadLimits::default();
        let summary = cs_archive::check(&mut std::io::Cursor::new(&package), &limits).unwrap();
        assert_eq!(summary.documents, 500);
        let mean = summary.bytes / 500;
        assert!((7_000..9_500).contains(&mean), "mean size {mean}");
        let ratio = summary.bytes as f64 / package.len() as f64;
        assert!((4.5..6.4).contains(&ratio), "deflates {ratio}:1");
        assert_eq!(package, bulk::package(500, None, 1).unwrap());
        assert_ne!(package, bulk::package(500, None, 2).unwrap());
    }
}
