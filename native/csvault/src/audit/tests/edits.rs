//! Whatever is done to the files of a small log is found.

use super::rotation::{SMALL, files_of};
use super::*;

/// A log of several small files, and how many lines are in it.
fn log_of_files() -> (tempfile::TempDir, u64) {
    let home = tempfile::tempdir().unwrap();
    let log = open_with(home.path(), SMALL);
    for line in 0..10 {
        log.append(&entry(&format!("line {line}"))).unwrap();
    }
    assert!(files_of(home.path()).len() >= 4);
    (home, 10)
}

/// Number of the line that a byte of the log belongs to, and the file.
fn each_byte(home: &Path, mut with: impl FnMut(&str, &[u8], usize, u64)) {
    let mut number = 1;
    for name in files_of(home) {
        let content = std::fs::read(home.join(&name)).unwrap();
        for place in 0..content.len() {
            with(&name, &content, place, number);
            if content[place] == b'\n' {
                number += 1;
            }
        }
    }
}

#[test]
fn every_edit_of_a_byte_is_found_at_its_line() {
    let (home, count) = log_of_files();
    let home = home.path();
    let mut tried = 0;
    each_byte(home, |name, content, place, number| {
        for bits in [1_u8 << (place % 8), 0x20] {
            let mut bad = content.to_vec();
            bad[place] ^= bits;
            std::fs::write(home.join(name), &bad).unwrap();
            let found = finding(home);
            assert!(
                found.number == number && found.file == name,
                "byte {place} of {name} (number {number}) with {bits:02x}: {found:?}"
            );
            tried += 1;
        }
        std::fs::write(home.join(name), content).unwrap();
    });
    assert!(tried > 4000);
    assert_eq!(good(home).records, count);
}

#[test]
fn every_edit_of_the_head_is_found() {
    let (home, _) = log_of_files();
    let head = home.path().join(HEAD);
    let content = std::fs::read(&head).unwrap();
    for place in 0..content.len() {
        for bits in [1, 0x20] {
            let mut bad = content.clone();
            bad[place] ^= bits;
            std::fs::write(&head, &bad).unwrap();
            finding(home.path());
        }
    }
    for length in 0..content.len() {
        std::fs::write(&head, &content[..length]).unwrap();
        finding(home.path());
    }
}

#[test]
fn every_cut_of_every_file_is_found() {
    let (home, _) = log_of_files();
    let home = home.path();
    each_byte(home, |name, content, place, number| {
        std::fs::write(home.join(name), &content[..place]).unwrap();
        let found = finding(home);
        assert!(
            found.number == number,
            "{name} cut at {place} (number {number}): {found:?}"
        );
        std::fs::write(home.join(name), content).unwrap();
    });
}

#[test]
fn every_removed_or_swapped_line_is_found() {
    let (home, _) = log_of_files();
    let home = home.path();
    let mut before = 0;
    for name in files_of(home) {
        let path = home.join(&name);
        let content = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = content.lines().collect();
        let write = |lines: &[&str]| {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            std::fs::write(&path, text).unwrap();
        };
        for place in 0..lines.len() {
            let number = before + place as u64 + 1;
            let mut removed = lines.clone();
            removed.remove(place);
            write(&removed);
            assert_eq!(finding(home).number, number, "{name} without {place}");
            for other in place + 1..lines.len() {
                let mut swapped = lines.clone();
                swapped.swap(place, other);
                write(&swapped);
                assert_eq!(finding(home).number, number, "{name}: {place} and {other}");
            }
            let mut twice = lines.clone();
            twice.insert(place, lines[place]);
            write(&twice);
            assert_eq!(finding(home).number, number + 1, "{name}: {place} twice");
        }
        write(&lines);
        before += lines.len() as u64;
    }
    good(home);
}

#[test]
fn files_that_are_gone_swapped_or_renamed_are_named() {
    let (home, _) = log_of_files();
    let home = home.path();
    let names = files_of(home);
    let path = |place: usize| home.join(&names[place]);
    let aside = home.join("aside");
    let firsts: Vec<u64> = names
        .iter()
        .map(|name| {
            let file = File::open(home.join(name)).unwrap();
            files::first_line(&file).unwrap().unwrap().n
        })
        .collect();
    let first_of = |place: usize| firsts[place];

    // Gone: the first, one in the middle, the one that is written.
    for place in 0..names.len() {
        std::fs::rename(path(place), &aside).unwrap();
        let found = finding(home);
        if place == 0 {
            assert!(
                found
                    .what
                    .contains("no line notes that the ones before were dropped"),
                "{found}"
            );
            assert_eq!((found.number, &found.file), (1, &names[1]));
        } else if place + 1 == names.len() {
            assert!(
                found
                    .to_string()
                    .starts_with("Line 1 of audit.log is missing"),
                "{found}"
            );
        } else {
            let gone = format!(
                "{} to {} are missing",
                first_of(place),
                first_of(place + 1) - 1
            );
            let one = format!("number {} is missing", first_of(place));
            assert!(
                found.what.contains(&gone) || found.what.contains(&one),
                "{found}"
            );
            assert_eq!(found.number, first_of(place));
        }
        std::fs::rename(&aside, path(place)).unwrap();
    }

    // Swapped.
    for place in 1..names.len() {
        let swap = || {
            std::fs::rename(path(place - 1), &aside).unwrap();
            std::fs::rename(path(place), path(place - 1)).unwrap();
            std::fs::rename(&aside, path(place)).unwrap();
        };
        swap();
        let found = finding(home);
        assert_eq!(found.file, names[place - 1], "{found}");
        swap();
    }

    // Named otherwise.
    for other in [
        "audit-00000000000000000099.log",
        "audit-1.log",
        "audit.log.1",
    ] {
        std::fs::rename(path(1), home.join(other)).unwrap();
        assert_eq!(finding(home).number, first_of(1), "{other}");
        std::fs::rename(home.join(other), path(1)).unwrap();
    }
    // A name that keeps the order, and tells another number.
    let other = home.join(files::full_name(first_of(1) + 1));
    std::fs::rename(path(1), &other).unwrap();
    let found = finding(home);
    assert!(
        found
            .what
            .contains("does not belong into a file of this name"),
        "{found}"
    );
    std::fs::rename(&other, path(1)).unwrap();

    // Emptied, and there twice.
    for place in 0..names.len() {
        let content = std::fs::read(path(place)).unwrap();
        std::fs::write(path(place), "").unwrap();
        assert!(check(home).fault.is_some());
        std::fs::write(path(place), content).unwrap();
    }
    std::fs::copy(path(1), &other).unwrap();
    assert_eq!(finding(home).file, files::full_name(first_of(1) + 1));
    std::fs::remove_file(&other).unwrap();
    good(home);
}

#[test]
fn what_is_cut_before_a_restart_stays_found_behind_it() {
    let (home, _) = log_of_files();
    let home = home.path();
    let names = files_of(home);
    // The file that is written is emptied, or removed together with the one before.
    std::fs::write(home.join(LOG), "").unwrap();
    std::fs::remove_file(home.join(&names[names.len() - 2])).unwrap();
    open_with(home, SMALL).append(&entry("after")).unwrap();
    let found = finding(home);
    assert!(found.what.contains("are gone"), "{found}");
}
