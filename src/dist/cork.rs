//! Holding back the writing of a thread, so that many messages go out in one call.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::Arc;

use smallvec::SmallVec;

use super::outbox::Outbox;

/// While one of these lives, what the thread sends is queued, and written when it goes.
///
/// They can be nested; the outermost counts. It must not live across an await, since the task may go on in another
/// thread, and the thread with another task.
#[derive(Debug)]
pub struct Cork {
    is_outermost: bool,
    // Bound to its thread.
    _not_send: PhantomData<*const ()>,
}

#[derive(Debug, Default)]
struct Corked {
    is_corked: bool,
    /// What has to be written in the end. A process sends to one other node at a time, as a rule.
    held: SmallVec<[Arc<Outbox>; 2]>,
}

thread_local! {
    static CORKED: RefCell<Corked> = RefCell::default();
}

impl Cork {
    /// Holds back the writing of this thread.
    #[must_use]
    pub fn new() -> Cork {
        let was_corked = CORKED.with_borrow_mut(|corked| std::mem::replace(&mut corked.is_corked, true));
        Cork { is_outermost: !was_corked, _not_send: PhantomData }
    }

    /// Remembers `outbox` for the end of the cork; false if there is none on this thread.
    pub(super) fn hold(outbox: &Arc<Outbox>) -> bool {
        CORKED.with_borrow_mut(|corked| {
            if corked.is_corked && !corked.held.iter().any(|held| Arc::ptr_eq(held, outbox)) {
                corked.held.push(outbox.clone());
            }
            corked.is_corked
        })
    }
}

impl Default for Cork {
    fn default() -> Cork {
        Cork::new()
    }
}

impl Drop for Cork {
    fn drop(&mut self) {
        if self.is_outermost {
            let held = CORKED.with_borrow_mut(|corked| {
                corked.is_corked = false;
                std::mem::take(&mut corked.held)
            });
            held.iter().for_each(|outbox| outbox.flush());
        }
    }
}
