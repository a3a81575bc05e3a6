//! Calls of functions on other nodes, as OTP's module `erpc` makes and serves them.
//!
//! A call is a process: the caller asks the other node to spawn `erpc:execute_call(Ref, Module, Function, Args)` and
//! monitors it, and the process ends with the result as its reason.
//!
//! | the process ends with           | and the call                                   |
//! | ------------------------------- | ---------------------------------------------- |
//! | `{Ref, return, Value}`          | returns `Value`                                |
//! | `{Ref, throw, Term}`            | throws `Term`                                  |
//! | `{Ref, exit, Reason}`           | exits: `{exception, Reason}`                   |
//! | `{Ref, error, Reason, Stack}`   | raises: `{exception, Reason, Stack}`           |
//! | `{Ref, error, {erpc, Reason}}`  | raises `{erpc, Reason}`                        |
//! | any other reason                | exits: `{signal, Reason}`                      |
//!
//! Whoever gives up a call only stops to monitor its process: that goes on, and nobody hears of its end.
//!
//! | OTP | here |
//! | --- | ---- |
//! | `erpc:call/2..5` | [`Erpc::call`] |
//! | `erpc:cast/2,4` | [`Erpc::cast`] |
//! | `erpc:send_request/2,4` | [`Erpc::send_request`] |
//! | `erpc:receive_response/1,2`, `wait_response/1,2`, `check_response/2` | [`ErpcRequest::receive`], [`wait`](ErpcRequest::wait), [`check`](ErpcRequest::check) |
//! | `erpc:reqids_new/0`, `reqids_add/3`, `reqids_size/1`, `reqids_to_list/1` | [`ErpcRequests::new`], [`add`](ErpcRequests::add), [`len`](ErpcRequests::len), [`labels`](ErpcRequests::labels) |
//! | `erpc:receive_response/3`, `wait_response/3`, `check_response/3` | [`ErpcRequests::receive`], [`wait`](ErpcRequests::wait), [`check`](ErpcRequests::check) |
//! | `erpc:multicall/2..5`, `multicast/2,4` | [`ErpcMulti::call`], [`cast`](ErpcMulti::cast) |
//! | a fun instead of a function | `erlang:apply/2` is the function, with the fun and a list as its arguments |
//!
//! | file       | what it is about                                  |
//! | ---------- | ------------------------------------------------- |
//! | `call`     | [`Erpc`]: one call, one value                     |
//! | `request`  | [`ErpcRequest`]: a call whose value is seen to later |
//! | `requests` | [`ErpcRequests`]: many of them                    |
//! | `multi`    | [`ErpcMulti`]: the same call on many nodes        |
//! | `outcome`  | the exchange with the other node                  |
//! | `error`    | [`ErpcError`]                                     |
//! | `serve`    | calls that other nodes make here                  |
//!
//! Reference: kernel application, module `erpc`.

mod call;
mod error;
mod multi;
mod outcome;
mod request;
mod requests;
mod serve;

pub use self::call::{Erpc, ErpcCall};
pub use self::error::ErpcError;
pub use self::multi::{ErpcMulti, ErpcMulticall};
pub use self::request::ErpcRequest;
pub use self::requests::{ErpcRequests, NoResponse};
pub(super) use self::serve::{execute_cast, export, is_argument_error};

use crate::term::Atom;

fn to_atom(name: &str) -> Atom {
    Atom::new(name).expect("a name of at most 255 characters")
}
