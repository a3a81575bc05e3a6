//! Input and output by Erlang's I/O protocol, with devices and callers of three releases of OTP.

mod client;
mod leader;
mod render;
