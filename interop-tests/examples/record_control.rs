//! Records `vectors/control25.txt`, `control27.txt` and `control29.txt`: every control message that a release sends.
//!
//! A peer that keeps what it gets connects to a node, without atom cache, so that each frame says all by itself. The node
//! evaluates an expression, or answers what the peer sends it, and the frames that come of it are written down. Run by
//! `record-vectors`.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

use bytes::Bytes;
use erlnode::dist::Flags;
use erlnode::dist::NodeName;
use erlnode::dist::connection::{Event, Inbound};
use erlnode::dist::fragment::FragmentLimits;
use erlnode::term::Term;
use interop_tests::raw_peer::{RawOptions, RawPeer, encoded};
use interop_tests::{BeamNode, Epmd, NodeOptions, Release};
use tokio::task::block_in_place;

/// The name of the peer; its pids, references and names stand in the expressions as `PEER`, `REF` and `NAME`.
const NAME: &str = "peer@raw";

/// What has come when the node says this, it has said all before.
const END: &str = "that_was_all";

/// How a frame is got out of the node.
enum Step {
    /// It evaluates this.
    Evaluate(&'static str),
    /// It evaluates this, then gets these control messages, in which `PID` is the process that evaluated.
    Answer(&'static str, &'static [&'static str]),
}

use Step::{Answer, Evaluate};

/// A token for all that a process sends.
const TRACED: &str = "seq_trace:set_token(label, 17), seq_trace:set_token(send, true), ";

/// What a process does that is linked to the peer, or monitored by it, and waits.
const WAIT: &str = "receive stop -> ok end";

const STEPS: &[Step] = &[
    Evaluate("PEER ! hello"),
    Evaluate("TRACED PEER ! hello"),
    Evaluate("{echo, 'NAME'} ! {hello, 1.5, <<\"binary\">>, [1, 2 | tail], #{key => value}}"),
    Evaluate("TRACED {echo, 'NAME'} ! hello"),
    Evaluate("REF ! hello"),
    Evaluate("TRACED REF ! hello"),
    Evaluate("erlang:send(REF, hello, [priority])"),
    Evaluate("exit(REF, reason, [priority])"),
    Evaluate("TRACED exit(REF, reason, [priority])"),
    Evaluate("link(PEER), unlink(PEER)"),
    Evaluate("link(PEER), exit({shutdown, 7})"),
    Evaluate("TRACED link(PEER), exit(traced)"),
    Evaluate("exit(PEER, kill)"),
    Evaluate("TRACED exit(PEER, reason)"),
    Evaluate("demonitor(monitor(process, PEER))"),
    Evaluate("demonitor(monitor(process, {echo, 'NAME'}))"),
    Evaluate("group_leader(PEER, self())"),
    Evaluate("group_leader(self(), PEER)"),
    Evaluate("spawn_request('NAME', lists, seq, [1, 300], [link, monitor, {priority, high}])"),
    Evaluate("TRACED spawn_request('NAME', lists, seq, [1, 300], [])"),
    Evaluate("spawn_request('NAME', fun lists:reverse/1, [])"),
    Answer(WAIT, &["{1, PEER, PID}", "{35, 18446744073709551615, PEER, PID}"]),
    Answer(WAIT, &["{19, PEER, PID, REF}", "{26, PEER, PID}kill"]),
    Answer(WAIT, &["{19, PEER, nobody, REF}"]),
    Answer(WAIT, &["{29, REF, PEER, PEER, {erlang, node, 0}, [link, monitor]}[]"]),
    Answer(WAIT, &["{29, REF, PEER, PEER, {erlang, node, 0}, [strange]}[]"]),
    Answer(WAIT, &["{30, REF, PEER, PEER, {erlang, node, 0}, [link, monitor], {1, 17, 3, PEER, 2}}[]"]),
];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    for release in Release::all() {
        let mut text = format!("% Made by record-vectors with OTP {}: ", release.number());
        text += "what was done, the operation that came of it, its frame.\n";
        let mut operations = BTreeSet::new();
        let epmd = Epmd::start(release).await;
        for without in
            [Flags::NONE, Flags::ALTACT_SIG, Flags::EXIT_PAYLOAD | Flags::SEND_SENDER | Flags::UNLINK_ID]
        {
            // Not all can do without them.
            if without.contains(Flags::UNLINK_ID) && release != Release::Otp25 {
                record(release, &epmd, without - Flags::UNLINK_ID, &mut text, &mut operations).await?;
            } else {
                record(release, &epmd, without, &mut text, &mut operations).await?;
            }
        }
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("vectors/control{}.txt", release.number()));
        std::fs::write(path, text)?;
        eprintln!("OTP {}: {} operations: {operations:?}", release.number(), operations.len());
    }
    Ok(())
}

async fn record(
    release: Release,
    epmd: &Epmd,
    without: Flags,
    text: &mut String,
    operations: &mut BTreeSet<String>,
) -> Result<(), Box<dyn Error>> {
    let node = BeamNode::start(release, NodeOptions::with(epmd)).await;
    let flags =
        Flags::full_node() - Flags::PUBLISHED - Flags::DIST_HDR_ATOM_CACHE - Flags::FRAGMENTS - without;
    let (_, port) =
        epmd.names().into_iter().find(|(name, _)| node.name().starts_with(name.as_str())).ok_or("no port")?;
    let options = RawOptions { flags, ..RawOptions::new(NAME, node.cookie()) };
    let mut peer =
        block_in_place(|| RawPeer::connect(port, &options)).map_err(|error| format!("{error:?}"))?;
    let own = NodeName::new(node.name())?;
    let mut inbound = Inbound::new(&own, flags, FragmentLimits::default());
    let reference = format!("#Ref<{NAME}.1.2.3/77>");
    // As the node has to write it.
    let from_bytes = |text: &str| {
        format!(
            "binary_to_term(<<131, {}>>)",
            encoded(text).iter().map(u8::to_string).collect::<Vec<_>>().join(",")
        )
    };
    for step in STEPS {
        let (Evaluate(source) | Answer(source, _)) = step;
        let expression = source
            .replace("TRACED ", TRACED)
            .replace("PEER", &from_bytes(&peer.pid(5)))
            .replace("REF", &from_bytes(&reference))
            .replace("NAME", NAME);
        let run = format!(
            "Pid = spawn(fun() -> receive go -> ok end, {expression} end), register(recorded, Pid), Pid ! go, 
             binary_to_list(term_to_binary(Pid))"
        );
        let _ = node.eval("catch unregister(recorded)").await;
        // What a release does not have is left out of its file.
        let Ok(pid) = node.eval(&run).await else { continue };
        if let Answer(_, messages) = step {
            let pid = pid_of(&pid)?;
            for message in *messages {
                let message =
                    message.replace("PEER", &peer.pid(5)).replace("REF", &reference).replace("PID", &pid);
                let (control, payload) = message.rsplit_once('}').ok_or("no tuple")?;
                let mut frame = [&[112, 131], &encoded(&format!("{control}}}"))[..]].concat();
                if !payload.is_empty() {
                    frame.push(131);
                    frame.extend(encoded(payload));
                }
                block_in_place(|| peer.send_frame(&frame));
            }
        }
        // After that time all has been sent, also what the end of the process says to others.
        let end = format!("timer:sleep(300), {{{END}, '{NAME}'}} ! {END}");
        node.eval(&end).await.map_err(|error| error.to_string())?;
        while let Some(frame) = block_in_place(|| peer.receive()) {
            let event = inbound.handle_packet(frame.clone())?;
            let Some(Event::Message(message)) = event else { continue };
            let shown = format!("{:?}", message.control);
            if shown.contains(END) {
                break;
            }
            let operation = message.control.operation();
            // What the services of the node send each peer is no answer to anything.
            if is_own_business(&shown) {
                continue;
            }
            operations.insert(format!("{:02} {operation}", operation.number()));
            let hex = frame.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
            let step = match step {
                Evaluate(source) => (*source).to_owned(),
                Answer(source, messages) => format!("{source}, after {}", messages.join(" ")),
            };
            writeln!(text, "{step}\t{operation}\t{hex}")?;
        }
    }
    Ok(())
}

fn is_own_business(shown: &str) -> bool {
    ["rex", "global_name_server", "logger_proxy"].iter().any(|name| shown.contains(name))
}

/// The pid of which the node has given the bytes.
fn pid_of(bytes: &str) -> Result<String, Box<dyn Error>> {
    let bytes: Result<Vec<u8>, _> = bytes.trim_matches(['[', ']']).split(',').map(str::parse).collect();
    let term: Term = erlnode::term::etf::decode(&Bytes::from(bytes?))?;
    Ok(term.to_string())
}
