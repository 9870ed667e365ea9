//! Bytes of a document to text: UTF-8 with or without BOM, UTF-16 with BOM. Anything else is refused.

/// What is wrong with the bytes.
pub type Fault = &'static str;

/// Turns bytes into text as they come in.
#[derive(Debug, Default)]
pub struct Decoder {
    form: Option<Form>,
    /// Bytes of a character that is not whole yet.
    rest: Vec<u8>,
}

/// The encoding, by the first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Utf8,
    Utf16Little,
    Utf16Big,
}

impl Decoder {
    /// The encoding, once it is known.
    pub fn form(&self) -> Option<Form> {
        self.form
    }

    /// Appends the text of some bytes; `last` when no more come. A BOM of UTF-8 stays in the text, one of UTF-16 goes away.
    pub fn push(&mut self, bytes: &[u8], last: bool, text: &mut String) -> Result<(), Fault> {
        // The usual case, without another copy.
        if self.form == Some(Form::Utf8)
            && self.rest.is_empty()
            && let Ok(whole) = std::str::from_utf8(bytes)
        {
            text.push_str(whole);
            return Ok(());
        }
        self.rest.extend_from_slice(bytes);
        let form = match self.form {
            Some(form) => form,
            None if self.rest.len() < 4 && !last => return Ok(()),
            None => {
                let form = match self.rest.as_slice() {
                    [0xff, 0xfe, 0, 0, ..] => return Err("it is UTF-32"),
                    [0xff, 0xfe, ..] => Form::Utf16Little,
                    [0xfe, 0xff, ..] => Form::Utf16Big,
                    [0, ..] | [_, 0, ..] => {
                        return Err("it is UTF-16 or UTF-32 without a byte order mark");
                    }
                    _ => Form::Utf8,
                };
                if form != Form::Utf8 {
                    self.rest.drain(..2);
                }
                *self.form.insert(form)
            }
        };
        match form {
            Form::Utf8 => self.utf8(last, text),
            Form::Utf16Little => self.utf16(u16::from_le_bytes, last, text),
            Form::Utf16Big => self.utf16(u16::from_be_bytes, last, text),
        }
    }

    fn utf8(&mut self, last: bool, text: &mut String) -> Result<(), Fault> {
        match std::str::from_utf8(&self.rest) {
            Ok(whole) => {
                text.push_str(whole);
                self.rest.clear();
                Ok(())
            }
            Err(error) => {
                let valid = self.rest.get(..error.valid_up_to()).unwrap_or_default();
                text.push_str(std::str::from_utf8(valid).unwrap_or_default());
                if last || error.error_len().is_some() {
                    return Err("it is not UTF-8");
                }
                self.rest.drain(..error.valid_up_to());
                Ok(())
            }
        }
    }

    fn utf16(
        &mut self,
        unit: fn([u8; 2]) -> u16,
        last: bool,
        text: &mut String,
    ) -> Result<(), Fault> {
        let (pairs, odd) = self.rest.as_chunks::<2>();
        let mut units: Vec<u16> = pairs.iter().map(|&pair| unit(pair)).collect();
        let mut rest = odd.to_vec();
        // A high surrogate waits for its second half.
        if !last
            && units
                .last()
                .is_some_and(|unit| (0xd800..0xdc00).contains(unit))
        {
            units.pop();
            rest = self
                .rest
                .get(units.len() * 2..)
                .unwrap_or_default()
                .to_vec();
        }
        for letter in char::decode_utf16(units) {
            text.push(letter.map_err(|_| "its UTF-16 holds half a character")?);
        }
        if last && !rest.is_empty() {
            return Err("its UTF-16 ends in half a character");
        }
        self.rest = rest;
        Ok(())
    }
}
