//! Archives and compressed files that are odd and sound, and what of them is lost where they are
//! not: padding, labels, names that mislead, limits.

use crate::sources::{
    Bench, FIXTURE, Files, Pack, deflated, files, fixture, gzip, header, run, stored, tar_of, told,
    verdict, verify, xz, zstd_of,
};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The remarks of `verify`.
fn remarks(source: &Path) -> Vec<String> {
    let output = run(&["verify", "--json", "{}"], source);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let remarks = json["remarks"].as_array().unwrap().iter();
    remarks.map(|it| it.as_str().unwrap().to_owned()).collect()
}

fn has_remark(source: &Path, what: &str) -> bool {
    remarks(source).iter().any(|remark| remark.contains(what))
}

fn exported(bench: &Bench) -> PathBuf {
    let plain = bench.plain();
    let archive = bench.path("export.tgz");
    let out = archive.to_str().unwrap();
    let (status, printed) = told(&["export", "{}", "--to", "latest", "-o", out], &plain);
    assert_eq!(status, 0, "{printed}");
    archive
}

/// What a tar or a compressor of this machine makes of `bytes`.
fn piped(program: &str, args: &[&str], bytes: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(bytes).unwrap());
        child.wait_with_output().unwrap().stdout
    })
}

#[test]
fn an_export_is_told_by_its_manifest_and_not_by_its_folder() {
    let bench = Bench::new();
    let archive = exported(&bench);
    let expected = verdict(&archive);
    let plain = verdict(&bench.path("plain"));
    // The folder of an export, and none.
    for folder in [
        "zookeeper-0x1-0x5/",
        "zookeeper-0x1/",
        "zookeeper-0x145-0x27c/",
    ] {
        let tar = tar_of(&fixture(FIXTURE, folder));
        for (name, bytes) in [("a.tgz", gzip(&tar)), ("a.tar", tar.clone())] {
            let found = bench.write(name, &bytes);
            assert_eq!(verdict(&found), plain, "{folder}");
            assert!(has_remark(&found, "read from zookeeper-0x"), "{folder}");
        }
    }
    // Somebody else's list of files.
    let mut other = fixture(FIXTURE, "zookeeper-0x1/");
    other.push((
        "zookeeper-0x1/manifest.json".to_owned(),
        b"{\"a\": 1}".to_vec(),
    ));
    assert_eq!(
        verdict(&bench.write("other.tgz", &gzip(&tar_of(&other)))),
        plain
    );
    // An export under another folder, and compressed otherwise.
    let dir = bench.path("unpacked");
    fs::create_dir(&dir).unwrap();
    let unpack = Command::new("tar")
        .arg("-xzf")
        .arg(&archive)
        .arg("-C")
        .arg(&dir)
        .status();
    assert!(unpack.unwrap().success());
    let folder = fs::read_dir(&dir).unwrap().next().unwrap().unwrap().path();
    for prefix in ["renamed/", "./renamed/", "./zookeeper-0x1-0x5/"] {
        let mut inside = files(&folder, prefix);
        // As tar goes through a folder, in no order.
        inside.reverse();
        let tar = tar_of(&inside);
        for (name, bytes) in [
            ("own.tgz", gzip(&tar)),
            ("own.tar", tar.clone()),
            ("own.tar.zst", zstd_of(&tar)),
        ] {
            assert_eq!(verdict(&bench.write(name, &bytes)), expected, "{prefix}");
        }
        let log = inside.iter_mut().find(|(name, _)| name.contains("/log."));
        let (_, log) = log.unwrap();
        log.extend_from_slice(b"\0");
        let (status, printed) = verify(&bench.write("own.tgz", &gzip(&tar_of(&inside))));
        assert_eq!(status, 4, "{printed}");
        assert!(printed.contains("SHA-256 mismatch"), "{printed}");
    }
    // One that lost its manifest is none that is whole.
    let mut inside = files(&folder, "zookeeper-0x145-0x27c/");
    inside.retain(|(name, _)| !name.ends_with("manifest.json"));
    let (status, printed) = verify(&bench.write("lost.tgz", &gzip(&tar_of(&inside))));
    assert_eq!(status, 4, "{printed}");
    assert!(printed.contains("has no manifest.json"), "{printed}");
    let whole = fs::read(&archive).unwrap();
    let cut = bench.write("cut.tgz", &whole[..whole.len() / 2]);
    assert_eq!(verify(&cut).0, 4);
    let padded = bench.write("padded.tgz", &[whole, vec![0; 1024]].concat());
    assert_eq!(verdict(&padded), expected);
    assert!(has_remark(&padded, "followed by 1024 bytes of padding"));
}

#[test]
fn padding_and_garbage_behind_a_stream_are_remarks() {
    let bench = Bench::new();
    let expected = verdict(&bench.plain());
    let tar = tar_of(&fixture(FIXTURE, "zk/"));
    let garbage = b"garbage here".to_vec();
    for (name, packed) in [
        ("a.tgz", gzip(&tar)),
        ("a.txz", xz(&tar)),
        ("a.tar.zst", zstd_of(&tar)),
        ("a.tar", tar.clone()),
    ] {
        let padded = bench.write(name, &[packed.clone(), vec![0; 10_240]].concat());
        assert_eq!(verdict(&padded), expected, "{name}");
        // Tars and xz streams may end so.
        let is_odd = !["a.tar", "a.txz"].contains(&name);
        let said = "followed by 10240 bytes of padding, which are ignored";
        assert_eq!(has_remark(&padded, said), is_odd, "{name}");
        let followed = bench.write(name, &[packed, garbage.clone()].concat());
        assert_eq!(verdict(&followed), expected, "{name}");
        assert!(
            has_remark(&followed, "followed by 12 bytes that are no"),
            "{name}"
        );
    }
    // In a folder, in an archive and alone; a snapshot as servers compress it, too.
    let mut packed = Files::new();
    for (name, bytes) in fixture(FIXTURE, "") {
        match name.contains("/log.") || name.contains("/snapshot.") {
            true => packed.push((format!("{name}.gz"), [gzip(&bytes), vec![0; 512]].concat())),
            false => packed.push((name, bytes)),
        }
    }
    for (name, bytes) in &packed {
        bench.write(&format!("dir/{name}"), bytes);
    }
    let archive = bench.write("logs.zip", &stored(&packed));
    for source in [bench.path("dir"), archive] {
        let found = verdict(&source);
        assert_eq!(
            found["windows"],
            expected["windows"],
            "{}",
            source.display()
        );
        assert_eq!(found["verdict"], "sound");
        assert!(has_remark(&source, "log.145.gz: its gzip stream is sound"));
        let (status, printed) = told(&["inspect", "{}"], &source);
        assert_eq!(status, 0);
        assert!(
            printed.contains("log.145.gz: its gzip stream is sound"),
            "{printed}"
        );
    }
    let (status, printed) = verify(&bench.path("dir/version-2/log.1.gz"));
    assert!(printed.contains("512 bytes of padding"), "{printed}");
    assert_eq!(status, 0, "{printed}");
}

#[test]
fn what_hides_behind_padding_is_damage() {
    let bench = Bench::new();
    let files = fixture(FIXTURE, "zk/");
    let tar = tar_of(&files);
    let (first, second) = tar.split_at(tar.len() / 2);
    let gap = vec![0; 512];
    for (name, bytes) in [
        ("a.tgz", [gzip(first), gap.clone(), gzip(second)].concat()),
        ("a.tar", [tar.clone(), gap.clone(), tar.clone()].concat()),
        (
            "b.tgz",
            gzip(&[tar.clone(), gap.clone(), tar.clone()].concat()),
        ),
    ] {
        let (status, printed) = verify(&bench.write(name, &bytes));
        assert_eq!(status, 4, "{name}: {printed}");
    }
    // Between streams of xz, zeros mean nothing.
    let joined = bench.write("a.txz", &[xz(first), vec![0; 512], xz(second)].concat());
    assert_eq!(verdict(&joined), verdict(&bench.plain()));
    let log = &files
        .iter()
        .find(|(name, _)| name.ends_with("log.1"))
        .unwrap()
        .1;
    let (first, second) = log.split_at(log.len() / 2);
    let mut torn = [gzip(first), gzip(second)].concat();
    torn[gzip(first).len()] ^= 1;
    let (status, printed) = verify(&bench.write("log.1.gz", &torn));
    assert_eq!(status, 4, "{printed}");
    assert!(printed.contains("the head of another stream"), "{printed}");
}

#[test]
fn what_takes_too_much_memory_to_decompress_is_named_and_no_damage() {
    let bench = Bench::new();
    let log = &fixture(FIXTURE, "")[1].1;
    assert!(log.starts_with(b"ZKLG"));
    let with_window = |bytes: &[u8]| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(28).unwrap();
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let with_dictionary = |bytes: &[u8]| {
        let mut options = lzma_rust2::XzOptions::with_preset(0);
        options.lzma_options.dict_size = 128 << 20;
        let mut out = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    };
    let xz_needs = "xz needs 128 MiB of memory to decompress it; zoovault takes at most 96 MiB";
    let zstd_needs =
        "zstd needs 256 MiB of memory to decompress it; zoovault takes at most 128 MiB";
    for (end, packed, needs) in [
        ("xz", with_dictionary(log), xz_needs),
        ("zst", with_window(log), zstd_needs),
    ] {
        let (status, printed) = verify(&bench.write(&format!("one/log.1.{end}"), &packed));
        assert_eq!(status, 1, "{printed}");
        assert!(printed.contains(needs), "{printed}");
        let mut inside = fixture(FIXTURE, "");
        for (name, bytes) in &mut inside {
            if name.ends_with("/log.1") {
                *name = format!("{name}.{end}");
                *bytes = packed.clone();
            }
        }
        for (name, bytes) in &inside {
            bench.write(&format!("{end}/{name}"), bytes);
        }
        for source in [
            bench.path(end),
            bench.write("a.tgz", &gzip(&tar_of(&inside))),
        ] {
            let (status, printed) = verify(&source);
            assert!(printed.contains(needs), "{printed}");
            assert!(printed.contains("decompress it yourself"), "{printed}");
            assert!(!printed.contains("is broken"), "{printed}");
            assert!(![0, 4].contains(&status), "{status}: {printed}");
        }
    }
    let tar = tar_of(&fixture(FIXTURE, ""));
    let (status, printed) = verify(&bench.write("a.tar.zst", &with_window(&tar)));
    assert_eq!(status, 1, "{printed}");
    assert!(printed.contains(zstd_needs), "{printed}");
}

#[test]
fn only_what_is_needed_counts_against_the_limits() {
    let bench = Bench::new();
    let expected = verdict(&bench.plain());
    let big = bench.path("image.raw");
    let file = fs::File::create(&big).unwrap();
    file.set_len(30 << 30).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"x", 20 << 30).unwrap();
    for format in ["--format=gnu", "--format=posix"] {
        let archive = bench.path("sparse.tgz");
        let made = Command::new("tar")
            .args([format, "-cSzf"])
            .arg(&archive)
            .arg("-C")
            .arg(bench.path(""))
            .args(["image.raw", "plain/version-2"])
            .status();
        assert!(made.unwrap().success());
        assert_eq!(verdict(&archive), expected, "{format}");
    }
    // More than any archive may give of what is read.
    let zeros = zstd_of(&vec![0; 256 << 20]);
    let first = header("image.raw", 17 << 28, tar::EntryType::Regular);
    let mut archive = zstd_of(first.as_bytes());
    for _ in 0..17 {
        archive.extend_from_slice(&zeros);
    }
    archive.extend(zstd_of(&tar_of(&fixture(FIXTURE, "plain/"))));
    assert_eq!(verdict(&bench.write("full.tar.zst", &archive)), expected);
}

#[test]
fn folders_of_two_servers_are_not_joined() {
    let bench = Bench::new();
    let expected = verdict(&bench.plain());
    let split = |data: &str, logs: &str| -> Files {
        let inside = files(&bench.path("plain/version-2"), "").into_iter();
        inside
            .map(|(name, bytes)| match name.starts_with("log.") {
                true => (format!("{logs}/{name}"), bytes),
                false => (format!("{data}/{name}"), bytes),
            })
            .collect()
    };
    for (data, logs) in [
        ("data/version-2", "datalog/version-2"),
        ("srv/zk/data/version-2", "srv/zk/log/version-2"),
        ("var/lib/zookeeper/version-2", "var/log/zookeeper/version-2"),
        ("zk/version-2", "zk/log/version-2"),
    ] {
        let archive = bench.write("pair.tgz", &gzip(&tar_of(&split(data, logs))));
        assert_eq!(verdict(&archive), expected, "{data} {logs}");
    }
    for (data, logs) in [
        ("b/snap", "a/log"),
        ("zk2/data/version-2", "zk1/log/version-2"),
        ("zk-2/version-2", "zk-1/version-2"),
    ] {
        let archive = bench.write("two.zip", &deflated(&split(data, logs)));
        let (status, printed) = verify(&archive);
        assert_eq!(status, 2, "{printed}");
        assert!(printed.contains("holds 2 data directories"), "{printed}");
        assert!(printed.contains(&format!("zoovault verify {}:", archive.display())));
    }
    // Called so, but txns are missing between them.
    let mut apart = split("data/version-2", "datalog/version-2");
    apart.retain(|(name, _)| name.contains("/log.145") || name.ends_with("/snapshot.0"));
    assert_eq!(apart.len(), 2);
    assert_eq!(verify(&bench.write("apart.tar", &tar_of(&apart))).0, 2);
}

#[test]
fn a_compressed_log_under_a_plain_name_is_read_everywhere_and_said() {
    let bench = Bench::new();
    let expected = verdict(&bench.plain());
    let packings: [(&str, Pack); 3] = [("gzip", gzip), ("xz", xz), ("zstd", zstd_of)];
    for (packing, pack) in packings {
        let mut inside = fixture(FIXTURE, "");
        for (name, bytes) in &mut inside {
            if name.contains("/log.") || name.contains("/snapshot.144") {
                *bytes = pack(bytes);
            }
        }
        for (name, bytes) in &inside {
            bench.write(&format!("{packing}/{name}"), bytes);
        }
        let archive = bench.write("hidden.tgz", &gzip(&tar_of(&inside)));
        for source in [bench.path(packing), archive] {
            let found = verdict(&source);
            assert_eq!(found["windows"], expected["windows"], "{packing}");
            assert_eq!(found["verdict"], "sound", "{packing}");
            for name in ["log.1", "log.145", "snapshot.144"] {
                let said = format!("{name}: is compressed with {packing}, which its name");
                assert!(has_remark(&source, &said), "{said}: {:?}", remarks(&source));
            }
        }
        let one = bench.path(packing).join("version-2/log.145");
        assert!(has_remark(&one, "is compressed with"), "{packing}");
    }
    // And the other way round.
    let mut inside = fixture(FIXTURE, "");
    for (name, _) in &mut inside {
        if name.ends_with("/snapshot.144") {
            name.push_str(".gz");
        }
    }
    for (name, bytes) in &inside {
        bench.write(&format!("bare/{name}"), bytes);
    }
    for source in [
        bench.path("bare"),
        bench.write("bare.tar", &tar_of(&inside)),
    ] {
        assert_eq!(verdict(&source)["windows"], expected["windows"]);
        assert!(has_remark(&source, "snapshot.144.gz: is not compressed"));
    }
}

#[test]
fn many_compressed_logs_are_listed_at_once() {
    let bench = Bench::new();
    let log = fixture("small-3.9", "");
    let (_, log) = log.iter().find(|(name, _)| name.contains("/log.")).unwrap();
    let log = gzip(log);
    let many: Files = (0..20_000)
        .map(|at| {
            (
                format!("zk/version-2/log.{:x}.gz", 0x5_0000_0000u64 + at),
                log.clone(),
            )
        })
        .collect();
    let archive = bench.write("many.tar", &tar_of(&many));
    let began = Instant::now();
    let (status, printed) = told(&["inspect", "{}"], &archive);
    assert_eq!(status, 0, "{printed}");
    assert!(printed.contains("20000 logs"), "{printed}");
    // A second on an idle machine; many times that if each is compared with every other.
    let limit = Duration::from_secs(20);
    assert!(began.elapsed() < limit, "{:?}", began.elapsed());
}

#[test]
fn what_an_archive_cut_is_damage_of_the_archive_alone() {
    let bench = Bench::new();
    let plain = bench.plain();
    let inside = fixture(FIXTURE, "zk/");
    let log = fs::read(plain.join("version-2/log.145")).unwrap();
    let tar = tar_of(&inside);
    // Within the last log, and within the last snapshot.
    let place = |what: &[u8]| tar.windows(100).position(|it| it == &what[..100]).unwrap();
    let snapshot = fs::read(plain.join("version-2/snapshot.144")).unwrap();
    for (what, at) in [
        ("log.145", place(&log) + 9000),
        ("snapshot.144", place(&snapshot) + 9000),
    ] {
        let cut = &tar[..at];
        for (name, bytes) in [
            ("cut.tar", cut.to_vec()),
            ("cut.tgz", gzip(cut)),
            ("cut.txz", xz(cut)),
        ] {
            let archive = bench.write(name, &bytes);
            let found = verdict(&archive);
            let codes: Vec<&str> = (found["findings"].as_array().unwrap().iter())
                .map(|it| it["code"].as_str().unwrap())
                .collect();
            assert!(codes.contains(&"file-unreadable"), "{name}: {codes:?}");
            for code in ["log-torn-tail", "log-cut", "snapshot-cut"] {
                assert!(!codes.contains(&code), "{name}, {what}: {codes:?}");
            }
            assert_eq!(found["verdict"], "damaged");
            let (_, printed) = told(&["inspect", "{}"], &archive);
            assert!(!printed.contains("torn write"), "{printed}");
            assert!(printed.contains("breaks off: its archive"), "{printed}");
            let target = bench.path("out");
            let shown = target.to_str().unwrap();
            let args = [
                "restore",
                "{}",
                "--to",
                "latest",
                "--target",
                shown,
                "--dry-run",
            ];
            let (_, printed) = told(&args, &archive);
            assert!(!printed.contains("in the middle of a write"), "{printed}");
        }
    }
    let packed = gzip(&log);
    let one = bench.write("log.145.gz", &packed[..packed.len() / 2]);
    let (status, printed) = verify(&one);
    assert_eq!(status, 4);
    assert!(!printed.contains("log-torn-tail"), "{printed}");
    // A torn write that the archive only holds is one.
    let mut torn = inside.clone();
    let (_, bytes) = torn
        .iter_mut()
        .rfind(|(name, _)| name.contains("/log."))
        .unwrap();
    let (_, printed) = told(&["inspect", "--json", "{}"], &plain);
    let found: Value = serde_json::from_str(&printed).unwrap();
    let used = found["logs"][1]["used_bytes"].as_u64().unwrap();
    bytes.truncate(usize::try_from(used).unwrap() - 3);
    let (_, printed) = verify(&bench.write("torn.tgz", &gzip(&tar_of(&torn))));
    assert!(printed.contains("log-torn-tail"), "{printed}");
}

#[test]
fn remarks_on_a_source_are_in_verify_inspect_and_the_report() {
    let bench = Bench::new();
    let mut inside = fixture(FIXTURE, "zk/");
    inside.push(("other/../log.1".to_owned(), b"x".to_vec()));
    let tar = [gzip(&tar_of(&inside)), vec![0; 512]].concat();
    let archive = bench.write("a.tgz", &tar);
    let page = bench.path("page.html");
    let args = ["verify", "{}", "--report", page.to_str().unwrap()];
    let (_, printed) = told(&args, &archive);
    let page = fs::read_to_string(&page).unwrap();
    let (_, inspected) = told(&["inspect", "{}"], &archive);
    let (_, json) = told(&["inspect", "--json", "{}"], &archive);
    for said in [
        "read from zk in the archive: 2 logs, 2 snapshots",
        "is not read: its name has",
        "followed by 512 bytes of padding",
    ] {
        for text in [&printed, &page, &inspected, &json] {
            assert!(text.contains(said), "{said}: {text}");
        }
    }
    // Copies, and what could not be read, are not passed over by inspect either.
    let plain = bench.plain();
    let log = plain.join("version-2/log.1");
    fs::copy(&log, plain.join("version-2/log.9.bak")).unwrap();
    let (_, printed) = told(&["inspect", "{}"], &plain);
    let said = "log.9.bak: is not a name that servers use; it is not read here";
    assert!(printed.contains(said), "{printed}");
}

#[test]
fn what_tar_writes_of_its_own_is_no_damage() {
    let bench = Bench::new();
    let expected = verdict(&bench.plain());
    for (name, options) in [
        ("label", &["--label=nightly", "-c"][..]),
        ("posix-label", &["--format=posix", "--label=nightly", "-c"]),
        ("blocked", &["-b", "2000", "-c"]),
        ("v7", &["--format=v7", "-c"]),
        ("ustar", &["--format=ustar", "-c"]),
        ("old", &["--format=oldgnu", "-c"]),
    ] {
        let made = Command::new("tar")
            .args(options)
            .arg("-C")
            .arg(bench.path("plain"))
            .arg(".")
            .output()
            .unwrap();
        assert!(made.status.success());
        for (end, bytes) in [("tar", made.stdout.clone()), ("tgz", gzip(&made.stdout))] {
            let archive = bench.write(&format!("{name}.{end}"), &bytes);
            assert_eq!(verdict(&archive), expected, "{name}.{end}");
        }
    }
    let tar = tar_of(&fixture(FIXTURE, ""));
    let blocks = piped("xz", &["-c", "-T2", "--block-size=65536"], &tar);
    assert_eq!(verdict(&bench.write("blocks.txz", &blocks)), expected);
}

#[test]
fn a_zip_of_another_method_says_so() {
    let bench = Bench::new();
    let mut zip = deflated(&fixture(FIXTURE, "zk/"));
    // The method, in each header and in the directory: that of bzip2.
    for at in 0..zip.len() - 12 {
        let method = match &zip[at..at + 4] {
            b"PK\x03\x04" => at + 8,
            b"PK\x01\x02" => at + 10,
            _ => continue,
        };
        zip[method] = 12;
    }
    let (status, printed) = verify(&bench.write("bzip2.zip", &zip));
    assert_eq!(status, 1, "{printed}");
    assert!(
        printed.contains("is not read: it is compressed with method"),
        "{printed}"
    );
}
