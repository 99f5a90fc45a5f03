//! The files of `frontend/`, embedded in the program, and the hash that names this build of the page.

mod slim;

use std::{borrow::Cow, sync::LazyLock};

use bytes::Bytes;
use rust_embed::Embed;
use sha2::{Digest as _, Sha256};

#[derive(Embed)]
#[folder = "../frontend"]
struct Folder;

/// The kinds of files that are the page; other files of the folder are not served.
const KINDS: [(&str, &str); 6] = [
    ("html", "text/html; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("webmanifest", "application/manifest+json"),
];

/// Bytes of a hash that are used; each becomes two hexadecimal digits.
const HASH_BYTES: usize = 8;

/// A file of the page.
#[derive(Clone, Debug)]
pub struct File {
    /// Its path in `frontend/`.
    pub name: Cow<'static, str>,
    /// Its media type.
    pub content_type: &'static str,
    /// Its content.
    pub bytes: Bytes,
}

/// The files of the page, in the order of their names.
pub static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
    let mut files: Vec<File> = Folder::iter().filter_map(file).collect();
    files.sort_by(|one, other| one.name.cmp(&other.name));
    files
});

/// The hash over the names and contents of `FILES`. Two programs with the same build serve the same page.
pub static BUILD: LazyLock<String> = LazyLock::new(|| {
    let parts = FILES
        .iter()
        .flat_map(|file| [file.name.as_bytes(), &file.bytes]);
    hash_of(parts)
});

/// The first 16 hexadecimal digits of the SHA-256 over the lengths and bytes of these parts.
pub fn hash_of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        // The length comes first, so that moving a byte from one part to the next changes the hash.
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let hash = hasher.finalize();
    let digits = hash.iter().take(HASH_BYTES);
    digits.map(|byte| format!("{byte:02x}")).collect()
}

/// The embedded file of this name; `None` if there is none, or its kind is not one of the page's.
fn file(name: Cow<'static, str>) -> Option<File> {
    let (_, extension) = name.rsplit_once('.')?;
    let (_, content_type) = KINDS.iter().find(|(kind, _)| *kind == extension)?;
    let bytes = match Folder::get(&name)?.data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    let bytes = match extension {
        "js" | "css" => slim::slim(std::str::from_utf8(&bytes).ok()?).into(),
        _ => bytes,
    };
    Some(File {
        name,
        content_type,
        bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_changes_with_each_name_content_and_boundary() {
        let files: [&[&[u8]]; 5] = [
            &[b"a.js", b"one", b"b.js", b"two"],
            &[b"a.js", b"one", b"c.js", b"two"],
            &[b"a.js", b"one", b"b.js", b"twO"],
            &[b"a.js", b"oneb", b".js", b"two"],
            &[b"a.js", b"one"],
        ];
        let hashes = files.map(|parts| hash_of(parts.iter().copied()));
        for (at, hash) in hashes.iter().enumerate() {
            assert!(!hashes[..at].contains(hash), "{:?}", files[at]);
            assert_eq!(hash.len(), 2 * HASH_BYTES);
        }
        assert_eq!(hashes[0], hash_of(files[0].iter().copied()));
    }

    #[test]
    fn only_the_page_is_served() {
        let names: Vec<&str> = FILES.iter().map(|file| &*file.name).collect();
        for name in [
            "index.html",
            "start.js",
            "style.css",
            "favicon.svg",
            "js/main.js",
        ] {
            assert!(names.contains(&name), "{name} is not in {names:?}");
        }
        let others = names
            .iter()
            .filter(|name| name.starts_with("tests") || name.ends_with("json"));
        assert_eq!(others.count(), 0, "{names:?}");
    }
}
