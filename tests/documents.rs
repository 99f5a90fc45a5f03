//! The documents and the program say the same: settings, metrics, commands, log events, links.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use support::part::satscope;

const OPERATIONS: &str = include_str!("../docs/operations.md");
const COMMANDS: &str = include_str!("../docs/commands.md");
const STALE: &str = "is stale: run scripts/document";

/// What the program writes to standard output.
fn said(arguments: &[&str]) -> String {
    let output = satscope().args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What stands in docs/operations.md between the two lines that name `what`.
fn made(what: &str) -> &'static str {
    let (_, rest) = OPERATIONS
        .split_once(&format!("<!-- made: {what} -->\n"))
        .unwrap();
    let (block, _) = rest.split_once(&format!("<!-- end: {what} -->\n")).unwrap();
    block
}

/// The same lines; else the first that differ, not all of them.
fn same(written: &str, expected: &str, file: &str) {
    let (mut written, mut expected) = (written.trim_end().lines(), expected.trim_end().lines());
    loop {
        let pair = (written.next(), expected.next());
        assert_eq!(pair.0, pair.1, "{file} {STALE}");
        if pair == (None, None) {
            return;
        }
    }
}

#[test]
fn the_tables_of_settings_and_metrics_are_the_programs_own() {
    for what in ["settings", "metrics"] {
        let table = said(&["document", what]);
        assert!(table.lines().count() > 20, "{table}");
        same(made(what), &table, "docs/operations.md");
    }
}

#[test]
fn the_help_of_each_command_is_the_programs_own() {
    let text = said(&["document", "commands"]);
    for command in ["run", "gateway", "backtest blocks"] {
        assert!(text.contains(&format!("## satscope {command}\n")), "{text}");
    }
    let (_, written) = COMMANDS.split_once("\n\n## ").unwrap();
    let (_, expected) = text.split_once("## ").unwrap();
    same(written, expected, "docs/commands.md");
}

/// The sources of what runs for an operator; stand-ins and tests have logs of their own.
fn sources() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> = ["src", "services", "gateway/src"]
        .map(|folder| root.join(folder))
        .into();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            match name.as_str() {
                "standin" | "backtest" | "tests" | "tests.rs" => {}
                _ if path.is_dir() => folders.push(path),
                _ if name.ends_with(".rs") => found.push(path),
                _ => {}
            }
        }
    }
    // The recorder is in the stand-in's crate, but is for operators.
    found.push(root.join("services/standin/src/record.rs"));
    found
}

/// Level and text of each event that a source can log; `…` stands for what varies.
fn events(source: &str) -> BTreeSet<(String, String)> {
    // The tests are at the end, or in a file of their own, which is named among the other modules.
    let source = source.replace("#[cfg(test)]\nmod tests;", "");
    let source = source.replace("#[cfg(test)]\npub(crate) mod tests;", "");
    let (source, _) = source.split_once("#[cfg(test)]").unwrap_or((&source, ""));
    let mut found = BTreeSet::new();
    for level in ["info", "warn", "error"] {
        for (at, _) in source.match_indices(&format!("{level}!(")) {
            let before = source[..at].chars().next_back();
            if before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_') {
                continue;
            }
            let text = first_literal(&source[at..]).expect("a text in each event");
            if text.chars().any(char::is_alphabetic) {
                found.insert((level.to_owned(), text));
            }
        }
    }
    found
}

/// The first string in a macro's call, its placeholders made `…`.
fn first_literal(call: &str) -> Option<String> {
    let (_, rest) = call.split_once('"')?;
    let (mut text, mut letters) = (String::new(), rest.chars().peekable());
    loop {
        match letters.next()? {
            '"' => return Some(text),
            '\\' => match letters.next()? {
                // The text goes on in the next line.
                '\n' => while letters.next_if(|letter| letter.is_whitespace()).is_some() {},
                letter => text.push(letter),
            },
            '{' => {
                letters.by_ref().find(|letter| *letter == '}')?;
                text.push('…');
            }
            letter => text.push(letter),
        }
    }
}

#[test]
fn the_table_of_log_events_has_each_that_the_sources_have_and_no_other() {
    let in_code: BTreeSet<_> = sources()
        .iter()
        .flat_map(|path| events(&fs::read_to_string(path).unwrap()))
        .collect();
    let (_, section) = OPERATIONS.split_once("\n## Log events\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let in_table: BTreeSet<_> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| "))
        .filter_map(|line| {
            let (level, rest) = line.split_once(" | `")?;
            let (text, _) = rest.split_once("` |")?;
            Some((level.to_owned(), text.to_owned()))
        })
        .collect();
    assert!(in_code.len() > 30, "{in_code:#?}");
    let missing: Vec<_> = in_code.difference(&in_table).collect();
    let stale: Vec<_> = in_table.difference(&in_code).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "missing: {missing:#?}, stale: {stale:#?}"
    );
}

#[test]
fn an_event_is_found_whatever_stands_before_its_text() {
    let source = r#"
        info!("plain");
        warn!(
            reason,
            held_back, "left out {what:?}: {error}"
        );
        tracing::error!(%error, "it \"failed\"");
        warn!(
            "{count} and \
             more"
        );
        no_info!("not one");
        #[cfg(test)]
        info!("in a test");
    "#;
    let expected = [
        ("error", "it \"failed\""),
        ("info", "plain"),
        ("warn", "left out …: …"),
        ("warn", "… and more"),
    ];
    let expected = expected.map(|(level, text)| (level.to_owned(), text.to_owned()));
    assert_eq!(events(source), expected.into());
}

#[test]
fn what_the_documents_link_to_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [root.to_owned(), root.join("docs")];
    let files = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap());
    let mut links = 0;
    for path in files.map(|entry| entry.unwrap().path()) {
        if path.extension().is_none_or(|kind| kind != "md") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            if file.contains("://") {
                continue;
            }
            links += 1;
            let linked = match file {
                "" => path.clone(),
                file => path.parent().unwrap().join(file),
            };
            assert!(linked.exists(), "{}: {target}", path.display());
            if !anchor.is_empty() {
                let text = fs::read_to_string(&linked).unwrap();
                assert!(
                    anchors(&text).contains(anchor),
                    "{}: {target}",
                    path.display()
                );
            }
        }
    }
    assert!(links > 20, "{links} links found");
}

/// The names of source files that a text has in backticks.
fn source_names(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|name| {
        [".rs", ".js", ".proto"]
            .iter()
            .any(|kind| name.ends_with(kind))
    })
}

#[test]
fn each_source_file_that_the_tour_names_is_linked_and_there() {
    let tour = include_str!("../docs/tour.md");
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let mut linked = BTreeSet::new();
    for link in tour.split("[`").skip(1) {
        let (name, rest) = link
            .split_once("`](")
            .expect("a target after each linked name");
        let (target, _) = rest.split_once(')').unwrap();
        let file = docs.join(target);
        assert!(
            file.is_file(),
            "docs/tour.md links {name} to {target}, which is no file"
        );
        assert!(
            file.ends_with(name),
            "docs/tour.md links {name} to {target}"
        );
        linked.insert(target);
    }
    let named = source_names(tour).count();
    assert_eq!(
        named,
        tour.matches("[`").count(),
        "docs/tour.md names a source file without a link"
    );
    assert!(linked.len() >= 20, "{linked:?}");
}

/// All that stands in the project's own files of this kind below these folders.
fn text_of(folders: &[&str], kinds: &[&str]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let kind = path.extension().unwrap_or_default().to_string_lossy();
            if path.is_dir() {
                folders.push(path);
            } else if kinds.contains(&&*kind) {
                text.push_str(&fs::read_to_string(&path).unwrap());
            }
        }
    }
    text
}

#[test]
fn each_test_and_check_that_the_audit_names_is_there() {
    let audit = include_str!("../SECURITY.md");
    let tests = text_of(&["src", "services", "gateway", "tests"], &["rs"]);
    let checks = text_of(&["scripts"], &["py", "sh", ""]);
    let is_name = |text: &&str| {
        text.len() > 18
            && text
                .chars()
                .all(|letter| letter == '_' || letter.is_ascii_alphanumeric())
    };
    let names: Vec<&str> = audit
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(is_name)
        .collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        assert!(
            tests.contains(&format!("fn {name}()")),
            "SECURITY.md: no test {name}"
        );
    }
    let rows = audit.lines().filter(|line| line.starts_with("| "));
    let quoted: Vec<&str> = rows
        .flat_map(|row| row.split('"').skip(1).step_by(2))
        .collect();
    assert!(quoted.len() > 5, "{quoted:?}");
    for check in quoted {
        // As the scripts write it, who fill in the rest.
        let written = check
            .replace("of production ", "of {overlay} ")
            .replace("satscope.service", "{unit.name}")
            .replace("2.0", "{MOST_EXPOSED}");
        assert!(checks.contains(&written), "SECURITY.md: no check {check:?}");
    }
}

/// The headings of a page, as links name them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let named = headings.map(|line| line.trim_start_matches('#').trim().to_lowercase());
    let kept = |letter: &char| letter.is_alphanumeric() || " -_".contains(*letter);
    named
        .map(|heading| {
            heading
                .chars()
                .filter(kept)
                .collect::<String>()
                .replace(' ', "-")
        })
        .collect()
}

#[test]
fn each_shell_gets_a_completion_script_and_bash_can_read_its_own() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = said(&["completions", shell]);
        assert!(script.contains("metrics-listen"), "{shell}: {script}");
    }
    let mut bash = Command::new("bash")
        .args(["-c", "source /dev/stdin && complete -p satscope"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut script = bash.stdin.take().unwrap();
    script
        .write_all(said(&["completions", "bash"]).as_bytes())
        .unwrap();
    drop(script);
    let output = bash.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && text.contains("satscope"),
        "{text}"
    );
}

#[test]
fn the_version_names_the_commit() {
    let version = said(&["--version"]);
    let commit = version
        .strip_prefix(concat!("satscope ", env!("CARGO_PKG_VERSION"), " ("))
        .and_then(|rest| rest.strip_suffix(")\n"))
        .unwrap_or_else(|| panic!("{version:?}"));
    let git = Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output();
    match git {
        Ok(output) if output.status.success() && std::env::var_os("BUILD_COMMIT").is_none() => {
            assert_eq!(commit, String::from_utf8(output.stdout).unwrap().trim());
        }
        _ => assert!(!commit.is_empty()),
    }
}
