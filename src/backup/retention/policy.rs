//! Which backups a policy keeps: a pure function of their times.
//!
//! A backup is kept when any rule keeps it. All rules judge one lineage at a time.
//!
//! | rule | keeps |
//! |---|---|
//! | last N | the newest N |
//! | hourly, daily, weekly, monthly, yearly N | of each of the latest N hours (days, …) that have a backup, the newest one |
//! | within SPAN | all that are no older than SPAN before the newest one |
//! | pinned | what is pinned |
//! | newest window | the newest backup with a window that reaches its last txn: without it nothing recent could be restored |
//! | newest | the newest backup of all |
//! | ahead of the newest window | backups without a window that are newer than that: their txns get a window with a later base |
//! | dated in the future | backups whose clock is ahead of now |
//! | damaged | backups whose manifest cannot be read: nobody knows what they are |
//!
//! Hours and days are those of a calendar in a time zone; a week is that of ISO 8601, from Monday
//! on. They are told by the clock of the host that made the backup. Which backup is newer is told
//! by the names, whose times never go back.
//!
//! While a rule has not found as many hours (days, …) as it may keep, it also keeps the oldest
//! backup: without that, `yearly` would keep nothing older than the other rules do until a year has
//! ended.
//!
//! **Backups dated in the future** are no help to judge by: a clock was wrong. They are kept, since
//! they may be the newest in truth, and take the place of no other; once their time has come they
//! are judged like others. One dated in the past by a clock that went back takes a place only if no
//! later hour (day, …) wants it.
//!
//! **Backups without a window** take no place either, where any other has one: a row of them must
//! not push out what can be restored.
//!
//! `within` counts back from the newest backup that is not in the future, not from now: where
//! backups have stopped, time alone makes none of them go.

use crate::history::time::{TimeError, back, parse_span};
use crate::repository::BackupName;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

/// How far back all backups are kept.
#[derive(Clone, Debug)]
pub struct Within {
    text: String,
    span: Span,
}

impl FromStr for Within {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Within, TimeError> {
        Ok(Within {
            text: text.trim().to_owned(),
            span: parse_span(text)?,
        })
    }
}

/// What to keep. Zero stands for a rule that is not there.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// So many of the newest.
    pub last: usize,
    /// One of each of so many hours.
    pub hourly: usize,
    /// One of each of so many days.
    pub daily: usize,
    /// One of each of so many weeks.
    pub weekly: usize,
    /// One of each of so many months.
    pub monthly: usize,
    /// One of each of so many years.
    pub yearly: usize,
    /// All so far back from the newest.
    pub within: Option<Within>,
}

impl Policy {
    /// Whether it has no rule at all: such a policy would forget everything that it may.
    pub fn is_empty(&self) -> bool {
        let counts = [self.last, self.hourly, self.daily, self.weekly];
        let is_zero = |count: &usize| *count == 0;
        counts.iter().all(is_zero)
            && [self.monthly, self.yearly].iter().all(is_zero)
            && self.within.is_none()
    }

    fn of(&self, unit: Unit) -> usize {
        match unit {
            Unit::Hour => self.hourly,
            Unit::Day => self.daily,
            Unit::Week => self.weekly,
            Unit::Month => self.monthly,
            Unit::Year => self.yearly,
        }
    }
}

/// A backup to be judged.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its name.
    pub name: BackupName,
    /// What its manifest says; `None` where that cannot be read.
    pub manifest: Option<Summary>,
    /// Whether it is pinned.
    pub is_pinned: bool,
}

/// What a manifest says that matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// When it was made, by the clock of its host, in ms.
    pub clock_ms: i64,
    /// Whether it has a window that reaches its last txn.
    pub has_window: bool,
}

/// Stretches of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is what its name says")]
pub enum Unit {
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Unit {
    const ALL: [Unit; 5] = [Unit::Hour, Unit::Day, Unit::Week, Unit::Month, Unit::Year];

    /// The one that `time` is in. An hour that the clocks repeat is two.
    fn label(self, time: &Zoned) -> String {
        let format = match self {
            Unit::Hour => "%Y-%m-%dT%H%:z",
            Unit::Day => "%Y-%m-%d",
            Unit::Week => "%G-W%V",
            Unit::Month => "%Y-%m",
            Unit::Year => "%Y",
        };
        time.strftime(format).to_string()
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unit::Hour => "hourly",
            Unit::Day => "daily",
            Unit::Week => "weekly",
            Unit::Month => "monthly",
            Unit::Year => "yearly",
        })
    }
}

/// Why a backup is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is the newest that restores its last txn.
    NewestWindow,
    /// It is the newest.
    Newest,
    /// It is newer than the newest that restores its last txn, and has no window.
    Ahead,
    /// It is pinned.
    Pinned,
    /// Its manifest cannot be read.
    Damaged,
    /// Its clock is ahead of now.
    Future,
    /// It is one of the last.
    Last,
    /// It is the newest of an hour, a day, ….
    NewestOf(Unit, String),
    /// It is the oldest, and a rule has places left.
    Oldest(Unit),
    /// It is recent.
    Within(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NewestWindow => f.write_str("newest window"),
            Reason::Newest => f.write_str("newest"),
            Reason::Ahead => f.write_str("ahead of the newest window"),
            Reason::Pinned => f.write_str("pinned"),
            Reason::Damaged => f.write_str("damaged"),
            Reason::Future => f.write_str("dated in the future"),
            Reason::Last => f.write_str("last"),
            Reason::NewestOf(unit, label) => write!(f, "{unit} {label}"),
            Reason::Oldest(unit) => write!(f, "{unit} oldest"),
            Reason::Within(text) => write!(f, "within {text}"),
        }
    }
}

/// A backup that was judged. It is kept when there is a reason.
#[derive(Clone, Debug)]
pub struct Judged<'a> {
    /// The backup.
    pub candidate: &'a Candidate,
    /// Why it is kept.
    pub reasons: Vec<Reason>,
}

impl Judged<'_> {
    fn has_window(&self) -> bool {
        self.candidate.manifest.is_some_and(|it| it.has_window)
    }

    /// When it was made, if rules by time may judge by that.
    fn clock_until(&self, now_ms: i64) -> Option<i64> {
        let clock_ms = self.candidate.manifest?.clock_ms;
        (clock_ms <= now_ms).then_some(clock_ms)
    }
}

/// Judges the backups of one lineage. The result is in the order in which they were made, the
/// newest first.
pub fn judge<'a>(
    policy: &Policy,
    backups: &'a [Candidate],
    now_ms: i64,
    zone: &TimeZone,
) -> Vec<Judged<'a>> {
    let judged = backups.iter().map(|candidate| Judged {
        candidate,
        reasons: Vec::new(),
    });
    let mut judged: Vec<Judged<'a>> = judged.collect();
    judged.sort_by(|a, b| b.candidate.name.cmp(&a.candidate.name));
    keep_always(&mut judged, now_ms);
    if let Some(within) = &policy.within {
        keep_within(&mut judged, within, now_ms, zone);
    }
    let any_window = judged.iter().any(Judged::has_window);
    let mut counted: Vec<(i64, &mut Judged<'a>)> = judged
        .iter_mut()
        .filter(|one| one.has_window() || !any_window)
        .filter_map(|one| Some((one.clock_until(now_ms)?, one)))
        .collect();
    for (_, one) in counted.iter_mut().take(policy.last) {
        one.reasons.push(Reason::Last);
    }
    for unit in Unit::ALL {
        keep_one_of_each(&mut counted, unit, policy.of(unit), zone);
    }
    judged
}

/// What is kept under any policy.
fn keep_always(judged: &mut [Judged<'_>], now_ms: i64) {
    let windowed = judged.iter().position(Judged::has_window);
    for (index, one) in judged.iter_mut().enumerate() {
        let clock_ms = one.candidate.manifest.map(|manifest| manifest.clock_ms);
        let reasons = [
            (windowed == Some(index), Reason::NewestWindow),
            (index == 0, Reason::Newest),
            (windowed.is_some_and(|newest| index < newest), Reason::Ahead),
            (one.candidate.is_pinned, Reason::Pinned),
            (clock_ms.is_none(), Reason::Damaged),
            (clock_ms.is_some_and(|clock| clock > now_ms), Reason::Future),
        ];
        let held = reasons.into_iter().filter(|(is_so, _)| *is_so);
        one.reasons.extend(held.map(|(_, reason)| reason));
    }
}

fn keep_within(judged: &mut [Judged<'_>], within: &Within, now_ms: i64, zone: &TimeZone) {
    let newest = judged
        .iter()
        .filter_map(|one| one.clock_until(now_ms))
        .max();
    let Some(newest) = newest else {
        return;
    };
    // What no calendar reaches is before all backups.
    let limit = back(newest, within.span, zone).unwrap_or(i64::MIN);
    for one in judged {
        if one.clock_until(now_ms).is_some_and(|clock| clock >= limit) {
            one.reasons.push(Reason::Within(within.text.clone()));
        }
    }
}

/// Keeps the newest of `counted` of each of the latest `places` stretches. They are given with
/// their times, newest first.
fn keep_one_of_each(
    counted: &mut [(i64, &mut Judged<'_>)],
    unit: Unit,
    places: usize,
    zone: &TimeZone,
) {
    if places == 0 {
        return;
    }
    // Of each stretch: the latest time, and which backup is the newest.
    let mut stretches: HashMap<String, (i64, usize)> = HashMap::new();
    for (index, (clock_ms, _)) in counted.iter().enumerate() {
        let time = Timestamp::from_millisecond(*clock_ms).unwrap_or_default();
        let label = unit.label(&time.to_zoned(zone.clone()));
        let stretch = stretches.entry(label).or_insert((*clock_ms, index));
        stretch.0 = stretch.0.max(*clock_ms);
    }
    let has_places_left = stretches.len() < places;
    let mut stretches: Vec<(i64, usize, String)> = stretches
        .into_iter()
        .map(|(label, (clock_ms, index))| (clock_ms, index, label))
        .collect();
    stretches.sort_by(|a, b| b.cmp(a));
    for (_, index, label) in stretches.into_iter().take(places) {
        if let Some((_, one)) = counted.get_mut(index) {
            one.reasons.push(Reason::NewestOf(unit, label));
        }
    }
    if let Some((_, oldest)) = counted.last_mut().filter(|_| has_places_left) {
        let is_kept = oldest
            .reasons
            .iter()
            .any(|reason| matches!(reason, Reason::NewestOf(of, _) if *of == unit));
        if !is_kept {
            oldest.reasons.push(Reason::Oldest(unit));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zxid::Zxid;

    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;
    /// 2026-11-20T12:00:00Z, a Friday.
    const NOON: i64 = 1_795_176_000_000;

    fn candidate(name_ms: i64, clock_ms: i64, has_window: bool) -> Candidate {
        Candidate {
            name: BackupName::new("l", name_ms, Zxid::ZERO, &format!("{name_ms:012x}")),
            manifest: Some(Summary {
                clock_ms,
                has_window,
            }),
            is_pinned: false,
        }
    }

    fn at(ms: i64) -> Candidate {
        candidate(ms, ms, true)
    }

    /// For each backup, oldest first, its reasons.
    fn reasons(policy: &Policy, backups: &[Candidate], zone: &TimeZone) -> Vec<String> {
        let judged = judge(policy, backups, NOON, zone);
        let words = judged.iter().rev().map(|one| {
            let words: Vec<String> = one.reasons.iter().map(Reason::to_string).collect();
            words.join(", ")
        });
        words.collect()
    }

    #[test]
    fn each_rule_keeps_the_newest_of_its_stretches() {
        let backups: Vec<Candidate> = [50 * HOUR, 30 * HOUR, 25 * HOUR, 2 * HOUR, HOUR, 0]
            .map(|ago| at(NOON - ago))
            .into();
        let policy = Policy {
            last: 2,
            daily: 2,
            ..Policy::default()
        };
        assert_eq!(
            reasons(&policy, &backups, &TimeZone::UTC),
            [
                "",
                "",
                "daily 2026-11-19",
                "",
                "last",
                "newest window, newest, last, daily 2026-11-20"
            ]
        );
        let policy = Policy {
            weekly: 1,
            yearly: 2,
            within: Some("1h".parse().unwrap()),
            ..Policy::default()
        };
        assert_eq!(
            reasons(&policy, &backups, &TimeZone::UTC),
            [
                "yearly oldest",
                "",
                "",
                "",
                "within 1h",
                "newest window, newest, within 1h, weekly 2026-W47, yearly 2026"
            ]
        );
    }

    #[test]
    fn days_are_those_of_the_zone() {
        // 23:30 and 00:30 in Paris.
        let backups = [
            at(NOON - 37 * HOUR - HOUR / 2),
            at(NOON - 36 * HOUR - HOUR / 2),
        ];
        let policy = Policy {
            daily: 2,
            ..Policy::default()
        };
        let paris = TimeZone::get("Europe/Paris").unwrap();
        let told = reasons(&policy, &backups, &paris);
        assert_eq!(told[0], "daily 2026-11-18");
        let told = reasons(&policy, &backups, &TimeZone::UTC);
        assert_eq!(told[0], "daily oldest");
    }

    #[test]
    fn an_hour_that_clocks_repeat_is_two() {
        let paris = TimeZone::get("Europe/Paris").unwrap();
        let second_half_past_two = 1_761_442_200_000;
        let backups = [at(second_half_past_two - HOUR), at(second_half_past_two)];
        let policy = Policy {
            hourly: 2,
            ..Policy::default()
        };
        let told = reasons(&policy, &backups, &paris);
        assert_eq!(told[0], "hourly 2025-10-26T02+02:00");
        assert!(told[1].ends_with("hourly 2025-10-26T02+01:00"), "{told:?}");
    }

    #[test]
    fn a_backup_dated_in_the_future_is_kept_and_takes_no_place() {
        let backups = [
            at(NOON - 2 * DAY),
            at(NOON - DAY),
            at(NOON),
            candidate(NOON + 1, NOON + 400 * DAY, true),
        ];
        let policy = Policy {
            daily: 2,
            last: 1,
            within: Some("1d".parse().unwrap()),
            ..Policy::default()
        };
        assert_eq!(
            reasons(&policy, &backups, &TimeZone::UTC),
            [
                "",
                "within 1d, daily 2026-11-19",
                "within 1d, last, daily 2026-11-20",
                "newest window, newest, dated in the future"
            ]
        );
    }

    #[test]
    fn a_clock_that_went_back_takes_no_place_that_a_later_day_wants() {
        let backups = [
            at(NOON - 2 * DAY),
            candidate(NOON - 2 * DAY + 1, 0, true),
            at(NOON - DAY),
            at(NOON),
        ];
        let policy = Policy {
            daily: 3,
            ..Policy::default()
        };
        let told = reasons(&policy, &backups, &TimeZone::UTC);
        assert_eq!([told[0].as_str(), &told[1]], ["daily 2026-11-18", ""]);
    }

    #[test]
    fn backups_without_a_window_push_out_none_that_has_one() {
        let bare = |ms| candidate(ms, ms, false);
        let backups = [
            at(NOON - 2 * DAY),
            bare(NOON - 2 * DAY + HOUR),
            at(NOON - DAY),
            bare(NOON - HOUR),
            bare(NOON),
        ];
        let policy = Policy {
            daily: 2,
            last: 1,
            ..Policy::default()
        };
        assert_eq!(
            reasons(&policy, &backups, &TimeZone::UTC),
            [
                "daily 2026-11-18",
                "",
                "newest window, last, daily 2026-11-19",
                "ahead of the newest window",
                "newest, ahead of the newest window"
            ]
        );
        // Where none has a window, all count.
        let backups = [bare(NOON - DAY), bare(NOON - HOUR), bare(NOON)];
        let told = reasons(&policy, &backups, &TimeZone::UTC);
        assert_eq!(
            told,
            ["daily 2026-11-19", "", "newest, last, daily 2026-11-20"]
        );
    }

    #[test]
    fn what_is_pinned_or_damaged_is_kept() {
        let mut backups = [at(NOON - 2 * DAY), at(NOON - DAY), at(NOON)];
        backups[0].is_pinned = true;
        backups[1].manifest = None;
        let policy = Policy {
            last: 1,
            ..Policy::default()
        };
        let told = reasons(&policy, &backups, &TimeZone::UTC);
        assert_eq!([told[0].as_str(), &told[1]], ["pinned", "damaged"]);
    }

    #[test]
    fn what_a_policy_keeps_it_keeps_when_asked_again() {
        let mut number = 7u64;
        let mut below = |limit: u64| {
            number = number
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (number >> 33) % limit
        };
        for _ in 0..500 {
            let backups: Vec<Candidate> = (0..below(60))
                .map(|_| {
                    let ms = NOON - i64::try_from(below(900 * 24)).unwrap() * HOUR;
                    let step = i64::try_from(below(50)).unwrap() * DAY;
                    let clock = if below(10) == 0 { ms - step } else { ms };
                    candidate(ms, clock, below(5) > 0)
                })
                .collect();
            let mut count = || usize::try_from(below(4)).unwrap();
            let policy = Policy {
                last: count(),
                hourly: count(),
                daily: count(),
                weekly: count(),
                monthly: count(),
                yearly: count(),
                within: (count() == 0).then(|| "10d".parse().unwrap()),
            };
            let kept = |backups: &[Candidate]| -> Vec<Candidate> {
                let judged = judge(&policy, backups, NOON, &TimeZone::UTC);
                assert_eq!(judged.len(), backups.len());
                let kept = judged.iter().filter(|one| !one.reasons.is_empty());
                kept.map(|one| one.candidate.clone()).collect()
            };
            let once = kept(&backups);
            assert_eq!(kept(&once).len(), once.len(), "{policy:?}");
            let has_window = |it: &Candidate| it.manifest.is_some_and(|it| it.has_window);
            let newest = backups
                .iter()
                .filter(|it| has_window(it))
                .map(|it| &it.name);
            let newest = newest.max();
            assert!(newest.is_none_or(|name| once.iter().any(|it| it.name == *name)));
        }
    }
}
