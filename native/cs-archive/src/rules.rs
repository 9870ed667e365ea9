//! The rules of XML 1.0 and its namespaces that the tokenizer does not check, and the limits.

use crate::ReadLimits;
use crate::decode::Form;
use crate::namespaces::{Misdeclared, Namespaces};
use crate::tag::Shape;

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

    /// Splits the inside of a tag behind its name into attributes.
    fn split<'t>(
        &self,
        mut rest: &'t str,
        attributes: &mut Vec<RawAttribute<'t>>,
    ) -> Result<(), Broken> {
        loop {
            let trimmed = skip_space(rest);
            if trimmed.is_empty() {
                return Ok(());
            }
            if trimmed.len() == rest.len() {
                return rule("two attributes are not separated by white space");
            }
            let Some((name, after)) = trimmed.split_once('=') else {
                return rule(format!("the attribute {} has no value", shown(trimmed)));
            };
            let name = if name.ends_with(is_space) {
                name.trim_end_matches(is_space)
            } else {
                name
            };
            self.check_name(name)?;
            let (quote, inside) = match skip_space(after).split_at_checked(1) {
                Some(("\"", inside)) => ('"', inside),
                Some(("'", inside)) => ('\'', inside),
                _ => {
                    let what = format!(
                        "the value of the attribute {} is not in quotes",
                        shown(name)
                    );
                    return rule(what);
                }
            };
            let Some((value, behind)) = inside.split_once(quote) else {
                return rule(format!(
                    "the value of the attribute {} does not end",
                    shown(name)
                ));
            };
            check_value(name, value)?;
            attributes.push(RawAttribute { name, value });
            if attributes.len() > self.limits.attributes {
                return limit(
                    "attributes in one element",
                    self.limits.attributes,
                    "attributes",
                );
            }
            rest = behind;
        }
    }

    /// Takes in the namespaces that a tag declares.
    fn declare(&mut self, attributes: &[RawAttribute<'_>]) -> Result<(), Broken> {
        for attribute in attributes {
            let prefix = match attribute.name {
                "xmlns" => "",
                name => match name.strip_prefix("xmlns:") {
                    Some(prefix) if is_local(prefix) => prefix,
                    Some(_) => return not_qualified(attribute.name),
                    None => continue,
                },
            };
            match self.namespaces.declare(prefix, attribute.value) {
                Ok(()) => {}
                Err(Misdeclared::Reserved) => {
                    return rule(format!("the prefix {} is reserved", shown(prefix)));
                }
                Err(Misdeclared::Unbound) => {
                    return rule(format!("the prefix {} is bound to nothing", shown(prefix)));
                }
            }
        }
        Ok(())
    }

    /// Every prefix must be declared, and no attribute may be there twice under two prefixes.
    fn resolve(&self, name: &str, attributes: &[RawAttribute<'_>]) -> Result<(), Broken> {
        let split = |name: &str| -> Result<Option<(usize, &str)>, Broken> {
            let Some((prefix, local)) = name.split_once(':') else {
                return Ok(None);
            };
            if prefix.is_empty() || !is_local(local) {
                return not_qualified(name);
            }
            match self.namespaces.find(prefix) {
                Some(uri) => Ok(Some((prefix.len() + 1, uri))),
                None => rule(format!("the prefix {} is not declared", shown(prefix))),
            }
        };
        if name.starts_with("xmlns:") {
            return rule("an element has the prefix xmlns");
        }
        split(name)?;
        if attributes.len() < 2
            && attributes
                .iter()
                .all(|attribute| !attribute.name.contains(':'))
        {
            return Ok(());
        }
        let mut expanded: Vec<(&str, &str)> = Vec::new();
        for (at, attribute) in attributes.iter().enumerate() {
            let twice = || {
                rule(format!(
                    "the attribute {} is there twice",
                    shown(attribute.name)
                ))
            };
            if attributes
                .iter()
                .take(at)
                .any(|other| other.name == attribute.name)
            {
                return twice();
            }
            if attribute.name.starts_with("xmlns:") {
                continue;
            }
            if let Some((local, uri)) = split(attribute.name)? {
                let key = (uri, attribute.name.get(local..).unwrap_or_default());
                if expanded.contains(&key) {
                    return twice();
                }
                expanded.push(key);
            }
        }
        Ok(())
    }
}

/// True for a name without a prefix; that it consists of letters of names was checked before.
fn is_local(name: &str) -> bool {
    !name.contains(':') && name.chars().next().is_some_and(is_name_start)
}

fn not_qualified<T>(name: &str) -> Result<T, Broken> {
    rule(format!("{} is not a qualified name", shown(name)))
}

/// True when two attributes have one name. Only names that agree in length and in their ends, as far as 64 bits tell, are compared.
fn has_twins(attributes: &[RawAttribute<'_>]) -> bool {
    let mut seen = 0_u64;
    attributes.iter().enumerate().any(|(at, attribute)| {
        let bit = match attribute.name.as_bytes() {
            [first, .., second, last] => {
                let ends = usize::from(*first) + 5 * usize::from(*second) + 11 * usize::from(*last);
                1 << ((ends + 3 * attribute.name.len()) % 64)
            }
            _ => 1,
        };
        let new = seen & bit == 0;
        seen |= bit;
        !new && attributes
            .iter()
            .take(at)
            .any(|other| other.name == attribute.name)
    })
}

/// A name in a message: short, and without control characters.
fn shown(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    format!("'{}'", short.escape_debug())
}

/// Skips white space, of which there is mostly one blank.
fn skip_space(text: &str) -> &str {
    let skipped = text
        .bytes()
        .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
        .count();
    text.get(skipped..).unwrap_or_default()
}

fn check_value(name: &str, value: &str) -> Result<(), Broken> {
    if value.contains('<') {
        return rule(format!(
            "the value of the attribute {} holds <",
            shown(name)
        ));
    }
    let mut rest = value;
    while let Some((_, after)) = rest.split_once('&') {
        let Some((reference, behind)) = after.split_once(';') else {
            return rule(format!(
                "the value of the attribute {} holds a bare &",
                shown(name)
            ));
        };
        check_reference(reference)?;
        rest = behind;
    }
    check_letters(value)
}

fn check_reference(name: &str) -> Result<(), Broken> {
    if is_reference(name) {
        Ok(())
    } else if name.starts_with('#') {
        rule(format!("the reference {} is no character", shown(name)))
    } else {
        rule(format!("the entity {} is not known", shown(name)))
    }
}

/// True for what names a predefined entity or a character.
pub(crate) fn is_reference(name: &str) -> bool {
    let Some(digits) = name.strip_prefix('#') else {
        return matches!(name, "lt" | "gt" | "amp" | "quot" | "apos");
    };
    let number = match digits.strip_prefix('x') {
        Some(hex) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => {
            u32::from_str_radix(hex, 16).ok()
        }
        None if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok(),
        _ => None,
    };
    number.and_then(char::from_u32).is_some_and(is_letter)
}

fn check_letters(text: &str) -> Result<(), Broken> {
    if is_plain(text) || text.chars().all(is_letter) {
        return Ok(());
    }
    rule("there is a character that XML does not allow")
}

/// Almost all text has no control characters, no bracket, and not the byte that the two exceptions of Unicode begin with.
fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| {
        (byte >= 0x20 || matches!(byte, b'\t' | b'\n' | b'\r')) & !matches!(byte, b']' | 0xef)
    };
    text.bytes().fold(true, |all, byte| all & plain(byte))
}

fn is_letter(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\r' | '\n')
}

fn is_name_start(letter: char) -> bool {
    letter.is_ascii_alphabetic()
        || matches!(letter, ':' | '_' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}'
            | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}'
            | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}')
}

fn is_name(letter: char) -> bool {
    is_name_start(letter)
        || letter.is_ascii_digit()
        || matches!(letter, '-' | '.' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}
