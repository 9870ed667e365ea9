//! What `generate` does in a copy of the workspace.

use super::*;

/// A copy of what `new-cmdlet` and `generate` read.
pub fn copy() -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for folder in [
        "manifests/cmdlets",
        "manifests/types",
        "native/cs-engine/src/cmdlets",
        "tests/pester",
        "module/CsVault/Private",
        "module/CsVault/OnDemand",
    ] {
        fs::create_dir_all(copy.path().join(folder)).unwrap();
        for entry in fs::read_dir(root().join(folder)).unwrap().flatten() {
            fs::copy(
                entry.path(),
                copy.path().join(folder).join(entry.file_name()),
            )
            .unwrap();
        }
    }
    for file in ["manifests/roles.json", "manifests/catalog.json"] {
        fs::copy(root().join(file), copy.path().join(file)).unwrap();
    }
    copy
}

/// Every generated file of the workspace at `root`.
pub fn all(root: &Path) -> Result<Vec<Generated>, String> {
    files(&Manifests::read(root)?, root)
}

#[test]
fn generated_files_are_as_the_manifests_say() {
    check(&root()).unwrap();
}

#[test]
fn every_generated_file_carries_the_mark() {
    let files = all(&root()).unwrap();
    let copy = copy();
    write(copy.path()).unwrap();
    // As if none of them were generated any more.
    let (outdated, faults) = strangers::strangers(copy.path(), &[]);
    assert!(outdated.len() > 20);
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(check(copy.path()), Ok(files.len()));
}

#[test]
fn what_was_generated_before_is_removed() {
    let copy = copy();
    let root = copy.path();
    write(root).unwrap();
    let old = root.join("docs/cmdlets/Get-CsOld.md");
    fs::copy(root.join("docs/cmdlets/Get-CsTopology.md"), &old).unwrap();
    fs::write(root.join("docs/cmdlets/.Get-CsTopology.md.swp"), "").unwrap();
    assert_eq!(
        check(root).unwrap_err(),
        "run `cargo xtask generate`; not as the manifests say: docs/cmdlets/Get-CsOld.md"
    );
    write(root).unwrap();
    assert!(!old.exists());
    check(root).unwrap();
}

#[test]
fn what_was_not_generated_is_left_alone_and_named_before_anything_is_written() {
    let copy = copy();
    let root = copy.path();
    write(root).unwrap();
    let page = root.join("docs/cmdlets/Get-CsTopology.md");
    fs::write(&page, "old").unwrap();
    let mut said = Vec::new();
    for folder in [
        "docs/cmdlets",
        "module/CsVault/Generated",
        "module/Lync",
        "module/SkypeForBusiness",
        "manifests/schemas",
        "tests/golden",
        "native/cs-contract/src/generated",
    ] {
        fs::write(root.join(folder).join("mine.txt"), "mine").unwrap();
        said.push(format!("{folder}/mine.txt: this was not generated, and only generated files belong there; move it to another place, or remove it"));
    }
    fs::create_dir(root.join("docs/cmdlets/drafts")).unwrap();
    said.insert(0, "docs/cmdlets/drafts: this is a folder, and only generated files belong there; move it to another place, or remove it".to_owned());
    fs::remove_file(root.join("docs/errors.md")).unwrap();
    fs::create_dir(root.join("docs/errors.md")).unwrap();
    said.push(
        "docs/errors.md: a folder is where a generated file belongs; move it to another place"
            .to_owned(),
    );
    assert_eq!(write(root).unwrap_err(), said.join("\n"));
    assert_eq!(fs::read_to_string(&page).unwrap(), "old");
    assert!(root.join("tests/golden/mine.txt").exists());
    let all = check(root).unwrap_err();
    assert!(all.starts_with(&said.join("\n")), "{all}");
    assert!(
        all.ends_with("not as the manifests say: docs/cmdlets/Get-CsTopology.md, docs/errors.md"),
        "{all}"
    );
}

#[test]
fn what_was_written_for_a_cmdlet_without_a_manifest_is_found() {
    let copy = copy();
    let root = copy.path();
    write(root).unwrap();
    for path in [
        "native/cs-engine/src/cmdlets/get_cs_old.rs",
        "tests/pester/Get-CsOld.Tests.ps1",
        "tests/pester/Other.Tests.ps1",
    ] {
        fs::write(root.join(path), "mine").unwrap();
    }
    let todo = "no cmdlet with a manifest has this file; remove it, or write manifests/cmdlets";
    assert_eq!(
        check(root).unwrap_err(),
        format!(
            "native/cs-engine/src/cmdlets/get_cs_old.rs: {todo}/<Verb>-<Noun>.json\ntests/pester/Get-CsOld.Tests.ps1: {todo}/Get-CsOld.json"
        )
    );
    write(root).unwrap();
    assert!(root.join("tests/pester/Get-CsOld.Tests.ps1").exists());
}

#[test]
fn only_scripts_become_a_part_of_the_module() {
    let copy = copy();
    let before = all(copy.path()).unwrap();
    for folder in ["Private", "OnDemand"] {
        let folder = copy.path().join("module/CsVault").join(folder);
        for name in [".a.ps1", "a.ps1~", "#a.ps1#", "a.txt", ".a.ps1.swp"] {
            fs::write(folder.join(name), "function Get-Mine { }\n").unwrap();
        }
        fs::create_dir(folder.join("folder.ps1")).unwrap();
    }
    assert_eq!(all(copy.path()).unwrap(), before);
    fs::write(copy.path().join("module/CsVault/Private/b.ps1"), [0xff]).unwrap();
    let error = all(copy.path()).unwrap_err();
    assert!(
        error.starts_with("module/CsVault/Private/b.ps1: "),
        "{error}"
    );
}

#[test]
fn manifests_that_cannot_be_read_are_named_together() {
    let copy = copy();
    for path in ["cmdlets/Get-CsTopology.json", "catalog.json"] {
        fs::write(copy.path().join("manifests").join(path), "{").unwrap();
    }
    fs::remove_file(copy.path().join("manifests/roles.json")).unwrap();
    let error = all(copy.path()).unwrap_err();
    let lines: Vec<&str> = error.lines().collect();
    let [cmdlet, roles, catalog] = lines[..] else {
        panic!("{error}")
    };
    assert!(cmdlet.starts_with("manifests/cmdlets/Get-CsTopology.json: EOF"));
    assert!(roles.starts_with("manifests/roles.json: "));
    assert!(catalog.starts_with("manifests/catalog.json: EOF"));
}
