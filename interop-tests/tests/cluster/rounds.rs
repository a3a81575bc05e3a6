//! What happens to the cluster, round by round.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, Instant};

use erlnode::node::Node;
use interop_tests::{Epmd, NodeOptions, PATIENCE, Release, unique_name};

use super::member::{Kind, Running, scopes};
use super::model::Model;

/// Where all look before they are looked at again.
const PAUSE: Duration = Duration::from_millis(50);

/// When names are still missing after so long, they do not come any more.
const TIME_FOR_NAMES: Duration = Duration::from_secs(15);

/// So often a node that has lost names is connected anew before that counts as an error.
const MOST_REPAIRS: usize = 3;

/// A name of each node stays for so many rounds.
const NAMES_KEPT: usize = 4;

/// The nodes, and what they have to know.
pub(crate) struct Cluster {
    members: Vec<Member>,
    model: Model,
    controller: Node,
    epmd: Epmd,
}

struct Member {
    kind: Kind,
    name: String,
    running: Running,
}

/// What one node knows.
struct Seen {
    are_members_right: bool,
    model: Model,
}

impl Cluster {
    pub(crate) async fn start(of_beams: bool) -> Cluster {
        let epmd = Epmd::start(Release::Otp27).await;
        let controller = Node::builder(&unique_name("controller")).cookie("interop").epmd_port(epmd.port());
        let controller = controller.serve_epmd(false).hidden(true).start().await.expect("a node starts");
        let beams = [Release::Otp25, Release::Otp27, Release::Otp29].map(Kind::Beam);
        let mut others = [Kind::Rust; 3];
        if of_beams {
            others = [Kind::Beam(Release::Otp27); 3];
        }
        let mut members = Vec::new();
        // So that some Rust nodes are greater than all BEAMs, and some smaller: the names decide who does what.
        for (kind, prefix) in beams.into_iter().chain(others).zip(["c", "e", "g", "a", "f", "z"]) {
            let alive = unique_name(prefix);
            let name = alive.split('@').next().unwrap_or_default().to_owned();
            let running = Running::start(kind, &name, NodeOptions::with(&epmd), &controller).await;
            members.push(Member { kind, name, running });
        }
        let mut cluster = Cluster { members, model: Model::default(), controller, epmd };
        cluster.heal().await;
        for number in 0..cluster.members.len() {
            cluster.join(number).await;
        }
        cluster.check("when all had joined").await;
        cluster
    }

    /// One round; says what has happened.
    pub(crate) async fn round(&mut self, number: usize) -> String {
        self.register(number).await;
        self.check("after names were registered").await;
        let what = match number % super::KINDS {
            0 => self.end_processes(number).await,
            1 => self.split(number).await,
            2 => self.kill_node(3 + number / super::KINDS % 3).await,
            3 => self.cut_a_link(number).await,
            4 => self.kill_node(number / super::KINDS % 3).await,
            _ => self.cut_out_one(number).await,
        };
        self.check(&what).await;
        self.exchange(number).await;
        what
    }

    /// All is quiet again.
    pub(crate) async fn end(&mut self) {
        self.heal().await;
        self.check("in the end").await;
        for member in &self.members {
            let Kind::Beam(_) = member.kind else { continue };
            let answered = member.running.answered().await;
            // Of each of its scopes somebody is on all nodes but those that have no scope in common with it.
            for other in &self.members {
                let is_common = scopes(member.kind).iter().any(|scope| scopes(other.kind).contains(scope));
                let is_named = answered.contains(other.running.name());
                assert_eq!(is_named, is_common, "{} to {}: {answered}", member.name, other.name);
            }
        }
        for member in &self.members {
            let output = member.running.output();
            assert!(!output.contains("panicked"), "{}: {output}", member.name);
        }
    }

    // --- what happens ------------------------------------------------------------------------------------------

    /// Each registers a name, all at the same time; old ones are taken back.
    async fn register(&mut self, round: usize) {
        let names: Vec<String> =
            (0..self.members.len()).map(|number| format!("{{n,{round},{number}}}")).collect();
        let registered = self.all(async |number, member| member.running.register(&names[number]).await);
        for (name, process) in names.iter().zip(registered.await) {
            let process = process.unwrap_or_else(|| panic!("{name} was free"));
            self.model.names.insert(name.clone(), process);
        }
        if let Some(old) = round.checked_sub(NAMES_KEPT) {
            for number in 0..self.members.len() {
                let name = format!("{{n,{old},{number}}}");
                if self.model.names.remove(&name).is_some() {
                    self.beam(number).running.unregister(&name).await;
                }
            }
        }
    }

    /// On each node a process with a name and one in a group ends, and others join.
    async fn end_processes(&mut self, round: usize) -> String {
        for number in 0..self.members.len() {
            let node = self.members[number].running.name().to_owned();
            if let Some(name) = self.model.name_at(&node) {
                self.model.names.remove(&name);
                self.beam(number + round).running.kill_name(&name).await;
            }
            for scope in scopes(self.members[number].kind) {
                if let Some(process) = self.model.member_at(scope, &node) {
                    self.model.remove_member(scope, &process);
                    let killer = self.members.iter().find(|member| {
                        matches!(member.kind, Kind::Beam(_)) && scopes(member.kind).contains(scope)
                    });
                    killer.expect("a BEAM has the scope").running.kill_member(scope, &process).await;
                }
            }
            self.join(number).await;
        }
        "processes ended, others joined".to_owned()
    }

    /// Two halves, which change while they are apart, and register one name on both sides.
    async fn split(&mut self, round: usize) -> String {
        // Every second member, or three neighbours: each time a BEAM on both sides.
        let is_left = |number: usize| number.is_multiple_of(2 + round / super::KINDS % 2);
        let (left, right): (Vec<usize>, Vec<usize>) =
            (0..self.members.len()).partition(|number| is_left(*number));
        for _ in 0..3 {
            self.all(async |number, member| {
                for other in number + 1..self.members.len() {
                    if is_left(other) != is_left(number) {
                        member.running.disconnect(self.members[other].running.name()).await;
                    }
                }
            })
            .await;
        }
        for number in [left[0], right[0]] {
            self.join(number).await;
        }
        let shared = format!("{{shared,{round}}}");
        let (one, other) = (&self.members[left[0]].running, &self.members[right[0]].running);
        let (one, other) = tokio::join!(one.register(&shared), other.register(&shared));
        self.heal().await;
        self.settle_shared(&shared).await;
        format!(
            "split into {left:?} and {right:?}, where {shared} was registered ({}, {})",
            one.is_some(),
            other.is_some()
        )
    }

    /// All agree on who has the name, which is then taken back.
    async fn settle_shared(&mut self, name: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found: Vec<_> = self.all(async |_, member| member.running.names().await.remove(name)).await;
            if found.windows(2).all(|pair| pair[0] == pair[1]) {
                if found[0].is_some() {
                    self.beam(0).running.unregister(name).await;
                }
                return;
            }
            assert!(Instant::now() < deadline, "who has {name}? {found:?}{}", self.outputs());
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// A member dies, the others go on without, and it comes back.
    async fn kill_node(&mut self, number: usize) -> String {
        let Member { kind, name, running } = &self.members[number];
        let (kind, name, node) = (*kind, name.clone(), running.name().to_owned());
        running.kill_9();
        self.model.lose_node(&node);
        let dead = self.members.remove(number);
        self.check(&format!("after {node} was killed")).await;
        drop(dead);
        let running = Running::start(kind, &name, NodeOptions::with(&self.epmd), &self.controller).await;
        self.members.insert(number, Member { kind, name, running });
        self.heal().await;
        self.join(number).await;
        format!("{node} was killed, and came back")
    }

    async fn cut_a_link(&mut self, round: usize) -> String {
        let (one, other) = (round / super::KINDS % 6, (round / super::KINDS + 3) % 6);
        let [one, other] = [one, other].map(|number| &self.members[number].running);
        one.disconnect(other.name()).await;
        let what = format!("the link of {} and {} was cut", one.name(), other.name());
        self.heal().await;
        what
    }

    /// A member loses all others, at once and from its own side.
    async fn cut_out_one(&mut self, round: usize) -> String {
        let number = round / super::KINDS % 6;
        let out = &self.members[number];
        for other in &self.members {
            if other.name != out.name {
                out.running.disconnect(other.running.name()).await;
            }
        }
        let what = format!("{} lost all others", out.running.name());
        self.join(number).await;
        self.heal().await;
        what
    }

    async fn join(&mut self, number: usize) {
        let member = &self.members[number];
        for scope in scopes(member.kind) {
            let process = member.running.join(scope).await;
            self.model.members.entry(scope).or_default().insert(process);
        }
    }

    /// Rust nodes among themselves have messages flow as well.
    async fn exchange(&self, round: usize) {
        let rust: Vec<&Member> = self.members.iter().filter(|member| member.kind == Kind::Rust).collect();
        if let [first, .., last] =
            if round.is_multiple_of(2) { &rust[..] } else { rust.get(1..).unwrap_or_default() }
        {
            tokio::join!(
                first.running.exchange(last.running.name()),
                last.running.exchange(first.running.name())
            );
        }
    }

    // --- what has to be ----------------------------------------------------------------------------------------

    /// Connects all with all until they are one cluster again. Losses that are still under way may undo that, so it is
    /// done again while it is not so.
    async fn heal(&self) {
        let deadline = Instant::now() + 2 * PATIENCE;
        loop {
            self.all(async |_, member| {
                let (nodes, _) = member.running.known().await;
                for other in self.members.iter().map(|other| other.running.name()) {
                    if other != member.running.name() && !nodes.contains(other) {
                        member.running.connect(other).await;
                    }
                }
            })
            .await;
            // Joining takes its time, a second at least, and must not be disturbed.
            let patience = Instant::now() + Duration::from_secs(5);
            while Instant::now() < patience {
                if self.is_one().await {
                    return;
                }
                tokio::time::sleep(PAUSE).await;
            }
            assert!(
                Instant::now() < deadline,
                "the nodes do not become one cluster: {}{}",
                self.views().await,
                self.outputs()
            );
        }
    }

    /// Whether each is connected to all others and has all as members, and nothing is left of the way there.
    async fn is_one(&self) -> bool {
        let sound = self.all(async |number, member| {
            let others = self.members.iter().enumerate().filter(|(other, _)| *other != number);
            let others: BTreeSet<String> = others.map(|(_, other)| other.running.name().to_owned()).collect();
            let (nodes, known) = member.running.known().await;
            nodes == others && known == others && member.running.is_unlocked().await
        });
        sound.await.into_iter().all(|sound| sound)
    }

    /// Asks all members at the same time.
    async fn all<R>(&self, ask: impl AsyncFn(usize, &Member) -> R) -> Vec<R> {
        let mut asked: Vec<_> =
            self.members.iter().enumerate().map(|(number, member)| Box::pin(ask(number, member))).collect();
        let mut answers: Vec<Option<R>> = self.members.iter().map(|_| None).collect();
        poll_fn(|context| {
            for (asked, answer) in asked.iter_mut().zip(&mut answers) {
                if answer.is_none()
                    && let Poll::Ready(value) = asked.as_mut().poll(context)
                {
                    *answer = Some(value);
                }
            }
            if answers.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        answers.into_iter().flatten().collect()
    }

    /// Waits until all know all names and members, and no others.
    async fn check(&self, when: &str) {
        let mut deadline = Instant::now() + PATIENCE;
        let mut repairs = 0;
        loop {
            let seen = self.all(async |_, member| {
                let mut model = Model { names: member.running.names().await, ..Model::default() };
                let mut is_right = true;
                for scope in scopes(member.kind) {
                    let members = member.running.members(scope).await;
                    is_right &= members == self.model.members(scope);
                    model.members.insert(scope, members.into_iter().collect());
                }
                Seen { are_members_right: is_right, model }
            });
            let seen = seen.await;
            let is_wrong = |seen: &Seen| !seen.are_members_right || seen.model.names != self.model.names;
            if !seen.iter().any(is_wrong) {
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let mut text = format!("{when}: expected {:#?}\n", self.model);
                for (member, seen) in self.members.iter().zip(&seen).filter(|(_, seen)| is_wrong(seen)) {
                    let _ = writeln!(text, "{} has {:#?}", member.name, seen.model);
                }
                panic!("{text}{}{}", self.views().await, self.outputs());
            }
            if left < PATIENCE - TIME_FOR_NAMES
                && repairs < MOST_REPAIRS
                && let Some((member, node)) = self.dropped_by_otp(&seen)
            {
                println!("{when}: {} has dropped the names of {node}", member.name);
                member.running.disconnect(&node).await;
                self.heal().await;
                deadline = Instant::now() + PATIENCE;
                repairs += 1;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// A BEAM without the names of one node, where nothing else is wrong with any BEAM.
    ///
    /// OTP 27 and 29 do that for good, also among themselves: the last step of the exchange by which two nodes begin to
    /// join, `init_connect_ack`, ends what is left of it when it comes so late that they have joined already by way of
    /// a third one. With the exchange go all names of the other node.
    fn dropped_by_otp(&self, seen: &[Seen]) -> Option<(&Member, String)> {
        let mut found = None;
        for (member, seen) in self.members.iter().zip(seen) {
            let names = &seen.model.names;
            if names == &self.model.names && seen.are_members_right {
                continue;
            }
            let is_known = |(name, process): (&String, _)| self.model.names.get(name) == Some(process);
            if member.kind == Kind::Rust || !seen.are_members_right || !names.iter().all(is_known) {
                return None;
            }
            let node_of = |process: &str| process.rsplitn(3, '.').last().unwrap_or_default().to_owned();
            let missing = self.model.names.iter().filter(|(name, _)| !names.contains_key(*name));
            for node in missing.map(|(_, process)| node_of(process)).collect::<BTreeSet<_>>() {
                if names.values().any(|process| node_of(process) == node) {
                    return None;
                }
                found = Some((member, node));
            }
        }
        found
    }

    async fn views(&self) -> String {
        let mut text = String::new();
        for member in &self.members {
            let (nodes, known) = member.running.known().await;
            let _ = writeln!(text, "{}: connected to {nodes:?}, members {known:?}", member.running.name());
        }
        text
    }

    fn outputs(&self) -> String {
        self.members.iter().fold(String::new(), |text, member| {
            text + &format!("\n--- {}\n{}", member.running.name(), member.running.output())
        })
    }

    /// One of the BEAMs.
    fn beam(&self, number: usize) -> &Member {
        let beams: Vec<&Member> =
            self.members.iter().filter(|member| matches!(member.kind, Kind::Beam(_))).collect();
        beams[number % beams.len()]
    }
}
