//! A small tree of an XML document that was checked for well-formedness before, and the escaping of texts.

use std::ops::Range;

use quick_xml::events::Event;
use quick_xml::name::ResolveResult;
use quick_xml::{NsReader, XmlVersion};

/// An element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// Its namespace; empty for none.
    pub namespace: String,
    /// Its local name.
    pub name: String,
    /// Its attributes without namespace declarations, by local name, in order.
    pub attributes: Vec<(String, String)>,
    /// Its child elements, in order.
    pub children: Vec<Element>,
    /// The text directly inside, trimmed, when there is any.
    pub text: Option<String>,
    /// Where it stands in the text, tags included.
    pub range: Range<usize>,
    /// Where its content stands.
    pub inner: Range<usize>,
}

impl Element {
    /// True when both say the same: white space between elements, comments and the order of attributes aside.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let sorted = |element: &Self| {
            let mut attributes = element.attributes.clone();
            attributes.sort_unstable();
            attributes
        };
        self.name == other.name
            && self.namespace == other.namespace
            && self.text == other.text
            && self.children.len() == other.children.len()
            && sorted(self) == sorted(other)
            && self
                .children
                .iter()
                .zip(&other.children)
                .all(|(one, two)| one.says_the_same(two))
    }

    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value of an attribute, or an empty text.
    pub fn value(&self, name: &str) -> &str {
        self.attribute(name).unwrap_or_default()
    }

    /// The first child of a name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children_named(name).next()
    }

    /// The children of a name.
    pub fn children_named<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Element> {
        let name = name.to_owned();
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The first descendant of a name, this element included.
    pub fn find(&self, name: &str) -> Option<&Element> {
        let mut waiting = vec![self];
        while let Some(element) = waiting.pop() {
            if element.name == name {
                return Some(element);
            }
            waiting.extend(element.children.iter().rev());
        }
        None
    }
}

/// Why a text is no tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}")]
pub struct XmlFault {
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// What is wrong.
    pub what: String,
}

/// The deepest nesting.
const DEPTH: usize = 64;

/// A start tag (or an empty element's) with an attribute set: another value in its place, or added at the end.
pub fn with_attribute(tag: &str, name: &str, value: &str) -> String {
    let value = escape(value);
    // Behind the element's name.
    let mut place = tag.find(char::is_whitespace).unwrap_or(tag.len());
    while let Some((before, after)) = tag.get(place..).and_then(|text| text.split_once('=')) {
        let key = before.trim();
        let Some(quote) = after
            .trim_start()
            .chars()
            .next()
            .filter(|c| matches!(c, '"' | '\''))
        else {
            break;
        };
        let from = place + before.len() + 1 + after.find(quote).unwrap_or_default() + 1;
        let Some(length) = tag.get(from..).and_then(|text| text.find(quote)) else {
            break;
        };
        if key == name {
            let (start, end) = (
                tag.get(..from).unwrap_or_default(),
                tag.get(from + length..),
            );
            let start = start.strip_suffix(quote).unwrap_or(start);
            let end = end
                .and_then(|end| end.strip_prefix(quote))
                .unwrap_or_default();
            return format!("{start}\"{value}\"{end}");
        }
        place = from + length + 1;
    }
    let body = tag
        .trim_end_matches('>')
        .trim_end_matches('/')
        .trim_end()
        .len();
    let (start, end) = tag.split_at_checked(body).unwrap_or((tag, ""));
    format!("{start} {name}=\"{value}\"{end}")
}

/// Reads the tree of a document. DOCTYPEs are refused; entities are never fetched.
pub fn parse(text: &str) -> Result<Element, XmlFault> {
    let mut reader = NsReader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    loop {
        let start = position(&reader);
        let fault = |what: String| fault_at(text, start, what);
        let (resolved, event) = reader
            .read_resolved_event()
            .map_err(|error| fault(error.to_string()))?;
        let namespace = match resolved {
            ResolveResult::Bound(namespace) => namespace.0.to_owned(),
            ResolveResult::Unbound => String::new(),
            ResolveResult::Unknown(prefix) => {
                return Err(fault(format!("the prefix {prefix} is not bound")));
            }
        };
        let empty = matches!(event, Event::Empty(_));
        match event {
            Event::Start(tag) | Event::Empty(tag) => {
                let name = tag.local_name().as_ref().to_owned();
                let mut attributes = Vec::new();
                for attribute in tag.attributes() {
                    let attribute = attribute.map_err(|error| fault(error.to_string()))?;
                    let key = attribute.key.as_ref();
                    if key == "xmlns" || key.starts_with("xmlns:") {
                        continue;
                    }
                    let value = attribute
                        .normalized_value(XmlVersion::Implicit1_0)
                        .map_err(|error| fault(error.to_string()))?;
                    let key = attribute.key.local_name().as_ref().to_owned();
                    attributes.push((key, value.into_owned()));
                }
                let end = position(&reader);
                let element = Element {
                    namespace,
                    name,
                    attributes,
                    children: Vec::new(),
                    text: None,
                    range: start..end,
                    inner: end..end,
                };
                if empty {
                    close(element, &mut open, &mut root);
                } else if open.len() >= DEPTH {
                    return Err(fault(format!("elements are nested deeper than {DEPTH}")));
                } else {
                    open.push(element);
                }
            }
            Event::End(_) => {
                let end = position(&reader);
                let Some(mut element) = open.pop() else {
                    return Err(fault("an end tag without its start tag".to_owned()));
                };
                element.inner.end = start;
                element.range.end = end;
                element.text = text_of(text, &element);
                close(element, &mut open, &mut root);
            }
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => {}
            Event::DocType(_) => return Err(fault("a DOCTYPE is not accepted".to_owned())),
            Event::Eof => break,
            _ => {}
        }
    }
    if let Some(element) = open.last() {
        return Err(fault_at(
            text,
            text.len(),
            format!("the element {} is not closed", element.name),
        ));
    }
    root.ok_or_else(|| fault_at(text, text.len(), "there is no element".to_owned()))
}

/// The text of an element without child elements, entities resolved.
fn text_of(text: &str, element: &Element) -> Option<String> {
    let inside = text.get(element.inner.clone())?.trim();
    if inside.is_empty() || !element.children.is_empty() {
        return None;
    }
    quick_xml::escape::unescape(inside)
        .ok()
        .map(std::borrow::Cow::into_owned)
}

fn close(element: Element, open: &mut [Element], root: &mut Option<Element>) {
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        None => {
            root.get_or_insert(element);
        }
    }
}

fn position(reader: &NsReader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

fn fault_at(text: &str, at: usize, what: String) -> XmlFault {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
    XmlFault { line, column, what }
}

/// A text as an attribute value in double quotes, without the quotes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#xA;"),
            '\r' => out.push_str("&#xD;"),
            '\t' => out.push_str("&#x9;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tree_knows_places_and_values() {
        let text = r#"<a xmlns="urn:x"><b Name="1 &amp; 2"/><c><d/></c></a>"#;
        let root = parse(text).unwrap();
        assert_eq!(root.namespace, "urn:x");
        assert_eq!(root.child("b").unwrap().value("Name"), "1 & 2");
        let c = root.child("c").unwrap();
        assert_eq!(&text[c.range.clone()], "<c><d/></c>");
        assert_eq!(&text[c.inner.clone()], "<d/>");
        assert_eq!(root.find("d").unwrap().name, "d");
    }

    #[test]
    fn faults_name_line_and_column() {
        let fault = parse("<a>\n <b></c></a>").unwrap_err();
        assert_eq!(fault.line, 2);
        assert!(parse("<!DOCTYPE a><a/>").is_err());
        assert!(parse("<a><b>").is_err());
        assert!(parse("").is_err());
        assert!(parse(&"<a>".repeat(100)).is_err());
    }

    #[test]
    fn escaped_texts_read_back() {
        let nasty = "a\"b<c>&'\r\n\t$(x)`];";
        let root = parse(&format!("<a v=\"{}\"/>", escape(nasty))).unwrap();
        assert_eq!(root.value("v"), nasty);
    }
}
