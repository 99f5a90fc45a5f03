//! The real binary as a process: its log kept, ended in order when dropped, its log shown when the test fails.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Read},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use super::wait::until;

/// After SIGTERM, before SIGKILL; the program promises 4 s.
const GRACE: Duration = Duration::from_secs(15);
/// Log lines shown of a process whose test failed.
const SHOWN: usize = 60;

/// The binary with nothing of the developer's own settings: no `SATSCOPE_*` variable, no `satscope.toml`.
pub fn satscope() -> Command {
    bare(env!("CARGO_BIN_EXE_satscope"))
}

/// Any program, likewise; and no journal, unless a test asks for one.
pub fn bare(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SATSCOPE_") {
            command.env_remove(name);
        }
    }
    command
        .env("NO_COLOR", "1")
        .env("SATSCOPE_STATE_DIR", "none")
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::null());
    command
}

/// Whether a program of that name is on the path.
pub fn is_installed(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

/// A loopback address that was free a moment ago and that no other call has given, for what has to be known before it listens.
pub fn reserve_address() -> SocketAddr {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        if GIVEN.lock().unwrap().insert(address.port()) {
            return address;
        }
    }
}

/// A folder that is there for the test's time.
pub struct Folder(PathBuf);

impl Folder {
    /// A new one; `name` tells it from others of the same test program.
    pub fn new(name: &str) -> Folder {
        let name = format!("{name}-{}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    /// Its path, as a flag takes it.
    pub fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// What a process wrote, line by line.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn follow(&self, source: impl Read + Send + 'static) -> JoinHandle<()> {
        let lines = self.0.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(source).lines().map_while(Result::ok) {
                lines.lock().unwrap().push(line);
            }
        })
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// A running process.
pub struct Part {
    name: String,
    child: Child,
    log: Log,
    readers: Vec<JoinHandle<()>>,
}

impl Part {
    /// Starts `satscope` with these arguments.
    pub fn satscope(arguments: &[&str]) -> Part {
        let mut command = satscope();
        command.args(arguments);
        Part::start(&mut command)
    }

    /// Starts what `command` says.
    pub fn start(command: &mut Command) -> Part {
        let name = format!("{command:?}");
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let log = Log::default();
        let readers = vec![
            log.follow(child.stdout.take().unwrap()),
            log.follow(child.stderr.take().unwrap()),
        ];
        Part {
            name,
            child,
            log,
            readers,
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its standard input, if that was to be piped; once.
    pub fn orders(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// All that it has written so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lines()
    }

    /// What follows `text` in the first line that holds it.
    pub async fn line(&mut self, text: &str) -> String {
        let what = format!("a line with {text:?} of {}", self.name);
        until(&what, async || {
            let lines = self.log();
            let rest = lines.iter().find_map(|line| line.split_once(text));
            if rest.is_none() {
                assert!(self.is_running(), "{}: ended too early", self.name);
            }
            rest.map(|(_, rest)| rest.to_owned())
        })
        .await
    }

    /// Where it listens by this setting.
    pub async fn listening(&mut self, setting: &str) -> SocketAddr {
        let rest = self.line(&format!("{setting}: listening on ")).await;
        // In JSON the line goes on.
        let address = rest.split('"').next().unwrap_or_default();
        address.parse().unwrap()
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Sends SIGKILL and waits until it is gone.
    pub async fn kill(&mut self) {
        self.child.kill().unwrap();
        self.ended().await;
    }

    /// Stops it where it stands, with its connections open, until it is thawed.
    pub fn freeze(&mut self) {
        self.send(Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw(&mut self) {
        self.send(Signal::CONT);
    }

    /// Sends SIGTERM, if it has not ended already.
    pub fn ask_to_end(&mut self) {
        self.send(Signal::TERM);
    }

    /// Sends SIGHUP, as a terminal that is closed does.
    pub fn hang_up(&mut self) {
        self.send(Signal::HUP);
    }

    /// Sends a signal, if it has not ended already.
    fn send(&mut self, signal: Signal) {
        if self.is_running() {
            let pid = Pid::from_child(&self.child);
            kill_process(pid, signal).unwrap();
        }
    }

    /// Waits until it has ended by itself; its log is complete then.
    pub async fn ended(&mut self) -> ExitStatus {
        let what = format!("the end of {}", self.name);
        let status = until(&what, async || self.child.try_wait().unwrap()).await;
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        status
    }

    /// Ends it with SIGTERM: its exit status, and how long it took.
    pub async fn end(&mut self) -> (ExitStatus, Duration) {
        let asked = Instant::now();
        self.ask_to_end();
        (self.ended().await, asked.elapsed())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.ask_to_end();
        let asked = Instant::now();
        while self.is_running() {
            if asked.elapsed() > GRACE {
                self.child.kill().unwrap();
                self.child.wait().unwrap();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        if std::thread::panicking() {
            let lines = self.log();
            let from = lines.len().saturating_sub(SHOWN);
            eprintln!("---- log of {}", self.name);
            eprintln!("{}\n----", lines[from..].join("\n"));
        }
    }
}
