//! What edge and daemon say to each other.
