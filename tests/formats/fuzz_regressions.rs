//! Every input that a fuzzer ever broke something with, through all of its targets again.

use crate::common;
#[path = "../fuzz/targets.rs"]
mod targets;

#[test]
fn what_once_broke_a_decoder_breaks_none_now() {
    for entry in std::fs::read_dir(common::testdata().join("fuzz")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        targets::txnlog(&bytes);
        targets::snapshot(&bytes);
        targets::txn(&bytes);
    }
}
