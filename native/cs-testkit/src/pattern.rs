//! Patterns of the transcripts: what an answer must look like where its exact text is not known beforehand.

use std::collections::BTreeMap;

use serde_json::Value;

/// Values that a transcript keeps from one step to a later one.
pub type Saved = BTreeMap<String, Value>;

/// Compares a value with a pattern; members that the pattern does not name are not looked at.
///
/// # Errors
/// Where and how they differ.
pub fn matches(pattern: &Value, found: &Value, saved: &mut Saved) -> Result<(), String> {
    at("", pattern, found, saved)
}

fn at(path: &str, pattern: &Value, found: &Value, saved: &mut Saved) -> Result<(), String> {
    match pattern {
        Value::Object(members) => {
            for (name, pattern) in members {
                let path = format!("{path}/{name}");
                match (pattern.as_str(), found.get(name)) {
                    (Some("<absent>"), None) => {}
                    (Some("<absent>"), Some(found)) => {
                        return Err(format!("{path}: {found} is there"));
                    }
                    (_, None) => return Err(format!("{path}: is missing in {found}")),
                    (_, Some(found)) => at(&path, pattern, found, saved)?,
                }
            }
            Ok(())
        }
        Value::Array(patterns) => {
            let found = found
                .as_array()
                .ok_or_else(|| format!("{path}: {found} is no array"))?;
            if patterns.len() != found.len() {
                return Err(format!(
                    "{path}: {} elements instead of {}",
                    found.len(),
                    patterns.len()
                ));
            }
            for (index, (pattern, found)) in patterns.iter().zip(found).enumerate() {
                at(&format!("{path}/{index}"), pattern, found, saved)?;
            }
            Ok(())
        }
        Value::String(text) if named(text).is_some() => {
            if placeholder(named(text).unwrap_or_default(), found, saved) {
                Ok(())
            } else {
                Err(format!("{path}: {found} is not {text}"))
            }
        }
        other if other == found => Ok(()),
        other => Err(format!("{path}: {found} instead of {other}")),
    }
}

fn placeholder(name: &str, found: &Value, saved: &mut Saved) -> bool {
    let (name, argument) = name.split_once(':').unwrap_or((name, ""));
    let text = found.as_str();
    match name {
        "any" => true,
        "text" => text.is_some_and(|text| !text.is_empty()),
        "number" => found.is_u64(),
        "hash" => text.is_some_and(|text| {
            text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        }),
        "contains" => text.is_some_and(|text| text.contains(argument)),
        "save" => {
            saved.insert(argument.to_owned(), found.clone());
            true
        }
        "saved" => saved.get(argument) == Some(found),
        other => panic!("the placeholder <{other}> is not known"),
    }
}

/// What stands between `<` and `>`.
fn named(text: &str) -> Option<&str> {
    text.strip_prefix('<')?.strip_suffix('>')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn patterns_hold_what_they_name() {
        let found = json!({"id": 7, "text": "a role", "list": [1, 2], "hash": "0".repeat(64)});
        let mut saved = Saved::new();
        let pattern = json!({
            "id": "<save:id>", "text": "<contains:role>", "list": [1, "<number>"], "hash": "<hash>", "other": "<absent>"
        });
        assert_eq!(matches(&pattern, &found, &mut saved), Ok(()));
        assert_eq!(
            matches(&json!({"id": "<saved:id>"}), &found, &mut saved),
            Ok(())
        );
        for bad in [
            json!({"id": 8}),
            json!({"id": "<absent>"}),
            json!({"none": "<any>"}),
            json!({"list": [1]}),
            json!({"text": "<number>"}),
            json!({"text": "<hash>"}),
        ] {
            assert!(matches(&bad, &found, &mut saved).is_err(), "{bad}");
        }
    }
}
