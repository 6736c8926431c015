//! Would a server start? One answer, by what the data comes to ([`super::outlook`]) and by what is
//! around it ([`super::surroundings`]).

use super::emulate::Start;
use super::outlook::Effect;
use super::surroundings::ensemble::{Membership, membership};
use super::surroundings::{Impact, Remark, Role};
use crate::format::zoo_cfg::ZooCfg;

/// What becomes of a server of one release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It starts with what there is.
    Starts,
    /// It starts, and serves less or other data than there was.
    Loses,
    /// It starts with what there is, or not all of it; a member of an ensemble does not start.
    StartsAlone,
    /// It does not start.
    Refuses,
}

impl Fate {
    fn of(start: &Start, starts: &[Start], remarks: &[Remark], zoo_cfg: Option<&ZooCfg>) -> Fate {
        let number = start.release.split('-').next().unwrap_or_default();
        let role = match number.parse() {
            Ok(release) => membership(zoo_cfg, release),
            Err(_) => Membership::Unknown,
        };
        let is_of_release = |remark: &&Remark| remark.releases.contains(&start.release);
        let is_of_role = |remark: &&Remark| match remark.role {
            Role::Any => true,
            Role::Member => role == Membership::Told(true),
            Role::StandaloneOrLeader => role == Membership::Told(false),
        };
        let certain = remarks.iter().filter(|remark| remark.is_certain());
        let certain = certain.filter(is_of_release).filter(is_of_role);
        let worst = certain.map(|remark| remark.impact).max();
        let does_member_refuse = start.member.is_err() && start.standalone.is_ok();
        match (Effect::of(start, starts), worst) {
            (Effect::Refuses, _) | (_, Some(Impact::Refuses)) => Fate::Refuses,
            _ if does_member_refuse && role == Membership::Told(true) => Fate::Refuses,
            _ if does_member_refuse && role == Membership::Unknown => Fate::StartsAlone,
            (Effect::Loses, _) | (_, Some(Impact::StartsEmpty | Impact::Loses)) => Fate::Loses,
            (Effect::None, _) => Fate::Starts,
        }
    }
}

/// What becomes of a server of each release.
pub fn fates(starts: &[Start], remarks: &[Remark], zoo_cfg: Option<&ZooCfg>) -> Vec<Fate> {
    let fate = |start| Fate::of(start, starts, remarks, zoo_cfg);
    starts.iter().map(fate).collect()
}

/// Whether servers start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// All do, with what there is.
    Starts,
    /// All do, and some serve less or other data than there was.
    Loses,
    /// Some releases do not, or members of ensembles only.
    SomeRefuse,
    /// None does.
    AllRefuse,
}

impl Answer {
    /// As JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            Answer::Starts => "starts",
            Answer::Loses => "loses",
            Answer::SomeRefuse => "some-refuse",
            Answer::AllRefuse => "all-refuse",
        }
    }

    /// The answer for these releases; `None` where none was followed.
    pub fn of(fates: &[Fate]) -> Option<Answer> {
        if fates.is_empty() {
            return None;
        }
        let is_any = |wanted: Fate| fates.contains(&wanted);
        Some(if fates.iter().all(|fate| *fate == Fate::Refuses) {
            Answer::AllRefuse
        } else if is_any(Fate::Refuses) || is_any(Fate::StartsAlone) {
            Answer::SomeRefuse
        } else if is_any(Fate::Loses) {
            Answer::Loses
        } else {
            Answer::Starts
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_release_that_refuses_makes_the_answer_some() {
        use Fate::{Loses, Refuses, Starts, StartsAlone};
        for (fates, answer) in [
            (&[][..], None),
            (&[Starts, Starts], Some(Answer::Starts)),
            (&[Starts, Loses], Some(Answer::Loses)),
            (&[Loses, Refuses], Some(Answer::SomeRefuse)),
            (&[Starts, StartsAlone], Some(Answer::SomeRefuse)),
            (&[Refuses, Refuses], Some(Answer::AllRefuse)),
        ] {
            assert_eq!(Answer::of(fates), answer);
        }
    }
}
