//! What every JSON text must be before its meaning is looked at: UTF-8 without BOM, well formed, not too deep, and without keys that
//! are the same apart from case, which the two sides of the pipe would read differently.

use std::borrow::Cow;
use std::fmt;

use cs_contract::Limits;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Why a text is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// Not UTF-8 from this byte on.
    #[error("it is not UTF-8 at byte {0}")]
    NotUtf8(usize),
    /// Starts with a byte order mark.
    #[error("it starts with a byte order mark; send UTF-8 without one")]
    ByteOrderMark,
    /// Nested too deep.
    #[error("it is nested deeper than {} levels", Limits::JSON_DEPTH)]
    TooDeep,
    /// Not JSON, or a key twice; with line and column.
    #[error("{0}")]
    Invalid(String),
}

const TOO_DEEP: &str = "nested too deep";

/// Checks a text and returns it.
///
/// # Errors
/// The first fault.
pub fn check(bytes: &[u8]) -> Result<&str, JsonFault> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(JsonFault::ByteOrderMark);
    }
    let text =
        std::str::from_utf8(bytes).map_err(|error| JsonFault::NotUtf8(error.valid_up_to()))?;
    check_from(text, Level(0))?;
    Ok(text)
}

/// Checks a member of an object that was looked at already.
///
/// # Errors
/// The first fault.
pub fn check_member(text: &str) -> Result<(), JsonFault> {
    check_from(text, Level(1))
}

fn check_from(text: &str, level: Level) -> Result<(), JsonFault> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let checked = level.deserialize(&mut deserializer);
    checked.and_then(|()| deserializer.end()).map_err(|error| {
        let what = error.to_string();
        if what.starts_with(TOO_DEEP) || what.starts_with("recursion limit") {
            JsonFault::TooDeep
        } else {
            JsonFault::Invalid(what)
        }
    })
}

/// One value, so many levels down.
#[derive(Clone, Copy)]
struct Level(usize);

impl Level {
    fn down<E: Error>(self) -> Result<Self, E> {
        if self.0 >= Limits::JSON_DEPTH {
            return Err(E::custom(TOO_DEEP));
        }
        Ok(Self(self.0 + 1))
    }
}

impl<'de> DeserializeSeed<'de> for Level {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let below = self.down()?;
        while elements.next_element_seed(below)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let below = self.down()?;
        let mut seen = Keys::default();
        while let Some(Key(key)) = members.next_key()? {
            if let Some(key) = seen.add(key) {
                return Err(A::Error::custom(format!(
                    "the key '{}' is there twice",
                    key.escape_debug()
                )));
            }
            members.next_value_seed(below)?;
        }
        Ok(())
    }
}

/// A key, without a copy where the text has it as it is.
struct Key<'de>(Cow<'de, str>);

impl<'de> serde::Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// Keys seen in one object: few are compared one by one, many through a set.
#[derive(Default)]
struct Keys<'de> {
    few: Vec<Cow<'de, str>>,
    many: std::collections::HashSet<String>,
}

/// Above so many keys a set is quicker.
const FEW: usize = 16;

impl<'de> Keys<'de> {
    /// Takes a key; gives it back when it was there, apart from case.
    fn add(&mut self, key: Cow<'de, str>) -> Option<Cow<'de, str>> {
        if self.many.is_empty() && self.few.len() < FEW {
            let same = |other: &Cow<'_, str>| {
                other.eq_ignore_ascii_case(&key)
                    || (!(key.is_ascii() && other.is_ascii()) && folded(other) == folded(&key))
            };
            if self.few.iter().any(same) {
                return Some(key);
            }
            self.few.push(key);
            return None;
        }
        self.many.extend(self.few.drain(..).map(|key| folded(&key)));
        (!self.many.insert(folded(&key))).then_some(key)
    }
}

fn folded(key: &str) -> String {
    key.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_texts_pass() {
        for text in [
            "{}",
            "[1,-2,3.5,null,true,\"\\u00e4\"]",
            " {\"a\":{\"a\":1},\"b\":[{\"a\":1}]} ",
            "7",
        ] {
            assert_eq!(check(text.as_bytes()), Ok(text));
        }
        let deepest = format!("{}{}", "[".repeat(64), "]".repeat(64));
        check(deepest.as_bytes()).unwrap();
    }

    #[test]
    fn bad_texts_are_refused_by_name() {
        assert_eq!(check(b"\xef\xbb\xbf{}"), Err(JsonFault::ByteOrderMark));
        assert_eq!(check(b"{\"a\":\"\xc0\xaf\"}"), Err(JsonFault::NotUtf8(6)));
        for depth in [65, 129, 100_000] {
            for open in ["[", "{\"a\":"] {
                assert_eq!(
                    check(open.repeat(depth).as_bytes()),
                    Err(JsonFault::TooDeep),
                    "{depth}"
                );
            }
        }
        let bad: &[&[u8]] = &[
            b"",
            b" ",
            b"{",
            b"{}x",
            b"{\"a\":1,}",
            b"\"\\ud800\"",
            b"{\"a\":\x00}",
            b"\"\x00\"",
            b"1e999",
            b"01",
            b"nul",
            b"'a'",
            b"{a:1}",
            b"[1 2]",
            b"{\"\\ud800\":1}",
            b"\"a",
        ];
        for text in bad {
            assert!(
                matches!(check(text), Err(JsonFault::Invalid(_))),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_key_may_be_there_once_whatever_its_case() {
        let many: Vec<String> = (0..40).map(|n| format!("\"k{n}\":{n}")).collect();
        let twins = [
            "{\"a\":1,\"a\":2}".to_owned(),
            "{\"a\":1,\"\\u0041\":2}".to_owned(),
            "{\"\u{e4}\":1,\"\u{c4}\":2}".to_owned(),
            format!("{{{},\"K3\":0}}", many.join(",")),
            "[{\"b\":{\"x\":1,\"X\":1}}]".to_owned(),
        ];
        for text in twins {
            let Err(JsonFault::Invalid(what)) = check(text.as_bytes()) else {
                panic!("{text}");
            };
            assert!(what.contains("twice"), "{what}");
        }
        check(format!("{{{}}}", many.join(",")).as_bytes()).unwrap();
    }
}
