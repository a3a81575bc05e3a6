//! What a process wants to hear of nodes that come and go.

use super::News;
use crate::atom;
use crate::dist::driver::CloseReason;
use crate::node::NodeType;
use crate::term::{Atom, Map, Term};

/// What [`Process::monitor_nodes_with`](crate::node::Process::monitor_nodes_with) tells: the options of
/// `net_kernel:monitor_nodes/2`.
///
/// Messages are `{nodeup, Node, Info}` and `{nodedown, Node, Info}`, where `Info` holds what is asked for here, in a list
/// of pairs or in a map. Without [`node_type`](NodeMonitorOptions::node_type) they are about visible nodes.
///
/// ```
/// use erlnode::node::{NodeMonitorOptions, NodeType};
///
/// // {nodedown, 'a@host', #{node_type => hidden, nodedown_reason => net_tick_timeout}}
/// let options = NodeMonitorOptions::map().node_type(NodeType::Connected).nodedown_reason();
/// assert_eq!(options, NodeMonitorOptions::map().nodedown_reason().node_type(NodeType::Connected));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeMonitorOptions {
    form: Form,
    node_type: Option<NodeType>,
    nodedown_reason: bool,
    connection_id: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `{nodeup, Node}`
    Pair,
    /// `{nodeup, Node, [{Key, Value}]}`
    List,
    /// `{nodeup, Node, #{Key => Value}}`
    Map,
}

impl NodeMonitorOptions {
    const fn new(form: Form) -> NodeMonitorOptions {
        NodeMonitorOptions { form, node_type: None, nodedown_reason: false, connection_id: false }
    }

    /// `Info` is a list: the options as a list in OTP.
    #[must_use]
    pub const fn list() -> NodeMonitorOptions {
        NodeMonitorOptions::new(Form::List)
    }

    /// `Info` is a map: the options as a map in OTP, since release 25.
    #[must_use]
    pub const fn map() -> NodeMonitorOptions {
        NodeMonitorOptions::new(Form::Map)
    }

    /// Messages without `Info`.
    pub(super) const fn pairs(which: NodeType) -> NodeMonitorOptions {
        NodeMonitorOptions::new(Form::Pair).node_type(which)
    }

    /// Which nodes, and `Info` has `node_type`, `visible` or `hidden`. [`NodeType::Connected`] is OTP's `all`.
    #[must_use]
    pub const fn node_type(mut self, which: NodeType) -> NodeMonitorOptions {
        self.node_type = Some(which);
        self
    }

    /// `Info` of a node that has gone has `nodedown_reason`: `connection_closed` if the other node has ended or closed,
    /// `disconnect` if this one has closed, `net_tick_timeout` if nothing came for too long.
    #[must_use]
    pub const fn nodedown_reason(mut self) -> NodeMonitorOptions {
        self.nodedown_reason = true;
        self
    }

    /// `Info` has `connection_id`, which [`Node::nodes_info`](crate::node::Node::nodes_info) gives, too.
    #[must_use]
    pub const fn connection_id(mut self) -> NodeMonitorOptions {
        self.connection_id = true;
        self
    }

    /// The options as OTP writes them, a list or a map.
    ///
    /// # Errors
    /// What `net_kernel:monitor_nodes/2` answers instead of `ok`.
    pub(crate) fn read(term: &Term) -> Result<NodeMonitorOptions, Term> {
        let mut options = NodeMonitorOptions::new(Form::Pair);
        let mut unknown = Vec::new();
        let pairs: Vec<(Term, Term)> = match term {
            Term::Map(map) => {
                options.form = Form::Map;
                map.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
            }
            Term::List(list) => {
                let flag = |option: &Term| (option.clone(), Term::from(true));
                let pair = |option: &Term| match option.as_tuple() {
                    Some([key, value]) if key.is_atom("node_type") => (key.clone(), value.clone()),
                    _ => flag(option),
                };
                if list.iter().next().is_some() {
                    options.form = Form::List;
                }
                list.iter().map(pair).collect()
            }
            _ => return Err(error("invalid_options", term.clone())),
        };
        let bad_value = |key: &Term, value: &Term| {
            let option = match options.form {
                Form::Map => Term::Map([(key.clone(), value.clone())].into_iter().collect::<Map>()),
                _ => Term::tuple([key.clone(), value.clone()]),
            };
            error("bad_option_value", option)
        };
        let mut node_type: Option<(NodeType, Term)> = None;
        for (key, value) in &pairs {
            let name = key.as_atom().map_or("", Atom::as_str);
            match (name, value.as_atom().map_or("", Atom::as_str)) {
                ("node_type", text) => {
                    let which = match text {
                        "visible" => NodeType::Visible,
                        "hidden" => NodeType::Hidden,
                        "all" => NodeType::Connected,
                        _ => return Err(bad_value(key, value)),
                    };
                    if let Some((_, other)) = node_type.as_ref().filter(|(other, _)| *other != which) {
                        let option = |value: &Term| Term::tuple([key.clone(), value.clone()]);
                        return Err(error(
                            "option_value_mismatch",
                            Term::list([option(value), option(other)]),
                        ));
                    }
                    node_type = Some((which, value.clone()));
                }
                ("nodedown_reason", "true") => options.nodedown_reason = true,
                ("connection_id", "true") => options.connection_id = true,
                ("nodedown_reason" | "connection_id", "false") => {}
                ("nodedown_reason" | "connection_id", _) => return Err(bad_value(key, value)),
                _ => unknown.push((key.clone(), value.clone())),
            }
        }
        if !unknown.is_empty() {
            let unknown = match options.form {
                Form::Map => Term::Map(unknown.into_iter().collect::<Map>()),
                _ => Term::list(unknown.into_iter().map(|(key, _)| key)),
            };
            return Err(error("unknown_options", unknown));
        }
        options.node_type = node_type.map(|(which, _)| which);
        Ok(options)
    }

    /// The message that tells the news; `None` if it is not wanted.
    pub(super) fn message(&self, news: &News<'_>) -> Option<Term> {
        if !self.node_type.unwrap_or(NodeType::Visible).includes(news.hidden) {
            return None;
        }
        let what = if news.down.is_some() { atom!("nodedown") } else { atom!("nodeup") };
        let (what, node) = (Term::Atom(what), Term::Atom(news.node.clone()));
        // In the order in which OTP has them in its lists.
        let mut info = Vec::new();
        if self.connection_id {
            info.push((Term::Atom(atom!("connection_id")), Term::from(news.connection_id)));
        }
        if let Some(reason) = news.down.filter(|_| self.nodedown_reason) {
            info.push((Term::Atom(atom!("nodedown_reason")), Term::Atom(nodedown_reason(reason))));
        }
        if self.node_type.is_some() {
            let node_type = if news.hidden { atom!("hidden") } else { atom!("visible") };
            info.push((Term::Atom(atom!("node_type")), Term::Atom(node_type)));
        }
        Some(match self.form {
            Form::Pair => Term::tuple([what, node]),
            Form::List => {
                let info = info.into_iter().map(|(key, value)| Term::tuple([key, value]));
                Term::tuple([what, node, Term::list(info)])
            }
            Form::Map => Term::tuple([what, node, Term::Map(info.into_iter().collect::<Map>())]),
        })
    }
}

fn error(what: &str, detail: Term) -> Term {
    let what = Atom::new(what).map_or(Term::NIL, Term::Atom);
    Term::tuple([Term::Atom(atom!("error")), Term::tuple([what, detail])])
}

/// The reason as `net_kernel:monitor_nodes/2` names it.
fn nodedown_reason(reason: &CloseReason) -> Atom {
    match reason {
        CloseReason::ClosedByPeer | CloseReason::Io(_) | CloseReason::Protocol(_) => {
            atom!("connection_closed")
        }
        CloseReason::ClosedHere | CloseReason::Replaced => atom!("disconnect"),
        CloseReason::NoTick => atom!("net_tick_timeout"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<NodeMonitorOptions, String> {
        NodeMonitorOptions::read(&text.parse().unwrap()).map_err(|error| error.to_string())
    }

    /// As OTP 25, 27 and 29 say it.
    #[test]
    fn options_that_make_no_sense_are_answered_as_otp_does() {
        for (options, answer) in [
            ("[foo]", "{error,{unknown_options,[foo]}}"),
            ("[{node_type,x}]", "{error,{bad_option_value,{node_type,x}}}"),
            (
                "[{node_type,all},{node_type,hidden}]",
                "{error,{option_value_mismatch,[{node_type,hidden},{node_type,all}]}}",
            ),
            ("#{foo => true}", "{error,{unknown_options,#{foo => true}}}"),
            ("#{node_type => x}", "{error,{bad_option_value,#{node_type => x}}}"),
            ("x", "{error,{invalid_options,x}}"),
        ] {
            assert_eq!(read(options).unwrap_err(), answer, "{options}");
        }
    }

    #[test]
    fn the_same_set_of_options_is_the_same() {
        let all = NodeMonitorOptions::list().node_type(NodeType::Connected).nodedown_reason().connection_id();
        assert_eq!(read("[connection_id, nodedown_reason, {node_type, all}]"), Ok(all));
        assert_eq!(read("[{node_type, all}, nodedown_reason, connection_id, nodedown_reason]"), Ok(all));
        let map = "#{node_type => all, nodedown_reason => true, connection_id => false}";
        let options = NodeMonitorOptions::map().node_type(NodeType::Connected).nodedown_reason();
        assert_eq!(read(map), Ok(options));
        assert_eq!(read("[]"), Ok(NodeMonitorOptions::new(Form::Pair)));
    }

    /// As OTP 25, 27 and 29 send them.
    #[test]
    fn messages_hold_what_was_asked_for_in_its_form() {
        let (node, reason) = (atom!("b@h"), CloseReason::ClosedHere);
        let up = News { node: &node, hidden: false, connection_id: 7, down: None };
        let down = News { down: Some(&reason), ..up };
        for (options, on_up, on_down) in [
            ("[]", "{nodeup,b@h}", "{nodedown,b@h}"),
            ("[nodedown_reason]", "{nodeup,b@h,[]}", "{nodedown,b@h,[{nodedown_reason,disconnect}]}"),
            (
                "[nodedown_reason,{node_type,all},connection_id]",
                "{nodeup,b@h,[{connection_id,7},{node_type,visible}]}",
                "{nodedown,b@h,[{connection_id,7},{nodedown_reason,disconnect},{node_type,visible}]}",
            ),
            ("#{}", "{nodeup,b@h,#{}}", "{nodedown,b@h,#{}}"),
            (
                "#{connection_id => true}",
                "{nodeup,b@h,#{connection_id => 7}}",
                "{nodedown,b@h,#{connection_id => 7}}",
            ),
        ] {
            let options = read(options).unwrap();
            let message = |news| options.message(news).unwrap().to_string();
            assert_eq!([message(&up), message(&down)], [on_up, on_down]);
            let hidden = News { hidden: true, ..up };
            assert_eq!(options.message(&hidden).is_some(), options.node_type.is_some());
        }
    }
}
