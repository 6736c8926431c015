//! The records that logs and snapshots hold, each with its decoder beside its encoder.

pub mod acl;
pub mod digest;
pub mod effects;
mod equivalence;
mod error_code;
pub mod named_paths;
pub mod stat;
pub mod txn;
mod txn_kind;

pub use acl::{Acl, AclVector};
pub use effects::Effect;
pub use equivalence::is_same_txn;
pub use error_code::error_name;
pub use stat::Stat;
pub use txn::{Create, CreateKind, Multi, PathVector, SubTxn, Txn, TxnBody, TxnDigest, TxnHeader};
pub use txn_kind::{AppliesTo, TxnKind};
