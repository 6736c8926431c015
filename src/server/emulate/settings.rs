//! The settings of a server that change what it makes of its files, and the releases that have
//! them.
//!
//! | property | since | what it does at a start |
//! |---|---|---|
//! | `jute.maxbuffer` | 3.4.0 | how long a buffer may be |
//! | `zookeeper.jute.maxbuffer.extrasize` | 3.5.7 | how much longer, as far as files go |
//! | `zookeeper.extendedTypesEnabled` | 3.5.4 | owners of `0xff…` are those of TTL nodes |
//! | `zookeeper.emulate353TTLNodes` | 3.5.4 | with that, other negative owners too |
//! | `zookeeper.snapshot.trust.empty` | 3.5.6 | logs without a snapshot are taken; 3.5.6 takes them for nothing |
//! | `zookeeper.digest.enabled` | 3.6.0 | digests are read, and compared |
//! | `zookeeper.closeSessionTxn.enabled` | 3.6.0 | what a closeSession lists is deleted |
//! | `zookeeper.serializeLastProcessedZxid.enabled` | 3.9.0 | the last zxid of a snapshot is read |
//! | `zookeeper.test.allowDiscontinuousProposals` | 3.9.4 | a hole within an epoch is not refused |
//!
//! Java knows most of them with the prefix `zookeeper.`, and a `zoo.cfg` without: what is not known
//! there becomes a property with it (`QuorumPeerConfig.parseProperties`). The other way round,
//! neither has any effect.

use crate::format::release::{MAX_BUFFER, RELEASES, Release};

/// The settings of a server, as its JVM has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `jute.maxbuffer`.
    pub max_buffer: i32,
    /// `zookeeper.jute.maxbuffer.extrasize`; by default as much as the first.
    pub extra_size: Option<i32>,
    /// `zookeeper.extendedTypesEnabled`.
    pub extended_types: bool,
    /// `zookeeper.emulate353TTLNodes`.
    pub emulate_353_ttl: bool,
    /// `zookeeper.snapshot.trust.empty`.
    pub trust_empty: bool,
    /// `zookeeper.digest.enabled`.
    pub digest: bool,
    /// `zookeeper.serializeLastProcessedZxid.enabled`.
    pub last_zxid: bool,
    /// `zookeeper.closeSessionTxn.enabled`.
    pub close_session: bool,
    /// `zookeeper.test.allowDiscontinuousProposals`.
    pub allow_gaps: bool,
    /// Those that were set.
    given: Vec<&'static str>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            max_buffer: MAX_BUFFER,
            extra_size: None,
            extended_types: false,
            emulate_353_ttl: false,
            trust_empty: false,
            digest: true,
            last_zxid: true,
            close_session: true,
            allow_gaps: false,
            given: Vec::new(),
        }
    }
}

const PREFIX: &str = "zookeeper.";

/// Properties, and the first releases that have them, one a branch.
const KNOWN: &[(&str, &[(u32, u32)])] = &[
    ("jute.maxbuffer", &[(4, 0)]),
    ("zookeeper.jute.maxbuffer.extrasize", &[(5, 7)]),
    ("zookeeper.extendedTypesEnabled", &[(5, 4)]),
    ("zookeeper.emulate353TTLNodes", &[(5, 4)]),
    ("zookeeper.snapshot.trust.empty", &[(5, 6)]),
    ("zookeeper.digest.enabled", &[(6, 0)]),
    ("zookeeper.closeSessionTxn.enabled", &[(6, 0)]),
    ("zookeeper.serializeLastProcessedZxid.enabled", &[(9, 0)]),
    ("zookeeper.test.allowDiscontinuousProposals", &[(9, 4)]),
];

impl Settings {
    /// Takes `key=value`, as after `-D` of java.
    ///
    /// # Errors
    /// A line for the user, when the key has no effect on loading, or java would not take the
    /// value.
    pub fn set(&mut self, text: &str) -> Result<(), String> {
        let (key, value) = text
            .split_once('=')
            .ok_or_else(|| format!("'{text}' is not KEY=VALUE"))?;
        let Some((property, _)) = KNOWN.iter().find(|(property, _)| *property == key) else {
            return Err(unknown(key));
        };
        self.apply(property, value)
    }

    /// Takes what a `zoo.cfg` has for `key`, where that is a setting: servers make it a property
    /// with the prefix, over what `-D` says.
    pub fn set_in_cfg(&mut self, key: &str, value: &str) {
        let is_meant = |property: &str| property.strip_prefix(PREFIX) == Some(key);
        let known = KNOWN.iter().find(|(property, _)| is_meant(property));
        if let Some((property, _)) = known
            && self.apply(property, value).is_err()
        {
            // The only one that is a number: java falls back to the default.
            self.extra_size = None;
        }
    }

    fn apply(&mut self, property: &'static str, value: &str) -> Result<(), String> {
        // `Boolean.parseBoolean` takes everything else for false.
        let flag = value.eq_ignore_ascii_case("true");
        match property {
            "jute.maxbuffer" => self.max_buffer = number(value)?,
            "zookeeper.jute.maxbuffer.extrasize" => self.extra_size = Some(number(value)?),
            "zookeeper.extendedTypesEnabled" => self.extended_types = flag,
            "zookeeper.emulate353TTLNodes" => self.emulate_353_ttl = flag,
            "zookeeper.snapshot.trust.empty" => self.trust_empty = flag,
            "zookeeper.digest.enabled" => self.digest = flag,
            "zookeeper.closeSessionTxn.enabled" => self.close_session = flag,
            "zookeeper.serializeLastProcessedZxid.enabled" => self.last_zxid = flag,
            _ => self.allow_gaps = flag,
        }
        if !self.given.contains(&property) {
            self.given.push(property);
        }
        Ok(())
    }

    /// Those that were set and that `release` does not know: it drops them without a word.
    pub fn ignored_by(&self, release: Release) -> Vec<&'static str> {
        let is_known = |given: &&'static str| {
            let known = KNOWN.iter().find(|(property, _)| property == given);
            known.is_some_and(|(_, since)| release.has(since))
        };
        let given = self.given.iter().copied();
        given.filter(|given| !is_known(given)).collect()
    }
}

/// Why a key has no effect.
fn unknown(key: &str) -> String {
    let is_known = |name: &str| KNOWN.iter().any(|(property, _)| *property == name);
    let with_prefix = format!("{PREFIX}{key}");
    if is_known(&with_prefix) {
        return format!(
            "'{key}' has no effect as a property of java: there it is {with_prefix} (only a zoo.cfg has it without the prefix)"
        );
    }
    if let Some(bare) = key.strip_prefix(PREFIX).filter(|bare| is_known(bare)) {
        return format!("'{key}' has no effect in any release: it is {bare}");
    }
    let known: Vec<&str> = KNOWN.iter().map(|(property, _)| *property).collect();
    let last = RELEASES.last().copied().unwrap_or_default();
    format!(
        "'{key}' has no effect on loading in any release up to {last}; these have: {}",
        known.join(", ")
    )
}

/// A number as `Integer.decode` takes it: decimal, hexadecimal behind `0x` or `#`, octal behind 0.
fn number(text: &str) -> Result<i32, String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let hex = ["0x", "0X", "#"]
        .iter()
        .find_map(|mark| digits.strip_prefix(mark));
    let (digits, radix) = match (hex, digits.strip_prefix('0')) {
        (Some(hex), _) => (hex, 16),
        (None, Some(octal)) if !octal.is_empty() => (octal, 8),
        (None, _) => (digits, 10),
    };
    let is_digits = digits.chars().all(|c| c.is_digit(radix));
    let number = is_digits.then(|| i32::from_str_radix(&format!("{sign}{digits}"), radix).ok());
    number.flatten().ok_or_else(|| {
        format!("java does not take '{text}' for a number: servers would use the default, and say nothing")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_without_effect_is_told() {
        let mut settings = Settings::default();
        settings.set("jute.maxbuffer=4194304").unwrap();
        assert_eq!(settings.max_buffer, 4 << 20);
        for (setting, why) in [
            ("zookeeper.snapCount=5", "no effect on loading"),
            ("jute.maxbuffer", "KEY=VALUE"),
            ("jute.maxbuffer=4m", "does not take '4m'"),
            ("zookeeper.jute.maxbuffer=10", "it is jute.maxbuffer"),
            ("digest.enabled=false", "it is zookeeper.digest.enabled"),
        ] {
            let told = settings.set(setting).unwrap_err();
            assert!(told.contains(why), "{setting}: {told}");
        }
    }

    #[test]
    fn a_zoo_cfg_has_the_last_word_on_settings_without_the_prefix() {
        let mut settings = Settings::default();
        settings
            .set("zookeeper.snapshot.trust.empty=false")
            .unwrap();
        settings.set_in_cfg("snapshot.trust.empty", "TRUE");
        settings.set_in_cfg("zookeeper.digest.enabled", "false");
        settings.set_in_cfg("jute.maxbuffer", "10");
        settings.set_in_cfg("jute.maxbuffer.extrasize", "2000");
        assert!(settings.trust_empty && settings.digest);
        assert_eq!(settings.max_buffer, MAX_BUFFER);
        assert_eq!(settings.extra_size, Some(2000));
        settings.set_in_cfg("jute.maxbuffer.extrasize", "2k");
        assert_eq!(settings.extra_size, None);
        let ignored = settings.ignored_by("3.5.5".parse().unwrap());
        assert_eq!(ignored.len(), 2);
    }

    #[test]
    fn numbers_are_those_of_java() {
        for (text, value) in [
            ("0xA", 10),
            ("#a", 10),
            ("010", 8),
            ("+10", 10),
            ("-1", -1),
            ("0", 0),
        ] {
            assert_eq!(number(text), Ok(value), "{text}");
        }
        for text in ["", "4m", " 4", "2147483648", "--1", "0x"] {
            assert!(number(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_release_ignores_what_it_does_not_know() {
        let mut settings = Settings::default();
        settings.set("zookeeper.snapshot.trust.empty=true").unwrap();
        settings.set("jute.maxbuffer=10").unwrap();
        let ignored = |release: &str| settings.ignored_by(release.parse().unwrap());
        assert_eq!(ignored("3.5.5"), ["zookeeper.snapshot.trust.empty"]);
        assert!(ignored("3.5.6").is_empty() && ignored("3.9.4").is_empty());
    }
}
