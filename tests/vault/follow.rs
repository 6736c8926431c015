//! `backup --follow` as the built program runs it: what its configuration says, and what monitors
//! and hooks are told.

use crate::common;

use common::zoovault;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// When the last round ended, in the metrics.
const LAST_RUN: &str = "zoovault_job_last_run_timestamp_seconds";
const LAST_STATUS: &str = "zoovault_job_last_exit_status";

/// A directory with a configuration, the metrics that it names, and what its hooks say.
struct Place(TempDir);

impl Place {
    fn new(more: &str) -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        let said = place.path("said");
        let say = |name: &str| {
            let line = format!(
                "echo {name} ${{ZOOVAULT_STATUS-none}} >> {}",
                said.display()
            );
            format!("{name} = {line:?}\n")
        };
        let hooks: String = ["before", "after", "failed", "finally"].map(say).concat();
        let config = format!(
            "repository = {:?}\nmetrics-file = {:?}\n{more}\n[hooks]\n{hooks}",
            place.path("repository"),
            place.path("job.prom"),
        );
        fs::write(place.path("zoovault.toml"), config).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = zoovault();
        command
            .args(args)
            .env("ZOOVAULT_CONFIG", self.path("zoovault.toml"))
            .stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn said(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("said")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn metric(&self, name: &str) -> Option<String> {
        let text = fs::read_to_string(self.path("job.prom")).ok()?;
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.rsplit(' ').next().map(str::to_owned)
    }

    /// Waits for another round to end than that of `before`.
    fn wait_for_a_round(&self, before: Option<String>) -> Option<String> {
        let patience = Instant::now() + Duration::from_secs(8);
        loop {
            let last = self.metric(LAST_RUN);
            if last != before {
                return last;
            }
            assert!(Instant::now() < patience, "no round ends");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Sends SIGTERM, and gives the status and what was printed.
fn stop(child: Child) -> (Option<i32>, String) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    let output = child.wait_with_output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(printed).unwrap())
}

#[test]
fn rounds_come_as_often_as_the_configuration_says_and_hooks_run_around_them_all() {
    let place = Place::new("follow = 1");
    assert_eq!(place.run(&["init", "-q"]).status.code(), Some(0));
    let mut command = place.command(&["backup", "small-3.9", "-q", "--follow"]);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Sooner than 10 s, which is what holds where nothing is said.
    let first = place.wait_for_a_round(None);
    let second = place.wait_for_a_round(first);
    assert!(second.is_some());
    assert_eq!(place.said(), ["before none"]);
    let (status, printed) = stop(child);
    assert_eq!((status, printed.as_str()), (Some(0), ""));
    assert_eq!(place.said(), ["before none", "after 0", "finally 0"]);
    assert_eq!(place.metric(LAST_STATUS).as_deref(), Some("0"));
}

#[test]
fn a_hook_that_fails_at_the_end_makes_a_good_end_a_bad_one() {
    let place = Place::new("follow = 1");
    let config = fs::read_to_string(place.path("zoovault.toml")).unwrap();
    let config = config.replace("echo after", "exit 7; echo after");
    fs::write(place.path("zoovault.toml"), config).unwrap();
    assert_eq!(place.run(&["init", "-q"]).status.code(), Some(0));
    let mut command = place.command(&["backup", "small-3.9", "-q", "--follow"]);
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    place.wait_for_a_round(None);
    let (status, printed) = stop(child);
    assert_eq!(status, Some(1));
    assert_eq!(printed, "zoovault: the hook 'after' failed: status 7\n");
    assert_eq!(place.said(), ["before none", "failed 1", "finally 1"]);
    assert_eq!(place.metric(LAST_STATUS).as_deref(), Some("1"));
}

#[test]
fn a_signal_in_what_goes_before_the_first_round_ends_it_at_once() {
    let place = Place::new("");
    let config = fs::read_to_string(place.path("zoovault.toml")).unwrap();
    let config = config.replace(
        "echo before",
        "echo begun >> $0.begun; sleep 60; echo before",
    );
    let config = config.replace("$0", place.path("hook").to_str().unwrap());
    fs::write(place.path("zoovault.toml"), config).unwrap();
    let mut command = place.command(&["backup", "small-3.9", "-q", "--follow"]);
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    let patience = Instant::now() + Duration::from_secs(8);
    while !place.path("hook.begun").exists() {
        assert!(Instant::now() < patience, "the hook does not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    let sent = Instant::now();
    assert_eq!(stop(child).0, Some(143));
    assert!(sent.elapsed() < Duration::from_secs(10));
    assert_eq!(place.said(), ["failed 143", "finally 143"]);
    assert_eq!(place.metric(LAST_STATUS).as_deref(), Some("143"));
}

#[test]
fn a_first_round_that_fails_is_told_and_is_the_last() {
    let place = Place::new("");
    let failed = place.run(&["backup", "small-3.9", "--follow=1"]);
    assert_eq!(failed.status.code(), Some(10));
    let stderr = String::from_utf8(failed.stderr).unwrap();
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert_eq!(place.metric(LAST_STATUS).as_deref(), Some("10"));
    assert_eq!(place.said(), ["before none", "failed 10", "finally 10"]);
}
