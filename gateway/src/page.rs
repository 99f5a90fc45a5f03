//! The page: the files of `frontend/`, embedded in the program.

use std::borrow::Cow;

use axum::{
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use rust_embed::Embed;

use crate::{cache::revalidated, problem::Problem};

#[derive(Embed)]
#[folder = "../frontend"]
struct Files;

/// Only files of these kinds are the page; what else lies in the folder is not served.
const KINDS: [(&str, &str); 4] = [
    ("html", "text/html; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("svg", "image/svg+xml"),
];

/// Answers every path that is no route. Names are looked up as they stand, in the program and nowhere else, so there
/// is no way out of the folder.
pub async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let name = match uri.path() {
        "/" => "index.html",
        path => path.trim_start_matches('/'),
    };
    let Some((file, content_type)) = find(name) else {
        let detail = format!("there is nothing at {}", uri.path());
        return Problem::new(StatusCode::NOT_FOUND, detail).into_response();
    };
    if method != Method::GET && method != Method::HEAD {
        return Problem::read_only().into_response();
    }
    let tag: String = file.metadata.sha256_hash()[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    revalidated(&headers, &tag, content_type, || match file.data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    })
}

fn find(name: &str) -> Option<(rust_embed::EmbeddedFile, &'static str)> {
    let (_, extension) = name.rsplit_once('.')?;
    let (_, content_type) = KINDS.iter().find(|(kind, _)| *kind == extension)?;
    Some((Files::get(name)?, content_type))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_the_page_names_is_there() {
        let (page, content_type) = find("index.html").unwrap();
        assert_eq!(content_type, "text/html; charset=utf-8");
        let page = std::str::from_utf8(&page.data).unwrap();
        let names: Vec<&str> = page
            .split(['"', '\''])
            .filter_map(|text| text.strip_prefix('/'))
            .collect();
        assert!(names.iter().any(|name| name.ends_with(".js")), "{names:?}");
        for name in names {
            assert!(find(name).is_some(), "{name}");
        }
    }

    #[test]
    fn nothing_but_the_page_is_found() {
        for name in [
            "",
            "js",
            "../Cargo.toml",
            "js/../index.html",
            "/index.html",
            "Files",
        ] {
            assert!(find(name).is_none(), "{name}");
        }
    }
}
