//! A document as a stream of tokens: they are found by [`crate::token`], the rules are those of [`crate::rules`]. Works on a sliding
//! window, so that memory depends on the longest piece of markup or text and not on the document.

use std::borrow::Cow;

use memchr::memrchr;

use crate::decode::{Decoder, Form};
use crate::rules::{Broken, RawAttribute, Rules};
use crate::token::{Found, Piece, quick, tokenized};
use crate::{ReadError, ReadLimits};

/// The byte order mark.
const MARK: char = '\u{feff}';

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// An element begins; with `empty` it ends as well.
    Start {
        name: &'a str,
        attributes: &'a [RawAttribute<'a>],
        empty: bool,
    },
    /// An element ends.
    End,
    /// Text, references, comments and the rest.
    Other,
}

/// Takes tokens: each with its own bytes and the number of elements around it.
pub trait Sink {
    /// One token. The bytes of all tokens are the bytes of the document.
    fn token(&mut self, token: Token<'_>, raw: &str, level: usize) -> Result<(), ReadError>;
}

/// A sink for documents that are only checked.
pub struct Discard;

impl Sink for Discard {
    fn token(&mut self, _: Token<'_>, _: &str, _: usize) -> Result<(), ReadError> {
        Ok(())
    }
}

/// Reads one document.
pub struct Scanner<'l> {
    entry: String,
    limits: &'l ReadLimits,
    rules: Rules<'l>,
    decoder: Decoder,
    window: String,
    /// Lines and columns before the window.
    line: u64,
    column: u64,
    /// Length of the window at the last try to find a token in it.
    tried: usize,
}

impl<'l> Scanner<'l> {
    /// A scanner for an entry of a name.
    pub fn new(entry: &str, limits: &'l ReadLimits) -> Self {
        Self {
            entry: entry.to_owned(),
            limits,
            rules: Rules::new(limits),
            decoder: Decoder::default(),
            window: String::new(),
            line: 1,
            column: 1,
            tried: 0,
        }
    }

    /// Takes in some bytes; `last` when no more come.
    pub fn push(&mut self, bytes: &[u8], last: bool, sink: &mut dyn Sink) -> Result<(), ReadError> {
        let mut window = std::mem::take(&mut self.window);
        let decoded = self.decoder.push(bytes, last, &mut window);
        // A piece that is not whole is tried again when there is twice as much of it, so that the work stays in proportion.
        if window.len() < 2 * self.tried && !last && decoded.is_ok() {
            self.window = window;
            return Ok(());
        }
        let done = self.tokens(&window, last && decoded.is_ok(), sink)?;
        self.tried = window.len() - done;
        if self.tried > self.limits.text_bytes.max(self.limits.tag_bytes) {
            let limit = self.limits.text_bytes.max(self.limits.tag_bytes) as u64;
            return Err(ReadError::limit(
                "bytes in one piece of markup or text",
                limit,
                "textBytes",
            ));
        }
        if let Err(what) = decoded {
            return Err(self.fault(&window, window.len(), what));
        }
        if last {
            self.rules
                .finish()
                .map_err(|broken| self.broken(&window, window.len(), broken))?;
        }
        let (line, column) = self.place(&window, done);
        (self.line, self.column) = (line, column);
        window.drain(..done);
        self.window = window;
        Ok(())
    }

    /// Hands on the tokens that are whole; returns where the first one that is not begins.
    fn tokens(
        &mut self,
        window: &str,
        last: bool,
        sink: &mut dyn Sink,
    ) -> Result<usize, ReadError> {
        let mut attributes = Vec::new();
        let mut start = 0;
        while let Some(rest) = window.get(start..).filter(|rest| !rest.is_empty()) {
            let open = self.rules.innermost();
            let (piece, length) = match quick(rest, last, open, self.limits, &mut attributes) {
                Found::Token(piece, length) => (piece, length),
                Found::Cut => return Ok(start),
                Found::Other => match tokenized(rest) {
                    Ok(Some(found)) => found,
                    Ok(None) => return Ok(start),
                    Err(_) if is_doctype(rest) => {
                        return Err(self.fault(window, start, "a DOCTYPE is not accepted"));
                    }
                    Err(_) if !last => return Ok(start),
                    Err(error) => return Err(self.fault(window, start, &error.to_string())),
                },
            };
            let raw = rest.get(..length).unwrap_or_default();
            self.token(&piece, raw, &mut attributes, sink)
                .map_err(|stop| match stop {
                    Stop::Broken(broken) => self.broken(window, start, broken),
                    Stop::Error(error) => error,
                })?;
            start += length;
        }
        Ok(start)
    }

    fn token<'t>(
        &mut self,
        piece: &Piece,
        raw: &'t str,
        attributes: &mut Vec<RawAttribute<'t>>,
        sink: &mut dyn Sink,
    ) -> Result<(), Stop> {
        let inside = |before: usize, after: usize| {
            raw.get(before..raw.len().saturating_sub(after))
                .unwrap_or_default()
        };
        self.rules.encoded(raw)?;
        let level = self.rules.depth();
        let mut shown = Cow::Borrowed(raw);
        let token = match piece {
            Piece::Start { empty, shape } => {
                let tag = inside(1, if *empty { 2 } else { 1 });
                let name = self.rules.start(tag, *empty, shape.as_ref(), attributes)?;
                Token::Start {
                    name,
                    attributes,
                    empty: *empty,
                }
            }
            Piece::End => {
                self.rules.end(inside(2, 1))?;
                sink.token(Token::End, raw, self.rules.depth())?;
                return Ok(());
            }
            Piece::Text => {
                self.rules.text(raw)?;
                Token::Other
            }
            Piece::Reference => {
                self.rules.reference(inside(1, 1))?;
                Token::Other
            }
            Piece::CData => {
                self.rules.cdata(inside(9, 3))?;
                Token::Other
            }
            Piece::Comment => {
                self.rules.comment(inside(4, 3))?;
                Token::Other
            }
            Piece::Instruction => {
                self.rules.instruction(inside(2, 2))?;
                Token::Other
            }
            Piece::Declaration => {
                let form = self.decoder.form().unwrap_or(Form::Utf8);
                self.rules.declaration(inside(2, 2), form)?;
                if form != Form::Utf8 {
                    shown = Cow::Owned(as_utf8(raw));
                }
                Token::Other
            }
            Piece::DocType => {
                return Err(Stop::Broken(Broken::Rule(
                    "a DOCTYPE is not accepted".to_owned(),
                )));
            }
        };
        sink.token(token, &shown, level)?;
        Ok(())
    }

    fn broken(&self, window: &str, at: usize, broken: Broken) -> ReadError {
        match broken {
            Broken::Rule(what) => self.fault(window, at, &what),
            Broken::Limit(what, limit, setting) => ReadError::limit(what, limit, setting),
        }
    }

    fn fault(&self, window: &str, at: usize, what: &str) -> ReadError {
        let (line, column) = self.place(window, at);
        ReadError::Xml {
            entry: self.entry.clone(),
            line,
            column,
            what: what.to_owned(),
        }
    }

    /// Line and column of a place in the window, without going letter by letter: every byte that does not continue a character
    /// begins one. The byte order mark at the beginning does not count.
    fn place(&self, window: &str, at: usize) -> (u64, u64) {
        let before = window.get(..at).unwrap_or(window).as_bytes();
        let lines = count(before, |byte| byte == b'\n');
        let last = match lines {
            0 => before,
            _ => memrchr(b'\n', before)
                .and_then(|end| before.get(end + 1..))
                .unwrap_or(before),
        };
        let mut letters = count(last, |byte| byte & 0xc0 != 0x80);
        if lines == 0 {
            let mark = self.line == 1 && self.column == 1 && window.starts_with(MARK);
            letters -= u64::from(mark && letters > 0);
            (self.line, self.column + letters)
        } else {
            (self.line + lines, letters + 1)
        }
    }
}

/// Counts bytes in blocks that are short enough for sums of one byte, which processors add many at a time.
fn count(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> u64 {
    let block = |block: &[u8]| {
        block
            .iter()
            .fold(0_u8, |sum, &byte| sum.wrapping_add(u8::from(wanted(byte))))
    };
    bytes.chunks(255).map(|bytes| u64::from(block(bytes))).sum()
}

/// What ends a token early.
enum Stop {
    Broken(Broken),
    Error(ReadError),
}

impl From<Broken> for Stop {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Self::Error(error)
    }
}

fn is_doctype(text: &str) -> bool {
    text.get(..9)
        .is_some_and(|start| start.eq_ignore_ascii_case("<!doctype"))
}

/// An XML declaration that says UTF-8 instead of UTF-16.
fn as_utf8(declaration: &str) -> String {
    let Some(at) = declaration.find("encoding") else {
        return declaration.to_owned();
    };
    let (before, after) = declaration.split_at(at);
    let Some(open) = after.find(['"', '\'']) else {
        return declaration.to_owned();
    };
    let (head, value) = after.split_at(open + 1);
    let quote = if head.ends_with('"') { '"' } else { '\'' };
    match value.split_once(quote) {
        Some((_, rest)) => format!("{before}{head}utf-8{quote}{rest}"),
        None => declaration.to_owned(),
    }
}
