//! Servers of several releases, followed together for as long as they do the same.
//!
//! A load takes long, and most releases make the same of most directories. What a server does
//! hangs on its release only where [`Cohort::ask`] is called: those that answer as the leader does
//! stay with it, the others part from it, and are followed again from the beginning. So the code
//! asks only where the answer changes what comes of it: a question too many costs time, one too
//! few would be a wrong forecast. Tests compare each release with itself, followed alone.

use super::rules::Rules;
use super::thrown::Result;
use crate::format::record::TxnKind;
use std::cell::{Cell, RefCell};

/// Servers that have done the same so far.
#[derive(Debug)]
pub struct Cohort {
    leader: Rules,
    same: RefCell<Vec<Rules>>,
    parted: RefCell<Vec<Rules>>,
    /// The longest buffer or string that all of them read.
    safe_len: i32,
    /// Kinds of txns that all of them are known to read, a bit each.
    known: Cell<u32>,
    /// Kinds that all of them are known to read in a multi.
    known_in_multi: Cell<u32>,
}

impl Cohort {
    /// With no one parted yet.
    pub fn new(leader: Rules, others: Vec<Rules>) -> Cohort {
        let longest = others.iter().chain([&leader]).map(Rules::longest);
        Cohort {
            safe_len: longest.min().unwrap_or(-1),
            leader,
            same: RefCell::new(others),
            parted: RefCell::default(),
            known: Cell::default(),
            known_in_multi: Cell::default(),
        }
    }

    /// The leader.
    pub fn leader(&self) -> &Rules {
        &self.leader
    }

    /// The leader's answer. Those that answer otherwise part from it.
    pub fn ask<T: PartialEq>(&self, question: impl Fn(&Rules) -> T) -> T {
        let answer = question(&self.leader);
        let mut same = self.same.borrow_mut();
        let parted = same.extract_if(.., |rules| question(rules) != answer);
        self.parted.borrow_mut().extend(parted);
        answer
    }

    /// Whether it is so for any that are here.
    pub fn any(&self, question: impl Fn(&Rules) -> bool) -> bool {
        question(&self.leader) || self.same.borrow().iter().any(question)
    }

    /// Whether a record of `kind` can be read.
    pub fn knows(&self, kind: TxnKind) -> bool {
        self.all_know(&self.known, kind, Rules::knows)
    }

    /// Whether a multi may have a part of `kind`.
    pub fn knows_in_multi(&self, kind: TxnKind) -> bool {
        self.all_know(&self.known_in_multi, kind, Rules::knows_in_multi)
    }

    fn all_know(
        &self,
        known: &Cell<u32>,
        kind: TxnKind,
        question: impl Fn(&Rules, TxnKind) -> bool,
    ) -> bool {
        let bit = 1 << kind as u32;
        if known.get() & bit == 0 {
            if !self.ask(|rules| question(rules, kind)) {
                return false;
            }
            known.set(known.get() | bit);
        }
        true
    }

    /// How long a buffer of `length` is.
    ///
    /// # Errors
    /// What a server throws where that is more than it reads.
    pub fn buffer(&self, length: i32) -> Result<usize> {
        match self.safe(length) {
            Some(len) => Ok(len),
            None => self.ask(|rules| rules.buffer(length)),
        }
    }

    /// The same for a string.
    ///
    /// # Errors
    /// As [`Cohort::buffer`].
    pub fn string(&self, length: i32) -> Result<usize> {
        match self.safe(length) {
            Some(len) => Ok(len),
            None => self.ask(|rules| rules.string(length)),
        }
    }

    fn safe(&self, length: i32) -> Option<usize> {
        let len = usize::try_from(length).ok()?;
        (length <= self.safe_len).then_some(len)
    }

    /// The leader, and those that did the same to the end.
    pub fn members(&self) -> Vec<Rules> {
        let mut members = vec![self.leader.clone()];
        members.extend(self.same.borrow().iter().cloned());
        members
    }

    /// Those that parted.
    pub fn parted(&self) -> Vec<Rules> {
        self.parted.borrow().clone()
    }
}
