//! Fuzz target: [`fuzz_bodies::headers`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_bodies::headers(data));
