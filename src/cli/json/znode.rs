//! What `cat`, `stat`, `ls`, `du` and `export` write: znodes, and the point that they are of.

use super::bytes::{AsText, DataField, IdField, PathField, SchemeField};
use super::write;
use crate::cli::views::value::Perms;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::rc::Rc;
use zoovault::format::record::{Acl, AclVector};
use zoovault::zxid::{Hex, SessionId, Zxid};

/// `zoovault cat --json` and `zoovault stat --json`
#[derive(Debug, JsonSchema, Serialize)]
pub struct ZnodeAt<'a> {
    /// The point.
    #[serde(flatten)]
    pub point: PointFields<'a>,
    /// The znode. `stat` leaves the data out.
    #[serde(flatten)]
    pub znode: Znode<'a>,
}

/// The point at which a tree is shown.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct PointFields<'a> {
    /// The exit status.
    pub exit_status: u8,
    /// `proven`, `consistent` or `unproven`.
    pub proof: &'static str,
    /// Only of a snapshot without logs: the highest zxid that its znodes show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shows_zxid: Option<AsText<Zxid>>,
    /// The source, as it was named.
    pub source: &'a str,
    /// The time of the last transaction.
    pub time_ms: Option<i64>,
    /// What makes the tree uncertain.
    pub warnings: &'a [String],
    /// The last transaction.
    pub zxid: AsText<Zxid>,
}

/// `zoovault ls --json`. One line for each znode; with `--deleted`, lines of the second form
/// follow.
#[derive(Debug, JsonSchema, Serialize)]
#[serde(untagged)]
pub enum LsLine<'a> {
    /// A znode.
    Znode(Znode<'a>),
    /// A znode that was deleted.
    Deleted(DeletedZnode<'a>),
}

/// A znode.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Znode<'a> {
    /// The path.
    #[serde(flatten)]
    pub path: PathField<'a>,
    /// `persistent`, `ephemeral`, `container` or `ttl`.
    pub kind: &'static str,
    /// How long it lives without a change and without children.
    pub ttl_ms: Option<i64>,
    /// How many children it has.
    pub children: u32,
    /// How many bytes of data it has.
    pub data_length: usize,
    /// Whether it has no data at all, which is not the same as empty data.
    pub data_is_null: bool,
    /// The data.
    #[serde(flatten)]
    pub data: Option<DataField<'a>>,
    /// The transaction that created it.
    pub czxid: AsText<Zxid>,
    /// The transaction that last set its data.
    pub mzxid: AsText<Zxid>,
    /// The transaction that last created or deleted a child.
    pub pzxid: AsText<Zxid>,
    /// When it was created.
    pub ctime_ms: i64,
    /// When its data was last set.
    pub mtime_ms: i64,
    /// How often its data was set.
    pub version: i32,
    /// The stored one: how often a child was created.
    pub cversion: i32,
    /// The one that clients see.
    pub client_cversion: i32,
    /// How often its ACL was set.
    pub aversion: i32,
    /// The session that it belongs to; `0x0` if none.
    pub ephemeral_owner: AsText<Hex>,
    /// The ACL; `null` if the snapshot lacks it.
    pub acl: Option<AclField>,
    /// The id of an ACL that the snapshot lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acl_unknown_id: Option<i64>,
}

/// A znode that was deleted.
#[derive(Debug, JsonSchema, Serialize)]
pub struct DeletedZnode<'a> {
    /// How often its ACL was set.
    pub aversion: i32,
    /// When it was created.
    pub ctime_ms: i64,
    /// How often a child was created.
    pub cversion: i32,
    /// The transaction that created it.
    pub czxid: AsText<Zxid>,
    /// Whether it had no data at all.
    pub data_is_null: bool,
    /// How many bytes of data it had.
    pub data_length: usize,
    /// How it was deleted.
    pub deleted: Deletion,
    /// The session that it belonged to; `0x0` if none.
    pub ephemeral_owner: AsText<Hex>,
    /// When its data was last set.
    pub mtime_ms: i64,
    /// The transaction that last set its data.
    pub mzxid: AsText<Zxid>,
    /// The path.
    #[serde(flatten)]
    pub path: PathField<'a>,
    /// The transaction that last created or deleted a child.
    pub pzxid: AsText<Zxid>,
    /// How often its data was set.
    pub version: i32,
}

/// How a znode was deleted.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Deletion {
    /// `delete`, or `closeSession` if it went with its session.
    pub by: &'static str,
    /// The command that shows its last state.
    pub command: String,
    /// The session that deleted it.
    pub session: AsText<SessionId>,
    /// When.
    pub time_ms: i64,
    /// The transaction that deleted it.
    pub zxid: AsText<Zxid>,
}

/// `zoovault du --json`
#[derive(Debug, JsonSchema, Serialize)]
pub struct Du<'a> {
    /// The point.
    #[serde(flatten)]
    pub point: PointFields<'a>,
    /// The subtrees, the largest first.
    pub subtrees: Vec<Subtree<'a>>,
}

/// A znode and everything below it.
#[derive(Debug, JsonSchema, Serialize)]
pub struct Subtree<'a> {
    /// Bytes of data, its own and all below.
    pub bytes: u64,
    /// How many names its path has more than that of the znode that was asked for.
    pub depth: usize,
    /// How many of its znodes are ephemerals.
    pub ephemerals: u64,
    /// Bytes of the znode's own data.
    pub own_bytes: u64,
    /// The path.
    #[serde(flatten)]
    pub path: PathField<'a>,
    /// Bytes that all of it takes in a snapshot.
    pub stored_bytes: u64,
    /// How many znodes it has.
    pub znodes: u64,
}

/// `zoovault export --format jsonl`. One line each for a header, the znodes, and for a whole tree
/// the sessions.
#[derive(Debug, JsonSchema, Serialize)]
#[serde(untagged)]
pub enum ExportLine<'a> {
    /// The first line.
    Header(ExportHeader<'a>),
    /// A znode.
    Znode(ExportZnode<'a>),
    /// A session.
    Session(ExportSession),
}

/// What the lines of an export are of.
#[derive(Debug, JsonSchema, Serialize)]
pub struct ExportHeader<'a> {
    /// The exit status.
    pub exit_status: u8,
    /// `zoovault-tree`.
    pub format: &'static str,
    /// 1.
    pub format_version: u32,
    /// The znode at the top.
    #[serde(flatten)]
    pub path: PathField<'a>,
    /// `proven`, `consistent` or `unproven`.
    pub proof: &'static str,
    /// `header`.
    pub record: &'static str,
    /// Only of a snapshot without logs: the highest zxid that its znodes show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shows_zxid: Option<AsText<Zxid>>,
    /// The source, as it was named.
    pub source: &'a str,
    /// The time of the last transaction.
    pub time_ms: Option<i64>,
    /// What makes the tree uncertain.
    pub warnings: &'a [String],
    /// How many znodes follow.
    pub znodes: usize,
    /// The last transaction.
    pub zxid: AsText<Zxid>,
}

/// A znode of an export.
#[derive(Debug, JsonSchema, Serialize)]
pub struct ExportZnode<'a> {
    /// The znode.
    #[serde(flatten)]
    pub znode: Znode<'a>,
    /// `znode`.
    pub record: &'static str,
}

/// A session of an export.
#[derive(Debug, JsonSchema, Serialize)]
pub struct ExportSession {
    /// `session`.
    pub record: &'static str,
    /// Its id.
    pub session: AsText<SessionId>,
    /// Its timeout.
    pub timeout_ms: i32,
}

/// `zoovault export --format json`
#[derive(Debug, JsonSchema, Serialize)]
pub struct ExportTree<'a, Znodes> {
    /// The exit status.
    pub exit_status: u8,
    /// `zoovault-tree`.
    pub format: &'static str,
    /// 1.
    pub format_version: u32,
    /// The znode at the top.
    #[serde(flatten)]
    pub path: PathField<'a>,
    /// `proven`, `consistent` or `unproven`.
    pub proof: &'static str,
    /// Only of a snapshot without logs: the highest zxid that its znodes show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shows_zxid: Option<AsText<Zxid>>,
    /// The source, as it was named.
    pub source: &'a str,
    /// The time of the last transaction.
    pub time_ms: Option<i64>,
    /// What makes the tree uncertain.
    pub warnings: &'a [String],
    /// How many znodes there are.
    pub znode_count: usize,
    /// The last transaction.
    pub zxid: AsText<Zxid>,
    /// The znodes.
    pub znodes: Znodes,
}

/// What is known of a znode, or what differs: other fields are left out.
#[derive(Debug, Default, JsonSchema, Serialize)]
pub struct ZnodeState<'a> {
    /// The ACL; `null` if the snapshot lacks it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acl: Option<Option<AclField>>,
    /// How often its ACL was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aversion: Option<i32>,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ctime_ms: Option<i64>,
    /// How often a child was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cversion: Option<i32>,
    /// The transaction that created it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub czxid: Option<AsText<Zxid>>,
    /// The data, with `--values`.
    #[serde(flatten)]
    pub data: Option<DataField<'a>>,
    /// The session that it belongs to; `0x0` if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ephemeral_owner: Option<AsText<Hex>>,
    /// When its data was last set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtime_ms: Option<i64>,
    /// The transaction that last set its data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mzxid: Option<AsText<Zxid>>,
    /// The transaction that last created or deleted a child.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pzxid: Option<AsText<Zxid>>,
    /// How many bytes of data it has; `null` if it has none at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<Option<usize>>,
    /// How often its data was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i32>,
}

/// An ACL, as a list of its entries. Its text is made once for all znodes with the same.
#[derive(Clone, Debug)]
pub struct AclField(Rc<RawValue>);

impl From<AclVector<'_>> for AclField {
    fn from(list: AclVector<'_>) -> AclField {
        let entries: Vec<AclEntry<'_>> = list.entries().into_iter().map(AclEntry::from).collect();
        let text = write::raw(&entries).expect("an ACL can be JSON");
        AclField(text.into())
    }
}

/// The ACL that was written last, as its bytes and as JSON: most are the same as the one before.
#[derive(Debug, Default)]
pub struct LastAcl(Option<(Vec<u8>, AclField)>);

impl LastAcl {
    /// The field for `list`.
    pub fn field(&mut self, list: AclVector<'_>) -> AclField {
        match &self.0 {
            Some((bytes, field)) if bytes == list.bytes() => field.clone(),
            Some(_) | None => {
                let field = AclField::from(list);
                self.0 = Some((list.bytes().to_vec(), field.clone()));
                field
            }
        }
    }
}

impl Serialize for AclField {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl JsonSchema for AclField {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        Vec::<AclEntry<'static>>::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Vec::<AclEntry<'static>>::json_schema(generator)
    }
}

/// An entry of an ACL.
#[derive(Debug, JsonSchema, Serialize)]
pub struct AclEntry<'a> {
    /// The id, such as `anyone`.
    #[serde(flatten)]
    id: IdField<'a>,
    /// The permissions: read 1, write 2, create 4, delete 8, admin 16.
    perms: i32,
    /// Their letters, as zkCli has them.
    perms_text: AsText<Perms>,
    /// The scheme, such as `world`.
    #[serde(flatten)]
    scheme: SchemeField<'a>,
}

impl<'a> From<Acl<'a>> for AclEntry<'a> {
    fn from(acl: Acl<'a>) -> AclEntry<'a> {
        AclEntry {
            id: acl.id.into(),
            perms: acl.perms,
            perms_text: AsText(Perms(acl.perms)),
            scheme: acl.scheme.into(),
        }
    }
}
