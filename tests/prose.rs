//! Holds the comments and documents free of phrases at which a reader who has never seen the code stops; CONTRIBUTING.md says
//! what to write instead.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

/// Amounts without a number, actors without a name, and negations that must be read twice.
const PHRASES: [&str; 14] = [
    "so many",
    "so much",
    "whoever",
    "anybody",
    "who is",
    "who was",
    "who has",
    "lets go of",
    "what of",
    "none where",
    "none of ours",
    "is none of",
    "that it is none",
    "of which so",
];

/// Folders whose files are not read: made by tools, or tests and benchmarks.
const LEFT_OUT: [&str; 9] = [
    "target",
    ".git",
    "tests",
    "benches",
    "fuzz",
    "fixtures",
    "model",
    "node_modules",
    ".ci",
];

#[test]
fn no_comment_and_no_document_has_a_phrase_that_must_be_read_twice() {
    let mut found = Vec::new();
    let files = files(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(files.len() > 300, "{} files", files.len());
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        found.extend(phrases(&path, &text));
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn a_phrase_is_found_in_a_comment_and_not_in_code() {
    let text = "/// Gives so many.\nlet so_many = \"so many\";\n  // Whoever asks.\n#[cfg(test)]\n// so much\n";
    let found = phrases(Path::new("a.rs"), text);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[1].ends_with("a.rs:3: \"whoever\""), "{found:?}");
    let text = "Somebody, who is here.\n\n```sh\nso many\n```\n";
    assert_eq!(phrases(Path::new("a.md"), text).len(), 1);
}

/// The sources and documents below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() && !LEFT_OUT.contains(&name.as_str()) {
            found.extend(files(&path));
        }
        // The first names the phrases, the second was written before the rule, the third is the program's own help.
        let is_exempt = ["CONTRIBUTING.md", "CHANGELOG.md", "commands.md", "tests.rs"];
        let is_read = matches!(
            path.extension().and_then(|kind| kind.to_str()),
            Some("rs" | "js" | "md")
        );
        if path.is_file() && is_read && !is_exempt.contains(&name.as_str()) {
            found.push(path);
        }
    }
    found
}

/// The phrases in what is prose of a file, each with its place.
fn phrases(path: &Path, text: &str) -> Vec<String> {
    let is_document = path.extension().is_some_and(|kind| kind == "md");
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut is_command = false;
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        is_command ^= is_document && line.trim_start().starts_with("```");
        let Some(prose) = prose_of(line, is_document).filter(|_| !is_command) else {
            continue;
        };
        // What stands between backticks is code.
        let prose: String = prose.split('`').step_by(2).collect();
        let prose = format!(" {} ", prose.to_lowercase());
        let words = prose.replace(
            |letter: char| !letter.is_alphanumeric() && letter != '\'',
            " ",
        );
        let here = |phrase: &&&str| words.contains(&format!(" {phrase} "));
        for phrase in PHRASES.iter().filter(here) {
            found.push(format!("{}:{}: {phrase:?}", path.display(), number + 1));
        }
    }
    found
}

/// The comment of a line of code, the whole line of a document.
fn prose_of(line: &str, is_document: bool) -> Option<&str> {
    let line = line.trim_start();
    let marks = ["///", "//!", "//", "/**", "*"];
    match is_document {
        true => Some(line),
        false => marks.iter().find_map(|mark| line.strip_prefix(mark)),
    }
}
