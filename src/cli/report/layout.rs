//! Where things are on a drawing: pure functions from zxids and times to places, in the drawing's
//! units (pixels, at full width).

use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::ops::Range;
use zoovault::zxid::{Zxid, ZxidRange, ZxidSet};

/// Between epochs.
const EPOCH_GAP: f64 = 10.0;
/// The least width of a stretch that holds something, so that one lonely zxid is seen.
const HELD_MIN: f64 = 8.0;
/// The least width of a hole, so that one missing txn is seen.
const HOLE_MIN: f64 = 20.0;
/// A hole takes at most this share of the place of all that is there: what is there matters more
/// than how much is not.
const HOLE_SHARE_MAX: f64 = 0.15;
/// How far apart ticks are, at least: a label is "0x3000001d9" and some air.
const TICK_STEP: f64 = 96.0;

/// Where something is in history. What has no time is not on the time axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    pub zxids: (Zxid, Zxid),
    pub times: Option<(i64, i64)>,
}

/// A mark on an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    pub x: f64,
    pub label: String,
    /// The lower, the sooner it is written.
    pub rank: u8,
}

/// A stretch of one epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Piece {
    first: Zxid,
    last: Zxid,
    is_hole: bool,
    x: f64,
    width: f64,
}

impl Piece {
    fn count(&self) -> f64 {
        (self.last.to_i64().saturating_sub(self.first.to_i64())) as f64 + 1.0
    }

    /// Where `zxid` begins, each zxid being a cell of its own; one beyond the last is where that
    /// ends.
    fn at(&self, zxid: i64) -> f64 {
        let into = zxid.saturating_sub(self.first.to_i64()) as f64;
        self.x + self.width * (into / self.count()).clamp(0.0, 1.0)
    }
}

/// Zxids, laid out by epoch: of each epoch only the counters from its first to its last known one,
/// since between epochs there are four billion numbers that nobody used. Within an epoch it is
/// linear, but for holes, which are cut short.
#[derive(Clone, Debug)]
pub struct ZxidAxis {
    pieces: Vec<Piece>,
}

impl ZxidAxis {
    /// An axis with a place for each of the stretches, from `left` to `right`. A stretch lies
    /// within one epoch. `missing` are holes for certain, and are on the axis even at its ends;
    /// `None` without any stretch.
    pub fn new(
        held: &[(Zxid, Zxid)],
        missing: &[(Zxid, Zxid)],
        left: f64,
        right: f64,
    ) -> Option<ZxidAxis> {
        let mut pieces = pieces(held, missing);
        let last = pieces.len().checked_sub(1)?;
        let is_epoch_end: Vec<bool> = pieces
            .iter()
            .zip(pieces.iter().skip(1))
            .map(|(a, b)| a.first.epoch() != b.first.epoch())
            .collect();
        let breaks = is_epoch_end.iter().filter(|is_end| **is_end).count() as f64;
        // Where there are many epochs or holes, what is between and around them may not eat up the
        // drawing.
        let room = (right - left) * 0.5;
        let minimum = |piece: &Piece| if piece.is_hole { HOLE_MIN } else { HELD_MIN };
        let wanted = breaks * EPOCH_GAP + pieces.iter().map(minimum).sum::<f64>();
        let shrink = (room / wanted).min(1.0);
        let held_total: f64 = pieces
            .iter()
            .filter(|piece| !piece.is_hole)
            .map(Piece::count)
            .sum();
        let weight = |piece: &Piece| {
            if piece.is_hole {
                piece.count().min(held_total * HOLE_SHARE_MAX)
            } else {
                piece.count()
            }
        };
        let total: f64 = pieces.iter().map(weight).sum();
        let free = right - left - wanted * shrink;
        let mut x = left;
        for (index, piece) in pieces.iter_mut().enumerate() {
            piece.x = x;
            piece.width = minimum(piece) * shrink + free * weight(piece) / total.max(1.0);
            x += piece.width;
            if index < last && is_epoch_end.get(index) == Some(&true) {
                x += EPOCH_GAP * shrink;
            }
        }
        Some(ZxidAxis { pieces })
    }

    /// The piece that `zxid` is in, or the nearest below it.
    fn piece(&self, zxid: Zxid) -> Option<&Piece> {
        let behind = self.pieces.partition_point(|piece| piece.first <= zxid);
        self.pieces.get(behind.saturating_sub(1))
    }

    /// From where to where `first` to `last` are.
    pub fn span(&self, (first, last): (Zxid, Zxid)) -> Option<(f64, f64)> {
        let from = self.piece(first)?.at(first.to_i64());
        let to = self.piece(last)?.at(last.to_i64().saturating_add(1));
        Some((from, to.max(from)))
    }

    /// The epochs, and from where to where each is.
    pub fn epochs(&self) -> Vec<(u32, f64, f64)> {
        let mut epochs: Vec<(u32, f64, f64)> = Vec::new();
        for piece in &self.pieces {
            let (epoch, end) = (piece.first.epoch(), piece.x + piece.width);
            match epochs.last_mut() {
                Some(last) if last.0 == epoch => last.2 = end,
                _ => epochs.push((epoch, piece.x, end)),
            }
        }
        epochs
    }

    /// Marks at the ends of epochs and holes, and at round numbers between.
    pub fn ticks(&self) -> Vec<Tick> {
        let tick = |piece: &Piece, zxid: i64, rank| Tick {
            x: piece.at(zxid),
            label: Zxid::from_i64(zxid).to_string(),
            rank,
        };
        let mut ticks = Vec::new();
        let mut epoch = None;
        for (index, piece) in self.pieces.iter().enumerate() {
            let is_last = index + 1 == self.pieces.len();
            let is_new = epoch.replace(piece.first.epoch()) != Some(piece.first.epoch());
            let rank = if is_new { 0 } else { 1 };
            ticks.push(tick(piece, piece.first.to_i64(), rank));
            if is_last {
                ticks.push(tick(piece, piece.last.to_i64(), 0));
            }
            if !piece.is_hole {
                ticks.extend(
                    round_between(piece)
                        .into_iter()
                        .map(|zxid| tick(piece, zxid, 2)),
                );
            }
        }
        ticks
    }
}

/// Multiples of a power of two within a piece, no closer than labels can be.
fn round_between(piece: &Piece) -> Vec<i64> {
    let room = (piece.width / TICK_STEP).floor();
    if room < 1.0 {
        return Vec::new();
    }
    let mut step = 1i64;
    while piece.count() / step as f64 > room && step < 1 << 31 {
        step *= 2;
    }
    let first = piece.first.to_i64();
    let next = first - first.rem_euclid(step) + step;
    (0..)
        .map(|index| next.saturating_add(step.saturating_mul(index)))
        .take_while(|zxid| *zxid < piece.last.to_i64())
        .take(64)
        .collect()
}

/// Stretches and the holes between them, by zxid. None goes over the end of an epoch.
fn pieces(held: &[(Zxid, Zxid)], missing: &[(Zxid, Zxid)]) -> Vec<Piece> {
    let piece = |(first, last): (Zxid, Zxid), is_hole| Piece {
        first,
        last,
        is_hole,
        x: 0.0,
        width: 0.0,
    };
    let set = |ranges: &[(Zxid, Zxid)]| -> ZxidSet {
        let ranges = ranges.iter();
        ranges
            .map(|(first, last)| ZxidRange::new(*first, *last))
            .collect()
    };
    let missing = set(missing);
    let rest = set(held);
    let rest = rest.iter().flat_map(|range| missing.missing(range));
    let held: Vec<(Zxid, Zxid)> = rest.flat_map(within_epochs).collect();
    let mut pieces: Vec<Piece> = held.iter().map(|range| piece(*range, false)).collect();
    // What lies between stretches is a hole, whether or not it is known that there were txns.
    let between = held.iter().zip(held.iter().skip(1));
    pieces.extend(
        between
            .filter(|(a, b)| is_same_epoch(a.1, b.0) && a.1.next() < b.0)
            .map(|(a, b)| piece((a.1.next(), b.0.prev()), true)),
    );
    for (first, last) in missing.iter().flat_map(within_epochs) {
        let is_covered = pieces
            .iter()
            .any(|piece| piece.first <= last && first <= piece.last);
        if !is_covered {
            pieces.push(piece((first, last), true));
        }
    }
    pieces.sort_by_key(|piece| piece.first);
    pieces
}

/// `range`, which ends in the epoch that it begins in, or as a counter that ran over in the next.
fn within_epochs(range: ZxidRange) -> Vec<(Zxid, Zxid)> {
    let next = Zxid::new(range.last.epoch(), 0);
    match range.first < next {
        true => vec![(range.first, next.prev()), (next, range.last)],
        false => vec![(range.first, range.last)],
    }
}

/// `first` to `last` as stretches that stay within an epoch: of the epochs that lie between nothing
/// is known.
pub fn by_epoch((first, last): (Zxid, Zxid)) -> Vec<(Zxid, Zxid)> {
    if is_same_epoch(first, last) {
        return vec![(first, last)];
    }
    let begin = Zxid::new(last.epoch(), 1).min(last);
    vec![(first, first), (begin, last)]
}

fn is_same_epoch(a: Zxid, b: Zxid) -> bool {
    a.epoch() == b.epoch()
}

/// Times, linear.
#[derive(Clone, Debug)]
pub struct TimeAxis {
    from: i64,
    to: i64,
    left: f64,
    right: f64,
}

/// How far apart ticks may be, in ms: what clocks and calendars are divided by.
const STEPS_MS: &[i64] = &[
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    900_000,
    1_800_000,
    3_600_000,
    7_200_000,
    10_800_000,
    21_600_000,
    43_200_000,
    DAY_MS,
    2 * DAY_MS,
    4 * DAY_MS,
    7 * DAY_MS,
    14 * DAY_MS,
    28 * DAY_MS,
    91 * DAY_MS,
    364 * DAY_MS,
    3640 * DAY_MS,
];
const DAY_MS: i64 = 86_400_000;

impl TimeAxis {
    /// An axis for all of `times`; `None` without any.
    pub fn new(times: impl Iterator<Item = i64>, left: f64, right: f64) -> Option<TimeAxis> {
        let (mut from, mut to) = (i64::MAX, i64::MIN);
        for time in times {
            (from, to) = (from.min(time), to.max(time));
        }
        (from <= to).then_some(TimeAxis {
            from,
            to,
            left,
            right,
        })
    }

    fn at(&self, time: i64) -> f64 {
        // A header's time is any 64 bits: their difference may not fit.
        let length = (self.to as f64 - self.from as f64).max(1.0);
        let into = time as f64 - self.from as f64;
        self.left + (self.right - self.left) * (into / length).clamp(0.0, 1.0)
    }

    /// From where to where a stretch is. A clock may step back, a place does not.
    pub fn span(&self, (from, to): (i64, i64)) -> (f64, f64) {
        let (a, b) = (self.at(from), self.at(to));
        (a.min(b), a.max(b))
    }

    /// Marks at round times of `zone`.
    pub fn ticks(&self, zone: &TimeZone) -> Vec<Tick> {
        let length = self.to as f64 - self.from as f64;
        let room = ((self.right - self.left) / TICK_STEP).max(1.0);
        let step = STEPS_MS.iter().find(|step| length / **step as f64 <= room);
        let (Some(step), Ok(start)) = (step, Timestamp::from_millisecond(self.from)) else {
            // No calendar reaches so far.
            return Vec::new();
        };
        let offset = i64::from(zone.to_offset(start).seconds()) * 1000;
        let local = self.from.saturating_add(offset);
        let first = local - local.rem_euclid(*step);
        let format = match *step {
            ..1_000 => "%H:%M:%S%.3f",
            1_000..60_000 => "%H:%M:%S",
            60_000..DAY_MS => "%H:%M",
            DAY_MS.. => "%Y-%m-%d",
        };
        let mut ticks = Vec::new();
        let mut day = String::new();
        for index in 0..100 {
            let time = first.saturating_add(step.saturating_mul(index)) - offset;
            let Some(at) = Timestamp::from_millisecond(time)
                .ok()
                .filter(|_| time <= self.to)
            else {
                break;
            };
            if time < self.from {
                continue;
            }
            let at = at.to_zoned(zone.clone());
            // The day is told once, with the first time of it.
            let today = at.strftime("%Y-%m-%d").to_string();
            let mut label = at.strftime(format).to_string();
            if *step < DAY_MS && today != day {
                label = format!("{today} {label}");
                day = today;
            }
            let rank = if label.len() > 12 { 0 } else { 1 };
            let x = self.at(time);
            ticks.push(Tick { x, label, rank });
        }
        ticks
    }
}

/// The width of `text`, as near as can be told without a font: characters of `size` are at most so
/// wide on the whole.
pub fn width_of(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * 0.62
}

/// Which of `labels` (from, to) can be written without one over another, the earlier ones first,
/// with `air` between.
pub fn place(labels: &[(f64, f64)], air: f64) -> Vec<bool> {
    let mut taken: Vec<(f64, f64)> = Vec::new();
    labels
        .iter()
        .map(|(from, to)| {
            let is_free = taken
                .iter()
                .all(|(other_from, other_to)| *to + air <= *other_from || *from >= *other_to + air);
            if is_free {
                taken.push((*from, *to));
            }
            is_free
        })
        .collect()
}

/// Groups of `places`, which rise, of which each is no further than `within` from the group's
/// first: marks that would lie on one another.
pub fn clusters(places: &[f64], within: f64) -> Vec<Range<usize>> {
    let mut groups: Vec<(f64, Range<usize>)> = Vec::new();
    for (index, place) in places.iter().enumerate() {
        match groups.last_mut() {
            Some((first, group)) if *place - *first <= within => group.end = index + 1,
            _ => groups.push((*place, index..index + 1)),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// The row of each of `bars` (from, to), which begin in order: the first in which it lies on none
/// before; the last of `rows_max` takes what finds no place.
pub fn rows(bars: &[(f64, f64)], rows_max: usize) -> Vec<usize> {
    let mut ends: Vec<f64> = Vec::new();
    bars.iter()
        .map(|(from, to)| {
            // Bars that touch share a row.
            let free = ends.iter().position(|end| *end <= *from + 0.01);
            let row = free.unwrap_or(ends.len()).min(rows_max.saturating_sub(1));
            match ends.get_mut(row) {
                Some(end) => *end = end.max(*to),
                None => ends.push(*to),
            }
            row
        })
        .collect()
}

#[cfg(test)]
#[path = "layout_tests.rs"]
mod tests;
