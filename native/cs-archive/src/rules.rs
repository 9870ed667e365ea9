//! The rules of XML 1.0 and its namespaces that the tokenizer does not check, and the limits.

mod attributes;
mod characters;
mod qualified_names;
mod references;

use crate::ReadLimits;
use crate::decode::Form;
use crate::namespaces::Namespaces;
use crate::tag::Shape;
use characters::{check_letters, is_name, is_name_start, is_plain, is_space};
use qualified_names::has_twins;
use references::check_reference;

pub(crate) use references::is_reference;

/// Why a piece of markup is refused.
#[derive(Debug)]
pub enum Broken {
    /// Not well formed.
    Rule(String),
    /// More than a limit allows.
    /// Its name in the plural, its value, and its name in `settings.json`.
    Limit(&'static str, u64, &'static str),
}

fn rule<T>(what: impl Into<String>) -> Result<T, Broken> {
    Err(Broken::Rule(what.into()))
}

fn limit<T>(what: &'static str, limit: usize, setting: &'static str) -> Result<T, Broken> {
    Err(Broken::Limit(what, limit as u64, setting))
}

/// What is open and declared at the current place of a document.
pub struct Rules<'l> {
    limits: &'l ReadLimits,
    /// The names of the open elements, one after the other.
    names: String,
    /// Where each name starts, and how many namespaces were declared before its element.
    open: Vec<(usize, usize)>,
    namespaces: Namespaces,
    elements: u64,
    rooted: bool,
    started: bool,
    /// It declares that it holds nothing but ASCII.
    ascii: bool,
}

/// An attribute as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawAttribute<'t> {
    /// The name, with its prefix.
    pub name: &'t str,
    /// The value, with its references.
    pub value: &'t str,
}

impl<'l> Rules<'l> {
    pub fn new(limits: &'l ReadLimits) -> Self {
        Self {
            limits,
            names: String::new(),
            open: Vec::new(),
            namespaces: Namespaces::default(),
            elements: 0,
            rooted: false,
            started: false,
            ascii: false,
        }
    }

    /// A piece of the document must be in the encoding that it declares.
    pub fn encoded(&self, raw: &str) -> Result<(), Broken> {
        if self.ascii && !raw.is_ascii() {
            return rule("it declares the encoding 'us-ascii' and is not in it");
        }
        Ok(())
    }

    /// How many elements are open.
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    /// A start tag, or an empty element's. `tag` is what stands between the angle brackets, without a closing slash. `shape` and
    /// `attributes` are what [`crate::tag::plain`] found, if it did.
    pub fn start<'t>(
        &mut self,
        tag: &'t str,
        empty: bool,
        shape: Option<&Shape>,
        attributes: &mut Vec<RawAttribute<'t>>,
    ) -> Result<&'t str, Broken> {
        self.started = true;
        if tag.len() > self.limits.tag_bytes {
            return limit("bytes in one start tag", self.limits.tag_bytes, "tagBytes");
        }
        if self.open.is_empty() && self.rooted {
            return rule("there is a second root element");
        }
        self.rooted = true;
        if self.open.len() >= self.limits.depth {
            return limit("levels of elements", self.limits.depth, "depth");
        }
        self.elements += 1;
        if self.elements > self.limits.elements {
            return Err(Broken::Limit("elements", self.limits.elements, "elements"));
        }
        let before = self.namespaces.len();
        let name = match shape {
            Some(shape) => self.quick_start(tag, shape, attributes)?,
            None => self.slow_start(tag, attributes)?,
        };
        if empty {
            self.namespaces.truncate(before);
        } else {
            self.open.push((self.names.len(), before));
            self.names.push_str(name);
        }
        Ok(name)
    }

    /// A plain tag.
    pub(crate) fn quick_start<'t>(
        &mut self,
        tag: &'t str,
        shape: &Shape,
        attributes: &[RawAttribute<'t>],
    ) -> Result<&'t str, Broken> {
        let name = tag.get(..shape.name).unwrap_or_default();
        if shape.namespaces || has_twins(attributes) {
            self.declare(attributes)?;
            self.resolve(name, attributes)?;
        }
        Ok(name)
    }

    /// A tag that is not plain.
    pub(crate) fn slow_start<'t>(
        &mut self,
        tag: &'t str,
        attributes: &mut Vec<RawAttribute<'t>>,
    ) -> Result<&'t str, Broken> {
        attributes.clear();
        let end = tag
            .bytes()
            .position(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
            .unwrap_or(tag.len());
        let (name, rest) = tag.split_at(end);
        self.check_name(name)?;
        self.split(rest, attributes)?;
        self.declare(attributes)?;
        self.resolve(name, attributes)?;
        Ok(name)
    }

    /// An end tag; `tag` is what stands between `</` and `>`.
    pub fn end(&mut self, tag: &str) -> Result<(), Broken> {
        let name = tag.trim_end_matches(is_space);
        let Some((start, namespaces)) = self.open.pop() else {
            return rule(format!("the end tag {} has no start tag", shown(name)));
        };
        let wanted = self.names.get(start..).unwrap_or_default();
        if wanted != name {
            return rule(format!(
                "the end tag {} does not close the element {}",
                shown(name),
                shown(wanted)
            ));
        }
        self.names.truncate(start);
        self.namespaces.truncate(namespaces);
        Ok(())
    }

    /// The name of the innermost element that is open.
    pub fn innermost(&self) -> Option<&str> {
        let (start, _) = self.open.last()?;
        self.names.get(*start..)
    }

    /// Text between markup, without references.
    pub fn text(&mut self, text: &str) -> Result<(), Broken> {
        if text.len() > self.limits.text_bytes {
            return limit("bytes in one text", self.limits.text_bytes, "textBytes");
        }
        if self.open.is_empty() {
            let blank = text
                .strip_prefix('\u{feff}')
                .filter(|_| !self.started)
                .unwrap_or(text);
            self.started |= !blank.is_empty();
            return if blank.chars().all(is_space) {
                Ok(())
            } else {
                rule("there is text outside the root element")
            };
        }
        if is_plain(text) {
            return Ok(());
        }
        if text.contains("]]>") {
            return rule("the text holds ]]>");
        }
        check_letters(text)
    }

    /// A reference in text; `name` is what stands between `&` and `;`.
    pub fn reference(&mut self, name: &str) -> Result<(), Broken> {
        if self.open.is_empty() {
            return rule("there is a reference outside the root element");
        }
        check_reference(name)
    }

    /// A CDATA section.
    pub fn cdata(&mut self, text: &str) -> Result<(), Broken> {
        if text.len() > self.limits.text_bytes {
            return limit(
                "bytes in one CDATA section",
                self.limits.text_bytes,
                "textBytes",
            );
        }
        if self.open.is_empty() {
            return rule("there is a CDATA section outside the root element");
        }
        check_letters(text)
    }

    /// A comment, without its brackets.
    pub fn comment(&mut self, text: &str) -> Result<(), Broken> {
        self.started = true;
        if text.len() > self.limits.text_bytes {
            return limit("bytes in one comment", self.limits.text_bytes, "textBytes");
        }
        if text.contains("--") || text.ends_with('-') {
            return rule("a comment holds --");
        }
        check_letters(text)
    }

    /// A processing instruction, without its brackets.
    pub fn instruction(&mut self, text: &str) -> Result<(), Broken> {
        self.started = true;
        if text.len() > self.limits.text_bytes {
            return limit(
                "bytes in one processing instruction",
                self.limits.text_bytes,
                "textBytes",
            );
        }
        let target = text.split(is_space).next().unwrap_or_default();
        if target.eq_ignore_ascii_case("xml") {
            return rule("there is an XML declaration that is not at the beginning");
        }
        if target.contains(':') {
            return rule("the target of a processing instruction holds a colon");
        }
        self.check_name(target)?;
        check_letters(text)
    }

    /// The XML declaration, without its brackets.
    pub fn declaration(&mut self, text: &str, form: Form) -> Result<(), Broken> {
        if self.started {
            return rule("there is an XML declaration that is not at the beginning");
        }
        self.started = true;
        let mut attributes = Vec::new();
        self.split(text.strip_prefix("xml").unwrap_or(text), &mut attributes)?;
        let mut rest = attributes.as_slice();
        let mut next = |name: &str| match rest {
            [first, others @ ..] if first.name == name => {
                rest = others;
                Some(first.value)
            }
            _ => None,
        };
        match next("version") {
            Some("1.0") => {}
            Some(_) => return rule("its XML version is not 1.0"),
            None => return rule("its XML declaration has no version"),
        }
        if let Some(encoding) = next("encoding") {
            let name = encoding.to_ascii_lowercase();
            let utf16 = matches!(name.as_str(), "utf-16" | "utf-16le" | "utf-16be");
            self.ascii = name == "us-ascii";
            let utf8 = self.ascii || name == "utf-8";
            match form {
                Form::Utf8 if utf8 => {}
                Form::Utf16Little | Form::Utf16Big if utf16 => {}
                _ if utf8 || utf16 => {
                    return rule(format!(
                        "it declares the encoding {}, which it is not in",
                        shown(encoding)
                    ));
                }
                _ => {
                    return rule(format!(
                        "it declares the encoding {}, which is not read: save it as UTF-8",
                        shown(encoding)
                    ));
                }
            }
        }
        if !matches!(next("standalone"), None | Some("yes" | "no")) {
            return rule("standalone is neither yes nor no");
        }
        if rest.is_empty() {
            Ok(())
        } else {
            rule("its XML declaration is malformed")
        }
    }

    /// The end of the document.
    pub fn finish(&self) -> Result<(), Broken> {
        if let Some(name) = self.innermost() {
            return rule(format!("the element {} is not closed", shown(name)));
        }
        if self.rooted {
            Ok(())
        } else {
            rule("there is no element")
        }
    }

    fn check_name(&self, name: &str) -> Result<(), Broken> {
        if name.len() > self.limits.name_bytes {
            return limit("bytes in one name", self.limits.name_bytes, "nameBytes");
        }
        // Almost all names are plain.
        let plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':' | b'-' | b'.');
        let good = match name.as_bytes() {
            [first, rest @ ..]
                if first.is_ascii_alphabetic()
                    && rest.iter().fold(true, |all, &byte| all & plain(byte)) =>
            {
                true
            }
            _ => {
                let mut letters = name.chars();
                letters.next().is_some_and(is_name_start) && letters.all(is_name)
            }
        };
        if good {
            Ok(())
        } else {
            rule(format!("{} is not a name", shown(name)))
        }
    }
}

/// A name in a message: short, and without control characters.
fn shown(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    format!("'{}'", short.escape_debug())
}
