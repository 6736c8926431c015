//! How things look that several commands show, as text and as JSON: zxids, times, tables, znodes,
//! what a server would do.

pub mod files;
pub mod finding;
pub mod forecast;
pub mod hint;
pub mod labelled;
pub mod remarks;
pub mod snapshot_formatter;
pub mod surroundings;
pub mod text;
pub mod unified;
pub mod value;
pub mod verdict;
pub mod znode;
