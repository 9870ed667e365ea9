use super::*;
use cs_engine::AuditPhase;
use cs_model::StoreKind;

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> String {
        "2026-11-24T00:00:00Z".to_owned()
    }
}

fn open(home: &Path) -> AuditLog {
    AuditLog::open(home, Arc::new(Fixed)).unwrap()
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

fn finding(home: &Path) -> Finding {
    verify(home).unwrap().unwrap_err()
}

#[test]
fn the_chain_goes_on_over_a_restart() {
    let home = home(3);
    open(home.path()).append(&entry("after")).unwrap();
    let verified = verify(home.path()).unwrap().unwrap();
    assert_eq!((verified.lines, verified.repaired), (4, 0));
    assert!(lines(home.path())[3].contains(&verified.hash));
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
        assert!(found.line == line, "byte {place} of line {line}: {found:?}");
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
    assert_eq!(finding(home.path()).line, 3);

    let mut moved = good.clone();
    moved.swap(1, 2);
    rewrite(home.path(), &moved);
    assert_eq!(finding(home.path()).line, 2);

    let mut twice = good.clone();
    twice.insert(3, good[2].clone());
    rewrite(home.path(), &twice);
    assert_eq!(finding(home.path()).line, 4);

    rewrite(home.path(), &good);
    verify(home.path()).unwrap().unwrap();
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
        assert_eq!(found.line, whole + 1, "{length}: {found:?}");
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
    let verified = verify(home.path()).unwrap().unwrap();
    assert_eq!((verified.lines, verified.repaired), (5, 1));

    // A torn line that the note does not describe is somebody's work.
    let mut edited = lines(home.path());
    edited[2].push('x');
    rewrite(home.path(), &edited);
    assert_eq!(finding(home.path()).line, 3);
}

#[test]
fn a_tail_cut_before_a_restart_stays_visible() {
    let home = home(4);
    let good = lines(home.path());
    rewrite(home.path(), &good[..2]);
    open(home.path()).append(&entry("after")).unwrap();
    let found = finding(home.path());
    assert_eq!(found.line, 3);
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
    verify(home.path()).unwrap().unwrap();
}

#[test]
fn a_removed_log_refuses_durable_lines() {
    let home = home(1);
    let log = open(home.path());
    std::fs::remove_file(home.path().join(LOG)).unwrap();
    let fault = log.append(&entry("unseen")).unwrap_err();
    assert!(fault.contains("was removed"), "{fault}");
}
