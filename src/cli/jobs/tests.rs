//! A job from its start to its end, with a server that is pinged, hooks that write files, and
//! metrics that Prometheus' own tool reads.

use super::config::Hooks;
use super::*;
use crate::cli::args::Global;
use crate::cli::command::Cli;
use clap::Parser;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use zoovault::error::{Error, ErrorKind};

/// What a server was asked: the first line, and the body.
pub type Asked = (String, String);

/// Starts a server that answers with `statuses` in turn, the last for ever.
pub fn serve(statuses: &'static [u16]) -> (String, Receiver<Asked>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/ping/secret", listener.local_addr().unwrap());
    let (sender, asked) = channel();
    std::thread::spawn(move || {
        let last = statuses.last().copied().unwrap_or(200);
        let statuses = statuses.iter().copied().chain(std::iter::repeat(last));
        for (stream, status) in listener.incoming().zip(statuses) {
            let Ok(mut stream) = stream else { return };
            // It is told first: who has the answer looks for it.
            if sender.send(read(&mut stream)).is_err() {
                return;
            }
            let _ = write!(
                stream,
                "HTTP/1.1 {status} X\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK"
            );
        }
    });
    (url, asked)
}

fn read(stream: &mut TcpStream) -> Asked {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let len: usize = head
                .lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .map_or(0, |(_, len)| len.parse().unwrap());
            if body.len() >= len {
                return (head.lines().next().unwrap().to_owned(), body.to_owned());
            }
        }
        match stream.read(&mut buffer).unwrap() {
            0 => return (text, String::new()),
            len => bytes.extend_from_slice(&buffer[..len]),
        }
    }
}

/// Has Prometheus' own tool read a file, where it is to be had.
pub fn judge(file: &Path) {
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::from(File::open(file).unwrap()))
        .output();
    match promtool {
        Ok(output) => assert!(output.status.success(), "{output:?}"),
        Err(_) if std::env::var("ZOOVAULT_REQUIRE_LIVE").is_ok_and(|value| value == "1") => {
            panic!("ZOOVAULT_REQUIRE_LIVE=1, but there is no promtool")
        }
        Err(err) => {
            let _ = writeln!(io::stderr(), "SKIPPED: promtool: {err}");
        }
    }
}

/// The value of a series whose line begins so.
pub fn value(file: &Path, series: &str) -> Option<f64> {
    let text = fs::read_to_string(file).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(series))?;
    Some(line.rsplit(' ').next().unwrap().parse().unwrap())
}

/// The program's arguments with those of a job, as a command will have them.
#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    job: JobArgs,
}

fn quiet() -> Ui {
    let args = Program::try_parse_from(["zoovault", "-q"]).unwrap();
    Ui::new(&args.global)
}

/// A job in a directory: its metrics in `job.prom`, what its hooks say in `said`.
struct Place {
    dir: tempfile::TempDir,
    url: String,
    asked: Receiver<Asked>,
    config: Config,
}

impl Place {
    fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        let (url, asked) = serve(&[200]);
        let said = dir.path().join("said");
        let say = |name: &str| {
            Some(format!(
                "echo {name} $ZOOVAULT_COMMAND ${{ZOOVAULT_STATUS-none}} $ZOOVAULT_ERROR >> {}",
                said.display()
            ))
        };
        let config = Config {
            metrics_file: Some(dir.path().join("job.prom")),
            ping_url: Some(url.clone()),
            hooks: Hooks {
                before: say("before"),
                after: say("after"),
                failed: say("failed"),
                finally: say("finally"),
                ..Hooks::default()
            },
            ..Config::default()
        };
        Place {
            dir,
            url,
            asked,
            config,
        }
    }

    fn run(&self, work: impl FnOnce() -> anyhow::Result<Outcome>) -> anyhow::Result<Exit> {
        let args = JobArgs::default();
        around("backup", "/srv/repo", &args, &self.config, &quiet(), work)
    }

    fn metrics(&self) -> PathBuf {
        self.dir.path().join("job.prom")
    }

    fn said(&self) -> Vec<String> {
        let text = fs::read_to_string(self.dir.path().join("said")).unwrap_or_default();
        text.lines().map(|line| line.trim().to_owned()).collect()
    }

    /// The paths that were pinged, with what came along.
    fn pinged(&self) -> Vec<(String, String)> {
        let path = |line: &str| line.split(' ').nth(1).unwrap().to_owned();
        let asked = self.asked.try_iter();
        asked.map(|(line, body)| (path(&line), body)).collect()
    }

    fn status(&self) -> Option<f64> {
        judge(&self.metrics());
        value(&self.metrics(), metrics::LAST_STATUS)
    }
}

fn outcome(exit: Exit) -> anyhow::Result<Outcome> {
    Ok(Outcome {
        exit,
        line: "12 transactions\nand more".into(),
        gauges: vec![Gauge {
            name: "zoovault_backup_window_to_timestamp_seconds",
            help: "The time of the last transaction.",
            value: 1.5,
            labels: Vec::new(),
        }],
    })
}

fn ping(path: &str, body: &str) -> (String, String) {
    (format!("/ping/secret{path}"), body.to_owned())
}

#[test]
fn a_job_that_is_done_is_told_everywhere() {
    let place = Place::new();
    assert_eq!(place.run(|| outcome(Exit::Done)).unwrap(), Exit::Done);
    assert_eq!(
        place.said(),
        ["before backup none", "after backup 0", "finally backup 0"]
    );
    assert_eq!(
        place.pinged(),
        [
            ping("/start", ""),
            ping("", "exit status 0\n12 transactions")
        ]
    );
    assert_eq!(place.status(), Some(0.0));
    let series =
        "zoovault_backup_window_to_timestamp_seconds{command=\"backup\",repository=\"/srv/repo\"}";
    assert_eq!(value(&place.metrics(), series), Some(1.5));
}

#[test]
fn a_warning_is_a_success_for_hooks_and_a_failure_for_a_monitor() {
    let place = Place::new();
    assert_eq!(
        place.run(|| outcome(Exit::Warnings)).unwrap(),
        Exit::Warnings
    );
    assert_eq!(place.said()[1..], ["after backup 3", "finally backup 3"]);
    assert_eq!(
        place.pinged()[1],
        ping("/fail", "exit status 3\n12 transactions")
    );
    assert_eq!(value(&place.metrics(), metrics::LAST_RESULT), Some(1.0));
}

#[test]
fn a_failure_is_told_with_its_status_and_passed_on_unchanged() {
    let place = Place::new();
    let damage = || Error::about(Path::new("log.1"), ErrorKind::Damage, "is damaged");
    let err = place.run(|| Err(damage().into())).unwrap_err();
    assert_eq!(
        err.downcast_ref::<Error>().unwrap().kind(),
        ErrorKind::Damage
    );
    assert_eq!(
        place.said()[1..],
        [
            "failed backup 4 log.1: is damaged",
            "finally backup 4 log.1: is damaged"
        ]
    );
    assert_eq!(
        place.pinged()[1],
        ping("/fail", "exit status 4\nlog.1: is damaged")
    );
    assert_eq!(place.status(), Some(4.0));

    let place = Place::new();
    assert_eq!(place.run(|| outcome(Exit::Damaged)).unwrap(), Exit::Damaged);
    assert_eq!(place.said()[1], "failed backup 4 12 transactions and more");
}

#[test]
fn a_hook_before_that_fails_keeps_the_job_from_running() {
    let mut place = Place::new();
    place.config.hooks.before = Some("exit 9".into());
    let err = place.run(|| panic!("it ran")).unwrap_err();
    assert_eq!(exit::of_error(&err), Exit::Failed);
    let why = "the hook 'before' failed: status 9";
    assert_eq!(err.to_string(), why);
    assert_eq!(
        place.said(),
        [
            format!("failed backup 1 {why}"),
            format!("finally backup 1 {why}")
        ]
    );
    assert_eq!(place.pinged()[1].0, "/ping/secret/fail");
    assert_eq!(place.status(), Some(1.0));
    for policy in [OnFailure::Warn, OnFailure::Ignore] {
        place.config.hooks.on_failure = Some(policy);
        assert_eq!(place.run(|| outcome(Exit::Done)).unwrap(), Exit::Done);
    }
}

#[test]
fn a_hook_behind_that_fails_makes_a_good_end_a_bad_one_and_a_bad_one_no_other() {
    let mut place = Place::new();
    place.config.hooks.after = Some("exit 9".into());
    let err = place.run(|| outcome(Exit::Done)).unwrap_err();
    assert_eq!(err.to_string(), "the hook 'after' failed: status 9");
    assert_eq!(place.said().len(), 3, "before, failed, finally");
    assert_eq!(place.pinged()[1].0, "/ping/secret/fail");
    assert_eq!(place.status(), Some(1.0));
    // The work was done all the same.
    assert!(value(&place.metrics(), metrics::LAST_SUCCESS).is_some());

    place.config.hooks.failed = Some("exit 9".into());
    place.config.hooks.finally = Some("exit 9".into());
    assert_eq!(place.run(|| outcome(Exit::Damaged)).unwrap(), Exit::Damaged);
    assert_eq!(place.status(), Some(4.0));
}

#[test]
fn a_panic_is_a_failure_and_what_has_to_be_done_at_the_end_is_done() {
    let place = Place::new();
    let panicked = catch_unwind(AssertUnwindSafe(|| place.run(|| panic!("no"))));
    assert!(panicked.is_err());
    assert_eq!(
        place.said()[1..],
        ["failed backup 101 panicked", "finally backup 101 panicked"]
    );
    assert_eq!(place.status(), Some(101.0));
}

#[test]
fn a_monitor_that_is_not_there_and_metrics_that_cannot_be_written_change_nothing() {
    let mut place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    place.config.ping_url = Some(format!("http://{}/", listener.local_addr().unwrap()));
    drop(listener);
    place.config.metrics_file = Some("/dev/null".into());
    assert_eq!(place.run(|| outcome(Exit::Done)).unwrap(), Exit::Done);
    place.config.ping_url = None;
    place.config.ping_url_file = Some(place.dir.path().join("no-such-file"));
    assert_eq!(place.run(|| outcome(Exit::Done)).unwrap(), Exit::Done);
    place.config.ping_url = Some("no address".into());
    let err = place.run(|| panic!("it ran")).unwrap_err();
    assert_eq!(exit::of_error(&err), Exit::BadArguments);
}

#[test]
fn the_command_line_goes_before_the_file() {
    let place = Place::new();
    let file = place.dir.path().join("url");
    fs::write(&file, format!("{}/other\n# the monitor\n", place.url)).unwrap();
    let metrics = place.dir.path().join("other.prom");
    let args = JobArgs {
        metrics_file: Some(metrics.clone()),
        ping_url_file: Some(file),
        ..JobArgs::default()
    };
    let work = || outcome(Exit::Done);
    around(
        "check",
        "s3://k:x@h/b",
        &args,
        &place.config,
        &quiet(),
        work,
    )
    .unwrap();
    assert!(!place.metrics().exists());
    let text = fs::read_to_string(&metrics).unwrap();
    assert!(
        text.contains("command=\"check\",repository=\"s3://k@h/b\""),
        "{text}"
    );
    assert_eq!(place.pinged()[0].0, "/ping/secret/other/start");
    let nobody = JobArgs {
        ping_url: Some(String::new()),
        ..JobArgs::default()
    };
    around("check", "/srv", &nobody, &place.config, &quiet(), work).unwrap();
    assert_eq!(place.pinged(), []);
}

#[test]
fn arguments_are_what_clap_takes() {
    use clap::CommandFactory;
    Program::command().debug_assert();
    Cli::command().debug_assert();
    let parse = |args: &[&str]| Program::try_parse_from([&["zoovault"], args].concat());
    assert!(parse(&["--ping-url", "http://h", "--ping-url-file", "f"]).is_err());
    let args = parse(&["--config", "f", "--profile", "p", "--metrics-file", "m"]).unwrap();
    assert_eq!(args.job.config.profile.as_deref(), Some("p"));
    assert_eq!(args.job.config.config, Some(PathBuf::from("f")));
}

#[test]
fn rounds_are_pinged_once_a_minute_and_at_once_when_they_end_in_another_way() {
    let place = Place::new();
    let args = JobArgs::default();
    let mut rounds = Rounds::begin("backup", "/srv", &args, &place.config).unwrap();
    for exit in [
        Exit::Done,
        Exit::Done,
        Exit::Failed,
        Exit::Failed,
        Exit::Done,
    ] {
        rounds.tell(&outcome(exit), Duration::from_millis(20));
    }
    let paths: Vec<String> = place.pinged().into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["/ping/secret", "/ping/secret/fail", "/ping/secret"]);
    assert_eq!(place.status(), Some(0.0));
    assert_eq!(place.said(), ["before backup none"]);
    assert!(rounds.end().is_none());
    let said = ["before backup none", "after backup 0", "finally backup 0"];
    assert_eq!(place.said(), said);
    assert!(place.pinged().is_empty());
}

#[test]
fn rounds_end_with_the_hooks_of_how_the_last_one_ended() {
    let place = Place::new();
    let args = JobArgs::default();
    let begin = || Rounds::begin("backup", "/srv", &args, &place.config).unwrap();
    let mut rounds = begin();
    rounds.tell(&Err(anyhow!("lost")), Duration::ZERO);
    assert!(rounds.end().is_none());
    let failed = ["failed backup 1 lost", "finally backup 1 lost"];
    assert_eq!(place.said()[1..], failed);
    let _ = catch_unwind(AssertUnwindSafe(|| {
        let _rounds = begin();
        panic!("on purpose");
    }));
    let panicked = ["failed backup 101 panicked", "finally backup 101 panicked"];
    assert_eq!(place.said()[4..], panicked);
    assert_eq!(place.status(), Some(101.0));
}

#[test]
fn rounds_do_not_begin_without_what_goes_before_them() {
    let mut place = Place::new();
    place.config.hooks.before = Some("exit 7".to_owned());
    let args = JobArgs::default();
    assert!(Rounds::begin("backup", "/srv", &args, &place.config).is_err());
    let why = "the hook 'before' failed: status 7";
    let said = [
        format!("failed backup 1 {why}"),
        format!("finally backup 1 {why}"),
    ];
    assert_eq!(place.said(), said);
    assert_eq!(place.status(), Some(1.0));
    let told = ping("/fail", &format!("exit status 1\n{why}"));
    assert_eq!(place.pinged(), [told]);
}

/// Where [`the_child`] works, and with which configuration.
const CHILD: &str = "ZOOVAULT_TEST_JOB";

/// The program that a signal ends: it writes `working` and works for ever.
#[test]
#[ignore = "a signal ends it: it is run by another test"]
fn the_child() {
    let Some(file) = std::env::var_os(CHILD).map(PathBuf::from) else {
        return;
    };
    exit::clean_up_on_signals().unwrap();
    let config = Config::load(&ConfigArgs {
        config: Some(file.clone()),
        profile: None,
    });
    let args = JobArgs::default();
    let work = || {
        fs::write(file.with_file_name("working"), "").unwrap();
        std::thread::sleep(Duration::from_secs(60));
        outcome(Exit::Done)
    };
    let _ = around(
        "backup",
        "/srv/repo",
        &args,
        &config.unwrap(),
        &quiet(),
        work,
    );
    exit::yield_to_signal();
}

/// Starts [`the_child`] with a hook `before`, waits for a file to appear, sends SIGTERM, and gives
/// its status.
fn signalled(place: &Place, before: &str, appears: &str) -> Option<i32> {
    let file = place.dir.path().join("zoovault.toml");
    let hooks = &place.config.hooks;
    let text = format!(
        "metrics-file = {:?}\nping-url = {:?}\n[hooks]\nbefore = {before:?}\nfailed = {:?}\nfinally = {:?}\n",
        place.metrics(),
        place.url,
        hooks.failed.as_deref().unwrap(),
        hooks.finally.as_deref().unwrap(),
    );
    fs::write(&file, text).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "cli::jobs::tests::the_child", "--ignored"])
        .env(CHILD, &file)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !place.dir.path().join(appears).exists() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, Signal::SIGTERM).unwrap();
    let sent = Instant::now();
    let status = child.wait().unwrap().code();
    assert!(sent.elapsed() < Duration::from_secs(15));
    status
}

#[test]
fn a_signal_in_the_work_is_a_failure_that_is_told_everywhere() {
    let place = Place::new();
    assert_eq!(signalled(&place, "true", "working"), Some(143));
    let why = "ended by signal 15 (SIGTERM)";
    assert_eq!(
        place.said(),
        [
            format!("failed backup 143 {why}"),
            format!("finally backup 143 {why}")
        ]
    );
    assert_eq!(place.status(), Some(143.0));
    assert_eq!(
        place.pinged(),
        [
            ping("/start", ""),
            ping("/fail", &format!("exit status 143\n{why}"))
        ]
    );
}

#[test]
fn a_signal_in_a_hook_ends_the_hook_and_the_job_does_not_begin() {
    let place = Place::new();
    let begun = place.dir.path().join("begun");
    let before = format!("touch {}; sleep 60", begun.display());
    assert_eq!(signalled(&place, &before, "begun"), Some(143));
    assert!(!place.dir.path().join("working").exists());
    assert_eq!(place.said().len(), 2);
    assert_eq!(place.status(), Some(143.0));
}
