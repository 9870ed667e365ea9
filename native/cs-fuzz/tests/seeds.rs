//! The fuzz targets on their seeds, and on what is near them.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests stop at the first surprise"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cs_fuzz::TARGETS;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn names(folder: &Path) -> BTreeSet<String> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn every_target_has_a_program_and_seeds() {
    let programs: BTreeSet<String> = TARGETS
        .iter()
        .map(|(name, _)| format!("{name}.rs"))
        .collect();
    assert_eq!(names(&fuzz().join("fuzz_targets")), programs);
    let folders: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&fuzz().join("seeds")), folders);
    let manifest = std::fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"\n")), "{name}");
        assert!(names(&fuzz().join("seeds").join(name)).len() >= 3, "{name}");
    }
}

#[test]
fn properties_hold_for_seeds_and_their_neighbours() {
    // A fixed linear congruence, so that each run is the same.
    let mut state: u64 = 7;
    let mut random = move |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below.max(1)
    };
    for (name, target) in TARGETS {
        let folder = fuzz().join("seeds").join(name);
        for file in names(&folder) {
            println!("{name}/{file}");
            let seed = std::fs::read(folder.join(&file)).unwrap();
            target(&seed);
            for _ in 0..60 {
                target(&seed[..random(seed.len())]);
                let mut altered = seed.clone();
                for _ in 0..=random(3) {
                    let at = random(altered.len());
                    if let Some(byte) = altered.get_mut(at) {
                        *byte = u8::try_from(random(256)).unwrap();
                    }
                }
                target(&altered);
            }
        }
    }
}
