//! The findings on one screen: a word for the state, the name, the text, and below it the advice.

use satscope_ingest::check::{Finding, State};

use super::first_to_fix;

/// The width of the screen, in characters.
const WIDTH: usize = 100;
/// The column in which texts begin: behind the state and the longest name.
const INDENT: usize = 24;
const RESET: &str = "\u{1b}[0m";

/// All findings, and in the last line the verdict.
pub fn text(findings: &[Finding], is_colored: bool) -> String {
    let mut text = String::new();
    for finding in findings {
        let (word, color) = match finding.state() {
            State::Ok => ("ok", "\u{1b}[32m"),
            State::Unknown => ("?", "\u{1b}[2m"),
            State::Warning { .. } => ("warn", "\u{1b}[33m"),
            State::Wrong { .. } => ("WRONG", "\u{1b}[1;31m"),
        };
        let (before, after) = match is_colored {
            true => (color, RESET),
            false => ("", ""),
        };
        let lines = wrapped(finding.said(), WIDTH - INDENT);
        for (at, line) in lines.iter().enumerate() {
            match at {
                0 => text.push_str(&format!(
                    "{before}{word:<6}{after}{:<17} {line}\n",
                    finding.name()
                )),
                _ => text.push_str(&format!("{:INDENT$}{line}\n", "")),
            }
        }
        let what_to_do = finding.state().what_to_do();
        let lines = what_to_do.map(|what_to_do| wrapped(what_to_do, WIDTH - INDENT - 2));
        for (at, line) in lines.unwrap_or_default().iter().enumerate() {
            let mark = if at == 0 { "→" } else { " " };
            text.push_str(&format!("{:INDENT$}{mark} {line}\n", ""));
        }
    }
    text.push('\n');
    let verdict = verdict(findings);
    text.push_str(&wrapped(&verdict, WIDTH).join("\n"));
    text.push('\n');
    text
}

fn verdict(findings: &[Finding]) -> String {
    if let Some((finding, what_to_do)) = first_to_fix(findings) {
        return format!("First, {}: {what_to_do}", finding.name());
    }
    let has = |is: fn(&State) -> bool| findings.iter().any(|finding| is(finding.state()));
    let (is_warned, is_open) = (
        has(|state| matches!(state, State::Warning { .. })),
        has(|state| matches!(state, State::Unknown)),
    );
    let verdict = match (is_warned, is_open) {
        (false, false) => "All is as it should be.",
        (true, _) => "Nothing is wrong; the warnings say what could be better.",
        (false, true) => "Nothing is wrong, as far as it is known.",
    };
    verdict.to_owned()
}

/// The text in lines of at most `width` characters; a word that is longer than a line keeps its own.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().map_or(0, |line| line.chars().count());
        match lines.last_mut() {
            Some(last) if line == 0 => last.push_str(word),
            Some(last) if line + 1 + word.chars().count() <= width => {
                last.push(' ');
                last.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_no_wider_than_the_screen_and_lose_no_word() {
        let words =
            "add zmqpubsequence=tcp://127.0.0.1:28332 to bitcoin.conf and restart it ".repeat(5);
        let words = words.trim();
        let screen = text(&[Finding::wrong("topics", words, words)], false);
        for line in screen.lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
        assert_eq!(wrapped(words, 40).join(" "), words);
        let long = "x".repeat(150);
        assert_eq!(wrapped(&format!("a {long} b"), 40), ["a", &long, "b"]);
    }

    #[test]
    fn the_last_line_repeats_the_first_thing_to_fix() {
        let findings = [
            Finding::warning("queues", "small", "one"),
            Finding::wrong("topics", "none", "two"),
            Finding::wrong("ports", "taken", "three"),
        ];
        let screen = text(&findings, false);
        assert_eq!(screen.lines().last(), Some("First, topics: two"));
        let screen = text(&findings[..1], false);
        assert!(screen.ends_with("could be better.\n"), "{screen}");
        let screen = text(&[Finding::ok("rpc", "answers")], false);
        assert_eq!(
            screen,
            "ok    rpc               answers\n\nAll is as it should be.\n"
        );
    }

    #[test]
    fn colour_is_left_out_unless_it_is_wanted() {
        let findings = [Finding::wrong("topics", "none", "two")];
        assert!(!text(&findings, false).contains('\u{1b}'));
        assert!(text(&findings, true).starts_with("\u{1b}[1;31mWRONG \u{1b}[0m"));
    }
}
