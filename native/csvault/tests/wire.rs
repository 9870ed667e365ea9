//! The transcripts of `tests/wire/`, played against the executable.
#![cfg(unix)]

use std::path::Path;

use cs_testkit::{Home, play, transcripts};

#[test]
fn every_transcript_goes_as_written() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let all = transcripts(&root.join("tests/wire"));
    assert!(!all.is_empty());
    let mut failed = Vec::new();
    for (name, transcript) in &all {
        let home = Home::new(env!("CARGO_BIN_EXE_csvault"));
        let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            play(name, transcript, &home, &root)
        }));
        if played.is_err() {
            failed.push(format!("{name}: {}", transcript.about));
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {} failed: {failed:#?}",
        failed.len(),
        all.len()
    );
}
