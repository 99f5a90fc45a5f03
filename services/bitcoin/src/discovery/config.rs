//! The syntax of `bitcoin.conf`: lines in, settings out. Source: Core, `src/common/config.cpp`.

use std::{path::Path, sync::Arc};

use super::{
    DiscoveryError, LineFault,
    entry::{Content, Key, Section, Spot, Value, integer},
};

/// The longest configuration file that is read, in bytes.
pub(super) const MAX_FILE: u64 = 1 << 20;
/// The longest line of a configuration file that is read, in bytes.
const MAX_LINE: usize = 16 << 10;
/// The characters that Core takes off both ends of a line, a key and a value.
const BLANK: [char; 4] = [' ', '\t', '\r', '\n'];
const BYTE_ORDER_MARK: char = '\u{feff}';

/// A setting in a section of a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConfigLine {
    pub section: Section,
    pub key: Key,
    pub value: Value,
}

/// The settings that a configuration file holds, in the order of its lines. Unknown keys and sections are left out.
///
/// # Errors
/// [`DiscoveryError::Line`] for the first line that Core refuses, that is too long, or that is not UTF-8.
pub(super) fn parse(file: &Arc<Path>, content: &[u8]) -> Result<Vec<ConfigLine>, DiscoveryError> {
    let mut entries = Vec::new();
    let mut prefix = String::new();
    for (index, line) in content.split(|byte| *byte == b'\n').enumerate() {
        let at = Spot {
            file: file.clone(),
            line: Some(index + 1),
        };
        match read_line(line, &mut prefix) {
            Ok(None) => {}
            Ok(Some((section, key, content))) => entries.push(ConfigLine {
                section,
                key,
                value: Value { content, at },
            }),
            Err(fault) => return Err(DiscoveryError::Line { at, fault }),
        }
    }
    Ok(entries)
}

type Setting = (Section, Key, Content);

/// The setting of one line; `None` for blank lines, comments, section headers and unknown keys. `prefix` is the section
/// header above the line with a dot behind it, and changes with a header.
fn read_line(line: &[u8], prefix: &mut String) -> Result<Option<Setting>, LineFault> {
    if line.len() > MAX_LINE {
        return Err(LineFault::TooLong { limit: MAX_LINE });
    }
    let whole = std::str::from_utf8(line).map_err(|_| LineFault::NotUtf8)?;
    let (line, comment) = match whole.split_once('#') {
        Some((line, comment)) => (line, Some(comment)),
        None => (whole, None),
    };
    let line = line.trim_matches(BLANK);
    if line.is_empty() {
        return Ok(None);
    }
    if let Some(section) = line
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        *prefix = format!("{section}.");
        return Ok(None);
    }
    if line.starts_with('-') {
        return Err(LineFault::LeadingDash);
    }
    let Some((name, value)) = line.split_once('=') else {
        return Err(match line.starts_with(BYTE_ORDER_MARK) {
            true => LineFault::ByteOrderMark,
            false => LineFault::NoEquals,
        });
    };
    let name = format!("{prefix}{}", name.trim_matches(BLANK));
    if comment.is_some() && name.contains("rpcpassword") {
        return Err(LineFault::HashInPassword);
    }
    setting(&name, value.trim_matches(BLANK))
}

/// The setting that `[section.][no]key` and its value make; `None` if discovery does not read the key or the section.
fn setting(name: &str, value: &str) -> Result<Option<Setting>, LineFault> {
    let (section, name) = name.split_once('.').unwrap_or(("", name));
    let (negated, name) = match name.strip_prefix("no") {
        Some(name) => (true, name),
        None => (false, name),
    };
    let Some(key) = Key::named(name) else {
        return Ok(None);
    };
    if negated && key == Key::Datadir {
        return Err(LineFault::NegatedDatadir);
    }
    let content = match negated {
        true if value.is_empty() || integer(value) != 0 => Content::Negated,
        true => Content::True,
        // Only the presence of an rpcauth counts, so its salt and hash are not kept.
        false if key == Key::Rpcauth => Content::Text(String::new()),
        false => Content::Text(value.to_owned()),
    };
    Ok(Section::named(section).map(|section| (section, key, content)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::discovery::Chain;

    fn file() -> Arc<Path> {
        Arc::from(Path::new("/x/bitcoin.conf"))
    }

    /// Section, key, text and line of each setting.
    fn settings(content: &str) -> Vec<(Section, Key, String, usize)> {
        let entries = parse(&file(), content.as_bytes()).unwrap();
        let all = entries.into_iter().map(|entry| {
            let (text, line) = (entry.value.text().to_owned(), entry.value.at.line.unwrap());
            (entry.section, entry.key, text, line)
        });
        all.collect()
    }

    fn fault(content: &[u8]) -> (LineFault, usize) {
        match parse(&file(), content).unwrap_err() {
            DiscoveryError::Line { at, fault } => (fault, at.line.unwrap()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn blanks_comments_and_carriage_returns_are_taken_off() {
        let content = "# rpcport=1\r\n\r\n \trpcport \t=  5 # five\r\nrpcuser=a=b\r\n";
        assert_eq!(
            settings(content),
            [
                (Section::Default, Key::Rpcport, "5".to_owned(), 3),
                (Section::Default, Key::Rpcuser, "a=b".to_owned(), 4),
            ]
        );
    }

    #[test]
    fn a_section_is_named_by_a_header_or_before_the_key() {
        let signet = Section::Of(Chain::Signet);
        let content = "signet.rpcport=1\n[signet]\nrpcport=2\nregtest.rpcport=3\n[other]\nrpcport=4\n[]\nrpcport=5";
        assert_eq!(
            settings(content),
            [
                (signet, Key::Rpcport, "1".to_owned(), 1),
                (signet, Key::Rpcport, "2".to_owned(), 3),
                (Section::Default, Key::Rpcport, "5".to_owned(), 8),
            ]
        );
    }

    #[test]
    fn a_key_behind_no_is_negated_unless_its_value_is_false() {
        let contents = |content: &str| -> Vec<Content> {
            let entries = parse(&file(), content.as_bytes()).unwrap();
            entries
                .into_iter()
                .map(|entry| entry.value.content)
                .collect()
        };
        assert_eq!(
            contents("noserver=1\nnoserver=\nnoserver=0\nmain.noserver=1"),
            [
                Content::Negated,
                Content::Negated,
                Content::True,
                Content::Negated
            ]
        );
    }

    #[test]
    fn a_line_that_core_refuses_is_named_with_its_fault() {
        assert_eq!(fault(b"server=1\n-rpcport=1"), (LineFault::LeadingDash, 2));
        assert_eq!(fault(b"\n\nserver"), (LineFault::NoEquals, 3));
        assert_eq!(fault(b"nodatadir=1"), (LineFault::NegatedDatadir, 1));
        assert_eq!(fault(b"rpcpassword=a#b"), (LineFault::HashInPassword, 1));
        assert_eq!(
            fault(b"[test]\nrpcpassword=ab # c"),
            (LineFault::HashInPassword, 2)
        );
        assert_eq!(fault(b"server=1\n\xff=1"), (LineFault::NotUtf8, 2));
        let long = [b"server=1\n".to_vec(), vec![b'x'; MAX_LINE + 1]].concat();
        assert_eq!(fault(&long), (LineFault::TooLong { limit: MAX_LINE }, 2));
    }

    #[test]
    fn a_byte_order_mark_is_a_part_of_the_first_word_as_in_core() {
        assert_eq!(
            fault("\u{feff}# comment".as_bytes()),
            (LineFault::ByteOrderMark, 1)
        );
        assert_eq!(
            fault("\u{feff}[main]".as_bytes()),
            (LineFault::ByteOrderMark, 1)
        );
        assert_eq!(settings("\u{feff}rpcport=1"), []);
    }

    #[test]
    fn a_hash_of_rpcauth_is_not_kept() {
        assert_eq!(
            settings("rpcauth=user:salt$hash"),
            [(Section::Default, Key::Rpcauth, String::new(), 1)]
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(content in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(entries) = parse(&file(), &content) {
                prop_assert!(entries.len() <= content.len());
            }
        }

        #[test]
        fn no_lines_make_it_panic(
            lines in prop::collection::vec("[\\[\\]=.#\\- a-z\u{e9}\u{feff}]{0,20}|(no|main\\.|)(rpcport|datadir|rpcpassword)=?[0-9#]{0,8}", 0..20),
        ) {
            if let Err(error) = parse(&file(), lines.join("\n").as_bytes()) {
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }
}
