//! Whole-product tests with real binaries.
