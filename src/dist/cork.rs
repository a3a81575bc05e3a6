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
    /// Whether it was tight before.
    was_tight: bool,
    // Bound to its thread.
    _not_send: PhantomData<*const ()>,
}

#[derive(Debug, Default)]
struct Corked {
    is_corked: bool,
    /// Nothing at all is to be written.
    is_tight: bool,
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
        Cork::with(false)
    }

    /// Holds back the writing of this thread, however much it sends: for what is sent under a lock. The cork has to go
    /// after the lock.
    #[must_use]
    pub fn tight() -> Cork {
        Cork::with(true)
    }

    fn with(tight: bool) -> Cork {
        CORKED.with_borrow_mut(|corked| {
            let was_corked = std::mem::replace(&mut corked.is_corked, true);
            let was_tight = corked.is_tight;
            corked.is_tight |= tight;
            Cork { is_outermost: !was_corked, was_tight, _not_send: PhantomData }
        })
    }

    /// Remembers `outbox` for the end of the cork; false if there is none on this thread, or only one that lets `enough`
    /// bytes pass.
    pub(super) fn hold(outbox: &Arc<Outbox>, enough: bool) -> bool {
        CORKED.with_borrow_mut(|corked| {
            if enough && !corked.is_tight {
                return false;
            }
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
        CORKED.with_borrow_mut(|corked| corked.is_tight = self.was_tight);
        if self.is_outermost {
            let held = CORKED.with_borrow_mut(|corked| {
                corked.is_corked = false;
                std::mem::take(&mut corked.held)
            });
            held.iter().for_each(|outbox| outbox.flush());
        }
    }
}
