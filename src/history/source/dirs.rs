//! Which two folders are a dataDir and its dataLogDir, by how people call them.

/// How a dataLogDir is called, in part.
const LOG_WORDS: [&str; 6] = ["transaction", "txn", "txlog", "log", "wal", "tx"];
/// What else such names are made of, whatever the server is called.
const OTHER_WORDS: [&str; 8] = ["snapshot", "snap", "data", "lib", "state", "dir", "db", "s"];

/// What `name` says of a dataLogDir: whether it is one, and what is left that tells whose it is.
fn read(name: &str) -> (bool, String) {
    let mut rest = name.to_ascii_lowercase();
    // A name is taken apart at what is no letter or digit; a word may stand in a longer one.
    let mut is_log = false;
    for word in LOG_WORDS {
        is_log |= rest.contains(word);
        rest = rest.replace(word, "\0");
    }
    for word in OTHER_WORDS {
        rest = match word.len() {
            1 => rest.replace(&format!("\0{word}"), "\0"),
            _ => rest.replace(word, "\0"),
        };
    }
    rest.retain(|c| c.is_alphanumeric());
    (is_log, rest)
}

/// Whether the folder `log_dir` of an archive is, for sure, the dataLogDir of the dataDir
/// `data_dir` beside or below it: one is called a log's and the other is not, and nothing else in
/// their names differs. Both without `version-2`.
pub(super) fn are_pair(data_dir: &str, log_dir: &str) -> bool {
    let parts = |dir: &'_ str| -> Vec<String> {
        let parts = dir.split('/').filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    };
    let (mut data, mut log) = (parts(data_dir), parts(log_dir));
    let same = data.iter().zip(&log).take_while(|(a, b)| a == b).count();
    data.drain(..same);
    log.drain(..same);
    while data.last().is_some_and(|last| Some(last) == log.last()) {
        data.pop();
        log.pop();
    }
    match (data.as_slice(), log.as_slice()) {
        ([data], [log]) => {
            let ((data_is_log, data), (log_is_log, log)) = (read(data), read(log));
            log_is_log && !data_is_log && data == log
        }
        // One lies in the other.
        ([], [log]) => read(log) == (true, String::new()),
        ([data], []) => read(data) == (false, String::new()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::are_pair;

    #[test]
    fn a_data_dir_and_its_data_log_dir_are_told_by_their_names() {
        for (data, log) in [
            ("data", "datalog"),
            ("data", "txlogs"),
            ("data", "transaction-logs"),
            ("zookeeper/data", "zookeeper/dataLog"),
            ("zookeeper/data", "zookeeper/log"),
            ("srv/zk1/snap", "srv/zk1/txn_log"),
            ("var/lib/zookeeper", "var/log/zookeeper"),
            ("var/lib/zookeeper", "var/lib/zookeeper/log"),
            ("var/lib/zookeeper", "var/lib/zookeeper-log"),
            ("zk/logs/data", "zk/logs"),
            ("zk-3-data", "zk-3-logs"),
            ("data1", "log1"),
            ("data", "wal"),
            ("", "log"),
        ] {
            assert!(are_pair(data, log), "{data} {log}");
            assert!(!are_pair(log, data), "{log} {data}");
        }
    }

    #[test]
    fn what_may_be_of_two_servers_is_no_pair() {
        for (data, log) in [
            ("b/snap", "a/log"),
            ("b", "a"),
            ("zk2/data", "zk1/log"),
            ("zk2", "zk1"),
            ("zk2-data", "zk1-log"),
            ("beta-data", "alpha-log"),
            ("disk1/zookeeper", "disk2/zookeeper"),
            ("a/logs", "b/logs"),
            ("zk/old", "zk/log"),
            ("zk", "zk/old"),
            ("zk", "zk/a/log"),
            ("data", "data"),
        ] {
            assert!(!are_pair(data, log), "{data} {log}");
        }
    }
}
