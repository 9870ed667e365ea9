//! One line of the log: how it is written and sealed, and how it is read back.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Seek, Write};

use cs_engine::{AuditLine, AuditRepeats, push_escape};
use cs_model::is_hidden;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// What stands for the hash before the first line.
pub const NO_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The longest text of one field, in bytes; longer ones are cut.
const FIELD_BYTES: usize = 4 * 1024;

const HASH_MEMBER: &str = ",\"hash\":\"";

/// Number and hash of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub number: u64,
    pub hash: String,
}

impl Head {
    /// Reads what is noted, or `None` when nothing readable is. Only what [`Self::write`] writes is readable, to the byte.
    pub fn read(file: &mut File) -> io::Result<Option<Self>> {
        file.rewind()?;
        // In one piece, because it may be written at this moment.
        let mut bytes = [0; 128];
        let length = file.read(&mut bytes)?;
        let text = bytes.get(..length).map(std::str::from_utf8);
        // What is not even text is not readable either.
        let Some(Ok(text)) = text else {
            return Ok(None);
        };
        let parsed = text.trim_end().split_once(' ').and_then(|(number, hash)| {
            let number = number.parse().ok()?;
            is_hash(hash).then(|| Self {
                number,
                hash: hash.to_owned(),
            })
        });
        Ok(parsed.filter(|head| head.text() == text))
    }

    fn text(&self) -> String {
        format!("{:020} {}\n", self.number, self.hash)
    }

    /// Notes it, always in the same number of bytes.
    pub fn write(&self, file: &mut File) -> io::Result<()> {
        file.rewind()?;
        file.write_all(self.text().as_bytes())
    }
}

/// A line that was read.
#[derive(Debug, Deserialize)]
pub struct Line {
    pub n: u64,
    pub time: String,
    pub phase: String,
    pub principal: String,
    pub cmdlet: String,
    pub store: String,
    pub result: String,
    pub detail: String,
    #[serde(default)]
    pub count: Option<u64>,
    #[serde(default)]
    pub from: Option<String>,
    #[serde(default)]
    pub to: Option<String>,
    pub prev: String,
    pub hash: String,
}

impl Line {
    pub fn head(&self) -> Head {
        Head {
            number: self.n,
            hash: self.hash.clone(),
        }
    }

    /// The line as the engine sees it.
    pub fn into_record(self) -> AuditLine {
        AuditLine {
            number: Some(self.n),
            time: self.time,
            phase: self.phase,
            principal: self.principal,
            cmdlet: self.cmdlet,
            store: self.store,
            result: self.result,
            detail: self.detail,
            repeats: self.count.map(|count| AuditRepeats {
                count,
                from: self.from.unwrap_or_default(),
                to: self.to.unwrap_or_default(),
            }),
            hash: self.hash,
        }
    }
}

/// Writes a line with its line end into `text` and returns its hash.
pub fn seal(
    text: &mut String,
    number: u64,
    time: &str,
    fields: &[(&str, &str)],
    repeats: Option<&AuditRepeats>,
    prev: &str,
) -> String {
    text.clear();
    let _strings_take_all = write!(text, "{{\"n\":{number},\"time\":\"{time}\"");
    for (name, value) in fields {
        let _strings_take_all = write!(text, ",\"{name}\":\"");
        push_escaped(text, value);
        text.push('"');
    }
    if let Some(AuditRepeats { count, from, to }) = repeats {
        let _strings_take_all = write!(
            text,
            ",\"count\":{count},\"from\":\"{from}\",\"to\":\"{to}\""
        );
    }
    let _strings_take_all = write!(text, ",\"prev\":\"{prev}\"");
    let hash = hex(&Sha256::digest(text.as_bytes()));
    let _strings_take_all = writeln!(text, "{HASH_MEMBER}{hash}\"}}");
    hash
}

/// Reads a line and checks that it is what its own hash says, to the byte.
pub fn open(line: &[u8]) -> Result<Line, String> {
    let text = std::str::from_utf8(line).map_err(|_| "is not text".to_owned())?;
    let parsed: Line =
        serde_json::from_str(text).map_err(|_| "is not a line of the log".to_owned())?;
    let (sealed, rest) = text
        .rfind(HASH_MEMBER)
        .and_then(|end| text.split_at_checked(end))
        .unwrap_or_default();
    let hash = hex(&Sha256::digest(sealed.as_bytes()));
    let written = rest
        .strip_prefix(HASH_MEMBER)
        .and_then(|rest| rest.strip_suffix("\"}"));
    if written != Some(hash.as_str()) {
        return Err("was changed: its text does not match its hash".to_owned());
    }
    Ok(parsed)
}

/// Text as it may stand in a JSON string, with everything escaped that could fool the eye or a terminal.
fn push_escaped(text: &mut String, value: &str) {
    let mut left = FIELD_BYTES;
    for letter in value.chars() {
        left = match left.checked_sub(letter.len_utf8()) {
            Some(left) => left,
            None => {
                text.push_str("...");
                return;
            }
        };
        match letter {
            '"' | '\\' => {
                text.push('\\');
                text.push(letter);
            }
            letter if is_hidden(letter) => push_escape(text, letter),
            letter => text.push(letter),
        }
    }
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}

fn is_hash(text: &str) -> bool {
    text.len() == NO_HASH.len() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
