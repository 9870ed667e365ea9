//! A store in memory: the plain model that the other one is compared with, and a quick store for tests.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cs_archive::{
    EntryPlan, PackageEvent, PackageWriter, PartRole, deflate_run, document_frame, package_length,
};
use cs_model::{ContentHash, DocumentId, ItemKey, StoreKind, Uuid, Version};
use cs_rbac::{Grant, Rights};
use sha2::{Digest, Sha256};

use crate::runs::{Cutter, DocumentDigest, Unit, digest_of};
use crate::{
    Change, ChangeKind, CommitInfo, CommitRecord, DocumentInfo, ImportOutcome, Item, NewItem,
    Snapshot, Store, StoreError, StoredRequest,
};

/// Everything in memory.
pub struct MemoryStore {
    kind: StoreKind,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    newest: Arc<Content>,
    history: Vec<CommitRecord>,
    requests: HashMap<String, StoredRequest>,
}

/// One version.
#[derive(Debug, Clone, Default, PartialEq)]
struct Content {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Opaque {
        name: String,
        bytes: Vec<u8>,
    },
    Set {
        name: String,
        head: Vec<u8>,
        tail: Vec<u8>,
        documents: Vec<Document>,
    },
}

#[derive(Debug, Clone, PartialEq)]
struct Document {
    id: DocumentId,
    head: Vec<u8>,
    tail: Vec<u8>,
    items: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq)]
struct Row {
    key: ItemKey,
    signature: Option<Uuid>,
    lead: Vec<u8>,
    bytes: Vec<u8>,
}

impl Row {
    fn hash(&self) -> ContentHash {
        ContentHash(Sha256::digest(&self.bytes).into())
    }
}

impl Content {
    fn documents(&self) -> &[Document] {
        self.parts
            .iter()
            .find_map(|part| match part {
                Part::Set { documents, .. } => Some(documents.as_slice()),
                Part::Opaque { .. } => None,
            })
            .unwrap_or_default()
    }

    fn documents_mut(&mut self) -> Option<&mut Vec<Document>> {
        self.parts.iter_mut().find_map(|part| match part {
            Part::Set { documents, .. } => Some(documents),
            Part::Opaque { .. } => None,
        })
    }
}

impl MemoryStore {
    /// A store that holds `initial` as version 1.
    ///
    /// # Errors
    /// When the events come in a wrong order.
    pub fn new(
        kind: StoreKind,
        initial: &[PackageEvent],
        commit: &CommitInfo,
    ) -> Result<Self, StoreError> {
        let mut events = initial.iter().cloned();
        let content = collect(&mut || Ok(events.next()))?;
        let first = CommitRecord {
            version: Version(1),
            time: commit.time.clone(),
            principal: "csvault".to_owned(),
            cmdlet: "csvault".to_owned(),
            message: commit.message.clone(),
        };
        let state = State {
            newest: Arc::new(content),
            history: vec![first],
            requests: HashMap::new(),
        };
        Ok(Self {
            kind,
            state: Mutex::new(state),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn allowed(&self, grant: &Grant, rights: Rights) -> Result<(), StoreError> {
        if grant.store() == self.kind && grant.rights() >= rights {
            return Ok(());
        }
        Err(StoreError::NotGranted {
            cmdlet: grant.cmdlet().to_string(),
        })
    }

    fn commit(
        &self,
        grant: &Grant,
        commit: Option<&CommitInfo>,
        content: Content,
        mut outcome: ImportOutcome,
    ) -> ImportOutcome {
        let mut state = self.state();
        let newest = state.history.len() as u64;
        outcome.version = Version(newest);
        let Some(commit) = commit else { return outcome };
        if outcome.changed {
            outcome.version = Version(newest + 1);
            state.newest = Arc::new(content);
            state.history.push(CommitRecord {
                version: outcome.version,
                time: commit.time.clone(),
                principal: grant.principal().to_owned(),
                cmdlet: grant.cmdlet().to_string(),
                message: commit.message.clone(),
            });
        }
        if let Some(key) = &commit.idempotency_key {
            let request = StoredRequest {
                principal: grant.principal().to_owned(),
                cmdlet: grant.cmdlet().to_string(),
                version: outcome.version,
                changed: outcome.changed,
            };
            state.requests.insert(key.clone(), request);
        }
        outcome
    }
}

/// Puts the events together.
fn collect(
    next: &mut dyn FnMut() -> Result<Option<PackageEvent>, ()>,
) -> Result<Content, StoreError> {
    let malformed = StoreError::Malformed;
    let mut content = Content::default();
    let mut part: Option<Part> = None;
    let mut document: Option<Document> = None;
    let mut item: Option<Row> = None;
    while let Some(event) = next().map_err(|()| StoreError::Stopped)? {
        match event {
            PackageEvent::Part { name, role } if part.is_none() => {
                part = Some(match role {
                    PartRole::Opaque => Part::Opaque {
                        name,
                        bytes: Vec::new(),
                    },
                    PartRole::DocItemSet => Part::Set {
                        name,
                        head: Vec::new(),
                        tail: Vec::new(),
                        documents: Vec::new(),
                    },
                });
            }
            PackageEvent::Text(text) if document.is_none() => match &mut part {
                Some(Part::Opaque { bytes, .. }) => bytes.extend(text),
                Some(Part::Set {
                    head, documents, ..
                }) if documents.is_empty() => head.extend(text),
                Some(Part::Set { tail, .. }) => tail.extend(text),
                None => return Err(malformed("text outside a part")),
            },
            PackageEvent::DocumentStart { id, head, .. } if document.is_none() => {
                match &part {
                    Some(Part::Set { tail, .. }) if tail.is_empty() => {}
                    _ => return Err(malformed("a document at the wrong place")),
                }
                document = Some(Document {
                    id,
                    head,
                    tail: Vec::new(),
                    items: Vec::new(),
                });
            }
            PackageEvent::ItemStart { lead } if item.is_none() && document.is_some() => {
                item = Some(Row {
                    key: ItemKey::global(),
                    signature: None,
                    lead,
                    bytes: Vec::new(),
                });
            }
            PackageEvent::ItemChunk(chunk) => match &mut item {
                Some(item) => item.bytes.extend(chunk),
                None => return Err(malformed("a chunk outside an item")),
            },
            PackageEvent::ItemEnd { key, signature, .. } => match (item.take(), &mut document) {
                (Some(item), Some(document)) => {
                    if document.items.iter().any(|other| other.key == key) {
                        return Err(StoreError::DuplicateItem {
                            id: Box::new(document.id.clone()),
                            key: key.0,
                        });
                    }
                    document.items.push(Row {
                        key,
                        signature,
                        ..item
                    });
                }
                _ => return Err(malformed("the end of no item")),
            },
            PackageEvent::DocumentEnd { tail } if item.is_none() => {
                match (document.take(), &mut part) {
                    (Some(document), Some(Part::Set { documents, .. })) => {
                        if documents.iter().any(|other| other.id == document.id) {
                            return Err(StoreError::DuplicateDocument {
                                id: Box::new(document.id),
                            });
                        }
                        documents.push(Document { tail, ..document });
                    }
                    _ => return Err(malformed("the end of no document")),
                }
            }
            PackageEvent::PartEnd if document.is_none() => match part.take() {
                Some(part) => content.parts.push(part),
                None => return Err(malformed("the end of no part")),
            },
            _ => return Err(malformed("an event at the wrong place")),
        }
    }
    if part.is_some() {
        Err(malformed("a part without its end"))
    } else {
        Ok(content)
    }
}

/// Differences between two versions, as the other store tells them.
fn differences(old: &Content, new: &Content) -> Vec<Change> {
    let mut changes = Vec::new();
    let change = |kind, document: &DocumentId, item: Option<&ItemKey>| Change {
        kind,
        document: document.clone(),
        item: item.cloned(),
    };
    let mut last = None;
    for document in new.documents() {
        let place = old
            .documents()
            .iter()
            .position(|other| other.id == document.id);
        let Some((place, before)) =
            place.and_then(|place| Some((place, old.documents().get(place)?)))
        else {
            changes.push(change(ChangeKind::Add, &document.id, None));
            continue;
        };
        let moved = last.is_some_and(|last| place < last);
        if !moved {
            last = Some(place);
        }
        if before == document && !moved {
            continue;
        }
        let first = changes.len();
        for item in &document.items {
            match before.items.iter().find(|other| other.key == item.key) {
                None => changes.push(change(ChangeKind::Add, &document.id, Some(&item.key))),
                Some(other) if other.bytes != item.bytes => {
                    changes.push(change(ChangeKind::Change, &document.id, Some(&item.key)))
                }
                Some(_) => {}
            }
        }
        for item in &before.items {
            if !document.items.iter().any(|other| other.key == item.key) {
                changes.push(change(ChangeKind::Remove, &document.id, Some(&item.key)));
            }
        }
        if changes.len() == first {
            changes.push(change(ChangeKind::Change, &document.id, None));
        }
    }
    for document in old.documents() {
        if !new.documents().iter().any(|other| other.id == document.id) {
            changes.push(change(ChangeKind::Remove, &document.id, None));
        }
    }
    changes.extend(part_differences(old, new));
    changes
}

fn part_differences(old: &Content, new: &Content) -> Vec<Change> {
    type Face<'a> = (&'a str, Option<&'a [u8]>, Option<(&'a [u8], &'a [u8])>);
    fn face(part: &Part) -> Face<'_> {
        match part {
            Part::Opaque { name, bytes } => (name.as_str(), Some(bytes.as_slice()), None),
            Part::Set {
                name, head, tail, ..
            } => (
                name.as_str(),
                None,
                Some((head.as_slice(), tail.as_slice())),
            ),
        }
    }
    let before: Vec<Face<'_>> = old.parts.iter().map(face).collect();
    let after: Vec<Face<'_>> = new.parts.iter().map(face).collect();
    let change = |kind, name: &str| Change {
        kind,
        document: DocumentId::Named(name.to_owned()),
        item: None,
    };
    let mut changes = Vec::new();
    for part in &after {
        match before.iter().find(|other| other.0 == part.0) {
            None => changes.push(change(ChangeKind::Add, part.0)),
            Some(other) if other != part => changes.push(change(ChangeKind::Change, part.0)),
            Some(_) => {}
        }
    }
    for part in &before {
        if !after.iter().any(|other| other.0 == part.0) {
            changes.push(change(ChangeKind::Remove, part.0));
        }
    }
    if changes.is_empty()
        && before != after
        && let Some(first) = after.first()
    {
        changes.push(change(ChangeKind::Change, first.0));
    }
    changes
}

fn count(changes: &[Change]) -> ImportOutcome {
    let of = |kind| changes.iter().filter(|change| change.kind == kind).count() as u64;
    ImportOutcome {
        version: Version(0),
        changed: !changes.is_empty(),
        added: of(ChangeKind::Add),
        altered: of(ChangeKind::Change),
        removed: of(ChangeKind::Remove),
    }
}

impl Store for MemoryStore {
    fn version(&self) -> Version {
        Version(self.state().history.len() as u64)
    }

    fn snapshot(&self, grant: &Grant) -> Result<Box<dyn Snapshot>, StoreError> {
        self.allowed(grant, Rights::Read)?;
        let state = self.state();
        let content = Arc::clone(&state.newest);
        Ok(Box::new(MemorySnapshot {
            version: Version(state.history.len() as u64),
            content,
            grant: grant.clone(),
        }))
    }

    fn import(
        &self,
        grant: &Grant,
        commit: Option<&CommitInfo>,
        next: &mut dyn FnMut() -> Result<Option<PackageEvent>, ()>,
        on_change: &mut dyn FnMut(&Change) -> Result<(), ()>,
    ) -> Result<ImportOutcome, StoreError> {
        self.allowed(grant, Rights::Write)?;
        let content = collect(next)?;
        let old = Arc::clone(&self.state().newest);
        let changes = differences(&old, &content);
        for change in &changes {
            on_change(change).map_err(|()| StoreError::Stopped)?;
        }
        Ok(self.commit(grant, commit, content, count(&changes)))
    }

    fn put_item(
        &self,
        grant: &Grant,
        commit: Option<&CommitInfo>,
        item: &NewItem<'_>,
    ) -> Result<ImportOutcome, StoreError> {
        self.allowed(grant, Rights::Write)?;
        let NewItem {
            document,
            key,
            signature,
            expected,
            content,
            last_check,
        } = *item;
        let old = Arc::clone(&self.state().newest);
        let mut new = (*old).clone();
        let stale = || StoreError::Stale {
            id: Box::new(document.clone()),
        };
        let Some(documents) = new.documents_mut() else {
            return Err(StoreError::Malformed("a store without documents"));
        };
        if !documents.iter().any(|other| other.id == *document) {
            let (head, tail) = document_frame(document);
            documents.push(Document {
                id: document.clone(),
                head: head.into_bytes(),
                tail: tail.into_bytes(),
                items: Vec::new(),
            });
        }
        let row = |lead| Row {
            key: key.clone(),
            signature: Some(signature),
            lead,
            bytes: content.to_vec(),
        };
        if let Some(found) = documents.iter_mut().find(|other| other.id == *document) {
            match found.items.iter_mut().find(|item| item.key == *key) {
                Some(item) if expected.is_some() && item.signature != expected => {
                    return Err(stale());
                }
                Some(item) if item.bytes == content => {}
                Some(item) => *item = row(std::mem::take(&mut item.lead)),
                None if expected.is_some() => return Err(stale()),
                None => found.items.push(row(Vec::new())),
            }
        }
        let outcome = count(&differences(&old, &new));
        if commit.is_some() && outcome.changed {
            (last_check.0)().map_err(|()| StoreError::Stopped)?;
        }
        Ok(self.commit(grant, commit, new, outcome))
    }

    fn history(&self, grant: &Grant, limit: usize) -> Result<Vec<CommitRecord>, StoreError> {
        self.allowed(grant, Rights::Read)?;
        Ok(self
            .state()
            .history
            .iter()
            .rev()
            .take(limit)
            .cloned()
            .collect())
    }

    fn request(&self, grant: &Grant, key: &str) -> Result<Option<StoredRequest>, StoreError> {
        self.allowed(grant, Rights::Read)?;
        Ok(self.state().requests.get(key).cloned())
    }

    fn prepare_exports(&self, _budget: u64) -> Result<u64, StoreError> {
        Ok(0)
    }
}

struct MemorySnapshot {
    version: Version,
    content: Arc<Content>,
    grant: Grant,
}

fn info(document: &Document) -> DocumentInfo {
    let item = |row: &Row| Item {
        key: row.key.clone(),
        signature: row.signature,
        hash: row.hash(),
        length: row.bytes.len() as u64,
    };
    DocumentInfo {
        id: document.id.clone(),
        items: document.items.iter().map(item).collect(),
    }
}

impl Snapshot for MemorySnapshot {
    fn version(&self) -> Version {
        self.version
    }

    fn documents(&self, each: &mut dyn FnMut(DocumentInfo) -> bool) -> Result<(), StoreError> {
        let _all_or_some = self
            .content
            .documents()
            .iter()
            .all(|document| each(info(document)));
        Ok(())
    }

    fn document(&self, id: &DocumentId) -> Result<Option<DocumentInfo>, StoreError> {
        Ok(self
            .content
            .documents()
            .iter()
            .find(|document| document.id == *id)
            .map(info))
    }

    fn content(&self, hash: &ContentHash, to: &mut dyn Write) -> Result<(), StoreError> {
        let mut rows = self
            .content
            .documents()
            .iter()
            .flat_map(|document| &document.items);
        match rows.find(|row| row.hash() == *hash) {
            Some(row) => to.write_all(&row.bytes).map_err(|_| StoreError::Stopped),
            None => Err(StoreError::Damaged(format!("content {hash} is missing"))),
        }
    }

    fn export(
        &self,
        begin: &mut dyn FnMut(u64) -> Result<(), ()>,
        to: &mut dyn Write,
    ) -> Result<(), StoreError> {
        if self.grant.rights() < Rights::Export {
            return Err(StoreError::NotGranted {
                cmdlet: self.grant.cmdlet().to_string(),
            });
        }
        let mut plans = Vec::new();
        let mut runs = Vec::new();
        for part in &self.content.parts {
            let (name, bytes, cuts) = cut(part);
            let mut plan = EntryPlan::new(name);
            let mut here = Vec::new();
            let mut rest = bytes.as_slice();
            for length in cuts {
                let (now, later) = rest.split_at(
                    usize::try_from(length)
                        .unwrap_or(rest.len())
                        .min(rest.len()),
                );
                rest = later;
                let run = deflate_run(now)?;
                plan.add(run.crc32, run.length, run.data.len() as u64);
                here.push(run);
            }
            plans.push(plan);
            runs.push(here);
        }
        let length =
            package_length(&plans).map_err(|error| StoreError::Failed(error.to_string()))?;
        begin(length).map_err(|()| StoreError::Stopped)?;
        let stopped = |_| StoreError::Stopped;
        let mut writer = PackageWriter::new(to, &plans);
        for runs in &runs {
            writer.begin_entry().map_err(stopped)?;
            for run in runs {
                writer.run(&run.data).map_err(stopped)?;
            }
            writer.end_entry().map_err(stopped)?;
        }
        writer.finish().map_err(stopped)
    }
}

/// The bytes of a part and the lengths of its runs.
fn cut(part: &Part) -> (&str, Vec<u8>, Vec<u64>) {
    let mut cutter = Cutter::default();
    let mut push = |digest, length| {
        cutter.push(Unit {
            digest,
            length,
            position: 0,
        })
    };
    let (name, bytes) = match part {
        Part::Opaque { name, bytes } => {
            push(digest_of(bytes), bytes.len() as u64);
            (name, bytes.clone())
        }
        Part::Set {
            name,
            head,
            tail,
            documents,
        } => {
            let mut all = head.clone();
            push(digest_of(head), head.len() as u64);
            for document in documents {
                let mut digest = DocumentDigest::new(&document.head);
                all.extend(&document.head);
                for item in &document.items {
                    digest.item(&item.lead, &item.hash().0, item.bytes.len() as u64);
                    all.extend(&item.lead);
                    all.extend(&item.bytes);
                }
                let (digest, length) = digest.finish(&document.tail);
                all.extend(&document.tail);
                push(digest, length);
            }
            push(digest_of(tail), tail.len() as u64);
            all.extend(tail);
            (name, all)
        }
    };
    (
        name,
        bytes,
        cutter.finish().iter().map(|run| run.length).collect(),
    )
}
