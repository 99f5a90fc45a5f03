//! The page: the files of `frontend/`, embedded in the program.

use std::{borrow::Cow, sync::LazyLock};

use axum::{
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use rust_embed::Embed;
use rustc_hash::FxHashMap;

use crate::answer::{encoded::Encoded, etag::revalidated, problem::Problem};

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

/// A file as it is answered.
struct File {
    content_type: &'static str,
    tag: String,
    body: Encoded,
}

/// By name, made when the first is asked for.
static PAGE: LazyLock<FxHashMap<Cow<'static, str>, File>> = LazyLock::new(|| {
    let files = Files::iter().filter_map(|name| Some((name.clone(), find(&name)?)));
    files.collect()
});

/// Answers every path that is no route. Names are looked up as they stand, in the program and nowhere else, so there
/// is no way out of the folder.
pub async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let name = match uri.path() {
        "/" => "index.html",
        path => path.trim_start_matches('/'),
    };
    let Some(file) = PAGE.get(name) else {
        let detail = format!("there is nothing at {}", uri.path());
        return Problem::new(StatusCode::NOT_FOUND, detail).into_response();
    };
    if method != Method::GET && method != Method::HEAD {
        return Problem::read_only().into_response();
    }
    revalidated(&headers, &file.tag, file.content_type, &file.body)
}

fn find(name: &str) -> Option<File> {
    let (_, extension) = name.rsplit_once('.')?;
    let (_, content_type) = KINDS.iter().find(|(kind, _)| *kind == extension)?;
    let file = Files::get(name)?;
    let tag = file.metadata.sha256_hash()[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let bytes = match file.data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    Some(File {
        content_type,
        tag,
        body: Encoded::best(bytes),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_the_page_names_is_there() {
        let page = Files::get("index.html").unwrap();
        let page = std::str::from_utf8(&page.data).unwrap();
        let names: Vec<&str> = page
            .split(['"', '\''])
            .filter_map(|text| text.strip_prefix('/'))
            // What closes an element of an SVG is no name.
            .filter(|text| !text.starts_with('>'))
            .collect();
        for name in &names {
            assert!(find(name).is_some(), "{name}");
        }
        // Each module is asked for at once, and not only when the one that needs it has been read.
        for file in Files::iter().filter(|file| file.starts_with("js/")) {
            assert!(names.contains(&&*file), "{file} is not preloaded");
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
