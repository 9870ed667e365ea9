//! The key of an item as a text. What a key holds may be written as attributes or as child elements.

use std::borrow::Cow;

use cs_model::{ContentHash, ItemKey};
use sha2::{Digest, Sha256};

use crate::rules::RawAttribute;

/// The most bytes of a key that become its text; longer ones become a hash.
const KEY_BYTES: usize = 1024;

/// Reads the `Key` element of an item. Levels are those below the item: the key's own is 1.
#[derive(Default)]
pub struct KeyReader {
    /// Names and values of the key itself.
    key: Vec<(String, String)>,
    /// Those of the service that it names.
    service: Vec<(String, String)>,
    /// Everything inside the item's `Key`, in one text, for keys that are not understood.
    all: String,
    open: bool,
    in_service: bool,
    /// It holds something that is not understood.
    odd: bool,
}

impl KeyReader {
    /// An element begins.
    pub fn element(
        &mut self,
        level: usize,
        name: &str,
        attributes: &[RawAttribute<'_>],
        empty: bool,
    ) {
        if level == 1 {
            if name == "Key" {
                self.key = values(attributes);
                self.open = !empty;
            }
            return;
        }
        if !self.open {
            return;
        }
        let values = values(attributes);
        let pairs: Vec<String> = values
            .iter()
            .map(|(name, value)| format!(" {name}={value}"))
            .collect();
        self.all.push_str(&format!("<{name}{}>", pairs.concat()));
        if empty {
            self.all.push_str("</>");
        }
        match level {
            2 => {
                self.in_service = name == "ServiceId" && self.service.is_empty();
                if self.in_service {
                    self.service = values;
                } else if values.is_empty() {
                    self.key.push((name.to_owned(), String::new()));
                } else {
                    self.odd = true;
                }
            }
            3 if self.in_service && values.is_empty() => {
                self.service.push((name.to_owned(), String::new()));
            }
            _ => self.odd = true,
        }
    }

    /// An element ended.
    pub fn end(&mut self, level: usize) {
        if self.open && level > 1 {
            self.all.push_str("</>");
        }
        self.open &= level > 1;
    }

    /// A text, a reference, a CDATA section, a comment or an instruction, so many levels down.
    pub fn text(&mut self, level: usize, raw: &str) {
        if !self.open || raw.starts_with("<!--") || raw.starts_with("<?") {
            return;
        }
        let text = match raw
            .strip_prefix("<![CDATA[")
            .and_then(|rest| rest.strip_suffix("]]>"))
        {
            Some(inside) => inside.to_owned(),
            None => unescaped(raw),
        };
        self.all.push_str(text.trim());
        let place = match level {
            3 if !self.in_service => self.key.last_mut(),
            4 if self.in_service => self.service.last_mut(),
            _ => None,
        };
        match place {
            Some((_, value)) => value.push_str(&text),
            None => self.odd |= !text.trim().is_empty(),
        }
    }

    /// The key, at the end of the item.
    pub fn finish(self) -> ItemKey {
        let Self {
            key, service, all, ..
        } = self;
        let find = |list: &[(String, String)], name: &str| {
            list.iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.trim().to_owned())
        };
        let only = |names: &[&str]| key.iter().all(|(name, _)| names.contains(&name.as_str()));
        let pairs = || {
            let pairs: Vec<String> = key
                .iter()
                .map(|(name, value)| format!("{name}={}", value.trim()))
                .collect();
            pairs.join(";")
        };
        let text = if self.odd {
            format!("Key:{}{all}", pairs())
        } else if let (Some(site), Some(role), Some(instance), true) = (
            find(&service, "SiteId"),
            find(&service, "RoleName"),
            find(&service, "Instance"),
            key.is_empty(),
        ) {
            format!("Service:{site}-{role}-{instance}")
        } else if !service.is_empty() {
            format!("Key:{}{all}", pairs())
        } else if let (Some(tag), true) = (find(&key, "TagId"), only(&["TagId", "Name"])) {
            match find(&key, "Name") {
                Some(name) => format!("Tag:{tag}:{name}"),
                None => format!("Tag:{tag}"),
            }
        } else if let (Some(site), true) = (find(&key, "SiteId"), key.len() == 1) {
            format!("Site:{site}")
        } else if key.is_empty() {
            "Global".to_owned()
        } else {
            pairs()
        };
        if text.len() <= KEY_BYTES {
            return ItemKey(text);
        }
        ItemKey(format!(
            "Key:{}",
            ContentHash(Sha256::digest(text.as_bytes()).into())
        ))
    }
}

/// Attributes without declarations of namespaces.
fn values(attributes: &[RawAttribute<'_>]) -> Vec<(String, String)> {
    let declares = |name: &str| name == "xmlns" || name.starts_with("xmlns:");
    attributes
        .iter()
        .filter(|attribute| !declares(attribute.name))
        .map(|attribute| (attribute.name.to_owned(), value(attribute.value)))
        .collect()
}

/// The value of an attribute: each white space is a blank unless it is written as a reference.
pub fn value(raw: &str) -> String {
    if raw.contains(['\t', '\r', '\n']) {
        return unescaped(&raw.replace("\r\n", " ").replace(['\t', '\r', '\n'], " "));
    }
    unescaped(raw)
}

fn unescaped(text: &str) -> String {
    quick_xml::escape::unescape(text).map_or_else(|_| text.to_owned(), Cow::into_owned)
}
