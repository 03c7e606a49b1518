//! Decides whether a call may go on.
