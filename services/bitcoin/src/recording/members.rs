//! The end of a file of gzip members, and the lines that can still be read of a member that was cut.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// The most text that a member may hold, in bytes; the writer's hold a few megabytes.
const LONGEST_MEMBER: u64 = 64 << 20;

/// How a file of gzip members ends.
#[derive(Debug, PartialEq, Eq)]
pub enum Ending {
    /// The file is intact.
    Whole,
    /// The file ends in the middle of a member. Everything before that member is good, and some whole lines can
    /// still be read from it.
    Torn {
        /// Bytes of the file up to the member's start.
        good_bytes: u64,
        /// Whole lines, each with its line break.
        lines: Vec<u8>,
    },
    /// The bytes are damaged from here on; bytes further on may be good again.
    Damaged(u64),
}

/// Reads a file of gzip members to its end.
///
/// # Errors
/// When it cannot be read.
pub fn inspect(source: impl BufRead) -> io::Result<Ending> {
    let mut source = Counted { source, bytes: 0 };
    loop {
        let good_bytes = source.bytes;
        if source.fill_buf()?.is_empty() {
            return Ok(Ending::Whole);
        }
        let mut text = Vec::new();
        let mut member = GzDecoder::new(&mut source).take(LONGEST_MEMBER);
        match member.read_to_end(&mut text) {
            Ok(read) if (read as u64) < LONGEST_MEMBER => {}
            Ok(_) => return Ok(Ending::Damaged(good_bytes)),
            Err(error) => match error.kind() {
                io::ErrorKind::UnexpectedEof => {
                    let end = text.iter().rposition(|byte| *byte == b'\n');
                    text.truncate(end.map_or(0, |at| at + 1));
                    return Ok(Ending::Torn {
                        good_bytes,
                        lines: text,
                    });
                }
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                    return Ok(Ending::Damaged(good_bytes));
                }
                _ => return Err(error),
            },
        }
    }
}

/// A source that counts the bytes taken out of it.
struct Counted<R> {
    source: R,
    bytes: u64,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.source.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.bytes += amount as u64;
        self.source.consume(amount);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn member(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn an_end_is_found_at_every_byte() {
        let (first, second) = (member("one\ntwo\n"), member("three\nfour\n"));
        let file = [first.clone(), second].concat();
        for length in 0..=file.len() {
            let ending = inspect(&file[..length]).unwrap();
            match ending {
                Ending::Whole => assert!([0, first.len(), file.len()].contains(&length)),
                Ending::Torn { good_bytes, lines } => {
                    let (expected, text) = match length < first.len() {
                        true => (0, "one\ntwo\n"),
                        false => (first.len(), "three\nfour\n"),
                    };
                    assert_eq!(good_bytes, expected as u64, "{length}");
                    assert!(text.as_bytes().starts_with(&lines), "{length}");
                }
                Ending::Damaged(at) => panic!("damaged at {at} of {length}"),
            }
        }
        let without_trailer = &file[..file.len() - 8];
        let Ending::Torn { lines, .. } = inspect(without_trailer).unwrap() else {
            panic!("its trailer is missing");
        };
        assert_eq!(lines, b"three\nfour\n", "all that was written is read");
    }

    #[test]
    fn damage_is_told_from_a_torn_end() {
        let file = [member("one\n"), b"not gzip at all".to_vec()].concat();
        let at = member("one\n").len() as u64;
        assert_eq!(inspect(&file[..]).unwrap(), Ending::Damaged(at));
    }
}
