//! Files that follow each other: the chain goes across them, whatever happens in between.

use super::*;

/// Rules for files of a few lines.
pub const SMALL: AuditRules = AuditRules {
    file_bytes: 900,
    keep_files: None,
    floods: FloodRules {
        window: Duration::from_secs(3600),
        alike: 20,
        of_principal: 500,
    },
};

/// The names of the log's files in their order.
pub fn files_of(home: &Path) -> Vec<String> {
    let full = files::full_files(home).unwrap();
    let names = full.iter().map(|(first, _)| files::full_name(*first));
    names.chain([LOG.to_owned()]).collect()
}

#[test]
fn the_chain_goes_across_files_and_restarts() {
    let home = tempfile::tempdir().unwrap();
    for round in 0..10 {
        let log = open_with(home.path(), SMALL);
        for line in 0..3 {
            log.append(&entry(&format!("{round} {line}"))).unwrap();
        }
    }
    let state = good(home.path());
    assert_eq!((state.records, state.first), (30, 1));
    assert_eq!(state.files as usize, files_of(home.path()).len());
    assert!(state.files > 6);
    for name in files_of(home.path()) {
        assert!(home.path().join(name).metadata().unwrap().len() < 900 + 500);
    }
    let mut details = Vec::new();
    open_with(home.path(), SMALL)
        .read_back(&mut |line| {
            details.push(line.unwrap().detail);
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(
        (details.len(), details[0].as_str(), details[29].as_str()),
        (30, "9 2", "0 0")
    );
}

#[test]
fn a_crash_after_any_step_of_a_rotation_is_safe() {
    for steps in 0..=5 {
        for torn in [false, true] {
            let home = home(5);
            {
                let log = open(home.path());
                let state = log.state();
                let mut rotation = Rotation::new(home.path(), state.first, Arc::clone(&state.file));
                for _ in 0..steps {
                    assert!(rotation.next_step().unwrap());
                }
            }
            // Also looked at before the next start.
            assert_eq!(good(home.path()).records, 5, "after {steps} steps");
            if torn {
                let mut options = OpenOptions::new();
                let mut file = options
                    .append(true)
                    .create(true)
                    .open(home.path().join(LOG));
                file.as_mut().unwrap().write_all(b"{\"n\":6,").unwrap();
                private_again(home.path());
            }
            let log = open(home.path());
            log.append(&entry("after")).unwrap();
            let state = good(home.path());
            let expected = (6 + u64::from(torn), u64::from(torn));
            assert_eq!(
                (state.records, state.repaired),
                expected,
                "after {steps} steps"
            );
            assert!(!home.path().join("audit.next").exists());
            let files = if steps > 2 { 2 } else { 1 };
            assert_eq!(files_of(home.path()).len(), files, "after {steps} steps");
        }
    }
}

/// What a test made has the mode that its umask gives.
fn private_again(home: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(home.join(LOG), mode).unwrap();
    }
    #[cfg(not(unix))]
    let _no_modes = home;
}

#[test]
fn a_rotation_that_cannot_be_done_leaves_the_log_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let log = open_with(home.path(), SMALL);
    // Somebody put a file where the full one is to go.
    let taken = home.path().join(files::full_name(1));
    std::fs::write(&taken, "").unwrap();
    for line in 0..20 {
        log.append(&entry(&format!("{line}"))).unwrap();
    }
    assert_eq!(files_of(home.path()).len(), 2);
    std::fs::remove_file(&taken).unwrap();
    assert_eq!(good(home.path()).records, 20);
    for line in 0..2 {
        log.append(&entry(&format!("{line}"))).unwrap();
    }
    assert_eq!(files_of(home.path()).len(), 2);
    assert_eq!(good(home.path()).records, 22);
}

#[test]
fn a_log_that_was_moved_away_is_not_rotated() {
    let home = tempfile::tempdir().unwrap();
    let log = open_with(home.path(), SMALL);
    log.append(&entry("first")).unwrap();
    std::fs::rename(home.path().join(LOG), home.path().join("elsewhere")).unwrap();
    for _ in 0..10 {
        let fault = log.append(&entry("unseen")).unwrap_err();
        assert!(fault.contains("removed or replaced"), "{fault}");
    }
    assert_eq!(files_of(home.path()), [LOG]);
}

#[test]
fn dropped_files_are_noted_and_hand_made_gaps_are_not_taken_for_them() {
    let rules = AuditRules {
        keep_files: Some(2),
        ..SMALL
    };
    let home = tempfile::tempdir().unwrap();
    let log = open_with(home.path(), rules);
    for line in 0..40 {
        log.append(&entry(&format!("{line}"))).unwrap();
    }
    let names = files_of(home.path());
    assert_eq!(names.len(), 3);
    let state = good(home.path());
    let first: u64 = names[0][6..26].parse().unwrap();
    assert_eq!(state.first, first);
    assert!(first > 20);
    assert!(
        told(&state).contains(&format!("from number {first} on")),
        "{}",
        told(&state)
    );

    // One more file than the policy took is a loss.
    let next: u64 = names[1][6..26].parse().unwrap();
    let aside = home.path().join("aside");
    std::fs::rename(home.path().join(&names[0]), &aside).unwrap();
    let found = finding(home.path());
    assert!(
        found
            .what
            .starts_with(&format!("begins with number {next}, and no line notes")),
        "{found}"
    );
    std::fs::rename(&aside, home.path().join(&names[0])).unwrap();
    good(home.path());
}

#[test]
fn a_file_with_a_fault_is_not_dropped() {
    let home = tempfile::tempdir().unwrap();
    let log = open_with(home.path(), SMALL);
    for line in 0..10 {
        log.append(&entry(&format!("{line}"))).unwrap();
    }
    drop(log);
    let oldest = home.path().join(&files_of(home.path())[0]);
    let mut content = std::fs::read(&oldest).unwrap();
    let end = content.len() - 3;
    content[end] ^= 1;
    std::fs::write(&oldest, &content).unwrap();
    let rules = AuditRules {
        keep_files: Some(1),
        ..SMALL
    };
    let log = open_with(home.path(), rules);
    for line in 0..10 {
        log.append(&entry(&format!("{line}"))).unwrap();
    }
    assert!(oldest.exists());
}

#[test]
fn a_check_and_a_look_while_lines_are_written_find_nothing_wrong() {
    let home = tempfile::tempdir().unwrap();
    let rules = AuditRules {
        file_bytes: 16 * 1024,
        keep_files: Some(3),
        ..SMALL
    };
    let log = Arc::new(open_with(home.path(), rules));
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writer = {
        let (log, done) = (Arc::clone(&log), Arc::clone(&done));
        std::thread::spawn(move || {
            let change = AuditEntry {
                result: "done",
                ..entry("change")
            };
            for _ in 0..1500 {
                log.append(&change).unwrap();
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        })
    };
    let mut looks = 0;
    while !done.load(std::sync::atomic::Ordering::Relaxed) || looks == 0 {
        good(home.path());
        let mut last = None;
        log.read_back(&mut |line| {
            let number = line.unwrap().number.unwrap();
            if let Some(last) = last {
                assert_eq!(number + 1, last);
            }
            last = Some(number);
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
        looks += 1;
    }
    writer.join().unwrap();
    assert!(looks > 3, "{looks}");
}

#[test]
fn a_crash_between_the_note_and_the_removal_of_a_file_is_safe() {
    let rules = AuditRules {
        keep_files: Some(1),
        ..SMALL
    };
    let home = tempfile::tempdir().unwrap();
    let log = open_with(home.path(), rules);
    let aside = home.path().join("aside");
    while files_of(home.path()).len() < 2 {
        log.append(&entry("one")).unwrap();
    }
    let oldest = home.path().join(&files_of(home.path())[0]);
    std::fs::copy(&oldest, &aside).unwrap();
    while oldest.exists() {
        log.append(&entry("two")).unwrap();
    }
    assert!(good(home.path()).first > 1);
    drop(log);
    // As if it had not been removed yet.
    std::fs::rename(&aside, &oldest).unwrap();
    assert_eq!(good(home.path()).first, 1);
    let log = open_with(home.path(), rules);
    while oldest.exists() {
        log.append(&entry("three")).unwrap();
    }
    assert_eq!(files_of(home.path()).len(), 2);
    assert!(good(home.path()).first > 1);
}
