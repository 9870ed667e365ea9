//! What docs/ARCHITECTURE.md and its neighbours say about the code, held by tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cs_archive::ReadLimits;
use cs_contract::ErrorId;

use crate::workspace::root;

/// The crates that may be used, for each crate of the product. What tests use beside them does not count.
const MAY_USE: [(&str, &[&str]); 8] = [
    ("cs-model", &[]),
    ("cs-contract", &[]),
    ("cs-rbac", &["cs-model"]),
    ("cs-archive", &["cs-model"]),
    ("cs-store", &["cs-archive", "cs-model", "cs-rbac"]),
    (
        "cs-engine",
        &[
            "cs-archive",
            "cs-contract",
            "cs-model",
            "cs-rbac",
            "cs-store",
        ],
    ),
    (
        "csvault",
        &[
            "cs-archive",
            "cs-contract",
            "cs-engine",
            "cs-model",
            "cs-peer",
            "cs-rbac",
            "cs-store",
        ],
    ),
    ("cs-peer", &[]),
];

/// Crates that touch nothing but what they are given. Files come in open.
const SILENT: [&str; 5] = [
    "cs-model",
    "cs-contract",
    "cs-rbac",
    "cs-archive",
    "cs-engine",
];

/// Words that a silent crate has no use for.
const LOUD: [&str; 13] = [
    "std::env",
    "std::process",
    "std::net",
    "std::time",
    "std::fs::{",
    "std::fs;",
    "std::fs::OpenOptions",
    "File::open",
    "File::create",
    "Timestamp::now",
    "print!(",
    "println!(",
    "unsafe ",
];

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files below a folder whose names end so.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            if entry.file_name() != "target" {
                found.extend(files(&path, end));
            }
        } else if path.to_string_lossy().ends_with(end) {
            found.push(path);
        }
    }
    found
}

/// The crates of this workspace that a crate's `[dependencies]` and those for a target name.
fn uses(name: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let mut counts = false;
    for line in read(&root().join("native").join(name).join("Cargo.toml")).lines() {
        if let Some(section) = line.strip_prefix('[') {
            counts = section.contains("dependencies") && !section.contains("dev-dependencies");
        } else if counts && line.starts_with("cs") {
            let end = line.find(['.', ' ', '=']).unwrap_or(line.len());
            used.insert(line.get(..end).unwrap_or_default().to_owned());
        }
    }
    used
}

#[test]
fn crates_use_what_lies_below_them() {
    let text = read(&root().join("docs/ARCHITECTURE.md"));
    let table = text
        .lines()
        .skip_while(|line| !line.starts_with("| crate, "));
    let mut rows: BTreeMap<&str, &str> = table
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches(['|', ' ']).split(" | ").collect();
            (cells[0].trim_matches('`'), cells[2])
        })
        .collect();
    for (name, allowed) in MAY_USE {
        let may_use: BTreeSet<String> = allowed.iter().map(ToString::to_string).collect();
        assert_eq!(
            uses(name),
            may_use,
            "{name}: change docs/ARCHITECTURE.md too"
        );
        let listed = match allowed {
            [] => "none of ours".to_owned(),
            _ => format!("`{}`", allowed.join("`, `")),
        };
        assert_eq!(
            rows.remove(name),
            Some(listed.as_str()),
            "the row of {name}"
        );
    }
    assert_eq!(rows, BTreeMap::new(), "rows of crates that MAY_USE lacks");
}

#[test]
fn silent_crates_touch_nothing_outside() {
    for name in SILENT {
        for path in files(&root().join("native").join(name).join("src"), ".rs") {
            let text = read(&path);
            // Tests of a file stand at its end.
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            for line in code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
            {
                for word in LOUD {
                    assert!(!line.contains(word), "{}: {line}", path.display());
                }
            }
        }
    }
}

#[test]
fn only_the_roles_are_read_without_a_decision() {
    let mut makers: Vec<String> = Vec::new();
    for folder in ["native", "xtask"] {
        for path in files(&root().join(folder), ".rs") {
            let text = read(&path);
            if text.contains(concat!("policy_", "grant(")) {
                makers.push(path.file_name().unwrap().to_string_lossy().into_owned());
            }
        }
    }
    makers.sort();
    assert_eq!(makers, ["grant.rs", "mod.rs"]);
}

/// The pages that are written by hand.
fn pages() -> Vec<PathBuf> {
    let mut pages = files(&root().join("docs"), ".md");
    pages.push(root().join("README.md"));
    pages.push(root().join("tests/wire/README.md"));
    pages
}

/// The targets of a page's links.
fn links(text: &str) -> Vec<&str> {
    let starts = text.match_indices("](").map(|(at, _)| at + 2);
    let to_end = starts.filter_map(|at| text.get(at..));
    to_end
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
        .collect()
}

#[test]
fn links_lead_to_files() {
    assert_eq!(links("[a](b.md) and [c](d.md#e)"), ["b.md", "d.md#e"]);
    for page in pages() {
        for link in links(&read(&page)) {
            let path = link.split('#').next().unwrap_or_default();
            let outside = link.starts_with("http");
            let found = path.is_empty() || page.parent().unwrap().join(path).exists();
            assert!(outside || found, "{}: {link}", page.display());
        }
    }
}

#[test]
fn every_error_id_is_documented() {
    let page = read(&root().join("docs/errors.md"));
    for id in ErrorId::ALL {
        let row = format!("| `{}` | {} |", id.as_str(), id.meaning().trim());
        assert!(page.contains(&row), "{row}");
    }
}

/// The tests of the project, by their names.
struct Tests {
    rust: String,
    shell: String,
}

impl Tests {
    fn read() -> Self {
        let texts = |folder: &str, end: &str| -> String {
            let paths = files(&root().join(folder), end);
            paths.iter().map(|path| read(path)).collect()
        };
        Self {
            rust: texts("native", ".rs") + &texts("xtask", ".rs"),
            shell: texts("tests/pester", ".Tests.ps1"),
        }
    }

    fn assert_exist(&self, line: &str) {
        let names: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{line}");
        for name in names {
            let rust = self.rust.contains(&format!("fn {name}("));
            let shell = self.shell.contains(&format!("It '{name}'"));
            let transcript = root().join("tests/wire").join(name).exists();
            let rules =
                name == "clippy.toml" && root().join("native/cs-engine/clippy.toml").exists();
            assert!(
                rust || transcript || shell || rules,
                "no test is named {name}"
            );
        }
    }
}

#[test]
fn the_architecture_names_tests_that_exist() {
    let text = read(&root().join("docs/ARCHITECTURE.md"));
    let invariants: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("Held by "))
        .collect();
    assert_eq!(invariants.len(), text.matches("**Invariant ").count());
    assert!(invariants.len() >= 8);
    let tests = Tests::read();
    for line in invariants {
        tests.assert_exist(line);
    }
}

/// Every row of a table whose last column says `tested by`.
#[test]
fn the_security_model_names_tests_that_exist() {
    let text = read(&root().join("docs/security-model.md"));
    let tests = Tests::read();
    let mut promises = 0;
    let mut inside = false;
    for line in text.lines() {
        inside = line.starts_with('|') && (inside || line.ends_with("| tested by |"));
        if !inside || line.ends_with("| tested by |") || line.ends_with("--- |") {
            continue;
        }
        promises += 1;
        let last = line.trim_end_matches(" |").rsplit(" | ").next();
        tests.assert_exist(last.unwrap_or_default());
    }
    assert!(promises >= 28, "{promises}");
}

#[test]
fn limits_of_packages_are_documented() {
    let limits = ReadLimits::default();
    let values: BTreeMap<&str, u64> = BTreeMap::from([
        ("packageBytes", limits.package_bytes),
        ("entries", limits.entries),
        ("entryBytes", limits.entry_bytes),
        ("totalBytes", limits.total_bytes),
        ("ratio", limits.ratio),
        ("documents", limits.documents),
        ("items", limits.items),
        ("depth", limits.depth as u64),
        ("elements", limits.elements),
        ("attributes", limits.attributes as u64),
        ("nameBytes", limits.name_bytes as u64),
        ("tagBytes", limits.tag_bytes as u64),
        ("textBytes", limits.text_bytes as u64),
        ("frameBytes", limits.frame_bytes as u64),
    ]);
    let page = read(&root().join("docs/format.md"));
    for (name, value) in values {
        let row = format!("| `{name}` | {value} |");
        assert!(page.contains(&row), "docs/format.md lacks: {row}");
    }
}
