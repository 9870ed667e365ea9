//! `Get-CsAuditRecord`: the lines of the audit log, the newest first.

use std::ops::ControlFlow;

use cs_contract::{ErrorId, ErrorReport, InvokeResult, Record, Values};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::audit::visible;
use crate::engine::{Handler, Running};
use crate::fault::{Fault, from_stopped};
use crate::parameters::Parameters;
use crate::wildcard::Wildcard;
use crate::{AuditLine, AuditRepeats, Stopped};

/// The type of the objects.
const RECORD_TYPE: &str = "CsVault.AuditRecord";

/// Objects in one record: few enough that the first ones show at once.
const BATCH: usize = 128;

/// Lines between two looks whether to stop.
const LINES_AT_A_TIME: u64 = 256;

pub const HANDLER: Handler = Handler { inline: false, run };

fn run(call: &mut Running<'_>) -> Result<InvokeResult, Fault> {
    let wanted = Wanted::new(&call.parameters)?;
    let mut left = wanted.newest;
    let mut batch: Vec<Value> = Vec::new();
    let mut lines: u64 = 0;
    let mut stopped = false;
    let io = &mut *call.io;
    let read = call.engine.parts.audit.read_back(&mut |line| {
        lines += 1;
        if lines.is_multiple_of(LINES_AT_A_TIME) && io.stopped() {
            stopped = true;
            return ControlFlow::Break(());
        }
        let Some(value) = wanted.value_of(line) else {
            return ControlFlow::Continue(());
        };
        batch.push(value);
        left = left.saturating_sub(1);
        if batch.len() >= BATCH {
            stopped = send(io, &mut batch).is_err();
        }
        if stopped || left == 0 {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    if stopped {
        return Err(from_stopped(Stopped));
    }
    // What was read up to there is shown in any case.
    send(call.io, &mut batch).map_err(from_stopped)?;
    read.map_err(|what| unreadable(&what))?;
    Ok(InvokeResult::default())
}

/// The error of a log whose files cannot be read.
pub fn unreadable(what: &str) -> Fault {
    ErrorReport::new(
        ErrorId::AuditUnavailable,
        format!("The audit log cannot be read: {what}."),
    )
    .hint("Check the audit files in the data folder, and the disk that they are on.")
}

fn send(io: &mut dyn crate::CallIo, batch: &mut Vec<Value>) -> Result<(), Stopped> {
    if batch.is_empty() {
        return Ok(());
    }
    let values = Values::new(batch);
    batch.clear();
    io.record(Record::Object {
        r#type: RECORD_TYPE.to_owned(),
        values,
    })
}

/// What is asked for.
struct Wanted {
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    principal: Option<Wildcard>,
    cmdlet: Option<Wildcard>,
    outcomes: Vec<String>,
    newest: u64,
}

impl Wanted {
    fn new(parameters: &Parameters) -> Result<Self, Fault> {
        let invalid = |name: &str, what: String| {
            ErrorReport::new(ErrorId::ParameterInvalid, what).on("Parameter", name)
        };
        let pattern = |name: &str| {
            let text = parameters.text(name);
            text.map(|text| Wildcard::parse(text).map_err(|what| invalid(name, what)))
                .transpose()
        };
        let newest = match parameters.number("Newest") {
            None => u64::MAX,
            Some(number) => u64::try_from(number)
                .ok()
                .filter(|&number| number > 0)
                .ok_or_else(|| invalid("Newest", "Newest must be at least 1.".to_owned()))?,
        };
        let (start, end) = (parameters.time("StartTime"), parameters.time("EndTime"));
        if let (Some(start), Some(end)) = (start, end)
            && start > end
        {
            let what = format!("StartTime ({start}) is later than EndTime ({end}).");
            return Err(invalid("StartTime", what));
        }
        Ok(Self {
            start,
            end,
            principal: pattern("Principal")?,
            cmdlet: pattern("Cmdlet")?,
            outcomes: parameters
                .texts("Outcome")
                .into_iter()
                .map(str::to_owned)
                .collect(),
            newest,
        })
    }

    fn has(&self, outcome: &str) -> bool {
        self.outcomes.is_empty()
            || self
                .outcomes
                .iter()
                .any(|wanted| wanted.eq_ignore_ascii_case(outcome))
    }

    /// The object of a line, when it fits.
    fn value_of(&self, line: Result<AuditLine, String>) -> Option<Value> {
        match line {
            Ok(line) => self.fits(&line).then(|| value(&line)),
            // Nothing is known of it but that it is there; that must not go unseen.
            Err(what) => (self.has("Failed") && self.principal.is_none() && self.cmdlet.is_none())
                .then(|| {
                    let detail = format!("{}; run Test-CsAuditLog", visible(&what));
                    json!({"Outcome": "Failed", "Detail": detail, "Count": 1})
                }),
        }
    }

    fn fits(&self, line: &AuditLine) -> bool {
        let time = || time_of(line);
        self.has(outcome(line))
            && self
                .principal
                .as_ref()
                .is_none_or(|pattern| names(pattern, &visible(&line.principal)))
            && self
                .cmdlet
                .as_ref()
                .is_none_or(|pattern| pattern.matches(&visible(&line.cmdlet)))
            && self
                .start
                .is_none_or(|start| time().is_none_or(|time| time >= start))
            && self
                .end
                .is_none_or(|end| time().is_none_or(|time| time <= end))
    }
}

/// Whether a pattern fits a principal: all of it, or the account's name before its id, as in `root (uid 0)`.
fn names(pattern: &Wildcard, principal: &str) -> bool {
    let name = principal.rsplit_once(" (").map(|(name, _)| name);
    pattern.matches(principal) || name.is_some_and(|name| pattern.matches(name))
}

/// A line's time in whole ticks of .NET (100 ns), so that what a record shows can be asked for again.
fn time_of(line: &AuditLine) -> Option<Timestamp> {
    let time: Timestamp = line.time.parse().ok()?;
    let nanoseconds = time.as_nanosecond();
    Timestamp::from_nanosecond(nanoseconds - nanoseconds.rem_euclid(100)).ok()
}

/// One of the four outcomes. What the log says about itself is a success only when it was done on purpose.
fn outcome(line: &AuditLine) -> &'static str {
    match (line.phase.as_str(), line.result.as_str()) {
        ("note", "dropped") => "Done",
        ("note", _) => "Failed",
        (_, "allowed") => "Allowed",
        (_, "denied") => "Denied",
        (_, "done" | "unchanged" | "planned") => "Done",
        _ => "Failed",
    }
}

fn value(line: &AuditLine) -> Value {
    let text = |text: &str| (!text.is_empty()).then(|| visible(text).into_owned());
    let store = match line.store.as_str() {
        "central" => Some("Central".to_owned()),
        "local" => Some("Local".to_owned()),
        other => text(other),
    };
    json!({
        "Number": line.number,
        "Time": time_of(line).map_or_else(|| visible(&line.time).into_owned(), |time| time.to_string()),
        "Principal": text(&line.principal),
        "Cmdlet": text(&line.cmdlet),
        "Outcome": outcome(line),
        "Detail": visible(&detail(line)),
        "Store": store,
        "Count": line.repeats.as_ref().map_or(1, |repeats| repeats.count),
        "Hash": text(&line.hash),
    })
}

/// What the log has beyond the outcome.
fn detail(line: &AuditLine) -> String {
    let mut parts: Vec<String> = Vec::new();
    if let Some(AuditRepeats { count, from, to }) = &line.repeats {
        let what = if line.cmdlet == "*" {
            ""
        } else {
            " of the same"
        };
        let yet = if line.number.is_some() {
            ""
        } else {
            ", not written yet"
        };
        parts.push(format!(
            "and {} more{what} from {from} to {to}{yet}",
            grouped(*count)
        ));
    }
    match (line.phase.as_str(), line.result.as_str()) {
        ("note", kind) => parts.push(kind.to_owned()),
        (_, "unchanged") => parts.push("nothing to change".to_owned()),
        (_, "planned") => parts.push("plan only".to_owned()),
        (_, "allowed" | "denied" | "done" | "failed") => {}
        (_, other) => parts.push(other.to_owned()),
    }
    if !line.detail.is_empty() {
        parts.push(line.detail.clone());
    }
    parts.join(": ")
}

/// 4312 as `4,312`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(phase: &str, result: &str) -> AuditLine {
        AuditLine {
            number: Some(7),
            time: "2026-11-24T10:00:00.5Z".to_owned(),
            phase: phase.to_owned(),
            principal: "LITWARE\\ken\u{1b}[2J".to_owned(),
            cmdlet: "Get-CsUser".to_owned(),
            store: "central".to_owned(),
            result: result.to_owned(),
            detail: "why\u{202e}".to_owned(),
            repeats: None,
            hash: "ab".to_owned(),
        }
    }

    fn wanted(parameters: &Value) -> Result<Wanted, String> {
        let manifest = cs_contract::cmdlets()
            .iter()
            .find(|manifest| manifest.noun == "CsAuditRecord")
            .unwrap();
        let raw = serde_json::value::to_raw_value(parameters).unwrap();
        let parameters = Parameters::check(manifest, Some(&raw)).map_err(|fault| fault.message)?;
        Wanted::new(&parameters).map_err(|fault| fault.message)
    }

    #[test]
    fn every_result_has_one_of_four_outcomes_and_a_detail() {
        for (phase, result, outcome, detail) in [
            ("decision", "allowed", "Allowed", "why\\u202e"),
            ("decision", "denied", "Denied", "why\\u202e"),
            ("outcome", "done", "Done", "why\\u202e"),
            (
                "outcome",
                "unchanged",
                "Done",
                "nothing to change: why\\u202e",
            ),
            ("outcome", "planned", "Done", "plan only: why\\u202e"),
            ("outcome", "failed", "Failed", "why\\u202e"),
            ("outcome", "new", "Failed", "new: why\\u202e"),
            ("note", "dropped", "Done", "dropped: why\\u202e"),
            ("note", "missing", "Failed", "missing: why\\u202e"),
            ("note", "repaired", "Failed", "repaired: why\\u202e"),
        ] {
            let shown = value(&line(phase, result));
            assert_eq!(shown["Outcome"], outcome, "{result}");
            assert_eq!(shown["Detail"], detail, "{result}");
            assert_eq!(shown["Principal"], "LITWARE\\ken\\u001b[2J");
        }
    }

    #[test]
    fn a_line_that_stands_for_many_says_so() {
        let mut many = line("decision", "denied");
        many.repeats = Some(AuditRepeats {
            count: 4312,
            from: "T1".to_owned(),
            to: "T2".to_owned(),
        });
        let shown = value(&many);
        assert_eq!(shown["Count"], 4312);
        assert_eq!(
            shown["Detail"],
            "and 4,312 more of the same from T1 to T2: why\\u202e"
        );
        many.number = None;
        many.hash = String::new();
        let shown = value(&many);
        assert_eq!(
            (&shown["Number"], &shown["Hash"]),
            (&Value::Null, &Value::Null)
        );
        assert!(
            shown["Detail"]
                .as_str()
                .unwrap()
                .contains(" to T2, not written yet: ")
        );
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(12), "12");
    }

    #[test]
    fn filters_are_all_to_fit() {
        let denied = line("decision", "denied");
        let fits = |parameters: Value| wanted(&parameters).unwrap().fits(&denied);
        assert!(fits(json!({})));
        assert!(fits(
            json!({"Outcome": ["failed", "denied"], "Cmdlet": "get-*", "Principal": "litware\\ken*"})
        ));
        assert!(!fits(json!({"Outcome": ["Failed"]})));
        assert!(!fits(json!({"Cmdlet": "Set-*"})));
        assert!(!fits(json!({"Principal": "ken"})));
        let mut ken = line("decision", "denied");
        ken.principal = "ken (uid 1000)".to_owned();
        for (pattern, expected) in [
            ("KEN", true),
            ("ken (uid 1000)", true),
            ("*100*", true),
            ("ke", false),
            ("uid*", false),
        ] {
            let found = wanted(&json!({"Principal": pattern})).unwrap().fits(&ken);
            assert_eq!(found, expected, "{pattern}");
        }
        assert!(fits(
            json!({"StartTime": "0001-01-01T00:00:00Z", "EndTime": "9999-12-31T23:59:59.9999999Z"})
        ));
        assert!(!fits(json!({"StartTime": "9999-12-31T23:59:59.9999999Z"})));
        assert!(fits(
            json!({"StartTime": "2026-11-24T10:00:00.5Z", "EndTime": "2026-11-24T10:00:00.5Z"})
        ));
        assert!(!fits(json!({"StartTime": "2026-11-24T10:00:00.6Z"})));
        assert!(!fits(json!({"EndTime": "2026-11-24T10:00:00.4Z"})));
        let mut finer = line("decision", "denied");
        finer.time = "2026-11-24T10:00:00.123456789Z".to_owned();
        let shown = value(&finer)["Time"].clone();
        assert_eq!(shown, "2026-11-24T10:00:00.1234567Z");
        let same = wanted(&json!({"StartTime": shown, "EndTime": shown})).unwrap();
        assert!(same.fits(&finer));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (parameters, what) in [
            (json!({"Newest": 0}), "at least 1"),
            (json!({"Newest": -3}), "at least 1"),
            (json!({"Cmdlet": "[x"}), "closing bracket"),
            (
                json!({"Outcome": ["Refused"]}),
                "one of Allowed, Denied, Done, Failed",
            ),
            (
                json!({"StartTime": "2026-11-24T10:00:00Z", "EndTime": "2026-11-24T09:00:00Z"}),
                "later than EndTime",
            ),
        ] {
            let fault = wanted(&parameters).err().unwrap();
            assert!(fault.contains(what), "{parameters}: {fault}");
        }
    }

    #[test]
    fn a_line_that_cannot_be_read_is_not_hidden() {
        let bad = || Err("a line of audit.log was changed\u{7}".to_owned());
        let all = wanted(&json!({"StartTime": "2026-11-24T10:00:00Z"})).unwrap();
        let shown = all.value_of(bad()).unwrap();
        assert_eq!(shown["Outcome"], "Failed");
        assert!(
            shown["Detail"]
                .as_str()
                .unwrap()
                .contains("changed\\u0007; run")
        );
        for other in [json!({"Outcome": ["Denied"]}), json!({"Principal": "*"})] {
            assert_eq!(wanted(&other).unwrap().value_of(bad()), None);
        }
    }
}
