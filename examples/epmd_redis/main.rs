//! An epmd that keeps its names in Redis: it can be restarted, and nobody is looked up in vain meanwhile.
//!
//! ```text
//! redis-server --port 6379
//! cargo run --example epmd_redis -- 4369 127.0.0.1:6379
//! erl -sname a -start_epmd false         and on another terminal: erl -sname b -start_epmd false
//! ```
//!
//! It prints `epmd is ready on 127.0.0.1:4369`. Kill it, start it again: `net_adm:ping(a@HOST)` on `b` finds `a` at once,
//! before `a` has registered again.
//!
//! What is in Redis, all under `epmd:`:
//!
//! | key | type | what |
//! | --- | --- | --- |
//! | `epmd:active`, `epmd:unused` | sorted set | the names, by the number of the change that brought them there |
//! | `epmd:name:NAME` | hash | `creation`, `owner`, `port`, and `entry`, the answer to a lookup |
//! | `epmd:changes` | integer | how many changes there were |

#![expect(clippy::print_stdout, reason = "an example shows what it gets")]

mod resp;

use std::time::{SystemTime, UNIX_EPOCH};

use erlnode::epmd::message::PortReply;
use erlnode::epmd::names::{MAX_UNUSED, NameTaken, Owner};
use erlnode::epmd::table::{Table, UnusedName};
use erlnode::epmd::{NodeEntry, Server};
use erlnode::term::Creation;
use tokio::sync::Mutex;

use self::resp::{Connection, Error, Value};

struct RedisTable {
    address: String,
    connection: Mutex<Option<Connection>>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().unwrap_or_else(|| "4369".to_owned()).parse()?;
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:6379".to_owned());
    let table = RedisTable { address, connection: Mutex::new(None) };
    let server = Server::builder().port(port).host_addresses(true).table(table).start().await?;
    println!("epmd is ready on 127.0.0.1:{}", server.port());
    server.killed().await;
    Ok(())
}

/// A command of Redis: words separated by spaces, then words with whatever in them.
fn command(words: &str, more: &[&[u8]]) -> Vec<Vec<u8>> {
    let words = words.split(' ').map(|word| word.as_bytes().to_vec());
    words.chain(more.iter().map(|word| word.to_vec())).collect()
}

fn key(name: &str) -> Vec<u8> {
    format!("epmd:name:{name}").into_bytes()
}

impl RedisTable {
    /// All these commands, or none.
    async fn ask<const N: usize>(&self, commands: [Vec<Vec<u8>>; N]) -> Result<[Value; N], Error> {
        self.ask_all(&commands).await?.try_into().map_err(|_| Error::Reply)
    }

    async fn ask_all(&self, commands: &[Vec<Vec<u8>>]) -> Result<Vec<Value>, Error> {
        let failed = |source| Error::Io { address: self.address.clone(), source };
        let mut place = self.connection.lock().await;
        // While a connection is used it is not in its place: if this future is dropped, so is the connection, and
        // nobody takes the rest of this answer for his own.
        let mut connection = match place.take() {
            Some(connection) => connection,
            None => Connection::open(&self.address).await.map_err(failed)?,
        };
        let replies = connection.transaction(commands).await.map_err(failed)?;
        *place = Some(connection);
        replies
    }

    /// The names of a sorted set in the order of `range`, each with the fields of its hash.
    async fn names(&self, range: &str, fields: &str) -> Result<Vec<(String, Vec<Value>)>, Error> {
        let [Value::Array(names)] = self.ask([command(range, &[])]).await? else { return Err(Error::Reply) };
        let names: Vec<String> = names.into_iter().map(text).collect::<Result<_, _>>()?;
        let hashes: Vec<_> = names
            .iter()
            .map(|name| {
                let mut words = command("HMGET", &[&key(name)]);
                words.extend(command(fields, &[]));
                words
            })
            .collect();
        let hashes = self.ask_all(&hashes).await?;
        let fields =
            hashes.into_iter().map(|hash| if let Value::Array(fields) = hash { fields } else { Vec::new() });
        Ok(names.into_iter().zip(fields).collect())
    }

    /// The next number for a change.
    async fn next_change(&self) -> Result<String, Error> {
        let [number] = self.ask([command("INCR epmd:changes", &[])]).await?;
        Ok(integer(number)?.to_string())
    }
}

impl Table for RedisTable {
    type Error = Error;

    async fn register(&self, entry: &NodeEntry, owner: Owner) -> Result<Result<Creation, NameTaken>, Error> {
        let name = entry.name().as_bytes();
        let key = key(entry.name());
        let [active, old] = self
            .ask([
                command("ZSCORE epmd:active", &[name]),
                command("HMGET", &[&key, b"entry", b"owner", b"creation"]),
            ])
            .await?;
        let Value::Array(old) = old else { return Err(Error::Reply) };
        let Ok([by, holder, creation]) = <[Value; 3]>::try_from(old) else { return Err(Error::Reply) };
        if !matches!(active, Value::Nothing) {
            return Ok(Err(NameTaken { by: node(by)?, owner: Owner(integer(holder)?) }));
        }
        let creation = match creation {
            Value::Nothing => seconds(),
            last => u32::try_from(integer(last)?).map_err(|_| Error::Reply)?.wrapping_add(1),
        };
        let creation = creation.max(4);
        let mut bytes = Vec::new();
        PortReply::Found(entry.clone()).encode(&mut bytes);
        let fields = format!("creation {creation} owner {} port {} entry", owner.0, entry.port());
        let mut hash = command("HSET", &[&key]);
        hash.extend(command(&fields, &[&bytes]));
        let change = self.next_change().await?;
        self.ask([
            hash,
            command("ZADD epmd:active", &[change.as_bytes(), name]),
            command("ZREM epmd:unused", &[name]),
        ])
        .await?;
        self.forget_oldest().await?;
        Ok(Ok(Creation(creation)))
    }

    async fn unregister(&self, name: &str, owner: Owner) -> Result<bool, Error> {
        let [active, holder] = self
            .ask([
                command("ZSCORE epmd:active", &[name.as_bytes()]),
                command("HGET", &[&key(name), b"owner"]),
            ])
            .await?;
        if matches!(active, Value::Nothing) || integer(holder)? != owner.0 {
            return Ok(false);
        }
        let change = self.next_change().await?;
        self.ask([
            command("ZREM epmd:active", &[name.as_bytes()]),
            command("ZADD epmd:unused", &[change.as_bytes(), name.as_bytes()]),
        ])
        .await?;
        Ok(true)
    }

    async fn find(&self, name: &str) -> Result<Option<NodeEntry>, Error> {
        let [active, entry] = self
            .ask([
                command("ZSCORE epmd:active", &[name.as_bytes()]),
                command("HGET", &[&key(name), b"entry"]),
            ])
            .await?;
        if matches!(active, Value::Nothing) { Ok(None) } else { node(entry).map(Some) }
    }

    async fn active(&self) -> Result<Vec<(NodeEntry, Owner)>, Error> {
        let mut nodes = Vec::new();
        for (_, fields) in self.names("ZREVRANGE epmd:active 0 -1", "entry owner").await? {
            let Ok([entry, owner]) = <[Value; 2]>::try_from(fields) else { return Err(Error::Reply) };
            nodes.push((node(entry)?, Owner(integer(owner)?)));
        }
        Ok(nodes)
    }

    async fn unused(&self) -> Result<Vec<UnusedName>, Error> {
        let mut unused = Vec::new();
        for (name, fields) in self.names("ZRANGE epmd:unused 0 -1", "port owner").await? {
            let Ok([port, owner]) = <[Value; 2]>::try_from(fields) else { return Err(Error::Reply) };
            let port = u16::try_from(integer(port)?).map_err(|_| Error::Reply)?;
            unused.push(UnusedName { name, port, owner: Owner(integer(owner)?) });
        }
        Ok(unused)
    }
}

impl RedisTable {
    async fn forget_oldest(&self) -> Result<(), Error> {
        let [count] = self.ask([command("ZCARD epmd:unused", &[])]).await?;
        if usize::try_from(integer(count)?).is_ok_and(|count| count > MAX_UNUSED) {
            let [Value::Array(names)] = self.ask([command("ZRANGE epmd:unused 0 0", &[])]).await? else {
                return Err(Error::Reply);
            };
            for name in names {
                let name = text(name)?;
                let forgotten =
                    [command("ZREM epmd:unused", &[name.as_bytes()]), command("DEL", &[&key(&name)])];
                self.ask(forgotten).await?;
            }
        }
        Ok(())
    }
}

fn text(value: Value) -> Result<String, Error> {
    match value {
        Value::Text(bytes) => String::from_utf8(bytes).map_err(|_| Error::Reply),
        _ => Err(Error::Reply),
    }
}

/// An integer, which in a hash is a text.
fn integer(value: Value) -> Result<u64, Error> {
    match value {
        Value::Integer(number) => u64::try_from(number).map_err(|_| Error::Reply),
        value => text(value)?.parse().map_err(|_| Error::Reply),
    }
}

fn node(value: Value) -> Result<NodeEntry, Error> {
    match value {
        Value::Text(bytes) => match PortReply::decode(&bytes) {
            Ok(PortReply::Found(entry)) => Ok(entry),
            _ => Err(Error::Reply),
        },
        _ => Err(Error::Reply),
    }
}

/// The creation for a name that is not remembered.
fn seconds() -> u32 {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    u32::try_from(seconds & u64::from(u32::MAX)).unwrap_or_default()
}
