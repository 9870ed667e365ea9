//! A store that lost its end, or all of it, is told from a new one and from an older one.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod support;

use std::fs;
use std::path::Path;

use cs_model::{StoreKind, Version};
use cs_store::{SqliteStore, Store, StoreError};
use support::{commit, docs, expected_set, export, import, package, set_of};

fn open(folder: &Path) -> Result<SqliteStore, StoreError> {
    let initial = || package(&docs(&["made anew"]));
    let path = folder.join("central.db");
    SqliteStore::open(&path, StoreKind::Central, &initial, &commit("new"))
}

/// The files of a store of three versions: as a kill leaves them, with all in the log, or as an end does.
fn files(killed: bool) -> tempfile::TempDir {
    let (folder, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(folder.path()).unwrap();
    import(&store, package(&docs(&["a"]))).unwrap();
    import(&store, package(&docs(&["a", "b"]))).unwrap();
    if !killed {
        drop(store);
        return folder;
    }
    for name in ["central.db", "central.db-wal", "central.head"] {
        fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
    }
    copy
}

fn names(folder: &Path) -> Vec<(String, u64)> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let mut names: Vec<_> = entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, entry.metadata().unwrap().len())
        })
        // Looking at a store makes its index of the log, and an empty log where there is none.
        .filter(|(name, length)| name != "central.db-shm" && (*length > 0 || name == "central.db"))
        .collect();
    names.sort();
    names
}

/// The version that is found in place of the third; the files stay as they are.
fn refused(folder: &Path) -> Version {
    let before = names(folder);
    let error = open(folder).err().unwrap();
    assert_eq!(names(folder), before, "{error}");
    let StoreError::Behind {
        expected: Version(3),
        found,
        head,
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!(head, folder.join("central.head"));
    found
}

#[test]
fn a_store_that_is_gone_is_not_made_anew() {
    for killed in [false, true] {
        let folder = files(killed);
        let path = folder.path().join("central.db");
        fs::remove_file(folder.path().join("central.db-wal")).unwrap_or_default();
        fs::write(&path, []).unwrap();
        assert_eq!(refused(folder.path()), Version(0));
        fs::remove_file(&path).unwrap();
        assert_eq!(refused(folder.path()), Version(0));
        // Who removes what remembers it wants it so.
        fs::remove_file(folder.path().join("central.head")).unwrap();
        let store = open(folder.path()).unwrap();
        assert_eq!(store.version(), Version(1));
    }
}

#[test]
fn a_store_that_lost_its_log_or_the_end_of_it_is_not_an_older_version() {
    let folder = files(true);
    let log = folder.path().join("central.db-wal");
    let whole = fs::read(&log).unwrap();
    let mut found = Vec::new();
    for part in 0..20 {
        fs::write(&log, &whole[..whole.len() * part / 20]).unwrap();
        found.push(refused(folder.path()));
    }
    assert!(found.is_sorted() && found.contains(&Version(0)) && found.contains(&Version(2)));
    fs::remove_file(&log).unwrap();
    assert_eq!(refused(folder.path()), Version(0));
    fs::write(&log, &whole).unwrap();
    let store = open(folder.path()).unwrap();
    let all = expected_set(&docs(&["a", "b"]));
    assert_eq!(
        (store.version(), set_of(&export(&store))),
        (Version(3), all)
    );
}

#[test]
fn what_is_remembered_may_be_older_or_gone_and_is_mended() {
    let folder = files(false);
    let head = folder.path().join("central.head");
    let remembered = fs::read(&head).unwrap();
    assert_eq!(remembered, b"00000000000000000003\n");
    for older in [b"00000000000000000002\n".as_slice(), b"1", b"", &[0; 21]] {
        fs::write(&head, older).unwrap();
        assert_eq!(open(folder.path()).unwrap().version(), Version(3));
        assert_eq!(fs::read(&head).unwrap(), remembered);
    }
    fs::remove_file(&head).unwrap();
    let store = open(folder.path()).unwrap();
    assert_eq!(fs::read(&head).unwrap(), remembered);
    // A dry run and an import that changes nothing leave it; a commit does not need it.
    fs::remove_file(&head).unwrap();
    import(&store, package(&docs(&["a", "b"]))).unwrap();
    assert!(!head.exists());
    fs::create_dir(&head).unwrap();
    import(&store, package(&docs(&["c"]))).unwrap();
    fs::remove_dir(&head).unwrap();
    drop(store);
    fs::write(&head, "four").unwrap();
    let error = open(folder.path()).err().unwrap();
    assert!(matches!(&error, StoreError::Damaged(what) if what.contains("central.head")));
}
