//! Where the cases of OTP's `pg_SUITE` are; `interop` is `interop-tests/tests/pg`:
//!
//! | case | test |
//! | --- | --- |
//! | `pg` | `calls`: `processes_join_and_leave_as_often_as_they_like`; interop, `functions` |
//! | `errors` | `calls`: `what_a_scope_does_not_know_does_not_end_it`: here it goes on, where OTP's ends |
//! | `leave_exit_race` | `calls`: `a_process_that_has_ended_is_no_member` |
//! | `single`, `double`, `group_leave` | `calls`: `processes_join_and_leave_as_often_as_they_like` |
//! | `dyn_distribution` | `dialogue`: `a_scope_does_not_seek_itself` |
//! | `process_owner_check`, `nolocal` | `calls`: `only_processes_of_this_node_join`; interop, `functions` |
//! | `overlay_missing` | `dialogue`: `strangers_have_no_members` |
//! | `two`, `initial` | interop, `cluster`: `members_are_known_on_all_nodes` |
//! | `empty_group_by_remote_leave` | `dialogue`: `a_group_without_members_is_gone` |
//! | `thundering_herd` | `dialogue`: `thousands_of_syncs_are_done_in_no_time` |
//! | `netsplit`, `trisplit`, `foursplit`, `exchange` | interop, `cluster`: `parted_nodes_tell_each_other_anew` |
//! | `scope_restart` | interop, `restarts`; `calls`: `a_scope_that_is_ended_starts_again_without_local_members` |
//! | `missing_scope_join` | interop, `functions`; `calls`: `without_a_scope_there_are_no_groups` |
//! | `disconnected_start` | `calls`: `a_scope_is_stopped_and_started_without_other_nodes` |
//! | `forced_sync` | `dialogue`: `what_a_peer_tells_replaces_what_it_has_told` |

mod calls;
mod dialogue;
