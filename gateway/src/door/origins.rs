//! The origins whose pages may read the answers. Browsers name the origin of the asking page, but let any page open a
//! socket to any server.

use std::{str::FromStr, sync::Arc};

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::answer::{AGE, STALE, STATE};

/// The header in which a client that returns to an event stream names the last event that it has seen (HTML Living
/// Standard, 9.2.4).
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The origins, some or all, whose pages may read the answers, or show the page in a frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    any: bool,
    listed: Arc<[HeaderValue]>,
}

impl FromStr for Origins {
    type Err = String;

    /// Origins separated by commas, or `*`; an empty text gives none.
    fn from_str(text: &str) -> Result<Self, String> {
        let listed = text.split(',').map(str::trim).filter(|one| !one.is_empty());
        let (any, listed): (Vec<&str>, Vec<&str>) = listed.partition(|one| *one == "*");
        let listed = listed.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Origins {
            any: !any.is_empty(),
            listed,
        })
    }
}

/// Reads an origin as browsers write it: scheme and host in lower case, no path.
fn read(text: &str) -> Result<HeaderValue, String> {
    let uri = text.parse::<Uri>().ok();
    // Only characters that a host may have, so none that would end a directive of a Content Security Policy.
    let is_of_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    let origin = uri.filter(|uri| {
        let web = matches!(uri.scheme_str(), Some("http" | "https"));
        let host = uri.authority().map(|authority| authority.as_str());
        web && host.is_some_and(|host| {
            host.bytes().all(is_of_host) && text.ends_with(&format!("://{host}"))
        })
    });
    let lower = text.to_ascii_lowercase();
    match (origin, HeaderValue::from_str(&lower)) {
        (Some(_), Ok(value)) => Ok(value),
        _ => Err(format!(
            "expected origins such as https://example.org, or *; {text:?} is neither"
        )),
    }
}

impl Origins {
    /// Whether the asking page may open a socket. Programs, which name no origin, may; so may pages of this very host
    /// and of listed origins.
    pub fn may_listen(&self, headers: &HeaderMap, uri: &Uri) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else {
            return true;
        };
        self.any || self.listed.contains(origin) || is_same(origin, headers, uri)
    }

    /// The listed origins as sources of a Content Security Policy's `frame-ancestors` (Level 3, 6.4.2).
    pub fn frame_ancestors(&self) -> String {
        let listed = self.listed.iter().filter_map(|origin| origin.to_str().ok());
        match (self.any, self.listed.is_empty()) {
            (true, _) => "*".to_owned(),
            (false, true) => "'none'".to_owned(),
            (false, false) => listed.collect::<Vec<_>>().join(" "),
        }
    }

    /// The CORS rules that let the listed origins read the REST answers; `None` if there are none, so that browsers
    /// keep other pages away.
    pub fn cors(&self) -> Option<CorsLayer> {
        let allowed = match (self.any, self.listed.is_empty()) {
            (true, _) => AllowOrigin::any(),
            (false, false) => AllowOrigin::list(self.listed.iter().cloned()),
            (false, true) => return None,
        };
        let cors = CorsLayer::new().allow_methods([Method::GET, Method::HEAD]);
        let asked = [header::ACCEPT, header::IF_NONE_MATCH, LAST_EVENT_ID];
        let told = [
            header::AGE,
            header::ETAG,
            header::RETRY_AFTER,
            AGE,
            STALE,
            STATE,
        ];
        Some(
            cors.allow_origin(allowed)
                .allow_headers(asked)
                .expose_headers(told),
        )
    }
}

/// Whether the origin is the host that the request is for.
fn is_same(origin: &HeaderValue, headers: &HeaderMap, uri: &Uri) -> bool {
    let Some(origin) = origin
        .to_str()
        .ok()
        .and_then(|text| text.parse::<Uri>().ok())
    else {
        return false;
    };
    let Some(default_port) = (match origin.scheme_str() {
        Some("http") => Some(":80"),
        Some("https") => Some(":443"),
        _ => None,
    }) else {
        return false;
    };
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let host = host.or(uri.authority().map(|authority| authority.as_str()));
    let bare = |authority: &str| {
        authority
            .strip_suffix(default_port)
            .unwrap_or(authority)
            .to_ascii_lowercase()
    };
    match (origin.authority(), host) {
        (Some(origin), Some(host)) => bare(origin.as_str()) == bare(host),
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn allowed(listed: &str, origin: &str, host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, origin.parse().unwrap());
        headers.insert(header::HOST, host.parse().unwrap());
        let origins: Origins = listed.parse().unwrap();
        origins.may_listen(&headers, &Uri::from_static("/ws/mempool"))
    }

    #[test]
    fn an_origin_must_be_this_host() {
        for (origin, host) in [
            ("http://localhost:8000", "localhost:8000"),
            ("https://price.example", "price.example"),
            ("https://Price.Example", "price.example:443"),
            ("http://[::1]:8000", "[::1]:8000"),
        ] {
            assert!(allowed("", origin, host), "{origin} at {host}");
        }
        for (origin, host) in [
            ("http://evil.example", "localhost:8000"),
            ("http://localhost:8001", "localhost:8000"),
            ("http://localhost", "localhost:8000"),
            ("https://price.example", "price.example:80"),
            ("null", "localhost:8000"),
            ("file://", "localhost:8000"),
            ("http://localhost:8000.evil.example", "localhost:8000"),
            ("", "localhost:8000"),
        ] {
            assert!(!allowed("", origin, host), "{origin} at {host}");
        }
    }

    #[test]
    fn or_one_that_is_listed() {
        let listed = "https://friend.example, http://Other.example:8080";
        for (origin, let_in) in [
            ("https://friend.example", true),
            ("http://other.example:8080", true),
            ("http://friend.example", false),
            ("https://friend.example:8443", false),
            ("https://not-friend.example", false),
            ("null", false),
        ] {
            assert_eq!(allowed(listed, origin, "localhost"), let_in, "{origin}");
        }
        assert!(allowed("*", "https://anybody.example", "localhost"));
    }

    #[test]
    fn a_list_holds_origins_only() {
        for text in [
            "friend.example",
            "https://friend.example/",
            "ftp://a.example",
            "https://",
            "https://a.example;script-src",
            "https://user@a.example",
        ] {
            let error = text.parse::<Origins>().unwrap_err();
            assert!(error.contains(text), "{error}");
        }
        assert!("".parse::<Origins>().unwrap().cors().is_none());
    }

    #[test]
    fn the_listed_pages_may_show_this_one_in_a_frame() {
        for (listed, expected) in [
            ("", "'none'"),
            ("*", "*"),
            ("https://Friend.example", "https://friend.example"),
            (
                "https://friend.example,http://[::1]:8080",
                "https://friend.example http://[::1]:8080",
            ),
        ] {
            let origins: Origins = listed.parse().unwrap();
            assert_eq!(origins.frame_ancestors(), expected);
        }
    }

    #[test]
    fn a_program_names_no_origin() {
        let origins = Origins::default();
        assert!(origins.may_listen(&HeaderMap::new(), &Uri::from_static("/")));
    }
}
