//! The rules of `global`, without any node.

mod cluster;
mod dialogue;
mod simulated;
mod versions;
