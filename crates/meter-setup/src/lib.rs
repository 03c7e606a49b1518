//! Renders the service files of an instance.
