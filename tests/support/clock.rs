//! A process whose system clock a test sets, while the node's and the test's own go on as they are.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use super::part::Folder;

/// The clock of the processes that are started with it.
pub struct SetClock {
    folder: Folder,
}

impl SetClock {
    /// One that is so many seconds ahead; `name` is unique in this test program.
    pub fn ahead(name: &str, seconds: i64) -> SetClock {
        let clock = SetClock {
            folder: Folder::new(&format!("clock-{name}")),
        };
        clock.set(seconds);
        clock
    }

    /// Sets it to so many seconds ahead of the true time.
    pub fn set(&self, seconds: i64) {
        // In place: the processes have mapped it.
        use std::{fs::OpenOptions, io::Write as _};
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.file());
        file.unwrap().write_all(&seconds.to_ne_bytes()).unwrap();
    }

    /// Gives it to a process that is about to start.
    pub fn give(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", library())
            .env("CLOCK_SHIFT_FILE", self.file());
    }

    fn file(&self) -> PathBuf {
        Path::new(self.folder.path()).join("shift")
    }
}

/// The library, which is compiled once.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let name = format!("clock-{}.so", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/clock.c");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&path, &source])
            .arg("-ldl")
            .status();
        assert!(compiled.expect("cc").success());
        path
    })
}
