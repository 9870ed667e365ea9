//! `cargo xtask new-cmdlet`: the three hand-written files of a cmdlet, ready to build and honest about what is missing. The cmdlet
//! can be called after `cargo xtask generate`, and says that it is not written; two tests fail until it is.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::Outcome;
use crate::generate::embedded::snake;
use crate::generate::manifests::VERBS;
use crate::workspace::root;

const MANIFEST: &str = include_str!("../new-cmdlet/manifest.json");
const TEST: &str = include_str!("../new-cmdlet/Cmdlet.Tests.ps1");
/// Compiled with the engine's tests, so that what is copied builds.
const HANDLER: &str = include_str!("../../native/cs-engine/src/skeleton.rs");

/// Options of the command.
#[derive(clap::Args)]
pub struct Options {
    /// The name, for example Get-CsThing
    cmdlet: String,
    /// What it does to the store [default: by the verb]
    #[arg(long, value_enum, ignore_case = true)]
    effect: Option<Effect>,
}

/// What a cmdlet does to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Effect {
    /// Reads
    #[value(name = "Read")]
    Read,
    /// Reads everything
    #[value(name = "Export")]
    Export,
    /// Writes the configuration
    #[value(name = "Write")]
    Write,
    /// Writes roles
    #[value(name = "WriteRoles")]
    WriteRoles,
}

/// Writes the files and says what comes next.
pub fn run(options: &Options) -> Outcome {
    let files = write(&root(), options)?;
    for file in &files {
        println!("wrote {}", file.path);
    }
    let [manifest, handler, test] = &files;
    println!(
        "\nNext, as docs/adding-a-cmdlet.md says:\n  {}  what it is: replace every TODO\n  {}  what it does\n  {}  what users rely on\n  manifests/roles.json  the predefined roles that may run it\nthen  cargo xtask generate  and  cargo xtask test",
        manifest.path, handler.path, test.path
    );
    Ok(())
}

/// A file to write: its path from the root of the workspace, and its text.
struct File {
    path: String,
    text: String,
}

/// Writes the three files, or none.
fn write(root: &Path, options: &Options) -> Result<[File; 3], String> {
    let (verb, noun) = check_name(&options.cmdlet)?;
    refuse_existing(root, &options.cmdlet)?;
    let files = files(verb, noun, options.effect.unwrap_or_else(|| usual(verb)));
    let mut written = Written(Vec::new());
    for file in &files {
        let path = root.join(&file.path);
        let fail = |error: std::io::Error| format!("{}: {error}; nothing was written", file.path);
        let mut new = fs::File::create_new(&path).map_err(fail)?;
        written.0.push(path);
        new.write_all(file.text.as_bytes()).map_err(fail)?;
    }
    written.0.clear();
    Ok(files)
}

/// Files that are removed again unless all could be written.
struct Written(Vec<PathBuf>);

impl Drop for Written {
    fn drop(&mut self) {
        for path in &self.0 {
            let _the_first_error_counts = fs::remove_file(path);
        }
    }
}

/// The verb and the noun of a name that PowerShell and the house rules accept.
fn check_name(name: &str) -> Result<(&str, &str), String> {
    cs_model::CmdletName::parse(name).map_err(|error| error.to_string())?;
    let (verb, noun) = name.split_once('-').unwrap_or((name, ""));
    if !VERBS.contains(&verb) {
        let same = VERBS.iter().find(|known| known.eq_ignore_ascii_case(verb));
        let hint = same.map_or_else(
            || format!("choose one of {}", VERBS.join(", ")),
            |known| format!("write {known}"),
        );
        return Err(format!("'{verb}' is not an approved verb; {hint}"));
    }
    let rest = noun.strip_prefix("Cs").unwrap_or_default();
    if !rest.starts_with(|letter: char| letter.is_ascii_uppercase()) {
        return Err(format!(
            "the noun '{noun}' is not Cs and a word with a capital letter, as in {verb}-CsThing"
        ));
    }
    Ok((verb, noun))
}

/// Names differ in more than their case, because PowerShell does not look at it.
fn refuse_existing(root: &Path, name: &str) -> Outcome {
    let folder = "manifests/cmdlets";
    let entries = fs::read_dir(root.join(folder)).map_err(|error| format!("{folder}: {error}"))?;
    let wanted = format!("{name}.json");
    let found = entries
        .flatten()
        .map(|entry| entry.file_name())
        .find(|file| file.eq_ignore_ascii_case(&wanted));
    match found {
        None => Ok(()),
        Some(file) => Err(format!(
            "the cmdlet is there already: {folder}/{}",
            file.display()
        )),
    }
}

/// What cmdlets of a verb mostly do.
fn usual(verb: &str) -> Effect {
    match verb {
        "Get" | "Test" | "Compare" | "Debug" | "Search" | "Show" => Effect::Read,
        "Export" | "Backup" => Effect::Export,
        _ => Effect::Write,
    }
}

fn files(verb: &str, noun: &str, effect: Effect) -> [File; 3] {
    let cmdlet = format!("{verb}-{noun}");
    let module = snake(&cmdlet);
    let test = format!("tests/pester/{cmdlet}.Tests.ps1");
    let changes = matches!(effect, Effect::Write | Effect::WriteRoles);
    let should_process = if changes {
        "\n  \"shouldProcess\": \"Medium\",\n  \"change\": {\n    \"action\": \"TODO: what is done, as in Remove the role\"\n  },"
    } else {
        ""
    };
    let manifest = MANIFEST
        .replace("{verb}", verb)
        .replace("{noun}", noun)
        .replace("{cmdlet}", &cmdlet)
        .replace("{should_process}", should_process)
        .replace("{effect}", &format!("{effect:?}"));
    let handler = HANDLER
        .replace("Get-CsThing", &cmdlet)
        .replace("get_cs_thing", &module);
    let text = TEST.replace("{cmdlet}", &cmdlet).replace("{test}", &test);
    let file = |path: String, text: String| File { path, text };
    [
        file(format!("manifests/cmdlets/{cmdlet}.json"), manifest),
        file(format!("native/cs-engine/src/cmdlets/{module}.rs"), handler),
        file(test, text),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::tests::{all, copy};

    fn new(root: &Path, cmdlet: &str, effect: Option<Effect>) -> Result<[File; 3], String> {
        let cmdlet = cmdlet.to_owned();
        write(root, &Options { cmdlet, effect })
    }

    fn generated(root: &Path, path: &str) -> String {
        let mut files = all(root).unwrap().into_iter();
        files.find(|(found, _)| found == path).unwrap().1
    }

    #[test]
    fn a_new_cmdlet_is_generated_like_any_other() {
        let copy = copy();
        let root = copy.path();
        for (cmdlet, effect, written) in [
            ("Get-CsThing", None, "\"effect\": \"Read\""),
            ("Set-CsThing", None, "\"effect\": \"Write\""),
            ("Export-CsThing", None, "\"effect\": \"Export\""),
            (
                "Grant-CsRole",
                Some(Effect::WriteRoles),
                "\"effect\": \"WriteRoles\"",
            ),
        ] {
            let [manifest, handler, test] = new(root, cmdlet, effect).unwrap();
            assert!(manifest.text.contains(written), "{}", manifest.text);
            assert!(handler.text.contains(&handler.path) && handler.text.contains(cmdlet));
            assert!(test.text.contains(&format!("Describe '{cmdlet}'")));
            for text in [&manifest.text, &test.text] {
                assert!(!text.contains("{cmdlet}"), "{text}");
            }
            for file in [manifest, handler, test] {
                assert_eq!(fs::read_to_string(root.join(file.path)).unwrap(), file.text);
            }
        }
        let handlers = generated(root, "native/cs-engine/src/cmdlets/mod.rs");
        assert!(handlers.contains("(\"Get-CsThing\", &get_cs_thing::HANDLER)"));
        let module = generated(root, "module/CsVault/CsVault.psm1");
        assert!(module.contains("function Set-CsThing"));
        let matrix = generated(root, "tests/golden/role-matrix.txt");
        assert!(matrix.contains("Grant-CsRole  (WriteRoles"));
    }

    #[test]
    fn names_that_would_not_do_are_refused_and_nothing_is_written() {
        let copy = copy();
        let before = all(copy.path()).unwrap();
        for (cmdlet, said) in [
            ("", "is not a cmdlet name"),
            ("Get-", "is not a cmdlet name"),
            ("Get-Cs*", "is not a cmdlet name"),
            ("Get-Cs/../Thing", "is not a cmdlet name"),
            (
                "Fetch-CsThing",
                "'Fetch' is not an approved verb; choose one of Add, ",
            ),
            ("get-CsThing", "'get' is not an approved verb; write Get"),
            ("Get-Thing", "the noun 'Thing' is not Cs and a word"),
            ("Get-Cs", "the noun 'Cs' is not Cs and a word"),
            ("Get-Csthing", "the noun 'Csthing' is not Cs and a word"),
            (
                "Get-CsTopology",
                "is there already: manifests/cmdlets/Get-CsTopology.json",
            ),
            (
                "Get-CsTOPOLOGY",
                "is there already: manifests/cmdlets/Get-CsTopology.json",
            ),
        ] {
            let error = new(copy.path(), cmdlet, None).err().unwrap();
            assert!(error.contains(said), "{cmdlet}: {error}");
        }
        assert_eq!(all(copy.path()).unwrap(), before);
    }

    #[test]
    fn a_file_that_is_in_the_way_leaves_nothing_half_written() {
        let copy = copy();
        let test = copy.path().join("tests/pester/Get-CsThing.Tests.ps1");
        fs::write(&test, "mine").unwrap();
        let error = new(copy.path(), "Get-CsThing", None).err().unwrap();
        assert!(
            error.contains("tests/pester/Get-CsThing.Tests.ps1"),
            "{error}"
        );
        for gone in [
            "manifests/cmdlets/Get-CsThing.json",
            "native/cs-engine/src/cmdlets/get_cs_thing.rs",
        ] {
            assert!(!copy.path().join(gone).exists(), "{gone}");
        }
        assert_eq!(fs::read_to_string(test).unwrap(), "mine");
    }

    #[test]
    fn no_cmdlet_is_left_half_written() {
        for folder in [
            "manifests/cmdlets",
            "manifests/types",
            "native/cs-engine/src/cmdlets",
            "tests/pester",
        ] {
            for entry in fs::read_dir(root().join(folder)).unwrap().flatten() {
                let text = fs::read_to_string(entry.path()).unwrap();
                assert!(
                    !text.contains("TODO"),
                    "{}: replace every TODO",
                    entry.path().display()
                );
            }
        }
    }
}
