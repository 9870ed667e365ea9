//! A document of the part while it is read: what names it, and how many items it says that it holds.

use cs_model::{Authority, DocumentId, DocumentKey, ScopeClass};

use super::{attribute, local};
use crate::error::shown;
use crate::rules::RawAttribute;

#[derive(Default)]
pub(super) struct Document {
    pub(super) name: Option<String>,
    pub(super) key: Key,
    /// What a payload without a key is known to be.
    pub(super) known: Option<DocumentKey>,
    pub(super) begun: bool,
    pub(super) frame: Vec<u8>,
    pub(super) items: u64,
    pub(super) count: Option<u64>,
}

/// The parts of a document's key.
#[derive(Default)]
pub(super) struct Key {
    pub(super) scope: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) element: Option<String>,
    pub(super) class: Option<String>,
    pub(super) authority: Option<String>,
}

impl Document {
    /// What names it; `number` is its place in the part.
    pub(super) fn id(&mut self, number: u64) -> DocumentId {
        let key = self.key.document_key().or(self.known.take());
        match (key, &self.name) {
            (Some(key), _) => DocumentId::Keyed(key),
            (None, Some(name)) => DocumentId::parse(name),
            (None, None) => DocumentId::Named(format!("#{number}")),
        }
    }

    /// True for the data of one user.
    pub(super) fn is_of_user(&self) -> bool {
        let of_user = |name: &String| name.starts_with("urn:lcd:") || name.starts_with("urn:hcd:");
        self.name.as_ref().is_some_and(of_user)
    }

    /// The warning about a document that does not hold as many items as it says.
    pub(super) fn miscounted(&self) -> Option<String> {
        let count = self.count.filter(|&count| count != self.items)?;
        let name = shown(self.name.as_deref().unwrap_or_default());
        Some(format!(
            "The document {name} says that it holds {count} items; it holds {}.",
            self.items
        ))
    }
}

impl Key {
    fn document_key(&self) -> Option<DocumentKey> {
        Some(DocumentKey {
            namespace: self.namespace.clone()?,
            element: self.element.clone().filter(|element| !element.is_empty())?,
            authority: Authority {
                class: self.class.clone()?,
                id: self.authority.clone()?,
            },
            scope: ScopeClass::from(self.scope.as_deref()?),
        })
    }
}

/// True for the topology in its own namespace, which is known without a key.
pub(super) fn is_topology(name: &str, attributes: &[RawAttribute<'_>]) -> bool {
    let topology = DocumentKey::topology();
    let declaration = match name.rsplit_once(':') {
        Some((prefix, _)) => format!("xmlns:{prefix}"),
        None => "xmlns".to_owned(),
    };
    local(name) == topology.element
        && attribute(attributes, &declaration).is_some_and(|found| found == topology.namespace)
}
