//! Peers that mean ill, or are broken: what each of them does to a Rust node, and to real ones.
//!
//! Every case ends with the same demands: exactly that connection has ended (or has not), one line of the log says why,
//! and a BEAM node that was connected all the time, and calling without a pause, has not noticed anything.
//!
//! | file | what is sent |
//! | --- | --- |
//! | `handshake` | no handshake, half of one, or one that must not succeed |
//! | `packets` | headers, atoms and fragments that can't be |
//! | `control` | control messages that are none, or not for the peer to send |
//! | `payloads` | messages, reasons and arguments that are no terms |
//! | `limits` | more than a node was told to take |
//! | `weight` | what would take memory, time or places without end |
//! | `mapper` | the same spirit at the built-in epmd |

mod control;
mod handshake;
mod limits;
mod mapper;
mod packets;
mod payloads;
mod site;
mod stream;
mod weight;
