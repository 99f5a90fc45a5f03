//! The files that a command names: what a pack may take the place of, and what is read as one.

use std::{
    fs, io,
    os::unix::{fs::symlink, net::UnixListener},
    process::Command,
    time::{Duration, SystemTime},
};

use super::*;

fn pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

/// The words that refuse to make a pack at this place.
async fn refuses(kept: &Kept, node: &FakeNode, file: &Path) -> String {
    let refused = make(&kept.readers, node, MODEL, file).await;
    refused.unwrap_err().to_string()
}

#[tokio::test]
async fn a_pack_takes_the_place_of_nothing_but_a_pack() {
    let node = FakeNode::new(TIP);
    let kept = Kept::filled(&node, &[0]).await;
    let history = path_in(kept.folder.path());
    let before = fs::read(&history).unwrap();
    for (name, bytes) in [("letter", &b"a letter"[..]), ("empty", b"")] {
        let file = kept.file(name);
        fs::write(&file, bytes).unwrap();
        let words = refuses(&kept, &node, &file).await;
        assert!(words.contains("it is no pack of Satscope"), "{words}");
        assert!(words.contains("name a file that is not there"), "{words}");
        assert_eq!(fs::read(&file).unwrap(), bytes);
    }
    let words = refuses(&kept, &node, &history).await;
    assert!(words.contains("choose another name"), "{words}");
    assert_eq!(fs::read(&history).unwrap(), before);
    pipe(&kept.file("pipe"));
    let _socket = UnixListener::bind(kept.file("socket")).unwrap();
    let (pack, _) = kept.pack(&node).await;
    symlink(&pack, kept.file("link")).unwrap();
    symlink(kept.file("nowhere"), kept.file("dangling")).unwrap();
    fs::create_dir(kept.file("folder")).unwrap();
    for name in ["pipe", "socket", "link", "dangling", "folder"] {
        let kind = fs::symlink_metadata(kept.file(name)).unwrap().file_type();
        let words = refuses(&kept, &node, &kept.file(name)).await;
        assert!(words.contains("it is no regular file"), "{name}: {words}");
        let is = fs::symlink_metadata(kept.file(name)).unwrap().file_type();
        assert_eq!(is, kind, "{name}");
    }
    fs::write(&pack, &fs::read(&pack).unwrap()[..500]).unwrap();
    assert_eq!(kept.pack(&node).await.1.periods, 1, "a pack is replaced");
}

#[tokio::test]
async fn a_name_that_satscope_uses_in_its_folder_is_refused_even_where_no_file_is() {
    let node = FakeNode::new(TIP);
    let kept = Kept::filled(&node, &[0]).await;
    for name in [
        "history-main.sqlite",
        "history-regtest-simulated.sqlite-journal",
        "recent-main.sqlite",
        "blocks-main.sqlite-wal",
    ] {
        let words = refuses(&kept, &node, &kept.file(name)).await;
        assert!(words.contains("of Satscope's own files"), "{words}");
        assert!(!kept.file(name).exists());
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("history-main.sqlite.pack");
    make(&kept.readers, &node, MODEL, &file).await.unwrap();
    make(&kept.readers, &node, MODEL, &kept.file("history-main.pack"))
        .await
        .unwrap();
}

#[tokio::test]
async fn what_killed_packs_left_is_removed_and_what_others_write_stays() {
    let node = FakeNode::new(TIP);
    let kept = Kept::filled(&node, &[0]).await;
    let old = SystemTime::now() - Duration::from_mins(10);
    let put = |name: &str, at: SystemTime| {
        let file = fs::File::create(kept.file(name)).unwrap();
        file.set_modified(at).unwrap();
        file
    };
    drop(put(".satscope-pack-Killed", old));
    drop(put(".satscope-pack-of-a-person", old));
    drop(put(".satscope-pack-Recent", SystemTime::now()));
    let busy = put(".satscope-pack-Writes", old);
    busy.lock().unwrap();
    pipe(&kept.file(".satscope-pack-aPipe0"));
    kept.pack(&node).await;
    let is_there = |name: &str| fs::symlink_metadata(kept.file(name)).is_ok();
    assert!(!is_there(".satscope-pack-Killed"));
    for name in ["of-a-person", "Recent", "Writes", "aPipe0"] {
        assert!(is_there(&format!(".satscope-pack-{name}")), "{name}");
    }
}

#[tokio::test]
async fn a_pipe_is_not_read_as_a_pack_and_not_waited_for() {
    let node = FakeNode::new(TIP);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pipe");
    pipe(&file);
    let read = tokio::task::spawn_blocking({
        let file = file.clone();
        move || PackReader::open(&file).map(drop)
    });
    let read = tokio::time::timeout(Duration::from_mins(1), read).await;
    let Ok(read) = read else {
        // Ends the reader that waits, so that the test can end.
        fs::OpenOptions::new().write(true).open(&file).unwrap();
        panic!("the pipe is waited for");
    };
    let words = read.unwrap().unwrap_err().to_string();
    assert!(words.contains("not a regular file"), "{words}");
    let refused = take(&file, folder.path(), None, Some(&node)).await;
    let words = refused.unwrap_err().to_string();
    assert!(words.contains("not a regular file"), "{words}");
    let missing = PackReader::open(&folder.path().join("none")).unwrap_err();
    assert!(
        matches!(&missing, PackError::File { reason, .. } if reason.kind() == io::ErrorKind::NotFound),
        "{missing}"
    );
}
