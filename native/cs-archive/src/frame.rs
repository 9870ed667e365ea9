//! The frame of a document that is made here: what stands around its items.

use cs_model::DocumentId;

/// The namespace of the frame around every setting (certain: a whole stored document was published).
pub const SCOPE_FRAMEWORK: &str = "urn:schema:Microsoft.Rtc.Management.ScopeFramework.2008";

/// What stands before and behind the one item of a new document: AnchoredXml for a document with a key, nothing but `DocItem` and
/// `Data` for another.
#[must_use]
pub fn document_frame(id: &DocumentId) -> (String, String) {
    let name = escape(&id.text());
    let open = format!("<DocItem Name=\"{name}\"><Data>");
    let close = "</Data></DocItem>";
    let DocumentId::Keyed(key) = id else {
        return (open, close.to_owned());
    };
    let head = format!(
        "{open}<AnchoredXml xmlns=\"{SCOPE_FRAMEWORK}\" SchemaWriteVersion=\"1\"><Key ScopeClass=\"{}\"><SchemaId Namespace=\"{}\" ElementName=\"{}\" /><AuthorityId Class=\"{}\" InstanceId=\"{}\" /></Key><Dictionary Count=\"1\">",
        escape(key.scope.as_str()),
        escape(&key.namespace),
        escape(&key.element),
        escape(&key.authority.class),
        escape(&key.authority.id)
    );
    (head, format!("</Dictionary></AnchoredXml>{close}"))
}

fn escape(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}
