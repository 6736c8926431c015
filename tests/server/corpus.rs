//! Messages as people paste them, `testdata/messages/corpus.tsv`: which are known.

use crate::common::testdata;
use crate::pasted::{COLLECTORS, at_column, collected, filled};
use std::fs;
use zoovault::server::messages::{Explained, Explanation, Weight, explain};

/// A message, and what it is.
struct Row {
    /// The id of its entry; none if it is harmless.
    id: Option<String>,
    text: String,
}

fn rows() -> Vec<Row> {
    let corpus = fs::read_to_string(testdata().join("messages/corpus.tsv")).unwrap();
    let row = |line: &str| {
        let mut columns = line.split('\t');
        let id = columns.next().unwrap();
        Row {
            id: (id != "-").then(|| id.to_owned()),
            text: columns.next().unwrap().replace("\\n", "\n"),
        }
    };
    corpus.lines().map(row).collect()
}

fn first(explained: &Explained) -> Option<&str> {
    let first = explained.explanations.first()?;
    Some(first.entry.id)
}

#[test]
fn messages_are_known_and_none_is_taken_for_another() {
    let rows = rows();
    assert!(rows.len() >= 200);
    let (mut known, mut unknown, mut wrong) = (0, Vec::new(), Vec::new());
    for row in &rows {
        let explained = explain(&row.text);
        let is_grave = |found: &Explanation| found.worst() > Weight::Note;
        match (first(&explained), row.id.as_deref()) {
            (None, Some(id)) => unknown.push(format!("{id}: {}", row.text)),
            (found, Some(id)) if found != Some(id) => {
                wrong.push(format!("{found:?}, not {id}: {}", row.text));
            }
            (found, None) if explained.explanations.iter().any(is_grave) => {
                wrong.push(format!("{found:?}, and harmless: {}", row.text));
            }
            _ => known += 1,
        }
    }
    eprintln!(
        "{known} of {} known, {} unknown, {} wrong",
        rows.len(),
        unknown.len(),
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(unknown.is_empty(), "{}", unknown.join("\n\n"));
}

/// Ids, with those of the consequences, and facts.
fn told(explained: &Explained) -> Vec<(&str, &[String], Vec<&str>)> {
    let led_to = |found: &Explanation| -> Vec<&str> {
        let consequences = found.led_to.iter();
        consequences.map(|found| found.entry.id).collect()
    };
    let explanations = explained.explanations.iter();
    explanations
        .map(|found| (found.entry.id, found.facts.as_slice(), led_to(found)))
        .collect()
}

/// How many of the messages that are longer than a width say something else when they are broken
/// there, of how many; and those.
fn differences(broken: fn(&str, usize) -> String) -> (usize, usize, String) {
    let (mut all, mut wrong) = (0, Vec::new());
    for Row { text, .. } in rows() {
        let whole = explain(&text);
        for width in [72, 80, 100, 120] {
            if text.lines().all(|line| line.chars().count() <= width) {
                continue;
            }
            all += 1;
            let text = broken(&text, width);
            let explained = explain(&text);
            let (is, was) = (told(&explained), told(&whole));
            if is != was {
                wrong.push(format!("at {width}:\n{text}{is:?}, not {was:?}"));
            }
        }
    }
    (wrong.len(), all, wrong.join("\n\n"))
}

#[test]
fn a_message_broken_at_a_column_says_what_the_whole_one_does() {
    let quoted = |text: &str, width| collected(&at_column(text, width), |l| format!("> {l}"));
    let numbered = |text: &str, width| at_column(&collected(text, |l| format!("12:{l}")), width);
    for broken in [at_column, quoted] {
        let (wrong, all, which) = differences(broken);
        eprintln!("broken at a column: {wrong} of {all} differ");
        assert!(all > 200);
        assert_eq!(wrong, 0, "{which}");
    }
    assert_rare(differences(numbered));
}

/// Where a line ends just where a column or a word does, nothing shows how it was broken.
fn assert_rare((wrong, all, which): (usize, usize, String)) {
    eprintln!("{wrong} of {all} differ");
    assert!(wrong * 50 < all, "{wrong} of {all}:\n{which}");
}

#[test]
fn a_message_broken_between_words_says_what_the_whole_one_does() {
    assert_rare(differences(filled));
    assert_rare(differences(|text, width| {
        collected(&filled(text, width), |l| format!("> {l}"))
    }));
}

#[test]
fn a_journal_broken_at_a_column_says_what_the_whole_one_does() {
    assert_rare(differences(|text, width| {
        let line = |l: &str| format!("Nov 20 14:00:00 host zookeeper[812]: {l}");
        at_column(&collected(text, line), width)
    }));
}

#[test]
fn what_is_put_before_each_line_of_a_message_changes_nothing() {
    let mut wrong = Vec::new();
    for Row { text, .. } in rows() {
        let whole = explain(&text);
        for (name, collector) in COLLECTORS {
            let text = collected(&text, *collector);
            let explained = explain(&text);
            if told(&explained) != told(&whole) {
                wrong.push(format!(
                    "{name}:\n{text}{:?}, not {:?}",
                    told(&explained),
                    told(&whole)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
