//! `verify --report`: what is on the page, that nothing gets into it or out of it, and that a
//! browser shows it.

use crate::common;

use common::{copy, missing, remove_named, zoovault};
use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use zoovault::format::record::{Txn, TxnBody, TxnHeader, TxnKind};
use zoovault::format::txnlog::LogWriter;
use zoovault::zxid::{SessionId, Zxid};

fn run(args: &[&str]) -> Output {
    zoovault().args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The page about `source`, with the status that the program ended with.
fn page(source: &Path, more: &[&str]) -> (String, i32) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("report.html");
    let mut args = vec![
        "verify",
        source.to_str().unwrap(),
        "--report",
        file.to_str().unwrap(),
    ];
    args.extend(more);
    let output = run(&args);
    let page =
        fs::read_to_string(&file).unwrap_or_else(|err| panic!("{err}: {}", text(&output.stderr)));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    ensure_well_formed(&page);
    ensure_alone(&page);
    (page, output.status.code().unwrap())
}

/// A tag of the page: its name, its attributes, and whether it opens (`o`), closes (`c`) or is
/// empty (`e`).
type Tag = (String, Vec<(String, String)>, char);

fn tags(page: &str) -> Vec<Tag> {
    let style = page.find("<style>").unwrap()..page.find("</style>").unwrap();
    let page = format!("{}{}", &page[..style.start + 7], &page[style.end..]);
    let mut tags = Vec::new();
    for part in page.split('<').skip(1) {
        let (inner, rest) = part.split_once('>').expect("a tag ends");
        assert!(!rest.contains('>'), "unescaped: {rest}");
        if inner.starts_with('!') {
            continue;
        }
        let kind = match (inner.starts_with('/'), inner.ends_with('/')) {
            (true, _) => 'c',
            (false, true) => 'e',
            (false, false) => 'o',
        };
        let inner = inner.trim_matches('/');
        let (name, mut rest) = inner.split_once(' ').unwrap_or((inner, ""));
        let mut attributes = Vec::new();
        while !rest.trim().is_empty() {
            let (key, behind) = rest.trim_start().split_once("=\"").expect("a quoted value");
            let (value, behind) = behind.split_once('"').expect("a closing quote");
            attributes.push((key.to_owned(), value.to_owned()));
            rest = behind;
        }
        tags.push((name.to_owned(), attributes, kind));
    }
    tags
}

fn ensure_well_formed(page: &str) {
    assert!(page.starts_with("<!DOCTYPE html>"));
    let mut open: Vec<String> = Vec::new();
    let mut ids = HashSet::new();
    for (name, attributes, kind) in tags(page) {
        for (key, value) in &attributes {
            assert!(key != "id" || ids.insert(value.clone()), "id {value} twice");
        }
        match kind {
            'c' => assert_eq!(open.pop().as_deref(), Some(name.as_str())),
            'o' if name != "meta" => open.push(name),
            _ => {}
        }
    }
    assert!(open.is_empty(), "{open:?}");
    for (name, attributes, _) in tags(page) {
        for (_, value) in attributes
            .iter()
            .filter(|(key, _)| key == "aria-labelledby")
        {
            for id in value.split(' ') {
                assert!(ids.contains(id), "{name}: no {id}");
            }
        }
    }
}

/// Nothing is fetched, nothing runs, no character of the page can hide or turn others.
fn ensure_alone(page: &str) {
    assert!(page.contains("content=\"default-src 'none'; style-src 'unsafe-inline'; "));
    for (name, attributes, _) in tags(page) {
        let forbidden = [
            "script",
            "link",
            "img",
            "iframe",
            "object",
            "embed",
            "base",
            "form",
            "a",
            "use",
            "image",
            "foreignObject",
            "animate",
            "set",
        ];
        assert!(!forbidden.contains(&name.as_str()), "{name}");
        for (key, value) in attributes {
            let is_active =
                key.starts_with("on") || ["href", "src", "style"].contains(&key.as_str());
            assert!(!is_active, "{name} {key}={value}");
        }
    }
    assert!(!page.contains("@import") && !page.contains("://"));
    for (at, _) in page.match_indices("url(") {
        assert!(page[at..].starts_with("url(#"));
    }
    let is_hidden =
        |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
    assert!(!page.contains(is_hidden));
    assert!(page.len() < 2 << 20, "{} bytes", page.len());
}

fn fixture(name: &str) -> PathBuf {
    common::testdata().join("datadirs").join(name)
}

/// What a reader sees, without tags.
fn words(page: &str) -> String {
    let body = &page[page.find("</style>").unwrap()..];
    let texts = body.split('<').skip(1);
    let texts: Vec<&str> = texts
        .filter_map(|part| Some(part.split_once('>')?.1))
        .collect();
    let joined = texts.join("").replace('\n', " ");
    joined
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

#[test]
fn a_sound_history_is_said_to_be_sound_and_drawn_by_epoch() {
    let (page, status) = page(&fixture("ensemble-3.9/s3"), &[]);
    assert_eq!(status, 0);
    let seen = words(&page);
    assert!(
        seen.contains("SOUND") && !seen.contains("WARNINGS"),
        "{seen}"
    );
    assert!(seen.contains(
        "Every point from 0x0 to the last transaction, 0x3000001f6 of 2026-11-20 23:07:18.519+00:00"
    ));
    assert!(seen.contains("--to 0x3000001f6 --target ./zookeeper-0x3000001f6"));
    assert!(seen.contains("No transaction is known to be missing."));
    for epoch in ["epoch 1", "epoch 2", "epoch 3"] {
        assert!(seen.contains(epoch), "{epoch}");
    }
    assert_eq!(page.matches("class=\"timeline\"").count(), 2);
    for name in ["log.300000109", "snapshot.2000002fe"] {
        assert!(page.matches(name).count() >= 3, "{name}");
    }
    assert!(!page.contains("class=\"hole\""));
    assert!(seen.contains("1,329") && seen.contains("5, with 2,070 znodes"));
}

#[test]
fn missing_txns_are_named_drawn_and_said_to_be_lost() {
    let (_dir, gap) = copy("standalone-3.6");
    fs::remove_file(gap.join("log.1db")).unwrap();
    let (page, status) = page(&gap, &[]);
    assert_eq!(status, 5);
    let seen = words(&page);
    assert!(seen.contains("INCOMPLETE"));
    assert!(seen.contains("0x1db to 0x211 are missing"), "{seen}");
    assert!(
        seen.contains("between 2026-11-20 22:49:39.705+00:00 and 2026-11-20 22:49:40.127+00:00")
    );
    assert!(
        seen.contains("0x212 to 0x278 are in the logs, but cannot be reached from any snapshot")
    );
    assert!(seen.contains("Keep these files as they are."));
    // In the legend, and in each drawing.
    assert_eq!(page.matches("class=\"hole\"").count(), 3);
    assert!(seen.contains("Up to 3.9.3 they silently load past the gap"));
    assert!(seen.contains("--to 0x27c"));
}

#[test]
fn damage_is_told_with_its_place_and_what_servers_make_of_it() {
    let (_dir, damaged) = copy("standalone-3.6");
    let log = damaged.join("log.145");
    let mut bytes = fs::read(&log).unwrap();
    bytes[3000] ^= 1;
    fs::write(&log, bytes).unwrap();
    let snapshot = damaged.join("snapshot.1d9");
    let bytes = fs::read(&snapshot).unwrap();
    fs::write(&snapshot, &bytes[..bytes.len() / 2]).unwrap();
    let (page, status) = page(&damaged, &[]);
    assert_eq!(status, 4);
    let seen = words(&page);
    assert!(
        seen.contains("DAMAGED")
            && seen.contains("offset 2033")
            && seen.contains("log-bad-checksum")
    );
    assert!(seen.contains("No server that reads this log starts: \"CRC check failed\"."));
    assert!(page.contains("class=\"log damaged\"") && page.contains("class=\"snapshot damaged\""));
    assert!(page.contains("class=\"severity damage\"") && seen.contains("0x14e is missing"));

    let output = run(&["verify", damaged.to_str().unwrap(), "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["findings"][0]["code"], "log-bad-checksum");
    assert_eq!(
        json["findings"][0]["server"],
        "No server that reads this log starts: \"CRC check failed\"."
    );
    assert_eq!(json["missing"][0]["first_missing_zxid"], "0x14e");
    assert_eq!(json["not_restorable"][0]["from_zxid"], "0x14f");
    let output = run(&["verify", damaged.to_str().unwrap(), "-v"]);
    assert!(
        text(&output.stdout).contains("\n           servers: No server that reads this log starts")
    );
}

#[test]
fn a_member_with_holes_over_several_epochs_is_drawn_epoch_by_epoch() {
    let (_dir, member) = copy("ensemble-3.9/s1");
    for name in ["log.2000000e9", "log.30000004b", "log.100000001"] {
        fs::remove_file(member.join(name)).unwrap();
    }
    let (page, status) = page(&member, &[]);
    assert_eq!(status, 5);
    let seen = words(&page);
    assert!(seen.contains("although the logs continue to 0x3000001f6"));
    assert!(seen.contains("0x2000000e9 to 0x2000001d4 are missing"));
    assert!(seen.contains("0x30000004b to 0x3000001a6 are missing"));
    assert!(seen.contains("Without a time, and so not drawn"));
    assert!(page.contains("class=\"break\""), "epochs are apart");
}

#[test]
fn without_a_replay_the_page_says_so_and_an_archive_is_a_source() {
    let (quick, status) = page(&fixture("standalone-3.8"), &["--quick"]);
    assert_eq!(status, 0);
    assert!(
        words(&quick)
            .contains("can be restored according to the files, which were read but not replayed")
    );
    assert!(words(&quick).contains("Verify without --quick before relying on this"));
    assert!(quick.contains("class=\"window not-replayed\""));

    let dir = tempfile::tempdir().unwrap();
    let archive = dir.path().join("a.tar.gz");
    let made = run(&[
        "export",
        "standalone-3.6",
        "--to",
        "0x200",
        "-o",
        archive.to_str().unwrap(),
    ]);
    assert!(made.status.success());
    let (of_archive, status) = page(&archive, &[]);
    assert_eq!(status, 0);
    assert!(words(&of_archive).contains("--to 0x200"));
}

#[test]
fn snapshots_without_logs_have_no_times_and_still_a_page() {
    let (_dir, bare) = copy("standalone-3.6");
    remove_named(&bare, "log.");
    let (page, status) = page(&bare, &[]);
    assert_eq!(status, 3);
    assert!(words(&page).contains("No log has a transaction, so nothing has a time."));
    assert_eq!(page.matches("class=\"timeline\"").count(), 1);
}

/// A directory with a log for every five txns, over `epochs` epochs; every hundredth log is
/// missing, every hundredth damaged.
fn thousands_of_logs(dir: &Path, epochs: u32) -> usize {
    let mut number = 0;
    for epoch in 0..epochs {
        for first in (1..1000).step_by(5) {
            number += 1;
            if number % 100 == 50 {
                continue;
            }
            let mut writer = LogWriter::new(Vec::new()).unwrap();
            for counter in first..first + 5 {
                let txn = Txn {
                    header: TxnHeader {
                        client_id: SessionId(1),
                        cxid: 0,
                        zxid: Zxid::new(epoch, counter),
                        time: 1_763_640_000_000
                            + 60_000 * (i64::from(number) * 5 + i64::from(counter - first)),
                        txn_type: TxnKind::Error.code(),
                    },
                    body: TxnBody::Error { err: -101 },
                    digest: None,
                    excess: &[],
                };
                writer.write(&txn).unwrap();
            }
            let mut bytes = writer.finish().unwrap();
            if number % 100 == 0 {
                bytes[60] ^= 1;
            }
            let name = format!("log.{:x}", Zxid::new(epoch, first).to_i64());
            fs::write(dir.join(name), bytes).unwrap();
        }
    }
    fs::read_dir(dir).unwrap().count()
}

#[test]
fn thousands_of_files_make_a_page_that_can_still_be_opened() {
    let dir = tempfile::tempdir().unwrap();
    let count = thousands_of_logs(dir.path(), 20);
    assert_eq!(count, 3960);
    let (page, status) = page(dir.path(), &[]);
    assert_eq!(status, 4);
    assert!(page.len() < 800_000, "{} bytes", page.len());
    let seen = words(&page);
    assert!(
        seen.contains("3960 logs")
            && seen
                .contains("400 are listed, those with findings and the newest; 3,560 are omitted")
    );
    assert!(page.contains("epoch 19</text>") || page.contains(">19</text>"));
    // No label lies over another of its row.
    for row in ["tick", "gap-label", "mark-label"] {
        ensure_apart(&page, row);
    }
}

/// Labels of a class that stand in one line do not touch.
fn ensure_apart(page: &str, class: &str) {
    let mark = format!("<text class=\"{class}\" x=\"");
    for drawing in page.split("class=\"timeline\"").skip(1) {
        let drawing = &drawing[..drawing.find("</svg>").unwrap()];
        let mut labels: Vec<(String, f64, f64)> = drawing
            .split(&mark)
            .skip(1)
            .map(|part| {
                let (x, rest) = part.split_once("\" y=\"").unwrap();
                let (y, rest) = rest.split_once("\">").unwrap();
                let (label, _) = rest.split_once('<').unwrap();
                // DejaVu Sans Mono, the widest of its kind, at 11 pixels.
                let half = label.chars().count() as f64 * 11.0 * 0.602 / 2.0;
                (y.to_owned(), x.parse::<f64>().unwrap() - half, 2.0 * half)
            })
            .collect();
        labels.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        for pair in labels.windows(2) {
            let is_apart = pair[0].0 != pair[1].0 || pair[0].1 + pair[0].2 <= pair[1].1;
            assert!(is_apart, "{class}: {pair:?}");
        }
    }
}

#[test]
fn hostile_names_are_text() {
    let dir = tempfile::tempdir().unwrap();
    let hostile = dir
        .path()
        .join("<img src=x onerror=alert(1)>&'\"\u{202e}\n<title>");
    fs::create_dir(&hostile).unwrap();
    let from = fixture("standalone-3.8").join("version-2");
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), hostile.join(entry.file_name()))
            .unwrap_or_else(|err| panic!("{err}"));
    }
    fs::write(hostile.join("log.5.<script>alert(2)<"), b"").unwrap();
    let (page, status) = page(&hostile, &[]);
    assert_eq!(status, 3);
    let seen = words(&page);
    assert!(
        seen.contains("<img src=x onerror=alert(1)>&'\"\\u{202e}\\u{a}<"),
        "{seen}"
    );
    assert!(seen.contains("log.5.<script>alert(2)<"));
    assert!(seen.contains("zoovault restore $'"));
}

#[test]
fn nothing_existing_is_overwritten_and_nothing_is_put_where_a_server_looks() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("report.html");
    fs::write(&file, b"somebody else's").unwrap();
    let refused = |path: &Path, status: i32, why: &str| {
        let output = run(&[
            "verify",
            "standalone-3.8",
            "--report",
            path.to_str().unwrap(),
        ]);
        assert_eq!(
            output.status.code(),
            Some(status),
            "{}",
            text(&output.stderr)
        );
        assert!(
            text(&output.stderr).contains(why),
            "{}",
            text(&output.stderr)
        );
        assert!(output.stdout.is_empty());
    };
    refused(&file, 13, "exists already");
    assert_eq!(fs::read(&file).unwrap(), b"somebody else's");
    refused(dir.path(), 13, "exists already");
    for name in ["log.7", "snapshot.7.html", "currentEpoch", "report.tmp"] {
        refused(&dir.path().join(name), 2, "as one of their own");
    }
    let inside = fixture("standalone-3.8").join("version-2/report.html");
    refused(&inside, 2, "is inside the source");
    assert!(!inside.exists());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);

    // What cannot be verified leaves no page, and nothing half made.
    let page = dir.path().join("page.html");
    let output = run(&["verify", "../golden", "--report", page.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_dash_is_stdout_and_the_text_goes_to_stderr() {
    let output = run(&["verify", "standalone-3.8", "--report", "-", "--no-progress"]);
    assert_eq!(output.status.code(), Some(0));
    ensure_well_formed(&text(&output.stdout));
    assert!(text(&output.stderr).contains("standalone-3.8: SOUND"));
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = zoovault()
        .args(["verify", "standalone-3.8", "--report", "-", "--no-progress"])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(
        told.contains("standalone-3.8: SOUND") && told.contains("the verdict is not affected"),
        "{told}"
    );
}

/// Chromium, with a profile of its own and nothing that reaches out.
fn chromium(dir: &Path, args: &[&str]) -> Output {
    let profile = tempfile::tempdir_in(dir).unwrap();
    Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--enable-logging=stderr",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(args)
        .output()
        .unwrap()
}

/// Width and height of a PNG, and how many values its bytes have.
fn look_at(png: &Path) -> (u32, u32, usize) {
    let bytes = fs::read(png).unwrap();
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!(&bytes[1..4], b"PNG");
    let (mut at, mut packed) = (8, Vec::new());
    while at + 8 < bytes.len() {
        let len = number(at) as usize;
        if &bytes[at + 4..at + 8] == b"IDAT" {
            packed.extend_from_slice(&bytes[at + 8..at + 8 + len]);
        }
        at += len + 12;
    }
    let mut pixels = Vec::new();
    flate2::read::ZlibDecoder::new(packed.as_slice())
        .read_to_end(&mut pixels)
        .unwrap();
    let values: BTreeSet<u8> = pixels.into_iter().collect();
    (number(16), number(20), values.len())
}

#[test]
fn a_browser_shows_the_page_whole_in_any_width() {
    if Command::new("chromium").arg("--version").output().is_err() {
        missing(
            "no `chromium` on the PATH, so no browser opens the report",
            true,
        );
        return;
    }
    let (_dir, gap) = copy("standalone-3.6");
    fs::remove_file(gap.join("log.1db")).unwrap();
    let (page, _) = page(&gap, &[]);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("report.html");
    fs::write(&file, &page).unwrap();
    let address = format!("file://{}", file.display());

    for (width, height, scheme) in [(1280, 900, 1), (1280, 900, 0), (640, 900, 1)] {
        let png = dir.path().join("page.png");
        let output = chromium(
            dir.path(),
            &[
                &format!("--window-size={width},{height}"),
                &format!("--blink-settings=preferredColorScheme={scheme}"),
                &format!("--screenshot={}", png.display()),
                &address,
            ],
        );
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!told.contains("CONSOLE"), "{told}");
        let (seen_width, seen_height, values) = look_at(&png);
        assert_eq!((seen_width, seen_height), (width, height));
        assert!(values > 100, "blank: {values}");
    }

    // A page around it measures it: itself, it runs nothing.
    let quoted = page.replace('&', "&amp;").replace('"', "&quot;");
    let frames: String = [390, 1280]
        .iter()
        .map(|width| format!("<iframe style=\"width:{width}px;height:800px;border:0\" srcdoc=\"{quoted}\"></iframe>"))
        .collect();
    let outer = format!(
        "<!DOCTYPE html><body>{frames}<p></p><script>onload=()=>{{for(const f of document.querySelectorAll('iframe')){{\
         const d=f.contentDocument,e=d.documentElement;\
         document.querySelector('p').append(`[${{e.clientWidth}} ${{e.scrollWidth}} ${{d.querySelectorAll('svg.timeline[role=img] g').length}}]`);f.remove()}}}}</script>"
    );
    let outer_file = dir.path().join("outer.html");
    fs::write(&outer_file, outer).unwrap();
    let output = chromium(
        dir.path(),
        &[
            "--virtual-time-budget=5000",
            "--dump-dom",
            &format!("file://{}", outer_file.display()),
        ],
    );
    let dom = text(&output.stdout);
    let measured = &dom[dom.find("<p>").unwrap()..dom.find("</p>").unwrap()];
    let drawn = page.matches("<g>").count();
    for width in [390, 1280] {
        let expected = format!("[{width} {width} {drawn}]");
        assert!(measured.contains(&expected), "{expected}: {measured}");
    }
}
