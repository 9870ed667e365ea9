//! What is wrong with a message, in the words of the protocol and not in those of the program that reads it.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// The members of a request or a notification, and whether each must be there.
const ENVELOPE: [(&str, bool); 4] = [
    ("jsonrpc", true),
    ("id", false),
    ("method", true),
    ("params", false),
];

/// The types that members may have, as the reader and as the protocol call them.
const TYPES: [(&str, &str); 4] = [
    ("a string", "a text"),
    ("a boolean", "true or false"),
    ("u64", "a whole number"),
    ("u32", "a whole number of at most 32 bits"),
];

/// Why a text, which is good JSON, is not a request.
pub fn of_envelope(text: &str) -> String {
    let Ok(members) = serde_json::from_str::<BTreeMap<String, &RawValue>>(text) else {
        return "it must be an object".to_owned();
    };
    let known = |name: &str| ENVELOPE.iter().any(|(member, _)| *member == name);
    if let Some(other) = members.keys().find(|name| !known(name)) {
        return format!("it has no member '{}'", other.escape_debug());
    }
    for (name, needed) in ENVELOPE {
        match members.get(name) {
            None if needed => return format!("the member '{name}' is missing"),
            Some(value) if needed && !value.get().starts_with('"') => {
                return format!("'{name}' must be a text");
            }
            _ => {}
        }
    }
    "it cannot be read".to_owned()
}

/// Why parameters are refused: the reader's error, about the member that it was found in.
pub fn of_params(error: &serde_json::Error, member: Option<&str>) -> String {
    let said = error.to_string();
    // The place in the text says less than the member's name.
    let said = said
        .rsplit_once(" at line ")
        .map_or(&*said, |(said, _)| said);
    if let Some(rest) = said.strip_prefix("unknown field ") {
        let name = [", expected ", ", there are no fields"]
            .iter()
            .find_map(|end| rest.rsplit_once(end));
        return match name {
            Some((name, "")) => format!("there is no member {name}, nor any other"),
            Some((name, known)) => {
                let known = known.strip_prefix("one of ").unwrap_or(known);
                format!("there is no member {name}; there is {known}")
            }
            None => format!("there is no member {rest}"),
        };
    }
    if let Some(name) = said.strip_prefix("missing field ") {
        return format!("the member {name} is missing");
    }
    let it = member.map_or_else(
        || "a value".to_owned(),
        |name| format!("'{}'", name.escape_debug()),
    );
    match said.rsplit_once(", expected ") {
        Some((_, expected)) => {
            let known = TYPES.iter().find(|(theirs, _)| *theirs == expected);
            let expected = known.map_or(expected, |(_, ours)| *ours);
            format!("{it} must be {expected}")
        }
        None => format!("{it}: {said}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::{params, parse};
    use cs_contract::{HelloParams, InvokeParams};
    use serde_json::value::RawValue;

    #[test]
    fn what_is_wrong_is_told_in_the_words_of_the_protocol() {
        let envelope = |text: &str| parse(text.as_bytes()).unwrap_err().report.message;
        for (text, said) in [
            ("7", "it must be an object"),
            ("null", "it must be an object"),
            ("{}", "the member 'jsonrpc' is missing"),
            (r#"{"jsonrpc":"2.0"}"#, "the member 'method' is missing"),
            (
                r#"{"jsonrpc":2.0,"method":"ping"}"#,
                "'jsonrpc' must be a text",
            ),
            (
                r#"{"jsonrpc":"2.0","method":null}"#,
                "'method' must be a text",
            ),
            (
                r#"{"jsonrpc":"2.0","method":"x","user":1}"#,
                "it has no member 'user'",
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
                "it has no member 'result'",
            ),
        ] {
            let whole = format!("The message is not a request: {said}.");
            assert_eq!(envelope(text), whole, "{text}");
        }

        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let invoke = |text: &str| params::<InvokeParams>(7, Some(&raw(text))).map(drop);
        let hello = |text: &str| params::<HelloParams>(7, Some(&raw(text))).map(drop);
        for (outcome, said) in [
            (invoke("null"), "they must be an object"),
            (invoke("[]"), "they must be an object"),
            (invoke(r#"{"cmdlet":7}"#), "'cmdlet' must be a text"),
            (
                invoke(r#"{"cmdlet":"x","whatIf":"true"}"#),
                "'whatIf' must be true or false",
            ),
            (
                invoke(r#"{"cmdlet":"x","input":null}"#),
                "'input' must be true or false",
            ),
            (
                invoke(r#"{"cmdlet":"x","deadlineMs":1.5}"#),
                "'deadlineMs' must be a whole number",
            ),
            (
                invoke(r#"{"cmdlet":"x","deadlineMs":-1}"#),
                "'deadlineMs' must be a whole number",
            ),
            (
                invoke(r#"{"cmdlet":"x","deadlineMs":null}"#),
                "'deadlineMs' must be a whole number",
            ),
            (
                invoke(r#"{"cmdlet":"x","idempotencyKey":null}"#),
                "'idempotencyKey' must be a text",
            ),
            (invoke("{}"), "the member `cmdlet` is missing"),
            (
                invoke(r#"{"cmdlet":"x","user":"u64, expected u64"}"#),
                "there is no member `user`; there is `cmdlet`, `parameters`, `whatIf`, `idempotencyKey`, `deadlineMs`, `input`",
            ),
            (
                hello(r#"{"protocol":"1","client":"x"}"#),
                "'protocol' must be a whole number of at most 32 bits",
            ),
        ] {
            let whole = format!("The params are refused: {said}.");
            assert_eq!(outcome.unwrap_err().report.message, whole);
        }
        let none = super::super::message::no_params(7, Some(&raw(r#"{"x":1}"#)));
        let said = none.unwrap_err().report.message;
        assert_eq!(
            said,
            "The params are refused: there is no member `x`, nor any other."
        );
        let null = parse(br#"{"jsonrpc":"2.0","id":1,"method":"ping","params":null}"#).unwrap();
        assert!(super::super::message::no_params(7, null.params).is_err());
        // Parameters that are none go on as what they are, and are refused with the cmdlet's name.
        let given = raw(r#"{"cmdlet":"x","parameters":null}"#);
        let given: InvokeParams = params(7, Some(&given)).unwrap();
        assert_eq!(given.parameters.unwrap().get(), "null");
    }
}
