//! Names the project a call belongs to from gathered evidence.
//!
//! Sources are asked in the user's order ([`Tagging::order`]); the first that yields a valid name wins. Nothing is guessed: a
//! source reads one thing and says which, so the same evidence always gives the same project, and `halton-meter why` can show it.
//! A name that is malformed is passed over and told in the reason.
//!
//! Nothing here looks at the machine. What has to be gathered, once per connection:
//!
//! | evidence | where it comes from | needed when ([`Tagging::asks`]) |
//! | --- | --- | --- |
//! | [`Evidence::home`] | the user's home folder, absolute, without a trailing `/` | always |
//! | [`Process::pid`], [`Process::name`] | the process that holds the socket | always (for the reason) |
//! | [`Process::cwd`] | its working directory, absolute | always |
//! | [`Process::env`] | its environment at start, only the names in [`Asks::variables`] | `env` is in the order |
//! | [`Process::rc`] | in each of [`upward`]`(cwd)`: the file [`Asks::rc_name`], regular, owned by the user, up to [`RC_BYTES_MAX`]; nearest first | always: it also carries `body_capture` |
//! | [`Process::git`] | the first of [`upward`]`(cwd)` that holds `.git`, a folder or a file of text; then the two files that [`DotGit::asks`] names | `git` is in the order |
//! | [`Evidence::parents`] | the same for its ancestors, nearest first, up to the session's leader, at most [`Asks::parents`], owned by the same user | `parents` is in the order |
//!
//! What cannot be read is left out; it never stops a call. Paths are text; bytes that are no UTF-8 are replaced.

mod attribute;
mod evidence;
mod git;
mod path_rule;
mod quote;
mod rcfile;
mod tagging;

pub use attribute::{Attribution, attribute};
pub use evidence::{Evidence, FOLDERS_MAX, Process, RC_BYTES_MAX, RcFile, upward};
pub use git::{DotGit, Git, GitAsks, GitUse, Repository};
pub use path_rule::{BadRule, PathRule};
pub use rcfile::{Rc, RcProblem, body_capture};
pub use tagging::{Asks, Source, Tagging, UnknownSource};
