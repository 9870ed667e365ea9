//! A store in memory: the plain model that the other one is compared with, and a quick store for tests.

mod differences;
mod snapshot;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cs_archive::{PackageEvent, PartRole, document_frame};
use cs_model::{ContentHash, DocumentId, ItemKey, StoreKind, Uuid, Version};
use cs_rbac::{Grant, Rights};
use sha2::{Digest, Sha256};

use crate::{
    Change, CommitInfo, CommitRecord, ImportOutcome, LastCheck, NewItem, Snapshot, Store,
    StoreError, StoredRequest,
};
use differences::{count, differences};
use snapshot::MemorySnapshot;

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
        last_check: LastCheck<'_>,
    ) -> Result<ImportOutcome, StoreError> {
        let newest = self.state().history.len() as u64;
        outcome.version = Version(newest);
        let Some(commit) = commit else {
            return Ok(outcome);
        };
        if outcome.changed || commit.idempotency_key.is_some() {
            // Without the lock: it may look at the store.
            (last_check.0)().map_err(|()| StoreError::Stopped)?;
        }
        let mut state = self.state();
        if let Some(key) = &commit.idempotency_key
            && state.requests.contains_key(&key.key)
        {
            return Err(StoreError::KeyTaken);
        }
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
                fingerprint: Some(key.fingerprint),
            };
            state.requests.insert(key.key.clone(), request);
        }
        Ok(outcome)
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
        last_check: LastCheck<'_>,
    ) -> Result<ImportOutcome, StoreError> {
        self.allowed(grant, Rights::Write)?;
        let content = collect(next)?;
        let old = Arc::clone(&self.state().newest);
        let changes = differences(&old, &content);
        for change in &changes {
            on_change(change).map_err(|()| StoreError::Stopped)?;
        }
        self.commit(grant, commit, content, count(&changes), last_check)
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
        self.commit(grant, commit, new, outcome, last_check)
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

    fn remember(&self, grant: &Grant, commit: &CommitInfo) -> Result<(), StoreError> {
        self.allowed(grant, Rights::Write)?;
        let content = (*self.state().newest).clone();
        let unchanged = ImportOutcome::default();
        self.commit(
            grant,
            Some(commit),
            content,
            unchanged,
            LastCheck(&|| Ok(())),
        )
        .map(drop)
    }

    fn request(&self, _: &Grant, key: &str) -> Result<Option<StoredRequest>, StoreError> {
        Ok(self.state().requests.get(key).cloned())
    }

    fn prepare_exports(&self, _budget: u64) -> Result<u64, StoreError> {
        Ok(0)
    }
}
