//! What the file's bytes say is checked when they are read: a store that is not what was written is an error, never a wrong answer.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]

mod support;

use std::path::Path;

use cs_model::{DocumentId, ItemKey, StoreKind, Uuid};
use cs_rbac::Rights;
use cs_store::{Item, LastCheck, NewItem, SqliteStore, Store, StoreError};
use sha2::{Digest, Sha256};
use support::{Doc, commit, doc, grant, import, package};

/// Documents of every kind: short, with several items, and longer than a run.
fn all() -> Vec<Doc> {
    let long: String = (0..150_000).map(|n| format!("<v{}/>", n % 97)).collect();
    let mut all = vec![
        doc(
            "long",
            &[
                ("Tag:1", "<before/>"),
                ("Global", &long),
                ("Tag:2", "<behind/>"),
            ],
        ),
        doc(
            "many",
            &[("Global", "<V>many</V>"), ("Site:1", "<V>one</V>")],
        ),
    ];
    for n in 0..20 {
        all.push(doc(
            &format!("short{n}"),
            &[("Global", &format!("<V>{n}</V>"))],
        ));
    }
    all
}

/// What a store says: its package, and the items of each document.
type Said = (Vec<u8>, Vec<(DocumentId, Vec<Item>)>);

fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    let initial = || package(&[]);
    SqliteStore::open(path, StoreKind::Central, &initial, &commit("new"))
}

fn said(path: &Path) -> Result<Said, StoreError> {
    let store = open(path)?;
    let snapshot = store.snapshot(&grant(Rights::Export))?;
    let mut bytes = Vec::new();
    snapshot.export(&mut |_| Ok(()), &mut bytes)?;
    let mut documents = Vec::new();
    for doc in all() {
        let id = DocumentId::parse(&doc.name);
        let items = snapshot.document(&id)?.map(|found| found.items);
        for item in items.iter().flatten() {
            let mut content = Vec::new();
            snapshot.content(&item.hash, &mut content)?;
            assert_eq!(Sha256::digest(&content).as_slice(), item.hash.0);
        }
        documents.push((id, items.unwrap_or_default()));
    }
    let mut listed: Vec<(DocumentId, Vec<Item>)> = Vec::new();
    snapshot.documents(&mut |info| {
        listed.push((info.id, info.items));
        true
    })?;
    for one in &documents {
        assert!(listed.contains(one), "both ways of asking say the same");
    }
    Ok((bytes, documents))
}

/// A store in one file, with or without its deflated runs.
fn made(folder: &Path, prepared: bool) -> Said {
    let path = folder.join("central.db");
    let store = support::sqlite(folder, &[]);
    import(&store, package(&all())).unwrap();
    if prepared {
        while store.prepare_exports(u64::MAX).unwrap() > 0 {}
    }
    drop(store);
    said(&path).unwrap()
}

/// Changes some bytes of a store, and looks at what it says then: what it said before, or an error.
fn never_wrong(
    folder: &Path,
    before: &Said,
    file: &[u8],
    places: &[(usize, u8)],
) -> (usize, usize) {
    let path = folder.join("central.db");
    let (mut refused, mut same) = (0, 0);
    for &(at, bit) in places {
        let mut damaged = file.to_vec();
        damaged[at] ^= bit;
        std::fs::write(&path, &damaged).unwrap();
        for ending in ["-wal", "-shm"] {
            std::fs::remove_file(folder.join(format!("central.db{ending}"))).unwrap_or_default();
        }
        match said(&path) {
            Ok(now) => {
                assert!(now == *before, "byte {at} with bit {bit} is served");
                same += 1;
            }
            Err(StoreError::Damaged(_) | StoreError::Failed(_) | StoreError::TooNew { .. }) => {
                refused += 1;
            }
            Err(error) => panic!("byte {at} with bit {bit}: {error}"),
        }
    }
    (refused, same)
}

fn find_all(file: &[u8], needle: &[u8]) -> Vec<usize> {
    file.windows(needle.len())
        .enumerate()
        .filter_map(|(at, bytes)| (bytes == needle).then_some(at))
        .collect()
}

#[test]
fn what_is_damaged_is_never_served() {
    for prepared in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let before = made(folder.path(), prepared);
        let file = std::fs::read(folder.path().join("central.db")).unwrap();
        // The texts that no content's hash covers; signatures are those of short items.
        let signature = Uuid::from_u128("<V>one</V>".len() as u128).into_bytes();
        let texts: [&[u8]; 8] = [
            b"<DocItemSet>",
            b"</DocItemSet>",
            b"DocItemSet.xml",
            b"<DocItem Name=\"short3\"><Data>",
            b"</Data></DocItem>",
            b"Site:1",
            b"short11",
            &signature,
        ];
        let mut places = Vec::new();
        for text in texts {
            let found = find_all(&file, text);
            assert!(!found.is_empty());
            places.extend(found.iter().take(6).map(|at| (at + text.len() / 2, 2)));
        }
        let (refused, same) = never_wrong(folder.path(), &before, &file, &places);
        // An index holds keys once more. Frames are not read again where deflated runs are there.
        let least = if prepared { 3 } else { texts.len() };
        assert!(refused >= least, "{refused} refused, {same} the same");
        // And anything else: here and there, a bit in each.
        let step = std::env::var("CSVAULT_STEP").map_or(10_007, |step| step.parse().unwrap());
        let places: Vec<(usize, u8)> = (0..file.len())
            .step_by(step)
            .map(|at| (at, 1 << (at / step % 8)))
            .filter(|&(at, _)| file[at] != 0 || at % 8 == 0)
            .collect();
        let counts = never_wrong(folder.path(), &before, &file, &places);
        println!("{counts:?} of {} in {} bytes", places.len(), file.len());
    }
}

#[test]
fn a_store_without_seals_gets_them_with_the_next_import() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("central.db");
    made(folder.path(), true);
    let sql = |sql: &str| {
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch(sql).unwrap();
    };
    sql(
        "ALTER TABLE document DROP COLUMN seal; ALTER TABLE run_cache DROP COLUMN row_crc; DELETE FROM meta WHERE name = 'seal';",
    );
    let before = said(&path).unwrap();
    let mut more = all();
    more.push(doc("more", &[("Global", "<V/>")]));
    let store = open(&path).unwrap();
    import(&store, package(&more)).unwrap();
    while store.prepare_exports(u64::MAX).unwrap() > 0 {}
    drop(store);
    // What was there before is sealed as well.
    assert_eq!(said(&path).unwrap().1, before.1);
    for damage in [
        "UPDATE item SET signature = NULL WHERE key = 'Site:1';",
        "UPDATE document SET key = 'shorter' WHERE key = 'short3' AND last IS NULL;",
        "UPDATE document SET last = first WHERE key = 'short4' AND last IS NULL;",
    ] {
        sql(damage);
        let error = said(&path).unwrap_err();
        assert!(matches!(error, StoreError::Damaged(_)), "{damage}: {error}");
    }
}

#[test]
fn a_deflated_run_that_is_not_what_it_was_is_told_as_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("central.db");
    // Content that does not become short, so that its run has several pages.
    let noise: String = (0_u32..2000)
        .map(|n| {
            format!(
                "<v{:x}/>",
                u128::from_le_bytes(Sha256::digest(n.to_le_bytes())[..16].try_into().unwrap())
            )
        })
        .collect();
    let mut documents = all();
    documents.push(doc("noise", &[("Global", &noise)]));
    let store = support::sqlite(folder.path(), &[]);
    import(&store, package(&documents)).unwrap();
    while store.prepare_exports(u64::MAX).unwrap() > 0 {}
    drop(store);
    let before = said(&path).unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    let (id, page_bytes): (i64, u32) = connection
        .query_row(
            "SELECT id, (SELECT page_size FROM pragma_page_size) FROM run_cache ORDER BY packed DESC LIMIT 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    let page_bytes = usize::try_from(page_bytes).unwrap();
    let data: Vec<u8> = connection
        .query_row("SELECT data FROM run_cache WHERE id = ?1", [id], |row| {
            row.get(0)
        })
        .unwrap();
    let set = |data: &dyn rusqlite::ToSql| {
        connection
            .execute(
                "UPDATE run_cache SET data = ?2 WHERE id = ?1",
                rusqlite::params![id, data],
            )
            .unwrap();
    };
    let told = |what: &str| {
        let error = said(&path).unwrap_err();
        assert!(matches!(error, StoreError::Damaged(_)), "{what}: {error}");
    };
    let mut changed = data.clone();
    changed[data.len() - 1] ^= 1;
    set(&changed);
    told("another byte");
    set(&&data[1..]);
    told("shorter");
    set(&5);
    told("no bytes");
    set(&data);
    assert!(said(&path).unwrap() == before);
    drop(connection);

    // The chain of its pages ends too early: the first four bytes of each page name the next one.
    assert!(data.len() > 3 * page_bytes, "{}", data.len());
    let file = std::fs::read(&path).unwrap();
    let middle = &data[data.len() / 2..][..64];
    let at = find_all(&file, middle)[0] / page_bytes * page_bytes;
    let mut damaged = file;
    damaged[at..at + 4].fill(0);
    for ending in ["-wal", "-shm"] {
        std::fs::remove_file(folder.path().join(format!("central.db{ending}"))).unwrap_or_default();
    }
    std::fs::write(&path, &damaged).unwrap();
    told("a lost page");
}

#[test]
fn a_change_of_one_item_keeps_the_seal_and_takes_no_damage_along() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("central.db");
    let before = made(folder.path(), false);
    let put = |name: &str, content: &str| {
        let store = open(&path).unwrap();
        let item = NewItem {
            document: &DocumentId::parse(name),
            key: &ItemKey("Global".to_owned()),
            signature: Uuid::from_u128(7),
            expected: None,
            content: content.as_bytes(),
            last_check: LastCheck(&|| Ok(())),
        };
        store.put_item(&grant(Rights::Write), Some(&commit("put")), &item)
    };
    for (name, content) in [("short3", "<V>new</V>"), ("new", "<V/>"), ("many", "<V/>")] {
        assert!(put(name, content).unwrap().changed);
        assert!(said(&path).unwrap() != before);
    }
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch("UPDATE document SET head = 'x' WHERE key = 'short4' AND last IS NULL;")
        .unwrap();
    let error = put("short4", "<V>new</V>").unwrap_err();
    assert!(matches!(error, StoreError::Damaged(_)), "{error}");
    assert!(put("short5", "<V>new</V>").unwrap().changed);
}
