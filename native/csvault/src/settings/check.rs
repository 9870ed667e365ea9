//! What settings must be beyond their shape. A fault names its member, and the line where that stands.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{AUDIT_FILE_BYTES, GroupId, Settings};

/// What the system means by no account and no group.
const NO_ID: u32 = u32::MAX;

/// What is wrong, with the way to its member.
struct Fault {
    what: String,
    way: Vec<String>,
}

impl Fault {
    fn new(what: impl Into<String>, way: &[&str]) -> Self {
        let way = way.iter().map(|&step| step.to_owned()).collect();
        Self {
            what: what.into(),
            way,
        }
    }
}

/// Checks settings that were read from a text.
///
/// # Errors
/// What is wrong, with its member and line.
pub fn check(settings: &Settings, text: &str) -> Result<(), String> {
    let checked = numbers(settings)
        .and_then(|()| owner(settings))
        .and_then(|()| groups(settings))
        .and_then(|()| members(settings));
    checked.map_err(|fault| match line_of(text, &fault.way) {
        Some(line) => format!("{} at line {line}", fault.what),
        None => fault.what,
    })
}

/// Limits and sizes that would admit nobody, or leave no time for anything.
fn numbers(settings: &Settings) -> Result<(), Fault> {
    let limits = &settings.limits;
    let counts = [
        ("connections", limits.connections),
        ("connectionsPerAccount", limits.connections_per_account),
        ("callsPerConnection", limits.calls_per_connection),
        ("callsPerAccount", limits.calls_per_account),
    ];
    let times = [
        ("helloMs", limits.hello_ms),
        ("frameMs", limits.frame_ms),
        ("inputMs", limits.input_ms),
        ("writeMs", limits.write_ms),
    ];
    let counts = counts.map(|(name, count)| (name, count == Some(0)));
    let times = times.map(|(name, time)| (name, time == Some(0)));
    for (name, is_zero) in counts.into_iter().chain(times) {
        if is_zero {
            let what = format!("'limits.{name}' must be at least 1, for 0 would let nobody in");
            return Err(Fault::new(what, &["limits", name]));
        }
    }
    let bytes = settings.audit_file_bytes;
    if bytes.is_some_and(|bytes| bytes < AUDIT_FILE_BYTES) {
        let what = format!("'auditFileBytes' must be at least {AUDIT_FILE_BYTES}");
        return Err(Fault::new(what, &["auditFileBytes"]));
    }
    if settings.audit_keep_files == Some(0) {
        let what = "'auditKeepFiles' must be at least 1";
        return Err(Fault::new(what, &["auditKeepFiles"]));
    }
    Ok(())
}

/// The owner is numbered in the way of this system.
fn owner(settings: &Settings) -> Result<(), Fault> {
    let Some(owner) = &settings.owner else {
        return Ok(());
    };
    let refused = |what: String, way: &[&str]| Err(Fault::new(what, way));
    if owner.uid.is_some() == owner.sid.is_some() {
        return refused("the owner has either a uid or a sid".to_owned(), &["owner"]);
    }
    if owner.uid.is_some() != cfg!(unix) {
        let here = if cfg!(unix) { "uid" } else { "sid" };
        return refused(format!("the owner is a {here} here"), &["owner"]);
    }
    if owner.uid == Some(NO_ID) {
        let what = format!("'owner.uid' is {NO_ID}, which is no account");
        return refused(what, &["owner", "uid"]);
    }
    match owner.sid.as_deref().filter(|sid| !is_sid(sid)) {
        Some(sid) => refused(not_a_sid("owner.sid", sid), &["owner", "sid"]),
        None => Ok(()),
    }
}

/// Groups have names, and are numbered in the way of this system.
fn groups(settings: &Settings) -> Result<(), Fault> {
    for (name, group) in &settings.groups {
        let refused = |what: String| Err(Fault::new(what, &["groups", name]));
        if let Some(what) = unfit("groups", "a group", name) {
            return refused(what);
        }
        let shown = name.escape_debug();
        match group {
            GroupId::Gid(NO_ID) if cfg!(unix) => {
                return refused(format!("'{shown}' is {NO_ID}, which is no group"));
            }
            GroupId::Gid(_) if cfg!(unix) => {}
            GroupId::Sid(sid) if !cfg!(unix) => {
                if !is_sid(sid) {
                    return refused(not_a_sid(name, sid));
                }
            }
            GroupId::Gid(gid) => {
                return refused(format!(
                    "'{shown}' is {gid}, and a group is its SID here, as `whoami /groups` shows it"
                ));
            }
            GroupId::Sid(text) => {
                return refused(format!(
                    "'{shown}' is '{}', and a group is its number here, as `getent group` shows it",
                    text.escape_debug()
                ));
            }
        }
    }
    Ok(())
}

/// Accounts have names, and so has what they are members of.
fn members(settings: &Settings) -> Result<(), Fault> {
    for (account, names) in &settings.members {
        if let Some(what) = unfit("members", "an account", account) {
            return Err(Fault::new(what, &["members", account]));
        }
        let place = format!("members.{account}");
        for (number, name) in names.iter().enumerate() {
            if let Some(what) = unfit(&place, "a group or role", name) {
                let number = number.to_string();
                return Err(Fault::new(what, &["members", account, &number]));
            }
        }
    }
    Ok(())
}

/// What is wrong with a name. One with blanks around it looks like the one without, and never is anybody's.
fn unfit(place: &str, kind: &str, name: &str) -> Option<String> {
    let place = place.escape_debug();
    if name.trim().is_empty() {
        return Some(format!("{kind} in '{place}' has no name"));
    }
    let shown = name.escape_debug();
    (name.trim() != name)
        .then(|| format!("'{shown}' in '{place}' begins or ends with a blank, and no name does"))
}

fn not_a_sid(member: &str, text: &str) -> String {
    format!(
        "'{}' is '{}', which is not a SID",
        member.escape_debug(),
        text.escape_debug()
    )
}

/// True for the text form of a SID, as the system writes it: `S-1-`, the authority, and one to fifteen numbers.
fn is_sid(text: &str) -> bool {
    let Some(numbers) = text.strip_prefix("S-1-") else {
        return false;
    };
    let is_number = |part: &str| {
        !part.is_empty() && part.len() <= 15 && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let count = numbers.split('-').count();
    (2..=16).contains(&count) && numbers.split('-').all(is_number)
}

/// The line of a value: the way to it is names of members, and numbers in arrays.
fn line_of(text: &str, way: &[String]) -> Option<usize> {
    let mut value = text;
    for step in way {
        let found: &RawValue = if value.starts_with('[') {
            let elements: Vec<&RawValue> = serde_json::from_str(value).ok()?;
            elements.get(step.parse::<usize>().ok()?).copied()?
        } else {
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(value).ok()?;
            members.get(step).copied()?
        };
        value = found.get();
    }
    // Each value is a part of the text that it was read from.
    let start = (value.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    Some(text.get(..start)?.matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        let settings = serde_json::from_str(text).unwrap();
        check(&settings, text).unwrap_err()
    }

    #[test]
    fn numbers_that_let_nobody_in_are_named_with_their_line() {
        for name in [
            "connections",
            "connectionsPerAccount",
            "callsPerConnection",
            "callsPerAccount",
            "helloMs",
            "frameMs",
            "inputMs",
            "writeMs",
        ] {
            let said = fault(&format!("{{\n\"limits\":\n {{\n\"{name}\": 0}}}}"));
            assert!(
                said.contains(&format!("'limits.{name}'")) && said.ends_with("line 4"),
                "{said}"
            );
        }
        let said = fault("{\"auditKeepFiles\":\n 0}");
        assert!(said.ends_with("line 2"), "{said}");
    }

    #[test]
    fn names_that_nobody_has_are_named_with_their_line() {
        let number = if cfg!(unix) { "7" } else { "\"S-1-5-32-544\"" };
        for (text, what) in [
            (format!("{{\n\"groups\": {{\"\": {number}}}}}"), "a group"),
            (format!("{{\n\"groups\": {{\" \": {number}}}}}"), "a group"),
            (
                format!("{{\n\"groups\": {{\"CSHelpDesk \": {number}}}}}"),
                "'CSHelpDesk ' in 'groups'",
            ),
            ("{\n\"members\": {\"\": []}}".to_owned(), "an account"),
            (
                "{\n\"members\": {\"\\tken\": []}}".to_owned(),
                "'\\tken' in 'members'",
            ),
            (
                "{\"members\": {\"ken\": [\"CSHelpDesk\",\n\"\"]}}".to_owned(),
                "a group or role in 'members.ken'",
            ),
            (
                "{\"members\": {\"ken\": [\"CSHelpDesk\",\n\" CSHelpDesk\"]}}".to_owned(),
                "' CSHelpDesk' in 'members.ken'",
            ),
        ] {
            let said = fault(&text);
            assert!(
                said.contains(what) && said.ends_with("line 2"),
                "{text}: {said}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_number_of_no_account_is_none() {
        let said = fault("{\n\"owner\": {\"uid\": 4294967295}}");
        assert!(
            said.contains("'owner.uid'") && said.ends_with("line 2"),
            "{said}"
        );
        let said = fault("{\n\"groups\": {\"A\": 4294967295}}");
        assert!(said.contains("'A'") && said.ends_with("line 2"), "{said}");
    }

    #[test]
    fn the_owner_is_one_account() {
        let said = fault("{\n\n\"owner\": {}}");
        assert!(said.contains("owner") && said.ends_with("line 3"), "{said}");
    }

    #[test]
    fn sids_are_known_by_their_form() {
        assert!(is_sid("S-1-5-32-544") && is_sid("S-1-5-18"));
        for text in ["", "S-1-5", "S-1-5-", "S-1-5-x", "s-1-5-18", "S-2-5-18"] {
            assert!(!is_sid(text), "{text}");
        }
    }
}
