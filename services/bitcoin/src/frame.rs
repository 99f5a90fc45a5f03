//! The three-part ZMQ messages of Bitcoin Core (topic, body, counter), read and written.
//!
//! Source: Bitcoin Core, `doc/zmq.md`. Hashes in the bodies of `hashblock` and `sequence` stand in the
//! order in which they are displayed, the reverse of how they are computed.

use bitcoin::{BlockHash, Txid, hashes::Hash};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest body taken: a block of 4,000,000 weight units can be no longer than 4 MB.
pub const MAX_BODY_BYTES: usize = 4_000_000;

/// The year 10000, Unix seconds. A later time is wrong, and sums with it must not overflow.
pub(crate) const UNIX_SECONDS_END: u64 = 253_402_300_800;

/// The topic of a message: the first part of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// A whole transaction, serialized with its witness.
    RawTx,
    /// A whole block; only for the last tip of a step.
    RawBlock,
    /// The hash of the last tip of a step.
    HashBlock,
    /// Mempool additions and removals, blocks connected and disconnected.
    Sequence,
    /// A stand-in node's clock and labels; a real node never sends it.
    StandIn,
}

impl Topic {
    /// All topics, in the order in which Core sends the messages of one event.
    pub const ALL: [Topic; 5] = [
        Topic::HashBlock,
        Topic::RawBlock,
        Topic::RawTx,
        Topic::Sequence,
        Topic::StandIn,
    ];

    /// The topic's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Topic::RawTx => "rawtx",
            Topic::RawBlock => "rawblock",
            Topic::HashBlock => "hashblock",
            Topic::Sequence => "sequence",
            Topic::StandIn => "satscope",
        }
    }

    /// The topic of that name, if it is one that is known here.
    pub fn from_name(name: &[u8]) -> Option<Topic> {
        Topic::ALL
            .into_iter()
            .find(|topic| topic.name().as_bytes() == name)
    }
}

/// One message, with its body unread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The topic that the message belongs to.
    pub topic: Topic,
    /// The content, as the topic defines it.
    pub body: Vec<u8>,
    /// Counts the messages of this topic since the publisher's start, wrapping at 2³².
    pub counter: u32,
}

impl Frame {
    /// Reads the parts of one multipart message.
    ///
    /// # Errors
    /// When there are not three parts, the topic is unknown, the body is too long, or the counter is not 4 bytes.
    pub fn from_parts(parts: Vec<Vec<u8>>) -> Result<Frame, FrameError> {
        let count = parts.len();
        let [topic, body, counter]: [Vec<u8>; 3] =
            parts.try_into().map_err(|_| FrameError::Parts(count))?;
        let known = Topic::from_name(&topic).ok_or_else(|| FrameError::topic(&topic))?;
        if body.len() > MAX_BODY_BYTES {
            return Err(FrameError::TooLong(known.name(), body.len()));
        }
        let counter: [u8; 4] = counter
            .try_into()
            .map_err(|part: Vec<u8>| FrameError::Counter(known.name(), part.len()))?;
        Ok(Frame {
            topic: known,
            body,
            counter: u32::from_le_bytes(counter),
        })
    }

    /// The three parts, as they go over the wire.
    pub fn into_parts(self) -> [Vec<u8>; 3] {
        [
            self.topic.name().as_bytes().to_vec(),
            self.body,
            self.counter.to_le_bytes().to_vec(),
        ]
    }
}

/// A message that is not one of Core's.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FrameError {
    /// Not three parts.
    #[error("a message of {0} parts; expected 3: topic, body, counter")]
    Parts(usize),
    /// A topic that is not subscribed to.
    #[error(
        "unknown topic {0:?}; expected rawtx, rawblock, hashblock, sequence or, from a stand-in, satscope"
    )]
    Topic(String),
    /// A body longer than any block.
    #[error("a {0} body of {1} bytes; expected at most {MAX_BODY_BYTES}")]
    TooLong(&'static str, usize),
    /// A counter of the wrong size.
    #[error("a {0} counter of {1} bytes; expected 4")]
    Counter(&'static str, usize),
    /// A body that does not fit its topic.
    #[error("a {0} body that cannot be read: {1}")]
    Body(&'static str, String),
}

impl FrameError {
    /// The reason's name as a metric label.
    pub fn label(&self) -> &'static str {
        match self {
            FrameError::Parts(_) => "frame_parts",
            FrameError::Topic(_) => "frame_topic",
            FrameError::TooLong(..) => "frame_too_long",
            FrameError::Counter(..) => "frame_counter",
            FrameError::Body(..) => "frame_body",
        }
    }

    fn topic(bytes: &[u8]) -> FrameError {
        let shown = &bytes[..bytes.len().min(32)];
        FrameError::Topic(String::from_utf8_lossy(shown).into_owned())
    }
}

/// The body of a `sequence` message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SequenceEvent {
    /// `A`: a transaction entered the mempool, under this mempool sequence number.
    Added(Txid, u64),
    /// `R`: a transaction left the mempool, but not into a block, under this mempool sequence number.
    Removed(Txid, u64),
    /// `C`: a block was connected.
    BlockConnected(BlockHash),
    /// `D`: a block was disconnected.
    BlockDisconnected(BlockHash),
}

impl SequenceEvent {
    /// Reads a `sequence` body: 32 bytes of hash, a letter, and for `A` and `R` a little-endian u64.
    ///
    /// # Errors
    /// When the length or the letter is not one of these.
    pub fn decode(body: &[u8]) -> Result<SequenceEvent, FrameError> {
        let wrong = |what: String| FrameError::Body("sequence", what);
        let (hash, rest) = body
            .split_first_chunk::<32>()
            .ok_or_else(|| wrong(format!("{} bytes; expected 33 or 41", body.len())))?;
        let mut hash = *hash;
        hash.reverse();
        let number = |bytes: &[u8]| {
            <[u8; 8]>::try_from(bytes)
                .map(u64::from_le_bytes)
                .map_err(|_| wrong(format!("{} bytes; expected 41", body.len())))
        };
        match rest {
            [b'A', rest @ ..] => Ok(SequenceEvent::Added(
                Txid::from_byte_array(hash),
                number(rest)?,
            )),
            [b'R', rest @ ..] => Ok(SequenceEvent::Removed(
                Txid::from_byte_array(hash),
                number(rest)?,
            )),
            [b'C'] => Ok(SequenceEvent::BlockConnected(BlockHash::from_byte_array(
                hash,
            ))),
            [b'D'] => Ok(SequenceEvent::BlockDisconnected(
                BlockHash::from_byte_array(hash),
            )),
            _ => Err(wrong(format!(
                "label {:?} with {} bytes; expected A or R with 41, C or D with 33",
                rest.first().map(|byte| char::from(*byte)),
                body.len()
            ))),
        }
    }

    /// The body as Core would send it.
    pub fn encode(self) -> Vec<u8> {
        let (mut hash, label, number) = match self {
            SequenceEvent::Added(txid, number) => (txid.to_byte_array(), b'A', Some(number)),
            SequenceEvent::Removed(txid, number) => (txid.to_byte_array(), b'R', Some(number)),
            SequenceEvent::BlockConnected(hash) => (hash.to_byte_array(), b'C', None),
            SequenceEvent::BlockDisconnected(hash) => (hash.to_byte_array(), b'D', None),
        };
        hash.reverse();
        let mut body = hash.to_vec();
        body.push(label);
        body.extend(number.map(u64::to_le_bytes).into_iter().flatten());
        body
    }
}

/// The body of a `satscope` message: a stand-in node's clock and labels, as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StandInLabels {
    /// The stand-in's clock, Unix seconds.
    pub time: f64,
    /// True for made-up transactions; false for a replay of real ones.
    pub simulated: bool,
    /// The price that a simulation pays by, in USD for one BTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_price_usd: Option<f64>,
}

impl StandInLabels {
    /// Reads a `satscope` body.
    ///
    /// # Errors
    /// When it is not JSON of this shape, or its time is not above 0 and before the year 10000.
    pub fn decode(body: &[u8]) -> Result<StandInLabels, FrameError> {
        let labels: StandInLabels = serde_json::from_slice(body)
            .map_err(|error| FrameError::Body("satscope", error.to_string()))?;
        if labels.time > 0.0 && labels.time < UNIX_SECONDS_END as f64 {
            Ok(labels)
        } else {
            Err(FrameError::Body(
                "satscope",
                format!(
                    "time {}; expected Unix seconds above 0 and before the year 10000",
                    labels.time
                ),
            ))
        }
    }

    /// The body as a stand-in sends it.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::json!(self).to_string().into_bytes()
    }

    /// The stand-in's clock in Unix milliseconds.
    pub fn time_ms(&self) -> u64 {
        (self.time * 1000.0).round() as u64
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parts(topic: &str, body: &[u8], counter: &[u8]) -> Vec<Vec<u8>> {
        vec![topic.into(), body.into(), counter.into()]
    }

    #[test]
    fn frames_survive_the_wire() {
        let frame = Frame {
            topic: Topic::RawTx,
            body: vec![1, 2, 3],
            counter: 258,
        };
        assert_eq!(frame.clone().into_parts()[2], [2, 1, 0, 0]);
        assert_eq!(
            Frame::from_parts(frame.clone().into_parts().to_vec()),
            Ok(frame)
        );
    }

    #[test]
    fn odd_frames_are_named() {
        let four = [0, 0, 0, 0];
        for (parts, label) in [
            (vec![b"rawtx".to_vec()], "frame_parts"),
            (vec![], "frame_parts"),
            (parts("rawtxt", b"", &four), "frame_topic"),
            (parts("rawtx", b"", b"123"), "frame_counter"),
            (
                parts("rawblock", &vec![0; MAX_BODY_BYTES + 1], &four),
                "frame_too_long",
            ),
        ] {
            assert_eq!(Frame::from_parts(parts).unwrap_err().label(), label);
        }
    }

    #[test]
    fn sequence_bodies_hold_the_hash_as_displayed() {
        let txid: Txid = "d5f8a96839f26ae3b81b2f5ae0b4f2ce0ed0ba3ae1c1dfc0cbaa2a2ab8f4d1c7"
            .parse()
            .unwrap();
        let body = SequenceEvent::Added(txid, 77).encode();
        assert_eq!(body[0], 0xd5);
        assert_eq!(
            SequenceEvent::decode(&body),
            Ok(SequenceEvent::Added(txid, 77))
        );
    }

    #[test]
    fn broken_sequence_bodies_are_refused() {
        let mut body = SequenceEvent::BlockConnected(BlockHash::all_zeros()).encode();
        assert!(SequenceEvent::decode(&body).is_ok());
        body.push(0);
        assert!(SequenceEvent::decode(&body).is_err());
        assert!(SequenceEvent::decode(&body[..31]).is_err());
        assert!(SequenceEvent::decode(&[b'A'; 40]).is_err());
        assert!(SequenceEvent::decode(&[b'X'; 41]).is_err());
    }

    #[test]
    fn labels_need_a_clock() {
        let labels = StandInLabels {
            time: 1_700_000_000.25,
            simulated: true,
            hidden_price_usd: None,
        };
        assert_eq!(StandInLabels::decode(&labels.encode()), Ok(labels));
        assert_eq!(labels.time_ms(), 1_700_000_000_250);
        for time in ["0", "-1", "253402300800", "1e300"] {
            let body = format!(r#"{{"time":{time},"simulated":true}}"#);
            let error = StandInLabels::decode(body.as_bytes()).unwrap_err();
            assert_eq!(error.label(), "frame_body", "{time}");
        }
        assert!(StandInLabels::decode(b"{}").is_err());
    }
}
