//! Links debug builds at a fixed address: the kernel tests start them thousands of times in a guest where
//! page faults are expensive, and relocations cost `lvsctl` every third one.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "debug") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
