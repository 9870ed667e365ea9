//! `cargo xtask generate`: everything that follows from the manifests. Generated files are committed; `--check` finds those that
//! are not what the manifests say.

pub(crate) mod embedded;
mod faults;
mod functions;
mod golden;
pub(crate) mod manifests;
mod module;
mod pages;
mod text;
mod types;
mod views;

use std::fs;
use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::workspace::root;
use manifests::Manifests;

/// Options of the command.
#[derive(clap::Args, Default)]
pub struct Options {
    /// Write nothing; fail when a file is not what the manifests say
    #[arg(long)]
    check: bool,
}

/// A generated file: its path from the root of the workspace, and its text.
pub(crate) type Generated = (String, String);

/// Runs it.
pub fn run(options: &Options) -> Outcome {
    let files = all(&root())?;
    if options.check {
        let drifted = drifted(&files);
        return if drifted.is_empty() {
            println!("{} generated files are as the manifests say", files.len());
            Ok(())
        } else {
            Err(format!(
                "run `cargo xtask generate`; not as the manifests say: {}",
                drifted.join(", ")
            ))
        };
    }
    for (path, text) in &files {
        let path = root().join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        if fs::read(&path).ok().as_deref() != Some(text.as_bytes()) {
            fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
            println!("wrote {}", path.display());
        }
    }
    for path in strangers(&files) {
        fs::remove_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("removed {}", path.display());
    }
    Ok(())
}

/// Every generated file of the workspace at `root`.
pub(crate) fn all(root: &Path) -> Result<Vec<Generated>, String> {
    let manifests = Manifests::read(root)?;
    let mut files = embedded::files(&manifests);
    files.extend(module::files(&manifests, root)?);
    files.extend(views::files(&manifests));
    files.extend(pages::files(&manifests));
    files.extend(golden::files(&manifests));
    files.extend(manifests::schemas()?);
    Ok(files)
}

/// Files that differ, are missing, or should not be there.
fn drifted(files: &[Generated]) -> Vec<String> {
    let differs = |path: &str, text: &str| {
        fs::read(root().join(path)).ok().as_deref() != Some(text.as_bytes())
    };
    let mut found: Vec<String> = files
        .iter()
        .filter(|(path, text)| differs(path, text))
        .map(|(path, _)| path.clone())
        .collect();
    found.extend(
        strangers(files)
            .iter()
            .map(|path| path.display().to_string()),
    );
    found
}

/// Reference pages of cmdlets, and objects of types, that are no more.
fn strangers(files: &[Generated]) -> Vec<PathBuf> {
    let known: Vec<PathBuf> = files.iter().map(|(path, _)| root().join(path)).collect();
    ["docs/cmdlets", module::GENERATED]
        .iter()
        .filter_map(|folder| fs::read_dir(root().join(folder)).ok())
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| !known.contains(path))
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn generated_files_are_as_the_manifests_say() {
        let files = super::all(&crate::workspace::root()).unwrap();
        assert_eq!(
            super::drifted(&files),
            Vec::<String>::new(),
            "run `cargo xtask generate`"
        );
    }
}
