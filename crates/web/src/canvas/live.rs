//! A value that others watch: the driver writes, charts are told that something changed, and look when they draw.
//!
//! A write costs a counter and one call per watcher; 2,000 of them between two frames make one drawing. A watcher must
//! only note that it is dirty: it is called while the writer is in the middle of its work.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

/// Shared handle to a `T` on one thread. Clones are the same value, and two handles are equal when they are the same
/// value, so that a component with a `Live` among its props does not render again because of data.
///
/// ```
/// use nexus_web::canvas::live::Live;
///
/// let price = Live::new(0.0_f64);
/// let watch = price.subscribe(|| { /* ask for an animation frame */ });
/// price.write(|value| *value = 67_241.5);
/// assert_eq!(price.read(|value| *value), 67_241.5);
/// assert_eq!(price.version(), 1);
/// drop(watch); // no more calls
/// ```
pub struct Live<T> {
    shared: Rc<Shared<T>>,
}

struct Shared<T> {
    value: RefCell<T>,
    version: Cell<u64>,
    watchers: RefCell<Vec<Watcher>>,
    next_watcher: Cell<u64>,
}

struct Watcher {
    id: u64,
    wake: Rc<dyn Fn()>,
}

impl<T: 'static> Live<T> {
    /// A handle to `value` that nobody watches yet.
    pub fn new(value: T) -> Self {
        Self {
            shared: Rc::new(Shared {
                value: RefCell::new(value),
                version: Cell::new(0),
                watchers: RefCell::default(),
                next_watcher: Cell::new(0),
            }),
        }
    }

    /// Looks at the value.
    pub fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.shared.value.borrow())
    }

    /// Changes the value, counts the change, wakes the watchers.
    pub fn write<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let result = change(&mut self.shared.value.borrow_mut());
        self.shared.version.set(self.shared.version.get() + 1);
        // A clone of the list, since a watcher may subscribe or leave while it is called.
        let watchers: Vec<_> = self
            .shared
            .watchers
            .borrow()
            .iter()
            .map(|watcher| watcher.wake.clone())
            .collect();
        for wake in watchers {
            wake();
        }
        result
    }

    /// How often the value was written; equal versions mean an unchanged value.
    pub fn version(&self) -> u64 {
        self.shared.version.get()
    }

    /// Calls `wake` after every write until the returned watch is dropped. `wake` should do next to nothing.
    pub fn subscribe(&self, wake: impl Fn() + 'static) -> Watch {
        let id = self.shared.next_watcher.get();
        self.shared.next_watcher.set(id + 1);
        self.shared.watchers.borrow_mut().push(Watcher {
            id,
            wake: Rc::new(wake),
        });
        let shared: Weak<Shared<T>> = Rc::downgrade(&self.shared);
        Watch {
            leave: Some(Box::new(move || leave(&shared, id))),
        }
    }

    /// How many watch it now.
    pub fn watchers(&self) -> usize {
        self.shared.watchers.borrow().len()
    }
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
        }
    }
}

impl<T> PartialEq for Live<T> {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T: Default + 'static> Default for Live<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> std::fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live")
            .field("version", &self.shared.version.get())
            .finish_non_exhaustive()
    }
}

/// A subscription to a [`Live`]; dropping it ends the calls.
#[must_use = "dropping a watch ends it"]
pub struct Watch {
    leave: Option<Box<dyn FnOnce()>>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(leave) = self.leave.take() {
            leave();
        }
    }
}

fn leave<T>(shared: &Weak<Shared<T>>, id: u64) {
    if let Some(shared) = shared.upgrade() {
        shared.watchers.borrow_mut().retain(|watcher| watcher.id != id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_write_wakes_every_watcher_until_it_leaves() {
        let value = Live::new(0);
        let woken = Rc::new(Cell::new(0));
        let watch = |woken: &Rc<Cell<i32>>| {
            let woken = woken.clone();
            value.subscribe(move || woken.set(woken.get() + 1))
        };
        let (first, second) = (watch(&woken), watch(&woken));
        value.write(|value| *value += 1);
        assert_eq!(woken.get(), 2);
        drop(first);
        value.write(|value| *value += 1);
        assert_eq!(woken.get(), 3);
        drop(second);
        value.write(|value| *value += 1);
        assert_eq!((woken.get(), value.version(), value.watchers()), (3, 3, 0));
    }

    #[test]
    fn a_watcher_may_read_and_leave_while_it_is_called() {
        let value = Live::new(7);
        let slot: Rc<RefCell<Option<Watch>>> = Rc::default();
        let watch = {
            let (value, slot) = (value.clone(), slot.clone());
            value.clone().subscribe(move || {
                assert_eq!(value.read(|value| *value), 8);
                slot.borrow_mut().take();
            })
        };
        *slot.borrow_mut() = Some(watch);
        value.write(|value| *value = 8);
        assert_eq!(value.watchers(), 0);
    }

    #[test]
    fn a_watch_outlives_its_value() {
        let value = Live::new(1);
        let watch = value.subscribe(|| ());
        drop(value);
        drop(watch);
    }
}
