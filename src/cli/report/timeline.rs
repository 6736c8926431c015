//! The drawing: a chart on an axis, as SVG.

use super::chart::{Bar, Chart, Item, Mark};
use super::layout::{Extent, Tick, TimeAxis, ZxidAxis, clusters, place, rows, width_of};
use super::legend::{severity_mark, snapshot_mark};
use super::markup::Markup;
use super::{State, proof_words};
use jiff::tz::TimeZone;
use std::fmt::Display;

/// The drawing's width; a screen scales it.
const WIDTH: f64 = 1120.0;
/// Where the axis begins: left of it are the names of rows.
pub const LEFT: f64 = 152.0;
/// Where it ends.
pub const RIGHT: f64 = WIDTH - 24.0;
/// Up to so many logs have a row each, with its name.
const LOG_ROWS_MAX: usize = 18;
/// So many rows are shared by more.
const SHARED_ROWS_MAX: usize = 4;
/// What is narrower than this is still drawn so wide.
const BAR_MIN: f64 = 3.0;
/// Marks of findings closer than this are drawn as one.
const MARK_LEN: f64 = 15.0;
/// In what is narrower a pattern cannot be seen.
const PATTERN_MIN: f64 = 7.0;
const TEXT_SIZE: f64 = 11.0;

/// What the drawing is laid out along.
pub enum Axis {
    Zxid(ZxidAxis),
    Time(TimeAxis, TimeZone),
}

impl Axis {
    fn span(&self, extent: &Extent) -> Option<(f64, f64)> {
        match self {
            Axis::Zxid(axis) => axis.span(extent.zxids),
            Axis::Time(axis, _) => extent.times.map(|times| axis.span(times)),
        }
    }

    fn ticks(&self) -> Vec<Tick> {
        match self {
            Axis::Zxid(axis) => axis.ticks(),
            Axis::Time(axis, zone) => axis.ticks(zone),
        }
    }
}

/// Draws `chart` along `axis`. `id` is what the names of its parts begin with.
pub fn draw(
    out: &mut Markup,
    chart: &Chart,
    axis: &Axis,
    id: &'static str,
    title: &str,
    desc: &str,
) {
    let mut pen = Pen {
        axis,
        out: Markup::default(),
        y: 6.0,
    };
    pen.epochs(chart);
    let top = pen.y - 2.0;
    pen.windows(&chart.windows);
    pen.missing(&chart.missing);
    pen.logs(&chart.logs);
    pen.snapshots(&chart.snapshots);
    pen.findings(&chart.findings);
    let bottom = pen.y;
    let mut behind = Pen {
        axis,
        out: Markup::default(),
        y: top,
    };
    behind.ticks(bottom);
    behind.holes(&chart.missing, bottom);
    let height = behind.y;
    let view = format!("0 0 {WIDTH} {height:.0}");
    let (title_id, desc_id) = (format!("{id}-title"), format!("{id}-desc"));
    let names = format!("{title_id} {desc_id}");
    out.tag(
        "svg",
        &[
            ("viewBox", &view),
            ("role", &"img"),
            ("aria-labelledby", &names),
            ("class", &"timeline"),
            ("id", &id),
        ],
        |out| {
            out.leaf("title", &[("id", &title_id)], title);
            out.leaf("desc", &[("id", &desc_id)], desc);
            out.append(behind.out);
            out.append(pen.out);
        },
    );
}

/// Draws rows, one below the other.
struct Pen<'a> {
    axis: &'a Axis,
    out: Markup,
    y: f64,
}

/// A number as SVG has it: a tenth of a pixel is enough.
fn px(number: f64) -> String {
    format!("{number:.1}")
}

impl Pen<'_> {
    fn rect(&mut self, class: &str, (from, to): (f64, f64), y: f64, height: f64) {
        let width = px((to - from).max(BAR_MIN));
        self.out.empty(
            "rect",
            &[
                ("class", &class),
                ("x", &px(from)),
                ("y", &px(y)),
                ("width", &width),
                ("height", &px(height)),
                ("rx", &"2"),
            ],
        );
    }

    fn text(&mut self, class: &str, x: f64, y: f64, text: impl Display) {
        let (x, y) = (px(x), px(y));
        self.out
            .leaf("text", &[("class", &class), ("x", &x), ("y", &y)], text);
    }

    /// The name of a row, left of the axis.
    fn name(&mut self, y: f64, name: &str) {
        self.text("row", LEFT - 12.0, y, name);
    }

    /// Something with a tooltip.
    fn titled(&mut self, title: &str, draw: impl FnOnce(&mut Self)) {
        let outer = std::mem::take(&mut self.out);
        draw(self);
        let inner = std::mem::replace(&mut self.out, outer);
        self.out.tag("g", &[], |out| {
            out.leaf("title", &[], title);
            out.append(inner);
        });
    }

    /// Text in the middle of a bar, where it fits: the first of `texts` that does.
    fn inside(&mut self, class: &str, (from, to): (f64, f64), y: f64, texts: &[String]) {
        let fits = |text: &&String| width_of(text, TEXT_SIZE) + 8.0 <= to - from;
        if let Some(text) = texts.iter().find(fits) {
            self.text(class, (from + to) / 2.0, y, text);
        }
    }

    fn epochs(&mut self, chart: &Chart) {
        let bands: Vec<(f64, f64, String, String)> = match self.axis {
            // Also epochs of which there are only snapshots.
            Axis::Zxid(axis) => axis
                .epochs()
                .into_iter()
                .map(|(epoch, from, to)| {
                    let known = chart
                        .epochs
                        .iter()
                        .find(|item| item.extent.zxids.0.epoch() == epoch);
                    let label = format!("epoch {epoch}");
                    let title = known.map_or_else(
                        || format!("Epoch {epoch}: no transactions in logs"),
                        |item| item.title.clone(),
                    );
                    (from, to, label, title)
                })
                .collect(),
            Axis::Time(..) => chart
                .epochs
                .iter()
                .filter_map(|item| {
                    let (from, to) = self.axis.span(&item.extent)?;
                    Some((from, to, item.label.clone(), item.title.clone()))
                })
                .collect(),
        };
        self.name(self.y + 13.0, "epochs");
        for (from, to, label, title) in &bands {
            let short = label.trim_start_matches("epoch ").to_owned();
            self.titled(title, |pen| {
                let y = pen.y;
                pen.rect("epoch", (*from, *to), y, 18.0);
                pen.inside("on-epoch", (*from, *to), y + 13.0, &[label.clone(), short]);
            });
        }
        self.y += 30.0;
    }

    fn windows(&mut self, windows: &[Bar]) {
        let spans: Vec<((f64, f64), &Bar)> = windows
            .iter()
            .filter_map(|bar| {
                let (from, to) = self.axis.span(&bar.item.extent)?;
                Some(((from, to.max(from + BAR_MIN)), bar))
            })
            .collect();
        let bars: Vec<(f64, f64)> = spans.iter().map(|(span, _)| *span).collect();
        let lanes = rows(&bars, SHARED_ROWS_MAX);
        let top = self.y;
        self.name(top + 15.0, "can be restored");
        for ((span, bar), lane) in spans.iter().zip(&lanes) {
            let others = bars.iter().zip(&lanes).filter(|(_, of)| *of == lane);
            let others: Vec<(f64, f64)> = others.map(|(other, _)| *other).collect();
            let y = top + *lane as f64 * 26.0;
            self.titled(&bar.item.title, |pen| pen.window(bar, *span, &others, y));
        }
        if windows.is_empty() {
            self.text("none", LEFT, top + 15.0, "nothing");
        }
        let used = lanes.iter().max().map_or(1, |lane| lane + 1);
        self.y += used as f64 * 26.0 + 8.0;
    }

    /// A window, with its name in it or, where it is too narrow, beside it.
    fn window(&mut self, bar: &Bar, (from, to): (f64, f64), others: &[(f64, f64)], y: f64) {
        let (name, sign) = proof_words(bar.proof);
        let kind = name.replace(' ', "-");
        self.rect(&format!("window {kind}"), (from, to), y, 22.0);
        let texts = [
            format!("{sign} {name}: {}", bar.item.label),
            format!("{sign} {name}"),
        ];
        let [_, shortest] = &texts;
        if width_of(shortest, TEXT_SIZE) + 8.0 <= to - from {
            return self.inside(&format!("on-{kind}"), (from, to), y + 15.0, &texts);
        }
        // Both neighbours may want the place between them: each gets half of it.
        let before = others
            .iter()
            .filter(|other| other.1 <= from)
            .map(|other| other.1);
        let behind = others
            .iter()
            .filter(|other| other.0 >= to)
            .map(|other| other.0);
        let before = before.fold(LEFT - from, |nearest, end| nearest.max((end - from) / 2.0));
        let behind = behind.fold(RIGHT - to, |nearest, begin| nearest.min((begin - to) / 2.0));
        let short = format!("{sign} {}", bar.item.label);
        for text in [short.as_str(), sign] {
            let width = width_of(text, TEXT_SIZE) + 8.0;
            if width <= behind {
                return self.text("beside start", to + 4.0, y + 15.0, text);
            }
            if width <= -before {
                return self.text("beside end", from - 4.0, y + 15.0, text);
            }
        }
    }

    /// What is missing, by name; the hatched holes are drawn behind everything.
    fn missing(&mut self, missing: &[Item]) {
        let spans: Vec<((f64, f64), &Item)> = missing
            .iter()
            .filter_map(|item| Some((self.axis.span(&item.extent)?, item)))
            .collect();
        if spans.is_empty() {
            return;
        }
        self.name(self.y + 13.0, "missing");
        let centred = |((from, to), item): &((f64, f64), &Item)| {
            let half = width_of(&item.label, TEXT_SIZE) / 2.0;
            let middle = ((from + to) / 2.0).clamp(LEFT + half, RIGHT - half);
            (middle - half, middle + half)
        };
        let labels: Vec<(f64, f64)> = spans.iter().map(centred).collect();
        let placed = place(&labels, 8.0);
        for (((_, item), (from, to)), is_placed) in spans.iter().zip(&labels).zip(&placed) {
            if *is_placed {
                let (middle, y) = ((from + to) / 2.0, self.y + 13.0);
                self.titled(&item.title, |pen| {
                    pen.text("gap-label", middle, y, &item.label);
                });
            }
        }
        self.y += 24.0;
    }

    fn logs(&mut self, logs: &[Item]) {
        let drawn: Vec<((f64, f64), &Item)> = logs
            .iter()
            .filter_map(|item| Some((self.axis.span(&item.extent)?, item)))
            .collect();
        if drawn.len() <= LOG_ROWS_MAX {
            for (span, item) in &drawn {
                let y = self.y;
                self.text("row file", LEFT - 12.0, y + 12.0, &item.label);
                self.log_bar(*span, item, &item.title, y);
                self.y += 19.0;
            }
        } else {
            self.shared_rows(drawn);
        }
        self.y += 8.0;
    }

    fn log_bar(&mut self, (from, to): (f64, f64), item: &Item, title: &str, y: f64) {
        let to = to.max(from + BAR_MIN);
        self.titled(title, |pen| {
            let class = format!("log {}", item.state.class());
            pen.rect(&class, (from, to), y + 2.0, 12.0);
            // Colour is not to be the only sign, and a bar may be too narrow for a pattern.
            if item.state != State::Good {
                let sign = format!("{} {}", item.state.sign(), item.state.words());
                let class = |place| format!("sign {place} {}", item.state.class());
                let width = width_of(&sign, TEXT_SIZE);
                if to + width + 6.0 < RIGHT {
                    pen.text(&class("start"), to + 5.0, y + 12.0, sign);
                } else if from - width - 6.0 > LEFT {
                    pen.text(&class("end"), from - 5.0, y + 12.0, sign);
                } else {
                    pen.text(
                        "sign on-log",
                        (from + to) / 2.0,
                        y + 12.0,
                        item.state.sign(),
                    );
                }
            }
        });
    }

    /// Many logs on few rows; those too narrow to be told apart as one.
    fn shared_rows(&mut self, mut drawn: Vec<((f64, f64), &Item)>) {
        drawn.sort_by(|(a, _), (b, _)| a.0.total_cmp(&b.0));
        let bars: Vec<(f64, f64)> = drawn.iter().map(|(span, _)| *span).collect();
        let lanes = rows(&bars, SHARED_ROWS_MAX);
        let top = self.y;
        self.name(top + 12.0, &format!("{} logs", drawn.len()));
        let used = lanes.iter().max().map_or(1, |lane| lane + 1);
        for lane in 0..used {
            let of_lane: Vec<&((f64, f64), &Item)> = drawn
                .iter()
                .zip(&lanes)
                .filter(|(_, of)| **of == lane)
                .map(|(bar, _)| bar)
                .collect();
            let starts: Vec<f64> = of_lane.iter().map(|(span, _)| span.0).collect();
            for group in clusters(&starts, BAR_MIN) {
                let Some(members) = of_lane.get(group) else {
                    continue;
                };
                let worst = members.iter().max_by_key(|(_, item)| item.state);
                let (Some((first, _)), Some((last, _)), Some((_, item))) =
                    (members.first(), members.last(), worst)
                else {
                    continue;
                };
                let title = match members.len() {
                    1 => item.title.clone(),
                    count => format!("{count} logs, among them {}", item.title),
                };
                self.dense_bar((first.0, last.1), item, &title, top + lane as f64 * 16.0);
            }
        }
        self.y += used as f64 * 16.0 + 4.0;
    }

    fn dense_bar(&mut self, (from, to): (f64, f64), item: &Item, title: &str, y: f64) {
        self.titled(title, |pen| {
            // A hair of air tells one log from the next.
            let to = (to - 0.8).max(from + 1.2);
            let class = format!("log {}", item.state.class());
            pen.rect(&class, (from, to), y + 2.0, 12.0);
            if item.state == State::Damaged {
                pen.text(
                    "sign on-log",
                    (from + to) / 2.0,
                    y + 12.0,
                    item.state.sign(),
                );
            }
        });
    }

    fn snapshots(&mut self, snapshots: &[Item]) {
        let mut drawn: Vec<((f64, f64), &Item)> = snapshots
            .iter()
            .filter_map(|item| Some((self.axis.span(&item.extent)?, item)))
            .collect();
        if drawn.is_empty() {
            return;
        }
        drawn.sort_by(|(a, _), (b, _)| a.0.total_cmp(&b.0));
        let top = self.y;
        self.name(top + 13.0, "snapshots");
        let starts: Vec<f64> = drawn.iter().map(|(span, _)| span.0).collect();
        for group in clusters(&starts, 3.0) {
            let Some(members) = drawn.get(group) else {
                continue;
            };
            let Some(((from, to), item)) = members.iter().max_by_key(|(_, item)| item.state) else {
                continue;
            };
            let title = match members.len() {
                1 => item.title.clone(),
                count => format!("{count} snapshots, among them {}", item.title),
            };
            let begins = item.extent.zxids.0;
            let end = item.extent.zxids.1;
            let is_fuzzy = matches!(self.axis, Axis::Zxid(_)) && end > begins;
            self.titled(&title, |pen| {
                if is_fuzzy {
                    pen.rect("fuzzy", (*from, *to), top + 7.5, 3.0);
                }
                snapshot_mark(&mut pen.out, item.state, from + 1.0, top + 9.0);
            });
        }
        self.y += 18.0;
        self.snapshot_names(&drawn);
    }

    /// The names of snapshots, in two lines, as far as there is room: the damaged ones first.
    fn snapshot_names(&mut self, drawn: &[((f64, f64), &Item)]) {
        let mut names: Vec<(&Item, (f64, f64))> = drawn
            .iter()
            .map(|((x, _), item)| (*item, centred(*x, &item.label)))
            .collect();
        names.sort_by_key(|(item, _)| item.state != State::Damaged);
        for _ in 0..2 {
            let labels: Vec<(f64, f64)> = names.iter().map(|(_, label)| *label).collect();
            let mut rest = Vec::new();
            for ((item, label), is_placed) in names.into_iter().zip(place(&labels, 8.0)) {
                if is_placed {
                    let middle = (label.0 + label.1) / 2.0;
                    self.text("mark-label", middle, self.y + 11.0, &item.label);
                } else {
                    rest.push((item, label));
                }
            }
            self.y += if labels.is_empty() { 0.0 } else { 13.0 };
            names = rest;
        }
        self.y += 10.0;
    }

    fn findings(&mut self, findings: &[Mark]) {
        let mut drawn: Vec<(f64, &Mark)> = findings
            .iter()
            .filter_map(|mark| Some((self.axis.span(&mark.extent)?.0, mark)))
            .collect();
        if drawn.is_empty() {
            return;
        }
        drawn.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let top = self.y;
        self.name(top + 13.0, "findings");
        let places: Vec<f64> = drawn.iter().map(|(x, _)| *x).collect();
        let mut labels = Vec::new();
        for group in clusters(&places, MARK_LEN) {
            let Some(members) = drawn.get(group) else {
                continue;
            };
            // The worst has the lowest number.
            let Some((x, worst)) = members.iter().min_by_key(|(_, mark)| mark.number) else {
                continue;
            };
            let (title, label) = match members.len() {
                1 => (worst.title.clone(), format!("#{}", worst.number)),
                count => (
                    format!("{count} findings, the worst: {}", worst.title),
                    format!("#{} +{}", worst.number, count - 1),
                ),
            };
            self.titled(&title, |pen| {
                severity_mark(&mut pen.out, worst.severity, *x, top + 9.0)
            });
            labels.push((centred(*x, &label), label));
        }
        let spans: Vec<(f64, f64)> = labels.iter().map(|(span, _)| *span).collect();
        for ((span, label), is_placed) in labels.iter().zip(place(&spans, 4.0)) {
            if is_placed {
                self.text("mark-label", (span.0 + span.1) / 2.0, top + 29.0, label);
            }
        }
        self.y += 38.0;
    }

    /// The axis at the bottom, with its lines behind everything.
    fn ticks(&mut self, bottom: f64) {
        let top = self.y;
        let mut ticks = self.axis.ticks();
        ticks.sort_by_key(|tick| tick.rank);
        let labels: Vec<(f64, f64)> = ticks
            .iter()
            .map(|tick| centred(tick.x, &tick.label))
            .collect();
        let placed = place(&labels, 10.0);
        let line = |class: &'static str, x1: f64, y1: f64, x2: f64, y2: f64, out: &mut Markup| {
            out.empty(
                "line",
                &[
                    ("class", &class),
                    ("x1", &px(x1)),
                    ("y1", &px(y1)),
                    ("x2", &px(x2)),
                    ("y2", &px(y2)),
                ],
            );
        };
        for ((tick, label), is_placed) in ticks.iter().zip(&labels).zip(&placed) {
            if *is_placed {
                line("grid", tick.x, top, tick.x, bottom + 6.0, &mut self.out);
                self.text(
                    "tick",
                    (label.0 + label.1) / 2.0,
                    bottom + 19.0,
                    &tick.label,
                );
            }
        }
        line("axis", LEFT, bottom, RIGHT, bottom, &mut self.out);
        let name = match self.axis {
            Axis::Zxid(_) => "zxid",
            Axis::Time(..) => "time",
        };
        self.name(bottom + 19.0, name);
        // A new epoch is a break of the axis.
        if let Axis::Zxid(axis) = self.axis {
            for (_, from, _) in axis.epochs().iter().skip(1) {
                line(
                    "break",
                    from - 3.0,
                    bottom - 5.0,
                    from - 7.0,
                    bottom + 5.0,
                    &mut self.out,
                );
            }
        }
        self.y = bottom + 28.0;
    }

    fn holes(&mut self, missing: &[Item], bottom: f64) {
        // From below the names of epochs to the axis.
        let top = 34.0;
        let mut spans: Vec<((f64, f64), &Item)> = missing
            .iter()
            .filter_map(|item| Some((self.axis.span(&item.extent)?, item)))
            .collect();
        spans.sort_by(|(a, _), (b, _)| a.0.total_cmp(&b.0));
        let starts: Vec<f64> = spans.iter().map(|(span, _)| span.0).collect();
        for group in clusters(&starts, BAR_MIN) {
            let members = spans.get(group).unwrap_or_default();
            let Some(((from, _), item)) = members.first() else {
                continue;
            };
            let to = members.iter().fold(*from, |to, ((_, end), _)| to.max(*end));
            let title = match members.len() {
                1 => item.title.clone(),
                count => format!("{count} gaps, the first: {}", item.title),
            };
            let class = if to - from < PATTERN_MIN {
                "hole thin"
            } else {
                "hole"
            };
            self.titled(&title, |pen| {
                pen.rect(class, (*from, to), top, bottom - top)
            });
        }
    }
}

/// From where to where a label around `x` is, within the drawing.
fn centred(x: f64, label: &str) -> (f64, f64) {
    let half = width_of(label, TEXT_SIZE) / 2.0;
    let middle = x.clamp(LEFT - 6.0 + half, WIDTH - 4.0 - half);
    (middle - half, middle + half)
}
