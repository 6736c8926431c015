//! Hooks: command lines that run around a job.
//!
//! Each runs in a process group of its own, so that a timeout ends what it started too. Nothing is
//! read from it; what it prints goes to stderr, since stdout belongs to the job's result.

use super::config::Hooks;
use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How long a hook has to end by itself once it was told to.
const GRACE: Duration = Duration::from_secs(2);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How much of an error is handed on: the kernel refuses an environment that is too long, and with
/// it the hook.
const ERROR_LEN_MAX: usize = 10_000;

/// Which hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before the job.
    Before,
    /// Behind a job that was done, perhaps with warnings.
    After,
    /// Behind a job that was not.
    Failed,
    /// At the very end, whatever happened.
    Finally,
}

impl Moment {
    /// The key in the configuration file.
    pub fn name(self) -> &'static str {
        match self {
            Moment::Before => "before",
            Moment::After => "after",
            Moment::Failed => "failed",
            Moment::Finally => "finally",
        }
    }
}

/// What a hook is told of the job's end.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The exit status, as far as it is known then.
    pub status: i32,
    /// Why it failed.
    pub error: Option<&'a str>,
}

/// Runs the hooks of one job.
#[derive(Debug)]
pub struct Runner {
    hooks: Hooks,
    environment: Vec<(&'static str, String)>,
    /// The process group of the one that runs now.
    running: Mutex<Option<Pid>>,
}

impl Runner {
    pub fn new(hooks: &Hooks, command: &str, profile: Option<&str>, repository: &str) -> Runner {
        let mut environment = vec![
            ("ZOOVAULT_COMMAND", command.to_owned()),
            ("ZOOVAULT_REPOSITORY", repository.to_owned()),
        ];
        environment.extend(profile.map(|name| ("ZOOVAULT_PROFILE", name.to_owned())));
        Runner {
            hooks: hooks.clone(),
            environment,
            running: Mutex::new(None),
        }
    }

    /// The configuration.
    pub fn hooks(&self) -> &Hooks {
        &self.hooks
    }

    /// Runs the hook of a moment, if there is one, for no longer than is configured and `limit`
    /// says. The error is one line.
    pub fn run(
        &self,
        moment: Moment,
        told: Option<Told<'_>>,
        limit: Option<Duration>,
    ) -> Result<(), String> {
        let line = match moment {
            Moment::Before => &self.hooks.before,
            Moment::After => &self.hooks.after,
            Moment::Failed => &self.hooks.failed,
            Moment::Finally => &self.hooks.finally,
        };
        let Some(line) = line else {
            return Ok(());
        };
        let timeout = self.hooks.timeout();
        let timeout = limit.map_or(timeout, |limit| limit.min(timeout));
        let ended = self
            .start(line, told)
            .and_then(|child| self.wait(child, timeout));
        let name = moment.name();
        match ended {
            Ok(Some(status)) if status.success() => Ok(()),
            Ok(Some(status)) => Err(format!("the hook '{name}' failed: {}", wording(status))),
            Ok(None) => Err(format!(
                "the hook '{name}' took longer than {} s, and was ended",
                timeout.as_secs()
            )),
            Err(err) => Err(format!("the hook '{name}' cannot be run: {err}")),
        }
    }

    /// Ends the hook that another thread waits for, if there is one.
    pub fn end_running(&self) {
        let running = || self.running.lock().ok().and_then(|running| *running);
        let Some(group) = running() else {
            return;
        };
        send(group, Signal::SIGTERM);
        let deadline = Instant::now() + GRACE;
        while running() == Some(group) && Instant::now() < deadline {
            std::thread::sleep(LOOK_EVERY);
        }
        send(group, Signal::SIGKILL);
    }

    fn start(&self, line: &str, told: Option<Told<'_>>) -> io::Result<Child> {
        let stderr = io::stderr().as_fd().try_clone_to_owned()?;
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", line])
            .stdin(Stdio::null())
            .stdout(Stdio::from(stderr))
            .process_group(0)
            // A hook may run this program, whose own hooks are then told of their own job.
            .env_remove("ZOOVAULT_STATUS")
            .env_remove("ZOOVAULT_ERROR");
        for (name, value) in &self.environment {
            command.env(name, without_nul(value));
        }
        if let Some(told) = told {
            command.env("ZOOVAULT_STATUS", told.status.to_string());
            if let Some(error) = told.error {
                command.env("ZOOVAULT_ERROR", without_nul(cut(error, ERROR_LEN_MAX)));
            }
        }
        command.spawn()
    }

    /// Waits for its end; `None` when it had to be ended.
    fn wait(&self, mut child: Child, timeout: Duration) -> io::Result<Option<ExitStatus>> {
        let group = i32::try_from(child.id()).map(Pid::from_raw).ok();
        self.set_running(group);
        let mut ended = wait_until(&mut child, Instant::now().checked_add(timeout))?;
        if ended.is_none()
            && let Some(group) = group
        {
            send(group, Signal::SIGTERM);
            wait_until(&mut child, Instant::now().checked_add(GRACE))?;
            // Also when the shell is gone by now: what it started may be there still.
            send(group, Signal::SIGKILL);
            child.wait()?;
            ended = None;
        }
        self.set_running(None);
        Ok(ended)
    }

    fn set_running(&self, group: Option<Pid>) {
        if let Ok(mut running) = self.running.lock() {
            *running = group;
        }
    }
}

/// Waits for the end of `child`, to a `deadline` if there is one.
fn wait_until(child: &mut Child, deadline: Option<Instant>) -> io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Ok(None);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn send(group: Pid, signal: Signal) {
    match killpg(group, signal) {
        // A group that is gone is what was wanted. One that is of another user now (sudo) cannot be
        // helped.
        Ok(()) | Err(Errno::ESRCH | Errno::EPERM) => {}
        Err(err) => debug_assert!(false, "{err}"),
    }
}

fn wording(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// The beginning of `text` that has no more than `len_max` bytes.
pub fn cut(text: &str, len_max: usize) -> &str {
    let len = (0..=len_max.min(text.len()))
        .rev()
        .find(|len| text.is_char_boundary(*len))
        .unwrap_or_default();
    text.get(..len).unwrap_or_default()
}

/// A path in an error may hold any byte, the environment any but this one.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::num::NonZeroU64;
    use std::path::Path;

    fn runner(before: &str, timeout: u64) -> Runner {
        let hooks = Hooks {
            before: Some(before.to_owned()),
            timeout: NonZeroU64::new(timeout),
            ..Hooks::default()
        };
        Runner::new(&hooks, "backup", Some("offsite"), "/srv/repo")
    }

    fn lines(path: &Path) -> Vec<String> {
        let text = fs::read_to_string(path).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_hook_is_told_what_there_is_to_know() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let line = format!(
            "for v in COMMAND PROFILE REPOSITORY STATUS ERROR; do eval echo \"$v=\\${{ZOOVAULT_$v-none}}\"; done > {}",
            out.display()
        );
        let runner = runner(&line, 10);
        runner.run(Moment::Before, None, None).unwrap();
        let known = ["COMMAND=backup", "PROFILE=offsite", "REPOSITORY=/srv/repo"];
        assert_eq!(lines(&out)[..3], known);
        assert_eq!(lines(&out)[3..], ["STATUS=none", "ERROR=none"]);
        let told = Told {
            status: 4,
            error: Some("log.1: \0damaged"),
        };
        runner.run(Moment::Before, Some(told), None).unwrap();
        assert_eq!(
            lines(&out)[3..],
            ["STATUS=4", "ERROR=log.1: \u{fffd}damaged"]
        );
    }

    #[test]
    fn a_hook_that_fails_is_told_with_its_status() {
        let failed = |line: &str| {
            runner(line, 10)
                .run(Moment::Before, None, None)
                .unwrap_err()
        };
        assert_eq!(failed("exit 7"), "the hook 'before' failed: status 7");
        assert_eq!(failed("kill -9 $$"), "the hook 'before' failed: signal 9");
        assert_eq!(runner("exit 7", 10).run(Moment::After, None, None), Ok(()));
    }

    #[test]
    fn a_timeout_ends_the_hook_and_all_that_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let pids = dir.path().join("pids");
        // One that goes at once, and one that does not want to.
        for trap in ["", "trap '' TERM; "] {
            let line = format!(
                "{trap}sleep 60 & echo $! > {0}; echo $$ >> {0}; wait; wait; sleep 60",
                pids.display()
            );
            let started = Instant::now();
            let err = runner(&line, 1)
                .run(Moment::Before, None, None)
                .unwrap_err();
            assert_eq!(err, "the hook 'before' took longer than 1 s, and was ended");
            assert!(started.elapsed() < Duration::from_secs(10));
            for pid in lines(&pids) {
                // What is killed takes a moment to end, and may then wait for
                // somebody to ask for its status.
                let ended = || {
                    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
                    stat.is_empty() || stat.contains(") Z ")
                };
                let patience = Instant::now() + Duration::from_secs(10);
                while !ended() {
                    assert!(Instant::now() < patience, "{pid} goes on");
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
        }
    }

    #[test]
    fn a_text_is_cut_where_a_character_begins() {
        assert_eq!(cut("añb", 2), "a");
        assert_eq!(cut("añb", 3), "añ");
        assert_eq!(cut("añb", 30), "añb");
    }
}
