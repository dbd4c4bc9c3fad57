#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| programs::fuzz::route_netlink(data));
