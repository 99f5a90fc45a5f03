//! The page. `index.html` and `start.js` are revalidated at each visit. All other files lie under `assets/BUILD/`, where
//! their content never changes, so that browsers keep them without asking. Every address in the page is relative, because
//! a proxy may serve the page under a path of its own.

use std::{collections::HashMap, sync::LazyLock};

use axum::{
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};

use crate::{
    answer::{
        encoded::Encoded,
        etag::{IMMUTABLE, revalidated},
        problem::Problem,
    },
    files::{BUILD, FILES, File, hash_of},
};

/// The document.
const INDEX: &str = "index.html";

/// Files at the same address in every build. `start.js` is one because it runs when files of a build are refused.
const AT_THE_ROOT: [&str; 2] = [INDEX, "start.js"];

/// Where the document names the modules, for browsers to ask for them before the module that imports them has come.
const MODULES: &str = "<!-- modulepreload -->";

/// The folder of the files that lie at a build's own address.
const ASSETS: &str = "assets/";

/// A file as it is answered.
struct Served {
    content_type: &'static str,
    body: Encoded,
    /// The hash of the content, if the content at this address may change; `None` if it never does.
    tag: Option<String>,
}

/// The page's files by their paths, without the slash in front.
static PAGE: LazyLock<HashMap<String, Served>> =
    LazyLock::new(|| FILES.iter().map(|file| served(file, &BUILD)).collect());

/// Answers every path that is no route. Paths are looked up as they stand, in a table, so that none leads out of it.
pub async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = match uri.path() {
        "/" => INDEX,
        path => path.strip_prefix('/').unwrap_or(path),
    };
    let Some(file) = PAGE.get(path) else {
        return Problem::new(StatusCode::NOT_FOUND, missing(path, &BUILD)).into_response();
    };
    if method != Method::GET && method != Method::HEAD {
        return Problem::read_only().into_response();
    }
    match &file.tag {
        Some(tag) => revalidated(&headers, tag, file.content_type, &file.body),
        None => kept(&headers, file),
    }
}

/// What the client is told of a path at which there is nothing.
fn missing(path: &str, build: &str) -> String {
    let other = path
        .strip_prefix(ASSETS)
        .and_then(|rest| rest.split_once('/'));
    match other {
        Some((other, _)) if other != build => format!(
            "/{path} is of another build of the page; this gateway has build {build}: load the page again"
        ),
        _ => format!("there is nothing at /{path}"),
    }
}

/// An answer that is good for ever. It varies with the encoding alone, so that what `start.js` fetched serves a
/// `<link>` too, whose `Accept` is another.
fn kept(request: &HeaderMap, file: &Served) -> Response {
    let (bytes, encoding) = file.body.for_request(request);
    let content_type = HeaderValue::from_static(file.content_type);
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CACHE_CONTROL, IMMUTABLE);
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

/// A file's path in a build, and the file as it is answered there.
fn served(file: &File, build: &str) -> (String, Served) {
    let bytes = match &*file.name {
        INDEX => document(&String::from_utf8_lossy(&file.bytes), &FILES, build).into(),
        _ => file.bytes.clone(),
    };
    let tag = is_at_the_root(&file.name).then(|| hash_of([&*bytes]));
    let served = Served {
        content_type: file.content_type,
        body: Encoded::best(bytes),
        tag,
    };
    (address(&file.name, build), served)
}

/// The document with the addresses that its files have in this build, and with a line for each module.
fn document(index: &str, files: &[File], build: &str) -> String {
    let modules = files.iter().filter(|file| file.name.starts_with("js/"));
    let lines: Vec<String> = modules
        .map(|File { name, .. }| format!("<link rel=\"modulepreload\" href=\"{name}\">"))
        .collect();
    let index = index.replacen(MODULES, &lines.join("\n  "), 1);
    files.iter().fold(index, |index, File { name, .. }| {
        index.replace(
            &format!("\"{name}\""),
            &format!("\"{}\"", address(name, build)),
        )
    })
}

/// A file's path in a build, relative to the page.
fn address(name: &str, build: &str) -> String {
    match is_at_the_root(name) {
        true => name.to_owned(),
        false => format!("{ASSETS}{build}/{name}"),
    }
}

fn is_at_the_root(name: &str) -> bool {
    AT_THE_ROOT.contains(&name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The document as it is served.
    fn index() -> String {
        let index = FILES.iter().find(|file| file.name == INDEX).unwrap();
        document(std::str::from_utf8(&index.bytes).unwrap(), &FILES, &BUILD)
    }

    /// What the document's `href` and `src` name.
    fn named(index: &str) -> Vec<&str> {
        let attributes = index.split(" href=\"").chain(index.split(" src=\""));
        let values = attributes.filter_map(|text| text.split_once('"'));
        let addresses = values.map(|(value, _)| value);
        addresses.filter(|value| value.contains('.')).collect()
    }

    #[test]
    fn every_file_that_the_page_names_is_there() {
        let index = index();
        let named = named(&index);
        assert!(named.len() > 30, "{named:?}");
        for name in &named {
            assert!(PAGE.contains_key(*name), "{name}");
        }
        for file in FILES.iter().filter(|file| file.name != INDEX) {
            let address = address(&file.name, &BUILD);
            assert!(named.contains(&&*address), "{address} is not in {named:?}");
        }
    }

    #[test]
    fn each_module_is_preloaded_once() {
        let index = index();
        for file in FILES.iter().filter(|file| file.name.starts_with("js/")) {
            let line = format!(
                "<link rel=\"modulepreload\" href=\"assets/{}/{}\">",
                *BUILD, file.name
            );
            assert_eq!(index.matches(&line).count(), 1, "{line}");
        }
        assert!(!index.contains(MODULES));
    }

    #[test]
    fn what_lies_at_an_address_of_another_build_is_told() {
        for path in ["assets/0123456789abcdef/js/main.js", "assets/old/style.css"] {
            assert!(missing(path, "0000").contains("of another build"), "{path}");
        }
        for path in ["assets", "assets/", "assets/0000/none.js", "js/main.js"] {
            assert!(
                missing(path, "0000").starts_with("there is nothing"),
                "{path}"
            );
        }
    }

    #[test]
    fn nothing_but_the_page_is_found() {
        for path in [
            "",
            "js",
            "../Cargo.toml",
            "js/main.js",
            "assets",
            "/index.html",
            "tests/points.test.mjs",
        ] {
            assert!(!PAGE.contains_key(path), "{path}");
        }
        for name in [
            "",
            "../index.html",
            "js/../style.css",
            "jsconfig.json",
            "js",
        ] {
            let path = format!("assets/{}/{name}", *BUILD);
            assert!(!PAGE.contains_key(&path), "{path}");
        }
    }
}
