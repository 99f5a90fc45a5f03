//! What looks at a file find as it comes, changes, breaks and goes.

use std::{
    fs::{File, FileTimes},
    os::unix::fs::{PermissionsExt as _, symlink},
    process::Command,
    time::{Duration, SystemTime},
};

use tempfile::TempDir;

use super::*;
use crate::exchange::Currency;

/// A folder with the file, and what is known of it.
struct Scene {
    folder: TempDir,
    file: RatesFile,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = RatesFile::new(folder.path().join("fx.csv"));
        Scene { folder, file }
    }

    /// A scene whose file has been read.
    fn read(content: &str) -> Self {
        let mut scene = Scene::new();
        scene.write(content);
        assert!(scene.eur().is_some());
        scene
    }

    fn path(&self) -> PathBuf {
        self.file.path.clone()
    }

    fn write(&self, content: &str) {
        fs::write(self.path(), content).unwrap();
    }

    /// As cron jobs do it: a file beside the other takes its place.
    fn replace(&self, content: &str) {
        let beside = self.folder.path().join("new");
        fs::write(&beside, content).unwrap();
        fs::rename(beside, self.path()).unwrap();
    }

    /// The euro in the content that the next look finds; `None` if it finds none.
    fn eur(&mut self) -> Option<f64> {
        let found = self.file.look();
        let Look::Used(content) = found else {
            assert_eq!(found, Look::NothingNew);
            return None;
        };
        let eur = Currency::read("EUR").unwrap();
        let live = content.rates.live(eur, content.written);
        live.map(|(units, _)| units.units())
    }

    fn refusal(&mut self) -> String {
        match self.file.look() {
            Look::Refused(fault) => fault,
            other => panic!("{other:?}"),
        }
    }

    /// Two looks: the first after a change sees that the file changes, and the second that it has settled.
    fn settled(&mut self) -> &mut Self {
        assert_eq!(self.file.look(), Look::NothingNew);
        self
    }
}

#[test]
fn a_file_is_read_at_once_and_again_when_it_has_changed() {
    let mut scene = Scene::new();
    scene.write("EUR,0.92\n");
    assert_eq!(scene.eur(), Some(0.92));
    assert_eq!(scene.eur(), None, "it has not changed");
    scene.replace("EUR,0.93\n");
    assert_eq!(scene.settled().eur(), Some(0.93));
    scene.write("EUR,0.9\n");
    assert_eq!(scene.settled().eur(), Some(0.9));
    assert_eq!(scene.eur(), None);
}

#[test]
fn a_file_that_is_being_written_is_not_read() {
    let mut scene = Scene::read("EUR,0.92\nGBP,0.79\n");
    let rows = [
        "EUR,0.93\n",
        "EUR,0.93\nGB",
        "EUR,0.93\nGBP,0",
        "EUR,0.93\nGBP,0.8\n",
    ];
    for rows in rows {
        scene.write(rows);
        assert_eq!(scene.file.look(), Look::NothingNew, "{rows}");
    }
    assert_eq!(scene.eur(), Some(0.93));
}

#[test]
fn a_file_that_cannot_be_used_is_refused_once_and_then_read_when_it_is_mended() {
    let mut scene = Scene::read("EUR,0.92\n");
    for (content, expected) in [
        ("", "it is empty"),
        ("EUR,0.9\nGBP", "line 2: expected currency"),
        ("[{\"currency\":\"EUR\"", "line 1: EOF"),
        ("eur,0.9\n", "line 1: currency"),
    ] {
        scene.replace(content);
        let refusal = scene.settled().refusal();
        assert!(refusal.contains(expected), "{refusal}");
        assert_eq!(scene.eur(), None, "it is told once");
    }
    scene.replace("EUR,0.94\n");
    assert_eq!(scene.settled().eur(), Some(0.94));
}

#[test]
fn a_file_may_come_after_the_start_go_and_come_back() {
    let mut scene = Scene::new();
    let missing = scene.refusal();
    assert!(missing.contains("No such file"), "{missing}");
    assert_eq!(scene.eur(), None, "it is told once");
    scene.write("EUR,0.92\n");
    assert_eq!(scene.settled().eur(), Some(0.92));
    let away = scene.folder.path().join("away");
    fs::rename(scene.path(), &away).unwrap();
    assert_eq!(scene.settled().refusal(), missing);
    fs::rename(away, scene.path()).unwrap();
    assert_eq!(scene.settled().eur(), Some(0.92));
}

#[test]
fn a_file_that_is_too_long_or_no_regular_file_is_refused_without_waiting() {
    let mut scene = Scene::new();
    let row = "EUR,0.92\n";
    let limit = usize::try_from(MOST_BYTES).unwrap();
    let longest = format!("{row}{}", "\n".repeat(limit - row.len()));
    scene.write(&longest);
    assert_eq!(scene.eur(), Some(0.92));
    scene.replace(&format!("{longest}\n"));
    let refusal = scene.settled().refusal();
    assert!(refusal.contains("longer than 1000000 bytes"), "{refusal}");

    fs::remove_file(scene.path()).unwrap();
    fs::create_dir(scene.path()).unwrap();
    let refusal = scene.settled().refusal();
    assert!(refusal.contains("not a regular file"), "{refusal}");
    fs::remove_dir(scene.path()).unwrap();
    let made = Command::new("mkfifo").arg(scene.path()).status().unwrap();
    assert!(made.success());
    assert_eq!(scene.settled().refusal(), refusal);
    fs::remove_file(scene.path()).unwrap();
    symlink("/dev/zero", scene.path()).unwrap();
    assert_eq!(scene.settled().refusal(), refusal);
}

#[test]
fn a_link_to_a_file_is_followed_and_noticed_when_it_leads_elsewhere() {
    let mut scene = Scene::new();
    for (name, content, eur) in [("one", "EUR,0.92\n", 0.92), ("two", "EUR,0.93\n", 0.93)] {
        let beside = scene.folder.path().join("link");
        fs::write(scene.folder.path().join(name), content).unwrap();
        symlink(name, &beside).unwrap();
        fs::rename(beside, scene.path()).unwrap();
        if name == "two" {
            scene.settled();
        }
        assert_eq!(scene.eur(), Some(eur));
    }
}

#[test]
fn a_file_that_may_not_be_read_is_told_once_and_read_when_it_may() {
    let mut scene = Scene::new();
    scene.write("EUR,0.92\n");
    let permit = |mode| {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(scene.file.path.clone(), permissions).unwrap();
    };
    permit(0o000);
    if File::open(scene.path()).is_ok() {
        // Root may read every file.
        return;
    }
    let refusal = scene.refusal();
    assert!(refusal.contains("Permission denied"), "{refusal}");
    assert_eq!(scene.eur(), None, "it is told once");
    let permissions = fs::Permissions::from_mode(0o600);
    fs::set_permissions(scene.path(), permissions).unwrap();
    assert_eq!(scene.settled().eur(), Some(0.92));
}

#[test]
fn the_files_last_change_is_the_date_of_its_undated_rates() {
    let mut scene = Scene::new();
    scene.write("EUR,0.92\n");
    let seconds = 1_709_251_200;
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let file = File::options().write(true).open(scene.path()).unwrap();
    file.set_times(FileTimes::new().set_modified(then)).unwrap();
    let Look::Used(content) = scene.file.look() else {
        panic!("it can be used");
    };
    assert_eq!(content.written, 1_709_251_200);
    let eur = Currency::read("EUR").unwrap();
    assert!(
        content
            .rates
            .live(eur, content.written + 7 * 86_400)
            .is_some()
    );
    assert!(
        content
            .rates
            .live(eur, content.written + 8 * 86_400)
            .is_none()
    );
}
