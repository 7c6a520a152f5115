#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| abide_fuzz::run("json_paths", data));
