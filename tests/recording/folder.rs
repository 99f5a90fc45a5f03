//! The folder of a recording, and what it holds.

use std::{
    fs,
    path::{Path, PathBuf},
};

use satscope_bitcoin::{
    frame::Frame,
    recording::{LineContent, Series, files, is_recording},
};

/// A folder that is there for the test's time.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Folder {
        let name = format!("recording-{name}-{}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// What a file or a folder of them holds: the frames, and the texts of the notes.
pub fn recorded(path: &Path) -> (Vec<Frame>, Vec<String>) {
    let all = match is_recording(path) {
        true => vec![path.to_owned()],
        false => files(path).unwrap(),
    };
    let (mut frames, mut notes) = (Vec::new(), Vec::new());
    for record in Series::new(all) {
        match record.unwrap().event {
            LineContent::Frame(frame) => frames.push(frame),
            LineContent::Note { text, .. } => notes.push(text),
            LineContent::Checkpoint(_) => {}
        }
    }
    (frames, notes)
}
