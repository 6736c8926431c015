//! Checks of repositories: each code of a finding is provoked, each flipped byte is found, and
//! damage is told with what it costs.

use crate::common;
use crate::common::repository;

use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use repository::{BEGIN_MS, LINEAGE, Small, fill, fixture, forget, in_memory, manifest, pin};
use repository::{store_base, store_log, store_logs};
use std::collections::BTreeSet;
use std::sync::Arc;
use zoovault::analysis::finding::{Code, Finding, Severity};
use zoovault::backup::check::{Age, Options, ReadData, Report, Share, Verdict, check, overview};
use zoovault::format::txnlog::{HEADER_LEN, encode_header, encode_record};
use zoovault::progress::NoProgress;
use zoovault::repository::{
    BackupName, FORMAT_VERSION, Manifest, Repository, Storage, StoredLog, Tombstone, encode, name,
};
use zoovault::zxid::{Zxid, ZxidRange};

const DAY_MS: i64 = 24 * 3600 * 1000;

fn checked(repository: &Repository, read_data: ReadData) -> Report {
    let options = Options {
        read_data,
        now_ms: BEGIN_MS + DAY_MS,
        ..Options::default()
    };
    let report = check(repository, &options, &NoProgress).unwrap();
    for finding in &report.findings {
        let severities = finding.code.severities();
        assert!(severities.contains(&finding.severity), "{finding:?}");
    }
    report
}

fn small() -> (Arc<InMemory>, Repository, Small) {
    let (store, repository) = in_memory();
    let small = fill(&repository);
    (store, repository, small)
}

/// The codes of what is found.
fn found(repository: &Repository) -> Vec<&'static str> {
    let report = checked(repository, ReadData::All);
    let codes = report.findings.iter().map(|finding| finding.code.name());
    codes.collect()
}

fn one(report: &Report, code: &str) -> Finding {
    let mut of = report
        .findings
        .iter()
        .filter(|finding| finding.code.name() == code);
    let finding = of
        .next()
        .unwrap_or_else(|| panic!("no {code}: {:?}", report.findings));
    finding.clone()
}

/// Commits `made` as it is, under the name that it is to have.
fn commit(repository: &Repository, made: &Manifest) -> BackupName {
    repository.commit(made, None).unwrap()
}

/// The manifest of the second backup, changed and committed.
fn committed(change: &dyn Fn(&mut Manifest)) -> (Repository, Manifest) {
    let (_, repository, small) = small();
    let (name, mut made) = small.backups[1].clone();
    repository.storage().delete(&[name.object()]).unwrap();
    change(&mut made);
    commit(&repository, &made);
    (repository, made)
}

#[test]
fn a_repository_as_it_is_written_is_whole() {
    let (_, repository, small) = small();
    pin(&repository, &small.backups[0].0.id);
    for read_data in [ReadData::Nothing, ReadData::All] {
        let report = checked(&repository, read_data);
        assert_eq!(report.findings, [], "{read_data:?}");
        assert_eq!(report.verdict(), Verdict::Whole);
        assert_eq!((report.backups, report.lineages, report.pinned), (2, 1, 1));
        assert_eq!(report.objects, small.logs.len() as u64 + 3);
    }
    let reading = checked(&repository, ReadData::All).reading.unwrap();
    let txns: u64 = small.logs.iter().map(|log| log.txns).sum();
    assert_eq!((reading.txns, reading.share), (txns, None));
    assert_eq!(reading.bytes, checked(&repository, ReadData::Nothing).bytes);
    assert!(reading.znodes > 10);
}

#[test]
fn an_empty_repository_is_whole() {
    let (_, repository) = in_memory();
    let report = checked(&repository, ReadData::All);
    assert_eq!((report.findings.len(), report.backups), (0, 0));
}

#[test]
fn a_forgotten_backup_is_counted_and_its_objects_may_be_gone() {
    let (_, repository, small) = small();
    forget(&repository, &small.backups[0].0.id);
    let lost = small.logs[0].object.name.clone();
    repository.storage().delete(&[lost]).unwrap();
    let report = checked(&repository, ReadData::All);
    assert_eq!(report.findings, []);
    assert_eq!((report.backups, report.forgotten, report.tombs), (1, 1, 1));
}

#[test]
fn members_of_an_ensemble_begin_on_an_empty_tree_where_their_logs_say_so() {
    let (_, repository) = in_memory();
    let source = fixture("small-member-3.9");
    let logs = store_logs(&repository, LINEAGE, &source, &|_| {});
    // Without a base: only the first create in the logs tells.
    let made = manifest(&repository, LINEAGE, BEGIN_MS, &[], &logs, &[]);
    assert_eq!(made.windows[0].from_zxid, Zxid::ZERO);
    commit(&repository, &made);
    for read_data in [ReadData::Nothing, ReadData::All] {
        assert_eq!(checked(&repository, read_data).findings, []);
    }
    let overview = overview(&repository, &Default::default(), &NoProgress).unwrap();
    assert_eq!(overview.lineages[0].windows, made.windows);
}

#[test]
fn damage_of_an_object_is_told_with_what_it_costs() {
    let (_, repository, small) = small();
    let ids: Vec<String> = small
        .backups
        .iter()
        .map(|(name, _)| name.id.clone())
        .collect();
    let last = &small.logs[small.logs.len() - 1];
    let middle = &small.logs[2];
    let to_middle = ZxidRange::new(Zxid::ZERO, small.logs[1].last_zxid);
    let whole = ZxidRange::new(Zxid::ZERO, last.last_zxid);
    let base = &small.bases[1].parts[1];
    for (object, hurt, lost, left) in [
        // Only the second lists it; the first gives what is before.
        (
            &middle.object,
            &ids[1..],
            ZxidRange::new(middle.first_zxid, whole.last),
            vec![to_middle],
        ),
        // The bases cover for one another.
        (base, &ids[1..], whole, vec![whole]),
    ] {
        let bytes = repository.storage().get(&object.name).unwrap().unwrap();
        let mut flipped = bytes.clone();
        flipped[20] ^= 4;
        repository.storage().put(&object.name, flipped).unwrap();
        // Neither names nor sizes tell.
        assert_eq!(
            checked(&repository, ReadData::Nothing).verdict(),
            Verdict::Whole
        );
        let report = checked(&repository, ReadData::All);
        assert_eq!(report.verdict(), Verdict::Damaged);
        let finding = one(&report, "object-damaged");
        assert_eq!(report.findings.len(), 1, "{:?}", report.findings);
        assert_eq!(finding.object(), Some(object.name.as_str()));
        assert_eq!(finding.backups, hurt);
        let loss = &report.losses[0];
        assert_eq!((&loss.hurt[..], &loss.whole[..]), (hurt, &ids[..1]));
        assert_eq!(loss.left, left);
        let expected = if left == [whole] { vec![] } else { vec![lost] };
        assert_eq!((&loss.lost, &finding.lost), (&expected, &expected));
        repository.storage().put(&object.name, bytes).unwrap();
    }
}

#[test]
fn shares_together_find_what_one_reading_finds() {
    let (_, repository, small) = small();
    for log in [&small.logs[0], &small.logs[3]] {
        let object = &log.object.name;
        let mut bytes = repository.storage().get(object).unwrap().unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        repository.storage().put(object, bytes).unwrap();
    }
    let whole = checked(&repository, ReadData::All);
    let mut objects = 0;
    let mut damaged = BTreeSet::new();
    for number in 1..=5 {
        let share = Share { number, of: 5 };
        let report = checked(&repository, ReadData::Share(share));
        objects += report.reading.unwrap().objects;
        damaged.extend(report.findings.into_iter().map(|finding| finding.file));
    }
    assert_eq!(objects, whole.objects);
    let expected = whole.findings.into_iter().map(|finding| finding.file);
    assert_eq!(damaged, expected.collect());
}

/// A repository with one of everything that can be in it; and the name of the manifest that is
/// forgotten.
fn one_of_each() -> (Repository, String) {
    let (_, repository, small) = small();
    pin(&repository, &small.backups[1].0.id);
    let mut gone = small.backups[0].1.clone();
    gone.created_ms -= 1;
    let gone = commit(&repository, &gone);
    forget(&repository, &gone.id);
    assert_eq!(checked(&repository, ReadData::All).findings, []);
    (repository, gone.object())
}

#[test]
fn each_flipped_byte_of_a_small_repository_is_found() {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    let tried: usize = std::thread::scope(|scope| {
        let run = |thread| move || flip_each_byte(|index| index % threads == thread);
        let running: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(run(thread)))
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert!(tried > 15_000, "{tried}");
}

/// Flips each byte of the objects that are wanted, by index; gives how many repositories were
/// checked.
fn flip_each_byte(is_wanted: impl Fn(usize) -> bool) -> usize {
    let (repository, forgotten) = one_of_each();
    let all = repository.storage().list("").unwrap();
    let folders: BTreeSet<&str> = all
        .iter()
        .filter_map(|o| o.name.split('/').next())
        .collect();
    assert_eq!(folders.len(), 6);
    let mut tried = 0;
    for (_, object) in all
        .iter()
        .enumerate()
        .filter(|(index, _)| is_wanted(*index))
    {
        let bytes = repository.storage().get(&object.name).unwrap().unwrap();
        // In text also the bit that makes small letters of large ones, and quotes of nothing.
        let masks: &[u8] = match object.name.ends_with(".json") {
            true => &[0x01, 0x20],
            false => &[0x01, 0x80],
        };
        let flips = (0..bytes.len()).flat_map(|at| masks.iter().map(move |mask| (at, mask)));
        for (at, mask) in flips {
            let mut flipped = bytes.clone();
            flipped[at] ^= mask;
            repository.storage().put(&object.name, flipped).unwrap();
            let report = checked(&repository, ReadData::All);
            let is_told = match report.verdict() {
                Verdict::Damaged => true,
                // What is forgotten is no loss.
                Verdict::Warnings => object.name == forgotten,
                Verdict::Whole => false,
            };
            let mut findings = report.findings.iter();
            let is_named = findings.any(|finding| finding.object() == Some(&object.name));
            assert!(
                is_told && is_named,
                "{} {at} {mask:#x}: {report:?}",
                object.name
            );
            tried += 1;
        }
        repository.storage().put(&object.name, bytes).unwrap();
    }
    assert_eq!(checked(&repository, ReadData::All).findings, []);
    tried
}

#[test]
fn each_cut_object_is_found_without_reading_data() {
    let (_, repository, _) = small();
    for object in repository.storage().list("").unwrap() {
        let bytes = repository.storage().get(&object.name).unwrap().unwrap();
        for len in [0, 1, bytes.len() - 1] {
            let cut = bytes[..len].to_vec();
            repository.storage().put(&object.name, cut).unwrap();
            let report = checked(&repository, ReadData::Nothing);
            assert_eq!(report.verdict(), Verdict::Damaged, "{} {len}", object.name);
        }
        repository.storage().put(&object.name, bytes).unwrap();
    }
}

#[test]
fn a_lost_or_damaged_first_object_does_not_keep_the_rest_from_being_checked() {
    let (_, repository, _) = small();
    let storage = repository.storage().clone();
    for bytes in [None, Some(b"{}".to_vec())] {
        match bytes {
            None => storage.delete(&[name::REPOSITORY.to_owned()]).unwrap(),
            Some(bytes) => storage.put(name::REPOSITORY, bytes).unwrap(),
        }
        assert!(Repository::open(storage.clone()).is_err());
        let repository = Repository::open_despite(storage.clone()).unwrap();
        let report = checked(&repository, ReadData::All);
        assert_eq!((report.findings.len(), report.backups), (1, 2));
        assert_eq!(report.findings[0].code, Code::RepositoryDamaged);
    }
    let nothing = Storage::of(Arc::new(InMemory::new()), "memory");
    assert!(Repository::open_despite(nothing).is_err());
}

/// A store that fails to give one object, as a disk does with a bad sector.
#[derive(Debug)]
struct BadSector {
    inner: Arc<InMemory>,
    bad: String,
}

impl std::fmt::Display for BadSector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("bad sector")
    }
}

#[async_trait::async_trait]
impl ObjectStore for BadSector {
    async fn put_opts(
        &self,
        location: &ObjectPath,
        payload: PutPayload,
        opts: PutOptions,
    ) -> object_store::Result<PutResult> {
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &ObjectPath,
        opts: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(
        &self,
        location: &ObjectPath,
        options: GetOptions,
    ) -> object_store::Result<GetResult> {
        if location.as_ref() == self.bad {
            return Err(object_store::Error::Generic {
                store: "bad sector",
                source: Box::new(std::io::Error::from_raw_os_error(5)),
            });
        }
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<ObjectPath>>,
    ) -> BoxStream<'static, object_store::Result<ObjectPath>> {
        self.inner.delete_stream(locations)
    }

    fn list(
        &self,
        prefix: Option<&ObjectPath>,
    ) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(
        &self,
        prefix: Option<&ObjectPath>,
    ) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(
        &self,
        from: &ObjectPath,
        to: &ObjectPath,
        options: CopyOptions,
    ) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[test]
fn what_the_storage_does_not_give_is_found_and_stops_nothing() {
    let (store, _, small) = small();
    let lost = [
        (small.logs[2].object.name.clone(), 1),
        (small.bases[1].parts[0].name.clone(), 1),
        (small.backups[0].0.object(), 1),
    ];
    for (bad, backups) in lost {
        let inner = store.clone();
        let store = Arc::new(BadSector {
            inner,
            bad: bad.clone(),
        });
        let repository = Repository::open(Storage::of(store, "memory")).unwrap();
        let report = checked(&repository, ReadData::All);
        let finding = one(&report, "object-unreadable");
        assert_eq!(
            (finding.object().map(str::to_owned), finding.backups.len()),
            (Some(bad), backups)
        );
        assert_eq!(report.losses.len(), 1);
    }
}

#[test]
fn all_parts_of_a_broken_base_are_looked_at() {
    let (_, repository, small) = small();
    let parts = &small.bases[1].parts;
    assert!(parts.len() > 1);
    for part in parts {
        let mut bytes = repository.storage().get(&part.name).unwrap().unwrap();
        bytes[10] ^= 1;
        repository.storage().put(&part.name, bytes).unwrap();
    }
    let report = checked(&repository, ReadData::All);
    let of: BTreeSet<&str> = report.findings.iter().filter_map(|f| f.object()).collect();
    assert_eq!(of, parts.iter().map(|part| part.name.as_str()).collect());
}

// ---- every code
// ------------------------------------------------------------------------------------------

/// A repository in which something is as the code has it.
fn provoke(code: &'static str) -> Repository {
    match code {
        "backup-damaged" | "pin-damaged" | "tomb-damaged" | "repository-damaged"
        | "object-damaged" => flipped(code),
        "name-foreign" | "object-missing" | "object-size" | "object-unlisted"
        | "pin-without-backup" | "format-newer" | "object-unreadable" | "backup-in-future"
        | "backup-misnamed" => misplaced(code),
        "lineage-fork" | "lineage-heads" | "logs-overlap" | "log-contents" => of_logs(code),
        "writer-leftover" => with_leftover(),
        _ => committed(&|made| change(code, made)).0,
    }
}

/// Makes a manifest say what cannot be so.
fn change(code: &str, made: &mut Manifest) {
    match code {
        "backup-contradictory" => made.logs[0].txns = 1,
        "backup-follows" => made.follows = vec!["not an id".to_owned()],
        "object-contradictory" => made.logs[0].digests -= 1,
        "object-misnamed" => made.snapshots[0].zxid = Zxid::from_i64(0x13),
        "snapshot-contents" => made.snapshots[0].trailer.digest = None,
        "window-unfounded" => made.windows[0].to_zxid = made.windows[0].to_zxid.next(),
        "window-untold" => made.windows.clear(),
        _ => panic!("{code} is not provoked"),
    }
}

fn flipped(code: &str) -> Repository {
    let (_, repository, small) = small();
    let (name, _) = &small.backups[1];
    let object = match code {
        "backup-damaged" => name.object(),
        "pin-damaged" => pin(&repository, &name.id),
        "tomb-damaged" => forget(&repository, &name.id),
        "object-damaged" => small.logs[0].object.name.clone(),
        _ => name::REPOSITORY.to_owned(),
    };
    let mut bytes = repository.storage().get(&object).unwrap().unwrap();
    let at = bytes.len() - 5;
    bytes[at] ^= 1;
    repository.storage().put(&object, bytes).unwrap();
    repository
}

fn misplaced(code: &str) -> Repository {
    let (store, repository, small) = small();
    let storage = repository.storage();
    let object = &small.logs[1].object;
    match code {
        "name-foreign" => {
            for folder in [
                name::LOGS,
                name::SNAPSHOTS,
                name::BACKUPS,
                name::TOMBS,
                name::PINS,
            ] {
                storage
                    .put(&format!("{folder}/{LINEAGE}/README"), Vec::new())
                    .unwrap();
            }
        }
        "object-missing" => storage.delete(std::slice::from_ref(&object.name)).unwrap(),
        "object-size" => {
            let mut bytes = storage.get(&object.name).unwrap().unwrap();
            bytes.push(0);
            storage.put(&object.name, bytes).unwrap();
        }
        "object-unlisted" => {
            let named = |sha256: &str| name::snapshot(LINEAGE, Zxid::MAX, 0, sha256);
            repository
                .store(b"anything", &Default::default(), named)
                .unwrap();
        }
        "backup-misnamed" => {
            let (name, made) = &small.backups[1];
            let (bytes, sha256) = made.encode();
            let other = BackupName::new(LINEAGE, name.created_ms, name.zxid.next(), &sha256);
            storage.put(&other.object(), bytes).unwrap();
            storage.delete(&[name.object()]).unwrap();
        }
        "pin-without-backup" => drop(pin(&repository, "0123456789ab")),
        "format-newer" => {
            let tomb = Tombstone {
                format: FORMAT_VERSION + 1,
                created_ms: BEGIN_MS,
                backups: Vec::new(),
                objects: Vec::new(),
            };
            let text = String::from_utf8(encode(&tomb).0).unwrap();
            let text = text.replace("backups", "something-new");
            let sha256 = zoovault::format::checksum::sha256(text.as_bytes());
            storage
                .put(&name::tomb(BEGIN_MS, &sha256), text.into_bytes())
                .unwrap();
        }
        "object-unreadable" => {
            let bad = object.name.clone();
            let store = Arc::new(BadSector { inner: store, bad });
            return Repository::open(Storage::of(store, "memory")).unwrap();
        }
        _ => {
            let mut made = small.backups[1].1.clone();
            made.created_ms = BEGIN_MS + DAY_MS + 3_600_000;
            made.follows = vec![small.backups[1].0.id.clone()];
            commit(&repository, &made);
        }
    }
    repository
}

/// A repository with logs that are not as they should be.
fn of_logs(code: &str) -> Repository {
    let (_, repository, small) = small();
    let later = |logs: &[StoredLog], follows: &[&BackupName]| {
        let mut logs = logs.to_vec();
        logs.sort_by_key(|log| (log.first_zxid, log.last_zxid));
        manifest(
            &repository,
            LINEAGE,
            BEGIN_MS + 90_000,
            &small.bases,
            &logs,
            follows,
        )
    };
    let heads: Vec<&BackupName> = small.backups.iter().map(|(name, _)| name).collect();
    // The first log again, of which the last bytes are cut off, or changed.
    let first = repository
        .storage()
        .get(&small.logs[0].object.name)
        .unwrap()
        .unwrap();
    let first = zstd::decode_all(first.as_slice()).unwrap();
    match code {
        "lineage-heads" => drop(commit(&repository, &later(&small.logs, &heads[..1]))),
        "logs-overlap" => {
            let source = fixture("small-3.8");
            let reader = source.open_log(&source.logs()[0]).unwrap();
            let cut = records(reader, |index, _| index < 3);
            let cut = store_log(&repository, LINEAGE, &cut).unwrap();
            let logs = [&small.logs[..], &[cut]].concat();
            commit(&repository, &later(&logs, &heads));
        }
        "lineage-fork" => {
            let source = fixture("small-3.8");
            let reader = source.open_log(&source.logs()[0]).unwrap();
            let other = records(reader, |_, payload| {
                // The client's number of the request.
                payload[8] ^= 1;
                true
            });
            let other = store_log(&repository, LINEAGE, &other).unwrap();
            let logs = [&[other], &small.logs[1..]].concat();
            commit(&repository, &later(&logs, &[]));
        }
        _ => {
            // Whole in its frame and by its SHA-256, and not by its own checksums.
            let mut bytes = first;
            let at = HEADER_LEN + 40;
            bytes[at] ^= 1;
            let mut log = small.logs[0].clone();
            log.object = repository
                .store(&bytes, &Default::default(), |sha256| {
                    name::log(LINEAGE, log.first_zxid, log.last_zxid, sha256)
                })
                .unwrap();
            let logs = [&[log], &small.logs[1..]].concat();
            commit(&repository, &later(&logs, &heads));
        }
    }
    repository
}

/// The records of a log that are wanted, as they are made.
fn records(
    mut reader: zoovault::format::txnlog::LogReader<Arc<zoovault::format::stream::RegularFile>>,
    wanted: impl Fn(usize, &mut [u8]) -> bool,
) -> Vec<u8> {
    let mut bytes = encode_header();
    let mut index = 0;
    while let Some(entry) = reader.next_entry().unwrap() {
        let mut payload = entry.payload.to_vec();
        if wanted(index, &mut payload) {
            encode_record(&payload, &mut bytes);
        }
        index += 1;
    }
    bytes
}

/// A repository in a directory that a killed writer left a file in.
fn with_leftover() -> Repository {
    let dir = tempfile::tempdir().unwrap().keep();
    let repository = Repository::create(Storage::local(&dir).unwrap(), BEGIN_MS).unwrap();
    fill(&repository);
    let name = dir.join("log").join(LINEAGE).join("0-0-0.zst#1");
    common::write_old(&name, b"half");
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
    let file = std::fs::File::options().append(true).open(name).unwrap();
    file.set_modified(old).unwrap();
    repository
}

#[test]
fn each_code_is_provoked_and_says_what_it_is() {
    let mut severities = BTreeSet::new();
    for code in Code::of_repository() {
        let repository = provoke(code.name());
        let report = checked(&repository, ReadData::All);
        let finding = one(&report, code.name());
        severities.insert((code.name(), finding.severity));
        // A message is one line that goes on after the object's name.
        let message = &finding.message;
        assert!(
            !message.contains('\n') && !message.contains("memory/"),
            "{message}"
        );
        if let Some(root) = repository.storage().root() {
            std::fs::remove_dir_all(root).unwrap();
        }
    }
    assert!(severities.contains(&("object-unlisted", Severity::Info)));
}

#[test]
fn a_name_in_each_folder_that_is_nobody_s_is_told() {
    let codes = found(&provoke("name-foreign"));
    assert_eq!(codes, ["name-foreign"; 5]);
}

#[test]
fn whatever_a_manifest_says_wrongly_of_an_object_is_found_by_reading() {
    type Change = fn(&mut Manifest);
    let changes: [(Change, &str); 11] = [
        (|made| made.logs[2].first_time_ms -= 1, "log-contents"),
        (|made| made.logs[2].last_time_ms -= 1, "log-contents"),
        (|made| made.logs[2].max_time_ms += 1, "log-contents"),
        (|made| made.logs[2].txns += 1, "log-contents"),
        (|made| made.logs[2].digests -= 1, "log-contents"),
        (|made| made.logs[2].clock_steps += 1, "log-contents"),
        (|made| made.logs[2].log_bytes += 1, "log-contents"),
        (|made| made.logs[2].log_bytes -= 1, "log-contents"),
        (
            |made| made.snapshots[0].snapshot_bytes += 1,
            "snapshot-contents",
        ),
        (
            |made| made.snapshots[0].parts.truncate(1),
            "snapshot-contents",
        ),
        (
            |made| made.snapshots[0].trailer.last_zxid = Some(Zxid::MAX),
            "snapshot-contents",
        ),
    ];
    for (index, (change, code)) in changes.into_iter().enumerate() {
        let (repository, _) = committed(&change);
        let codes = found(&repository);
        assert!(codes.contains(&code), "{index}: {codes:?}");
    }
}

#[test]
fn whatever_a_manifest_says_that_cannot_be_is_found_without_reading() {
    type Change = fn(&mut Manifest);
    let changes: [(Change, &str); 15] = [
        (|made| made.logs.swap(0, 1), "backup-contradictory"),
        (|made| made.logs[1].txns -= 1, "backup-contradictory"),
        (|made| made.logs[1].digests = 1000, "backup-contradictory"),
        (|made| made.logs[1].max_time_ms = 0, "backup-contradictory"),
        (|made| made.logs[1].log_bytes = 16, "backup-contradictory"),
        (
            |made| made.logs[1].last_zxid = Zxid::new(1, 1),
            "backup-contradictory",
        ),
        (
            |made| made.logs[1].last_zxid = Zxid::ZERO,
            "backup-contradictory",
        ),
        (
            |made| made.snapshots[0].exact_from = Zxid::ZERO,
            "backup-contradictory",
        ),
        (
            |made| made.snapshots[0].parts.clear(),
            "backup-contradictory",
        ),
        (|made| made.last = None, "backup-contradictory"),
        (
            |made| made.windows[0].to_time_ms = Some(5),
            "backup-contradictory",
        ),
        (
            |made| made.logs[0].object.sha256 = "0".repeat(64),
            "object-misnamed",
        ),
        (|made| made.logs[0].object.name.push('x'), "object-missing"),
        (|made| made.logs[0].object.bytes += 1, "object-size"),
        (|made| drop(made.logs.remove(1)), "window-unfounded"),
    ];
    for (index, (change, code)) in changes.into_iter().enumerate() {
        let (repository, _) = committed(&change);
        let report = checked(&repository, ReadData::Nothing);
        let codes: Vec<&str> = report
            .findings
            .iter()
            .map(|finding| finding.code.name())
            .collect();
        assert!(codes.contains(&code), "{index}: {codes:?}");
    }
}

#[test]
fn a_name_that_no_object_has_keeps_nothing_else_from_being_checked() {
    for bad in [
        "",
        ".",
        "..",
        "log/x\0y",
        "../../../etc/passwd",
        "/etc/passwd",
    ] {
        let (repository, made) = committed(&|made| made.logs[0].object.name = bad.to_owned());
        let report = checked(&repository, ReadData::All);
        let misnamed = one(&report, "object-misnamed");
        assert!(misnamed.message.contains(bad), "{}", misnamed.message);
        assert_eq!(one(&report, "object-missing").object(), Some(bad));
        let reading = report.reading.unwrap();
        assert_eq!(reading.objects, made.logs.len() as u64 + 4, "{bad:?}");
    }
}

#[test]
fn a_backup_under_another_name_is_told() {
    let (_, repository, small) = small();
    let (name, made) = &small.backups[1];
    repository.storage().delete(&[name.object()]).unwrap();
    let (bytes, sha256) = made.encode();
    let zxid = name.zxid;
    for (lineage, created_ms, zxid) in [
        ("0ther", name.created_ms, zxid),
        (LINEAGE, name.created_ms, zxid.next()),
        (LINEAGE, name.created_ms - 1, zxid),
    ] {
        let other = BackupName::new(lineage, created_ms, zxid, &sha256).object();
        repository.storage().put(&other, bytes.clone()).unwrap();
        let report = checked(&repository, ReadData::Nothing);
        assert_eq!(
            one(&report, "backup-misnamed").object(),
            Some(other.as_str())
        );
        repository.storage().delete(&[other]).unwrap();
    }
    // Later, as it is where a clock went back, it may be.
    let later = BackupName::new(LINEAGE, name.created_ms + 1, zxid, &sha256).object();
    repository.storage().put(&later, bytes).unwrap();
    assert_eq!(checked(&repository, ReadData::Nothing).findings, []);
}

// ---- overview
// ------------------------------------------------------------------------------------------

#[test]
fn an_overview_tells_what_can_be_restored_in_all() {
    let (_, repository, small) = small();
    pin(&repository, &small.backups[0].0.id);
    let seen = overview(&repository, &Default::default(), &NoProgress).unwrap();
    assert_eq!(
        (seen.backups, seen.forgotten, seen.lineages.len()),
        (2, 0, 1)
    );
    assert_eq!(seen.objects, small.logs.len() as u64 + 3);
    let lineage = &seen.lineages[0];
    let [window] = lineage.windows.as_slice() else {
        panic!("{:?}", lineage.windows);
    };
    let last = &small.logs[small.logs.len() - 1];
    assert_eq!(
        (window.from_zxid, window.to_zxid),
        (Zxid::ZERO, last.last_zxid)
    );
    assert_eq!(window.to_time_ms, Some(last.last_time_ms));
    assert!(lineage.backups[0].is_pinned && !lineage.backups[1].is_pinned);
    let (newest, ..) = seen.newest().unwrap();
    assert_eq!(newest.name, small.backups[1].0);
    assert_eq!(seen.age(BEGIN_MS + 90_000), Age::Ms(30_000));
    assert_eq!(seen.age(BEGIN_MS), Age::Ms(0));
    assert_eq!(seen.age(BEGIN_MS - DAY_MS), Age::Unknown);
}

#[test]
fn a_backup_without_a_window_has_no_age() {
    let (_, repository) = in_memory();
    let seen = overview(&repository, &Default::default(), &NoProgress).unwrap();
    assert_eq!((seen.age(BEGIN_MS), seen.backups), (Age::None, 0));
    let source = fixture("small-3.8");
    let logs = store_logs(&repository, LINEAGE, &source, &|_| {});
    let base = store_base(&repository, LINEAGE, &source, Zxid::from_i64(9), usize::MAX);
    let older = manifest(&repository, LINEAGE, BEGIN_MS, &[base], &logs[..2], &[]);
    let older = commit(&repository, &older);
    // The second log is not there: what is behind it hangs in the air.
    let newer = manifest(
        &repository,
        LINEAGE,
        BEGIN_MS + 1000,
        &[],
        &logs[3..],
        &[&older],
    );
    assert!(newer.newest_window().is_none());
    commit(&repository, &newer);
    let seen = overview(&repository, &Default::default(), &NoProgress).unwrap();
    assert_eq!(seen.newest().unwrap().0.name, older);
    assert_eq!(seen.age(BEGIN_MS + 5000), Age::Ms(5000));
    assert_eq!(seen.lineages[0].windows.len(), 1);
}

#[test]
fn a_damaged_manifest_is_shown_beside_the_others() {
    let (_, repository, small) = small();
    let object = small.backups[0].0.object();
    repository.storage().put(&object, b"{}".to_vec()).unwrap();
    let seen = overview(&repository, &Default::default(), &NoProgress).unwrap();
    assert_eq!(seen.damaged().count(), 1);
    assert_eq!(seen.newest().unwrap().0.name, small.backups[1].0);
    assert_eq!(seen.lineages[0].windows, small.backups[1].1.windows);
}
