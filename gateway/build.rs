//! Builds again when a file of the page is added or taken away; changes within one are noticed without this.

fn main() {
    println!("cargo::rerun-if-changed=../frontend");
    println!("cargo::rerun-if-changed=build.rs");
}
