//! Reading the file that an earlier process left.

use std::{
    io::{self, Read},
    ops::Range,
};

use serde::de::DeserializeOwned;
use tracing::{info, warn};

use super::{
    Owner,
    frame::{HEAD, Piece, Scan, Seal, decode},
};

/// The most damaged places that a log line names.
const NAMED: usize = 4;

/// The end of the time that an earlier process recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordedEnd {
    /// The stamp of its last change, Unix milliseconds; `None` if there is no change.
    pub last_ms: Option<u64>,
}

/// The outcome of reading a file.
#[derive(Debug, Default)]
pub struct Found {
    pub past: RecordedEnd,
    /// Where the last whole frame ends. `None` if the file holds nothing of this owner, so that another is to be begun.
    pub whole_bytes: Option<u64>,
}

/// Bytes that belong to no frame that can be read.
#[derive(Debug, Default)]
struct Damage {
    first: Vec<Range<u64>>,
    places: u64,
    bytes: u64,
    /// Frames that were read after the first damage.
    frames_after: u64,
}

impl Damage {
    fn at(&mut self, place: Range<u64>) {
        self.places += 1;
        self.bytes += place.end - place.start;
        if self.first.len() < NAMED {
            self.first.push(place);
        }
    }

    fn said(&self) -> String {
        let named = self.first.iter();
        let named = named.map(|place| format!("{} to {}", place.start, place.end));
        let named = named.collect::<Vec<_>>().join(", ");
        match self.places.saturating_sub(NAMED as u64) {
            0 => named,
            more => format!("{named} and {more} places more"),
        }
    }
}

/// Reads all whole frames of `owner`, hands their records to `each`, and logs the damage. `name` is the file's, for the log.
pub fn read<R: DeserializeOwned>(
    source: impl Read,
    name: &str,
    (owner, seal): (&Owner, &Seal),
    each: impl FnMut(R),
) -> Found {
    let mut reading = Reading {
        found: Found::default(),
        damage: Damage::default(),
        torn: None,
        each,
    };
    let outcome = reading.run(Scan::new(source), (owner, seal));
    let Reading {
        found,
        damage,
        torn,
        ..
    } = reading;
    match outcome {
        Ok(Owned::ByAnother(Some(by))) => {
            info!(found = ?by, "{name} is of another node, and is begun anew");
            return Found::default();
        }
        Ok(Owned::ByAnother(None)) => {
            warn!(
                "{name} holds no whole frame: it is empty, damaged or of another version, and is begun anew"
            );
            return Found::default();
        }
        Ok(Owned::ByUs) => {}
        Err(error) => warn!("{name} cannot be read to its end: {error}; what was read is kept"),
    }
    if let Some(torn) = torn {
        let bytes = torn.end - torn.start;
        warn!(
            "{name}: the last {bytes} bytes are left out, because no frame in them is whole: a crash cut one off, or the disk damaged them"
        );
    }
    if damage.places > 0 {
        warn!(
            bytes = damage.bytes,
            "{name}: bytes {} are damaged and left out; {} frames after them were read",
            damage.said(),
            damage.frames_after
        );
    }
    found
}

enum Owned {
    ByUs,
    /// `None` if the file is of another version.
    ByAnother(Option<Owner>),
}

struct Reading<E> {
    found: Found,
    damage: Damage,
    /// Damage that no frame has followed yet.
    torn: Option<Range<u64>>,
    each: E,
}

impl<E> Reading<E> {
    fn run<R: DeserializeOwned>(
        &mut self,
        mut scan: Scan<impl Read>,
        (owner, seal): (&Owner, &Seal),
    ) -> io::Result<Owned>
    where
        E: FnMut(R),
    {
        let named = scan.owner()?;
        match &named {
            Some(named) if named != owner => return Ok(Owned::ByAnother(Some(named.clone()))),
            Some(_) => self.found.whole_bytes = Some(scan.position()),
            // The frames themselves tell whether the file is this owner's.
            None => self.torn = (scan.position() > 0).then(|| 0..scan.position()),
        }
        while let Some(piece) = scan.next(seal)? {
            match piece {
                Piece::Frame(content) => self.frame(&content, scan.position()),
                Piece::Damage(place) => {
                    let start = self.torn.take().map_or(place.start, |torn| torn.start);
                    self.torn = Some(start..place.end);
                }
            }
        }
        Ok(match self.found.whole_bytes {
            Some(_) => Owned::ByUs,
            None => Owned::ByAnother(named),
        })
    }

    fn frame<R: DeserializeOwned>(&mut self, content: &[u8], end: u64)
    where
        E: FnMut(R),
    {
        if let Some(torn) = self.torn.take() {
            self.damage.at(torn);
        }
        self.damage.frames_after += u64::from(self.damage.places > 0);
        self.found.whole_bytes = Some(end);
        match decode(content) {
            Some((time_ms, records)) => {
                let last_ms = &mut self.found.past.last_ms;
                *last_ms = (*last_ms).max(Some(time_ms));
                records.into_iter().for_each(&mut self.each);
            }
            None => {
                // The frame is as it was written, but its records are not of this version.
                let start = end - (HEAD + content.len()) as u64;
                self.damage.at(start..end);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::journal::frame::{Encoder, header};

    #[test]
    fn a_whole_frame_that_cannot_be_decoded_is_named_from_its_marker_to_its_end() {
        let owner = Owner {
            zmq_endpoint: "tcp://127.0.0.1:28332".to_owned(),
            is_standin: false,
        };
        let seal = Seal::of(&owner).unwrap();
        let mut file = header(&owner).unwrap();
        let begin = file.len() as u64;
        let mut encoder = Encoder::new(seal.clone());
        // No truth value is written as 7.
        let Ok(left_out) = encoder.encode(7, std::iter::once(7u8), |frame| {
            file.extend_from_slice(frame);
            Ok::<(), Infallible>(())
        });
        assert_eq!(left_out, 0);
        let mut reading = Reading {
            found: Found::default(),
            damage: Damage::default(),
            torn: None,
            each: |_: bool| panic!("a record of another version"),
        };
        reading.run(Scan::new(&file[..]), (&owner, &seal)).unwrap();
        let end = file.len() as u64;
        assert_eq!(reading.damage.said(), format!("{begin} to {end}"));
        assert_eq!(reading.damage.bytes, end - begin);
    }
}
