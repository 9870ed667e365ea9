//! `cargo xtask generate`: everything that follows from the manifests. Generated files are committed; `--check` finds those that
//! are not what the manifests say.

pub(crate) mod embedded;
mod faults;
mod functions;
mod golden;
pub(crate) mod manifests;
mod module;
mod pages;
mod strangers;
#[cfg(test)]
pub(crate) mod tests;
mod text;
mod types;
mod views;

use std::fs;
use std::path::Path;

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
    if options.check {
        let count = check(&root())?;
        println!("{count} generated files are as the manifests say");
        Ok(())
    } else {
        write(&root())
    }
}

/// Writes the files of the workspace at `root` that are not as they should be, and removes those that are no more.
fn write(root: &Path) -> Outcome {
    let manifests = Manifests::read(root)?;
    let files = files(&manifests, root)?;
    let (outdated, faults) = strangers::strangers(root, &files);
    // Before anything is written: a fault leaves everything as it was.
    if !faults.is_empty() {
        return Err(faults.join("\n"));
    }
    for (path, text) in &files {
        let fail = |error: std::io::Error| format!("{path}: {error}");
        let place = root.join(path);
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).map_err(fail)?;
        }
        if differs(root, path, text) {
            fs::write(&place, text).map_err(fail)?;
            println!("wrote {path}");
        }
    }
    for path in &outdated {
        fs::remove_file(root.join(path)).map_err(|error| format!("{path}: {error}"))?;
        println!("removed {path}");
    }
    for orphan in strangers::orphans(root, &manifests) {
        println!("{orphan}");
    }
    Ok(())
}

/// The number of generated files of the workspace at `root`; an error when something is not as the manifests say.
fn check(root: &Path) -> Result<usize, String> {
    let manifests = Manifests::read(root)?;
    let files = files(&manifests, root)?;
    let mut drifted: Vec<String> = files
        .iter()
        .filter(|(path, text)| differs(root, path, text))
        .map(|(path, _)| path.clone())
        .collect();
    let (outdated, mut faults) = strangers::strangers(root, &files);
    drifted.extend(outdated);
    faults.extend(strangers::orphans(root, &manifests));
    if !drifted.is_empty() {
        faults.push(format!(
            "run `cargo xtask generate`; not as the manifests say: {}",
            drifted.join(", ")
        ));
    }
    if faults.is_empty() {
        Ok(files.len())
    } else {
        Err(faults.join("\n"))
    }
}

/// Every generated file of the workspace at `root`.
fn files(manifests: &Manifests, root: &Path) -> Result<Vec<Generated>, String> {
    let mut files = embedded::files(manifests);
    files.extend(module::files(manifests, root)?);
    files.extend(views::files(manifests));
    files.extend(pages::files(manifests));
    files.extend(golden::files(manifests));
    files.extend(manifests::schemas()?);
    Ok(files)
}

/// Whether a file is missing or has another text.
fn differs(root: &Path, path: &str, text: &str) -> bool {
    fs::read(root.join(path)).ok().as_deref() != Some(text.as_bytes())
}
