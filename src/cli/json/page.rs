//! The types of this folder as a list, for the page that describes them.

use super::{
    Backup, Backups, Check, Compare, Copy, Drill, Explain, ExplainDirectory, Export, Failure,
    Forget, Init, Inspect, Pin, Prune, Restore, Top, Verify,
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
        schema_for!(Restore),
        schema_for!(Export),
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
