//! Calls that come over and over leave a few lines and a count.

use super::*;

fn denied(detail: &str) -> AuditEntry {
    AuditEntry {
        result: "denied",
        ..entry(detail)
    }
}

fn all(log: &AuditLog) -> Vec<cs_engine::AuditLine> {
    let mut lines = Vec::new();
    log.read_back(&mut |line| {
        lines.push(line.unwrap());
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    lines.reverse();
    lines
}

fn calls(lines: &[cs_engine::AuditLine]) -> u64 {
    let count = |line: &cs_engine::AuditLine| line.repeats.as_ref().map_or(1, |of| of.count);
    lines.iter().map(count).sum()
}

#[test]
fn a_flood_of_denied_calls_leaves_few_lines_and_the_whole_count() {
    let home = tempfile::tempdir().unwrap();
    let log = open(home.path());
    for _ in 0..5000 {
        log.append(&denied("no role")).unwrap();
    }
    assert_eq!(lines(home.path()).len(), 20);
    let seen = all(&log);
    assert_eq!((seen.len(), calls(&seen)), (21, 5000));
    // Looking shows the count, and writes nothing.
    assert_eq!(seen[20].number, None);
    assert_eq!(lines(home.path()).len(), 20);
    log.settle(true);
    let seen = all(&log);
    assert_eq!((seen.len(), calls(&seen)), (21, 5000));
    assert_eq!(seen[20].number, Some(21));
    good(home.path());
}

#[test]
fn calls_that_differ_each_time_do_not_fill_the_disk_either() {
    let home = tempfile::tempdir().unwrap();
    let log = open(home.path());
    for number in 0..3000 {
        let cmdlet = format!("Get-Cs{number}");
        log.append(&AuditEntry {
            cmdlet,
            ..denied("no such cmdlet")
        })
        .unwrap();
    }
    log.settle(true);
    let seen = all(&log);
    assert_eq!((seen.len(), calls(&seen)), (501, 3000));
    assert_eq!(seen[500].cmdlet, "*");
}

#[test]
fn changes_and_exports_are_never_summed_up() {
    let home = tempfile::tempdir().unwrap();
    let log = open(home.path());
    for _ in 0..100 {
        log.append(&entry("export")).unwrap();
        // The end of one that asked for more than its caller may do.
        let refused = AuditEntry {
            phase: AuditPhase::Outcome,
            result: "denied",
            ..entry("AccessDenied")
        };
        log.append(&refused).unwrap();
    }
    assert_eq!(lines(home.path()).len(), 200);
    log.settle(true);
    assert_eq!(lines(home.path()).len(), 200);
}

#[test]
fn a_count_is_written_when_its_window_is_over() {
    let home = tempfile::tempdir().unwrap();
    let rules = AuditRules {
        floods: FloodRules {
            window: Duration::ZERO,
            ..FloodRules::default()
        },
        ..AuditRules::default()
    };
    let log = open_with(home.path(), rules);
    for _ in 0..50 {
        log.append(&denied("no role")).unwrap();
    }
    assert_eq!(lines(home.path()).len(), 20);
    log.settle(false);
    assert!(lines(home.path())[20].contains("\"count\":30,\"from\":\"2026-11-24T00:00:00Z\""));
    // The next window admits lines again.
    log.append(&denied("no role")).unwrap();
    assert_eq!(lines(home.path()).len(), 22);
}
