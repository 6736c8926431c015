//! The two trees that `diff` compares.

use crate::cli::ui::Ui;
use crate::cli::views::text;
use zoovault::error::Result;
use zoovault::history::point::Point;
use zoovault::history::replay::{
    Proof, Purpose, Replayed, Target, Trust, Wish, rebuild_as, rebuild_two_as,
};
use zoovault::history::source::Source;

/// A tree, where it is from.
pub struct Side {
    pub name: String,
    pub target: Target,
    pub replayed: Replayed,
}

/// The tree of the first source, or of the only one, at `from`, and that of the last at `to`.
pub fn sides(
    sources: &[Source],
    (from, to): (Point, Point),
    trust: Trust,
    ui: &Ui,
) -> Result<(Side, Side)> {
    let wish = Wish {
        purpose: match trust {
            Trust::AsIs => Purpose::Reading,
            Trust::Exact | Trust::Alone => Purpose::Restoring,
        },
        trust,
    };
    let side = |source: &Source, target, replayed| Side {
        name: text::path(source.shown()),
        target,
        replayed,
    };
    if let [before, after] = sources {
        let tree = |source, point| {
            rebuild_as(wish, source, point, false, ui.progress())
                .map(|rebuilt| side(source, rebuilt.target, rebuilt.replayed))
        };
        return Ok((tree(before, from)?, tree(after, to)?));
    }
    let source = sources.first().expect("one source at least is opened");
    let two = rebuild_two_as(trust, source, from, to, ui.progress())?;
    Ok((
        side(source, two.from.0, two.from.1),
        side(source, two.to.0, two.to.1),
    ))
}

/// What the operator has to know of a tree.
pub fn warnings(side: &Side) -> Vec<String> {
    let mut warnings: Vec<String> = side.target.warnings.clone();
    if let Some(alone) = &side.replayed.alone {
        warnings.push(format!("{}: {}", side.name, alone.words()));
    } else if side.replayed.proof == Proof::Unproven {
        let zxid = side.target.zxid;
        warnings.push(format!("the tree of {} at {zxid} is unproven: 'zoovault restore --to {zxid} --dry-run' shows the evidence", side.name));
    }
    warnings
}
