//! Access control lists by value: each list once, znodes hold its number.
//!
//! Servers hold lists by the ids of the snapshot's map, and a fuzzy snapshot may lack an id that a
//! znode has; what a server makes of that differs by release, and can be another znode's list. By
//! value nothing is mixed up: a znode whose list is unknown says so until a txn gives it one.

use crate::format::record::AclVector;
use crate::format::record::acl::OPEN_ACL_UNSAFE;
use std::collections::HashMap;

/// Which list a znode has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AclRef {
    /// The list of this number.
    List(u32),
    /// Unknown: the snapshot gave an id that its map lacks. The number of that id.
    Unresolved(u32),
}

/// What a znode's [`AclRef`] stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AclValue<'a> {
    /// A list.
    List(AclVector<'a>),
    /// Unknown: the snapshot gave this id, and its map lacks it.
    Unresolved(i64),
}

/// All lists of a tree.
#[derive(Clone, Debug, Default)]
pub struct AclTable {
    lists: Vec<Box<[u8]>>,
    numbers: HashMap<Box<[u8]>, u32>,
    unresolved: Vec<i64>,
    last: Option<u32>,
}

impl AclTable {
    /// The reference of `list`; null is the open list.
    pub fn add(&mut self, list: AclVector<'_>) -> AclRef {
        let list = if list.is_null() {
            OPEN_ACL_UNSAFE
        } else {
            list
        };
        // Most txns come with the list of the txn before.
        if let Some(last) = self.last
            && self
                .lists
                .get(last as usize)
                .is_some_and(|bytes| **bytes == *list.bytes())
        {
            return AclRef::List(last);
        }
        let number = match self.numbers.get(list.bytes()) {
            Some(number) => *number,
            None => {
                let number =
                    u32::try_from(self.lists.len()).expect("fewer lists than bytes in a log");
                self.lists.push(list.bytes().into());
                self.numbers.insert(list.bytes().into(), number);
                number
            }
        };
        self.last = Some(number);
        AclRef::List(number)
    }

    /// The reference of a list that is unknown but for its `id`.
    pub fn add_unresolved(&mut self, id: i64) -> AclRef {
        let known = self
            .unresolved
            .iter()
            .position(|unresolved| *unresolved == id);
        let number = known.unwrap_or_else(|| {
            self.unresolved.push(id);
            self.unresolved.len() - 1
        });
        AclRef::Unresolved(u32::try_from(number).expect("fewer ids than znodes"))
    }

    /// What `acl` stands for.
    pub fn value(&self, acl: AclRef) -> AclValue<'_> {
        match acl {
            AclRef::List(number) => {
                let bytes = self
                    .lists
                    .get(number as usize)
                    .expect("references come from this table");
                AclValue::List(AclVector::from_decoded(bytes))
            }
            AclRef::Unresolved(number) => AclValue::Unresolved(
                *self
                    .unresolved
                    .get(number as usize)
                    .expect("references come from this table"),
            ),
        }
    }
}
