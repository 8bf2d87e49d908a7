//! Values by name that are let go when there are too many: first those that are over, and of these the longest untouched.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Values by name, in the order in which they would be let go.
#[derive(Debug)]
pub(super) struct Remembered<T> {
    by_name: HashMap<Arc<str>, Kept<T>>,
    order: BTreeMap<Place, Arc<str>>,
    touches: u64,
}

#[derive(Debug)]
struct Kept<T> {
    value: T,
    place: Place,
}

/// What is over comes before what goes on; then the longest untouched.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Place {
    goes_on: bool,
    touch: u64,
}

impl<T> Remembered<T> {
    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(super) fn get(&self, name: &str) -> Option<&T> {
        self.by_name.get(name).map(|kept| &kept.value)
    }

    /// Takes a value out, to be changed and put back.
    pub(super) fn take(&mut self, name: &str) -> Option<T> {
        let kept = self.by_name.remove(name)?;
        self.order.remove(&kept.place);
        Some(kept.value)
    }

    /// Puts a value in, as the last touched.
    pub(super) fn put(&mut self, name: &str, value: T, is_over: bool) {
        self.take(name);
        self.touches += 1;
        let place = Place {
            goes_on: !is_over,
            touch: self.touches,
        };
        let name: Arc<str> = name.into();
        self.order.insert(place, Arc::clone(&name));
        self.by_name.insert(name, Kept { value, place });
    }

    /// Whose turn it is to be let go.
    pub(super) fn first(&self) -> Option<(&Arc<str>, &T)> {
        let name = self.order.values().next()?;
        Some((name, self.get(name)?))
    }

    /// Lets one go.
    pub(super) fn pop_first(&mut self) -> Option<T> {
        let (_, name) = self.order.pop_first()?;
        self.by_name.remove(&name).map(|kept| kept.value)
    }
}

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Remembered {
            by_name: HashMap::new(),
            order: BTreeMap::new(),
            touches: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_goes_first_and_then_the_longest_untouched() {
        let mut remembered = Remembered::default();
        for (name, is_over) in [("a", false), ("b", true), ("c", false), ("d", true)] {
            remembered.put(name, name, is_over);
        }
        remembered.put("a", "a", false);
        let gone: Vec<_> = std::iter::from_fn(|| remembered.pop_first()).collect();
        assert_eq!(gone, ["b", "d", "c", "a"]);
        assert_eq!((remembered.len(), remembered.get("a")), (0, None));
    }
}
