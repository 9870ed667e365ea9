//! What a fresh store holds: the predefined roles and an empty topology, usable at once.

use cs_archive::{PackageEvent, PartRole, document_frame};
use cs_model::{ContentHash, DocumentId, DocumentKey, ItemKey, Uuid};
use sha2::{Digest, Sha256};

use crate::Ids;
use crate::item::global_item;
use crate::roles::{predefined, roles_document, roles_payload};

/// `[Content_Types].xml` as the packaging standard asks for it.
const CONTENT_TYPES: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?><Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"xml\" ContentType=\"text/xml\" /></Types>";

/// `Header.xml`. The original's content is not known; this minimal one is ours.
const HEADER: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?><Header xmlns=\"urn:schema:CsVault.Package.2026\" Version=\"1\" />";

/// The topology of a deployment without sites.
fn empty_topology(signature: Uuid) -> String {
    format!(
        "<Topology xmlns=\"{}\" Signature=\"{signature}\"><InternalDomains AllowAllDomains=\"false\" /><Sites /><Clusters /><SqlInstances /><Services /></Topology>",
        DocumentKey::topology().namespace
    )
}

/// The content of version 1 of both stores of a home, as the events of a package. The SIDs of the roles share one new
/// domain part, so call it once for both stores.
#[must_use]
pub fn initial_content(ids: &dyn Ids) -> Vec<PackageEvent> {
    let domain = domain_sid(ids.guid());
    let signature = ids.guid();
    let roles_signature = ids.guid();
    let mut events = Vec::new();
    opaque(&mut events, "Header.xml", HEADER);
    events.push(PackageEvent::Part {
        name: "DocItemSet.xml".to_owned(),
        role: PartRole::DocItemSet,
    });
    events.push(PackageEvent::Text(
        b"<?xml version=\"1.0\" encoding=\"utf-8\"?><DocItemSet>".to_vec(),
    ));
    document(
        &mut events,
        DocumentKey::topology(),
        signature,
        &empty_topology(signature),
    );
    if let DocumentId::Keyed(key) = roles_document() {
        document(
            &mut events,
            key,
            roles_signature,
            &roles_payload(&predefined(&domain)),
        );
    }
    events.push(PackageEvent::Text(b"</DocItemSet>".to_vec()));
    events.push(PackageEvent::PartEnd);
    opaque(&mut events, "[Content_Types].xml", CONTENT_TYPES);
    events
}

fn opaque(events: &mut Vec<PackageEvent>, name: &str, text: &str) {
    events.push(PackageEvent::Part {
        name: name.to_owned(),
        role: PartRole::Opaque,
    });
    events.push(PackageEvent::Text(text.as_bytes().to_vec()));
    events.push(PackageEvent::PartEnd);
}

/// A document with one global item, in the form that the original stores (one whole document was published).
fn document(events: &mut Vec<PackageEvent>, key: DocumentKey, signature: Uuid, payload: &str) {
    let id = DocumentId::Keyed(key);
    let (head, tail) = document_frame(&id);
    let item = global_item(signature, payload).into_bytes();
    events.push(PackageEvent::DocumentStart {
        name: Some(id.text()),
        id,
        head: head.into_bytes(),
    });
    events.push(PackageEvent::ItemStart { lead: Vec::new() });
    let hash = ContentHash(Sha256::digest(&item).into());
    let length = item.len() as u64;
    events.extend(
        item.chunks(64 * 1024)
            .map(|chunk| PackageEvent::ItemChunk(chunk.to_vec())),
    );
    events.push(PackageEvent::ItemEnd {
        key: ItemKey::global(),
        signature: Some(signature),
        hash,
        length,
    });
    events.push(PackageEvent::DocumentEnd {
        tail: tail.into_bytes(),
    });
}

/// A domain part for SIDs, from 96 bits of a guid.
fn domain_sid(guid: Uuid) -> String {
    let [a, b, c, d, e, f, _, _, _, h, i, j, k, l, m, n] = guid.into_bytes();
    let number = |a, b, c, d| u32::from_be_bytes([a, b, c, d]);
    format!(
        "S-1-5-21-{}-{}-{}",
        number(a, b, c, d),
        number(e, f, h, i),
        number(j, k, l ^ m, n)
    )
}
