//! What to do next, in words: the one place that names the options of the program for it.

use crate::cli::views::text;
use std::borrow::Cow;
use zoovault::error::Hint;

/// One hint.
pub fn words(hint: &Hint) -> Cow<'static, str> {
    Cow::Borrowed(match hint {
        Hint::Plain(text) => return text.clone(),
        Hint::UseSnapshotAsIs { name } => {
            return format!(
                "{name} shows no later transaction: with --accept-unproven 'restore' and 'export' use it as it is, and with --as-is 'ls', 'cat' and others show it"
            )
            .into();
        }
        Hint::InspectSnapshotAsIs { name, why } => {
            return format!(
                "of {name}: {why}; so it can only be inspected: 'ls', 'cat', 'stat', 'du', 'diff' and 'export --format jsonl' take --as-is"
            )
            .into();
        }
        Hint::LastReadable(last) => {
            return format!(
                "what follows is unknown; '--to {last}' is the last transaction that can be read"
            )
            .into();
        }
        Hint::NameDataDir { place } => {
            let place = text::shell(place.as_bytes());
            return format!("name one of them: zoovault verify {place}").into();
        }
        Hint::GiveBoth { data_dir, log_dir } => {
            return format!(
                "{data_dir} has the snapshots and {log_dir} the logs: give '{} --data-log-dir {}'. A server with their parent as its dataDir would start empty",
                text::shell(data_dir.as_bytes()),
                text::shell(log_dir.as_bytes())
            )
            .into();
        }
        Hint::RunAsOwner => "run as the user that owns it, or as root",
        Hint::NameLogDir => "give a separate dataLogDir with --data-log-dir",
        Hint::FindLogs => {
            "if there is a separate dataLogDir, give it with --data-log-dir; otherwise the logs were lost or not copied"
        }
        Hint::FindLogsOrAcceptUnproven => {
            "find the logs (a separate dataLogDir?); 'zoovault restore --accept-unproven' uses the snapshot as it is"
        }
        Hint::FindLogsOrInspect => {
            "find the logs (a separate dataLogDir?); 'zoovault ls --as-is' and others show what is in the snapshot"
        }
        Hint::LatestIsLast => "'--to latest' is the last point available",
        Hint::PerhapsLatest => "if that is the point you mean, use '--to latest'",
        Hint::DropEphemerals => "restore with --ephemerals drop",
        Hint::DropEphemeralsIfTheyMatter => {
            "nothing to do unless ephemerals matter; then restore with --ephemerals drop"
        }
        Hint::OneTargetOrTwo => {
            "omit --data-log-dir for a single directory, or name two separate ones"
        }
        Hint::NameWhatToKeep => "say what to keep: --keep-last, --keep-daily, --keep-within, …",
        Hint::ForgetLineage => {
            "make another one first; to forget an abandoned lineage, use --lineage"
        }
    })
}

/// All hints of one failure; `None` where there is none.
pub fn all(hints: &[Hint]) -> Option<String> {
    let words: Vec<Cow<'_, str>> = hints.iter().map(words).collect();
    (!words.is_empty()).then(|| words.join("; "))
}
