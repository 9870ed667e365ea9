//! What a call leaves in the audit log: the decision before the effect, the outcome after it.

use std::borrow::Cow;
use std::fmt::Write as _;

use cs_contract::{CmdletManifest, Effect, ErrorId, ErrorReport, InvokeResult};
use cs_model::{StoreKind, is_hidden};

use crate::fault::Fault;
use crate::{Audit, AuditEntry, AuditPhase};

/// The lines of one call.
pub struct CallLog<'a> {
    pub audit: &'a dyn Audit,
    pub principal: &'a str,
    pub cmdlet: &'a str,
    pub store: StoreKind,
    /// True for what must not happen without a line: changes and exports.
    pub durable: bool,
}

impl<'a> CallLog<'a> {
    /// A log for a call of a known cmdlet.
    pub fn new(
        audit: &'a dyn Audit,
        principal: &'a str,
        manifest: &CmdletManifest,
        cmdlet: &'a str,
        what_if: bool,
    ) -> Self {
        let durable = match manifest.access.effect {
            Effect::Read => false,
            Effect::Export => true,
            Effect::Write | Effect::WriteRoles => !what_if,
        };
        Self {
            audit,
            principal,
            cmdlet,
            store: StoreKind::Central,
            durable,
        }
    }

    fn append(
        &self,
        phase: AuditPhase,
        result: &'static str,
        detail: String,
    ) -> Result<(), String> {
        self.audit.append(&AuditEntry {
            phase,
            principal: self.principal.to_owned(),
            cmdlet: self.cmdlet.to_owned(),
            store: self.store,
            result,
            detail,
            durable: self.durable,
        })
    }

    /// The call is allowed. A change or an export whose line cannot be written is refused; looking is not,
    /// so that a full disk does not blind those who have to mend it.
    pub fn allowed(&self, reason: &str) -> Result<(), Fault> {
        match self.append(AuditPhase::Decision, "allowed", reason.to_owned()) {
            Err(error) if self.durable => Err(ErrorReport::new(
                ErrorId::AuditUnavailable,
                format!(
                    "{} is refused because the audit log cannot be written: {error}.",
                    self.cmdlet
                ),
            )),
            _ => Ok(()),
        }
    }

    /// The call is denied; a line that cannot be written changes nothing about that.
    pub fn denied(&self, reason: &str) {
        let _already_denied = self.append(AuditPhase::Decision, "denied", reason.to_owned());
    }

    /// How the call ended. Reading leaves a line only when it failed.
    pub fn ended(
        &self,
        outcome: &Result<InvokeResult, Fault>,
        what_if: bool,
        changes: bool,
        notes: &[String],
    ) {
        let (result, detail) = match outcome {
            Err(fault) => (
                // Who looks for what people tried and may not do finds these too.
                match fault.id {
                    ErrorId::AccessDenied | ErrorId::GrantExceeded => "denied",
                    _ => "failed",
                },
                format!("{}: {}", fault.id.as_str(), fault.message),
            ),
            Ok(_) if what_if => ("planned", String::new()),
            Ok(done) => match (done.version, &done.sha256) {
                (Some(version), _) if done.repeated => {
                    ("done", format!("version {version}, repeated"))
                }
                (Some(version), _) => ("done", format!("version {version}")),
                (None, Some(hash)) => ("done", format!("{} bytes, sha256 {hash}", done.bytes)),
                (None, None) if changes => ("unchanged", String::new()),
                (None, None) => return,
            },
        };
        let detail = match (detail.is_empty(), notes) {
            (_, []) => detail,
            (true, notes) => notes.join("; "),
            (false, notes) => format!("{detail}; {}", notes.join("; ")),
        };
        // The effect is there already; a missing line shows as a decision without an outcome.
        let _too_late_to_refuse = self.append(AuditPhase::Outcome, result, detail);
    }
}

/// A text that is safe on a terminal: what is hidden shows as `\uXXXX`. A backslash stays one, because names hold them.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if is_hidden(letter) {
            push_escape(&mut shown, letter);
        } else {
            shown.push(letter);
        }
    }
    Cow::Owned(shown)
}

/// A letter as JSON escapes it.
pub fn push_escape(text: &mut String, letter: char) {
    for unit in letter.encode_utf16(&mut [0; 2]) {
        let _strings_take_all = write!(text, "\\u{unit:04x}");
    }
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn what_is_hidden_becomes_visible_and_the_rest_stays() {
        assert_eq!(visible("CONTOSO\\ken \u{e9}"), "CONTOSO\\ken \u{e9}");
        assert_eq!(
            visible("a\u{1b}]0;x\u{7}\n\u{9b}\u{202e}\u{e0041}"),
            "a\\u001b]0;x\\u0007\\u000a\\u009b\\u202e\\udb40\\udc41"
        );
    }
}
