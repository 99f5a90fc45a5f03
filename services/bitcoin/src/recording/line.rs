//! One line of a recording, read and written.

use std::borrow::Cow;
use std::collections::HashMap;
use std::str::FromStr;

use bitcoin::hex::{DisplayHex, FromHex};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Checkpoint, Line, LineContent, MempoolEntry};
use crate::frame::{Frame, MAX_BODY_BYTES, Topic};

/// A frame's line, without the line break; `t` in seconds since the recording's start.
pub fn frame_line(t: f64, frame: &Frame) -> String {
    json!({
        "t": rounded(t),
        "zmq": frame.topic.name(),
        "body": frame.body.to_lower_hex_string(),
        "seq": frame.counter,
    })
    .to_string()
}

/// A note's line, without the line break; `fields` are its further fields.
pub(super) fn note_line(t: f64, text: &str, fields: &Map<String, Value>) -> String {
    let mut line = fields.clone();
    line.insert("t".to_owned(), json!(rounded(t)));
    line.insert("note".to_owned(), json!(text));
    Value::Object(line).to_string()
}

fn rounded(t: f64) -> f64 {
    (t * 10_000.0).round() / 10_000.0
}

#[derive(Deserialize)]
struct Kind {
    t: f64,
    #[serde(default)]
    zmq: Option<String>,
    #[serde(default)]
    checkpoint: Option<String>,
    #[serde(default)]
    note: Option<String>,
}

#[derive(Deserialize)]
struct FrameFields<'a> {
    body: Cow<'a, str>,
    seq: u32,
}

#[derive(Deserialize)]
struct CheckpointFields {
    checkpoint: String,
    mempool_sequence: u64,
    mempool: Vec<String>,
    #[serde(default)]
    entries: HashMap<String, MempoolEntry>,
    height: u32,
    tip: String,
}

impl CheckpointFields {
    fn read(self) -> Result<Checkpoint, String> {
        let entries = self.entries.into_iter();
        Ok(Checkpoint {
            name: self.checkpoint,
            mempool_sequence: self.mempool_sequence,
            mempool: self
                .mempool
                .iter()
                .map(|txid| hash(txid))
                .collect::<Result<_, _>>()?,
            entries: entries
                .map(|(txid, entry)| Ok((hash(&txid)?, entry)))
                .collect::<Result<_, String>>()?,
            height: self.height,
            tip: hash(&self.tip)?,
        })
    }
}

fn hash<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("{text:?}; expected a hash of 64 hex digits"))
}

/// Reads a line; the error names the fault and the expected form.
pub(super) fn parse(line: &[u8]) -> Result<Line, String> {
    let kind: Kind = from_json(line)?;
    if !kind.t.is_finite() || kind.t < 0.0 {
        return Err(format!("t is {}; expected seconds from 0", kind.t));
    }
    let event = match kind {
        Kind {
            zmq: Some(topic), ..
        } => LineContent::Frame(parse_frame(&topic, from_json(line)?)?),
        Kind {
            checkpoint: Some(_),
            ..
        } => LineContent::Checkpoint(from_json::<CheckpointFields>(line)?.read()?),
        Kind {
            note: Some(text), ..
        } => LineContent::Note {
            text,
            fields: from_json(line)?,
        },
        _ => return Err("no zmq, checkpoint or note; expected one of them".to_owned()),
    };
    Ok(Line { t: kind.t, event })
}

fn from_json<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(line)
        .map_err(|error| format!("{error}; expected a frame, a checkpoint or a note as JSON"))
}

fn parse_frame(topic: &str, fields: FrameFields<'_>) -> Result<Frame, String> {
    let known = Topic::from_name(topic.as_bytes()).ok_or_else(|| {
        format!("zmq is {topic:?}; expected rawtx, rawblock, hashblock or sequence")
    })?;
    if fields.body.len() > 2 * MAX_BODY_BYTES {
        return Err(format!(
            "a body of {} hex digits; expected at most {}",
            fields.body.len(),
            2 * MAX_BODY_BYTES
        ));
    }
    let body = Vec::from_hex(&fields.body).map_err(|error| format!("body: {error}"))?;
    Ok(Frame {
        topic: known,
        body,
        counter: fields.seq,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn frames_and_notes_survive_their_lines() {
        let frame = Frame {
            topic: Topic::Sequence,
            body: vec![0, 0xab, 0xff],
            counter: u32::MAX,
        };
        let read = parse(frame_line(1.23456, &frame).as_bytes()).unwrap();
        assert_eq!((read.t, read.event), (1.2346, LineContent::Frame(frame)));
        let lost = Map::from_iter([("lost".to_owned(), json!(3))]);
        let read = parse(note_line(2.0, "messages \"lost\"", &lost).as_bytes()).unwrap();
        let LineContent::Note { text, fields } = read.event else {
            panic!("{:?}", read.event);
        };
        assert_eq!(
            (text.as_str(), &fields["lost"]),
            ("messages \"lost\"", &json!(3))
        );
    }

    #[test]
    fn odd_lines_say_what_was_expected() {
        for (line, part) in [
            (r#"{"t":-1,"note":"x"}"#, "t is -1"),
            (r#"{"t":1}"#, "expected one of them"),
            (r#"{"t":1,"zmq":"rawtxt","body":"","seq":1}"#, "rawtxt"),
            (r#"{"t":1,"zmq":"rawtx","body":"abc","seq":1}"#, "body"),
            (r#"{"t":1,"zmq":"rawtx","body":"ab"}"#, "seq"),
            (r#"{"t":1,"checkpoint":"x"}"#, "mempool_sequence"),
        ] {
            let what = parse(line.as_bytes()).unwrap_err();
            assert!(what.contains(part), "{line}: {what}");
        }
    }
}
