//! What OTP builds on processes: generic servers, supervisors, calls of functions, input and output, and the services every node has.

mod application;
mod code;
mod erpc;
pub mod r#gen;
pub mod gen_server;
pub mod global;
pub mod io;
mod kernel;
mod kernel_sup;
pub mod logger;
mod net_adm;
mod net_kernel;
mod observer;
pub mod pg;
mod proc_lib;
mod rpc;
pub mod shell;
pub mod supervisor;
pub mod sys;

pub use self::erpc::{
    Erpc, ErpcCall, ErpcError, ErpcMulti, ErpcMulticall, ErpcRequest, ErpcRequests, NoResponse,
};
pub use self::net_adm::PingError;
pub use self::rpc::{Rpc, RpcError};
