mod edits;
mod floods;
mod rotation;

use super::*;
use cs_engine::AuditFault;

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> String {
        "2026-11-24T00:00:00Z".to_owned()
    }
}

fn open(home: &Path) -> AuditLog {
    open_with(home, AuditRules::default())
}

fn open_with(home: &Path, rules: AuditRules) -> AuditLog {
    AuditLog::open(home, Arc::new(Fixed), rules).unwrap()
}

/// Checks a log that nobody is writing, so that nothing is waited for.
fn check(home: &Path) -> AuditState {
    verify::verify_settled(home, Duration::from_millis(1), &|| false).unwrap()
}

/// Checks a log that must be without a fault, also while it is written.
fn good(home: &Path) -> AuditState {
    let state = verify(home, &|| false).unwrap();
    assert_eq!(state.fault, None);
    state
}

fn entry(detail: &str) -> AuditEntry {
    AuditEntry {
        phase: AuditPhase::Decision,
        principal: "ken (uid 7)".to_owned(),
        cmdlet: "Export-CsConfiguration".to_owned(),
        store: StoreKind::Central,
        result: "allowed",
        detail: detail.to_owned(),
        durable: true,
    }
}

/// A home with a log of so many lines.
fn home(lines: usize) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let log = open(home.path());
    for line in 0..lines {
        log.append(&entry(&format!("line {line}"))).unwrap();
    }
    home
}

fn lines(home: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(home.join(LOG)).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn rewrite(home: &Path, lines: &[String]) {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(home.join(LOG), text).unwrap();
}

fn finding(home: &Path) -> AuditFault {
    check(home).fault.unwrap()
}

#[test]
fn the_chain_goes_on_over_a_restart() {
    let home = home(3);
    open(home.path()).append(&entry("after")).unwrap();
    let state = good(home.path());
    assert_eq!((state.records, state.repaired), (4, 0));
    assert!(lines(home.path())[3].contains(&state.last_hash));
}

#[test]
fn each_changed_byte_is_found_in_its_line() {
    let home = home(4);
    let path = home.path().join(LOG);
    let good = std::fs::read(&path).unwrap();
    let mut line = 1;
    for place in 0..good.len() {
        let mut bad = good.clone();
        bad[place] ^= 1;
        std::fs::write(&path, &bad).unwrap();
        let found = finding(home.path());
        // A broken line end makes one line of two.
        assert!(
            found.line == Some(line),
            "byte {place} of line {line}: {found:?}"
        );
        if good[place] == b'\n' {
            line += 1;
        }
    }
}

#[test]
fn removed_moved_and_added_lines_are_found() {
    let home = home(5);
    let good = lines(home.path());

    let mut removed = good.clone();
    removed.remove(2);
    rewrite(home.path(), &removed);
    assert_eq!(finding(home.path()).line, Some(3));

    let mut moved = good.clone();
    moved.swap(1, 2);
    rewrite(home.path(), &moved);
    assert_eq!(finding(home.path()).line, Some(2));

    let mut twice = good.clone();
    twice.insert(3, good[2].clone());
    rewrite(home.path(), &twice);
    assert_eq!(finding(home.path()).line, Some(4));

    rewrite(home.path(), &good);
    assert_eq!(check(home.path()).fault, None);
}

#[test]
fn a_cut_at_any_byte_is_found() {
    let home = home(3);
    let path = home.path().join(LOG);
    let good = std::fs::read(&path).unwrap();
    for length in 0..good.len() {
        std::fs::write(&path, &good[..length]).unwrap();
        let whole = good[..length].iter().filter(|&&byte| byte == b'\n').count() as u64;
        let found = finding(home.path());
        assert_eq!(found.line, Some(whole + 1), "{length}: {found:?}");
    }
}

#[test]
fn a_line_cut_off_by_a_crash_is_noted_and_the_log_goes_on() {
    let home = home(2);
    let path = home.path().join(LOG);
    let mut torn = std::fs::read(&path).unwrap();
    torn.extend_from_slice(b"{\"n\":3,\"time\":\"2026");
    std::fs::write(&path, &torn).unwrap();
    open(home.path()).append(&entry("after")).unwrap();
    let state = good(home.path());
    assert_eq!((state.records, state.repaired), (4, 1));

    // A torn line that the note does not describe is somebody's work.
    let mut edited = lines(home.path());
    edited[2].push('x');
    rewrite(home.path(), &edited);
    assert_eq!(finding(home.path()).line, Some(3));
}

#[test]
fn a_tail_cut_before_a_restart_stays_visible() {
    let home = home(4);
    let good = lines(home.path());
    rewrite(home.path(), &good[..2]);
    open(home.path()).append(&entry("after")).unwrap();
    let found = finding(home.path());
    assert_eq!(found.line, Some(3));
    assert!(found.what.contains("lines 3 to 4 are gone"), "{found:?}");
}

#[test]
fn what_could_fool_the_eye_is_escaped_and_long_texts_are_cut() {
    let home = home(0);
    open(home.path())
        .append(&entry("a\"b\\c\n\u{1b}[2J\u{202e}\u{9b}\u{1f600}"))
        .unwrap();
    let line = lines(home.path()).remove(0);
    assert!(
        line.contains("a\\\"b\\\\c\\u000a\\u001b[2J\\u202e\\u009b\u{1f600}"),
        "{line}"
    );
    open(home.path())
        .append(&entry(&"x".repeat(10_000)))
        .unwrap();
    assert!(lines(home.path())[1].len() < 5_000);
    assert_eq!(check(home.path()).fault, None);
}

#[test]
fn a_log_that_is_not_in_its_place_refuses_durable_lines() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 4] = [
        ("removed or replaced", |home| {
            std::fs::remove_file(home.join(LOG)).unwrap();
        }),
        ("removed or replaced", |home| {
            std::fs::rename(home.join(LOG), home.join("elsewhere")).unwrap();
        }),
        ("removed or replaced", |home| {
            std::fs::write(home.join("other"), "{}").unwrap();
            std::fs::rename(home.join("other"), home.join(LOG)).unwrap();
        }),
        ("was cut", |home| {
            let file = OpenOptions::new().write(true).open(home.join(LOG));
            file.unwrap().set_len(0).unwrap();
        }),
    ];
    for (what, harm) in harms {
        let home = home(3);
        let log = open(home.path());
        harm(home.path());
        let fault = log.append(&entry("unseen")).unwrap_err();
        assert!(fault.contains(what), "{fault}");
        assert!(check(home.path()).fault.is_some(), "{what}");
    }
}

#[test]
fn a_line_that_only_lost_its_end_is_whole() {
    let home = home(2);
    let path = home.path().join(LOG);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.pop();
    std::fs::write(&path, &bytes).unwrap();
    open(home.path()).append(&entry("after")).unwrap();
    let state = good(home.path());
    assert_eq!((state.records, state.repaired), (3, 0));
}

#[test]
fn a_head_that_is_gone_old_or_another_is_found_and_noted() {
    let home = home(2);
    let head = home.path().join(HEAD);
    let old = std::fs::read(&head).unwrap();
    for _ in 0..3 {
        open(home.path()).append(&entry("more")).unwrap();
    }
    let last = std::fs::read(&head).unwrap();

    std::fs::write(&head, &old).unwrap();
    let found = finding(home.path()).to_string();
    assert_eq!(
        found,
        "audit.head names number 2 as the last one, and the log goes on to 5: it is an old copy, or the machine lost its power."
    );
    std::fs::remove_file(&head).unwrap();
    assert_eq!(finding(home.path()).to_string(), "audit.head is missing.");
    std::fs::write(&head, "5").unwrap();
    assert!(finding(home.path()).what.contains("cannot be read"));

    std::fs::write(&head, &old).unwrap();
    open(home.path());
    assert!(lines(home.path())[5].contains("audit.head named line 2; the log ends with line 5"));
    good(home.path());

    // Who replaces the last line, and not the head, is still found after the next start.
    let mut replaced = last.clone();
    replaced[30] ^= 1;
    let six = Head::read(&mut File::open(&head).unwrap())
        .unwrap()
        .unwrap();
    let other = Head {
        hash: six.hash.chars().rev().collect(),
        ..six
    };
    other
        .write(&mut OpenOptions::new().write(true).open(&head).unwrap())
        .unwrap();
    assert!(
        finding(home.path())
            .what
            .contains("is not the line that audit.head names")
    );
    open(home.path());
    let found = finding(home.path());
    assert!(found.what.contains("line 6 is not the one"), "{found}");
    assert_eq!(found.number, 7);
}

#[test]
fn a_clock_that_goes_back_is_harmless() {
    struct Back(std::sync::atomic::AtomicU32);
    impl Clock for Back {
        fn now(&self) -> String {
            let minute = self.0.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
            format!("2026-11-24T00:{minute:02}:00Z")
        }
    }
    let home = tempfile::tempdir().unwrap();
    let log = AuditLog::open(
        home.path(),
        Arc::new(Back(59.into())),
        AuditRules::default(),
    )
    .unwrap();
    for _ in 0..40 {
        log.append(&entry("x")).unwrap();
    }
    assert_eq!(good(home.path()).records, 40);
    let mut numbers = Vec::new();
    log.read_back(&mut |line| {
        numbers.push(line.unwrap().number.unwrap());
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(numbers, (1..=40).rev().collect::<Vec<u64>>());
}
