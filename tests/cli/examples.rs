//! What is in `examples/` is what systemd, cron and Prometheus take, and what the program takes.

use crate::common;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The commands that are there to be scheduled.
const COMMANDS: [&str; 8] = [
    "init", "backup", "backups", "check", "drill", "forget", "prune", "copy",
];

fn examples() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// The names of the examples that end so, each with its text.
fn texts(extension: &str) -> Vec<(String, String)> {
    let mut found: Vec<_> = fs::read_dir(examples())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with(extension))
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    found.sort();
    assert!(!found.is_empty(), "{extension}");
    found
}

/// What a program says of its input; nothing, loudly, where it is not there.
fn judged(program: &str, args: &[&str], dir: &Path, input: &str) -> Option<Output> {
    let child = Command::new(program)
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(err) => {
            common::missing(&format!("{program}: {err}"), true);
            return None;
        }
    };
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    Some(child.wait_with_output().unwrap())
}

fn assert_fine(output: Option<Output>) {
    let Some(output) = output else { return };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{shown}{said}");
}

#[test]
fn systemd_takes_the_units() {
    let dir = tempfile::tempdir().unwrap();
    // What is to be started has to be there, for systemd to say that all is well.
    let program = env!("CARGO_BIN_EXE_zoovault");
    let mut names = Vec::new();
    for extension in [".service", ".timer"] {
        for (name, text) in texts(extension) {
            let text = text.replace("/usr/local/bin/zoovault", program);
            fs::write(dir.path().join(&name), text).unwrap();
            names.push(name);
        }
    }
    for timer in names.iter().filter_map(|name| name.strip_suffix(".timer")) {
        assert!(names.contains(&format!("{timer}.service")), "{timer}");
    }
    let args: Vec<&str> = ["verify", "--man=no", "--recursive-errors=no"]
        .into_iter()
        .chain(names.iter().map(String::as_str))
        .collect();
    let output = judged("systemd-analyze", &args, dir.path(), "");
    if let Some(output) = &output {
        // What it does not know it ignores, and tells.
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("zoovault-"), "{said}");
    }
    assert_fine(output);
}

#[test]
fn a_warning_is_no_success_for_systemd() {
    for (name, text) in texts(".service") {
        let successes = text
            .lines()
            .find_map(|line| line.strip_prefix("SuccessExitStatus="));
        let expected = (name == "zoovault-follow.service").then_some("143");
        assert_eq!(successes, expected, "{name}");
    }
}

#[test]
fn prometheus_takes_the_alerts_and_they_are_raised() {
    let check = ["check", "rules", "zoovault-alerts.yml"];
    assert_fine(judged("promtool", &check, &examples(), ""));
    let dir = tempfile::tempdir().unwrap();
    let rules = examples().join("zoovault-alerts.yml");
    let test = ALERTS.replace("RULES", rules.to_str().unwrap());
    fs::write(dir.path().join("test.yml"), test).unwrap();
    assert_fine(judged(
        "promtool",
        &["test", "rules", "test.yml"],
        dir.path(),
        "",
    ));
}

/// A backup that stopped succeeding after an hour, with the label that Prometheus adds; a check
/// that warns; a drill that never succeeded; and on /once an hourly backup with one gap, in its
/// third hour, and an hourly prune that failed once, in its third hour.
const ALERTS: &str = r#"
rule_files: [RULES]
evaluation_interval: 10m
tests:
  - interval: 10m
    input_series:
      - series: 'zoovault_job_last_success_timestamp_seconds{command="backup",job="node",repository="/r"}'
        values: '0 3600x200'
      - series: 'zoovault_job_last_run_timestamp_seconds{command="backup",job="node",repository="/r"}'
        values: '0+600x200'
      - series: 'zoovault_job_last_result{command="backup",job="node",repository="/r"}'
        values: '2 0x200'
      - series: 'zoovault_job_last_success_timestamp_seconds{command="check",repository="/r"}'
        values: '0+600x200'
      - series: 'zoovault_job_last_run_timestamp_seconds{command="check",repository="/r"}'
        values: '0+600x200'
      - series: 'zoovault_job_last_result{command="check",repository="/r"}'
        values: '1x200'
      - series: 'zoovault_job_last_run_timestamp_seconds{command="drill",repository="/r"}'
        values: '0+600x200'
      - series: 'zoovault_job_last_result{command="backup",repository="/once"}'
        values: '2x11 1x5 2x183'
      - series: 'zoovault_job_last_result{command="prune",repository="/once"}'
        values: '2x11 0x5 2x183'
    alert_rule_test:
      - eval_time: 110m
        alertname: ZoovaultJobWarned
        exp_alerts:
          - exp_labels: {severity: warning, command: check, repository: /r}
            exp_annotations:
              summary: "zoovault check ended with warnings on /r"
              description: "Its output says what the warning is: a gap, a stale source, no window."
      - eval_time: 110m
        alertname: ZoovaultJobFailed
        exp_alerts:
          - exp_labels: {severity: critical, command: backup, job: node, repository: /r}
            exp_annotations:
              summary: "zoovault backup failed on /r"
              description: "zoovault_job_last_exit_status is the status of the last run: 0 or 3 if it has succeeded since, 4 damage, 5 a point that a drill cannot restore, 10 no repository, 128+N a signal."
      - eval_time: 130m
        alertname: ZoovaultJobWarned
        exp_alerts:
          - exp_labels: {severity: warning, command: check, repository: /r}
            exp_annotations:
              summary: "zoovault check ended with warnings on /r"
              description: "Its output says what the warning is: a gap, a stale source, no window."
          - exp_labels: {severity: warning, command: backup, repository: /once}
            exp_annotations:
              summary: "zoovault backup ended with warnings on /once"
              description: "Its output says what the warning is: a gap, a stale source, no window."
      - eval_time: 130m
        alertname: ZoovaultJobFailed
        exp_alerts:
          - exp_labels: {severity: critical, command: backup, job: node, repository: /r}
            exp_annotations:
              summary: "zoovault backup failed on /r"
              description: "zoovault_job_last_exit_status is the status of the last run: 0 or 3 if it has succeeded since, 4 damage, 5 a point that a drill cannot restore, 10 no repository, 128+N a signal."
          - exp_labels: {severity: critical, command: prune, repository: /once}
            exp_annotations:
              summary: "zoovault prune failed on /once"
              description: "zoovault_job_last_exit_status is the status of the last run: 0 or 3 if it has succeeded since, 4 damage, 5 a point that a drill cannot restore, 10 no repository, 128+N a signal."
      - eval_time: 5h
        alertname: ZoovaultJobWarned
        exp_alerts:
          - exp_labels: {severity: warning, command: check, repository: /r}
            exp_annotations:
              summary: "zoovault check ended with warnings on /r"
              description: "Its output says what the warning is: a gap, a stale source, no window."
          - exp_labels: {severity: warning, command: backup, repository: /once}
            exp_annotations:
              summary: "zoovault backup ended with warnings on /once"
              description: "Its output says what the warning is: a gap, a stale source, no window."
      - eval_time: 5h
        alertname: ZoovaultJobFailed
        exp_alerts:
          - exp_labels: {severity: critical, command: backup, job: node, repository: /r}
            exp_annotations:
              summary: "zoovault backup failed on /r"
              description: "zoovault_job_last_exit_status is the status of the last run: 0 or 3 if it has succeeded since, 4 damage, 5 a point that a drill cannot restore, 10 no repository, 128+N a signal."
          - exp_labels: {severity: critical, command: prune, repository: /once}
            exp_annotations:
              summary: "zoovault prune failed on /once"
              description: "zoovault_job_last_exit_status is the status of the last run: 0 or 3 if it has succeeded since, 4 damage, 5 a point that a drill cannot restore, 10 no repository, 128+N a signal."
      - eval_time: 6h
        alertname: ZoovaultJobWarned
        exp_alerts:
          - exp_labels: {severity: warning, command: check, repository: /r}
            exp_annotations:
              summary: "zoovault check ended with warnings on /r"
              description: "Its output says what the warning is: a gap, a stale source, no window."
      - eval_time: 6h
        alertname: ZoovaultJobFailed
        exp_alerts:
          - exp_labels: {severity: critical, command: backup, job: node, repository: /r}
            exp_annotations:
              summary: "zoovault backup failed on /r"
              description: "zoovault_job_last_exit_status is the status of the last run: 0 or 3 if it has succeeded since, 4 damage, 5 a point that a drill cannot restore, 10 no repository, 128+N a signal."
      - eval_time: 26h
        alertname: ZoovaultBackupMissing
        exp_alerts: []
      - eval_time: 27h
        alertname: ZoovaultBackupMissing
        exp_alerts:
          - exp_labels: {severity: critical, command: backup, job: node, repository: /r}
            exp_annotations:
              summary: "No backup to /r for 1d 2h 0m 0s"
              description: "The last backup made on  is that old. `journalctl -u zoovault-backup` says why there is no newer one."
      - eval_time: 27h
        alertname: ZoovaultJobFailed
        exp_alerts:
          - exp_labels: {severity: critical, command: backup, job: node, repository: /r}
            exp_annotations:
              summary: "zoovault backup failed on /r"
              description: "zoovault_job_last_exit_status is the status of the last run: 0 or 3 if it has succeeded since, 4 damage, 5 a point that a drill cannot restore, 10 no repository, 128+N a signal."
      - eval_time: 27h
        alertname: ZoovaultJobWarned
        exp_alerts:
          - exp_labels: {severity: warning, command: check, repository: /r}
            exp_annotations:
              summary: "zoovault check ended with warnings on /r"
              description: "Its output says what the warning is: a gap, a stale source, no window."
      - eval_time: 27h
        alertname: ZoovaultNeverSucceeded
        exp_alerts:
          - exp_labels: {severity: critical, command: drill, repository: /r}
            exp_annotations:
              summary: "zoovault drill has never succeeded on /r"
      - eval_time: 27h
        alertname: ZoovaultMetricsMissing
        exp_alerts: []
      - eval_time: 27h
        alertname: ZoovaultCheckMissing
        exp_alerts: []
"#;

/// What the program writes, as its documentation has it.
const SAMPLE: &str = "\
# HELP zoovault_job_last_exit_status The exit status with which the job last ended.
# TYPE zoovault_job_last_exit_status gauge
zoovault_job_last_exit_status{command=\"backup\",repository=\"/srv/backup/zookeeper\"} 0
";

#[test]
fn prometheus_takes_a_metrics_file() {
    assert_fine(judged(
        "promtool",
        &["check", "metrics"],
        &examples(),
        SAMPLE,
    ));
}

#[test]
fn the_alerts_are_about_series_that_are_written() {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cli/jobs/metrics.rs");
    let source = fs::read_to_string(source).unwrap();
    let (_, alerts) = texts("zoovault-alerts.yml").remove(0);
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    for name in alerts.split(|c| !is_name(c)) {
        if name.starts_with("zoovault_job_") {
            assert!(source.contains(&format!("\"{name}\"")), "{name}");
        }
    }
}

#[test]
fn cron_takes_the_crontab() {
    let (_, crontab) = texts("crontab").remove(0);
    let mut jobs = 0;
    for line in crontab.lines() {
        let is_setting = line.split_once('=').is_some_and(|(name, _)| {
            name.bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        });
        if line.is_empty() || line.starts_with('#') || is_setting {
            continue;
        }
        jobs += 1;
        let fields: Vec<&str> = line.split_whitespace().collect();
        for (field, range) in fields.iter().zip([0..=59, 0..=23, 1..=31, 1..=12, 0..=7]) {
            let number = field.parse::<u32>();
            assert!(
                *field == "*" || number.is_ok_and(|number| range.contains(&number)),
                "{line}"
            );
        }
        // What is written holds all that ZooKeeper does.
        let begins = ["zookeeper", "umask", "0027;", "zoovault"];
        assert_eq!(fields[5..9], begins, "{line}");
        // To cron it is the end of the line.
        assert!(!line.contains('%'), "{line}");
    }
    assert_eq!(jobs, 4);
}

#[test]
fn every_command_line_is_of_a_command_that_can_be_scheduled() {
    let mut seen = Vec::new();
    for (name, text) in texts("") {
        for line in text.lines().filter(|line| is_run(&name, line)) {
            for (at, program) in line.match_indices("zoovault ") {
                let is_program = line[..at].ends_with(['/', ' ', '`', '=', '\'']);
                let rest = &line[at + program.len()..];
                let command = rest.split_whitespace().next().unwrap();
                if is_program {
                    assert!(COMMANDS.contains(&command), "{name}: {line}");
                    seen.push(command.to_owned());
                }
            }
        }
    }
    for command in ["backup", "check", "drill", "forget", "prune"] {
        let count = seen.iter().filter(|seen| *seen == command).count();
        assert!(count >= 2, "{command}: {count}");
    }
}

/// Whether a line of an example is one that something runs.
fn is_run(name: &str, line: &str) -> bool {
    match name {
        "crontab" => !line.starts_with('#'),
        name if name.ends_with(".service") => line.starts_with("ExecStart="),
        _ => false,
    }
}
