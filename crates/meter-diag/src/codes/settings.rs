//! HM05xx: tagging, clients and services.

super::codes! {}
