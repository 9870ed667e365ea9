//! What differs between two versions.

use cs_model::{DocumentId, ItemKey, Version};

use super::{Content, Part};
use crate::{Change, ChangeKind, ImportOutcome};

/// Differences between two versions, as the other store tells them.
pub(super) fn differences(old: &Content, new: &Content) -> Vec<Change> {
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

/// Counts differences, for a version that has no number yet.
pub(super) fn count(changes: &[Change]) -> ImportOutcome {
    let of = |kind| changes.iter().filter(|change| change.kind == kind).count() as u64;
    ImportOutcome {
        version: Version(0),
        changed: !changes.is_empty(),
        added: of(ChangeKind::Add),
        altered: of(ChangeKind::Change),
        removed: of(ChangeKind::Remove),
    }
}
