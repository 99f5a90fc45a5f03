//! Bodies of answers, each made once and held in two encodings: plain, and gzip (RFC 9110, 8.4.1.3).

use std::io::{self, Write as _};

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use tracing::error;

/// Bodies smaller than this, bytes, are not compressed, because they fit into one packet anyway.
const WORTH_IT: usize = 1024;

/// A body in both encodings.
#[derive(Clone, Debug)]
pub struct Encoded {
    plain: Bytes,
    /// `None` if it would not be smaller.
    gzip: Option<Bytes>,
}

impl Encoded {
    /// A body that is asked for many times, compressed as well as possible.
    pub fn best(plain: Bytes) -> Self {
        Encoded::new(plain, Compression::best())
    }

    /// A body that is new each second, compressed quickly.
    pub fn fast(plain: Bytes) -> Self {
        Encoded::new(plain, Compression::fast())
    }

    fn new(plain: Bytes, level: Compression) -> Self {
        if plain.len() < WORTH_IT {
            return Encoded { plain, gzip: None };
        }
        let gzip = match compress(&plain, level) {
            Ok(gzip) => Some(gzip).filter(|gzip| gzip.len() < plain.len()),
            Err(fault) => {
                error!("a body could not be compressed: {fault}");
                None
            }
        };
        Encoded { plain, gzip }
    }

    /// The bytes in an encoding that the request accepts, and the encoding's name if it is not plain.
    pub fn for_request(&self, request: &HeaderMap) -> (Bytes, Option<&'static str>) {
        match &self.gzip {
            Some(gzip) if takes_gzip(request) => (gzip.clone(), Some("gzip")),
            _ => (self.plain.clone(), None),
        }
    }
}

fn compress(plain: &[u8], level: Compression) -> io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(plain)?;
    Ok(encoder.finish()?.into())
}

/// Whether `Accept-Encoding` gives gzip a weight above 0; `*` stands for gzip only where gzip is not named (RFC 9110, 12.5.3).
fn takes_gzip(request: &HeaderMap) -> bool {
    let listed = request
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let (mut named, mut others) = (None, None);
    for coding in listed {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
        let is_taken = weight
            .trim()
            .parse::<f32>()
            .is_ok_and(|weight| weight > 0.0);
        match name.trim() {
            "gzip" | "x-gzip" => named = Some(named.unwrap_or(false) || is_taken),
            "*" => others = Some(is_taken),
            _ => {}
        }
    }
    named.or(others).unwrap_or(false)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn asked(accept: Option<&str>, body: &Encoded) -> (Bytes, Option<&'static str>) {
        let mut request = HeaderMap::new();
        if let Some(accept) = accept {
            request.insert(header::ACCEPT_ENCODING, accept.parse().unwrap());
        }
        body.for_request(&request)
    }

    #[test]
    fn who_takes_gzip_gets_it_and_it_is_the_same_text() {
        let plain = Bytes::from("a price and a price and ".repeat(200));
        for body in [Encoded::best(plain.clone()), Encoded::fast(plain.clone())] {
            for accept in ["gzip", "br, gzip;q=0.5", "*", "deflate, GZIP, gzip"] {
                let (bytes, encoding) = asked(Some(accept), &body);
                assert_eq!(encoding, Some("gzip"), "{accept}");
                let mut text = Vec::new();
                flate2::read::GzDecoder::new(&bytes[..])
                    .read_to_end(&mut text)
                    .unwrap();
                assert_eq!(text, plain);
            }
            for accept in [
                None,
                Some("br"),
                Some("gzip;q=0"),
                Some("gzip;q=0, *"),
                Some("*, gzip;q=0"),
                Some(""),
                Some("gzip;q=x"),
            ] {
                assert_eq!(asked(accept, &body), (plain.clone(), None), "{accept:?}");
            }
        }
    }

    #[test]
    fn what_would_not_be_smaller_is_left_as_it_is() {
        let body = Encoded::best(Bytes::from_static(b"short"));
        assert_eq!(asked(Some("gzip"), &body).1, None);
    }
}
