//! HM06xx: policies.

super::codes! {}
