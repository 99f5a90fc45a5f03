//! Which files are read, and which are refused by their owner, their mode or their kind.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt as _, chown, symlink},
    process::Command,
};

use super::*;

pub fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn fault(path: &Path) -> FileFault {
    read(path, Owners::of(path.parent().unwrap()), 10)
        .unwrap_err()
        .fault
}

fn written(folder: &Path, content: &str) -> PathBuf {
    let path = folder.join("file");
    fs::write(&path, content).unwrap();
    path
}

#[test]
fn a_file_up_to_the_limit_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), "0123456789");
    assert_eq!(
        read(&path, Owners::of(folder.path()), 10).unwrap(),
        b"0123456789"
    );
    fs::write(&path, "0123456789+").unwrap();
    assert!(matches!(fault(&path), FileFault::TooLong { limit: 10 }));
}

#[test]
fn a_missing_file_is_told_from_a_folder_and_a_socket() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(
        fault(&folder.path().join("none")),
        FileFault::Missing
    ));
    assert!(matches!(
        fault(&folder.path().join("none/none")),
        FileFault::Missing
    ));
    fs::create_dir(folder.path().join("folder")).unwrap();
    assert!(matches!(
        fault(&folder.path().join("folder")),
        FileFault::NotRegular
    ));
    let socket = folder.path().join("socket");
    let _socket = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    assert!(matches!(fault(&socket), FileFault::Io(_)));
}

#[test]
fn a_pipe_is_refused_without_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    assert!(matches!(fault(&pipe), FileFault::NotRegular));
    assert!(matches!(
        read(Path::new("/dev/null"), Owners::of(folder.path()), 10),
        Err(FileError {
            fault: FileFault::NotRegular,
            ..
        })
    ));
}

#[test]
fn a_file_that_all_may_write_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), "");
    chmod(&path, 0o646);
    assert!(matches!(fault(&path), FileFault::WritableByAll(access) if access.path == path));
    chmod(&path, 0o664);
    assert!(read(&path, Owners::of(folder.path()), 10).is_ok());
}

#[test]
fn a_folder_that_all_may_write_is_refused_unless_it_is_sticky() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), "");
    chmod(folder.path(), 0o777);
    assert!(
        matches!(fault(&path), FileFault::WritableByAll(access) if access.path == folder.path())
    );
    chmod(folder.path(), 0o1777);
    assert!(read(&path, Owners::of(folder.path()), 10).is_ok());
}

#[test]
fn a_link_is_followed_and_the_folder_behind_it_checked() {
    let (folder, behind) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let link = folder.path().join("link");
    symlink(written(behind.path(), "behind"), &link).unwrap();
    assert_eq!(
        read(&link, Owners::of(folder.path()), 10).unwrap(),
        b"behind"
    );
    chmod(behind.path(), 0o777);
    assert!(matches!(fault(&link), FileFault::WritableByAll(_)));
}

#[test]
fn root_our_user_and_the_nodes_user_are_trusted() {
    let owners = Owners {
        ours: 1000,
        node: Some(105),
    };
    let access = |uid| Access {
        path: PathBuf::new(),
        uid,
        gid: 0,
        mode: 0o600,
    };
    for uid in [0, 1000, 105] {
        assert!(check_file(access(uid), owners).is_ok());
    }
    let refused = check_file(access(1001), owners);
    assert!(matches!(
        refused,
        Err(FileFault::ForeignOwner { uid: 1001 })
    ));
}

#[test]
fn a_file_of_another_user_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), "");
    // Only root may give files away.
    if chown(&path, Some(4321), None).is_err() {
        return;
    }
    assert!(matches!(
        fault(&path),
        FileFault::ForeignOwner { uid: 4321 }
    ));
    chown(folder.path(), Some(4321), None).unwrap();
    assert!(read(&path, Owners::of(folder.path()), 10).is_ok());
}

#[test]
fn a_denied_file_names_what_stops_us() {
    let folder = tempfile::tempdir().unwrap();
    chmod(folder.path(), 0o710);
    let error = io::Error::from(ErrorKind::PermissionDenied);
    let error = FileError::of_system(&folder.path().join("none/.cookie"), error);
    assert!(error.is_denied());
    let shown = error.to_string();
    assert!(shown.contains("mode 0710"), "{shown}");
    assert!(
        shown.contains(&format!(": {} belongs", folder.path().display())),
        "{shown}"
    );
}
