//! What every store promises, on every store.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests stop at the first surprise"
)]

mod support;

use cs_archive::PackageEvent;
use cs_model::{DocumentId, DocumentKey, ItemKey, StoreKind, Uuid, Version};
use cs_rbac::Rights;
use cs_store::{CommitInfo, LastCheck, NewItem, RequestKey, Store, StoreError};
use support::{
    both, commit, doc, docs, document, expected_set, export, grant, grant_for, import, import_as,
    package, part, set_of,
};

/// Runs a scenario on each store.
fn on_both(names: &[&str], scenario: impl Fn(&dyn Store)) {
    let folder = tempfile::tempdir().unwrap();
    for (name, store) in both(folder.path(), &docs(names)) {
        println!("on the {name} store");
        scenario(store.as_ref());
    }
}

#[test]
fn a_fresh_store_is_usable_at_once() {
    on_both(&["a", "b"], |store| {
        assert_eq!(store.version(), Version(1));
        assert_eq!(set_of(&export(store)), expected_set(&docs(&["a", "b"])));
        let history = store.history(&grant(Rights::Read), 10).unwrap();
        assert_eq!(
            (history.len(), history[0].principal.as_str()),
            (1, "csvault")
        );
    });
}

#[test]
fn an_import_is_one_new_version() {
    on_both(&["a", "b", "c"], |store| {
        let mut new = docs(&["a", "new", "c"]);
        new[2].items[0].1 = "<V>changed</V>".to_owned();
        let (outcome, changes) = import(store, package(&new)).unwrap();
        assert_eq!(changes, ["+new", "~c[Global]", "-b"]);
        assert_eq!((outcome.version, outcome.changed), (Version(2), true));
        assert_eq!((outcome.added, outcome.altered, outcome.removed), (1, 1, 1));
        assert_eq!(set_of(&export(store)), expected_set(&new));
        let history = store.history(&grant(Rights::Read), 10).unwrap();
        assert_eq!(
            (history[0].version, history[0].principal.as_str()),
            (Version(2), "tester (uid 1)")
        );
        assert_eq!(
            (history[0].cmdlet.as_str(), history[0].message.as_str()),
            ("Import-CsConfiguration", "import")
        );
    });
}

#[test]
fn the_same_again_changes_nothing() {
    on_both(&["a", "b"], |store| {
        let (outcome, changes) = import(store, package(&docs(&["a", "b"]))).unwrap();
        assert_eq!(
            (outcome.version, outcome.changed, changes.len()),
            (Version(1), false, 0)
        );
        assert_eq!(store.version(), Version(1));
    });
}

#[test]
fn items_are_told_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let old = doc(
        "p",
        &[("Tag:1", "<a/>"), ("Tag:2", "<b/>"), ("Tag:3", "<c/>")],
    );
    let new = doc(
        "p",
        &[
            ("Tag:1", "<a/>"),
            ("Tag:3", "<changed/>"),
            ("Tag:4", "<d/>"),
        ],
    );
    for (_, store) in both(folder.path(), &[old]) {
        let (_, changes) = import(store.as_ref(), package(std::slice::from_ref(&new))).unwrap();
        assert_eq!(changes, ["~p[Tag:3]", "+p[Tag:4]", "-p[Tag:2]"]);
        assert_eq!(
            set_of(&export(store.as_ref())),
            expected_set(std::slice::from_ref(&new))
        );
    }
}

#[test]
fn order_belongs_to_the_version() {
    on_both(&["a", "b", "c", "d"], |store| {
        for names in [
            ["d", "c", "b", "a"],
            ["a", "b", "c", "d"],
            ["b", "a", "d", "c"],
        ] {
            let (outcome, _) = import(store, package(&docs(&names))).unwrap();
            assert!(outcome.changed);
            assert_eq!(set_of(&export(store)), expected_set(&docs(&names)));
        }
        // The same place again and again: the room between two documents must not run out.
        for number in 0..30 {
            let (name, before) = (format!("n{number}"), set_of(&export(store)));
            let mut names: Vec<&str> = before
                .split("Name=\"")
                .skip(1)
                .map(|rest| rest.split('"').next().unwrap())
                .collect();
            names.insert(1, &name);
            import(store, package(&docs(&names))).unwrap();
            assert_eq!(set_of(&export(store)), expected_set(&docs(&names)));
        }
    });
}

#[test]
fn other_parts_are_carried_and_compared() {
    on_both(&["a"], |store| {
        let mut events = package(&docs(&["a"]));
        events.extend(part("unknown/part.bin", "any bytes"));
        let (_, changes) = import(store, events.clone()).unwrap();
        assert_eq!(changes, ["+unknown/part.bin"]);
        assert!(!import(store, events).unwrap().0.changed);
        let (_, changes) = import(store, package(&docs(&["a"]))).unwrap();
        assert_eq!(changes, ["-unknown/part.bin"]);
        let (_, changes) = import(
            store,
            [
                part("Header.xml", "<Other/>"),
                package(&docs(&["a"]))[3..].to_vec(),
            ]
            .concat(),
        )
        .unwrap();
        assert_eq!(changes, ["~Header.xml"]);
    });
}

#[test]
fn a_dry_run_keeps_nothing() {
    on_both(&["a"], |store| {
        let before = export(store);
        let long = "x".repeat(700_000);
        let new = [
            doc("a", &[("Global", "<V>b</V>")]),
            doc("n", &[("Global", &long)]),
        ];
        let (outcome, changes) = import_as(store, package(&new), None).unwrap();
        assert_eq!((outcome.version, outcome.changed), (Version(1), true));
        assert_eq!(changes, ["~a[Global]", "+n"]);
        assert_eq!(export(store), before);
        assert!(import(store, package(&new)).unwrap().0.changed);
        assert_eq!(set_of(&export(store)), expected_set(&new));
    });
}

#[test]
fn giving_up_leaves_the_store_as_it_was() {
    on_both(&["a"], |store| {
        let before = export(store);
        let events = package(&docs(&["x", "y", "z"]));
        for end in 0..events.len() {
            let mut left = events[..end].iter().cloned();
            let outcome = store.import(
                &grant(Rights::Write),
                Some(&commit("half")),
                &mut || left.next().map(Some).ok_or(()),
                &mut |_| Ok(()),
                LastCheck(&|| Ok(())),
            );
            assert!(
                matches!(outcome, Err(StoreError::Stopped)),
                "after {end} events"
            );
        }
        let mut all = events.into_iter();
        let outcome = store.import(
            &grant(Rights::Write),
            Some(&commit("refused")),
            &mut || Ok(all.next()),
            &mut |_| Err(()),
            LastCheck(&|| Ok(())),
        );
        assert!(matches!(outcome, Err(StoreError::Stopped)));
        assert_eq!(
            (store.version(), export(store)),
            (Version(1), before.clone())
        );
        // The last check comes behind everything else, and only when there is something to commit.
        let asked = std::cell::Cell::new(0);
        let refuse = || {
            asked.set(asked.get() + 1);
            Err(())
        };
        let run = |names: &[&str], commit: Option<&CommitInfo>| {
            let mut all = package(&docs(names)).into_iter();
            let next = &mut || Ok(all.next());
            let outcome = store.import(
                &grant(Rights::Write),
                commit,
                next,
                &mut |_| Ok(()),
                LastCheck(&refuse),
            );
            (outcome.is_ok(), asked.get())
        };
        assert_eq!(run(&["x"], None), (true, 0));
        assert_eq!(run(&["a"], Some(&commit("same"))), (true, 0));
        assert_eq!(run(&["x"], Some(&commit("refused"))), (false, 1));
        assert_eq!((store.version(), export(store)), (Version(1), before));
    });
}

#[test]
fn twice_is_refused() {
    on_both(&["a", "b"], |store| {
        for names in [["b", "b"], ["a", "a"], ["n", "n"]] {
            let error = import(store, package(&docs(&names))).unwrap_err();
            assert!(
                matches!(error, StoreError::DuplicateDocument { ref id } if id.text() == names[0]),
                "{error}"
            );
        }
        let error = import(
            store,
            package(&[doc("p", &[("Tag:1", "<a/>"), ("Tag:1", "<b/>")])]),
        )
        .unwrap_err();
        assert!(
            matches!(error, StoreError::DuplicateItem { ref key, .. } if key == "Tag:1"),
            "{error}"
        );
        assert_eq!(store.version(), Version(1));
    });
}

#[test]
fn events_in_a_wrong_order_are_refused() {
    on_both(&["a"], |store| {
        let good = package(&docs(&["x"]));
        let cases: Vec<Vec<PackageEvent>> = vec![
            vec![PackageEvent::PartEnd],
            vec![PackageEvent::Text(b"text".to_vec())],
            document(&doc("x", &[])),
            good[..good.len() - 1].to_vec(),
            [good[..6].to_vec(), vec![PackageEvent::PartEnd]].concat(),
            [
                good[..6].to_vec(),
                vec![PackageEvent::DocumentEnd { tail: vec![] }],
            ]
            .concat(),
        ];
        for (number, events) in cases.into_iter().enumerate() {
            let error = import(store, events).unwrap_err();
            assert!(
                matches!(error, StoreError::Malformed(_)),
                "{number}: {error}"
            );
        }
        assert_eq!(store.version(), Version(1));
    });
}

#[test]
fn rights_are_asked_for() {
    on_both(&["a"], |store| {
        let refused = |outcome: Result<(), StoreError>| {
            assert!(matches!(outcome, Err(StoreError::NotGranted { .. })))
        };
        let none = &mut || Ok(None);
        for rights in [Rights::Read, Rights::Export] {
            refused(
                store
                    .import(
                        &grant(rights),
                        None,
                        none,
                        &mut |_| Ok(()),
                        LastCheck(&|| Ok(())),
                    )
                    .map(drop),
            );
            let (id, key) = (DocumentId::parse("a"), ItemKey::global());
            let item = NewItem {
                document: &id,
                key: &key,
                signature: Uuid::nil(),
                expected: None,
                content: b"x",
                last_check: LastCheck(&|| Ok(())),
            };
            refused(store.put_item(&grant(rights), None, &item).map(drop));
        }
        let local = grant_for(Rights::WriteRoles, StoreKind::Local);
        refused(store.snapshot(&local).map(drop));
        refused(store.history(&local, 1).map(drop));
        refused(store.remember(&grant(Rights::Export), &commit("")));
        refused(store.remember(&local, &commit("")));
        // What a key stands for is told whichever store it was used for.
        assert_eq!(store.request(&local, "key").unwrap(), None);
        refused(
            store
                .import(&local, None, none, &mut |_| Ok(()), LastCheck(&|| Ok(())))
                .map(drop),
        );
        let snapshot = store.snapshot(&grant(Rights::Read)).unwrap();
        refused(snapshot.export(&mut |_| Ok(()), &mut Vec::new()));
    });
}

#[test]
fn a_retry_is_remembered() {
    on_both(&["a"], |store| {
        let keyed = |key: &str, fingerprint: u8| CommitInfo {
            idempotency_key: Some(RequestKey {
                key: key.to_owned(),
                fingerprint: [fingerprint; 32],
            }),
            ..commit("keyed")
        };
        import_as(store, package(&docs(&["b"])), Some(&keyed("key-0001", 1))).unwrap();
        let found = store
            .request(&grant(Rights::Read), "key-0001")
            .unwrap()
            .unwrap();
        assert_eq!(
            (found.version, found.changed, found.cmdlet.as_str()),
            (Version(2), true, "Import-CsConfiguration")
        );
        assert_eq!(found.fingerprint, Some([1; 32]));
        import_as(store, package(&docs(&["b"])), Some(&keyed("key-0002", 2))).unwrap();
        let found = store
            .request(&grant(Rights::Read), "key-0002")
            .unwrap()
            .unwrap();
        assert_eq!((found.version, found.changed), (Version(2), false));
        assert_eq!(
            store.request(&grant(Rights::Read), "key-0003").unwrap(),
            None
        );
        // A call that found nothing to do is remembered without a version.
        let write = grant(Rights::Write);
        store.remember(&write, &keyed("key-0003", 3)).unwrap();
        store.remember(&write, &commit("no key")).unwrap();
        let found = store.request(&write, "key-0003").unwrap().unwrap();
        assert_eq!((found.version, found.changed), (Version(2), false));
        assert_eq!(found.fingerprint, Some([3; 32]));
        // A key stands for one call: nothing else is committed with it.
        for (names, key) in [
            (["b"], "key-0001"),
            (["c"], "key-0002"),
            (["c"], "key-0003"),
        ] {
            let again = import_as(store, package(&docs(&names)), Some(&keyed(key, 9)));
            assert!(matches!(again, Err(StoreError::KeyTaken)), "{key}");
        }
        let again = store.remember(&write, &keyed("key-0001", 9));
        assert!(matches!(again, Err(StoreError::KeyTaken)));
        let found = store.request(&write, "key-0001").unwrap().unwrap();
        assert_eq!(
            (store.version(), found.fingerprint),
            (Version(2), Some([1; 32]))
        );
    });
}

#[test]
fn a_snapshot_stays_as_it_was() {
    on_both(&["a"], |store| {
        let snapshot = store.snapshot(&grant(Rights::Export)).unwrap();
        import(store, package(&docs(&["b"]))).unwrap();
        let mut out = Vec::new();
        snapshot.export(&mut |_| Ok(()), &mut out).unwrap();
        assert_eq!(
            (snapshot.version(), set_of(&out)),
            (Version(1), expected_set(&docs(&["a"])))
        );
        assert!(
            snapshot
                .document(&DocumentId::parse("b"))
                .unwrap()
                .is_none()
        );
        assert_eq!(set_of(&export(store)), expected_set(&docs(&["b"])));
    });
}

#[test]
fn documents_and_their_content_are_read() {
    on_both(&["a", "b"], |store| {
        let snapshot = store.snapshot(&grant(Rights::Read)).unwrap();
        let mut names = Vec::new();
        snapshot
            .documents(&mut |info| {
                names.push(info.id.text());
                names.len() < 5
            })
            .unwrap();
        assert_eq!(names, ["a", "b"]);
        let mut first = 0;
        snapshot
            .documents(&mut |_| {
                first += 1;
                false
            })
            .unwrap();
        assert_eq!(first, 1);
        let found = snapshot.document(&DocumentId::parse("b")).unwrap().unwrap();
        let mut text = Vec::new();
        snapshot.content(&found.items[0].hash, &mut text).unwrap();
        assert_eq!(
            (text.as_slice(), found.items[0].length),
            (b"<V>b</V>".as_slice(), 8)
        );
    });
}

#[test]
fn one_item_is_put() {
    on_both(&["a", "b"], |store| {
        let put = |name: &str, expected: Option<u128>, content: &str, kept: bool| {
            let (id, key) = (DocumentId::parse(name), ItemKey::global());
            let item = NewItem {
                document: &id,
                key: &key,
                signature: Uuid::from_u128(77),
                expected: expected.map(Uuid::from_u128),
                content: content.as_bytes(),
                last_check: LastCheck(&|| Ok(())),
            };
            store.put_item(
                &grant(Rights::Write),
                kept.then(|| commit("put")).as_ref(),
                &item,
            )
        };
        assert!(matches!(
            put("a", Some(1), "<x/>", true),
            Err(StoreError::Stale { .. })
        ));
        assert!(matches!(
            put("none", Some(1), "<x/>", true),
            Err(StoreError::Stale { .. })
        ));
        assert!(!put("a", None, "<V>a</V>", true).unwrap().changed);
        let plan = put("a", Some(8), "<x/>", false).unwrap();
        assert_eq!(
            (plan.changed, plan.version, store.version()),
            (true, Version(1), Version(1))
        );
        let outcome = put("a", Some(8), "<x/>", true).unwrap();
        assert_eq!((outcome.version, outcome.altered), (Version(2), 1));
        let expected = [
            doc("a", &[("Global", "<x/>")]),
            doc("b", &[("Global", "<V>b</V>")]),
        ];
        assert_eq!(set_of(&export(store)), expected_set(&expected));
        assert!(put("a", Some(77), "<y/>", true).unwrap().changed);
    });
}

#[test]
fn a_last_check_that_gives_up_leaves_everything_as_it_was() {
    on_both(&["a", "b"], |store| {
        let asked = std::cell::Cell::new(0);
        let refuse = || {
            asked.set(asked.get() + 1);
            Err(())
        };
        let put = |content: &str, commit: Option<&CommitInfo>| {
            let (id, key) = (DocumentId::parse("a"), ItemKey::global());
            let item = NewItem {
                document: &id,
                key: &key,
                signature: Uuid::from_u128(77),
                expected: None,
                content: content.as_bytes(),
                last_check: LastCheck(&refuse),
            };
            store.put_item(&grant(Rights::Write), commit, &item)
        };
        let before = export(store);
        assert!(matches!(
            put("<x/>", Some(&commit("put"))),
            Err(StoreError::Stopped)
        ));
        assert_eq!((asked.get(), store.version()), (1, Version(1)));
        assert_eq!(export(store), before);
        // A plan and a change of nothing ask nobody.
        assert!(put("<x/>", None).unwrap().changed);
        assert!(!put("<V>a</V>", Some(&commit("put"))).unwrap().changed);
        assert_eq!(asked.get(), 1);
    });
}

#[test]
fn a_new_document_gets_a_frame_that_reads_back() {
    on_both(&["a"], |store| {
        let id = DocumentId::Keyed(DocumentKey::topology());
        let content = "<Item><Key /><Value Signature=\"00000000-0000-0000-0000-00000000004d\"><T/></Value></Item>";
        let item = NewItem {
            document: &id,
            key: &ItemKey::global(),
            signature: Uuid::from_u128(77),
            expected: None,
            content: content.as_bytes(),
            last_check: LastCheck(&|| Ok(())),
        };
        let outcome = store
            .put_item(&grant(Rights::Write), Some(&commit("put")), &item)
            .unwrap();
        assert_eq!((outcome.version, outcome.added), (Version(2), 1));
        let mut found = Vec::new();
        cs_archive::read(
            &mut std::io::Cursor::new(export(store)),
            &cs_archive::ReadLimits::default(),
            &|| false,
            &mut |event| {
                match event {
                    PackageEvent::DocumentStart { id, .. } => found.push(id.text()),
                    PackageEvent::ItemEnd { key, signature, .. } => {
                        found.push(format!("{key} {signature:?}"))
                    }
                    _ => {}
                }
                Ok(())
            },
        )
        .unwrap();
        assert_eq!(
            found[2..],
            [id.text(), format!("Global {:?}", Some(Uuid::from_u128(77)))]
        );
    });
}

#[test]
fn long_items_and_many_items() {
    let folder = tempfile::tempdir().unwrap();
    let long: String = (0..400_000).map(|n| format!("<v{}/>", n % 97)).collect();
    let many: Vec<(String, String)> = (0..3000)
        .map(|n| (format!("Tag:{n}"), format!("<v n=\"{n}\"/>")))
        .collect();
    let all = vec![
        doc(
            "long",
            &[
                ("Tag:1", "<before/>"),
                ("Global", &long),
                ("Tag:2", "<short/>"),
                ("Tag:3", &long),
                ("Tag:4", "<before/>"),
            ],
        ),
        support::Doc {
            name: "many".to_owned(),
            items: many,
        },
    ];
    let mut exports = Vec::new();
    for (name, store) in both(folder.path(), &docs(&["a"])) {
        assert!(import(store.as_ref(), package(&all)).unwrap().0.changed);
        assert!(
            !import(store.as_ref(), package(&all)).unwrap().0.changed,
            "{name}"
        );
        let package = export(store.as_ref());
        assert!(set_of(&package) == expected_set(&all), "{name}");
        exports.push(package);
    }
    assert!(exports[0] == exports[1], "both stores write the same bytes");
}

#[test]
fn packages_are_the_same_bytes_however_they_were_made() {
    let folder = tempfile::tempdir().unwrap();
    let many: Vec<support::Doc> = (0..400)
        .map(|n| {
            doc(
                &format!("d{n}"),
                &[("Global", &format!("<V>{}</V>", "text ".repeat(n * 3)))],
            )
        })
        .collect();
    let mut exports = Vec::new();
    for (_, store) in both(folder.path(), &docs(&["a"])) {
        import(store.as_ref(), package(&many)).unwrap();
        exports.push(export(store.as_ref()));
        let mut steps = 0;
        while store.prepare_exports(100_000).unwrap() > 0 {
            steps += 1;
        }
        println!("prepared in {steps} steps");
        exports.push(export(store.as_ref()));
        // Away and back again: some runs are there from before.
        import(store.as_ref(), package(&many[..200])).unwrap();
        while store.prepare_exports(u64::MAX).unwrap() > 0 {}
        import(store.as_ref(), package(&many)).unwrap();
        exports.push(export(store.as_ref()));
    }
    assert!(exports.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_store_whose_making_was_cut_short_is_made_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("central.db");
    let open = |names: &[&str]| {
        let docs = docs(names);
        let initial = move || package(&docs);
        cs_store::SqliteStore::open(&path, StoreKind::Central, &initial, &commit("new"))
    };
    // Its tables are there, and nothing else, as a power cut between the two steps leaves it.
    drop(open(&[]).unwrap());
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch("DELETE FROM commit_log; DELETE FROM part;")
        .unwrap();
    std::fs::remove_file(path.with_extension("head")).unwrap();
    let store = open(&["a"]).unwrap();
    assert_eq!(store.version(), Version(1));
    assert_eq!(set_of(&export(&store)), expected_set(&docs(&["a"])));
    drop(store);
    // What is there is never made anew.
    assert_eq!(
        set_of(&export(&open(&["b"]).unwrap())),
        expected_set(&docs(&["a"]))
    );
}

#[test]
fn a_store_of_the_first_format_is_taken_over_and_a_newer_one_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("central.db");
    drop(support::sqlite(folder.path(), &docs(&["a"])));
    let edit = |sql: &str| {
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch(sql).unwrap();
    };
    edit(
        "ALTER TABLE request DROP COLUMN fingerprint; INSERT INTO request VALUES ('key-0001', 'tester (uid 1)', 'Import-CsConfiguration', 1, 1); PRAGMA user_version = 1;",
    );
    // Twice: what was taken over is of the newest format.
    for key in ["key-0002", "key-0003"] {
        let store = support::sqlite(folder.path(), &docs(&["never"]));
        let read = grant(Rights::Read);
        let old = store.request(&read, "key-0001").unwrap().unwrap();
        assert_eq!((old.changed, old.fingerprint), (true, None));
        let keyed = CommitInfo {
            idempotency_key: Some(RequestKey {
                key: key.to_owned(),
                fingerprint: [7; 32],
            }),
            ..commit("keyed")
        };
        import_as(&store, package(&docs(&["a", key])), Some(&keyed)).unwrap();
        let new = store.request(&read, key).unwrap().unwrap();
        assert_eq!(new.fingerprint, Some([7; 32]));
    }
    edit("PRAGMA user_version = 3;");
    let initial = || package(&docs(&["a"]));
    let error = cs_store::SqliteStore::open(&path, StoreKind::Central, &initial, &commit("new"))
        .err()
        .unwrap();
    assert!(
        matches!(error, StoreError::TooNew { found: 3, known: 2 }),
        "{error}"
    );
}

#[test]
fn a_log_without_its_store_is_not_thrown_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("central.db");
    for empty in [true, false] {
        if empty {
            std::fs::write(&path, []).unwrap();
        }
        let log = folder.path().join("central.db-wal");
        std::fs::write(&log, "changes").unwrap();
        let initial = || package(&docs(&["a"]));
        let error =
            cs_store::SqliteStore::open(&path, StoreKind::Central, &initial, &commit("new"))
                .err()
                .unwrap();
        assert!(matches!(&error, StoreError::Damaged(what) if what.contains("central.db-wal")));
        assert_eq!(std::fs::read(&log).unwrap(), b"changes");
        std::fs::remove_file(&path).unwrap_or_default();
    }
}

#[test]
fn the_log_of_imports_is_safe_and_does_not_grow_without_end() {
    const MIB: u64 = 1024 * 1024;
    let folder = tempfile::tempdir().unwrap();
    let store = support::sqlite(folder.path(), &docs(&["a"]));
    let length = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().len();
    let large = |number: usize| {
        let text: String = (0..2_000_000).map(|n| format!("{n}<v/>")).collect();
        let text = format!("<V n=\"{number}\">{text}</V>");
        vec![doc("large", &[("Global", &text)])]
    };
    for number in 0..7 {
        assert!(import(&store, package(&large(number))).unwrap().0.changed);
        let log = length("central.db-wal");
        // What is long, the import that made it so, and the next one.
        assert!(log < 64 * MIB + 2 * 22 * MIB, "{number}: {log}");
        if number == 0 {
            // The import did not wait for its pages to get into the file; a power cut now loses nothing.
            assert!(log > 18 * MIB && length("central.db") < MIB);
            let copy = tempfile::tempdir().unwrap();
            for name in ["central.db", "central.db-wal"] {
                std::fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
            }
            let copied = support::sqlite(copy.path(), &[]);
            assert!(set_of(&export(&copied)) == expected_set(&large(0)));
        }
    }
    assert!(!import(&store, package(&large(6))).unwrap().0.changed);
    while store.prepare_exports(u64::MAX).unwrap() > 0 {}
    assert_eq!(length("central.db-wal"), 0);
    // A small change after a large one copies the log.
    import(&store, package(&large(7))).unwrap();
    let before = length("central.db");
    import(&store, package(&docs(&["a"]))).unwrap();
    store.prepare_exports(u64::MAX).unwrap();
    assert!(length("central.db") > before);
    assert!(set_of(&export(&store)) == expected_set(&docs(&["a"])));
}
