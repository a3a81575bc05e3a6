//! What the layers above keep with a node: at most one value of each type.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use foldhash::fast::FixedState;
use parking_lot::RwLock;

use super::Node;

/// The values, by their types.
#[derive(Default)]
pub(crate) struct Attached(RwLock<HashMap<TypeId, Arc<dyn Any + Send + Sync>, FixedState>>);

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attached({})", self.0.read().len())
    }
}

impl Node {
    /// Keeps `value` for as long as the node lives, in place of one of the same type.
    pub(crate) fn attach<T: Any + Send + Sync>(&self, value: Arc<T>) {
        self.0.attached.0.write().insert(TypeId::of::<T>(), value);
    }

    /// The value of this type, if there is one.
    pub(crate) fn attached<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let value = self.0.attached.0.read().get(&TypeId::of::<T>()).cloned()?;
        value.downcast().ok()
    }
}
