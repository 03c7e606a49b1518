//! HM02xx: prices.
//!
//! Written by `meter-manifest`'s module of the same name; add an entry below for every kind of finding it can make.

super::codes! {}
