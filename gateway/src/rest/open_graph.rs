//! Tags that tell other sites how to show a link to the page (<https://ogp.me>). The address in them comes from the
//! operator's setting alone, because a client can name any host in its request.

use axum::http::Uri;

use super::picture::{HEIGHT, WIDTH};

const TITLE: &str = "Satscope";
const DESCRIPTION: &str = "A live price of bitcoin, read from its own transactions.";
const EXPECTED: &str =
    "expected http://HOST/PATH or https://HOST/PATH without a login, a query or a fragment";

/// The address of the page on the internet, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// Reads an address with the scheme http or https.
    ///
    /// # Errors
    /// With the form that was expected.
    pub fn read(text: &str) -> Result<Self, String> {
        let uri: Option<Uri> = text.parse().ok();
        // The parser drops a fragment, so the text is searched for one.
        let uri = uri.filter(|uri| uri.query().is_none() && !text.contains('#'));
        let is_usable = uri.is_some_and(|uri| {
            let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
            let host = uri.host().unwrap_or_default();
            let login = uri
                .authority()
                .is_some_and(|whole| whole.as_str().contains('@'));
            is_web && !host.is_empty() && !login
        });
        match is_usable {
            true => Ok(PublicUrl(text.trim_end_matches('/').to_owned())),
            false => Err(EXPECTED.to_owned()),
        }
    }

    /// The tags for the head of the document, one a line.
    pub fn tags(&self) -> String {
        let url = escaped(&self.0);
        let (width, height) = (WIDTH, HEIGHT);
        let properties = [
            ("og:type", "website"),
            ("og:site_name", TITLE),
            ("og:title", TITLE),
            ("og:description", DESCRIPTION),
            ("og:url", &format!("{url}/")),
            ("og:image", &format!("{url}/price.png")),
            ("og:image:type", "image/png"),
            ("og:image:width", &width.to_string()),
            ("og:image:height", &height.to_string()),
            (
                "og:image:alt",
                "The price of one bitcoin, how sure it is, and its last day.",
            ),
        ];
        let property = |(name, content): (&str, &str)| {
            format!("<meta property=\"{name}\" content=\"{content}\">\n  ")
        };
        let properties: String = properties.into_iter().map(property).collect();
        format!("{properties}<meta name=\"twitter:card\" content=\"summary_large_image\">")
    }
}

/// Escapes a text for an attribute in double quotes.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_address_of_the_web_is_taken() {
        for (text, address) in [
            ("https://example.org", "https://example.org"),
            ("https://example.org/", "https://example.org"),
            (
                "http://umbrel.local:8000/a/b//",
                "http://umbrel.local:8000/a/b",
            ),
            (
                "https://[2001:db8::1]:8443/x",
                "https://[2001:db8::1]:8443/x",
            ),
        ] {
            assert_eq!(PublicUrl::read(text).unwrap().0, address);
        }
        for text in [
            "",
            "example.org",
            "/satscope",
            "ftp://example.org",
            "javascript:alert(1)",
            "https://",
            "https:///x",
            "https://alice:secret@example.org",
            "https://alice@example.org",
            "https://example.org?x=1",
            "https://example.org/#kiosk",
            "https://example.org/<script>",
            "https://example org",
        ] {
            assert_eq!(PublicUrl::read(text).unwrap_err(), EXPECTED, "{text}");
        }
    }

    #[test]
    fn the_address_stands_in_the_tags_and_cannot_leave_its_attribute() {
        let tags = PublicUrl::read("https://example.org/a&b").unwrap().tags();
        for line in [
            "<meta property=\"og:url\" content=\"https://example.org/a&amp;b/\">",
            "<meta property=\"og:image\" content=\"https://example.org/a&amp;b/price.png\">",
            "<meta name=\"twitter:card\" content=\"summary_large_image\">",
        ] {
            assert!(tags.contains(line), "{line} is not in {tags}");
        }
        assert_eq!(escaped("\"><&"), "&quot;>&lt;&amp;");
    }
}
