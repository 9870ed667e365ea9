//! What is wrong with the manifests, one sentence each: the file, the thing, and what to write instead. All of it is said at once.
//! What is let through here goes into scripts, XML and names of files as it is.

mod cmdlets;
mod completers;
mod names;
mod parameters;
mod roles;
mod sets;
#[cfg(test)]
mod tests;
mod types;

use std::collections::BTreeSet;

use super::manifests::Manifests;

/// The faults of all manifests, in the order of the files.
pub fn faults(manifests: &Manifests) -> Vec<String> {
    let mut faults = Vec::new();
    cmdlets::check(manifests, &mut faults);
    types::check(manifests, &mut faults);
    roles::check(manifests, &mut faults);
    faults
}

/// What was found in one file.
struct Report<'a> {
    file: String,
    faults: &'a mut Vec<String>,
}

impl Report<'_> {
    fn fault(&mut self, what: impl AsRef<str>) {
        self.faults
            .push(format!("{}: {}", self.file, what.as_ref()));
    }

    /// A text that users read.
    fn not_empty(&mut self, what: &str, text: &str) {
        if text.trim().is_empty() {
            self.fault(format!("{what} is empty; write it"));
        }
    }
}

/// Whether a name can stand in a script as it is.
fn is_identifier(name: &str) -> bool {
    name.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric())
}

/// The names that were there before, in whatever case: PowerShell does not look at it.
fn repeated<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    names
        .into_iter()
        .filter(|name| !seen.insert(name.to_lowercase()))
        .collect()
}
