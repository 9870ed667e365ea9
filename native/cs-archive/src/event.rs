//! What a package is made of, in the order of its bytes.

use cs_model::{ContentHash, DocumentId, ItemKey, Uuid};

/// What an entry of the ZIP is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PartRole {
    /// `DocItemSet.xml`: split into documents and items.
    DocItemSet,
    /// Anything else (`Header.xml`, `[Content_Types].xml`): carried through as it is.
    Opaque,
}

/// A piece of a package. The bytes of all events of a part, in order, are the bytes of the part:
/// `Text`, then for each document `head`, (`lead`, chunks)*, `tail`, then `Text` again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackageEvent {
    /// An entry begins.
    Part {
        /// Its name at the root of the package, as spelled there.
        name: String,
        /// What it is.
        role: PartRole,
    },
    /// Bytes outside documents: a whole opaque part (in pieces), or what stands before the first and
    /// after the last document.
    Text(Vec<u8>),
    /// A document begins: everything from `<DocItem` up to its first item.
    DocumentStart {
        /// Its key, or its name when it has no key that is understood.
        id: DocumentId,
        /// The `Name` attribute of the `DocItem`, when it has one.
        name: Option<String>,
        /// The bytes.
        head: Vec<u8>,
    },
    /// The next item begins; `lead` is what stands between the previous item and this one (mostly nothing).
    ItemStart {
        /// The bytes.
        lead: Vec<u8>,
    },
    /// Some bytes of the item, at most 256 KiB.
    ItemChunk(Vec<u8>),
    /// The item ended.
    ItemEnd {
        /// Its key.
        key: ItemKey,
        /// The concurrency token in `Value/@Signature`, when there is one.
        signature: Option<Uuid>,
        /// SHA-256 over the item's bytes.
        hash: ContentHash,
        /// Length of the item's bytes.
        length: u64,
    },
    /// The document ended: everything from its last item up to the next `<DocItem` or the end tag of the set.
    DocumentEnd {
        /// The bytes.
        tail: Vec<u8>,
    },
    /// The entry ended.
    PartEnd,
}

/// What was read, once a package was read to its end without a fault.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackageSummary {
    /// Documents in the set.
    pub documents: u64,
    /// Items in all documents.
    pub items: u64,
    /// Documents of users, as Export-CsUserData writes them.
    pub user_data: u64,
    /// Inflated bytes of all entries.
    pub bytes: u64,
    /// Oddities that do not stop an import, one sentence each: a missing part, a count that is off.
    pub warnings: Vec<String>,
}
