use super::*;

fn zxid(epoch: u32, counter: u32) -> Zxid {
    Zxid::new(epoch, counter)
}

fn point(zxid: Zxid) -> (Zxid, Zxid) {
    (zxid, zxid)
}

fn axis(held: &[(Zxid, Zxid)], missing: &[(Zxid, Zxid)]) -> ZxidAxis {
    ZxidAxis::new(held, missing, 100.0, 1100.0).unwrap()
}

#[test]
fn epochs_stand_side_by_side_whatever_lies_between_their_numbers() {
    let axis = axis(
        &[
            (zxid(1, 1), zxid(1, 500)),
            (zxid(70_000, 1), zxid(70_000, 500)),
        ],
        &[],
    );
    let epochs = axis.epochs();
    assert_eq!(epochs.len(), 2);
    let widths: Vec<f64> = epochs.iter().map(|(_, from, to)| to - from).collect();
    assert!((widths[0] - widths[1]).abs() < 0.01, "{widths:?}");
    assert!(epochs[0].2 < epochs[1].1, "a break between them");
    assert!((epochs[0].1 - 100.0).abs() < 0.01 && (epochs[1].2 - 1100.0).abs() < 0.01);
}

#[test]
fn places_rise_with_zxids_and_each_zxid_is_a_cell() {
    let axis = axis(
        &[
            point(zxid(0, 0)),
            (zxid(1, 1), zxid(1, 100)),
            (zxid(1, 120), zxid(1, 200)),
            (zxid(2, 1), zxid(2, 9)),
        ],
        &[(zxid(1, 101), zxid(1, 119))],
    );
    let mut last = 0.0;
    let all = [(0, 0..1), (1, 1..201), (2, 1..10)];
    for (epoch, counters) in all {
        for counter in counters {
            let (from, to) = axis.span(point(zxid(epoch, counter))).unwrap();
            assert!(from >= last - 1e-6 && to > from, "{epoch} {counter}");
            last = to;
        }
    }
    let (_, end) = axis.span((zxid(1, 1), zxid(1, 100))).unwrap();
    let (hole, hole_end) = axis.span((zxid(1, 101), zxid(1, 119))).unwrap();
    let (begin, _) = axis.span((zxid(1, 120), zxid(1, 200))).unwrap();
    assert!((end - hole).abs() < 1e-6 && (hole_end - begin).abs() < 1e-6);
}

#[test]
fn one_missing_txn_among_millions_is_seen_and_millions_missing_hide_nothing() {
    let few = axis(
        &[
            (zxid(1, 1), zxid(1, 1_000_000)),
            (zxid(1, 1_000_002), zxid(1, 2_000_000)),
        ],
        &[],
    );
    let (from, to) = few.span(point(zxid(1, 1_000_001))).unwrap();
    assert!(to - from >= 10.0, "{}", to - from);
    let many = axis(
        &[
            (zxid(1, 1), zxid(1, 100)),
            (zxid(1, 90_000_000), zxid(1, 90_000_100)),
        ],
        &[(zxid(1, 101), zxid(1, 89_999_999))],
    );
    let (from, to) = many.span((zxid(1, 1), zxid(1, 100))).unwrap();
    assert!(to - from > 300.0, "{}", to - from);
}

#[test]
fn a_hole_within_what_a_log_spans_is_cut_out_of_it() {
    let axis = axis(
        &[(zxid(0, 1), zxid(0, 1000))],
        &[point(zxid(0, 500)), (zxid(0, 900), zxid(0, 1100))],
    );
    let (from, to) = axis.span(point(zxid(0, 500))).unwrap();
    assert!(to - from >= 10.0);
    let (_, end) = axis.span((zxid(0, 900), zxid(0, 1100))).unwrap();
    assert!(
        (end - 1100.0).abs() < 0.01,
        "a hole at the end is on the axis"
    );
}

#[test]
fn a_hole_at_the_beginning_of_an_epoch_is_on_the_axis() {
    let axis = axis(
        &[(zxid(1, 1), zxid(1, 50)), (zxid(2, 5), zxid(2, 50))],
        &[(zxid(2, 1), zxid(2, 4))],
    );
    let (from, to) = axis.span((zxid(2, 1), zxid(2, 4))).unwrap();
    let epochs = axis.epochs();
    assert!((from - epochs[1].1).abs() < 0.01 && to - from >= 10.0);
}

#[test]
fn thousands_of_epochs_and_holes_stay_within_the_drawing() {
    let held: Vec<(Zxid, Zxid)> = (1..3000)
        .flat_map(|epoch| {
            [
                (zxid(epoch, 1), zxid(epoch, 3)),
                (zxid(epoch, 7), zxid(epoch, 9)),
            ]
        })
        .collect();
    let axis = axis(&held, &[]);
    let epochs = axis.epochs();
    assert_eq!(epochs.len(), 2999);
    assert!(
        epochs
            .iter()
            .all(|(_, from, to)| *from >= 99.9 && *to <= 1100.1 && from < to)
    );
    let ticks = axis.ticks();
    let spans: Vec<(f64, f64)> = ticks
        .iter()
        .map(|tick| (tick.x - 35.0, tick.x + 35.0))
        .collect();
    assert!(
        place(&spans, 8.0)
            .iter()
            .filter(|is_placed| **is_placed)
            .count()
            <= 14
    );
}

#[test]
fn ticks_are_round_numbers_in_hexadecimal() {
    let axis = axis(&[(zxid(3, 1), zxid(3, 0x27c))], &[]);
    let labels: Vec<String> = axis.ticks().into_iter().map(|tick| tick.label).collect();
    assert!(labels.contains(&"0x300000001".to_owned()), "{labels:?}");
    assert!(labels.contains(&"0x30000027c".to_owned()), "{labels:?}");
    assert!(labels.contains(&"0x300000080".to_owned()), "{labels:?}");
    assert!(labels.len() < 16, "{labels:?}");
}

#[test]
fn the_largest_zxids_are_laid_out_without_overflow() {
    let axis = axis(&[(zxid(0, 0), zxid(0, u32::MAX)), point(Zxid::MAX)], &[]);
    let (from, to) = axis.span(point(Zxid::MAX)).unwrap();
    assert!(from.is_finite() && to.is_finite() && to <= 1100.1);
    assert!(axis.ticks().len() < 100);
    assert!(ZxidAxis::new(&[], &[], 0.0, 1.0).is_none());
    assert_eq!(
        by_epoch((zxid(1, 7), zxid(3, 9))),
        [point(zxid(1, 7)), (zxid(3, 1), zxid(3, 9))]
    );
}

#[test]
fn times_have_round_ticks_and_the_day_is_told_once() {
    let from = 1_763_640_000_000;
    let axis = TimeAxis::new([from, from + 3_600_000].into_iter(), 100.0, 1100.0).unwrap();
    let labels: Vec<String> = axis
        .ticks(&TimeZone::UTC)
        .into_iter()
        .map(|tick| tick.label)
        .collect();
    assert_eq!(labels.first().map(String::as_str), Some("2025-11-20 12:00"));
    assert_eq!(labels.get(1).map(String::as_str), Some("12:10"));
    assert_eq!(
        labels
            .iter()
            .filter(|label| label.starts_with("2025"))
            .count(),
        1
    );
    assert_eq!(axis.span((from + 3_600_000, from)), (100.0, 1100.0));
}

#[test]
fn any_64_bits_are_a_time_to_be_drawn() {
    let axis = TimeAxis::new([i64::MIN, 0, i64::MAX].into_iter(), 0.0, 100.0).unwrap();
    assert_eq!(axis.span((0, 0)), (50.0, 50.0));
    assert!(axis.ticks(&TimeZone::UTC).is_empty());
    let moment = TimeAxis::new([5, 5].into_iter(), 0.0, 100.0).unwrap();
    assert_eq!(moment.span((5, 5)), (0.0, 0.0));
    assert!(TimeAxis::new(std::iter::empty(), 0.0, 1.0).is_none());
}

#[test]
fn labels_are_thinned_marks_grouped_and_bars_share_rows() {
    assert_eq!(
        place(&[(0.0, 10.0), (5.0, 15.0), (20.0, 30.0)], 2.0),
        [true, false, true]
    );
    assert_eq!(
        clusters(&[1.0, 2.0, 9.0, 9.5, 40.0], 3.0),
        [0..2, 2..4, 4..5]
    );
    assert!(clusters(&[], 3.0).is_empty());
    assert_eq!(
        rows(
            &[
                (0.0, 10.0),
                (5.0, 15.0),
                (10.0, 20.0),
                (11.0, 12.0),
                (11.5, 12.0)
            ],
            3
        ),
        [0, 1, 0, 2, 2]
    );
}
