//! The configuration file: what a scheduled command needs, so that `zoovault backup -q` says it
//! all.
//!
//! It is TOML. Keys at the top hold for every run; those of `[profile.NAME]` go before them when
//! `--profile NAME` is given, key by key, in `[keep]` and `[hooks]` too: a profile that names one
//! rule of `[keep]` must not drop the others, since a rule dropped is a backup deleted. What the
//! command line or the environment says goes before both.

use crate::cli::exit::BadArgument;
use clap::Args;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::{Table, Value};

/// How long a hook may take unless `timeout` says otherwise.
const HOOK_TIMEOUT: Duration = Duration::from_secs(300);

/// The keys of which a file may have one: either says where to ping.
const ADDRESSES: [&str; 2] = ["ping-url", "ping-url-file"];

/// Which configuration to use.
#[derive(Args, Clone, Debug, Default)]
pub struct ConfigArgs {
    /// The configuration file; by default ~/.config/zoovault/zoovault.toml, or if there is none,
    /// /etc/zoovault/zoovault.toml. Use /dev/null for no configuration
    #[arg(
        long,
        value_name = "FILE",
        env = "ZOOVAULT_CONFIG",
        help_heading = "Configuration"
    )]
    pub config: Option<PathBuf>,
    /// Use the settings in [profile.NAME] of the file; those at its top apply where it has none
    #[arg(
        long,
        value_name = "NAME",
        env = "ZOOVAULT_PROFILE",
        help_heading = "Configuration"
    )]
    pub profile: Option<String>,
}

/// What the configuration file says. A key that is not in it is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The file it was read from.
    #[serde(skip)]
    pub file: Option<PathBuf>,
    /// The profile that was chosen.
    #[serde(skip)]
    pub profile: Option<String>,
    pub repository: Option<String>,
    pub sources: Option<Vec<PathBuf>>,
    pub data_log_dir: Option<PathBuf>,
    /// How old a full base may grow; a duration that `backup` parses.
    pub base_every: Option<String>,
    /// How many seconds lie between two looks of a backup that follows.
    pub follow: Option<NonZeroU64>,
    /// How old the newest backup may be; a duration that the commands parse.
    pub max_age: Option<String>,
    pub metrics_file: Option<PathBuf>,
    pub ping_url: Option<String>,
    pub ping_url_file: Option<PathBuf>,
    pub keep: Keep,
    pub hooks: Hooks,
    /// All the profiles, while the file is read; then none.
    #[serde(rename = "profile")]
    pub profiles: BTreeMap<String, Config>,
}

/// `[keep]`: which backups `forget` keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Keep {
    pub last: Option<u32>,
    pub hourly: Option<u32>,
    pub daily: Option<u32>,
    pub weekly: Option<u32>,
    pub monthly: Option<u32>,
    pub yearly: Option<u32>,
    /// A duration that `forget` parses.
    pub within: Option<String>,
}

/// `[hooks]`: what runs around a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Hooks {
    pub before: Option<String>,
    pub after: Option<String>,
    pub failed: Option<String>,
    pub finally: Option<String>,
    /// In seconds.
    pub timeout: Option<NonZeroU64>,
    pub on_failure: Option<OnFailure>,
}

/// What the failure of a hook means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// The job fails; if it was about to begin, it does not.
    #[default]
    Error,
    /// It is told, and changes nothing.
    Warn,
    /// It is not even told.
    Ignore,
}

impl Config {
    /// Reads the file that `args` name, or the one that is in a usual place; without one, nothing
    /// is configured.
    pub fn load(args: &ConfigArgs) -> anyhow::Result<Config> {
        let config_home = std::env::var_os("XDG_CONFIG_HOME");
        let places = usual_places(config_home, std::env::var_os("HOME"));
        Config::load_from(args, &places)
    }

    fn load_from(args: &ConfigArgs, places: &[PathBuf]) -> anyhow::Result<Config> {
        // A variable that is set to nothing names none.
        let profile = args.profile.as_deref().filter(|name| !name.is_empty());
        let places = match &args.config {
            Some(file) => std::slice::from_ref(file),
            None => places,
        };
        for place in places {
            match fs::read_to_string(place) {
                Ok(text) => return parse(&text, place, profile),
                // Only a usual place may be without a file.
                Err(err)
                    if args.config.is_none()
                        && matches!(err.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                }
                // A file that is there and cannot be read is no reason to do something else than it
                // says.
                Err(err) => return Err(bad(place, &format!("cannot be read: {err}"))),
            }
        }
        match profile {
            Some(name) => Err(BadArgument(format!(
                "there is no profile '{name}', because there is no configuration file: name one with --config"
            ))
            .into()),
            None => Ok(Config::default()),
        }
    }
}

impl Hooks {
    /// How long each may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
            .map_or(HOOK_TIMEOUT, |seconds| Duration::from_secs(seconds.get()))
    }

    /// What the failure of one means.
    pub fn on_failure(&self) -> OnFailure {
        self.on_failure.unwrap_or_default()
    }

    /// Whether none.
    pub fn is_empty(&self) -> bool {
        [&self.before, &self.after, &self.failed, &self.finally]
            .iter()
            .all(|hook| hook.is_none())
    }
}

/// Where a file is looked for, in this order.
fn usual_places(config_home: Option<OsString>, home: Option<OsString>) -> Vec<PathBuf> {
    // The XDG Base Directory Specification says that a relative path is to be ignored.
    let config_home = config_home
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let home = home.map(PathBuf::from).filter(|path| path.is_absolute());
    config_home
        .or_else(|| home.map(|home| home.join(".config")))
        .into_iter()
        .chain([PathBuf::from("/etc")])
        .map(|dir| dir.join("zoovault").join("zoovault.toml"))
        .collect()
}

fn parse(text: &str, file: &Path, profile: Option<&str>) -> anyhow::Result<Config> {
    let mut top: Config = toml::from_str(text).map_err(|err| {
        let line = err
            .span()
            .and_then(|span| text.get(..span.start))
            .map(|before| format!("line {}: ", before.matches('\n').count() + 1))
            .unwrap_or_default();
        // Serde speaks of the fields of a struct; here they are keys. A message may have several
        // lines, an error has one.
        let message = err.message().trim().replace("unknown field", "unknown key");
        bad(file, &format!("{line}{}", message.replace('\n', ", ")))
    })?;
    let profiles = std::mem::take(&mut top.profiles);
    refuse_two_addresses(&top, "", file)?;
    for (name, keys) in &profiles {
        let place = format!("profile.{name}: ");
        refuse_two_addresses(keys, &place, file)?;
        if !keys.profiles.is_empty() {
            return Err(bad(file, &format!("{place}a profile has no profiles")));
        }
    }
    let chosen = match profile {
        None => top,
        Some(name) if profiles.contains_key(name) => {
            with_profile(text, name).map_err(|err| bad(file, err.message()))?
        }
        Some(name) => {
            let known: Vec<String> = profiles.into_keys().collect();
            let known = match known.is_empty() {
                true => "there is none".to_owned(),
                false => format!("there are: {}", known.join(", ")),
            };
            return Err(bad(file, &format!("has no profile '{name}'; {known}")));
        }
    };
    Ok(Config {
        file: Some(file.to_owned()),
        profile: profile.map(str::to_owned),
        ..chosen
    })
}

/// The keys of a profile, and those at the top that it does not have.
fn with_profile(text: &str, name: &str) -> Result<Config, toml::de::Error> {
    let mut keys: Table = toml::from_str(text)?;
    if let Some(Value::Table(mut profiles)) = keys.remove("profile")
        && let Some(Value::Table(profile)) = profiles.remove(name)
    {
        // An address from a file and one that stands here are two ways to say one thing.
        if ADDRESSES.iter().any(|key| profile.contains_key(*key)) {
            keys.retain(|key, _| !ADDRESSES.contains(&key));
        }
        overlay(&mut keys, profile);
    }
    keys.try_into()
}

/// Puts the keys of `upper` over those of `keys`, also in the tables that both have.
fn overlay(keys: &mut Table, upper: Table) {
    for (key, value) in upper {
        match (keys.get_mut(&key), value) {
            (Some(Value::Table(keys)), Value::Table(upper)) => overlay(keys, upper),
            (_, value) => {
                keys.insert(key, value);
            }
        }
    }
}

fn refuse_two_addresses(keys: &Config, place: &str, file: &Path) -> anyhow::Result<()> {
    if keys.ping_url.is_some() && keys.ping_url_file.is_some() {
        let message = format!("{place}ping-url and ping-url-file cannot both be given");
        return Err(bad(file, &message));
    }
    Ok(())
}

fn bad(file: &Path, message: &str) -> anyhow::Error {
    BadArgument(format!("{}: {message}", file.display())).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit::{Exit, of_error};

    const FILE: &str = "/etc/zoovault/zoovault.toml";

    fn parsed(text: &str, profile: Option<&str>) -> Config {
        parse(text, Path::new(FILE), profile).unwrap()
    }

    fn refused(text: &str, profile: Option<&str>) -> String {
        let err = parse(text, Path::new(FILE), profile).unwrap_err();
        assert_eq!(of_error(&err), Exit::BadArguments);
        let line = err.to_string();
        let rest = line.strip_prefix("/etc/zoovault/zoovault.toml: ");
        rest.expect("the file comes first").to_owned()
    }

    #[test]
    fn the_example_is_a_configuration_and_shows_every_key() {
        let text = include_str!("../../../examples/zoovault.toml");
        let config = parsed(text, None);
        assert_eq!(config.file.as_deref(), Some(Path::new(FILE)));
        assert!(config.repository.is_some() && config.sources.is_some());
        // What the example only shows as a comment must be right too.
        let all: String = text
            .lines()
            .map(|line| match line.strip_prefix("#") {
                Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => {
                    format!("{rest}\n")
                }
                _ => format!("{line}\n"),
            })
            .collect();
        let shown = parsed(&all.replace("ping-url =", "#"), None);
        assert!(shown.ping_url_file.is_some());
        let shown = parsed(&all.replace("ping-url-file =", "#"), None);
        let strings = [&shown.repository, &shown.base_every, &shown.max_age];
        assert!(strings.iter().all(|value| value.is_some()));
        assert!(shown.ping_url.is_some() && shown.follow.is_some());
        assert!(shown.data_log_dir.is_some() && shown.metrics_file.is_some());
        let (keep, hooks) = (shown.keep, shown.hooks);
        let counts = [
            keep.last,
            keep.hourly,
            keep.daily,
            keep.weekly,
            keep.monthly,
            keep.yearly,
        ];
        assert!(counts.iter().all(Option::is_some) && keep.within.is_some());
        let commands = [&hooks.before, &hooks.after, &hooks.failed, &hooks.finally];
        assert!(commands.iter().all(|command| command.is_some()));
        assert!(hooks.timeout.is_some() && hooks.on_failure.is_some());
    }

    #[test]
    fn a_profile_goes_before_the_top_key_by_key() {
        let text = "\
            repository = '/srv/a'\n\
            sources = ['/var/lib/zookeeper']\n\
            ping-url = 'https://example.com/a'\n\
            [keep]\n\
            daily = 30\n\
            [hooks]\n\
            before = 'true'\n\
            [profile.offsite]\n\
            repository = '/srv/b'\n\
            ping-url-file = '/run/ping'\n\
            [profile.offsite.keep]\n\
            hourly = 24\n\
            [profile.offsite.hooks]\n\
            timeout = 7\n\
            on-failure = 'ignore'\n";
        let config = parsed(text, Some("offsite"));
        assert_eq!(config.repository.as_deref(), Some("/srv/b"));
        assert_eq!(
            config.sources,
            Some(vec![PathBuf::from("/var/lib/zookeeper")])
        );
        assert_eq!(config.ping_url, None, "the profile's address is in a file");
        assert_eq!(
            (config.keep.daily, config.keep.hourly),
            (Some(30), Some(24))
        );
        assert_eq!(config.hooks.before.as_deref(), Some("true"));
        assert_eq!(config.hooks.timeout(), Duration::from_secs(7));
        assert_eq!(config.hooks.on_failure(), OnFailure::Ignore);
        let top = parsed(text, None);
        assert_eq!((top.keep.hourly, top.hooks.timeout()), (None, HOOK_TIMEOUT));
        assert_eq!(top.hooks.on_failure(), OnFailure::Error);
        assert_eq!(
            refused(text, Some("onsite")),
            "has no profile 'onsite'; there are: offsite"
        );
    }

    #[test]
    fn a_wrong_key_is_named_with_its_line() {
        let line = refused("repository = 'a'\nbase_every = '7d'\n", None);
        assert!(
            line.starts_with("line 2: unknown key `base_every`, expected one of `repository`"),
            "{line}"
        );
        let line = refused("[keep]\ndaily = 3\ndayly = 4\n", None);
        assert!(line.starts_with("line 3: unknown key `dayly`"), "{line}");
        // Also in a profile that is not used.
        let line = refused("[profile.a.hooks]\n\nbefor = 'true'\n", None);
        assert!(line.starts_with("line 3: unknown key `befor`"), "{line}");
        let line = refused("[profile.a.profile.b]\nfollow = 1\n", None);
        assert_eq!(line, "profile.a: a profile has no profiles");
    }

    #[test]
    fn a_wrong_value_is_named_with_its_line() {
        for (text, at) in [
            ("\nsources = '/var/lib/zookeeper'\n", "line 2: "),
            ("[keep]\ndaily = -1\n", "line 2: "),
            ("[hooks]\ntimeout = 0\n", "line 2: "),
            ("\nfollow = 0\n", "line 2: "),
            ("[hooks]\non-failure = 'explode'\n", "line 2: "),
            ("follow = 1\nfollow = 2\n", "line 2: "),
            ("repository = \n", "line 1: "),
            ("ping-url = 'a'\nping-url-file = 'b'\n", "ping-url and"),
        ] {
            let line = refused(text, None);
            assert!(line.starts_with(at) && !line.contains('\n'), "{line}");
        }
    }

    #[test]
    fn the_first_file_that_is_there_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let [first, second] = ["a.toml", "b.toml"].map(|name| dir.path().join(name));
        let places = [first.clone(), second.clone()];
        let seconds = NonZeroU64::new;
        let args = ConfigArgs::default();
        assert_eq!(
            Config::load_from(&args, &places).unwrap(),
            Config::default()
        );
        fs::write(&second, "follow = 2").unwrap();
        assert_eq!(
            Config::load_from(&args, &places).unwrap().follow,
            seconds(2)
        );
        fs::write(&first, "follow = 1").unwrap();
        assert_eq!(
            Config::load_from(&args, &places).unwrap().follow,
            seconds(1)
        );
        let named = |path: &Path| ConfigArgs {
            config: Some(path.to_owned()),
            profile: None,
        };
        assert_eq!(
            Config::load_from(&named(&second), &places).unwrap().follow,
            seconds(2)
        );
        let absent = Config::load_from(&named(&dir.path().join("c")), &places).unwrap_err();
        assert_eq!(of_error(&absent), Exit::BadArguments);
        let profile = ConfigArgs {
            config: None,
            profile: Some("a".into()),
        };
        let nowhere = Config::load_from(&profile, &[]).unwrap_err();
        assert_eq!(of_error(&nowhere), Exit::BadArguments);
        assert_eq!(
            Config::load(&named(Path::new("/dev/null"))).unwrap().file,
            Some("/dev/null".into())
        );
    }

    #[test]
    fn the_usual_places_are_those_of_the_user_and_of_the_machine() {
        let etc = PathBuf::from("/etc/zoovault/zoovault.toml");
        let places = |config_home: Option<&str>, home: Option<&str>| {
            usual_places(config_home.map(OsString::from), home.map(OsString::from))
        };
        assert_eq!(
            places(Some("/c"), Some("/h")),
            ["/c/zoovault/zoovault.toml".into(), etc.clone()]
        );
        assert_eq!(
            places(Some("relative"), Some("/h")),
            ["/h/.config/zoovault/zoovault.toml".into(), etc.clone()]
        );
        assert_eq!(places(None, None), [etc]);
    }
}
