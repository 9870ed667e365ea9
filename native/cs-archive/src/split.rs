//! `DocItemSet.xml` as documents and items. Every byte goes into exactly one event, so that the events put together are the part.

mod document;

use cs_model::{ContentHash, DocumentKey, ItemKey, Uuid};
use memchr::memrchr;
use sha2::{Digest, Sha256};

use crate::item_key::{KeyReader, value};
use crate::rules::RawAttribute;
use crate::scan::{Sink, Token};
use crate::{PackageEvent, PackageSummary, ReadError, ReadLimits};
use document::{Document, is_topology};

/// The most bytes of an item in one event.
pub const CHUNK_BYTES: usize = 256 * 1024;

/// What an element on the way to an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Other,
    Set,
    DocItem,
    Data,
    Anchored,
    Key,
    Dictionary,
}

/// Splits the tokens of the part.
pub struct Splitter<'a> {
    limits: &'a ReadLimits,
    out: &'a mut dyn FnMut(PackageEvent) -> Result<(), ReadError>,
    summary: &'a mut PackageSummary,
    entry: String,
    /// The kinds of the open elements, down to an item.
    path: Vec<Kind>,
    text: Vec<u8>,
    document: Option<Document>,
    item: Option<Item>,
    /// The room of the last item's chunk.
    room: Vec<u8>,
}

struct Item {
    /// The level of its element; for a text, of the elements beside it.
    level: usize,
    form: ItemForm,
    hash: Sha256,
    length: u64,
    chunk: Vec<u8>,
    key: KeyReader,
    signature: Option<Uuid>,
}

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ItemForm {
    /// An `Item` of a dictionary.
    Anchored,
    /// Any other element that is a payload.
    Bare,
    /// A payload that was put in as text, its markup escaped.
    Text,
}

impl<'a> Splitter<'a> {
    pub fn new(
        entry: &str,
        limits: &'a ReadLimits,
        summary: &'a mut PackageSummary,
        out: &'a mut dyn FnMut(PackageEvent) -> Result<(), ReadError>,
    ) -> Self {
        let entry = entry.to_owned();
        Self {
            limits,
            out,
            summary,
            entry,
            path: Vec::new(),
            text: Vec::new(),
            document: None,
            item: None,
            room: Vec::new(),
        }
    }

    /// The end of the part.
    pub fn finish(mut self) -> Result<(), ReadError> {
        self.end_document()?;
        self.flush_text()
    }

    fn flush_text(&mut self) -> Result<(), ReadError> {
        if self.text.is_empty() {
            return Ok(());
        }
        (self.out)(PackageEvent::Text(std::mem::take(&mut self.text)))
    }

    /// Puts the bytes of a token where they belong.
    fn keep(&mut self, raw: &str) -> Result<(), ReadError> {
        if let Some(item) = &mut self.item {
            return item.keep(raw, self.out);
        }
        let frame = match &mut self.document {
            Some(document) => &mut document.frame,
            None => &mut self.text,
        };
        frame.extend_from_slice(raw.as_bytes());
        if frame.len() > self.limits.frame_bytes {
            return Err(ReadError::limit(
                "bytes of a document outside its items",
                self.limits.frame_bytes as u64,
                "frameBytes",
            ));
        }
        Ok(())
    }

    fn begin_document(&mut self, attributes: &[RawAttribute<'_>]) -> Result<(), ReadError> {
        self.end_document()?;
        self.flush_text()?;
        self.summary.documents += 1;
        if self.summary.documents > self.limits.documents {
            return Err(ReadError::limit(
                "documents",
                self.limits.documents,
                "documents",
            ));
        }
        let name = attribute(attributes, "Name");
        self.check_name(name.as_deref())?;
        self.document = Some(Document {
            name,
            ..Document::default()
        });
        Ok(())
    }

    /// What names a document goes into messages and into the log, so it must be short.
    fn check_name(&self, name: Option<&str>) -> Result<(), ReadError> {
        if name.is_none_or(|name| name.len() <= self.limits.name_bytes) {
            return Ok(());
        }
        Err(ReadError::limit(
            "bytes in the name of a document",
            self.limits.name_bytes as u64,
            "nameBytes",
        ))
    }

    fn end_document(&mut self) -> Result<(), ReadError> {
        self.announce()?;
        if let Some(document) = self.document.take() {
            self.summary.warnings.extend(document.miscounted());
            (self.out)(PackageEvent::DocumentEnd {
                tail: document.frame,
            })?;
        }
        Ok(())
    }

    /// Tells the document's id before its first item, or before its end.
    fn announce(&mut self) -> Result<(), ReadError> {
        let number = self.summary.documents;
        let Some(document) = self.document.as_mut().filter(|document| !document.begun) else {
            return Ok(());
        };
        document.begun = true;
        let id = document.id(number);
        self.summary.user_data += u64::from(document.is_of_user());
        let (name, head) = (document.name.clone(), std::mem::take(&mut document.frame));
        (self.out)(PackageEvent::DocumentStart { id, name, head })
    }

    fn begin_item(&mut self, level: usize, form: ItemForm) -> Result<(), ReadError> {
        self.announce()?;
        let Some(document) = &mut self.document else {
            return Ok(());
        };
        document.items += 1;
        self.summary.items += 1;
        if document.items > self.limits.items {
            return Err(ReadError::limit(
                "items in one document",
                self.limits.items,
                "items",
            ));
        }
        let lead = std::mem::take(&mut document.frame);
        (self.out)(PackageEvent::ItemStart { lead })?;
        self.item = Some(Item {
            level,
            form,
            hash: Sha256::new(),
            length: 0,
            chunk: std::mem::take(&mut self.room),
            key: KeyReader::default(),
            signature: None,
        });
        Ok(())
    }

    fn end_item(&mut self) -> Result<(), ReadError> {
        let Some(mut item) = self.item.take() else {
            return Ok(());
        };
        let number = self.document.as_ref().map_or(1, |document| document.items);
        item.flush(self.out)?;
        self.room = item.chunk;
        let key = if item.form == ItemForm::Anchored {
            item.key.finish()
        } else {
            bare_key(number)
        };
        let hash = ContentHash(item.hash.finalize().into());
        (self.out)(PackageEvent::ItemEnd {
            key,
            signature: item.signature,
            hash,
            length: item.length,
        })
    }

    fn start(
        &mut self,
        name: &str,
        attributes: &[RawAttribute<'_>],
        empty: bool,
        raw: &str,
        level: usize,
    ) -> Result<(), ReadError> {
        self.end_text(level)?;
        if let Some(item) = &mut self.item {
            item.element(local(name), attributes, level, empty);
            return self.keep(raw);
        }
        self.path.truncate(level);
        let parent = self.path.last().copied();
        let kind = match (parent, local(name)) {
            (None, "DocItemSet") => Kind::Set,
            (None, other) => {
                return Err(ReadError::refused(
                    &self.entry,
                    format!("its root element is {other}; expected DocItemSet"),
                ));
            }
            (Some(Kind::Set), "DocItem") => Kind::DocItem,
            (Some(Kind::DocItem), "Data") => Kind::Data,
            (Some(Kind::Data), "AnchoredXml") => Kind::Anchored,
            (Some(Kind::Anchored), "Key") => Kind::Key,
            (Some(Kind::Anchored), "Dictionary") => Kind::Dictionary,
            _ => Kind::Other,
        };
        if kind == Kind::DocItem {
            self.begin_document(attributes)?;
        }
        let anchored_item = parent == Some(Kind::Dictionary) && local(name) == "Item";
        let bare_item = parent == Some(Kind::Data) && kind != Kind::Anchored;
        if bare_item
            && let Some(document) = &mut self.document
            && is_topology(name, attributes)
        {
            document.known = Some(DocumentKey::topology());
        }
        if anchored_item || bare_item {
            let form = if anchored_item {
                ItemForm::Anchored
            } else {
                ItemForm::Bare
            };
            self.begin_item(level, form)?;
            self.keep(raw)?;
            return if empty { self.end_item() } else { Ok(()) };
        }
        if let Some(document) = &mut self.document {
            match (parent, kind, local(name)) {
                (_, Kind::Key, _) => document.key.scope = attribute(attributes, "ScopeClass"),
                (_, Kind::Dictionary, _) => {
                    document.count =
                        attribute(attributes, "Count").and_then(|count| count.parse().ok())
                }
                (Some(Kind::Key), _, "SchemaId") => {
                    document.key.namespace = attribute(attributes, "Namespace");
                    document.key.element = attribute(attributes, "ElementName");
                }
                (Some(Kind::Key), _, "AuthorityId") => {
                    document.key.class = attribute(attributes, "Class");
                    document.key.authority = attribute(attributes, "InstanceId");
                }
                _ => {}
            }
        }
        if matches!(kind, Kind::Key | Kind::Other)
            && let Some(document) = &self.document
        {
            let key = &document.key;
            for part in [
                &key.scope,
                &key.namespace,
                &key.element,
                &key.class,
                &key.authority,
            ] {
                self.check_name(part.as_deref())?;
            }
        }
        self.keep(raw)?;
        if !empty {
            self.path.push(kind);
        }
        Ok(())
    }

    /// A payload that is a text ends before the next element at its level, and with the element around it.
    fn end_text(&mut self, level: usize) -> Result<(), ReadError> {
        match &self.item {
            Some(item) if item.form == ItemForm::Text && level <= item.level => self.end_item(),
            _ => Ok(()),
        }
    }

    fn end(&mut self, raw: &str, level: usize) -> Result<(), ReadError> {
        self.end_text(level)?;
        if let Some(item) = &mut self.item {
            if item.form == ItemForm::Anchored {
                item.key.end(level - item.level);
            }
            let ends = level == item.level;
            self.keep(raw)?;
            return if ends { self.end_item() } else { Ok(()) };
        }
        self.path.truncate(level);
        if level == 0 {
            self.end_document()?;
        }
        self.keep(raw)
    }
}

impl Sink for Splitter<'_> {
    fn token(&mut self, token: Token<'_>, raw: &str, level: usize) -> Result<(), ReadError> {
        match token {
            Token::Start {
                name,
                attributes,
                empty,
            } => self.start(name, attributes, empty, raw, level),
            Token::End => self.end(raw, level),
            Token::Other => {
                match &mut self.item {
                    Some(item) if item.form == ItemForm::Anchored => {
                        item.key.text(level - item.level, raw);
                    }
                    None if self.path.get(level.wrapping_sub(1)) == Some(&Kind::Data)
                        && is_text(raw) =>
                    {
                        self.begin_item(level, ItemForm::Text)?;
                    }
                    _ => {}
                }
                self.keep(raw)
            }
        }
    }
}

impl Item {
    fn keep(
        &mut self,
        raw: &str,
        out: &mut dyn FnMut(PackageEvent) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let mut rest = raw.as_bytes();
        while !rest.is_empty() {
            let room = CHUNK_BYTES - self.chunk.len();
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.chunk.extend_from_slice(now);
            rest = later;
            if self.chunk.len() == CHUNK_BYTES {
                self.flush(out)?;
            }
        }
        Ok(())
    }

    fn flush(
        &mut self,
        out: &mut dyn FnMut(PackageEvent) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        self.hash.update(&self.chunk);
        self.length += self.chunk.len() as u64;
        // As long as it is, with no room left over: many of them wait for the store.
        let chunk = self.chunk.as_slice().to_vec();
        self.chunk.clear();
        out(PackageEvent::ItemChunk(chunk))
    }

    /// An element inside the item: its key and its value carry what names it.
    fn element(&mut self, name: &str, attributes: &[RawAttribute<'_>], level: usize, empty: bool) {
        if self.form != ItemForm::Anchored {
            return;
        }
        let inner = level - self.level;
        if inner == 1 && name == "Value" {
            self.signature =
                attribute(attributes, "Signature").and_then(|text| Uuid::parse_str(&text).ok());
        }
        self.key.element(inner, name, attributes, empty);
    }
}

/// A payload that is no AnchoredXml is the one item of its document.
fn bare_key(number: u64) -> ItemKey {
    if number == 1 {
        ItemKey::global()
    } else {
        ItemKey(format!("#{number}"))
    }
}

/// True for text that is more than white space, for references and for CDATA sections.
fn is_text(raw: &str) -> bool {
    let blank = |letter: char| matches!(letter, ' ' | '\t' | '\r' | '\n' | '\u{feff}');
    !raw.starts_with("<!--") && !raw.starts_with("<?") && !raw.chars().all(blank)
}

fn local(name: &str) -> &str {
    memrchr(b':', name.as_bytes())
        .and_then(|colon| name.get(colon + 1..))
        .unwrap_or(name)
}

fn attribute(attributes: &[RawAttribute<'_>], name: &str) -> Option<String> {
    attributes
        .iter()
        .find(|attribute| attribute.name == name)
        .map(|attribute| value(attribute.value))
}
