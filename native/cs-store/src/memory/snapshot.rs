//! One version, to be read and exported while the store goes on.

use std::io::Write;
use std::sync::Arc;

use cs_archive::{EntryPlan, PackageWriter, deflate_run, package_length};
use cs_model::{ContentHash, DocumentId, Version};
use cs_rbac::{Grant, Rights};

use super::{Content, Document, Part, Row};
use crate::runs::{Cutter, DocumentDigest, Unit, digest_of};
use crate::{DocumentInfo, Item, Snapshot, StoreError};

pub(super) struct MemorySnapshot {
    pub(super) version: Version,
    pub(super) content: Arc<Content>,
    pub(super) grant: Grant,
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
