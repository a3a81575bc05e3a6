//! The commands of the shell.

use std::time::Duration;

use crate::atom;
use crate::node::{Caller, Dest, Node, NodeType};
use crate::process::{ExitKind, Signal};
use crate::term::{self, Atom, Pid, Term};

use super::line::Language;
use super::registry::{Added, Shells};
use super::show::{Printer, bytes, duration, table};

/// So many processes are listed if nobody says how many.
const USUAL_COUNT: usize = 200;

/// How long another node may take to be connected to.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// A command of the shell's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Help,
    Processes,
    Names,
    Info,
    Groups,
    Global,
    Nodes,
    Memory,
    Limits,
    Uptime,
    Functions,
    Send,
    Kill,
    Connect,
    Disconnect,
}

/// Names, the first of which is shown; how to call it, and what it is for.
const ALL: [(Command, &[&str], &str, &str); 15] = [
    (Command::Help, &["help", "h"], "help [Command]", "this list, or what one command is for"),
    (Command::Processes, &["processes", "i", "ps"], "processes [Count]", "the processes, the newest first"),
    (Command::Names, &["names", "regs", "registered"], "names", "the registered names"),
    (Command::Info, &["info"], "info Pid|Name", "what is known of a process"),
    (Command::Groups, &["groups", "pg"], "groups [Scope]", "the groups of pg and their members"),
    (Command::Global, &["global"], "global", "the names of global"),
    (Command::Nodes, &["nodes", "connections"], "nodes", "the connected nodes and what they were sent"),
    (Command::Memory, &["memory"], "memory", "the memory in use"),
    (Command::Limits, &["limits"], "limits", "how many there may be of what, and how many there are"),
    (Command::Uptime, &["uptime"], "uptime", "how long the node runs"),
    (
        Command::Functions,
        &["functions"],
        "functions [Module]",
        "the functions that can be called, as Module:Function(...)",
    ),
    (Command::Send, &["send"], "send Dest Message", "sends a message to a pid, a name or {Name, Node}"),
    (Command::Kill, &["kill"], "kill Pid|Name [Reason]", "sends an exit signal; without a reason it is kill"),
    (Command::Connect, &["connect"], "connect Node", "connects to a node"),
    (Command::Disconnect, &["disconnect"], "disconnect Node", "closes the connection to a node"),
];

/// What a line names.
pub(super) enum Shown {
    Own(Command),
    Added(Added),
}

/// All names that a command line may begin with.
pub(super) fn names(node: &Node) -> Vec<String> {
    let own = ALL.iter().filter_map(|(_, names, ..)| names.first()).map(|name| (*name).to_owned());
    let added = Shells::of(node).added().into_iter().map(|(name, _)| name);
    own.chain(["exit".to_owned()]).chain(added).collect()
}

/// The command of this name, or the only one whose name begins so.
pub(super) fn find(node: &Node, name: &str) -> Result<Shown, String> {
    let shells = Shells::of(node);
    if let Some(added) = shells.get(name) {
        return Ok(Shown::Added(added));
    }
    if let Some((command, ..)) = ALL.iter().find(|(_, names, ..)| names.contains(&name)) {
        return Ok(Shown::Own(*command));
    }
    let candidates: Vec<String> =
        self::names(node).into_iter().filter(|other| other.starts_with(name)).collect();
    match &candidates[..] {
        [only] if only != "exit" => find(node, only),
        [] => Err(format!("there is no command {name}: help tells what there is")),
        many => Err(format!("{name} may be {}", many.join(" or "))),
    }
}

impl Command {
    pub(super) async fn run(
        self,
        caller: Caller,
        arguments: Vec<Term>,
        language: Language,
    ) -> Result<String, String> {
        let node = caller.node().clone();
        match (self, &arguments[..]) {
            (Command::Help, []) => Ok(help(&node, language)),
            (Command::Help, [name]) => help_on(&node, name),
            (Command::Processes, []) => Ok(processes(&node, USUAL_COUNT)),
            (Command::Processes, [Term::Integer(count)]) => {
                Ok(processes(&node, usize::try_from(count).map_err(|_| "that is no number of processes")?))
            }
            (Command::Names, []) => Ok(registered(&node)),
            (Command::Info, [which]) => info(&node, &find_process(&node, which)?),
            (Command::Groups, []) => groups(&node, "pg"),
            (Command::Groups, [scope]) => groups(&node, &text_of(scope)),
            (Command::Global, []) => Ok(global(&node)),
            (Command::Nodes, []) => Ok(nodes(&node)),
            (Command::Memory, []) => memory(&node).await,
            (Command::Limits, []) => Ok(limits(&node).await),
            (Command::Uptime, []) => Ok(duration(node.uptime())),
            (Command::Functions, []) => Ok(functions(&node, None)),
            (Command::Functions, [module]) => Ok(functions(&node, Some(&text_of(module)))),
            (Command::Send, [to, message]) => send(&caller, to, message).await,
            (Command::Kill, [which]) => kill(&node, which, Term::Atom(atom!("kill"))),
            (Command::Kill, [which, reason]) => kill(&node, which, reason.clone()),
            (Command::Connect, [name]) => connect(&node, &text_of(name)).await,
            (Command::Disconnect, [name]) => {
                let name = text_of(name);
                match node.disconnect(&name).await {
                    true => Ok("disconnected".to_owned()),
                    false => Err(format!("{name} is not connected")),
                }
            }
            _ => {
                let usage = ALL.iter().find(|(command, ..)| *command == self).map(|(_, _, usage, _)| *usage);
                Err(format!("it is called as {}", usage.unwrap_or_default()))
            }
        }
    }
}

fn help(node: &Node, language: Language) -> String {
    let mut rows: Vec<[String; 2]> =
        ALL.iter().map(|(_, _, usage, what)| [(*usage).to_owned(), (*what).to_owned()]).collect();
    rows.push(["exit".to_owned(), "leaves the shell; the node goes on".to_owned()]);
    let call = match language {
        Language::Erlang => "Module:Function(Arguments)",
        Language::Elixir => ":module.function(arguments)",
    };
    rows.push([call.to_owned(), "calls an exported function".to_owned()]);
    for (name, help) in Shells::of(node).added() {
        let (usage, what) = match help.split_once(": ") {
            Some((usage, what)) => (usage.to_owned(), what.to_owned()),
            None => (name, help),
        };
        rows.push([usage, what]);
    }
    let width = rows.iter().map(|[usage, _]| usage.chars().count()).max().unwrap_or_default();
    let lines = rows.iter().map(|[usage, what]| format!("{usage:width$}  {what}"));
    lines.collect::<Vec<_>>().join("\n")
}

fn help_on(node: &Node, name: &Term) -> Result<String, String> {
    let name = text_of(name);
    match find(node, &name)? {
        Shown::Own(command) => {
            let (_, names, usage, what) =
                ALL.iter().find(|(own, ..)| *own == command).ok_or("there is no such command")?;
            let others = names.get(1..).unwrap_or_default();
            let also =
                if others.is_empty() { String::new() } else { format!("; also {}", others.join(", ")) };
            Ok(format!("{usage}: {what}{also}"))
        }
        Shown::Added(added) => Ok(added.help),
    }
}

/// A name, a string, or what else stands for a name.
fn text_of(term: &Term) -> String {
    match term {
        Term::Atom(atom) => atom.as_str().to_owned(),
        other => other.chardata(crate::term::CharEncoding::Unicode).unwrap_or_else(|| other.to_string()),
    }
}

fn find_process(node: &Node, which: &Term) -> Result<Pid, String> {
    match which {
        Term::Pid(pid) if pid.node == *node.name().as_atom() => Ok(pid.clone()),
        Term::Pid(pid) => Err(format!("that is a process of {}", pid.node)),
        Term::Atom(name) => {
            node.whereis(name.as_str()).ok_or_else(|| format!("no process is registered as {name}"))
        }
        other => Err(format!("{other} is neither a pid nor a name")),
    }
}

/// One item of a process.
fn look(node: &Node, pid: &Pid, item: &str) -> Option<Term> {
    let item = Term::Atom(Atom::new(item).ok()?);
    match node.look_at(pid, &item)?.as_tuple() {
        Some([_, value]) => Some(value.clone()),
        _ => None,
    }
}

fn processes(node: &Node, count: usize) -> String {
    let printer = Printer::new(node);
    let mut pids = node.processes();
    pids.sort_unstable_by_key(|pid| std::cmp::Reverse((pid.serial, pid.id)));
    let all = pids.len();
    let row = |pid: &Pid| {
        let get = |item: &str| look(node, pid, item);
        let shown = |item: &str| get(item).map(|value| printer.short(&value)).unwrap_or_default();
        let name = get("registered_name").filter(|name| name.as_atom().is_some());
        Some([
            printer.pid(pid),
            name.map(|name| name.to_string()).unwrap_or_default(),
            function(&get("initial_call")?),
            shown("status"),
            shown("message_queue_len"),
            shown("reductions"),
            shown("memory"),
        ])
    };
    // One that has ended meanwhile is left out.
    let rows: Vec<_> = pids.iter().take(count).filter_map(row).collect();
    let head = ["pid", "name", "began as", "status", "messages", "polls", "bytes"];
    let mut text = table(head, &rows);
    if all > count {
        text.push_str(&format!("{} more: processes {all} lists all", all - count));
    }
    text
}

fn function(mfa: &Term) -> String {
    match mfa.as_tuple() {
        Some([module, function, arity]) => format!("{module}:{function}/{arity}"),
        _ => mfa.to_string(),
    }
}

fn registered(node: &Node) -> String {
    let printer = Printer::new(node);
    let mut names = node.registered();
    names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    let row = |name: &Atom| {
        let pid = node.whereis(name.as_str())?;
        let began = look(node, &pid, "initial_call").map(|mfa| function(&mfa)).unwrap_or_default();
        Some([name.to_string(), printer.pid(&pid), began])
    };
    table(["name", "pid", "began as"], &names.iter().filter_map(row).collect::<Vec<_>>())
}

fn info(node: &Node, pid: &Pid) -> Result<String, String> {
    const ITEMS: [&str; 14] = [
        "registered_name",
        "initial_call",
        "status",
        "message_queue_len",
        "messages",
        "links",
        "monitors",
        "monitored_by",
        "trap_exit",
        "group_leader",
        "parent",
        "dictionary",
        "reductions",
        "memory",
    ];
    /// What is shown of one item.
    const WIDEST: usize = 600;
    let printer = Printer::new(node);
    if !node.is_process_alive(pid) {
        return Err(format!("{} is not alive", printer.pid(pid)));
    }
    let mut lines = vec![format!("{:18} {}", "pid", printer.pid(pid))];
    for item in ITEMS {
        if let Some(value) = look(node, pid, item) {
            let mut value = printer.short(&value);
            if value.len() > WIDEST {
                value.truncate(value.floor_char_boundary(WIDEST));
                value.push('…');
            }
            lines.push(format!("{item:18} {value}"));
        }
    }
    Ok(lines.join("\n"))
}

fn groups(node: &Node, scope: &str) -> Result<String, String> {
    Atom::new(scope).map_err(|error| error.to_string())?;
    let pg = node.pg_scope(scope);
    let printer = Printer::new(node);
    let row = |group: Term| {
        let members = pg.members(group.clone());
        let here = pg.local_members(group.clone()).len();
        let first: Vec<String> = members.iter().take(3).map(|member| printer.pid(member)).collect();
        let more = if members.len() > 3 { ", …" } else { "" };
        let first = format!("{}{more}", first.join(", "));
        [printer.short(&group), members.len().to_string(), here.to_string(), first]
    };
    let rows: Vec<_> = pg.groups().into_iter().map(row).collect();
    match rows.is_empty() {
        true => Err(format!("no group of scope {scope} has members")),
        false => Ok(table(["group", "members", "here", "such as"], &rows)),
    }
}

fn global(node: &Node) -> String {
    let printer = Printer::new(node);
    let global = node.global();
    let row = |name: Term| {
        let pid = global.whereis_name(name.clone())?;
        Some([printer.short(&name), printer.pid(&pid), pid.node.to_string()])
    };
    let rows: Vec<_> = global.registered_names().into_iter().filter_map(row).collect();
    if rows.is_empty() { "global has no names".to_owned() } else { table(["name", "pid", "node"], &rows) }
}

fn nodes(node: &Node) -> String {
    let hidden = node.nodes(NodeType::Hidden);
    let mut names = node.nodes(NodeType::Connected);
    names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    let row = |name: &Atom| {
        let info = node.connection_info(name.as_str())?;
        let kind = if hidden.contains(name) { "hidden" } else { "visible" };
        Some([
            name.as_str().to_owned(),
            kind.to_owned(),
            bytes(info.received),
            bytes(info.sent),
            bytes(info.queued as u64),
            info.waiting.len().to_string(),
        ])
    };
    let rows: Vec<_> = names.iter().filter_map(row).collect();
    if rows.is_empty() {
        return "no node is connected".to_owned();
    }
    table(["node", "kind", "received", "sent", "queued", "senders waiting"], &rows)
}

/// Calls a function of this node, as others could.
async fn own(node: &Node, function: &str, arguments: Vec<Term>) -> Option<Term> {
    let name = node.name().to_string();
    node.erpc(&name).call("erlang", function, arguments).await.ok()
}

async fn memory(node: &Node) -> Result<String, String> {
    let figures = own(node, "memory", Vec::new()).await.ok_or("there are no figures")?;
    let row = |figure: &Term| match figure.as_tuple() {
        Some([Term::Atom(kind), Term::Integer(count)]) => {
            let count = u64::try_from(count).ok().filter(|count| *count > 0)?;
            Some([kind.to_string(), bytes(count)])
        }
        _ => None,
    };
    let rows: Vec<_> = figures.as_list().unwrap_or_default().iter().filter_map(row).collect();
    Ok(table(["memory", "in use"], &rows))
}

async fn limits(node: &Node) -> String {
    let item = async |name: &str| {
        let name = Term::Atom(Atom::new(name).ok()?);
        Some(own(node, "system_info", vec![name]).await?.to_string())
    };
    let mut rows = Vec::new();
    for (what, count, limit) in [
        ("processes", Some("process_count"), "process_limit"),
        ("schedulers", Some("schedulers_online"), "schedulers"),
        ("bytes queued for a node", None, "dist_buf_busy_limit"),
    ] {
        let now = match count {
            Some(count) => item(count).await.unwrap_or_default(),
            None => String::new(),
        };
        rows.push([what.to_owned(), now, item(limit).await.unwrap_or_default()]);
    }
    rows.push([
        "nodes connected".to_owned(),
        node.nodes(NodeType::Connected).len().to_string(),
        "-".to_owned(),
    ]);
    table(["what", "now", "at most"], &rows)
}

/// The exported functions, of one module or of all.
pub(super) fn functions(node: &Node, module: Option<&str>) -> String {
    let mut lines = Vec::new();
    let mut last: Option<Atom> = None;
    let wanted = module.map(|module| (module, format!("Elixir.{module}")));
    for (of, name, arity) in node.exported() {
        if let Some((module, elixir)) = &wanted
            && of != *module
            && of != elixir.as_str()
        {
            continue;
        }
        let function = format!("{name}/{arity}");
        if last.as_ref() == Some(&of)
            && let Some(line) = lines.last_mut()
        {
            let line: &mut String = line;
            line.push_str(", ");
            line.push_str(&function);
        } else {
            lines.push(format!("{of}: {function}"));
            last = Some(of);
        }
    }
    match (lines.is_empty(), module) {
        (true, Some(module)) => format!("no function of {module} is exported"),
        _ => lines.join("\n"),
    }
}

async fn send(caller: &Caller, to: &Term, message: &Term) -> Result<String, String> {
    let to: Dest = term::from_term(to).map_err(|_| format!("{to} is no pid, name or {{Name, Node}}"))?;
    caller.send(to, message.clone()).await.map_err(|error| error.to_string())?;
    Ok("sent".to_owned())
}

fn kill(node: &Node, which: &Term, reason: Term) -> Result<String, String> {
    let pid = find_process(node, which)?;
    let printer = Printer::new(node);
    if !node.is_process_alive(&pid) {
        return Err(format!("{} is not alive", printer.pid(&pid)));
    }
    let shown =
        format!("{} was sent an exit signal with reason {}", printer.pid(&pid), printer.short(&reason));
    node.deliver(node.pid(), &pid, Signal::Exit(ExitKind::Signal, reason));
    Ok(shown)
}

async fn connect(node: &Node, name: &str) -> Result<String, String> {
    match tokio::time::timeout(CONNECT_LIMIT, node.connect(name)).await {
        Ok(Ok(())) => Ok("connected".to_owned()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("{name} does not answer")),
    }
}
