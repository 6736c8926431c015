//! The types of this folder as a list, for the page that describes them.

use super::{
    Backup, Backups, Check, Compare, Copy, DiffLine, Drill, Du, Explain, ExplainDirectory, Export,
    ExportLine, ExportTree, Failure, Forget, HistoryLine, Init, Inspect, LogTxn, LsLine, Pin,
    Prune, Restore, Top, Verify, Znode, ZnodeAt,
};
use schemars::{Schema, schema_for};

/// The schema of each document, in the order of the page.
pub fn documents() -> Vec<Schema> {
    vec![
        schema_for!(Inspect),
        schema_for!(Verify),
        schema_for!(Compare),
        schema_for!(Explain),
        schema_for!(ExplainDirectory),
        schema_for!(Top),
        schema_for!(LogTxn),
        schema_for!(ZnodeAt),
        schema_for!(LsLine),
        schema_for!(Du),
        schema_for!(HistoryLine),
        schema_for!(DiffLine),
        schema_for!(Restore),
        schema_for!(Export),
        schema_for!(ExportTree<Vec<Znode>>),
        schema_for!(ExportLine),
        schema_for!(Init),
        schema_for!(Backup),
        schema_for!(Backups),
        schema_for!(Check),
        schema_for!(Drill),
        schema_for!(Forget),
        schema_for!(Prune),
        schema_for!(Pin),
        schema_for!(Copy),
        schema_for!(Failure),
    ]
}
