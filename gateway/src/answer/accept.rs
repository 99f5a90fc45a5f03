//! Chooses between two forms of an answer by the `Accept` header (RFC 9110, 12.5.1).

use axum::http::{HeaderMap, header};

/// Whether `Accept` gives `other`, such as `text/plain`, a higher weight than JSON. Without a preference the answer is
/// JSON.
pub fn prefers(other: &str, headers: &HeaderMap) -> bool {
    let listed: Vec<(&str, f32)> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(weighed)
        .collect();
    let weight = |wanted: &[&str]| {
        let named = wanted
            .iter()
            .find_map(|name| listed.iter().find(|(range, _)| range == name));
        named.map_or(0.0, |(_, weight)| *weight)
    };
    let of_its_kind = format!("{}/*", other.split('/').next().unwrap_or_default());
    weight(&[other, &of_its_kind, "*/*"]) > weight(&["application/json", "application/*", "*/*"])
}

/// Splits `type/subtype; q=0.5` into its name and weight.
fn weighed(range: &str) -> (&str, f32) {
    let mut parts = range.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let weight = parts
        .find_map(|parameter| parameter.strip_prefix("q="))
        .and_then(|weight| weight.parse().ok());
    (name, weight.unwrap_or(1.0))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn text_is_for_those_who_prefer_it() {
        let prefers_text = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            prefers("text/plain", &headers)
        };
        assert!(prefers_text("text/plain"));
        assert!(prefers_text("text/plain, application/json;q=0.5"));
        assert!(prefers_text("application/json; q=0.1, text/*"));
        assert!(prefers_text("text/plain, */*;q=0.8"));
        assert!(!prefers_text("*/*"));
        assert!(!prefers_text("application/json, text/plain"));
        assert!(!prefers_text("text/html, application/xml;q=0.9"));
        assert!(!prefers_text("text/csv"));
        assert!(!prefers("text/plain", &HeaderMap::new()));
    }

    #[test]
    fn a_type_that_is_no_text_must_be_named() {
        let prefers_binary = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            prefers("application/vnd.satscope.points", &headers)
        };
        assert!(prefers_binary("application/vnd.satscope.points"));
        assert!(prefers_binary(
            "application/vnd.satscope.points, application/json;q=0.5"
        ));
        for other in ["*/*", "text/*", "text/html, */*;q=0.8", "application/*"] {
            assert!(!prefers_binary(other), "{other}");
        }
    }
}
