//! As much of the protocol of Redis (RESP, version 2) as the example needs.
//!
//! A command is an array of strings; `ZCARD names` is `*2\r\n$5\r\nZCARD\r\n$5\r\nnames\r\n`. The first byte of a reply
//! tells what it is: `+` a status, `-` an error, `:` an integer, `$` a string with its length or nothing (-1), `*` an array
//! with its length.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A reply of Redis.
#[derive(Debug)]
pub(crate) enum Value {
    Nothing,
    Integer(i64),
    Text(Vec<u8>),
    Array(Vec<Value>),
}

/// Why Redis did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("redis at {address}: {source}")]
    Io { address: String, source: io::Error },
    #[error("redis says: {0}")]
    Refused(String),
    #[error("redis sends what makes no sense here")]
    Reply,
}

/// A connection to Redis.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    pub(crate) async fn open(address: &str) -> io::Result<Connection> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream: BufReader::new(stream) })
    }

    /// Has Redis do all these commands, or none, and nothing of others in between; gives a reply for each.
    pub(crate) async fn transaction(
        &mut self,
        commands: &[Vec<Vec<u8>>],
    ) -> io::Result<Result<Vec<Value>, Error>> {
        let mut bytes = Vec::new();
        write_command(&[b"MULTI".to_vec()], &mut bytes);
        commands.iter().for_each(|command| write_command(command, &mut bytes));
        write_command(&[b"EXEC".to_vec()], &mut bytes);
        self.stream.write_all(&bytes).await?;
        // MULTI and each command say only that they were heard; what they give comes with EXEC.
        let mut refused = None;
        for _ in 0..=commands.len() {
            if let Err(error) = self.reply().await? {
                refused.get_or_insert(error);
            }
        }
        let replies = self.reply().await?;
        Ok(match (refused, replies) {
            (Some(error), _) | (None, Err(error)) => Err(error),
            (None, Ok(Value::Array(replies))) => Ok(replies),
            (None, Ok(_)) => Err(Error::Reply),
        })
    }

    async fn reply(&mut self) -> io::Result<Result<Value, Error>> {
        let mut line = String::new();
        // An array has so many further values; those read lie in `open` until theirs is complete.
        let mut open: Vec<(usize, Vec<Value>)> = Vec::new();
        loop {
            line.clear();
            if self.stream.read_line(&mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let (kind, rest) = line.trim_end().split_at_checked(1).unwrap_or_default();
            let mut value = match (kind, rest.parse::<i64>()) {
                ("-", _) => return Ok(Err(Error::Refused(rest.to_owned()))),
                ("+", _) => Value::Text(rest.as_bytes().to_vec()),
                (":", Ok(number)) => Value::Integer(number),
                ("$" | "*", Ok(-1)) => Value::Nothing,
                ("$", Ok(length)) => {
                    let length = u64::try_from(length).map_err(|_| io::ErrorKind::InvalidData)?;
                    let mut text = Vec::new();
                    (&mut self.stream).take(length + 2).read_to_end(&mut text).await?;
                    if !text.ends_with(b"\r\n") {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    text.truncate(text.len() - 2);
                    Value::Text(text)
                }
                ("*", Ok(length @ 1..)) => {
                    open.push((usize::try_from(length).unwrap_or(usize::MAX), Vec::new()));
                    continue;
                }
                ("*", Ok(0)) => Value::Array(Vec::new()),
                _ => return Err(io::ErrorKind::InvalidData.into()),
            };
            loop {
                let Some((length, mut values)) = open.pop() else { return Ok(Ok(value)) };
                values.push(value);
                if values.len() < length {
                    open.push((length, values));
                    break;
                }
                value = Value::Array(values);
            }
        }
    }
}

fn write_command(words: &[Vec<u8>], out: &mut Vec<u8>) {
    out.extend(format!("*{}\r\n", words.len()).into_bytes());
    for word in words {
        out.extend(format!("${}\r\n", word.len()).into_bytes());
        out.extend(word);
        out.extend(b"\r\n");
    }
}
