//! What must hold is in `native/cs-fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cs_fuzz::frames(data));
