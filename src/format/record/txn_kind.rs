//! The kinds of txns: the one place where they are listed.

/// Declares the kinds, so that no list of them can lack one.
macro_rules! txn_kinds {
    ($($(#[$doc:meta])* $kind:ident = $code:literal, $name:literal;)*) => {
        /// What kind of change a txn is (`ZooDefs.OpCode`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum TxnKind {
            $($(#[$doc])* $kind,)*
        }

        impl TxnKind {
            /// All of them: those of sessions, then those of znodes, then the others.
            pub const ALL: &[TxnKind] = &[$(TxnKind::$kind,)*];

            /// The number that stands for the kind in a log.
            pub const fn code(self) -> i32 {
                match self {
                    $(TxnKind::$kind => $code,)*
                }
            }

            /// The kind that `code` stands for. `None` for a number that no release up to 3.9
            /// writes; a server of 3.4 and later refuses it.
            pub const fn from_code(code: i32) -> Option<TxnKind> {
                match code {
                    $($code => Some(TxnKind::$kind),)*
                    _ => None,
                }
            }

            /// Its name, as `Request.op2String` has it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(TxnKind::$kind => $name,)*
                }
            }
        }
    };
}

txn_kinds! {
    /// A session begins.
    CreateSession = -10, "createSession";
    /// A session ends, and its ephemerals with it.
    CloseSession = -11, "closeSession";
    /// A persistent or ephemeral znode is created.
    Create = 1, "create";
    /// The same, for a client that asked for the stat too (3.5.0+).
    Create2 = 15, "create2";
    /// A container is created (3.5.1+).
    CreateContainer = 19, "createContainer";
    /// A znode with a time to live is created (3.5.3+).
    CreateTtl = 21, "createTTL";
    /// A znode is deleted.
    Delete = 2, "delete";
    /// A server deletes an empty container or an expired TTL znode (3.5.1+).
    DeleteContainer = 20, "deleteContainer";
    /// A znode's data is set.
    SetData = 5, "setData";
    /// A znode's ACL is set.
    SetAcl = 7, "setACL";
    /// A znode's version was checked; a part of a multi.
    Check = 13, "check";
    /// Several changes, all or none of which are made.
    Multi = 14, "multi";
    /// The ensemble's configuration, which is a znode's data, is set (3.5.0+).
    Reconfig = 16, "reconfig";
    /// A request failed.
    Error = -1, "error";
}

/// What a txn of a kind applies to. It says how its body begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppliesTo {
    /// One znode, whose path the body begins with.
    Znode,
    /// A session that begins.
    NewSession,
    /// A session that ends. The body may be a list of its ephemerals.
    EndedSession,
    /// Whatever its parts apply to.
    Parts,
    /// Nothing.
    Nothing,
}

impl TxnKind {
    /// The name of the kind that `code` stands for, or `unknown`.
    pub fn name_of(code: i32) -> &'static str {
        TxnKind::from_code(code).map_or("unknown", TxnKind::name)
    }

    /// The kind of this name, in upper or lower case.
    pub fn from_name(name: &str) -> Option<TxnKind> {
        let mut kinds = TxnKind::ALL.iter().copied();
        kinds.find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    /// What a txn of this kind applies to.
    pub const fn applies_to(self) -> AppliesTo {
        match self {
            TxnKind::CreateSession => AppliesTo::NewSession,
            TxnKind::CloseSession => AppliesTo::EndedSession,
            TxnKind::Create
            | TxnKind::Create2
            | TxnKind::CreateContainer
            | TxnKind::CreateTtl
            | TxnKind::Delete
            | TxnKind::DeleteContainer
            | TxnKind::SetData
            | TxnKind::SetAcl
            | TxnKind::Check
            | TxnKind::Reconfig => AppliesTo::Znode,
            TxnKind::Multi => AppliesTo::Parts,
            TxnKind::Error => AppliesTo::Nothing,
        }
    }

    /// Whether a txn of this kind begins or ends a session.
    pub const fn is_of_session(self) -> bool {
        match self.applies_to() {
            AppliesTo::NewSession | AppliesTo::EndedSession => true,
            AppliesTo::Znode | AppliesTo::Parts | AppliesTo::Nothing => false,
        }
    }

    /// Whether servers send such a txn themselves, when a znode has outlived its use.
    pub const fn is_by_server(self) -> bool {
        match self {
            TxnKind::DeleteContainer => true,
            TxnKind::CreateSession
            | TxnKind::CloseSession
            | TxnKind::Create
            | TxnKind::Create2
            | TxnKind::CreateContainer
            | TxnKind::CreateTtl
            | TxnKind::Delete
            | TxnKind::SetData
            | TxnKind::SetAcl
            | TxnKind::Check
            | TxnKind::Multi
            | TxnKind::Reconfig
            | TxnKind::Error => false,
        }
    }

    /// Whether a txn of this kind may change anything: see [`super::effects`].
    pub const fn has_effects(self) -> bool {
        match self {
            TxnKind::CreateSession
            | TxnKind::CloseSession
            | TxnKind::Create
            | TxnKind::Create2
            | TxnKind::CreateContainer
            | TxnKind::CreateTtl
            | TxnKind::Delete
            | TxnKind::DeleteContainer
            | TxnKind::SetData
            | TxnKind::SetAcl
            | TxnKind::Multi
            | TxnKind::Reconfig => true,
            TxnKind::Check | TxnKind::Error => false,
        }
    }
}
