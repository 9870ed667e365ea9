//! Calls that are alike and come over and over: the first ones get lines, the others are counted.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use cs_engine::{AuditEntry, AuditRepeats};

/// When calls are counted instead of written.
#[derive(Debug, Clone, Copy)]
pub struct FloodRules {
    /// How long a count goes on before it is written.
    pub window: Duration,
    /// Lines of calls that are alike in all but their time, in one window.
    pub alike: u32,
    /// Lines of one principal with one result, whatever they are about, in one window.
    pub of_principal: u32,
}

impl Default for FloodRules {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(60),
            alike: 20,
            of_principal: 500,
        }
    }
}

/// The counts of the windows that are open.
#[derive(Debug)]
pub struct Floods {
    rules: FloodRules,
    alike: HashMap<String, Window>,
    of_principal: HashMap<String, Window>,
    key: String,
}

/// What happens in one window.
#[derive(Debug)]
struct Window {
    began: Instant,
    lines: u32,
    counted: Option<Counted>,
}

/// Calls that got no line of their own.
#[derive(Debug, Clone)]
pub struct Counted {
    /// The first of them, or what they have in common.
    pub entry: AuditEntry,
    /// How many, from when to when.
    pub repeats: AuditRepeats,
}

impl Window {
    fn new(began: Instant) -> Self {
        Self {
            began,
            lines: 0,
            counted: None,
        }
    }

    fn count(&mut self, entry: impl FnOnce() -> AuditEntry, time: &str) {
        let counted = self.counted.get_or_insert_with(|| Counted {
            entry: entry(),
            repeats: AuditRepeats {
                count: 0,
                from: time.to_owned(),
                to: String::new(),
            },
        });
        counted.repeats.count += 1;
        time.clone_into(&mut counted.repeats.to);
    }
}

impl Floods {
    /// No window is open.
    pub fn new(rules: FloodRules) -> Self {
        Self {
            rules,
            alike: HashMap::new(),
            of_principal: HashMap::new(),
            key: String::new(),
        }
    }

    /// True when a call is to get a line of its own; else it was counted.
    pub fn admits(&mut self, entry: &AuditEntry, now: Instant, time: &str) -> bool {
        self.set_key(entry);
        let rules = self.rules;
        if let Some(window) = self.alike.get_mut(&self.key)
            && window.lines >= rules.alike
        {
            window.count(|| entry.clone(), time);
            return false;
        }
        self.set_principal_key(entry);
        let all = of_key(&mut self.of_principal, &self.key, now);
        if all.lines >= rules.of_principal {
            all.count(|| in_common(entry), time);
            return false;
        }
        all.lines += 1;
        self.set_key(entry);
        of_key(&mut self.alike, &self.key, now).lines += 1;
        true
    }

    /// Counts a call whose line could not be written.
    pub fn unwritten(&mut self, entry: &AuditEntry, now: Instant, time: &str) {
        self.set_key(entry);
        of_key(&mut self.alike, &self.key, now).count(|| entry.clone(), time);
    }

    /// Closes windows: those that are over, or all. Returns what was counted in them.
    pub fn close(&mut self, now: Instant, all: bool) -> Vec<Counted> {
        let window = self.rules.window;
        let mut counted = Vec::new();
        for map in [&mut self.alike, &mut self.of_principal] {
            map.retain(|_, of| {
                let over = all || now.saturating_duration_since(of.began) >= window;
                if over {
                    counted.extend(of.counted.take());
                }
                !over
            });
        }
        in_order(counted)
    }

    /// What was counted so far, the latest first; the counts go on.
    pub fn so_far(&self) -> Vec<Counted> {
        let windows = self.alike.values().chain(self.of_principal.values());
        let mut counted = in_order(windows.filter_map(|of| of.counted.clone()).collect());
        counted.reverse();
        counted
    }

    /// Takes back what could not be written.
    pub fn put_back(&mut self, counted: Counted, now: Instant) {
        self.set_key(&counted.entry);
        let window = of_key(&mut self.alike, &self.key, now);
        match &mut window.counted {
            Some(more) => {
                more.repeats.count += counted.repeats.count;
                more.repeats.from = counted.repeats.from;
            }
            None => window.counted = Some(counted),
        }
    }

    fn set_key(&mut self, entry: &AuditEntry) {
        self.key.clear();
        let (phase, store) = super::words(entry);
        // None of them holds a NUL: parameters with one are refused, and names of accounts have none.
        for part in [
            phase,
            store,
            entry.result,
            &entry.principal,
            &entry.cmdlet,
            &entry.detail,
        ] {
            self.key.push_str(part);
            self.key.push('\0');
        }
    }

    fn set_principal_key(&mut self, entry: &AuditEntry) {
        self.key.clear();
        for part in [entry.result, &entry.principal] {
            self.key.push_str(part);
            self.key.push('\0');
        }
    }
}

fn of_key<'a>(map: &'a mut HashMap<String, Window>, key: &str, now: Instant) -> &'a mut Window {
    map.entry(key.to_owned())
        .or_insert_with(|| Window::new(now))
}

fn in_order(mut counted: Vec<Counted>) -> Vec<Counted> {
    counted.sort_by(|one, other| one.repeats.from.cmp(&other.repeats.from));
    counted
}

/// What calls of one principal have in common.
fn in_common(entry: &AuditEntry) -> AuditEntry {
    AuditEntry {
        cmdlet: "*".to_owned(),
        detail: "different calls".to_owned(),
        ..entry.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cs_engine::AuditPhase;
    use cs_model::StoreKind;

    const RULES: FloodRules = FloodRules {
        window: Duration::from_secs(60),
        alike: 3,
        of_principal: 5,
    };

    fn entry(cmdlet: &str) -> AuditEntry {
        AuditEntry {
            phase: AuditPhase::Decision,
            principal: "ken".to_owned(),
            cmdlet: cmdlet.to_owned(),
            store: StoreKind::Central,
            result: "denied",
            detail: "no role".to_owned(),
            durable: false,
        }
    }

    #[test]
    fn calls_alike_are_written_a_few_times_and_then_counted() {
        let (mut floods, now) = (Floods::new(RULES), Instant::now());
        let written = (0..100)
            .filter(|time| floods.admits(&entry("Get-CsUser"), now, &format!("t{time:02}")))
            .count();
        assert_eq!(written, 3);
        assert!(floods.close(now, false).is_empty());
        let later = now + RULES.window;
        let [counted] = floods.close(later, false).try_into().unwrap();
        let expected = AuditRepeats {
            count: 97,
            from: "t03".to_owned(),
            to: "t99".to_owned(),
        };
        assert_eq!(
            (counted.entry, counted.repeats),
            (entry("Get-CsUser"), expected)
        );
        assert!(floods.admits(&entry("Get-CsUser"), later, "t"));
    }

    #[test]
    fn calls_that_differ_each_time_are_bounded_too() {
        let (mut floods, now) = (Floods::new(RULES), Instant::now());
        let written = (0..1000)
            .filter(|number| floods.admits(&entry(&format!("Get-Cs{number}")), now, "t"))
            .count();
        assert_eq!((written, floods.alike.len()), (5, 5));
        let [counted] = floods.close(now, true).try_into().unwrap();
        assert_eq!(
            (counted.entry.cmdlet.as_str(), counted.repeats.count),
            ("*", 995)
        );
        assert!(floods.alike.is_empty() && floods.of_principal.is_empty());
    }

    #[test]
    fn a_look_in_between_changes_nothing() {
        let (mut floods, now) = (Floods::new(RULES), Instant::now());
        for _ in 0..10 {
            floods.admits(&entry("Get-CsUser"), now, "t");
        }
        for _ in 0..2 {
            let [counted] = floods.so_far().try_into().unwrap();
            assert_eq!(counted.repeats.count, 7);
        }
        assert_eq!(floods.close(now, true).len(), 1);
        assert!(floods.so_far().is_empty());
    }

    #[test]
    fn what_could_not_be_written_is_counted_with_the_rest() {
        let (mut floods, now) = (Floods::new(RULES), Instant::now());
        floods.unwritten(&entry("Get-CsUser"), now, "t1");
        let [counted] = floods.close(now, true).try_into().unwrap();
        floods.unwritten(&entry("Get-CsUser"), now, "t2");
        floods.put_back(counted, now);
        let [counted] = floods.close(now, true).try_into().unwrap();
        assert_eq!(
            (counted.repeats.count, counted.repeats.from.as_str()),
            (2, "t1")
        );
    }
}
