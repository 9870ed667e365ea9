//! The inside of an item: `<Item><Key/><Value Signature="..."><Payload/></Value></Item>`.

use cs_model::Uuid;

use crate::xml::{self, Element, XmlFault};

/// A new global item around a payload.
pub fn global_item(signature: Uuid, payload: &str) -> String {
    format!("<Item><Key /><Value Signature=\"{signature}\">{payload}</Value></Item>")
}

/// The payload of an item: what stands inside `Value`, or all of it when there is no such frame.
pub fn payload(item: &str) -> Result<&str, XmlFault> {
    let root = xml::parse(item)?;
    let range = match value_of(&root) {
        Some(value) => value.inner.clone(),
        None => root.range.clone(),
    };
    Ok(item.get(range).unwrap_or(item).trim())
}

/// The item with another payload and signature, its own frame and attributes kept.
pub fn with_payload(item: &str, signature: Uuid, payload: &str) -> Result<String, XmlFault> {
    let root = xml::parse(item)?;
    let Some(value) = value_of(&root) else {
        return Ok(payload.to_owned());
    };
    let before = item.get(..value.range.start).unwrap_or_default();
    let after = item.get(value.range.end..).unwrap_or_default();
    let tag_end = if value.inner.is_empty() {
        value.range.end
    } else {
        value.inner.start
    };
    let tag = item.get(value.range.start..tag_end).unwrap_or_default();
    // An empty element's tag, or a start tag followed at once by its end tag.
    let tag = tag.split_once('>').map_or(tag, |(first, _)| first);
    let tag = tag.trim_end_matches('/').trim_end();
    let name_end = tag.find(char::is_whitespace).unwrap_or(tag.len());
    let name = tag.get(1..name_end).unwrap_or("Value");
    let tag = match value.attribute("Signature") {
        Some(_) => xml::with_attribute(tag, "Signature", &signature.to_string()),
        None => tag.to_owned(),
    };
    Ok(format!("{before}{tag}>{payload}</{name}>{after}"))
}

/// The item with another signature, everything else as it is.
pub fn with_signature(item: &str, signature: Uuid) -> Result<String, XmlFault> {
    let root = xml::parse(item)?;
    let inside = value_of(&root).map(|value| value.inner.clone());
    let inside = inside.and_then(|range| item.get(range)).unwrap_or_default();
    if value_of(&root).is_none() {
        return Ok(item.to_owned());
    }
    with_payload(item, signature, inside)
}

fn value_of(root: &Element) -> Option<&Element> {
    (root.name == "Item").then(|| root.child("Value")).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_is_found_and_replaced_within_its_frame() {
        let old = "11111111-2222-3333-4444-555555555555";
        let item = format!(
            "<Item X=\"1\"><Key /><Value Signature=\"{old}\" Y=\"z\"><T a=\"1\"/></Value><More/></Item>"
        );
        assert_eq!(payload(&item).unwrap(), "<T a=\"1\"/>");
        let new = with_payload(&item, Uuid::nil(), "<T/>").unwrap();
        assert_eq!(
            new,
            "<Item X=\"1\"><Key /><Value Signature=\"00000000-0000-0000-0000-000000000000\" Y=\"z\"><T/></Value><More/></Item>"
        );
        let empty = with_payload(
            "<Item><Key/><Value Signature=\"a\"/></Item>",
            Uuid::nil(),
            "<T/>",
        )
        .unwrap();
        assert_eq!(
            empty,
            "<Item><Key/><Value Signature=\"00000000-0000-0000-0000-000000000000\"><T/></Value></Item>"
        );
    }

    #[test]
    fn bare_payload_is_its_own_item() {
        assert_eq!(payload("<Topology/>").unwrap(), "<Topology/>");
        assert_eq!(
            with_payload("<Topology/>", Uuid::nil(), "<T/>").unwrap(),
            "<T/>"
        );
    }
}
