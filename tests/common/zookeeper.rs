//! Runs ZooKeeper servers, alone or as an ensemble: on the loopback interface, on free ports, with
//! the configuration and the server's log in a folder of their own, never in a data directory.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::common::release::Release;

/// `super:secret`, as `DigestAuthenticationProvider` wants it: user, and Base64 of the SHA-1 of
/// `user:password`.
const SUPER_DIGEST: &str = "super:lK75jTNcA+U9vtVEw5vB51mj/w4=";

/// How long a server may take to answer, and an ensemble to elect: on a machine that has other
/// things to do, too. Nothing waits longer than it has to, so this is only how long a failure
/// takes.
pub const READY_TIMEOUT: Duration = Duration::from_secs(240);

/// How long a server may take to end after SIGTERM; then it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// How long an answer to a four-letter word may take.
const WORD_TIMEOUT: Duration = Duration::from_secs(10);

/// How often new ports are taken after others were faster to bind them.
const PORT_ATTEMPTS: usize = 5;

/// What a test can choose about a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// A snapshot after at most this many txns.
    pub snap_count: u32,
    /// The unit in which logs are padded, in KB.
    pub pre_alloc_size_kb: u32,
    /// `jute.maxbuffer`, in bytes.
    pub max_buffer: usize,
    /// `gz` or `snappy`, for snapshots of 3.6 and later.
    pub compression: Option<&'static str>,
    /// Whether TTL znodes are allowed.
    pub extended_types: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            snap_count: 100_000,
            pre_alloc_size_kb: 1024,
            max_buffer: 4 << 20,
            compression: None,
            extended_types: true,
        }
    }
}

impl Options {
    fn java_properties(&self) -> Vec<String> {
        let mut properties = vec![
            "zookeeper.admin.enableServer=false".to_string(),
            "zookeeper.4lw.commands.whitelist=*".to_string(),
            "zookeeper.jmx.log4j.disable=true".to_string(),
            "zookeeper.skipACL=no".to_string(),
            format!("zookeeper.DigestAuthenticationProvider.superDigest={SUPER_DIGEST}"),
            // A killed process loses nothing that the system already has; only a power cut would,
            // and none is tested.
            "zookeeper.forceSync=no".to_string(),
            // Expired containers and TTL znodes stay: what a test sees does not depend on how long
            // it takes.
            "znode.container.checkIntervalMs=36000000".to_string(),
            format!("zookeeper.extendedTypesEnabled={}", self.extended_types),
            format!("zookeeper.snapCount={}", self.snap_count),
            format!("zookeeper.preAllocSize={}", self.pre_alloc_size_kb),
            format!("jute.maxbuffer={}", self.max_buffer),
            "log4j2.level=INFO".to_string(),
        ];
        if let Some(method) = self.compression {
            properties.push(format!("zookeeper.snapshot.compression.method={method}"));
        }
        properties
    }
}

/// What the four-letter word `srvr` tells.
#[derive(Clone, Debug)]
pub struct Status {
    /// The last processed zxid.
    pub zxid: i64,
    /// The number of znodes; the root counts twice, as "" and as "/".
    pub node_count: usize,
    /// `standalone`, `leader` or `follower`.
    pub mode: String,
}

/// Why a server did not get ready.
enum StartError {
    /// Another program took one of the ports meanwhile.
    PortTaken,
    /// Anything else, with the end of the server's log.
    Failed(String),
}

/// A running server process. Dropping it kills the process.
pub struct Server {
    release: Release,
    options: Options,
    child: Option<Child>,
    /// Configuration and log; removed with the server.
    folder: TempDir,
    client_port: u16,
    main_class: &'static str,
    /// How much of the log earlier processes wrote.
    log_before: usize,
}

impl Server {
    /// Starts a standalone server on `data_dir` and waits until it serves.
    pub fn standalone(
        release: &Release,
        data_dir: &Path,
        data_log_dir: Option<&Path>,
        options: &Options,
    ) -> Server {
        let mut last_attempt = String::new();
        for _ in 0..PORT_ATTEMPTS {
            let client_port = free_ports(1).remove(0);
            let mut server = Server::new(release, options, client_port, "ZooKeeperServerMain");
            let config = base_config(data_dir, data_log_dir) + &client_lines(client_port);
            server.write_config(&config);
            server.spawn();
            match server.wait_until_ready() {
                Ok(()) => return server,
                Err(StartError::PortTaken) => last_attempt = server.log_tail(),
                Err(StartError::Failed(why)) => panic!("{why}"),
            }
        }
        panic!("{release}: ports were taken again and again\n{last_attempt}");
    }

    /// Starts a server on `data_dir`, alone or as member 1 of three whose others never come, and
    /// waits until it serves or has ended: whether it served, and all that it printed. A member
    /// that only looks for the others is killed after `patience`.
    pub fn try_start(
        release: &Release,
        data_dir: &Path,
        is_member: bool,
        patience: Duration,
    ) -> (bool, String) {
        let main_class = if is_member {
            "QuorumPeerMain"
        } else {
            "ZooKeeperServerMain"
        };
        let mut last_attempt = String::new();
        for _ in 0..PORT_ATTEMPTS {
            let ports = free_ports(7);
            let server = Server::new(release, &Options::default(), ports[0], main_class);
            let mut config = base_config(data_dir, None) + &client_lines(ports[0]);
            if is_member {
                fs::write(data_dir.join("myid"), "1\n").expect("myid");
                config += "initLimit=30\nsyncLimit=15\n";
                for (id, ports) in (1..).zip(ports[1..].chunks(2)) {
                    config += &format!("server.{id}=127.0.0.1:{}:{}\n", ports[0], ports[1]);
                }
            }
            server.write_config(&config);
            let (status, log) = server.run_until_known(patience);
            if status.is_some() || !is_port_taken(&log) {
                return (status.is_some(), log);
            }
            last_attempt = log;
        }
        panic!("{release}: ports were taken again and again\n{last_attempt}");
    }

    /// Starts a server with this `zoo.cfg`, which has `client_port`, and waits until it serves or
    /// has ended: whether it served, and all that it printed.
    pub fn try_config(
        release: &Release,
        config: &str,
        client_port: u16,
        patience: Duration,
    ) -> (bool, String) {
        let server = Server::new(release, &Options::default(), client_port, "QuorumPeerMain");
        server.write_config(config);
        let (status, log) = server.run_until_known(patience);
        (status.is_some(), log)
    }

    /// Starts a standalone server on directories that may be at fault, and waits until it serves or
    /// has ended: what it serves, and all that it printed.
    pub fn try_standalone(
        release: &Release,
        data_dir: &Path,
        data_log_dir: Option<&Path>,
        options: &Options,
        patience: Duration,
    ) -> (Option<Status>, String) {
        let mut last_attempt = String::new();
        for _ in 0..PORT_ATTEMPTS {
            let port = free_ports(1).remove(0);
            let server = Server::new(release, options, port, "ZooKeeperServerMain");
            server.write_config(&(base_config(data_dir, data_log_dir) + &client_lines(port)));
            let (status, log) = server.run_until_known(patience);
            if status.is_some() || !is_port_taken(&log) {
                return (status, log);
            }
            last_attempt = log;
        }
        panic!("{release}: ports were taken again and again\n{last_attempt}");
    }

    /// Runs the server until it serves or has ended, and ends it.
    fn run_until_known(mut self, patience: Duration) -> (Option<Status>, String) {
        self.spawn();
        let started = Instant::now();
        let mut status = None;
        while status.is_none() && started.elapsed() < patience {
            let child = self.child.as_mut().expect("it was spawned");
            if child.try_wait().expect("the server's state").is_some() {
                break;
            }
            thread::sleep(Duration::from_millis(50));
            status = self.status();
        }
        self.kill();
        let log = fs::read(self.log_path()).unwrap_or_default();
        (status, String::from_utf8_lossy(&log).into_owned())
    }

    fn new(
        release: &Release,
        options: &Options,
        client_port: u16,
        main_class: &'static str,
    ) -> Server {
        let folder =
            TempDir::with_prefix("zookeeper-").expect("a folder for the server's configuration");
        Server {
            release: release.clone(),
            options: options.clone(),
            child: None,
            folder,
            client_port,
            main_class,
            log_before: 0,
        }
    }

    fn write_config(&self, config: &str) {
        // Only 3.4 reads this one; log4j 2 and slf4j-simple take a property and log to the console
        // as they are.
        let log4j = "log4j.rootLogger=INFO, out\n\
            log4j.appender.out=org.apache.log4j.ConsoleAppender\n\
            log4j.appender.out.layout=org.apache.log4j.PatternLayout\n\
            log4j.appender.out.layout.ConversionPattern=%d{ISO8601} %p [%t:%c{1}] %m%n\n";
        fs::write(self.folder.path().join("log4j.properties"), log4j).expect("log4j.properties");
        fs::write(self.folder.path().join("zoo.cfg"), config).expect("zoo.cfg");
    }

    fn spawn(&mut self) {
        self.log_before = fs::read(self.log_path()).unwrap_or_default().len();
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_path())
            .expect("the server's log");
        let package = match self.main_class {
            "QuorumPeerMain" => "org.apache.zookeeper.server.quorum",
            _ => "org.apache.zookeeper.server",
        };
        let mut command = Command::new("java");
        command
            .args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
            .arg("--add-opens=java.base/java.lang=ALL-UNNAMED")
            .arg(format!(
                "-Dlog4j.configuration=file:{}",
                self.folder.path().join("log4j.properties").display()
            ))
            .args(
                self.options
                    .java_properties()
                    .iter()
                    .map(|property| format!("-D{property}")),
            )
            .args(["-cp", &self.release.class_path])
            .arg(format!("{package}.{}", self.main_class))
            .arg(self.folder.path().join("zoo.cfg"))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(
                log.try_clone()
                    .expect("a second handle of the server's log"),
            )
            .stderr(log);
        self.child = Some(command.spawn().expect("java starts"));
    }

    /// Waits until the server is alive (`ruok`) and serves (`srvr` shows a zxid).
    fn wait_until_ready(&mut self) -> Result<(), StartError> {
        let started = Instant::now();
        loop {
            let alive = self
                .four_letter_word("ruok")
                .is_some_and(|answer| answer == "imok");
            if alive && self.status().is_some() {
                return Ok(());
            }
            let exited = match &mut self.child {
                Some(child) => child.try_wait().expect("the server's state"),
                None => panic!(
                    "{}: waiting for a server that was not started",
                    self.release
                ),
            };
            let late = started.elapsed() > READY_TIMEOUT;
            if exited.is_some() || late {
                let tail = self.log_tail();
                if is_port_taken(&tail) {
                    return Err(StartError::PortTaken);
                }
                let what =
                    exited.map_or("not ready in time".to_string(), |status| status.to_string());
                return Err(StartError::Failed(format!(
                    "{}: {what}; its log:\n{tail}",
                    self.release
                )));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The address clients connect to.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.client_port)
    }

    /// The release that runs.
    pub fn release(&self) -> &Release {
        &self.release
    }

    /// Sends a four-letter word, and returns the whole answer, if there is one.
    pub fn four_letter_word(&self, word: &str) -> Option<String> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.client_port));
        let mut stream = TcpStream::connect_timeout(&address, WORD_TIMEOUT).ok()?;
        stream.set_read_timeout(Some(WORD_TIMEOUT)).ok()?;
        stream.write_all(word.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// What `srvr` tells, or nothing while the server does not serve.
    pub fn status(&self) -> Option<Status> {
        let answer = self.four_letter_word("srvr")?;
        let field = |name: &str| {
            answer
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .map(str::trim)
        };
        Some(Status {
            zxid: i64::from_str_radix(field("Zxid: 0x")?, 16).ok()?,
            node_count: field("Node count:")?.parse().ok()?,
            mode: field("Mode:")?.to_string(),
        })
    }

    /// What `srvr` tells, once the server serves: a member may be busy with an election.
    pub fn serving_status(&self) -> Status {
        let asked = Instant::now();
        loop {
            if let Some(status) = self.status() {
                return status;
            }
            assert!(
                asked.elapsed() < READY_TIMEOUT,
                "{}: no answer to srvr; the log:\n{}",
                self.release,
                self.log_tail()
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The last processed zxid.
    pub fn srvr_zxid(&self) -> i64 {
        self.serving_status().zxid
    }

    /// Ends the server with SIGTERM, and with SIGKILL if that takes too long.
    pub fn stop(&mut self) {
        let Some(child) = &mut self.child else { return };
        let pid = i32::try_from(child.id()).expect("a process id");
        // An error means the process has ended already; `try_wait` below tells no different.
        let _ = nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(pid),
            nix::sys::signal::Signal::SIGTERM,
        );
        let asked = Instant::now();
        while asked.elapsed() < STOP_TIMEOUT {
            if child.try_wait().expect("the server's state").is_some() {
                self.child = None;
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.kill();
    }

    /// Ends the server with SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts the server again, with the same configuration and port, after `stop` or `kill`.
    pub fn start_again(&mut self) {
        if let Err(why) = self.try_start_again() {
            panic!("{why}");
        }
    }

    /// As [`Server::start_again`], for one that may refuse what it wrote itself, as some releases
    /// do: then why, with the end of its log.
    pub fn try_start_again(&mut self) -> Result<(), String> {
        self.spawn_again();
        self.try_wait()
    }

    /// As [`Server::start_again`], for one that will not serve before others are there: does not
    /// wait.
    pub fn spawn_again(&mut self) {
        assert!(self.child.is_none(), "the server still runs");
        self.remove_begun_logs();
        self.spawn();
    }

    /// Removes logs that are not even headers: a server that is ended as it begins a log leaves it
    /// so, and some releases then do not start.
    fn remove_begun_logs(&self) {
        let config = fs::read_to_string(self.folder.path().join("zoo.cfg")).expect("zoo.cfg");
        let dirs = config.lines().filter_map(|line| {
            let dir = line.strip_prefix("dataDir=");
            dir.or_else(|| line.strip_prefix("dataLogDir="))
        });
        for dir in dirs {
            let entries = fs::read_dir(Path::new(dir).join("version-2"));
            for entry in entries.into_iter().flatten().flatten() {
                let is_log = entry.file_name().to_string_lossy().starts_with("log.");
                if is_log && entry.metadata().is_ok_and(|found| found.len() < 16) {
                    eprintln!("removed {}, which was just begun", entry.path().display());
                    fs::remove_file(entry.path()).expect("a log that was just begun");
                }
            }
        }
    }

    /// Waits until the server serves.
    pub fn wait(&mut self) {
        if let Err(why) = self.try_wait() {
            panic!("{why}");
        }
    }

    /// Waits until the server serves; `Err` says why it does not. Its port may be somebody else's
    /// for a while.
    fn try_wait(&mut self) -> Result<(), String> {
        let began = Instant::now();
        loop {
            match self.wait_until_ready() {
                Ok(()) => return Ok(()),
                Err(StartError::Failed(why)) => return Err(why),
                Err(StartError::PortTaken) if began.elapsed() < READY_TIMEOUT => {
                    self.kill();
                    thread::sleep(Duration::from_secs(1));
                    self.spawn();
                }
                Err(StartError::PortTaken) => {
                    panic!("the server's port was taken while it was down")
                }
            }
        }
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    /// The end of the server's log, for messages.
    pub fn log_tail(&self) -> String {
        let log = fs::read(self.log_path()).unwrap_or_default();
        let log = String::from_utf8_lossy(log.get(self.log_before..).unwrap_or_default());
        let lines: Vec<_> = log.lines().collect();
        let tail = lines
            .get(lines.len().saturating_sub(80)..)
            .unwrap_or_default();
        tail.join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A running ensemble, one server a member.
pub struct Ensemble {
    /// The members' ids and servers, in the order given.
    pub members: Vec<(u8, Server)>,
    server_lines: Vec<String>,
}

impl Ensemble {
    /// Starts a member on each directory, and waits until all of them serve. A directory without
    /// `myid` gets one.
    pub fn start(release: &Release, member_dirs: &[(u8, PathBuf)], options: &Options) -> Ensemble {
        match Ensemble::try_start(release, member_dirs, options) {
            Ok(ensemble) => ensemble,
            Err((id, why)) => panic!("member {id}: {why}"),
        }
    }

    /// As [`Ensemble::start`], with a member that may refuse what it wrote itself, as some releases
    /// do: then which one, and why.
    pub fn try_start(
        release: &Release,
        member_dirs: &[(u8, PathBuf)],
        options: &Options,
    ) -> Result<Ensemble, (u8, String)> {
        for (id, dir) in member_dirs {
            fs::create_dir_all(dir).expect("a member's directory");
            let myid = dir.join("myid");
            match fs::read_to_string(&myid) {
                Ok(text) => assert_eq!(text.trim(), id.to_string(), "{}", myid.display()),
                Err(_) => fs::write(&myid, format!("{id}\n")).expect("myid"),
            }
        }
        for _ in 0..PORT_ATTEMPTS {
            let mut ensemble = Ensemble::spawn(release, member_dirs, options);
            let mut outcome = Ok(());
            for (id, server) in &mut ensemble.members {
                let ready = |()| server.wait_until_ready().map_err(|why| (*id, why));
                outcome = outcome.and_then(ready);
            }
            match outcome {
                Ok(()) => return Ok(ensemble),
                Err((_, StartError::PortTaken)) => {}
                Err((id, StartError::Failed(why))) => return Err((id, why)),
            }
        }
        panic!("{release}: ports were taken again and again");
    }

    fn spawn(release: &Release, member_dirs: &[(u8, PathBuf)], options: &Options) -> Ensemble {
        let mut server_lines = Vec::new();
        let mut client_ports = Vec::new();
        // All ports are taken at one time, so they differ.
        let ports = free_ports(3 * member_dirs.len());
        for ((id, _), ports) in member_dirs.iter().zip(ports.chunks(3)) {
            let &[client, quorum, election] = ports else {
                unreachable!("chunks of three")
            };
            let mut line = format!("server.{id}=127.0.0.1:{quorum}:{election}");
            if release.has_reconfig() {
                line += &format!(":participant;127.0.0.1:{client}");
            }
            server_lines.push(line);
            client_ports.push(client);
        }
        let mut members = Vec::new();
        for ((id, dir), &client_port) in member_dirs.iter().zip(&client_ports) {
            let mut server = Server::new(release, options, client_port, "QuorumPeerMain");
            let mut config =
                base_config(dir, None) + "initLimit=30\nsyncLimit=15\nreconfigEnabled=true\n";
            if !release.has_reconfig() {
                config += &client_lines(client_port);
            }
            server.write_config(&(config + &server_lines.join("\n") + "\n"));
            server.spawn();
            members.push((*id, server));
        }
        Ensemble {
            members,
            server_lines,
        }
    }

    /// A member's server.
    pub fn member(&self, id: u8) -> &Server {
        match self.members.iter().find(|(member, _)| *member == id) {
            Some((_, server)) => server,
            None => panic!("no member {id}"),
        }
    }

    /// A member's line of the configuration, as `reconfig` takes it: `server.N=…`.
    pub fn server_line(&self, id: u8) -> &str {
        let prefix = format!("server.{id}=");
        let line = self
            .server_lines
            .iter()
            .find(|line| line.starts_with(&prefix));
        line.map_or_else(|| panic!("no member {id}"), String::as_str)
    }

    /// Waits until every member has processed the same zxid, and returns it.
    pub fn quiesce(&self) -> i64 {
        let started = Instant::now();
        loop {
            let zxids: Vec<_> = self
                .members
                .iter()
                .map(|(_, server)| server.srvr_zxid())
                .collect();
            let first = zxids.first().copied().unwrap_or_default();
            // The answers came one after another: only a second look shows that they were of one
            // moment.
            if zxids.iter().all(|zxid| *zxid == first) {
                thread::sleep(Duration::from_millis(50));
                if self
                    .members
                    .iter()
                    .all(|(_, server)| server.srvr_zxid() == first)
                {
                    return first;
                }
            }
            assert!(
                started.elapsed() < READY_TIMEOUT,
                "members do not agree: {zxids:x?}"
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Stops every member.
    pub fn stop(&mut self) {
        for (_, server) in &mut self.members {
            server.stop();
        }
    }
}

/// Whether a server's log tells that another program had its port.
fn is_port_taken(log: &str) -> bool {
    log.contains("Address already in use") || log.contains("BindException")
}

fn base_config(data_dir: &Path, data_log_dir: Option<&Path>) -> String {
    let mut config = format!(
        "tickTime=2000\nmaxSessionTimeout=900000\nmaxClientCnxns=0\ndataDir={}\n",
        data_dir.display()
    );
    if let Some(dir) = data_log_dir {
        config += &format!("dataLogDir={}\n", dir.display());
    }
    config
}

fn client_lines(client_port: u16) -> String {
    format!("clientPort={client_port}\nclientPortAddress=127.0.0.1\n")
}

/// Ports that were free a moment ago, and that nobody is given who does not ask for them by number:
/// from below those that the system gives to outgoing connections, of which there are many here. So
/// a server that is down for a while finds its own again. All are held until the last is known.
fn free_ports(count: usize) -> Vec<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const FIRST: u16 = 10_240;
    let outgoing = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok();
    let end = outgoing
        .and_then(|range| range.split_whitespace().next()?.parse().ok())
        .unwrap_or(32_768u16);
    let room = end.saturating_sub(FIRST);
    // Programs that run at once begin at different places.
    let begin = u16::try_from(std::process::id() % 199 * 97).expect("a small number");
    let mut listeners: Vec<TcpListener> = Vec::new();
    for _ in 0..room {
        let port = FIRST + (begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % room);
        listeners.extend(TcpListener::bind((Ipv4Addr::LOCALHOST, port)));
        if listeners.len() == count {
            break;
        }
    }
    // Where there is no such place, the system gives what it has.
    while listeners.len() < count {
        listeners.push(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
    }
    let port = |listener: &TcpListener| listener.local_addr().expect("a bound address").port();
    listeners.iter().map(port).collect()
}
