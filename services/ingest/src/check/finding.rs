//! A finding: one line of text, and advice if something is wrong.

use serde::{Serialize, Serializer};

/// The longest text of a finding, in characters; the rest of a longer one is left out.
const LONGEST: usize = 1000;

/// The result of looking at one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    name: &'static str,
    said: String,
    state: State,
}

/// The state of the thing that a finding is about. A state in which something is to be mended says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The thing is as it should be.
    Ok,
    /// The state cannot be known, because another fault comes first.
    Unknown,
    /// Satscope works, but not as well as it could.
    Warning {
        /// The line to add, or the setting to change.
        what_to_do: String,
    },
    /// Satscope does not work.
    Wrong {
        /// The line to add, or the setting to change.
        what_to_do: String,
    },
}

impl Finding {
    /// A finding that a thing is as it should be.
    pub fn ok(name: &'static str, said: impl AsRef<str>) -> Finding {
        Finding::new(name, said.as_ref(), State::Ok)
    }

    /// A finding that a thing is not known.
    pub fn unknown(name: &'static str, said: impl AsRef<str>) -> Finding {
        Finding::new(name, said.as_ref(), State::Unknown)
    }

    /// A finding that a thing could be better.
    pub fn warning(
        name: &'static str,
        said: impl AsRef<str>,
        what_to_do: impl AsRef<str>,
    ) -> Finding {
        let what_to_do = plain(what_to_do.as_ref());
        Finding::new(name, said.as_ref(), State::Warning { what_to_do })
    }

    /// A finding that a thing is wrong.
    pub fn wrong(
        name: &'static str,
        said: impl AsRef<str>,
        what_to_do: impl AsRef<str>,
    ) -> Finding {
        let what_to_do = plain(what_to_do.as_ref());
        Finding::new(name, said.as_ref(), State::Wrong { what_to_do })
    }

    fn new(name: &'static str, said: &str, state: State) -> Finding {
        Finding {
            name,
            said: plain(said),
            state,
        }
    }

    /// The name of the thing, in snake_case; it never changes.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The result, in one line.
    pub fn said(&self) -> &str {
        &self.said
    }

    /// The state of the thing.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The advice without which Satscope does not work; `None` if the thing is not wrong.
    pub fn to_fix(&self) -> Option<&str> {
        match &self.state {
            State::Wrong { what_to_do } => Some(what_to_do),
            State::Ok | State::Unknown | State::Warning { .. } => None,
        }
    }
}

impl State {
    /// The state's name in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Unknown => "unknown",
            State::Warning { .. } => "warning",
            State::Wrong { .. } => "wrong",
        }
    }

    /// The line to add, or the setting to change; `None` if nothing is to be done.
    pub fn what_to_do(&self) -> Option<&str> {
        match self {
            State::Ok | State::Unknown => None,
            State::Warning { what_to_do } | State::Wrong { what_to_do } => Some(what_to_do),
        }
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shape<'a> {
            name: &'a str,
            state: &'a str,
            said: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            what_to_do: Option<&'a str>,
        }
        let shape = Shape {
            name: self.name,
            state: self.state.name(),
            said: &self.said,
            what_to_do: self.state.what_to_do(),
        };
        shape.serialize(serializer)
    }
}

/// A text as a terminal can show it in one line: words of the node and names of files may hold anything.
fn plain(text: &str) -> String {
    let words = text.split(|letter: char| letter.is_whitespace() || letter.is_control());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let shown = words.join(" ");
    let mut letters = shown.chars().filter(|letter| !turns_text(*letter));
    let mut plain: String = letters.by_ref().take(LONGEST).collect();
    if letters.next().is_some() {
        plain.push('…');
    }
    plain
}

/// Whether a character makes a terminal show other letters in another order, or not at all. Source: Unicode, UAX #9.
fn turns_text(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_line_that_no_terminal_obeys() {
        for (given, shown) in [
            ("a\nb\t c", "a b c"),
            ("\u{1b}[31mred\u{7}", "[31mred"),
            ("\u{9b}31m", "31m"),
            ("abc\u{202e}def\u{feff}", "abcdef"),
            ("/home/müller/.bitcoin", "/home/müller/.bitcoin"),
        ] {
            assert_eq!(Finding::ok("x", given).said(), shown);
        }
        let long = Finding::wrong("x", "", "y".repeat(3000));
        assert_eq!(long.to_fix().unwrap().chars().count(), LONGEST + 1);
    }

    #[test]
    fn json_has_what_to_do_only_where_something_is_to_be_done() {
        let json = |finding: Finding| serde_json::to_value(finding).unwrap();
        assert_eq!(
            json(Finding::ok("rpc", "answers")),
            serde_json::json!({"name": "rpc", "state": "ok", "said": "answers"})
        );
        assert_eq!(
            json(Finding::warning("rpc", "slow", "wait")),
            serde_json::json!({"name": "rpc", "state": "warning", "said": "slow", "what_to_do": "wait"})
        );
        assert_eq!(json(Finding::unknown("rpc", "x"))["state"], "unknown");
        assert_eq!(json(Finding::wrong("rpc", "x", "y"))["state"], "wrong");
    }
}
