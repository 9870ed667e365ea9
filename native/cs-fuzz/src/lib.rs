//! For tests only: what must hold for any bytes that a stranger sends. The fuzz targets in `fuzz/` run these functions on what the
//! fuzzer invents; `cargo test` runs them on the seeds, on shortened and on altered seeds, so that they keep working.
//!
//! Everything here panics when a property does not hold: that is how a finding is reported.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this crate is part of tests; a panic is how a finding is reported"
)]

mod cuts;
mod documents;
mod frames;
mod messages;
mod package;
mod xml;

pub use documents::documents;
pub use frames::frames;
pub use messages::messages;
pub use package::package;
pub use xml::xml;

/// What must hold for some bytes.
pub type Property = fn(&[u8]);

/// Every target by the name of its file in `fuzz/fuzz_targets` and of its folder in `fuzz/seeds`.
pub const TARGETS: [(&str, Property); 5] = [
    ("documents", documents),
    ("frames", frames),
    ("messages", messages),
    ("package", package),
    ("xml", xml),
];
