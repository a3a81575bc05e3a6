//! What OTP builds on processes: generic servers, supervisors, calls of functions, input and output, and the services every node has.

mod erpc;
pub mod r#gen;
pub mod gen_server;
pub mod global;
pub mod io;
mod kernel;
mod kernel_sup;
mod net_adm;
mod net_kernel;
pub mod pg;
mod proc_lib;
mod rpc;
pub mod supervisor;
mod sys;

pub use self::erpc::{Erpc, ErpcCall, ErpcError};
pub use self::net_adm::PingError;
