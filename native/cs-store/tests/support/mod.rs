//! Grants, packages and stores for the tests.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests stop at the first surprise"
)]

use std::path::Path;

use cs_archive::{PackageEvent, PartRole};
use cs_model::{CmdletName, ContentHash, DocumentId, ItemKey, StoreKind, Uuid};
use cs_rbac::{Caller, Grant, Object, Policy, Question, Rights, decide};
use cs_store::{
    Change, ChangeKind, CommitInfo, ImportOutcome, LastCheck, MemoryStore, SqliteStore, Store,
    StoreError,
};
use sha2::{Digest, Sha256};

pub fn grant(rights: Rights) -> Grant {
    grant_for(rights, StoreKind::Central)
}

pub fn grant_for(rights: Rights, store: StoreKind) -> Grant {
    let caller = Caller {
        principal: "tester (uid 1)".to_owned(),
        is_owner: true,
        is_local_administrator: false,
        member_of: None,
    };
    let cmdlet = CmdletName::parse("Import-CsConfiguration").unwrap();
    let question = Question {
        cmdlet: &cmdlet,
        store,
        rights,
        groups: &[],
        local_store_also: &[],
        object: Object::Deployment,
    };
    decide(&Policy::default(), &caller, &question).unwrap()
}

pub fn commit(message: &str) -> CommitInfo {
    CommitInfo {
        time: "2026-01-02T03:04:05Z".to_owned(),
        message: message.to_owned(),
        idempotency_key: None,
    }
}

/// A document by name, and its items as key and content.
#[derive(Debug, Clone, PartialEq)]
pub struct Doc {
    pub name: String,
    pub items: Vec<(String, String)>,
}

pub fn doc(name: &str, items: &[(&str, &str)]) -> Doc {
    Doc {
        name: name.to_owned(),
        items: items
            .iter()
            .map(|(key, text)| ((*key).to_owned(), (*text).to_owned()))
            .collect(),
    }
}

/// Ordinary documents, one item each.
pub fn docs(names: &[&str]) -> Vec<Doc> {
    names
        .iter()
        .map(|name| doc(name, &[("Global", &format!("<V>{name}</V>"))]))
        .collect()
}

pub fn part(name: &str, text: &str) -> Vec<PackageEvent> {
    vec![
        PackageEvent::Part {
            name: name.to_owned(),
            role: PartRole::Opaque,
        },
        PackageEvent::Text(text.as_bytes().to_vec()),
        PackageEvent::PartEnd,
    ]
}

pub fn document(doc: &Doc) -> Vec<PackageEvent> {
    let id = DocumentId::parse(&doc.name);
    let mut events = vec![PackageEvent::DocumentStart {
        id,
        name: Some(doc.name.clone()),
        head: format!("<DocItem Name=\"{}\"><Data>", doc.name).into_bytes(),
    }];
    for (key, text) in &doc.items {
        events.push(PackageEvent::ItemStart {
            lead: b" ".to_vec(),
        });
        events.extend(
            text.as_bytes()
                .chunks(256 * 1024)
                .map(|chunk| PackageEvent::ItemChunk(chunk.to_vec())),
        );
        events.push(PackageEvent::ItemEnd {
            key: ItemKey(key.clone()),
            signature: Some(Uuid::from_u128(text.len() as u128)),
            hash: ContentHash(Sha256::digest(text.as_bytes()).into()),
            length: text.len() as u64,
        });
    }
    events.push(PackageEvent::DocumentEnd {
        tail: b"</Data></DocItem>".to_vec(),
    });
    events
}

pub fn package(docs: &[Doc]) -> Vec<PackageEvent> {
    let mut events = part("Header.xml", "<Header/>");
    events.push(PackageEvent::Part {
        name: "DocItemSet.xml".to_owned(),
        role: PartRole::DocItemSet,
    });
    events.push(PackageEvent::Text(b"<DocItemSet>".to_vec()));
    docs.iter().for_each(|doc| events.extend(document(doc)));
    events.push(PackageEvent::Text(b"</DocItemSet>".to_vec()));
    events.push(PackageEvent::PartEnd);
    events
}

pub fn sqlite(folder: &Path, docs: &[Doc]) -> SqliteStore {
    SqliteStore::open(
        &folder.join("central.db"),
        StoreKind::Central,
        &|| package(docs),
        &commit("new"),
    )
    .unwrap()
}

/// Both stores with the same content, by name.
pub fn both(folder: &Path, docs: &[Doc]) -> Vec<(&'static str, Box<dyn Store>)> {
    vec![
        (
            "memory",
            Box::new(MemoryStore::new(StoreKind::Central, &package(docs), &commit("new")).unwrap()),
        ),
        ("sqlite", Box::new(sqlite(folder, docs))),
    ]
}

pub fn import(
    store: &dyn Store,
    events: Vec<PackageEvent>,
) -> Result<(ImportOutcome, Vec<String>), StoreError> {
    import_as(store, events, Some(&commit("import")))
}

pub fn import_as(
    store: &dyn Store,
    events: Vec<PackageEvent>,
    commit: Option<&CommitInfo>,
) -> Result<(ImportOutcome, Vec<String>), StoreError> {
    let mut events = events.into_iter();
    let mut changes = Vec::new();
    let outcome = store.import(
        &grant(Rights::Write),
        commit,
        &mut || Ok(events.next()),
        &mut |change| {
            changes.push(shown(change));
            Ok(())
        },
        LastCheck(&|| Ok(())),
    )?;
    Ok((outcome, changes))
}

pub fn shown(change: &Change) -> String {
    let sign = match change.kind {
        ChangeKind::Add => '+',
        ChangeKind::Change => '~',
        ChangeKind::Remove => '-',
    };
    match &change.item {
        Some(item) => format!("{sign}{}[{item}]", change.document),
        None => format!("{sign}{}", change.document),
    }
}

pub fn export(store: &dyn Store) -> Vec<u8> {
    let mut told = 0;
    let mut out = Vec::new();
    let begin = &mut |length| {
        told = length;
        Ok(())
    };
    store
        .snapshot(&grant(Rights::Export))
        .unwrap()
        .export(begin, &mut out)
        .unwrap();
    assert_eq!(told, out.len() as u64, "the length is told in advance");
    out
}

/// The text of `DocItemSet.xml` in a package.
pub fn set_of(package: &[u8]) -> String {
    let mut text = Vec::new();
    let mut inside = false;
    let limits = cs_archive::ReadLimits::default();
    cs_archive::read(
        &mut std::io::Cursor::new(package),
        &limits,
        &|| false,
        &mut |event| {
            match event {
                PackageEvent::Part { role, .. } => inside = role == PartRole::DocItemSet,
                PackageEvent::Text(bytes) | PackageEvent::ItemChunk(bytes) if inside => {
                    text.extend(bytes)
                }
                PackageEvent::DocumentStart { head, .. } => text.extend(head),
                PackageEvent::ItemStart { lead } => text.extend(lead),
                PackageEvent::DocumentEnd { tail } => text.extend(tail),
                _ => {}
            }
            Ok(())
        },
    )
    .unwrap();
    String::from_utf8(text).unwrap()
}

pub fn expected_set(docs: &[Doc]) -> String {
    let one = |doc: &Doc| {
        let items: String = doc
            .items
            .iter()
            .map(|(_, text)| format!(" {text}"))
            .collect();
        format!(
            "<DocItem Name=\"{}\"><Data>{items}</Data></DocItem>",
            doc.name
        )
    };
    format!(
        "<DocItemSet>{}</DocItemSet>",
        docs.iter().map(one).collect::<String>()
    )
}
