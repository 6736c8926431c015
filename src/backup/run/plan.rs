//! What a run is to store, and what it has to say before it begins.

use super::assign_lineage::{Parting, Place};
use super::candidates::{Candidate, Due, PlannedBase, bases_in_order, candidates};
use super::lineage::Lineage;
use super::scan::{Scan, Stretch};
use super::upload::Target;
use super::{Context, Judgement, Options};
use crate::error::{Error, ErrorKind, Result};
use crate::history::source::{Source, SourceFile};
use crate::progress::Progress;
use crate::repository::{LineageContents, Listing, Repository};
use crate::zxid::Zxid;
use std::time::{Instant, SystemTime};

/// How far a source's last txn may be behind that of the lineage, by their times, before it is
/// called stale: members of one ensemble never are all alike.
const STALE_MS: i64 = 15 * 60 * 1000;

/// What is to be stored. Nothing is written yet.
pub struct Plan<'a> {
    /// Stretches of the source's logs that the repository lacks, in order.
    pub logs: Vec<Stretch>,
    /// Snapshots that give points of the source, in order. One is stored where what the repository
    /// holds by then does not give all of its points.
    pub bases: Vec<PlannedBase>,
    /// What there is to say so far.
    pub judgement: Judgement,
    /// Whether the lineage went on without the source's last txns, and those are older: nothing is
    /// stored or committed.
    pub is_abandoned: bool,
    /// When reading began, by both clocks.
    pub(super) begun: (Instant, SystemTime),
    pub(super) context: Context<'a>,
    pub(super) listing: Listing,
    pub(super) scan: Scan<'a>,
    pub(super) lineage: Lineage,
    /// What the repository holds of the lineage.
    pub(super) held: LineageContents,
    /// Snapshots that are to be looked at, since no log may go with them.
    pub(super) candidates: Vec<Candidate>,
    pub(super) due: Option<Due<'a>>,
}

/// Finds out what [`execute`](super::execute()) would store.
///
/// # Errors
/// Damage of the repository; [`ErrorKind::SourceChanged`]; a source with nothing in it; failures to
/// read.
pub fn plan<'a>(
    source: &'a Source,
    repository: &'a Repository,
    options: &'a Options,
    progress: &'a dyn Progress,
) -> Result<Plan<'a>> {
    let begun = (Instant::now(), SystemTime::now());
    let context = Context {
        source,
        repository,
        options,
        progress,
    };
    let listing = repository.listing()?;
    let mut placed = context.find_place(&listing)?;
    if !placed.is_abandoned {
        placed = placed.settled(&context, &listing)?;
    }
    let plan = Plan {
        logs: Vec::new(),
        bases: Vec::new(),
        judgement: placed.judgement,
        is_abandoned: placed.is_abandoned,
        begun,
        context,
        listing,
        scan: placed.scan,
        held: placed.lineage.history(),
        lineage: placed.lineage,
        candidates: Vec::new(),
        due: None,
    };
    match plan.is_abandoned {
        true => Ok(plan),
        false => plan.with_what_is_lacking(),
    }
}

impl<'a> Plan<'a> {
    /// The id of the lineage that the source is of: one of the repository's, or a new one.
    pub fn lineage(&self) -> &str {
        &self.lineage.id
    }

    /// Whether nothing is to be stored, and no snapshot is to be looked at.
    pub fn is_idle(&self) -> bool {
        self.logs.is_empty() && self.bases.is_empty() && self.candidates.is_empty()
    }

    /// The same, with what the repository lacks of the source. Where only txns are new, no base is
    /// needed.
    fn with_what_is_lacking(self) -> Result<Plan<'a>> {
        let (scan, lineage, held) = (&self.scan, &self.lineage, &self.held);
        if scan.history.timeline.last().is_none() && self.context.source.snapshots().is_empty() {
            let (shown, message) = (
                self.context.source.shown(),
                "has nothing that can be backed up",
            );
            return Err(Error::about(shown, ErrorKind::Failed, message));
        }
        let (all, damage) = match scan.goes_on(lineage) {
            true => (Vec::new(), Vec::new()),
            false => bases_in_order(&scan.history)?,
        };
        let damage = damage
            .iter()
            .map(|error| format!("{error}; it is not used as a base"));
        let known = held.snapshots.iter().map(|base| base.zxid);
        let known = known.chain(held.logs.iter().map(|log| log.first_zxid));
        let earliest = all.iter().map(|base| base.zxid).chain(known).min();
        let logs = scan.stretches(&held.zxids(), earliest.unwrap_or(Zxid::ZERO));
        let bases = all
            .into_iter()
            .filter_map(|base| PlannedBase::of(base, scan));
        Ok(Plan {
            bases: bases.collect(),
            candidates: candidates(scan, lineage),
            due: match logs.is_empty() {
                true => None,
                false => self.context.due_base(lineage, held)?,
            },
            logs,
            judgement: self
                .judgement
                .and(judge_place(&self.listing, scan, lineage))
                .and(Judgement::of_damage(damage)),
            ..self
        })
    }

    /// Where objects go, and who is told.
    pub(super) fn target<'b>(&'b self, progress: &'b dyn Progress) -> Target<'b> {
        Target {
            repository: self.context.repository,
            lineage: &self.lineage.id,
            marked: &self.listing.marked,
            progress,
        }
    }
}

/// A source, and the lineage that it is of.
struct Placed<'a> {
    scan: Scan<'a>,
    lineage: Lineage,
    judgement: Judgement,
    is_abandoned: bool,
}

impl<'a> Context<'a> {
    /// Reads the source, and finds the lineage that it is of.
    fn find_place(&self, listing: &Listing) -> Result<Placed<'a>> {
        let progress = self.progress;
        let ids = listing.lineages().into_iter();
        let read = |id| Lineage::recent(self.repository, listing, id);
        let mut lineages = ids.map(read).collect::<Result<Vec<Lineage>>>()?;
        let scan = Scan::of(self.source, &lineages, &self.options.host, progress)?;
        let place = self.place(&scan, &lineages)?;
        let damage = lineages.iter().flat_map(|lineage| &lineage.damage);
        let mut judgement = judge_source(self, listing, &scan).and(Judgement::of_damage(damage));
        let (scan, lineage, warning) = match place {
            Place::Lineage(index) => {
                let lineage = lineages.swap_remove(index);
                (scan.of_lineage(Some(&lineage.id), progress)?, lineage, None)
            }
            Place::New(parting) => {
                let scan = scan.of_lineage(None, progress)?;
                let (lineage, warning) = self.begin(listing, &scan, parting)?;
                (scan, lineage, warning)
            }
            Place::Abandoned(index, zxid) => {
                let ends = scan.history.timeline.last().unwrap_or(zxid);
                let warning = format!(
                    "transactions {zxid} to {ends} are not stored: other members continued without them, so they were never committed; the server truncates them when it joins"
                );
                (scan, lineages.swap_remove(index), Some(warning))
            }
        };
        judgement.warnings.extend(warning);
        Ok(Placed {
            scan,
            lineage,
            judgement,
            is_abandoned: matches!(place, Place::Abandoned(..)),
        })
    }
}

impl<'a> Placed<'a> {
    /// Reads what else is needed of the lineage and of the source, and parts them where the ends of
    /// epochs say that they are of two histories.
    fn settled(mut self, context: &Context<'a>, listing: &Listing) -> Result<Placed<'a>> {
        let (repository, progress) = (context.repository, context.progress);
        let lineage = &mut self.lineage;
        if lineage.is_chain_broken(listing) {
            lineage.complete(repository, listing)?;
        }
        lineage.leave_out_lost(repository)?;
        if !self.scan.goes_on(lineage) {
            lineage.complete(repository, listing)?;
            lineage.leave_out_lost(repository)?;
            self.scan = self.scan.settled(progress)?;
        }
        let ends = context.judge_ends_of_epochs(&self.scan, lineage)?;
        self.scan.leave_out(ends.left_out);
        self.judgement.warnings.extend(ends.warnings);
        if let Some(zxid) = ends.apart {
            self.scan = self.scan.settled(progress)?;
            let (begun, warning) = context.begin(listing, &self.scan, Parting::Apart(zxid))?;
            *lineage = begun;
            self.judgement.warnings.extend(warning);
        }
        let damage = Judgement::of_damage(&lineage.damage);
        self.judgement = self.judgement.and(damage);
        Ok(self)
    }
}

/// What is wrong with the source itself, and with the clocks.
fn judge_source(context: &Context<'_>, listing: &Listing, scan: &Scan<'_>) -> Judgement {
    let source = context.source;
    let snapshots = source.snapshots();
    let logs = scan.damage().into_iter();
    let logs = logs.map(|it| format!("{it}; what cannot be read there is not backed up"));
    let unread = source.unread().into_iter();
    let unread = unread.map(|error| format!("{error}; its content is not known"));
    // Of those that were not read again, since they were backed up before.
    let read = &scan.history.timeline.logs;
    let older = source.logs().iter().enumerate();
    let older = older.filter(|(index, _)| !read.iter().any(|log| log.log == *index));
    let older = older.filter_map(|(_, file)| file.unopened());
    let older = older.map(|error| format!("{error}; its content was backed up earlier"));
    let bases = snapshots.iter().filter_map(SourceFile::unopened);
    let bases = bases.map(|error| format!("{error}; it is not used as a base"));
    let mut judgement = Judgement::of_damage(logs.chain(unread).chain(older).chain(bases));
    let has_txns_elsewhere = source.logs().is_empty()
        && source.receipt().is_none()
        && snapshots.iter().any(|file| file.zxid() > Zxid::ZERO);
    if has_txns_elsewhere {
        judgement.warnings.push("the source has snapshots but no logs: if its server has a separate dataLogDir, give that too, or the zoo.cfg".to_owned());
    }
    let now_ms = context.options.now_ms;
    if listing.seen_ms().is_some_and(|seen| seen > now_ms) {
        judgement.warnings.push("some backups are dated in the future: this host's clock is behind, or another's is ahead".to_owned());
    }
    judgement
}

/// How the source stands to its lineage.
fn judge_place(listing: &Listing, scan: &Scan<'_>, lineage: &Lineage) -> Judgement {
    let mut judgement = Judgement::default();
    let newest = listing.backups.last();
    if let (Some(newest), Some(own)) = (newest, lineage.newest_name())
        && newest.lineage != own.lineage
    {
        judgement.warnings.push(format!(
            "the source belongs to lineage {}, but the last backup was of lineage {}: the repository's newest history has changed (use @{} to reach the previous one)",
            own.lineage, newest.lineage, newest.lineage
        ));
    }
    if let (Some(last), Some(own)) = (lineage.last(), scan.history.timeline.segments.last())
        && own.last() < last.zxid
    {
        let lag = last.time_ms.saturating_sub(own.last_time());
        let message = format!(
            "the source ends with {}, but the repository has transactions up to {}: the source is behind by {} s",
            own.last(),
            last.zxid,
            lag / 1000
        );
        match lag > STALE_MS {
            true => judgement.warnings.push(format!("stale: {message}")),
            false => judgement.notes.push(message),
        }
    }
    judgement
}
