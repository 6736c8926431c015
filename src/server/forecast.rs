//! What servers would do on a source: with what its `zoo.cfg` sets, where it is one that was given,
//! and only where this program may read what they read.

use super::answer::{Answer, Fate, fates};
use super::emulate::{self, Rules, Start};
use super::surroundings::{self, Remark};
use crate::analysis::verify::Report;
use crate::error::{Error, Result};
use crate::history::source::Source;
use crate::progress::Progress;

/// What servers of the releases that were asked for would do.
#[derive(Clone, Debug, Default)]
pub struct Forecast {
    /// What each makes of the data; none where [`Forecast::denied`] tells why.
    pub starts: Vec<Start>,
    /// What matters around the data.
    pub remarks: Vec<Remark>,
    /// What becomes of each.
    pub fates: Vec<Fate>,
    /// The file that servers read and that this program may not: whether its owner's server starts
    /// is not known.
    pub denied: Option<Error>,
}

impl Forecast {
    /// Whether servers start; `None` where none was followed.
    pub fn answer(&self) -> Option<Answer> {
        Answer::of(&self.fates)
    }
}

/// Says what servers by each of `rules` would do on `source`; `report` is what `verify` found of
/// it.
///
/// # Errors
/// As [`emulate::starts`], except for what this program may not read.
pub fn forecast(
    source: &Source,
    rules: &[Rules],
    report: &Report,
    progress: &dyn Progress,
) -> Result<Forecast> {
    if rules.is_empty() {
        return Ok(Forecast::default());
    }
    let zoo_cfg = source.zoo_cfg().map(|(_, zoo_cfg)| zoo_cfg);
    let configured = |rules: &Rules| match zoo_cfg {
        Some(zoo_cfg) => rules.clone().with_zoo_cfg(zoo_cfg),
        None => rules.clone(),
    };
    let rules: Vec<Rules> = rules.iter().map(configured).collect();
    let (starts, denied) = match emulate::starts(source, &rules, Some(report), progress) {
        Ok(starts) => (starts, None),
        Err(error) if error.is_denied() => (Vec::new(), Some(error)),
        Err(error) => return Err(error),
    };
    let remarks = surroundings::look(source, &rules, &starts);
    Ok(Forecast {
        fates: fates(&starts, &remarks, zoo_cfg),
        starts,
        remarks,
        denied,
    })
}
