//! The JSON documents of the API.
