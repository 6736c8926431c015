//! Sources as people have them: any tar or zip, compressed logs, copies, and what is none of these.

use crate::common::{copy_old, testdata, write_old, zoovault};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Output;

pub const FIXTURE: &str = "standalone-3.9";

/// Names and contents.
pub type Files = Vec<(String, Vec<u8>)>;

/// Compresses.
pub type Pack = fn(&[u8]) -> Vec<u8>;

/// What lies below `dir`, under names below `prefix`.
pub fn files(dir: &Path, prefix: &str) -> Files {
    let mut found = Files::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        match path.is_dir() {
            true => found.extend(files(&path, &format!("{name}/"))),
            false => found.push((name, fs::read(path).unwrap())),
        }
    }
    found.sort();
    found
}

pub fn fixture(name: &str, prefix: &str) -> Files {
    files(&testdata().join("datadirs").join(name), prefix)
}

pub fn header(name: &str, size: u64, kind: tar::EntryType) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_mtime(1_600_000_000);
    // As it is: the library refuses some.
    let room = &mut header.as_old_mut().name;
    room[..name.len()].copy_from_slice(name.as_bytes());
    header.set_cksum();
    header
}

pub fn tar_of(files: &Files) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let header = header(name, bytes.len() as u64, tar::EntryType::Regular);
        tar.append(&header, bytes.as_slice()).unwrap();
    }
    tar.into_inner().unwrap()
}

/// A tar of one member that is no plain file, and a sound data directory behind it.
pub fn tar_with(name: &str, kind: tar::EntryType, link: &str) -> Vec<u8> {
    let mut first = header(name, 0, kind);
    first.set_link_name(link).unwrap();
    first.set_cksum();
    [
        first.as_bytes(),
        tar_of(&fixture(FIXTURE, "zk/")).as_slice(),
    ]
    .concat()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

pub fn xz(bytes: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::XzOptions::with_preset(1);
    let mut out = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

pub fn zstd_of(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

pub fn zip_of(files: &Files, method: rawzip::CompressionMethod) -> Vec<u8> {
    let mut zip = rawzip::ZipArchiveWriter::new(Vec::new());
    for (name, bytes) in files {
        let (mut entry, config) = zip
            .new_file(rawzip::path::EntryPath::verbatim(name.as_bytes()))
            .compression_method(method)
            .start()
            .unwrap();
        let descriptor = if method == rawzip::CompressionMethod::DEFLATE {
            let encoder = DeflateEncoder::new(&mut entry, Compression::fast());
            let mut writer = config.wrap(encoder);
            writer.write_all(bytes).unwrap();
            let (encoder, descriptor) = writer.finish().unwrap();
            encoder.finish().unwrap();
            descriptor
        } else {
            let mut writer = config.wrap(&mut entry);
            writer.write_all(bytes).unwrap();
            writer.finish().unwrap().1
        };
        entry.finish(descriptor).unwrap();
    }
    zip.finish().unwrap()
}

pub fn deflated(files: &Files) -> Vec<u8> {
    zip_of(files, rawzip::CompressionMethod::DEFLATE)
}

pub fn stored(files: &Files) -> Vec<u8> {
    zip_of(files, rawzip::CompressionMethod::STORE)
}

/// A place for sources.
pub struct Bench(tempfile::TempDir);

impl Bench {
    pub fn new() -> Bench {
        Bench(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        write_old(&path, bytes);
        path
    }

    /// The fixture as a directory.
    pub fn plain(&self) -> PathBuf {
        let dir = self.path("plain");
        copy_old(&testdata().join("datadirs").join(FIXTURE), &dir);
        dir
    }
}

pub fn run(args: &[&str], source: &Path) -> Output {
    let args = args.iter().map(|arg| match *arg {
        "{}" => source.to_str().unwrap(),
        arg => arg,
    });
    zoovault().args(args).output().unwrap()
}

/// Status and all that was printed.
pub fn told(args: &[&str], source: &Path) -> (i32, String) {
    let output = run(args, source);
    let printed = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(printed).unwrap(),
    )
}

pub fn verify(source: &Path) -> (i32, String) {
    told(&["verify", "{}"], source)
}

/// What `verify` says, but for names.
pub fn verdict(source: &Path) -> Value {
    let output = run(&["verify", "--json", "{}"], source);
    let mut json: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        panic!(
            "{}: {}",
            source.display(),
            String::from_utf8_lossy(&output.stderr)
        )
    });
    let fields = json.as_object_mut().unwrap();
    fields.remove("source");
    fields.remove("remarks");
    for list in ["logs", "snapshots", "findings"] {
        for item in fields[list].as_array_mut().unwrap() {
            item.as_object_mut().unwrap().remove("file");
            item.as_object_mut().unwrap().remove("name");
        }
    }
    json
}

#[test]
fn every_kind_of_archive_is_verified_as_its_directory_is() {
    let bench = Bench::new();
    let expected = verdict(&bench.plain());
    assert_eq!(expected["verdict"], "sound");
    let inside = fixture(FIXTURE, "./var/lib/zookeeper/");
    let of_windows = inside
        .iter()
        .map(|(name, bytes)| (name.replace('/', "\\"), bytes.clone()));
    let of_windows = of_windows.collect();
    let tar = tar_of(&inside);
    let archives = [
        ("a.tar", tar.clone()),
        ("a.tgz", gzip(&tar)),
        ("a.txz", xz(&tar)),
        ("a.tar.zst", zstd_of(&tar)),
        ("deflated.zip", deflated(&inside)),
        ("stored.zip", stored(&inside)),
        ("windows.zip", deflated(&of_windows)),
        (
            "absolute.tar",
            tar_of(&fixture(FIXTURE, "/var/lib/zookeeper/")),
        ),
        (
            "flat.tar.bak",
            tar_of(&files(&bench.path("plain/version-2"), "")),
        ),
    ];
    for (name, bytes) in archives {
        let archive = bench.write(name, &bytes);
        assert_eq!(verdict(&archive), expected, "{name}");
        let (status, printed) = verify(&archive);
        assert!(printed.contains("2 logs, 2 snapshots"), "{printed}");
        assert_eq!(status, 0, "{name}");
    }
    let (_, printed) = verify(&bench.path("a.tgz"));
    let line = "read from var/lib/zookeeper in the archive: 2 logs, 2 snapshots";
    assert!(printed.contains(line), "{printed}");
}

#[test]
fn what_tar_itself_writes_of_an_ensembles_member_is_read_with_its_epochs() {
    let bench = Bench::new();
    let archive = bench.path("s1.tgz");
    let made = std::process::Command::new("tar")
        .arg("-czf")
        .arg(&archive)
        .arg("-C")
        .arg(testdata().join("datadirs"))
        .arg("ensemble-3.9/s1")
        .status()
        .unwrap();
    assert!(made.success());
    let found = verdict(&archive);
    let plain = verdict(&testdata().join("datadirs/ensemble-3.9/s1"));
    assert!(found["accepted_epoch"].is_i64());
    assert_eq!(found, plain);
}

#[test]
fn compressed_logs_are_logs_in_a_folder_and_in_an_archive_and_alone() {
    let bench = Bench::new();
    let expected = verdict(&bench.plain());
    let packings: [(&str, Pack); 3] = [("gz", gzip), ("xz", xz), ("zst", zstd_of)];
    for (suffix, pack) in packings {
        let mut packed = Files::new();
        for (name, bytes) in fixture(FIXTURE, "") {
            match name.contains("/log.") {
                true => packed.push((format!("{name}.{suffix}"), pack(&bytes))),
                false => packed.push((name, bytes)),
            }
        }
        for (name, bytes) in &packed {
            bench.write(&format!("{suffix}/{name}"), bytes);
        }
        assert_eq!(verdict(&bench.path(suffix)), expected, "{suffix}");
        let archive = bench.write(&format!("{suffix}.tgz"), &gzip(&tar_of(&packed)));
        assert_eq!(verdict(&archive), expected, "{suffix}");
        let archive = bench.write(&format!("{suffix}.zip"), &stored(&packed));
        assert_eq!(verdict(&archive), expected, "{suffix}");
        let one = format!("version-2/log.145.{suffix}");
        let alone = verdict(&bench.path(suffix).join(one));
        assert_eq!(alone, verdict(&bench.path("plain/version-2/log.145")));
    }
}

#[test]
fn the_backups_of_exhibitor_are_logs_by_their_content() {
    let bench = Bench::new();
    let expected = verdict(&bench.plain());
    let log = |name: &str| fs::read(bench.path("plain/version-2").join(name)).unwrap();
    let names = [
        ["log.1/1325376000000", "log.145/1325376000001"],
        ["exhibitor-host-1234-0", "exhibitor-host-1234-1"],
        [
            "exhibitor|log.1|1325376000000",
            "exhibitor|log.145|1325376000001",
        ],
    ];
    for (number, [first, second]) in names.into_iter().enumerate() {
        let dir = format!("exhibitor-{number}");
        bench.write(&format!("{dir}/{first}"), &log("log.1"));
        bench.write(&format!("{dir}/{second}"), &gzip(&log("log.145")));
        let found = verdict(&bench.path(&dir));
        assert_eq!(found["windows"], expected["windows"], "{dir}");
        assert_eq!(found["txns"], expected["txns"], "{dir}");
        let archive = tar_of(&files(&bench.path(&dir), "old/"));
        let archive = bench.write(&format!("{dir}.tgz"), &gzip(&archive));
        assert_eq!(verdict(&archive), found, "{dir}");
    }
}

#[test]
fn copies_are_read_where_there_is_nothing_else_and_servers_are_told_of() {
    let bench = Bench::new();
    let expected = verdict(&bench.plain());
    for (name, bytes) in files(&bench.path("plain/version-2"), "") {
        let end = if name.contains("145") { "~" } else { ".bak" };
        bench.write(&format!("copies/{name}{end}"), &bytes);
    }
    let (status, printed) = verify(&bench.path("copies"));
    assert_eq!(status, 3, "{printed}");
    assert!(
        printed.contains("log.1.bak: is not a name that servers use"),
        "{printed}"
    );
    assert_eq!(verdict(&bench.path("copies"))["txns"], expected["txns"]);
    // Beside the originals they are not read.
    fs::copy(
        bench.path("copies/log.1.bak"),
        bench.path("plain/version-2/log.9.bak"),
    )
    .unwrap();
    let beside = verdict(&bench.path("plain"));
    assert_eq!(beside["logs"].as_array().unwrap().len(), 2);
    assert_eq!(beside["findings"][0]["code"], "file-lookalike");
}

#[test]
fn one_of_several_data_directories_is_asked_for_and_named() {
    let bench = Bench::new();
    let expected = verdict(&bench.plain());
    let both = [fixture(FIXTURE, "zk/1/"), fixture("small-3.9", "zk/2/")].concat();
    for (name, bytes) in [
        ("two.tgz", gzip(&tar_of(&both))),
        ("two.zip", deflated(&both)),
    ] {
        let archive = bench.write(name, &bytes);
        let (status, printed) = verify(&archive);
        assert_eq!(status, 2, "{printed}");
        let place = format!("{}:zk/1", archive.display());
        assert!(
            printed.contains("zk/1 (2 logs, 2 snapshots), zk/2 ("),
            "{printed}"
        );
        assert!(
            printed.contains(&format!("zoovault verify {place}\n")),
            "{printed}"
        );
        assert_eq!(verdict(Path::new(&place)), expected);
        assert_eq!(verdict(Path::new(&format!("{place}/version-2/"))), expected);
        let (status, printed) = verify(Path::new(&format!("{}:zk/3", archive.display())));
        assert_eq!(status, 1, "{printed}");
        assert!(
            printed.contains("has no ZooKeeper logs or snapshots below zk/3"),
            "{printed}"
        );
    }
    // What is there under that very name is meant.
    let literal = bench.write("two.tgz:zk/1/version-2/log.1", b"");
    let (_, printed) = verify(&bench.path("two.tgz:zk/1"));
    assert!(printed.contains("[log-empty]"), "{printed}");
    fs::remove_file(literal).unwrap();
}

#[test]
fn a_data_dir_and_a_data_log_dir_in_one_archive_belong_together() {
    let bench = Bench::new();
    let expected = verdict(&bench.plain());
    let mut split = Files::new();
    for (name, bytes) in files(&bench.path("plain/version-2"), "version-2/") {
        let dir = if name.contains("log.") {
            "txlogs"
        } else {
            "data"
        };
        split.push((format!("{dir}/{name}"), bytes));
    }
    let archive = bench.write("split.tar", &tar_of(&split));
    assert_eq!(verdict(&archive), expected);
}

#[test]
fn an_archive_is_restored_and_backed_up_as_its_directory_is() {
    let bench = Bench::new();
    let plain = bench.plain();
    let archive = bench.write("zk.tgz", &gzip(&tar_of(&fixture(FIXTURE, "zk/"))));
    let gz = bench.path("gz");
    for (name, bytes) in files(&plain.join("version-2"), "") {
        match name.starts_with("log.") {
            true => bench.write(&format!("gz/{name}.gz"), &gzip(&bytes)),
            false => bench.write(&format!("gz/{name}"), &bytes),
        };
    }
    let restored = |source: &Path, name: &str| {
        let target = bench.path(name);
        let shown = target.to_str().unwrap();
        let args = ["restore", "{}", "--to", "0x200", "--target", shown];
        let (status, printed) = told(&args, source);
        assert_eq!(status, 0, "{printed}");
        files(&target.join("version-2"), "")
    };
    let expected = restored(&plain, "r1");
    assert_eq!(restored(&archive, "r2"), expected);
    assert_eq!(restored(&gz, "r3"), expected);
    for (number, source) in [archive, gz].iter().enumerate() {
        let repo = bench.path(&format!("repo{number}"));
        let shown = repo.to_str().unwrap();
        for args in [
            &["init", "--repo", shown][..],
            &["backup", "--repo", shown, "{}"],
            &["check", "--repo", shown, "--read-data"],
        ] {
            let (status, printed) = told(args, source);
            assert_eq!(status, 0, "{args:?}: {printed}");
        }
        assert_eq!(verdict(&repo)["windows"], verdict(&plain)["windows"]);
    }
}

#[test]
fn what_leads_out_of_an_archive_is_not_followed_and_said() {
    use tar::EntryType::{Block, Fifo, Link, Symlink};
    let bench = Bench::new();
    let hostile = [
        (
            "zk/../../../etc/log.1",
            tar::EntryType::Regular,
            "its name has '..' in it",
        ),
        ("zk/version-2/log.9", Symlink, "it is a symbolic link"),
        ("zk/version-2/log.9", Link, "it is a hard link"),
        ("zk/version-2/log.9", Block, "it is not a file"),
        ("zk/version-2/log.9", Fifo, "it is not a file"),
    ];
    for (name, kind, why) in hostile {
        let tar = tar_with(name, kind, "/etc/passwd");
        for (archive, bytes) in [("a.tar", tar.clone()), ("a.tgz", gzip(&tar))] {
            let archive = bench.write(archive, &bytes);
            let (status, printed) = verify(&archive);
            // What may be a log of this directory is not known then, and nothing is called sound.
            let (said, expected) = match name.contains("..") {
                true => (format!("{name} is not read: {why}"), 0),
                false => (format!("{name}: is not read: {why}"), 4),
            };
            assert!(printed.contains(&said), "{printed}");
            assert_eq!(status, expected, "{printed}");
            let target = bench.path("out");
            let args = [
                "restore",
                "{}",
                "--to",
                "latest",
                "--target",
                target.to_str().unwrap(),
            ];
            let (status, printed) = told(&args, &archive);
            assert!(printed.contains(why), "{printed}");
            assert_eq!(status, 3, "{printed}");
            fs::remove_dir_all(target).unwrap();
        }
    }
    let wanted = format!("{}:zk/version-2/log.9", bench.path("a.tar").display());
    let (status, printed) = verify(Path::new(&wanted));
    assert!(
        printed.contains("log.9 is not read: it is not a file"),
        "{printed}"
    );
    assert_eq!(status, 1);
}

#[test]
fn what_follows_a_zeroed_header_of_a_tar_is_not_passed_over_in_silence() {
    let bench = Bench::new();
    let files = fixture(FIXTURE, "zk/");
    let mut tar = tar_of(&files);
    let headers: Vec<usize> = (0..tar.len())
        .step_by(512)
        .filter(|at| tar[*at..].starts_with(b"zk/version-2/"))
        .collect();
    for at in [headers[1], headers[headers.len() - 1]] {
        let mut zeroed = tar.clone();
        zeroed[at..at + 512].fill(0);
        for (name, bytes) in [("z.tar", zeroed.clone()), ("z.tgz", gzip(&zeroed))] {
            let archive = bench.write(name, &bytes);
            let (status, printed) = verify(&archive);
            assert!(printed.contains("goes on after an end mark"), "{printed}");
            assert_eq!(status, 4, "{printed}");
        }
    }
    tar.extend(tar_of(&files));
    let (status, printed) = verify(&bench.write("two.tar", &tar));
    assert!(printed.contains("goes on after an end mark"), "{printed}");
    assert_eq!(status, 4, "{printed}");
}

#[test]
fn a_hard_link_is_the_member_that_it_names() {
    let bench = Bench::new();
    let expected = verdict(&bench.plain());
    let mut files = fixture(FIXTURE, "");
    let at = files.iter().position(|(name, _)| name.ends_with("/log.1"));
    files[at.unwrap()].0 = "version-2/log.1.bak".to_owned();
    let mut tar = tar::Builder::new(tar_of(&files));
    let unfinished = tar.get_mut();
    unfinished.truncate(unfinished.len() - 1024);
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Link);
    header.set_size(0);
    tar.append_link(&mut header, "version-2/log.1", "version-2/log.1.bak")
        .unwrap();
    let tar = tar.into_inner().unwrap();
    for (name, bytes) in [("l.tar", tar.clone()), ("l.tgz", gzip(&tar))] {
        let found = verdict(&bench.write(name, &bytes));
        assert_eq!(found["windows"], expected["windows"]);
    }
}

#[test]
fn a_compressed_log_that_is_damaged_at_its_beginning_is_damage() {
    let bench = Bench::new();
    let mut files = fixture(FIXTURE, "");
    let newest = files.iter_mut().rfind(|(name, _)| name.contains("/log."));
    let (name, bytes) = newest.unwrap();
    name.push_str(".gz");
    *bytes = gzip(bytes);
    bytes[12..40].fill(0xff);
    let dir = bench.path("broken");
    for (name, bytes) in &files {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    for source in [dir, bench.write("broken.tar", &tar_of(&files))] {
        let (status, printed) = verify(&source);
        assert!(printed.contains("gzip stream is broken"), "{printed}");
        assert_eq!(status, 4, "{printed}");
    }
}

#[test]
fn a_data_directory_with_copies_in_a_folder_below_can_be_named() {
    let bench = Bench::new();
    let mut files = fixture(FIXTURE, "zk/");
    let (_, log) = files
        .iter()
        .find(|(name, _)| name.ends_with("/log.1"))
        .unwrap();
    files.push(("zk/version-2/old/log.1".to_owned(), log.clone()));
    let archive = bench.write("nested.tar", &tar_of(&files));
    assert_eq!(verify(&archive).0, 2);
    let named = format!("{}:zk", archive.display());
    let (status, printed) = verify(Path::new(&named));
    assert_eq!(status, 0, "{printed}");
}

#[test]
fn of_a_member_that_appears_twice_the_last_is_read_as_tar_does() {
    let bench = Bench::new();
    let expected = verdict(&bench.plain());
    let mut twice = fixture(FIXTURE, "");
    twice.insert(0, ("version-2/log.1".to_owned(), b"nothing".to_vec()));
    for bytes in [tar_of(&twice), gzip(&tar_of(&twice))] {
        let archive = bench.write("twice.tar", &bytes);
        assert_eq!(verdict(&archive), expected);
        let (_, printed) = verify(&archive);
        assert!(printed.contains("is there more than once"), "{printed}");
    }
}

#[test]
fn a_damaged_archive_is_read_as_far_as_it_goes_and_is_at_fault() {
    let bench = Bench::new();
    let tar = tar_of(&fixture(FIXTURE, "zk/"));
    let cut = &tar[..tar.len() / 2];
    let packed = gzip(&tar);
    let mut zip = stored(&fixture(FIXTURE, "zk/"));
    let at = zip.windows(4).position(|four| four == b"ZKLG").unwrap() + 5000;
    zip[at] ^= 1;
    let damaged = [
        ("cut.tar", cut.to_vec(), "is cut short"),
        (
            "no-end.tar",
            tar[..tar.len() - 1024].to_vec(),
            "without an end mark",
        ),
        ("inner.tgz", gzip(cut), "it was cut, or is broken"),
        (
            "cut.tgz",
            packed[..packed.len() * 9 / 10].to_vec(),
            "cut or broken within it",
        ),
        ("flipped.zip", zip, "it is damaged in the archive"),
    ];
    for (name, bytes, what) in damaged {
        let archive = bench.write(name, &bytes);
        let (status, printed) = verify(&archive);
        assert_eq!(status, 4, "{name}: {printed}");
        assert!(printed.contains(what), "{name}: {printed}");
        assert!(printed.contains("from the empty tree"), "{name}: {printed}");
    }
    let whole = deflated(&fixture(FIXTURE, "zk/"));
    let archive = bench.write("cut.zip", &whole[..whole.len() - 30]);
    let (status, printed) = verify(&archive);
    assert_eq!(status, 4, "{printed}");
    assert!(printed.contains("has no directory at its end"), "{printed}");
    let log = fs::read(bench.plain().join("version-2/log.1")).unwrap();
    let log = gzip(&log);
    let log = bench.write("log.1.gz", &log[..log.len() / 2]);
    let (status, printed) = verify(&log);
    assert_eq!(status, 4, "{printed}");
    assert!(
        printed.contains("its gzip stream ends too soon"),
        "{printed}"
    );
}

#[test]
fn a_size_that_lies_is_damage_and_costs_nothing() {
    let bench = Bench::new();
    let log = &fixture(FIXTURE, "")[1].1;
    assert!(log.starts_with(b"ZKLG"));
    let lies = header("version-2/log.1", 1 << 60, tar::EntryType::Regular);
    let tar = [lies.as_bytes(), log.as_slice()].concat();
    for bytes in [tar.clone(), gzip(&tar)] {
        let (status, printed) = verify(&bench.write("lies.tar", &bytes));
        assert_eq!(status, 4, "{printed}");
    }
    // A name of gigabytes is not kept.
    let name = header("././@LongLink", 8 << 30, tar::EntryType::GNULongName);
    let zeros = zstd_of(&vec![b'a'; 64 << 20]);
    let tar = [zstd_of(name.as_bytes()), zeros].concat();
    let (status, printed) = verify(&bench.write("name.tar.zst", &tar));
    assert_eq!(status, 4, "{printed}");
    assert!(
        printed.contains("a header of more than 1048576 bytes"),
        "{printed}"
    );
}

#[test]
fn a_bomb_is_refused_with_the_limit() {
    let bench = Bench::new();
    let zeros = zstd_of(&vec![0; 64 << 20]);
    for name in ["version-2/log.1", "exhibitor-1"] {
        let first = header(name, 40 << 30, tar::EntryType::Regular);
        let mut bomb = zstd_of(first.as_bytes());
        for _ in 0..640 {
            bomb.extend_from_slice(&zeros);
        }
        let archive = bench.write("bomb.tar.zst", &bomb);
        let (status, printed) = verify(&archive);
        assert_eq!(status, 1, "{printed}");
        let limit = "decompresses to more than 4294967296 bytes, which is the limit";
        assert!(printed.contains(limit), "{printed}");
    }
}

#[test]
fn little_is_kept_in_memory_and_much_leaves_nothing_behind() {
    let bench = Bench::new();
    let expected = verdict(&bench.plain());
    let little = bench.write("little.tgz", &gzip(&tar_of(&fixture(FIXTURE, ""))));
    let mut padded = fixture(FIXTURE, "");
    for (name, bytes) in &mut padded {
        if name.ends_with("log.145") {
            bytes.resize(100 << 20, 0);
        }
    }
    let much = bench.write("much.tgz", &gzip(&tar_of(&padded)));
    let with = |scratch: &Path, source: &Path| {
        let mut command = zoovault();
        command
            .env("TMPDIR", scratch)
            .args(["verify", "--json"])
            .arg(source);
        command.output().unwrap()
    };
    assert!(with(Path::new("/nonexistent"), &little).status.success());
    let refused = with(Path::new("/nonexistent"), &much);
    let printed = String::from_utf8(refused.stderr).unwrap();
    assert!(printed.contains("/nonexistent"), "{printed}");
    let scratch = bench.path("scratch");
    fs::create_dir(&scratch).unwrap();
    let output = with(&scratch, &much);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["windows"], expected["windows"]);
    assert_eq!(found["logs"][1]["size_bytes"], 100 << 20);
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0);
}

#[test]
fn an_archive_in_an_archive_and_the_files_of_others_are_named() {
    let bench = Bench::new();
    let inner = gzip(&tar_of(&fixture(FIXTURE, "")));
    let nested = tar_of(&vec![("old/zk.tgz".to_owned(), inner)]);
    let (status, printed) = verify(&bench.write("nested.tar", &nested));
    assert_eq!(status, 1, "{printed}");
    assert!(
        printed.contains("archives in it, as old/zk.tgz, are not opened"),
        "{printed}"
    );
    let others = [
        (
            "keeper/snapshots/snapshot_100.bin.zstd",
            "ClickHouse Keeper",
        ),
        (
            "coordination/log/changelog_1_100000.bin",
            "ClickHouse Keeper",
        ),
        ("etcd/member/snap/db", "etcd"),
        ("consul/raft/raft.db", "Consul"),
        (
            "kafka/__cluster_metadata-0/00000000000000000000.log",
            "KRaft",
        ),
    ];
    for (name, system) in others {
        let path = bench.write(name, b"something");
        let dir = bench.path(name.split('/').next().unwrap());
        let tar = tar_of(&vec![(name.to_owned(), b"something".to_vec())]);
        let archive = bench.write("other.tgz", &gzip(&tar));
        for source in [dir, archive] {
            let (status, printed) = verify(&source);
            assert_eq!(status, 1, "{printed}");
            assert!(printed.contains(&format!("belongs to {system}")) || printed.contains(system));
            assert_eq!(printed.lines().count(), 1, "{printed}");
        }
        if system == "ClickHouse Keeper" {
            assert!(verify(&path).1.contains(system));
        }
    }
    let (status, printed) = verify(&bench.write("text.gz", &gzip(b"something else")));
    assert_eq!(status, 1, "{printed}");
    assert!(!printed.contains("another copy"), "{printed}");
}

#[test]
fn holes_in_a_tar_are_zeros_in_its_files() {
    let bench = Bench::new();
    let plain = bench.plain();
    let log = plain.join("version-2/log.145");
    let hour_old = fs::metadata(&log).unwrap().modified().unwrap();
    let file = fs::File::options().append(true).open(&log).unwrap();
    file.set_len(8 << 20).unwrap();
    file.set_modified(hour_old).unwrap();
    let expected = verdict(&plain);
    for (name, options) in [
        ("gnu.tar", &["--format=gnu", "-cSf"][..]),
        ("gnu.tgz", &["--format=gnu", "-cSzf"]),
        ("posix.tar", &["--format=posix", "-cSf"]),
        ("posix.tgz", &["--format=posix", "-cSzf"]),
    ] {
        let archive = bench.path(name);
        let made = std::process::Command::new("tar")
            .args(options)
            .arg(&archive)
            .arg("-C")
            .arg(&plain)
            .arg("version-2")
            .status()
            .unwrap();
        assert!(made.success());
        assert!(fs::metadata(&archive).unwrap().len() < 4 << 20, "{name}");
        let found = verdict(&archive);
        assert_eq!(found["logs"][1]["size_bytes"], 8 << 20, "{name}");
        assert_eq!(found, expected, "{name}");
    }
}
