//! Makes the inputs that the fuzzer starts from: `cargo run --example seeds FOLDER` writes files into a folder for each target.
//!
//! They come from what real nodes have written, in `interop-tests/vectors` and `src/dist/connection/recorded`, and from
//! the messages of handshakes and of epmd, which have one form each. `seeds/TARGET.txt` has what the fuzzer has found
//! since: an input a line, in hexadecimal.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use bytes::{Bytes, BytesMut};
use erlnode::dist::connection::{Event, Inbound};
use erlnode::dist::fragment::FragmentLimits;
use erlnode::dist::handshake::message::{ChallengeReply, Complement, SendChallenge, SendName, Status};
use erlnode::dist::{Flags, NodeName};
use erlnode::epmd::NodeEntry;
use erlnode::epmd::message::{AliveReply, PortReply, RawEntry, Request, encode_dump, encode_names};
use erlnode::term::Creation;
use erlnode::term::etf::{self, Writer};
use erlnode_fuzz::{CREATION, cookie, own_name, peer_name};

/// How many packets an input has at most.
const PACKETS: usize = 12;

/// Inputs of more bytes are left out: the fuzzer would cut them anyway.
const MAX_BYTES: usize = 4096;

struct Seeds {
    folder: PathBuf,
    count: usize,
}

impl Seeds {
    fn add(&mut self, target: &str, input: &[u8]) -> Result<(), Box<dyn Error>> {
        if input.len() <= MAX_BYTES {
            let folder = self.folder.join(target);
            fs::create_dir_all(&folder)?;
            fs::write(folder.join(format!("seed-{:05}", self.count)), input)?;
            self.count += 1;
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args().nth(1).ok_or("usage: seeds FOLDER")?;
    let mut seeds = Seeds { folder: folder.into(), count: 0 };
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for release in ["otp25", "otp27", "otp29"] {
        terms(&mut seeds, &fs::read_to_string(here.join(format!("../vectors/{release}.txt")))?)?;
    }
    for release in ["control25", "control27", "control29"] {
        let frames = fs::read_to_string(here.join(format!("../vectors/{release}.txt")))?;
        for frame in
            frames.lines().filter(|line| !line.starts_with('%')).filter_map(|line| line.rsplit('\t').next())
        {
            seeds.add("control", hex(frame)?.strip_prefix(&[112, 131]).ok_or("no frame")?)?;
        }
    }
    let recorded = here.join("../../src/dist/connection/recorded");
    packets(&mut seeds, 0, &fs::read_to_string(recorded.join("otp25.txt"))?)?;
    packets(&mut seeds, 0, &fs::read_to_string(recorded.join("otp29.txt"))?)?;
    packets(&mut seeds, 1, &fs::read_to_string(recorded.join("otp29-pass-through.txt"))?)?;
    // Each operation, with nothing absurd about it and with a message that makes sense; then all of them in turn.
    let absurd: Vec<Vec<u8>> = (0..31).map(|operation| [&[0, operation], &[0; 40][..]].concat()).collect();
    absurd.iter().try_for_each(|message| seeds.add("node", &pieces([&message[..]])))?;
    seeds.add("node", &pieces(absurd.iter().map(Vec::as_slice)))?;
    handshakes(&mut seeds)?;
    epmd(&mut seeds)?;
    for first in [0, 3, 200, 255] {
        let steps: [&[u8]; 6] =
            [&[0, 1, 3, 1], &[0, 2, 2, 2, 2], &[1, 1, first, 3], &[1, 2, 0], &[1, 1, 0, 4, 5], &[0, 1, 1]];
        seeds.add("fragments", &pieces(steps))?;
    }
    for target in fs::read_dir(here.join("seeds"))? {
        let path = target?.path();
        let name = path.file_stem().ok_or("no name")?.to_string_lossy().into_owned();
        for line in fs::read_to_string(&path)?.lines() {
            seeds.add(&name, &hex(line)?)?;
        }
    }
    Ok(())
}

/// An input of several pieces.
fn pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut input = Vec::new();
    for piece in pieces {
        input.extend(u16::try_from(piece.len()).unwrap_or(u16::MAX).to_be_bytes());
        input.extend(piece);
    }
    input
}

/// Hexadecimal digits, in which `(XX*N)` and `XX*N` stand for N times the byte.
fn hex(text: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut bytes = Vec::new();
    for part in text.split(['(', ')', ' ']) {
        let (digits, times) = part.split_once('*').unwrap_or((part, "1"));
        let part: Result<Vec<u8>, _> =
            (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&digits[i..i + 2], 16)).collect();
        bytes.extend(part?.repeat(times.parse()?));
    }
    Ok(bytes)
}

fn terms(seeds: &mut Seeds, vectors: &str) -> Result<(), Box<dyn Error>> {
    for line in vectors.lines().filter(|line| !line.starts_with('%')) {
        let (expression, digits) = line.split_once('\t').ok_or("no tab")?;
        let bytes = hex(digits)?;
        match &bytes[..] {
            [131, 80, rest @ ..] => seeds.add("compressed", rest)?,
            [_, rest @ ..] => {
                seeds.add("term", rest)?;
                seeds.add("compressed", &[&[1], rest].concat())?;
            }
            [] => {}
        }
        seeds.add("text", expression.as_bytes())?;
        if let Ok(term) = etf::decode(&Bytes::from(bytes)) {
            seeds.add("text", term.to_string().as_bytes())?;
            seeds.add("text", format!("{term:#}").as_bytes())?;
        }
    }
    Ok(())
}

fn packets(seeds: &mut Seeds, flags: u8, recorded: &str) -> Result<(), Box<dyn Error>> {
    for (arrow, from) in [(">", "aa@vm"), ("<", "bb@vm")] {
        let lines =
            recorded.lines().filter_map(|line| line.strip_prefix(arrow)?.trim_start().split_once(' '));
        let packets: Result<Vec<_>, _> = lines.map(|(_, bytes)| hex(bytes)).collect();
        let packets = packets?;
        let mut inbound =
            Inbound::new(&NodeName::new(from)?, erlnode_fuzz::flags(flags), FragmentLimits::default());
        for packet in &packets {
            if let Some(Event::Message(message)) = inbound.handle_packet(packet.clone().into())? {
                let mut writer = Writer::new();
                message.control.encode(&mut writer)?;
                seeds.add("control", &writer.into_bytes())?;
                if let Some(payload) = message.payload {
                    let mut writer = Writer::new();
                    payload.write_to(&mut writer)?;
                    seeds.add("term", &writer.into_bytes())?;
                }
            }
        }
        for packets in packets.chunks(PACKETS) {
            let input = pieces(packets.iter().map(Vec::as_slice));
            seeds.add("stream", &[&[flags], &input[..]].concat())?;
            let headers = packets.iter().filter_map(|packet| packet.strip_prefix(&[131, 68]));
            seeds.add("header", &pieces(headers))?;
        }
    }
    // Each message on its own: its atoms are in it, as nothing is in the cache yet.
    for control in fs::read_dir(seeds.folder.join("control"))? {
        let control = fs::read(control?.path())?;
        let framed: &[u8] = if flags == 1 { &[112, 131] } else { &[131, 68, 0] };
        let payload: &[u8] = if flags == 1 { &[131, 104, 0] } else { &[104, 0] };
        let packet = [framed, &control, payload].concat();
        seeds.add("stream", &[&[flags], &pieces([&packet[..], b""])[..]].concat())?;
    }
    Ok(())
}

fn handshakes(seeds: &mut Seeds) -> Result<(), Box<dyn Error>> {
    let encoded = |encode: &dyn Fn(&mut BytesMut)| {
        let mut out = BytesMut::new();
        encode(&mut out);
        out.freeze()
    };
    let status = |status: Status<'_>| encoded(&|out| status.encode(out));
    let (own, peer) = (own_name(), peer_name());
    let challenge = |flags, name: &NodeName| {
        let message = SendChallenge { flags, challenge: 1, creation: CREATION, name: name.as_str() };
        encoded(&|out| message.encode(out))
    };
    let named = Status::Named { name: "3FVJ6KV2X1GF3@vm", creation: CREATION };
    let texts = [
        Status::Ok,
        Status::OkSimultaneous,
        Status::Nok,
        Status::NotAllowed,
        Status::Alive,
        named,
        Status::Other(b"?"),
    ];
    for (text, choice) in texts.into_iter().zip(0..) {
        let packets = [status(text), challenge(Flags::full_node(), &peer), Bytes::from_static(b"a")];
        let input = pieces(packets.iter().map(|packet| &packet[..]));
        seeds.add("initiator", &[&[choice], &input[..]].concat())?;
        seeds.add("initiator", &[&[choice | 1], &input[..]].concat())?;
    }
    let reply = ChallengeReply { challenge: 1, digest: cookie().digest(1) };
    let reply = encoded(&|out| reply.encode(out)).slice(..5);
    let send_name = |flags, creation, name: &str| {
        let message = SendName { flags, creation, name };
        encoded(&|out| message.encode(out))
    };
    let complement = Complement { flags: Flags::full_node(), creation: CREATION };
    let complement = encoded(&|out| complement.encode(out));
    let full = Flags::full_node();
    let inputs = [
        vec![send_name(full, Some(CREATION), peer.as_str()), reply.clone()],
        vec![send_name(full, Some(CREATION), peer.as_str()), status(Status::True), reply.clone()],
        vec![send_name(full, Some(CREATION), peer.as_str()), status(Status::False)],
        vec![send_name(full, None, peer.as_str()), complement, reply.clone()],
        vec![send_name((full - Flags::PUBLISHED) | Flags::NAME_ME, Some(Creation(0)), "vm"), reply],
        vec![send_name(full, Some(CREATION), own.as_str())],
        vec![send_name(Flags::NONE, Some(CREATION), peer.as_str())],
    ];
    for input in inputs {
        for choice in 0..4 {
            let input = pieces(input.iter().map(|packet| &packet[..]));
            seeds.add("acceptor", &[&[choice], &input[..]].concat())?;
        }
    }
    Ok(())
}

fn epmd(seeds: &mut Seeds) -> Result<(), Box<dyn Error>> {
    let entry = NodeEntry::new("aa", 4370)?;
    let hidden = NodeEntry::new("ж", 1)?.hidden().with_versions(5, 5).with_extra(vec![1, 2])?;
    let mut all = Vec::new();
    for request in [
        Request::Alive(RawEntry::from(&entry)),
        Request::Alive(RawEntry::from(&hidden)),
        Request::Port("aa"),
        Request::Names,
        Request::Dump,
        Request::Kill,
        Request::Stop(b"aa"),
    ] {
        let mut out = Vec::new();
        request.encode(&mut out)?;
        seeds.add("epmd_request", &out)?;
        all.extend(out);
    }
    seeds.add("epmd_request", &all)?;
    let (mut names, mut dump) = (Vec::new(), Vec::new());
    encode_names(4369, [&entry, &hidden], &mut names);
    encode_dump(4369, [("aa", 4370, 5)], [("bb", 4371, 6)], &mut dump);
    let mut replies =
        vec![names, dump, b"OK".to_vec(), b"NO".to_vec(), b"STOPPED".to_vec(), b"NOEXIST".to_vec()];
    for reply in [PortReply::Found(entry), PortReply::Found(hidden), PortReply::NotFound] {
        let mut out = Vec::new();
        reply.encode(&mut out);
        replies.push(out);
    }
    for (reply, highest) in [
        (AliveReply::Registered(CREATION), 6),
        (AliveReply::Registered(CREATION), 5),
        (AliveReply::Refused, 6),
    ] {
        let mut out = Vec::new();
        reply.encode(highest, &mut out);
        replies.push(out);
    }
    replies.iter().try_for_each(|reply| seeds.add("epmd_reply", reply))
}
