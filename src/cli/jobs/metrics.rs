//! Metrics: how jobs ended, as a file in Prometheus' text exposition format, for the textfile
//! collector of node_exporter.
//!
//! The file is written anew after each job, whole: node_exporter may read it at any moment. Several
//! jobs may share it (other commands, other repositories), so it is read first, and the series of
//! others are kept; a lock on the directory has them take turns. What is there and is not a file of
//! ours is left as it is: a slip of the pen must not cost somebody `/etc/passwd`.

use nix::fcntl::{Flock, FlockArg};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use zoovault::durable;

/// The label that tells jobs apart: `backup`, `check`, `drill`. Not `job`, which Prometheus gives
/// to everything it scrapes.
const COMMAND: &str = "command";
/// The label that tells repositories apart.
const REPOSITORY: &str = "repository";
/// With what the names of all our series begin.
const PREFIX: &str = "zoovault_";
/// With what each of our files begins, since there is always a series and its help stands first.
const BEGINNING: &[u8] = b"# HELP zoovault_";

/// How long to wait for another job to write the same file. It takes milliseconds, so who holds the
/// lock longer has been stopped.
const LOCK_WAIT: Duration = Duration::from_secs(3);

pub const LAST_RUN: &str = "zoovault_job_last_run_timestamp_seconds";
pub const LAST_SUCCESS: &str = "zoovault_job_last_success_timestamp_seconds";
const LAST_DURATION: &str = "zoovault_job_last_duration_seconds";
pub const LAST_STATUS: &str = "zoovault_job_last_exit_status";
pub const LAST_RESULT: &str = "zoovault_job_last_result";

/// The series that every job has, with their help.
const OF_EVERY_JOB: [(&str, &str); 5] = [
    (LAST_RUN, "When the job last ended, in any way."),
    (
        LAST_SUCCESS,
        "When the job last ended with exit status 0 or 3 (done, with warnings).",
    ),
    (LAST_DURATION, "How long the job last took."),
    (
        LAST_STATUS,
        "The exit status with which the job last ended.",
    ),
    (
        LAST_RESULT,
        "How the job last ended: 2 done, 1 done with warnings, 0 failed.",
    ),
];

/// A number that a job tells of its work. The labels `command` and `repository` are added to its
/// own.
#[derive(Clone, Debug, PartialEq)]
pub struct Gauge {
    /// `zoovault_` and then letters, digits and underscores; with its unit at the end.
    pub name: &'static str,
    pub help: &'static str,
    pub value: f64,
    /// Other labels than `command` and `repository`.
    pub labels: Vec<(&'static str, String)>,
}

/// How a job ended.
#[derive(Clone, Debug)]
pub struct Ended<'a> {
    /// The exit status.
    pub status: i32,
    /// When, in seconds since 1970.
    pub at: f64,
    pub duration: Duration,
    pub gauges: &'a [Gauge],
}

impl Ended<'_> {
    fn is_success(&self) -> bool {
        is_success(self.status)
    }
}

/// Whether a job of this exit status did its work.
pub fn is_success(status: i32) -> bool {
    matches!(status, 0 | 3)
}

/// The file of a job.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub file: PathBuf,
    pub job: &'static str,
    pub repository: String,
}

type Labels = BTreeMap<String, String>;

/// All series of one name.
#[derive(Clone, Debug, Default, PartialEq)]
struct Family {
    /// As it stands in the file, escaped.
    help: String,
    /// The value is kept as it is written, so that what is not ours to change stays the same to the
    /// last digit.
    series: BTreeMap<Labels, String>,
}

type Families = BTreeMap<String, Family>;

impl Metrics {
    /// Writes how the job ended. The result is what there is to warn of, in one line.
    pub fn write(&self, ended: &Ended<'_>) -> Result<(), String> {
        let tell = |err: io::Error| format!("cannot write {}: {err}", self.file.display());
        // A link is followed, so that what it points to is replaced and not the link.
        let file = durable::resolved(&self.file);
        let dir = file.parent().unwrap_or(Path::new("/"));
        let _lock = lock(dir).map_err(tell)?;
        let (mut families, warning) = match read(&file).map_err(tell)? {
            Found::Nothing => (Families::new(), None),
            Found::Families(families) => (families, None),
            Found::Unreadable(why) => {
                let shown = self.file.display();
                let warning = format!("{shown} is damaged, and was rewritten: {why}");
                (Families::new(), Some(warning))
            }
            Found::Foreign => {
                return Err(format!(
                    "{} is not a metrics file of zoovault, and is left as it is",
                    self.file.display()
                ));
            }
        };
        self.put(&mut families, ended);
        // The temporary name does not end in `.prom`, so node_exporter does not read it.
        durable::replace_file(&file, render(&families).as_bytes())
            .map_err(|err| err.to_string())?;
        warning.map_or(Ok(()), Err)
    }

    /// The labels of a series of this job.
    fn labels(&self, own: &[(&'static str, String)]) -> Labels {
        let mut labels: Labels = own
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        labels.insert(COMMAND.to_owned(), self.job.to_owned());
        labels.insert(REPOSITORY.to_owned(), self.repository.clone());
        labels
    }

    fn is_ours(&self, labels: &Labels) -> bool {
        let is = |name: &str, value: &str| labels.get(name).is_some_and(|found| found == value);
        is(COMMAND, self.job) && is(REPOSITORY, &self.repository)
    }

    /// Puts this end in the place of the last.
    fn put(&self, families: &mut Families, ended: &Ended<'_>) {
        let told: BTreeSet<&str> = ended.gauges.iter().map(|gauge| gauge.name).collect();
        for (name, family) in &mut *families {
            // What was true of the last success still is after a failure: how far the backups
            // reach, say. Where the job tells a gauge anew, all its series go: a source that is no
            // longer backed up must not stay for ever.
            let goes = ended.is_success() || told.contains(name.as_str()) || is_of_every_job(name);
            if goes && (ended.is_success() || name != LAST_SUCCESS) {
                family.series.retain(|labels, _| !self.is_ours(labels));
            }
        }
        let result = match ended.status {
            0 => 2.0,
            3 => 1.0,
            _ => 0.0,
        };
        let mut set = |name: &str, help: &str, labels: Labels, value: f64| {
            let family = families.entry(name.to_owned()).or_default();
            family.help = escape(help, false);
            family.series.insert(labels, number(value));
        };
        for (name, help) in OF_EVERY_JOB {
            let value = match name {
                LAST_DURATION => ended.duration.as_secs_f64(),
                LAST_STATUS => f64::from(ended.status),
                LAST_RESULT => result,
                LAST_SUCCESS if !ended.is_success() => continue,
                _ => ended.at,
            };
            set(name, help, self.labels(&[]), value);
        }
        for gauge in ended.gauges {
            set(
                gauge.name,
                gauge.help,
                self.labels(&gauge.labels),
                gauge.value,
            );
        }
        families.retain(|_, family| !family.series.is_empty());
    }
}

fn is_of_every_job(name: &str) -> bool {
    OF_EVERY_JOB.iter().any(|(known, _)| *known == name)
}

/// What stands where the metrics are to go.
#[derive(Debug, PartialEq)]
enum Found {
    Nothing,
    Families(Families),
    /// A file of ours that is damaged, and why it cannot be understood.
    Unreadable(String),
    Foreign,
}

fn read(file: &Path) -> io::Result<Found> {
    match fs::symlink_metadata(file) {
        // A device or a pipe would be gone.
        Ok(found) if !found.is_file() => return Ok(Found::Foreign),
        Ok(_) => {}
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(err) => return Err(err),
    }
    let bytes = fs::read(file)?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Found::Nothing);
    }
    if !bytes.starts_with(BEGINNING) {
        return Ok(Found::Foreign);
    }
    Ok(match std::str::from_utf8(&bytes) {
        Ok(text) => parse(text).map_or_else(Found::Unreadable, Found::Families),
        Err(_) => Found::Unreadable("it is not text".to_owned()),
    })
}

/// Waits for the lock on `dir`, for so long as it should take. It goes with the value.
fn lock(dir: &Path) -> io::Result<Option<Flock<File>>> {
    let deadline = Instant::now() + LOCK_WAIT;
    let mut opened = File::open(dir)?;
    loop {
        match Flock::lock(opened, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(Some(lock)),
            Err((back, nix::errno::Errno::EWOULDBLOCK)) if Instant::now() < deadline => {
                opened = back;
                std::thread::sleep(Duration::from_millis(10));
            }
            // Not every file system has locks, and metrics with a series lost to a race are better
            // than none.
            Err(_) => return Ok(None),
        }
    }
}

fn render(families: &Families) -> String {
    let mut text = String::new();
    for (name, family) in families {
        text.push_str(&format!("# HELP {name} {}\n", family.help));
        text.push_str(&format!("# TYPE {name} gauge\n"));
        for (labels, value) in &family.series {
            let labels: Vec<String> = labels
                .iter()
                .map(|(name, value)| format!("{name}=\"{}\"", escape(value, true)))
                .collect();
            text.push_str(&format!("{name}{{{}}} {value}\n", labels.join(",")));
        }
    }
    text
}

/// As a help or, with its quotes, a label's value is written.
fn escape(text: &str, quotes: bool) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n");
    if quotes {
        text.replace('"', "\\\"")
    } else {
        text
    }
}

fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        let sign = if value > 0.0 { '+' } else { '-' };
        format!("{sign}Inf")
    } else {
        value.to_string()
    }
}

/// Reads what [`render`] writes; of the format at large, no more.
fn parse(text: &str) -> Result<Families, String> {
    let mut families = Families::new();
    for (index, line) in text.lines().enumerate() {
        let put = match line.strip_prefix("# ") {
            Some(comment) => parse_comment(comment, &mut families),
            None if line.is_empty() => Some(()),
            None => parse_series(line, &mut families),
        };
        put.ok_or_else(|| format!("line {} is unrecognised", index + 1))?;
    }
    if !text.ends_with('\n') {
        return Err("it ends in the middle of a line".to_owned());
    }
    Ok(families)
}

fn parse_comment(comment: &str, families: &mut Families) -> Option<()> {
    let (keyword, rest) = comment.split_once(' ')?;
    let (name, rest) = rest.split_once(' ')?;
    match keyword {
        "HELP" if is_name(name) => {
            families.entry(name.to_owned()).or_default().help = rest.to_owned();
            Some(())
        }
        "TYPE" if rest == "gauge" => families.get(name).map(|_| ()),
        _ => None,
    }
}

fn parse_series(line: &str, families: &mut Families) -> Option<()> {
    let (name, rest) = line.split_once('{')?;
    let family = families.get_mut(name)?;
    let mut labels = Labels::new();
    let mut rest = rest;
    while !rest.starts_with('}') {
        let (label, behind) = rest.split_once("=\"")?;
        let (value, behind) = unescape(behind)?;
        if !is_label(label) || labels.insert(label.to_owned(), value).is_some() {
            return None;
        }
        rest = behind.strip_prefix(',').unwrap_or(behind);
    }
    let value = rest.strip_prefix("} ")?;
    value.parse::<f64>().ok()?;
    let is_new = family.series.insert(labels, value.to_owned()).is_none();
    is_new.then_some(())
}

/// A label's value up to its closing quote, and what stands behind that.
fn unescape(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => value.push(match chars.next()? {
                'n' => '\n',
                c @ ('\\' | '"') => c,
                _ => return None,
            }),
            c => value.push(c),
        }
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(PREFIX) && is_label(name)
}

fn is_label(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::jobs::tests::{judge, value};
    use std::os::unix::fs::PermissionsExt;

    const WINDOW: &str = "zoovault_backup_window_to_timestamp_seconds";

    fn window(value: f64, source: &str) -> Gauge {
        Gauge {
            name: WINDOW,
            help: "The time of the last transaction.\nOr \\ so.",
            value,
            labels: vec![("source", source.to_owned())],
        }
    }

    fn metrics(dir: &Path, job: &'static str, repository: &str) -> Metrics {
        Metrics {
            file: dir.join("zoovault.prom"),
            job,
            repository: repository.to_owned(),
        }
    }

    fn ended(status: i32, at: f64, gauges: &[Gauge]) -> Ended<'_> {
        Ended {
            status,
            at,
            duration: Duration::from_millis(1500),
            gauges,
        }
    }

    #[test]
    fn a_failure_keeps_the_last_success_and_what_was_true_then() {
        let dir = tempfile::tempdir().unwrap();
        let metrics = metrics(dir.path(), "backup", "/srv/a");
        let at = |series: &str| value(&metrics.file, series);
        metrics.write(&ended(1, 100.0, &[])).unwrap();
        judge(&metrics.file);
        assert_eq!((at(LAST_RUN), at(LAST_SUCCESS)), (Some(100.0), None));
        assert_eq!((at(LAST_STATUS), at(LAST_RESULT)), (Some(1.0), Some(0.0)));
        assert_eq!(at(LAST_DURATION), Some(1.5));
        let gauges = [window(150.25, "zk1"), window(151.0, "zk2")];
        metrics.write(&ended(0, 200.0, &gauges)).unwrap();
        judge(&metrics.file);
        assert_eq!(
            (at(LAST_SUCCESS), at(LAST_RESULT)),
            (Some(200.0), Some(2.0))
        );
        metrics.write(&ended(143, 300.0, &[])).unwrap();
        judge(&metrics.file);
        assert_eq!((at(LAST_RUN), at(LAST_SUCCESS)), (Some(300.0), Some(200.0)));
        assert_eq!(at(LAST_STATUS), Some(143.0));
        let series = [1, 2].map(|n| {
            format!("{WINDOW}{{command=\"backup\",repository=\"/srv/a\",source=\"zk{n}\"}}")
        });
        assert_eq!(
            [at(&series[0]), at(&series[1])],
            [Some(150.25), Some(151.0)]
        );
        // What a success tells no more is no more.
        metrics.write(&ended(3, 400.0, &gauges[1..])).unwrap();
        assert_eq!(
            (at(LAST_SUCCESS), at(LAST_RESULT)),
            (Some(400.0), Some(1.0))
        );
        assert_eq!([at(&series[0]), at(&series[1])], [None, Some(151.0)]);
        metrics.write(&ended(0, 500.0, &[])).unwrap();
        assert!(!fs::read_to_string(&metrics.file).unwrap().contains(WINDOW));
        let names: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(names.len(), 1, "no temporary file is left");
    }

    #[test]
    fn series_of_other_jobs_and_repositories_stay_to_the_last_digit() {
        let dir = tempfile::tempdir().unwrap();
        let hostile = "a\"b\\c\nd}=,é";
        let others = [
            metrics(dir.path(), "check", "/srv/a"),
            metrics(dir.path(), "backup", hostile),
        ];
        for other in &others {
            let gauges = [window(0.1 + 0.2, hostile)];
            other.write(&ended(0, 1.7e9 + 0.123, &gauges)).unwrap();
        }
        let before = fs::read_to_string(&others[0].file).unwrap();
        let own = metrics(dir.path(), "backup", "/srv/a");
        own.write(&ended(
            0,
            5.0,
            &[window(f64::INFINITY, "zk"), window(f64::NAN, "no")],
        ))
        .unwrap();
        judge(&own.file);
        let after = fs::read_to_string(&own.file).unwrap();
        for line in before.lines() {
            assert!(after.contains(line), "{line}\n{after}");
        }
        let families = parse(&after).unwrap();
        assert_eq!(render(&families), after);
        let labels = others[1].labels(&[("source", hostile.to_owned())]);
        assert!(families[WINDOW].series.contains_key(&labels));
    }

    #[test]
    fn a_damaged_file_of_ours_is_written_anew_with_a_warning() {
        let dir = tempfile::tempdir().unwrap();
        let metrics = metrics(dir.path(), "backup", "/srv/a");
        metrics.write(&ended(0, 5.0, &[window(1.0, "zk")])).unwrap();
        let whole = fs::read(&metrics.file).unwrap();
        // Cut anywhere, also where the file is then no longer known for ours, but is empty or a
        // beginning of it.
        for len in (BEGINNING.len()..whole.len() - 1).step_by(7) {
            fs::write(&metrics.file, &whole[..len]).unwrap();
            if whole[len - 1] != b'\n' {
                let warning = metrics.write(&ended(0, 6.0, &[])).unwrap_err();
                assert!(
                    warning.contains("is damaged, and was rewritten"),
                    "{warning}"
                );
            }
        }
        assert_eq!(value(&metrics.file, LAST_SUCCESS), Some(6.0));
        judge(&metrics.file);
        for damage in [
            &b"\xff\n"[..],
            b"zoovault_x 1\n",
            b"# EOF\n",
            b"# HELP zoovault_x y\nzoovault_x{a=\"\\q\"} 1\n",
        ] {
            fs::write(&metrics.file, [&whole[..], damage].concat()).unwrap();
            metrics.write(&ended(0, 6.0, &[])).unwrap_err();
            metrics.write(&ended(0, 6.0, &[])).unwrap();
        }
    }

    #[test]
    fn what_is_not_ours_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let metrics = metrics(dir.path(), "backup", "/srv/a");
        fs::write(&metrics.file, "root:x:0:0\n").unwrap();
        let warning = metrics.write(&ended(0, 5.0, &[])).unwrap_err();
        assert!(warning.contains("is left as it is"), "{warning}");
        assert_eq!(fs::read(&metrics.file).unwrap(), b"root:x:0:0\n");
        let null = Metrics {
            file: "/dev/null".into(),
            ..metrics.clone()
        };
        assert!(null.write(&ended(0, 5.0, &[])).is_err());
        let nowhere = Metrics {
            file: dir.path().join("no/such/file"),
            ..metrics.clone()
        };
        assert!(nowhere.write(&ended(0, 5.0, &[])).is_err());
        assert!(!dir.path().join("no").exists());
    }

    #[test]
    fn a_link_is_followed_and_a_mode_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let metrics = metrics(dir.path(), "backup", "/srv/a");
        let target = dir.path().join("target.prom");
        fs::write(&target, "").unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("target.prom", &metrics.file).unwrap();
        metrics.write(&ended(0, 5.0, &[])).unwrap();
        assert!(fs::symlink_metadata(&metrics.file).unwrap().is_symlink());
        let mode = fs::metadata(&target).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        judge(&target);
    }

    #[test]
    fn jobs_that_end_at_once_do_not_lose_each_other() {
        let dir = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for n in 0..8 {
                let metrics = metrics(dir.path(), "backup", &format!("/srv/{n}"));
                scope.spawn(move || metrics.write(&ended(0, 5.0, &[])).unwrap());
            }
        });
        let text = fs::read_to_string(dir.path().join("zoovault.prom")).unwrap();
        assert_eq!(parse(&text).unwrap()[LAST_RUN].series.len(), 8);
    }
}
