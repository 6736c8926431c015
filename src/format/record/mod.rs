//! The records that logs and snapshots hold, each with its decoder beside its encoder.

pub mod acl;
pub mod digest;
mod error_code;
mod same;
pub mod stat;
pub mod touched;
pub mod txn;

pub use acl::{Acl, AclVector};
pub use error_code::error_name;
pub use same::is_same_txn;
pub use stat::Stat;
pub use txn::{
    Create, CreateKind, Multi, PathVector, SubTxn, Txn, TxnBody, TxnDigest, TxnHeader, op,
};
