//! Access control lists by id, as servers keep them while they replay (`ReferenceCountedACLCache`).
//!
//! A fuzzy snapshot can give a znode an id that its map lacks. Replay then hands out ids of its
//! own, and may give that very one to another list. Only then does it matter which ids those are.

use super::cohort::Cohort;
use super::rules::Rules;
use super::thrown::{Result, Thrown};
use crate::format::record::acl::OPEN_ACL_UNSAFE;
use hashbrown::HashMap;
use std::rc::Rc;

/// The id of `OPEN_ACL_UNSAFE`, which is in no map.
pub const OPEN_ID: i64 = -1;

/// Lists and their ids. A list is its jute bytes.
#[derive(Debug)]
pub struct AclCache {
    cohort: Rc<Cohort>,
    lists: HashMap<i64, Box<[u8]>>,
    ids: HashMap<Box<[u8]>, i64>,
    users: HashMap<i64, i64>,
    last_id: i64,
    /// Whether a znode has an id that is in no map.
    has_unresolved: bool,
}

impl AclCache {
    /// One with no lists.
    pub fn new(cohort: Rc<Cohort>) -> AclCache {
        AclCache {
            cohort,
            lists: HashMap::new(),
            ids: HashMap::new(),
            users: HashMap::new(),
            last_id: 0,
            has_unresolved: false,
        }
    }

    /// Takes up a snapshot's map. Ids go on above the highest ever seen, in this or in a snapshot
    /// that did not load.
    pub fn load(&mut self, map: Vec<(i64, Box<[u8]>)>) {
        self.lists.clear();
        self.ids.clear();
        self.users.clear();
        for (id, list) in map {
            self.last_id = self.last_id.max(id);
            self.ids.insert(list.clone(), id);
            self.lists.insert(id, list);
            self.users.insert(id, 0);
        }
    }

    /// The id of a list, a new one where it has none; `None` is the open list.
    pub fn convert(&mut self, list: Option<Box<[u8]>>) -> i64 {
        let Some(list) = list else {
            return OPEN_ID;
        };
        let id = match self.ids.get(&list) {
            Some(id) => *id,
            None => {
                self.last_id += 1;
                self.lists.insert(self.last_id, list.clone());
                self.ids.insert(list, self.last_id);
                self.last_id
            }
        };
        self.add_user(id);
        id
    }

    /// One more znode has the list of `id`.
    pub fn add_user(&mut self, id: i64) {
        if id != OPEN_ID && self.lists.contains_key(&id) {
            *self.users.entry(id).or_default() += 1;
        }
    }

    /// A znode of a snapshot has the list of `id`, which its map may lack.
    pub fn add_loaded(&mut self, id: i64) {
        if id != OPEN_ID && !self.lists.contains_key(&id) && !self.has_unresolved {
            self.has_unresolved = true;
            // Where a fresh tree had an ACL, the next id is another.
            self.cohort.ask(Rules::has_config_acl);
        }
        self.add_user(id);
    }

    /// Whether the list of `id` is `list`; `None` is the open one.
    pub fn is(&self, id: i64, list: Option<&[u8]>) -> bool {
        self.find(id) == Some(list.unwrap_or(OPEN_ACL_UNSAFE.bytes()))
    }

    /// Whether it matters which ids are handed out.
    pub fn has_unresolved(&self) -> bool {
        self.has_unresolved
    }

    /// Whether lists are counted, and dropped. That changes nothing but ids.
    fn counts(&self) -> bool {
        match self.has_unresolved {
            true => self.cohort.ask(Rules::counts_acls),
            false => self.cohort.leader().counts_acls(),
        }
    }

    /// One znode less has it; when none is left it is dropped.
    pub fn remove_user(&mut self, id: i64) {
        if id == OPEN_ID || !self.lists.contains_key(&id) {
            return;
        }
        let users = self.users.entry(id).or_default();
        *users -= 1;
        if *users <= 0 && self.counts() {
            self.drop_list(id);
        }
    }

    /// Drops what no znode of the snapshot has.
    pub fn purge_unused(&mut self) {
        if self.counts() {
            let unused = self.users.iter().filter(|(_, users)| **users <= 0);
            let unused: Vec<i64> = unused.map(|(id, _)| *id).collect();
            unused.into_iter().for_each(|id| self.drop_list(id));
        }
    }

    fn drop_list(&mut self, id: i64) {
        self.users.remove(&id);
        if let Some(list) = self.lists.remove(&id) {
            self.ids.remove(&list);
        }
    }

    /// The list of `id`; `None` where there is none, and clients asking for it get an error.
    pub fn find(&self, id: i64) -> Option<&[u8]> {
        if id == OPEN_ID {
            return Some(OPEN_ACL_UNSAFE.bytes());
        }
        self.lists.get(&id).map(|list| &**list)
    }

    /// Fetches the list of `id`, as replay does in some releases.
    ///
    /// # Errors
    /// What ends the load there, where there is none.
    pub fn fetch(&self, id: i64) -> Result<()> {
        if self.find(id).is_some() || !self.cohort.ask(Rules::fetches_acls) {
            return Ok(());
        }
        let message = format!("Failed to fetch acls for {id}");
        Err(Thrown::Unchecked("java.lang.RuntimeException", message))
    }
}
