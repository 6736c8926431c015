//! The page that explains the terms of the other pages: sources, points, proof, restores,
//! repositories, limits.

use super::{example, item, paragraph, roff};

/// A part of the page.
enum Block {
    Section(&'static str),
    Text(&'static str),
    /// A term, and what it means.
    Item(&'static str, &'static str),
    /// Commands, as they are typed.
    Example(&'static str),
}

use Block::{Example, Item, Section, Text};

const SOURCES: &[Block] = &[
    Section("SOURCES"),
    Text(
        "A source is where history is read from. zoovault reads what servers of 3.4 to 3.9 write: \
         log.N and snapshot.N, plain, .gz or .snappy. A source is one of:",
    ),
    Item("a data directory", "A dataDir, or the version-2 in it."),
    Item("a zoo.cfg", "One that names a dataDir."),
    Item(
        "an archive",
        "A file written by 'zoovault export'; or any tar (plain, gzip, xz, zstd) or zip that holds \
         a data directory at any depth, as of 'tar czf zk.tgz /var/lib/zookeeper'. If it holds \
         several, they are listed: add :PATH to name one, zk.tgz:var/lib/zookeeper-1.",
    ),
    Item(
        "a single file",
        "One log or one snapshot, under any name: for example a snapshot saved from the \
         AdminServer's commands/snapshot?streaming=true.",
    ),
    Item(
        "compressed files and copies",
        "A log or snapshot that somebody compressed (log.5.gz, .xz, .zst), alone or in a \
         directory; and the backups of Exhibitor. Their zxids are read from their contents. \
         Copies (log.5.bak, log.5~) are read where there is nothing else.",
    ),
    Item(
        "a repository",
        "A backup repository, such as /srv/backup/zk. Add @ID to use a single backup or lineage \
         in it: /srv/backup/zk@ID.",
    ),
    Text(
        "If the dataLogDir is a separate directory, name it with --data-log-dir. For 'zoovault \
         restore' the option is --source-data-log-dir, because there --data-log-dir is the \
         directory to create.",
    ),
    Text(
        "A source is only ever read, also while its server writes to it. A file that cannot be \
         read (a bad sector, permissions, a dangling link) is reported by name, and everything \
         that does not need it still works.",
    ),
    Text(
        "Archives are read where they are. What has to be decompressed is kept in memory up to \
         64 MiB, and then in an unnamed file in TMPDIR. An archive that decompresses to more than \
         4 GiB and more than 300 times its size is refused. No name in an archive is ever opened: \
         links, devices and names with '..' are reported and not read.",
    ),
];

const POINTS: &[Block] = &[
    Section("POINTS"),
    Text(
        "A point is a moment in the history of the tree. Options such as --to, --from and --at \
         take one of these:",
    ),
    Item(
        "0x1f00000003",
        "A zxid: the tree right after that transaction. --exclusive leaves the transaction out.",
    ),
    Item(
        "a time",
        "Everything before the first transaction, in zxid order, whose time is later. Write it as \
         RFC 3339 (2026-11-20T14:00:00Z), with a zone ('2026-11-20 14:00 Europe/Paris'), in the \
         local zone ('2026-11-20 14:00'), as @ and seconds since 1970 (@1763640000), or relative \
         to now (-15m, -2h30m, -1d).",
    ),
    Item("first", "The first point that can be restored exactly."),
    Item("latest", "The last transaction."),
    Text(
        "A point that cannot be restored exactly is refused with status 5, and the nearest points \
         that can be are named.",
    ),
    Section("WINDOWS"),
    Text(
        "A window is a range of zxids, each of which can be restored exactly. It begins where a \
         base is exact, and reaches as far as no transaction after that base is missing or \
         damaged. A base is the tree that transactions are replayed on: a snapshot, or the empty \
         tree where the history begins with its first transaction. 'zoovault verify' lists the \
         windows of a source, each with its proof; 'zoovault inspect' only lists what the files \
         promise, without verifying it.",
    ),
];

const PROOF: &[Block] = &[
    Section("WHAT A VERDICT RESTS ON"),
    Text(
        "'zoovault verify' reads every log (header, checksums, lengths, end marks, bodies, and \
         the zeros up to the end of the file) and every snapshot (seals, structure, compression). \
         It joins the transactions of all logs and names every gap, compares logs where they \
         overlap, and checks the epoch files. Then it rebuilds the tree from the earliest \
         snapshot onwards and compares its digest with every digest that a server recorded.",
    ),
    Text(
        "Snapshots are also checked against one another: a snapshot that contradicts the \
         transactions, the digests and the other snapshots is reported and not used as a base. \
         Where the logs go from one epoch to the next, the names and znodes of snapshots, the \
         digests and trees on both sides, and what earlier backups recorded of these show \
         whether transactions are missing there, or were abandoned. If so, that is a gap, and \
         nothing is replayed across it.",
    ),
    Text("Every window, and every restored tree, has one of three grades of proof:"),
    Item(
        "proven",
        "The digest of the rebuilt tree is the one that the leader logged (3.6 and later). The \
         digest covers data, stats and paths. It does not cover ACL lists, does not tell null \
         data from empty data, and covers nothing below /zookeeper/.",
    ),
    Item(
        "consistent",
        "The base is exact, every transaction after it is present and whole, and no snapshot on \
         the way contradicts the tree, compared znode by znode. Nothing was recorded that could \
         prove more (3.4 and 3.5 log no digests).",
    ),
    Item(
        "unproven",
        "Something was inferred: when the first snapshot was finished (from the next snapshot, or \
         from the last transaction), or that an epoch ended where the logs go on to the next. The \
         findings say which. The status is 3.",
    ),
    Section("FUZZY SNAPSHOTS"),
    Text(
        "A server goes on applying transactions while it writes a snapshot, so snapshot.N can hold \
         parts of transactions later than N. A snapshot is used as the base for a point only if \
         it was finished by then, or if a digest proves the result. Otherwise the point is \
         refused with status 5. Servers of 3.6 and later write the last applied zxid at the end of \
         a snapshot; for others, the zxid of the next snapshot, or the last transaction, is a \
         bound on when it was finished, but no proof. The full rules are in the source, at the \
         top of src/history/replay/mod.rs.",
    ),
    Section("SNAPSHOTS WITHOUT LOGS"),
    Text(
        "A snapshot may come without its logs: the files were copied, or nobody named the \
         dataLogDir. Such a snapshot is reported, and backed up all the same. What can be done \
         with it depends on its znodes:",
    ),
    Item(
        "they show no later transaction",
        "'zoovault restore' and 'zoovault export' take the snapshot as it is if you add \
         --accept-unproven. The status is 3.",
    ),
    Item(
        "they show later transactions",
        "The snapshot is a tree that never existed at any one moment. It can be looked at, but \
         not restored: 'zoovault ls', 'cat', 'stat', 'du', 'diff' and 'export --format jsonl' \
         show it if you add --as-is.",
    ),
];

const SERVERS: &[Block] = &[
    Section("WHAT --SERVER DOES"),
    Text(
        "'zoovault verify' and 'zoovault explain' take --server RELEASE,... (such as \
         3.4.14,3.9.4, or all). They then follow what each release does with these very files, \
         damage included: which snapshot it loads, where it silently takes a log to be at its \
         end, which gaps it passes over, and which exception makes it give up. The tree that this \
         server would serve is compared with the correct one, znode by znode.",
    ),
    Text(
        "Supported are 3.4.6 to 3.9.5, and Debian's 3.8.0-11+deb12u2, which refuses what 3.8.0 loads. \
         Give the settings that matter as you would give them to java: -D \
         jute.maxbuffer=4194304, -D zookeeper.extendedTypesEnabled=true. These predictions are \
         tested: the servers' own code loads damaged directories, and every znode is compared \
         with the prediction.",
    ),
];

const RESTORE: &[Block] = &[
    Section("WHAT A RESTORE WRITES"),
    Text(
        "A restored directory holds one clean snapshot and no logs. It has every znode with its \
         data, ACL and all stat fields, TTL and container nodes, and the sessions. The files are:",
    ),
    Item(
        "snapshot.N",
        "Named with the first zxid of a new epoch, 4096 above every epoch that the source has \
         seen. --epoch sets another one.",
    ),
    Item("currentEpoch, acceptedEpoch", "The same epoch."),
    Item(
        "zoovault-restored.json",
        "Tells zoovault that it wrote this snapshot. Servers do not look at it.",
    ),
    Text(
        "All of it is built beside the target, synced, read back, compared node by node, and then \
         renamed into place. Finally the procedure for the operator is printed: stop all members, \
         move everything else out of version-2, and give every voter the same files.",
    ),
    Text(
        "Why not keep the old zxid? Zxids would be used twice; a member that was not restored \
         would silently mix its own history in; and clients that have seen a later zxid would be \
         refused. --keep-zxid keeps it nevertheless, for a look at the data on a standalone \
         server.",
    ),
];

const REPOSITORIES: &[Block] = &[
    Section("REPOSITORIES"),
    Text(
        "A repository is a directory of backups, made once by 'zoovault init'. No other command \
         creates one: if a volume is not mounted, a backup fails with status 10. Each 'zoovault \
         backup' then stores the transactions that are new, from one member or from several, also \
         while their servers write. A repository is itself a source: any point of any window in it \
         can be restored. zoovault-repository(7) describes the files, with a script that restores \
         with zstd, jq and sha256sum alone.",
    ),
    Item(
        "concurrent runs",
        "Nothing is overwritten, and a backup is committed by the file that is written last. Any \
         number of runs may work at once, any of them may be killed at any moment, and no lock is \
         left behind. What was stored is read back before it counts.",
    ),
    Item(
        "lineages",
        "A lineage is one history of an ensemble. Members of one ensemble feed the same lineage \
         and fill each other's gaps. If a tail was never committed and was truncated, or the \
         ensemble was rebuilt or restored, a new lineage begins; the old one stays, as \
         /srv/backup/zk@ID.",
    ),
    Item(
        "warnings",
        "Status 3 means that there is no window, a gap since the last backup (the server purged \
         first: back up more often, or raise autopurge.snapRetainCount), a stale source, or \
         another history. Status 4 means that the source is damaged; what is sound in it was \
         stored.",
    ),
    Item(
        "retention",
        "Retention never breaks the newest window. Each backup stands alone, so any of them can go \
         without harm to the others. Deletion takes two steps, a day apart: what nothing needs is \
         first marked, and deleted a day later at the earliest. 'zoovault copy' keeps \
         a second repository.",
    ),
    Item(
        "checks",
        "'zoovault check' compares names, sizes and manifests, and on request reads the bytes. \
         'zoovault drill' really restores the newest point and one at random, and proves the \
         results.",
    ),
    Item(
        "access",
        "Whoever can read a repository can read all data of ZooKeeper, the digests in ACLs \
         included. The umask of the processes that write it decides who that is, and cron's \
         usual umask lets every user read. The examples set 0027.",
    ),
    Section("UNATTENDED BACKUPS"),
    Text(
        "Options can be kept in /etc/zoovault/zoovault.toml; 'zoovault backup -q' is then the \
         whole command, and it prints nothing unless something is wrong. --metrics-file and \
         --ping-url report to your monitoring. --follow keeps running and stores transactions as \
         they come. Hooks run before and after a command; with --follow, once around the whole \
         run. The folder examples/ of the source has a configuration file, systemd services and \
         timers, a crontab, and alert rules.",
    ),
];

const LIMITS: &[Block] = &[
    Section("EXIT STATUS"),
    Text("Exit statuses are a contract and are never renumbered:"),
    Item("0", "Done; all is sound."),
    Item("1", "Failed."),
    Item("2", "Bad arguments."),
    Item(
        "3",
        "Done, with warnings. Of 'zoovault diff': the trees differ.",
    ),
    Item("4", "Damage found."),
    Item("5", "The point cannot be reached exactly."),
    Item("10", "There is no repository."),
    Item("11, 12", "Reserved for repositories with locks or keys."),
    Item("13", "The target exists."),
    Item("128+N", "Ended by signal N."),
    Text(
        "With --json, stdout is one JSON document. 'zoovault log', 'zoovault diff' and 'zoovault \
         history' write one JSON object a line instead; for the last two, its field line says what \
         it is. A failure is one line of JSON on stderr.",
    ),
    Section("LIMITS"),
    Text("zoovault cannot know:"),
    Item(
        "the end of an epoch",
        "Whether transactions are missing, or were abandoned, at the end of an epoch, if nothing \
         later tells: no digest, no name or znode of a later snapshot, no other member. \
         'zoovault verify' and 'zoovault restore' name such places and end with status 3. \
         'zoovault compare' with other members can tell.",
    ),
    Item(
        "sessions that closed in 3.4 and 3.5",
        "What a closeSession deleted: these releases do not log it. Where that matters (a session \
         closed while the only base was being written), there is a warning.",
    ),
    Item(
        "the last transactions of one member",
        "Whether they were ever committed: a log holds proposals. 'zoovault compare' with the \
         other members tells.",
    ),
    Item(
        "the machine of a server",
        "For --server: what memory, permissions or a full disk do to its start, and the digests \
         of a JVM whose charset is not UTF-8.",
    ),
    Item(
        "derived znodes",
        "The counts in zookeeper_stats, which servers work out again, and /zookeeper/config, \
         which members overwrite from their configuration.",
    ),
];

const EXAMPLES: &[Block] = &[
    Section("EXAMPLES"),
    Text("Look at the tree as it was: names, data, all fields, and sizes by subtree."),
    Example(
        "zoovault ls /var/lib/zookeeper '/app/**' -l --at -2h\n\
         zoovault cat /var/lib/zookeeper /app/config --at 0x1f00000003 --exclusive\n\
         zoovault stat /var/lib/zookeeper /app/config --at '2026-11-20 14:00'\n\
         zoovault du /var/lib/zookeeper --depth 2\n\
         zoovault du /var/lib/zookeeper --ncdu | ncdu -f -",
    ),
    Text("Compare the contents of two sources, or a backup with the present."),
    Example(
        "zoovault diff zk1 zk2 --ignore stat\n\
         zoovault diff /srv/backup/zk /var/lib/zookeeper",
    ),
    Text("See who did what to which znodes, and who writes most."),
    Example(
        "zoovault log /var/lib/zookeeper --path '/app/**' --from '2026-11-20 14:00' --op delete,multi\n\
         zoovault log /var/lib/zookeeper --follow\n\
         zoovault top /var/lib/zookeeper --by path --every auto",
    ),
    Text("Take the history, or the tree at one point, elsewhere."),
    Example(
        "zoovault export /var/lib/zookeeper -o zk.tar.gz\n\
         zoovault export /var/lib/zookeeper --format jsonl > tree.jsonl",
    ),
    Section("SEE ALSO"),
    Text(
        "zoovault(1), zoovault-verify(1), zoovault-restore(1), zoovault-backup(1), \
         zoovault-findings(7), zoovault-check-findings(7), zoovault-repository(7)",
    ),
];

/// The page.
pub fn page() -> Vec<u8> {
    let mut page = String::from(
        ".TH ZOOVAULT\\-CONCEPTS 7 \"\" \"zoovault\" \"\"\n.SH NAME\nzoovault\\-concepts \\- sources, points, proof, restores, repositories, and what zoovault cannot know\n.SH DESCRIPTION\n",
    );
    page.push_str(&roff(
        "This page explains the terms that the pages of the commands use. A transaction is one \
         logged change; its zxid is its number, the epoch in the high 32 bits and a counter in the \
         low ones.",
    ));
    let sections = [
        SOURCES,
        POINTS,
        PROOF,
        SERVERS,
        RESTORE,
        REPOSITORIES,
        LIMITS,
        EXAMPLES,
    ];
    for block in sections.into_iter().flatten() {
        match block {
            Section(name) => page.push_str(&format!(".SH \"{}\"\n", roff(name).trim_end())),
            Text(text) => paragraph(&mut page, text),
            Item(name, text) => item(&mut page, name, text),
            Example(lines) => example(&mut page, lines),
        }
    }
    page.into_bytes()
}
