#!/usr/bin/env python3
"""Makes testdata/faults: one directory for each fault, from the small sound ones, and what should be found in each.

    faults.py OUT       writes OUT/<fault>/... and OUT/expected.json

It needs only the standard library and shares no code with the program: it has its own reader and writer of logs and snapshots.
What is expected is worked out here, from where a fault was put and what that must lead to; it is never taken from the program.

Of the zeros at the end of each log, only 48 are kept, so that the files stay small.
"""

import json
import pathlib
import struct
import sys
import zlib

HERE = pathlib.Path(__file__).resolve().parent
DATADIRS = HERE.parent / "datadirs"
ZEROS = 48
INFO, WARNING, MISSING, DAMAGE = "info", "warning", "missing", "damage"
STATUS = {INFO: 0, WARNING: 3, MISSING: 5, DAMAGE: 4}
RANK = [INFO, WARNING, MISSING, DAMAGE]


class Record:
    """A record of a log: its payload, and the fields around it where they are wrong."""

    def __init__(self, payload):
        self.payload = payload
        self.checksum = None
        self.length = None
        self.mark = b"B"

    @property
    def zxid(self):
        return struct.unpack_from(">q", self.payload, 12)[0]

    def put(self, offset, data):
        """Overwrites bytes of the payload; the checksum is that of the new ones."""
        self.payload = self.payload[:offset] + data + self.payload[offset + len(data):]
        return self

    def renumbered(self, zxid):
        return Record(self.payload).put(12, struct.pack(">q", zxid))

    def bytes(self):
        checksum = zlib.adler32(self.payload) if self.checksum is None else self.checksum
        length = len(self.payload) if self.length is None else self.length
        return struct.pack(">qi", checksum, length) + self.payload + self.mark


class Log:
    def __init__(self, records, header=None, tail=bytes(ZEROS)):
        self.header = header or struct.pack(">4siq", b"ZKLG", 2, 0)
        self.records = records
        self.tail = tail

    @staticmethod
    def parse(data):
        records, offset = [], 16
        while offset + 12 <= len(data):
            checksum, length = struct.unpack_from(">qi", data, offset)
            if length == 0:
                break
            payload = data[offset + 12:offset + 12 + length]
            assert zlib.adler32(payload) == checksum and data[offset + 12 + length:][:1] == b"B"
            records.append(Record(payload))
            offset += 13 + length
        return Log(records, data[:16])

    def bytes(self):
        return self.header + b"".join(record.bytes() for record in self.records) + self.tail

    def find(self, zxid):
        return next(record for record in self.records if record.zxid == zxid)

    def offset(self, zxid):
        """Where the record begins."""
        before = self.records[:self.records.index(self.find(zxid))]
        return len(self.header) + sum(len(record.bytes()) for record in before)

    def end(self):
        return len(self.bytes()) - len(self.tail)


class Node:
    def __init__(self, path, data, acl, stat):
        self.path, self.data, self.acl, self.stat = path, data, acl, stat

    def max_zxid(self):
        czxid, mzxid, pzxid = (struct.unpack_from(">q", self.stat, at)[0] for at in (0, 8, 52))
        return max(czxid, mzxid, pzxid)

    def bytes(self):
        return put_buffer(self.path) + put_buffer(self.data) + struct.pack(">q", self.acl) + self.stat


def put_buffer(data):
    return struct.pack(">i", -1) if data is None else struct.pack(">i", len(data)) + data


class Snapshot:
    """A snapshot. Its seals are computed again, so they are right whatever was changed."""

    def __init__(self):
        self.header = struct.pack(">4siq", b"ZKSN", 2, -1)
        self.sessions, self.acls, self.nodes, self.blocks = [], [], [], []

    @staticmethod
    def parse(data):
        this, at = Snapshot(), 16

        def take(layout):
            nonlocal at
            values = struct.unpack_from(layout, data, at)
            at += struct.calcsize(layout)
            return values if len(values) > 1 else values[0]

        def buffer():
            nonlocal at
            length = take(">i")
            if length < 0:
                return None
            at += length
            return data[at - length:at]

        this.header = data[:16]
        this.sessions = [take(">qi") for _ in range(take(">i"))]
        for _ in range(take(">i")):
            number, start = take(">q"), at
            for _ in range(take(">i")):
                take(">i"), buffer(), buffer()
            this.acls.append((number, data[start:at]))
        while (path := buffer()) != b"/":
            value, acl = buffer(), take(">q")
            this.nodes.append(Node(path, value, acl, data[at:at + 60]))
            at += 60
        while at < len(data):
            checksum = zlib.adler32(data[:at])
            assert take(">q") == checksum and buffer() == b"/"
            # A digest is 20 bytes and a last zxid 8, each followed by a seal of 13.
            left = len(data) - at
            size = {0: 0, 21: 8, 33: 20, 54: 20}[left]
            if size:
                this.blocks.append(data[at:at + size])
                at += size
        assert this.bytes() == data
        return this

    def head(self):
        out = self.header + struct.pack(">i", len(self.sessions))
        out += b"".join(struct.pack(">qi", *session) for session in self.sessions)
        out += struct.pack(">i", len(self.acls))
        return out + b"".join(struct.pack(">q", number) + acl for number, acl in self.acls)

    def bytes(self):
        out = self.head() + b"".join(node.bytes() for node in self.nodes) + put_buffer(b"/")
        for block in [b""] + self.blocks:
            out += block
            out += struct.pack(">q", zlib.adler32(out)) + put_buffer(b"/")
        return out

    def find(self, path):
        return next(node for node in self.nodes if node.path == path)

    def offset(self, node):
        before = self.nodes[:self.nodes.index(node)]
        return len(self.head()) + sum(len(other.bytes()) for other in before)

    def seal(self):
        """The offset of the first checksum."""
        return len(self.head()) + sum(len(node.bytes()) for node in self.nodes) + 5

    def max_zxid(self, before=None):
        """The largest zxid of any znode, or of those before one."""
        nodes = self.nodes if before is None else self.nodes[:self.nodes.index(before)]
        return max(node.max_zxid() for node in nodes)


class Dir:
    """A directory: files by name, below version-2."""

    def __init__(self, source, *names):
        folder = DATADIRS / source / "version-2"
        self.files = {name: (folder / name).read_bytes() for name in names}
        for name in names:
            if name.startswith("log."):
                self.files[name] = Log.parse(self.files[name]).bytes()
        self.extra = {}
        # The whole records after an invalid header, by log; and how a restore to "latest" has to end.
        self.behind, self.latest = {}, None

    def log(self, name):
        return Log.parse(self.files[name])

    def snapshot(self, name):
        return Snapshot.parse(self.files[name])

    def put(self, name, what):
        self.files[name] = what if isinstance(what, bytes) else what.bytes()

    def drop(self, *names):
        for name in names:
            del self.files[name]
        return self


# The sound directories to start from. S38: three logs of 3.8.0, txns 0x1 to 0x1c; snapshot.9 was finished at 0xa, the others at once.
def s38(*more):
    return Dir("small-3.8", "log.1", "log.b", "log.15", "snapshot.0", "snapshot.9", "snapshot.14", "snapshot.1b", *more)


# S34: the same by 3.4.14, without digests, and with snapshots that do not say when they were finished.
def s34(*names):
    return Dir("small-3.4", *names)


# S39: the later logs of 3.9.4, with one snapshot in gzip and one in snappy.
def s39():
    return Dir("small-3.9", "snapshot.1f", "log.19", "snapshot.20.gz", "log.21", "snapshot.25.snappy", "log.26")


# MEMBER: one of three of 3.9.4, at the end of epoch 1 and the beginning of epoch 2.
def member():
    return Dir("small-member-3.9", "snapshot.100000011", "log.100000012", "log.200000001", "snapshot.200000005",
               "acceptedEpoch", "currentEpoch")


SOUND = [(0x0, 0x1c, "proven")]
SOUND39 = [(0x1f, 0x2a, "proven")]
SOUND_MEMBER = [(0x100000011, 0x200000006, "proven")]
# What is left when 0xe of log.b is lost: snapshot.14 is the next base.
WITHOUT_E = [(0x0, 0xd, "proven"), (0x14, 0x1c, "proven")]

FAULTS = {}
SHOWS = {}


def fault(make):
    """Registers a fault, named after its function, which returns a directory, its findings, its windows and some zxids that are lost."""
    name = make.__name__.replace("_", "-")
    FAULTS[name] = make
    SHOWS[name] = " ".join(make.__doc__.split())
    return make


def found(code, severity, file=None, offset=None, after=None, zxid=None):
    """What should be found, and where: at the faulty txn, or, if that cannot be known, after the last whole one."""
    if file is not None and "/" not in file:
        file = "version-2/" + file
    return {"code": code, "severity": severity, "file": file, "offset": offset,
            "zxid": None if zxid is None else hex(zxid), "after_zxid": None if after is None else hex(after)}


def gap(zxid, severity=MISSING):
    return found("txns-missing", severity, zxid=zxid)


# Sound shapes that look odd.

@fault
def sound_3_8():
    """Nothing is wrong."""
    return s38(), [], SOUND, []


@fault
def sound_3_9_compressed():
    """Nothing is wrong, and the older logs are purged."""
    return s39(), [], SOUND39, []


@fault
def sound_member():
    """Nothing is wrong: two epochs, and the digests prove the end of the first."""
    return member(), [], SOUND_MEMBER, []


@fault
def log_header_only_newest():
    """The newest log has a header and no record: a server that was stopped right after its start."""
    made = s38()
    made.put("log.1d", Log([]))
    return made, [], SOUND, []


@fault
def log_overlap_identical():
    """Two logs hold the same two txns, byte for byte."""
    made = s38()
    made.put("log.16", Log(made.log("log.15").records[1:3]))
    return made, [], SOUND, []


# Logs whose bytes are damaged.

@fault
def log_flipped_bit():
    """One bit of the data in the record 0xe of the middle log."""
    made, log = s38(), s38().log("log.b")
    record = log.find(0xe)
    record.checksum = zlib.adler32(record.payload)
    record.put(40, bytes([record.payload[40] ^ 1]))
    made.put("log.b", log)
    return made, [found("log-bad-checksum", DAMAGE, "log.b", log.offset(0xe), 0xd), gap(0xe)], WITHOUT_E, [0xe, 0x13]


@fault
def log_bad_end_mark():
    """The end mark of the record 0xe is a C."""
    made, log = s38(), s38().log("log.b")
    log.find(0xe).mark = b"C"
    made.put("log.b", log)
    return made, [found("log-bad-end-mark", DAMAGE, "log.b", log.offset(0xf) - 1, 0xd), gap(0xe)], WITHOUT_E, [0xe, 0x13]


@fault
def log_end_mark_lost():
    """The end mark of the record 0xe was never written, but whole records follow."""
    made, log = s38(), s38().log("log.b")
    log.find(0xe).mark = b"\0"
    made.put("log.b", log)
    return made, [found("log-bad-end-mark", DAMAGE, "log.b", log.offset(0xf) - 1, 0xd), gap(0xe)], WITHOUT_E, [0xe, 0x13]


@fault
def log_bad_length():
    """The length of the record 0xe is -1, which servers read as null."""
    made, log = s38(), s38().log("log.b")
    log.find(0xe).length = -1
    made.put("log.b", log)
    return made, [found("log-bad-length", DAMAGE, "log.b", log.offset(0xe) + 8, 0xd), gap(0xe)], WITHOUT_E, [0xe, 0x13]


@fault
def log_length_past_end():
    """The length of the record 0xe points past the end of the file, and whole records follow."""
    made, log = s38(), s38().log("log.b")
    log.find(0xe).length = 0x10000
    made.put("log.b", log)
    return made, [found("log-bad-length", DAMAGE, "log.b", log.offset(0xe), 0xd), gap(0xe)], WITHOUT_E, [0xe, 0x13]


@fault
def log_length_zero():
    """The length of the record 0xe is 0, as if zeros began there, and whole records follow."""
    made, log = s38(), s38().log("log.b")
    log.find(0xe).length = 0
    made.put("log.b", log)
    return made, [found("log-garbage", DAMAGE, "log.b", log.offset(0xe), 0xd), gap(0xe)], WITHOUT_E, [0xe, 0x13]


@fault
def log_torn_tail():
    """The newest log turns to zeros within its last record."""
    made, log = s38(), s38().log("log.15")
    at = log.offset(0x1c)
    made.put("log.15", log.bytes()[:at + 30] + bytes(70))
    return made, [found("log-torn-tail", WARNING, "log.15", at, 0x1b)], [(0x0, 0x1b, "proven")], [0x1c]


@fault
def log_cut_middle():
    """The middle log ends within the record 0x12. snapshot.14 has the effects of what was lost, but not its history."""
    made, log = s38(), s38().log("log.b")
    at = log.offset(0x12)
    made.put("log.b", log.bytes()[:at + 30])
    findings = [found("log-cut", DAMAGE, "log.b", at, 0x11), gap(0x12, WARNING)]
    return made, findings, [(0x0, 0x11, "proven"), (0x14, 0x1c, "proven")], [0x12, 0x13]


@fault
def log_missing_middle():
    """The middle log is missing, and no snapshot bridges the gap."""
    made = s38().drop("log.b", "snapshot.14")
    return made, [gap(0xb)], [(0x0, 0xa, "proven"), (0x1b, 0x1c, "proven")], [0xb, 0x14, 0x15, 0x1a]


@fault
def log_missing_middle_bridged():
    """The middle log is missing, and a snapshot has its effects: as on a follower that was sent the whole tree."""
    made = s38().drop("log.b")
    return made, [gap(0xb, WARNING)], [(0x0, 0xa, "proven"), (0x14, 0x1c, "proven")], [0xb, 0x13]


@fault
def log_missing_behind_fuzzy_snapshot():
    """The log after a snapshot of 3.4 is missing, and the snapshot has one of its effects: the snapshot is neither a base nor wrong."""
    made = s34("log.1", "snapshot.9", "log.a", "snapshot.12", "log.13", "log.1d")
    snapshot, applied = made.snapshot("snapshot.12"), made.log("log.13").find(0x13)
    app = snapshot.find(b"/app")
    czxid, _, ctime, _, _, *rest = struct.unpack(">qqqqiiiqq", app.stat)
    time, version = struct.unpack_from(">q", applied.payload, 20)[0], struct.unpack(">i", applied.payload[-4:])[0]
    app.stat = struct.pack(">qqqqiiiqq", czxid, 0x13, ctime, time, version, *rest)
    app.data = applied.payload[44:45]
    made.put("snapshot.12", snapshot)
    made.drop("log.13")
    return made, [gap(0x13), found("last-unreachable", MISSING, zxid=0x12)], [(0x0, 0x12, "consistent")], [0x13, 0x1c, 0x1d, 0x20]


@fault
def log_missing_first():
    """The first log is missing; snapshot.0 is from before it, snapshot.14 is the first base after it."""
    made = s38().drop("log.1", "snapshot.9")
    return made, [gap(0x1)], [(0x0, 0x0, "consistent"), (0x14, 0x1c, "proven")], [0x1, 0xa, 0xb, 0x13]


@fault
def log_without_records():
    """The first log has a header and no record, but other logs follow."""
    made = s38()
    made.put("log.1", Log([]))
    return made, [gap(0x1)], [(0x0, 0x0, "consistent"), (0x14, 0x1c, "proven")], [0x1, 0xa, 0xb, 0x13]


@fault
def last_unreachable():
    """The middle log is missing, and so are the snapshots after it."""
    made = s38().drop("log.b", "snapshot.14", "snapshot.1b")
    return made, [gap(0xb), found("last-unreachable", MISSING, zxid=0xa)], [(0x0, 0xa, "proven")], [0xb, 0x15, 0x1c]


@fault
def log_empty_newest():
    """The newest log has zero bytes."""
    made = s38()
    made.put("log.1d", b"")
    return made, [found("log-empty", WARNING, "log.1d", 0)], SOUND, [0x1d]


@fault
def log_cut_header_newest():
    """The newest log has six bytes."""
    made = s38()
    made.put("log.1d", b"ZKLG\0\0")
    return made, [found("log-cut-header", WARNING, "log.1d", 0)], SOUND, [0x1d]


def middle_log(made, code):
    made_findings = [found(code, DAMAGE, "log.b", 0), gap(0xb, WARNING)]
    return made, made_findings, [(0x0, 0xa, "proven"), (0x14, 0x1c, "proven")], [0xb, 0x13]


@fault
def log_empty_middle():
    """The middle log has zero bytes."""
    made = s38()
    made.put("log.b", b"")
    return middle_log(made, "log-empty")


@fault
def log_cut_header_middle():
    """The middle log has fifteen bytes."""
    made = s38()
    made.put("log.b", made.files["log.b"][:15])
    return middle_log(made, "log-cut-header")


@fault
def log_bad_magic():
    """The middle log does not begin with ZKLG."""
    made = counted(s38(), "log.b")
    made.put("log.b", b"ZKLF" + made.files["log.b"][4:])
    return middle_log(made, "log-bad-magic")


# Logs whose header is damaged, and one whose last record is.

def counted(made, name):
    """Notes that the records of a log are whole, whatever its header is."""
    records = made.log(name).records
    made.behind[name] = {"txns": len(records), "first_zxid": hex(records[0].zxid), "last_zxid": hex(records[-1].zxid),
                         "offset": 16, "runs": 1}
    return made


@fault
def log_header_zeroed():
    """The header of the middle log is sixteen zeros, and whole records follow it."""
    made = counted(s38(), "log.b")
    made.put("log.b", bytes(16) + made.files["log.b"][16:])
    return middle_log(made, "log-bad-magic")


@fault
def log_header_wrong():
    """The header of the newest log is other bytes: nothing may read past it to the latest txn."""
    made = counted(s38(), "log.15")
    made.put("log.15", bytes(range(0x80, 0x90)) + made.files["log.15"][16:])
    made.latest = 4
    findings = [found("log-bad-magic", DAMAGE, "log.15", 0), gap(0x15, WARNING)]
    return made, findings, [(0x0, 0x14, "proven"), (0x1b, 0x1b, "proven")], [0x15, 0x1a, 0x1c]


@fault
def log_all_zeros():
    """The middle log is all zeros, of the same length."""
    made = s38()
    made.put("log.b", bytes(len(made.files["log.b"])))
    return middle_log(made, "log-all-zeros")


@fault
def log_version_two():
    """The middle log is as ZooKeeper 2 wrote it: lengths, payloads and end marks."""
    made = s38()
    records = made.log("log.b").records
    made.put("log.b", b"".join(record.bytes()[8:] for record in records) + bytes(ZEROS))
    return middle_log(made, "log-version-two")


@fault
def snapshot_version_two():
    """snapshot.14 is as ZooKeeper 2 wrote it: no header, no seal, the ACL with each znode."""
    made, snapshot = s38(), s38().snapshot("snapshot.14")
    acl = struct.pack(">ii", 1, 31) + put_buffer(b"world") + put_buffer(b"anyone")
    out = struct.pack(">i", len(snapshot.sessions)) + b"".join(struct.pack(">qi", *session) for session in snapshot.sessions)
    out += b"".join(put_buffer(node.path) + put_buffer(node.data) + acl + node.stat[:52] for node in snapshot.nodes)
    made.put("snapshot.14", out + put_buffer(b"/"))
    return made, [found("snapshot-version-two", DAMAGE, "snapshot.14", 0)], SOUND, []


@fault
def log_last_zxid_flipped():
    """One bit of the zxid of the last record: it claims to be 0xc, which came long before."""
    made, log = s38(), s38().log("log.15")
    at, record = log.offset(0x1c), log.find(0x1c)
    record.checksum = zlib.adler32(record.payload)
    record.put(19, b"\x0c")
    made.put("log.15", log)
    made.latest = 4
    return made, [found("log-bad-checksum", DAMAGE, "log.15", at, 0x1b)], [(0x0, 0x1b, "proven")], [0x1c]


@fault
def log_unknown_type():
    """The record 0xe has the type 99 and a correct checksum."""
    made, log = s38(), s38().log("log.b")
    log.find(0xe).put(28, struct.pack(">i", 99))
    made.put("log.b", log)
    return made, [found("log-unknown-type", DAMAGE, "log.b", log.offset(0xe) + 12, zxid=0xe)], WITHOUT_E, [0xe, 0x13]


@fault
def log_bad_record():
    """The body of the record 0xe ends within its path, and the checksum is correct."""
    made, log = s38(), s38().log("log.b")
    record = log.find(0xe)
    record.payload = record.payload[:32 + 4 + 2]
    made.put("log.b", log)
    return made, [found("log-bad-record", DAMAGE, "log.b", log.offset(0xe) + 12 + 32 + 4, zxid=0xe)], WITHOUT_E, [0xe, 0x13]


@fault
def log_garbage_after_padding():
    """Something follows the zeros at the end of the newest log."""
    made, log = s38(), s38().log("log.15")
    log.tail = bytes(ZEROS) + b"garbage" + bytes(9)
    made.put("log.15", log)
    return made, [found("log-garbage", DAMAGE, "log.15", log.end(), 0x1c)], SOUND, []


# Logs that are whole but wrong.

@fault
def log_fork():
    """A second log says something else about 0x17."""
    made = s38()
    records = [Record(record.payload) for record in made.log("log.15").records[1:3]]
    records[1].put(48, b"X")
    other = Log(records)
    made.put("log.16", other)
    return made, [found("log-fork", DAMAGE, "log.16", other.offset(0x17), zxid=0x17)], [(0x0, 0x16, "proven"), (0x1b, 0x1c, "proven")], [0x17, 0x1a]


@fault
def log_zxid_order():
    """The records 0x18 and 0x19 are swapped; the time goes backwards with them."""
    made, log = s38(), s38().log("log.15")
    log.records[3], log.records[4] = log.records[4], log.records[3]
    made.put("log.15", log)
    findings = [found("log-zxid-order", WARNING, "log.15", zxid=0x18), found("log-clock-step", INFO, "log.15", zxid=0x18)]
    return made, findings, SOUND, []


@fault
def log_name_mismatch():
    """The middle log is named log.c."""
    made = s38()
    made.put("log.c", made.files["log.b"])
    made.drop("log.b")
    return made, [found("log-name-mismatch", WARNING, "log.c", zxid=0xb)], SOUND, []


@fault
def log_lookalike():
    """A copy of the newest log is beside it, and 3.6 and later read it too."""
    made = s38()
    made.put("log.15.bak", made.files["log.15"])
    return made, [found("file-lookalike", WARNING, "log.15.bak")], SOUND, []


@fault
def log_odd_header():
    """The header of the middle log has version 3 and dbid 7."""
    made, log = s38(), s38().log("log.b")
    log.header = struct.pack(">4siq", b"ZKLG", 3, 7)
    made.put("log.b", log)
    return made, [found("log-odd-header", WARNING, "log.b", 4)], SOUND, []


@fault
def log_odd_trailer():
    """Three bytes follow the digest of 0x1c."""
    made, log = s38(), s38().log("log.15")
    log.find(0x1c).payload += b"odd"
    made.put("log.15", log)
    return made, [found("log-odd-trailer", WARNING, "log.15")], SOUND, []


@fault
def log_clock_step():
    """The session 0x7 was opened five seconds before the previous txn: only its time is changed, which no znode has."""
    made, log = s38(), s38().log("log.1")
    record = log.find(0x7)
    record.put(20, struct.pack(">q", struct.unpack_from(">q", record.payload, 20)[0] - 5000))
    made.put("log.1", log)
    return made, [found("log-clock-step", INFO, "log.1", zxid=0x7)], SOUND, []


@fault
def log_txn_cut_out():
    """The record 0xe is missing, and all others are whole."""
    made, log = s38(), s38().log("log.b")
    log.records.remove(log.find(0xe))
    made.put("log.b", log)
    return made, [gap(0xe)], WITHOUT_E, [0xe, 0xf, 0x13]


@fault
def log_txn_changed():
    """The data of the record 0xe is changed, with a correct checksum: its own digest shows it."""
    made, log = s38(), s38().log("log.b")
    log.find(0xe).put(44, b"X")
    made.put("log.b", log)
    return made, [found("digest-mismatch", DAMAGE, zxid=0xe)], WITHOUT_E, [0xe]


@fault
def log_null_changed():
    """/app/null was created with empty data instead of null: no digest covers that, and every snapshot disagrees."""
    made, log = s38(), s38().log("log.1")
    log.find(0x4).put(32 + 4 + 9, struct.pack(">i", 0))
    made.put("log.1", log)
    # Three snapshots and the digests after them agree: the fault lies before the first of them.
    return made, [found("txns-differ", DAMAGE, zxid=0x9)], [(0x0, 0x9, "unproven"), (0xa, 0x1c, "proven")], []


@fault
def log_acl_changed():
    """/app/guarded was created with a different permission: no digest covers that either."""
    made, log = s38(), s38().log("log.1")
    log.find(0x8).put(32 + 4 + 12 + 4 + 13 + 4, struct.pack(">i", 3))
    made.put("log.1", log)
    # Three snapshots and the digests after them agree: the fault lies before the first of them.
    return made, [found("txns-differ", DAMAGE, zxid=0x9)], [(0x0, 0x9, "unproven"), (0xa, 0x1c, "proven")], []


@fault
def log_txn_changed_without_digests():
    """The same with 3.4: the next snapshots differ, and no digest decides."""
    made = s34("log.1", "log.a", "log.13", "snapshot.9", "snapshot.12")
    log = made.log("log.1")
    log.find(0x5).put(32 + 4 + 9 + 4, b"z")
    made.put("log.1", log)
    findings = [found("txns-differ", DAMAGE, zxid=0x9)]
    findings += [found("base-unproven", WARNING, zxid=zxid) for zxid in (0x12, 0x1c)]
    # 0x9 is in the log too, and a server of 3.4 may have counted it before it was done.
    findings += [found("close-uncertain", WARNING, zxid=zxid) for zxid in (0x9, 0x14)]
    return made, findings, [(0x0, 0x11, "unproven"), (0x12, 0x1c, "unproven")], []


# Snapshots.

def snapshot_14(change, code=None, **more):
    """snapshot.14 is changed, with correct seals; every point can be restored from another base."""
    made, snapshot = s38(), s38().snapshot("snapshot.14")
    change(snapshot)
    made.put("snapshot.14", snapshot)
    findings = [found(code, more.pop("severity", DAMAGE), "snapshot.14", **more)] if code else []
    return made, findings, SOUND, []


@fault
def snapshot_wrong_seal():
    """The checksum after the znodes of snapshot.14 is wrong."""
    made, snapshot = s38(), s38().snapshot("snapshot.14")
    data, at = bytearray(snapshot.bytes()), snapshot.seal()
    data[at + 7] ^= 1
    made.put("snapshot.14", bytes(data))
    return made, [found("snapshot-bad-checksum", DAMAGE, "snapshot.14", at)], SOUND, []


@fault
def snapshot_flipped_bit():
    """One bit of the data of /app/here in snapshot.14."""
    made, snapshot = s38(), s38().snapshot("snapshot.14")
    at = snapshot.offset(snapshot.find(b"/app/here")) + 4 + 9 + 4
    data = bytearray(snapshot.bytes())
    data[at] ^= 1
    made.put("snapshot.14", bytes(data))
    return made, [found("snapshot-bad-checksum", DAMAGE, "snapshot.14", snapshot.seal())], SOUND, []


@fault
def snapshot_cut():
    """snapshot.14 ends within the last of its znodes; every point can be restored without it."""
    made, snapshot = s38(), s38().snapshot("snapshot.14")
    node = snapshot.nodes[-1]
    at = snapshot.offset(node)
    made.put("snapshot.14", snapshot.bytes()[:at + 50])
    return made, [found("snapshot-cut", WARNING, "snapshot.14", at)], SOUND, []


@fault
def snapshot_cut_beyond_logs():
    """A snapshot that is later than all logs is cut: what it had is nowhere else."""
    made, snapshot = s38("snapshot.20"), s38("snapshot.20").snapshot("snapshot.20")
    node = snapshot.nodes[-1]
    at = snapshot.offset(node)
    made.put("snapshot.20", snapshot.bytes()[:at + 50])
    findings = [found("snapshot-cut", DAMAGE, "snapshot.20", at), gap(0x1d, WARNING)]
    return made, findings, SOUND, [0x1d, 0x20]


@fault
def snapshot_zero_length():
    """The newest snapshot has zero bytes."""
    made = s38()
    made.put("snapshot.1b", b"")
    return made, [found("snapshot-cut", WARNING, "snapshot.1b", 0)], SOUND, []


@fault
def snapshot_bad_magic():
    """snapshot.14 does not begin with ZKSN."""
    made = s38()
    made.put("snapshot.14", b"ZKSM" + made.files["snapshot.14"][4:])
    return made, [found("snapshot-bad-magic", DAMAGE, "snapshot.14", 0)], SOUND, []


@fault
def snapshot_missing_parent():
    """snapshot.14 lacks /app, which has children."""
    made, snapshot = s38(), s38().snapshot("snapshot.14")
    snapshot.nodes.remove(snapshot.find(b"/app"))
    orphan = next(node for node in snapshot.nodes if node.path.startswith(b"/app/"))
    made.put("snapshot.14", snapshot)
    return made, [found("snapshot-missing-parent", DAMAGE, "snapshot.14", snapshot.offset(orphan))], SOUND, []


@fault
def snapshot_second_root():
    """snapshot.14 has its root twice."""
    made, snapshot = s38(), s38().snapshot("snapshot.14")
    root = snapshot.nodes[0]
    second = Node(root.path, root.data, root.acl, root.stat)
    snapshot.nodes.insert(2, second)
    made.put("snapshot.14", snapshot)
    return made, [found("snapshot-damaged", DAMAGE, "snapshot.14", snapshot.offset(second))], SOUND, []


@fault
def snapshot_odd_header():
    """The header of snapshot.14 has version 3."""
    def change(snapshot):
        snapshot.header = struct.pack(">4siq", b"ZKSN", 3, -1)
    return snapshot_14(change, "snapshot-odd-header", severity=WARNING, offset=4)


@fault
def snapshot_dangling_acl():
    """snapshot.14 lacks the list that /app/guarded refers to: legal, if it was written while that was set."""
    return snapshot_14(lambda snapshot: snapshot.acls.clear(), "snapshot-dangling-acl", severity=INFO)


@fault
def acl_unresolved():
    """The same, and nothing else has the list."""
    made = s38().drop("log.1", "log.b", "snapshot.0", "snapshot.9", "snapshot.1b")
    snapshot = made.snapshot("snapshot.14")
    snapshot.acls.clear()
    made.put("snapshot.14", snapshot)
    findings = [found("snapshot-dangling-acl", INFO, "snapshot.14"), found("acl-unresolved", DAMAGE, zxid=0x1c)]
    return made, findings + [found("nothing-restorable", MISSING)], [], [0x14, 0x1c]


@fault
def snapshot_node_changed():
    """The data of /app/here in snapshot.14 is changed: digests and all other snapshots agree with the logs."""
    def change(snapshot):
        snapshot.find(b"/app/here").data = b"z"
    return snapshot_14(change, "snapshot-differs", zxid=0x14)


@fault
def snapshot_alien_without_digests():
    """The data of a znode in snapshot.9 is changed, and 3.4 logs no digests: only the txns and the next snapshot contradict it."""
    made = s34("log.1", "log.a", "log.13", "snapshot.9", "snapshot.12")
    snapshot = made.snapshot("snapshot.9")
    snapshot.find(b"/app/here").data = b"z"
    made.put("snapshot.9", snapshot)
    return made, [found("snapshot-differs", DAMAGE, "snapshot.9", zxid=0x9)], [(0x0, 0x1c, "consistent")], []


@fault
def snapshot_alien_as_the_oldest():
    """The same, but it is the oldest snapshot, and the logs before it are missing: two later snapshots agree without it."""
    made = s34("log.a", "log.13", "log.1d", "snapshot.9", "snapshot.12", "snapshot.1c")
    snapshot = made.snapshot("snapshot.9")
    snapshot.find(b"/app/here").data = b"z"
    made.put("snapshot.9", snapshot)
    findings = [found("snapshot-differs", DAMAGE, "snapshot.9", zxid=0x9), found("close-uncertain", WARNING, zxid=0x14)]
    findings += [found("base-unproven", WARNING, zxid=zxid) for zxid in (0x1c, 0x20)]
    return made, findings, [(0x1c, 0x20, "unproven")], [0x12]


@fault
def snapshot_node_dropped():
    """snapshot.14 lacks /app/null."""
    return snapshot_14(lambda snapshot: snapshot.nodes.remove(snapshot.find(b"/app/null")), "snapshot-differs", zxid=0x14)


@fault
def snapshot_node_changed_alone():
    """The same, with no older base: the digest in the file itself shows it."""
    made = s38().drop("log.1", "log.b", "snapshot.0", "snapshot.9", "snapshot.1b")
    snapshot = made.snapshot("snapshot.14")
    snapshot.find(b"/app/here").data = b"z"
    made.put("snapshot.14", snapshot)
    return made, [found("digest-mismatch", DAMAGE, zxid=0x14), found("nothing-restorable", MISSING)], [], [0x14, 0x1c]


@fault
def snapshot_session_dropped():
    """snapshot.14 lacks the session that owns /app/here."""
    return snapshot_14(lambda snapshot: snapshot.sessions.clear(), "snapshot-differs-sessions", severity=WARNING, zxid=0x14)


@fault
def ephemerals_uncovered():
    """The same, with no older base: every tree has an ephemeral that belongs to no session."""
    made = s38().drop("log.1", "log.b", "snapshot.0", "snapshot.9", "snapshot.1b")
    snapshot = made.snapshot("snapshot.14")
    snapshot.sessions.clear()
    made.put("snapshot.14", snapshot)
    return made, [found("ephemerals-uncovered", WARNING)], [(0x14, 0x1c, "proven")], []


@fault
def snapshot_gz_cut():
    """snapshot.20.gz ends in the middle of its compressed stream."""
    made = s39()
    data = made.files["snapshot.20.gz"]
    made.put("snapshot.20.gz", data[:len(data) // 2])
    whole = Snapshot.parse(zlib.decompress(data, 31))
    have = len(zlib.decompressobj(31).decompress(data[:len(data) // 2]))
    node = next(node for node in whole.nodes if whole.offset(node) + len(node.bytes()) > have)
    return made, [found("snapshot-cut", WARNING, "snapshot.20.gz", whole.offset(node))], SOUND39, []


@fault
def snapshot_gz_wrong_sum():
    """The CRC-32 at the end of snapshot.20.gz is wrong: all of its znodes can be read, but what follows their seal cannot."""
    made = s39()
    data = bytearray(made.files["snapshot.20.gz"])
    data[-8] ^= 1
    made.put("snapshot.20.gz", bytes(data))
    whole = Snapshot.parse(zlib.decompress(made.files["snapshot.20.gz"][10:-8], -15))
    return made, [found("snapshot-bad-compression", DAMAGE, "snapshot.20.gz", whole.seal() + 13)], SOUND39, []


@fault
def snapshot_snappy_cut():
    """snapshot.25.snappy ends within its only block, so that not one byte of it can be read."""
    made = s39()
    data = made.files["snapshot.25.snappy"]
    made.put("snapshot.25.snappy", data[:len(data) // 2])
    return made, [found("snapshot-cut", WARNING, "snapshot.25.snappy", 0)], SOUND39, []


# Files that are missing.

@fault
def snapshots_missing():
    """There are logs from the first txn on, and no snapshot: 3.8 refuses to start."""
    made = s38().drop("snapshot.0", "snapshot.9", "snapshot.14", "snapshot.1b")
    return made, [found("snapshots-missing", WARNING)], SOUND, []


@fault
def snapshots_missing_3_4():
    """The same with 3.4, which leaves it so and starts from it."""
    return s34("log.1", "log.a"), [found("snapshots-missing", INFO)], [(0x0, 0x12, "consistent")], []


@fault
def nothing_restorable():
    """There are neither snapshots nor the first log."""
    made = s38().drop("log.1", "snapshot.0", "snapshot.9", "snapshot.14", "snapshot.1b")
    return made, [found("snapshots-missing", WARNING), found("nothing-restorable", MISSING)], [], [0xb, 0x1c]


@fault
def logs_missing():
    """There are snapshots and no logs; snapshot.9 was not finished before 0xa, so it is exact at no point."""
    made = s38().drop("log.1", "log.b", "log.15")
    windows = [(0x0, 0x0, "consistent"), (0x14, 0x14, "proven"), (0x1b, 0x1b, "proven")]
    return made, [found("logs-missing", WARNING), lone(made, "snapshot.9")], windows, [0x9, 0xa, 0x1c]


@fault
def logs_behind_two_snapshots():
    """Two snapshots are later than the last log."""
    made = s38("snapshot.20", "snapshot.25")
    return made, [gap(0x1d)], SOUND + [(0x20, 0x20, "proven"), (0x25, 0x25, "proven")], [0x1d, 0x1f, 0x21, 0x24]


@fault
def logs_behind_one_snapshot():
    """One snapshot is later than the last log, as on a follower that was just sent the whole tree."""
    return s38("snapshot.20"), [gap(0x1d, WARNING)], SOUND + [(0x20, 0x20, "proven")], [0x1d, 0x1f]


@fault
def file_misplaced():
    """dataLogDir is not dataDir, and the middle log is in dataDir."""
    made = s38()
    for name in ("log.1", "log.15"):
        made.extra["log/version-2/" + name] = made.files.pop(name)
    made.extra.update({"data/version-2/" + name: made.files.pop(name) for name in list(made.files)})
    return made, [found("file-misplaced", WARNING, "data/version-2/log.b")], SOUND, []


@fault
def base_unproven():
    """A snapshot of 3.4 and the log after it: all that is known is that it was finished before the last txn."""
    return s34("snapshot.9", "log.a"), [found("base-unproven", WARNING, zxid=0x12)], [(0x12, 0x12, "unproven")], [0x9, 0xa, 0x11]


@fault
def close_uncertain():
    """The same, and a session that owned an ephemeral was closed meanwhile."""
    findings = [found("base-unproven", WARNING, zxid=0x1c), found("close-uncertain", WARNING, zxid=0x14)]
    return s34("snapshot.12", "log.13"), findings, [(0x1c, 0x1c, "unproven")], [0x13, 0x1b]


# Epochs.

def epochs(accepted, current):
    made = member()
    made.put("acceptedEpoch", accepted)
    made.put("currentEpoch", current)
    return made


@fault
def epoch_current_behind():
    """currentEpoch is 1, and the last txn is of epoch 2."""
    return epochs(b"2", b"1"), [found("epoch-files", WARNING, zxid=0x200000006)], SOUND_MEMBER, []


@fault
def epoch_accepted_behind():
    """acceptedEpoch is 1, and currentEpoch is 2."""
    return epochs(b"1", b"2"), [found("epoch-files", WARNING)], SOUND_MEMBER, []


@fault
def epoch_unparsable():
    """currentEpoch has a blank after its number."""
    return epochs(b"2", b"2 "), [found("epoch-files", DAMAGE)], SOUND_MEMBER, []


@fault
def epoch_empty():
    """acceptedEpoch has zero bytes."""
    return epochs(b"", b"2"), [found("epoch-files", DAMAGE)], SOUND_MEMBER, []


@fault
def epoch_current_missing():
    """currentEpoch is missing, and acceptedEpoch is there."""
    made = member()
    made.drop("currentEpoch")
    return made, [found("epoch-file-missing", WARNING, zxid=0x200000006)], SOUND_MEMBER, []


@fault
def epoch_accepted_missing():
    """acceptedEpoch is missing, and currentEpoch is there."""
    made = member()
    made.drop("acceptedEpoch")
    return made, [found("epoch-file-missing", WARNING, zxid=0x200000006)], SOUND_MEMBER, []


@fault
def epoch_tmp_leftover():
    """A currentEpoch.tmp is left."""
    made = member()
    made.put("currentEpoch.tmp", b"2")
    return made, [found("file-leftover", INFO, "currentEpoch.tmp")], SOUND_MEMBER, []


def without_digests(made):
    """Takes the digests out of all logs, as if the server had digests turned off."""
    for name in [name for name in made.files if name.startswith("log.")]:
        log = made.log(name)
        for record in log.records:
            assert record.payload[-12:-8] == struct.pack(">i", 2)
            record.payload = record.payload[:-12]
        made.put(name, log)
    return made


@fault
def epoch_end_unproven():
    """Digests are off, and there is no snapshot after the end of epoch 1."""
    made = without_digests(member().drop("snapshot.200000005"))
    return made, [found("epoch-end-unproven", WARNING, zxid=0x100000015)], [(0x100000011, 0x200000006, "unproven")], []


@fault
def epoch_end_witnessed():
    """Digests are off, and a snapshot of epoch 2 is exactly what the txns lead to."""
    return without_digests(member()), [], [(0x100000011, 0x200000006, "consistent")], []


@fault
def epoch_end_lost():
    """The last two txns of epoch 1 are missing: zxids do not show it, but the first digest of epoch 2 does."""
    made, log = member(), member().log("log.100000012")
    del log.records[-2:]
    made.put("log.100000012", log)
    return made, [gap(0x100000014)], [(0x100000011, 0x100000013, "proven"), (0x200000005, 0x200000006, "proven")], [0x100000014, 0x200000001]


@fault
def epoch_end_lost_and_overwritten():
    """The same, and later txns set /app again: from then on digests match, but the history before the first mismatch is not whole."""
    made = Dir("small-member-3.9", "snapshot.100000011", "log.100000012", "log.200000001", "snapshot.200000005", "log.200000007",
               "snapshot.20000000d", "log.20000000e")
    log = made.log("log.100000012")
    del log.records[-2:]
    made.put("log.100000012", log)
    return made, [gap(0x100000014)], [(0x100000011, 0x100000013, "proven"), (0x200000005, 0x200000013, "proven")], [0x100000014, 0x200000001]


@fault
def epoch_end_zeroed():
    """The last two txns of epoch 1 are zeros, as if the server had ended the log there: the first digest of epoch 2 shows it."""
    made, log = member(), member().log("log.100000012")
    length = len(log.bytes())
    del log.records[-2:]
    made.put("log.100000012", log.bytes().ljust(length, b"\0"))
    return made, [gap(0x100000014)], [(0x100000011, 0x100000013, "proven"), (0x200000005, 0x200000006, "proven")], [0x100000014, 0x200000001]


@fault
def epoch_end_log_removed():
    """The only log of epoch 1 is missing: the first digest of epoch 2 shows it, and znodes of a later snapshot name its txns."""
    made = member().drop("log.100000012")
    return made, [gap(0x100000012)], [(0x100000011, 0x100000011, "proven"), (0x200000005, 0x200000006, "proven")], [0x100000015, 0x200000001]


@fault
def epoch_end_lost_without_digests():
    """The last two txns of epoch 1 are missing, and digests are off: a znode of a later snapshot was made by one of them."""
    made = without_digests(member())
    log = made.log("log.100000012")
    del log.records[-2:]
    made.put("log.100000012", log)
    # The later snapshot has its own digest.
    windows = [(0x100000011, 0x100000013, "consistent"), (0x200000005, 0x200000006, "proven")]
    return made, [gap(0x100000014)], windows, [0x100000014, 0x200000001]


@fault
def epoch_tail_abandoned():
    """Epoch 1 has one more txn, which sets /app and which the leader of epoch 2 never had."""
    made, log = member(), member().log("log.100000012")
    last = log.find(0x100000015)
    extra = last.renumbered(0x100000016).put(32 + 4 + 4 + 4, b"X")
    # Also a different version, and no digest, as if digests were off for a moment.
    extra.payload = extra.payload[:-16] + struct.pack(">i", 11)
    log.records.append(extra)
    made.put("log.100000012", log)
    return made, [gap(0x100000017)], [(0x100000011, 0x100000015, "proven"), (0x200000005, 0x200000006, "proven")], [0x200000001]


@fault
def epoch_tail_abandoned_session():
    """Epoch 1 has one more txn, which opens a session: no digest shows it, but a snapshot of epoch 2 does not have the session."""
    made, log = member(), member().log("log.100000012")
    opened = member().log("log.200000001").find(0x200000001).renumbered(0x100000016)
    opened.put(0, struct.pack(">q", 0x7700000000000001))
    log.records.append(opened)
    made.put("log.100000012", log)
    return made, [found("snapshot-differs-sessions", WARNING, "snapshot.200000005", zxid=0x200000005)], SOUND_MEMBER, []


@fault
def counter_near_overflow():
    """The counter of epoch 0 reaches the last number that is used, and epoch 1 begins."""
    made = s34("snapshot.9", "log.a")
    records = [record.renumbered(zxid) for record, zxid in zip(made.log("log.a").records, [0xfffffffe, *range(0x100000001, 0x100000009)])]
    made.put("snapshot.fffffffd", made.files["snapshot.9"])
    made.put("log.fffffffe", Log(records[:1]))
    made.put("log.100000001", Log(records[1:]))
    made.drop("snapshot.9", "log.a")
    findings = [found("epoch-end-unproven", WARNING, zxid=0xfffffffe), found("base-unproven", WARNING, zxid=0x100000008)]
    return made, findings, [(0x100000008, 0x100000008, "unproven")], [0xffffffff]


# Snapshots without logs.

def lone(made, name):
    """The finding for such a snapshot: whether it shows a txn later than its own name."""
    zxid, shows = int(name.split(".")[1], 16), made.snapshot(name).max_zxid()
    return found("snapshot-alone" if shows <= zxid else "snapshot-alone-inexact", WARNING, name, zxid=zxid)


NO_LOGS = found("logs-missing", WARNING)


@fault
def snapshot_alone():
    """A snapshot of 3.4 and nothing else, as from a directory whose dataLogDir was forgotten: it shows no later txn, and nothing proves more."""
    made = s34("snapshot.12")
    return made, [NO_LOGS, lone(made, "snapshot.12"), found("nothing-exact", WARNING)], [], [0x12, 0x13]


@fault
def snapshots_alone_fuzzy_last():
    """Two snapshots of 3.4 without logs, of which the later has an effect of 0x1d: that tree never existed."""
    made = s34("snapshot.12", "snapshot.1c")
    findings = [NO_LOGS, lone(made, "snapshot.12"), lone(made, "snapshot.1c"), found("nothing-restorable", MISSING)]
    assert findings[1]["code"] != findings[2]["code"]
    return made, findings, [], [0x12, 0x1c, 0x1d]


@fault
def snapshot_of_an_epoch_alone():
    """A member of an ensemble of 3.4 that never had a client: the zxid in the name belongs to no txn."""
    made = Dir("small-idle-3.4", "snapshot.100000000", "acceptedEpoch", "currentEpoch")
    return made, [NO_LOGS, lone(made, "snapshot.100000000"), found("nothing-exact", WARNING)], [], [0x100000000]


@fault
def snapshot_of_an_epoch_behind_the_logs():
    """A snapshot of 3.4 that a leader took as it began epoch 1, before any txn of it: it says nothing that the logs do not."""
    made = s34("snapshot.9", "log.a", "snapshot.12")
    made.put("snapshot.100000000", made.files["snapshot.12"])
    findings = [found("base-unproven", WARNING, zxid=0x12)]
    return made, findings, [(0x12, 0x12, "unproven")], [0x9]


@fault
def snapshot_alone_ahead_of_its_digest():
    """A snapshot of 3.8 that holds a part of the txn that was being applied, and no log to show that: its digest is of the tree before. That is no damage."""
    made = s38().drop("log.1", "log.b", "log.15", "snapshot.0", "snapshot.9", "snapshot.1b")
    snapshot = made.snapshot("snapshot.14")
    app = snapshot.find(b"/app")
    app.stat = app.stat[:8] + struct.pack(">q", 0x15) + app.stat[16:]
    made.put("snapshot.14", snapshot)
    findings = [NO_LOGS, lone(made, "snapshot.14"), found("nothing-restorable", MISSING)]
    assert findings[1]["code"] == "snapshot-alone-inexact"
    return made, findings, [], [0x14]


# Counters that reach their end.

def s39_counter(*names):
    """By a standalone server of 3.9.4, whose counter ends within log.fffffff1."""
    return Dir("small-counter-3.9", *names)


@fault
def sound_counter_over_the_end():
    """A standalone server went on from 0xffffffff to 0x100000000: nothing is missing, and no epoch ended."""
    made = s39_counter("snapshot.fffffff0", "log.fffffff1", "snapshot.100000003", "log.100000004")
    return made, [], [(0xfffffff0, 0x10000000c, "proven")], []


@fault
def sound_counter_over_the_end_between_logs():
    """The same, and a log begins with counter 0; the snapshot after it is missing."""
    made = s39_counter("snapshot.fffffff0", "log.fffffff1", "log.100000004")
    records = made.log("log.fffffff1").records
    made.put("log.fffffff1", Log([record for record in records if record.zxid <= 0xffffffff]))
    made.put("log.100000000", Log([record for record in records if record.zxid > 0xffffffff]))
    return made, [], [(0xfffffff0, 0x10000000c, "proven")], []


@fault
def counter_over_the_end_lost():
    """The last txns before a log that begins with counter 0 are missing: that is certain, since no epoch ended."""
    made = sound_counter_over_the_end_between_logs()[0]
    log = made.log("log.fffffff1")
    del log.records[-3:]
    made.put("log.fffffff1", log)
    findings = [gap(0xfffffffd), found("last-unreachable", MISSING, zxid=0xfffffffc)]
    return made, findings, [(0xfffffff0, 0xfffffffc, "proven")], [0xfffffffd, 0xffffffff, 0x100000000, 0x10000000c]


@fault
def counter_near_end():
    """The last zxid is 0xfffffff0; snapshot.ffffffe6 was finished at 0xffffffe7."""
    made = s39_counter("snapshot.ffffffe6", "log.ffffffe1", "log.ffffffe8", "log.fffffff0")
    return made, [found("counter-near-end", WARNING, zxid=0xfffffff0)], [(0xffffffe7, 0xfffffff0, "proven")], []


@fault
def cversion_near_end():
    """/app has had nearly as many children as a cversion can count."""
    made = s34("snapshot.9", "log.a")
    snapshot = made.snapshot("snapshot.9")
    app = snapshot.find(b"/app")
    app.stat = app.stat[:36] + struct.pack(">i", 0x7ffffff0) + app.stat[40:]
    made.put("snapshot.9", snapshot)
    findings = [found("base-unproven", WARNING, zxid=0x12), found("cversion-near-end", WARNING, zxid=0x12)]
    return made, findings, [(0x12, 0x12, "unproven")], [0x9, 0xa, 0x11]


def main():
    out = pathlib.Path(sys.argv[1])
    expected = {}
    for name, make in FAULTS.items():
        made, findings, windows, lost = make()
        files = {"version-2/" + name: data for name, data in made.files.items()} | made.extra
        for path, data in files.items():
            target = out / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        worst = max((finding["severity"] for finding in findings), key=RANK.index, default=INFO)
        expected[name] = {
            "shows": SHOWS[name],
            "findings": findings,
            "windows": [[hex(first), hex(last), proof] for first, last, proof in windows],
            "status": STATUS[worst],
            "lost": [hex(zxid) for zxid in lost],
        }
        if made.behind:
            expected[name]["behind_header"] = made.behind
        if made.latest is not None:
            expected[name]["latest"] = made.latest
    (out / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
