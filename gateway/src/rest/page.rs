//! The page's files. Files at an address without a build, such as `index.html`, are revalidated at each visit. All
//! others lie under `assets/BUILD/`, where their content never changes, so that browsers keep them without asking.
//! Every address in the page is relative, because a proxy may serve the page under a path of its own.

mod modules;

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;

use super::{Rest, open_graph::PublicUrl};
use crate::{
    answer::{
        encoded::Encoded,
        etag::{IMMUTABLE, revalidated},
        problem::Problem,
    },
    files::{BUILD, FILES, File, hash_of},
};

/// The file name of the page's HTML document.
const INDEX: &str = "index.html";

/// Endings of files that have the same address in every build, if they lie in no folder. `start.js` runs when files of
/// a build are refused. Browsers ask for the service worker, the manifest and its icons by the addresses of the time
/// when the page was installed.
const AT_THE_ROOT: [&str; 4] = [".html", ".js", ".webmanifest", ".png"];

/// The modules that the document names, in the order in which they run. For each, the document has a mark that is
/// replaced by the list of modules that it needs, so that browsers fetch them before an importing module has come.
const ENTRIES: [&str; 2] = ["js/first.js", "js/main.js"];

/// Line of the document that is replaced by the tags that tell other sites how to show a link to the page.
const OPEN_GRAPH: &str = "  <!-- open graph -->\n";

/// The folder of the files with an address of their build.
const ASSETS: &str = "assets/";

/// A file as it is sent.
#[derive(Debug)]
struct Served {
    content_type: &'static str,
    body: Encoded,
    /// The hash of the content; `None` if the content at this address never changes.
    tag: Option<String>,
}

/// All files of the page but the document, by path without the leading slash.
static PAGE: LazyLock<HashMap<String, Served>> = LazyLock::new(|| {
    let files = FILES.iter().filter(|file| file.name != INDEX);
    files.map(|file| served(file, &BUILD)).collect()
});

/// The document as this gateway serves it.
#[derive(Clone, Debug)]
pub struct Index(Option<Arc<Served>>);

/// The document without tags for links, for a gateway that does not know its address.
static PLAIN: LazyLock<Index> = LazyLock::new(|| Index::made(None));

impl Index {
    /// The document, with tags for links if the page's address is known.
    pub fn at(url: Option<&PublicUrl>) -> Self {
        match url {
            Some(_) => Index::made(url),
            None => PLAIN.clone(),
        }
    }

    fn made(url: Option<&PublicUrl>) -> Self {
        let file = FILES.iter().find(|file| file.name == INDEX);
        let served = file.map(|file| {
            let index = String::from_utf8_lossy(&file.bytes);
            let tags = url.map(PublicUrl::tags);
            let text = document(&index, &FILES, &BUILD, tags.as_deref());
            Arc::new(Served::revalidated(file.content_type, text.into()))
        });
        Index(served)
    }
}

/// Answers every path that is no other route. Paths are looked up in a table, so none leads out of it.
pub async fn serve(
    State(rest): State<Rest>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let path = match uri.path() {
        "/" => INDEX,
        path => path.strip_prefix('/').unwrap_or(path),
    };
    let file = match path {
        INDEX => rest.index.0.as_deref(),
        path => PAGE.get(path),
    };
    let Some(file) = file else {
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

/// The words for a client that asks for a path without a file.
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

/// An answer that never changes. It varies with the encoding alone, so that a file fetched by `start.js` also serves a
/// `<link>`, whose `Accept` differs.
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

/// The file's path in a build, and the file as it is sent there.
fn served(file: &File, build: &str) -> (String, Served) {
    let mut served = Served::revalidated(file.content_type, file.bytes.clone());
    if !is_at_the_root(&file.name) {
        served.tag = None;
    }
    (address(&file.name, build), served)
}

impl Served {
    /// A file whose content may change at its address.
    fn revalidated(content_type: &'static str, bytes: Bytes) -> Self {
        Served {
            content_type,
            tag: Some(hash_of([&*bytes])),
            body: Encoded::best(bytes),
        }
    }
}

/// The document with its files' addresses in this build, with a line for each module, and with `tags` if there are any.
fn document(index: &str, files: &[File], build: &str, tags: Option<&str>) -> String {
    let mut index = index.to_owned();
    let mut preloaded = Vec::new();
    for entry in ENTRIES {
        let needed = modules::needed_by(entry, files, &preloaded);
        let lines: Vec<String> = needed.iter().map(|name| preload(name)).collect();
        index = index.replacen(&mark(entry), &lines.join("\n  "), 1);
        preloaded.extend(needed);
    }
    let index = files.iter().fold(index, |index, File { name, .. }| {
        index.replace(
            &format!("\"{name}\""),
            &format!("\"{}\"", address(name, build)),
        )
    });
    let tags = tags.map_or(String::new(), |tags| format!("  {tags}\n"));
    index.replacen(OPEN_GRAPH, &tags, 1)
}

/// The document's mark for the modules that `entry` needs.
fn mark(entry: &str) -> String {
    format!("<!-- modulepreload {entry} -->")
}

/// The line that has a browser fetch a module.
fn preload(name: &str) -> String {
    format!("<link rel=\"modulepreload\" href=\"{name}\">")
}

/// The file's path in a build, relative to the page.
fn address(name: &str, build: &str) -> String {
    match is_at_the_root(name) {
        true => name.to_owned(),
        false => format!("{ASSETS}{build}/{name}"),
    }
}

fn is_at_the_root(name: &str) -> bool {
    !name.contains('/') && AT_THE_ROOT.iter().any(|kind| name.ends_with(kind))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The document as it is served.
    fn index() -> String {
        served_at(None)
    }

    /// The document as it is served at this address.
    fn served_at(url: Option<&PublicUrl>) -> String {
        let served = Index::at(url).0.unwrap();
        let (bytes, _) = served.body.for_request(&HeaderMap::new());
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// Whether a text other than the document names a file: the manifest names its icons, a module the service worker.
    fn is_named_by_another(name: &str) -> bool {
        let others = FILES.iter().filter(|file| file.name != name);
        let texts = others.filter(|file| !file.content_type.starts_with("image/png"));
        let mut texts = texts.map(|file| String::from_utf8_lossy(&file.bytes));
        texts.any(|text| text.contains(name))
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
            let is_named = named.contains(&&*address);
            let may_be_named_elsewhere = is_at_the_root(&file.name);
            assert!(
                is_named || may_be_named_elsewhere && is_named_by_another(&file.name),
                "{address} is not in {named:?}"
            );
        }
    }

    #[test]
    fn what_is_asked_for_without_a_build_has_the_same_address_in_each() {
        for name in [
            "index.html",
            "start.js",
            "sw.js",
            "manifest.webmanifest",
            "icon-maskable-512.png",
        ] {
            assert_eq!(address(name, "0000"), name);
        }
        for name in ["style.css", "favicon.svg", "js/main.js", "js/shell/sw.js"] {
            assert_eq!(address(name, "0000"), format!("assets/0000/{name}"));
        }
    }

    #[test]
    fn the_tags_for_other_sites_are_there_where_the_address_is_known() {
        let url = PublicUrl::read("https://example.org/satscope/").unwrap();
        let (plain, tagged) = (index(), served_at(Some(&url)));
        assert!(!plain.contains("og:") && !plain.contains(OPEN_GRAPH.trim()));
        let image = "content=\"https://example.org/satscope/price.png\"";
        assert_eq!(tagged.matches(image).count(), 1, "{tagged}");
        assert_eq!(tagged.replace(&format!("  {}\n", url.tags()), ""), plain);
        let tag = |url| Index::at(url).0.unwrap().tag.clone().unwrap();
        assert_ne!(tag(None), tag(Some(&url)));
        let other = PublicUrl::read("https://example.org").unwrap();
        assert_ne!(tag(Some(&other)), tag(Some(&url)));
    }

    /// Bytes that a browser on plain HTTP, which takes no Brotli, fetches before the page stands, without icons and points.
    const MOST_BYTES: usize = 110_000;

    #[test]
    fn the_page_takes_few_bytes_on_plain_http() {
        let gzip = HeaderMap::from_iter([(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("gzip, deflate"),
        )]);
        let index = PLAIN.0.as_deref().unwrap();
        let files = PAGE
            .values()
            .filter(|file| file.content_type != "image/png");
        let bytes: usize = files
            .chain([index])
            .map(|file| file.body.for_request(&gzip).0.len())
            .sum();
        assert!(bytes < MOST_BYTES, "{bytes}");
    }

    #[test]
    fn each_module_is_preloaded_once() {
        let index = index();
        for file in FILES.iter().filter(|file| file.name.starts_with("js/")) {
            let line = preload(&address(&file.name, &BUILD));
            assert_eq!(index.matches(&line).count(), 1, "{line}");
        }
        for entry in ENTRIES {
            assert!(!index.contains(&mark(entry)), "{entry}");
        }
    }

    #[test]
    fn few_modules_come_before_the_first_price() {
        let first = modules::needed_by(ENTRIES[0], &FILES, &[]);
        let all = FILES.iter().filter(|file| file.name.starts_with("js/"));
        assert!(3 * first.len() < all.count(), "{first:?}");
        let index = index();
        let before = index.split("<template id=\"rest\">").next().unwrap();
        assert_eq!(before.matches("modulepreload").count(), first.len());
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
