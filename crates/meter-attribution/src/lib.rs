//! Names the project a call belongs to from gathered evidence.
