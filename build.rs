//! Tells the program which commit it is built from: `BUILD_COMMIT` in the environment, else what git says, else "unknown".

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=BUILD_COMMIT");
    println!("cargo::rerun-if-changed=build.rs");
    let given = std::env::var("BUILD_COMMIT")
        .ok()
        .filter(|commit| !commit.is_empty());
    let commit = given.map(|commit| commit.chars().take(12).collect());
    let commit = commit.or_else(|| {
        // The files that name the commit: HEAD, the branch that it is on, and the list of packed branches.
        let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
        for name in ["HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
            let path = git(&["rev-parse", "--git-path", name]);
            if let Some(path) = path.filter(|path| std::path::Path::new(path).exists()) {
                println!("cargo::rerun-if-changed={path}");
            }
        }
        git(&["rev-parse", "--short=12", "HEAD"])
    });
    println!(
        "cargo::rustc-env=BUILD_COMMIT={}",
        commit.as_deref().unwrap_or("unknown")
    );
}

/// The output of git, trimmed; `None` if git is missing or fails, such as outside a repository, or prints nothing.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !said.trim().is_empty()).then(|| said.trim().to_owned())
}
